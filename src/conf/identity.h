/* What every program believes of the names of this machine. For load.c,
 * postfix check. */
#ifndef CONF_IDENTITY_H
#define CONF_IDENTITY_H

#include "conf/conf.h"

/* myhostname and mydomain must be names that may stand in HELO and in addresses. */
int identity_check_names(struct conf *conf, struct fail *why) MUST_CHECK;

/* The same for one value. Of other parameters every value is fine. */
int identity_check_value(const char *parameter, const char *value,
                         struct fail *why) MUST_CHECK;

/* A myorigin that is the path of a file becomes the name in that file. */
int identity_read_origin(struct conf *conf, struct fail *why) MUST_CHECK;

#endif
