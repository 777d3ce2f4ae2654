/* From the expanded text of a parameter to its C value. */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "conf/params.h"
#include "util/attributes.h"
#include "util/fail.h"

union value {
    bool yes;
    long long number; /* INT, CODE, SIZE; TIME in seconds */
    const char *text;
};

/*
 * Parse text by param's type and check its bounds. name is what the user wrote
 * (it differs from param->name in a family). *why says "bad boolean
 * configuration: name = text" or alike.
 */
int value_parse(const struct param *param, const char *name, const char *text,
                union value *ret, struct fail *why) MUST_CHECK;

#endif
