/* import_environment and export_environment: what is handed on to other programs. */
#ifndef CONF_ENVIRONMENT_H
#define CONF_ENVIRONMENT_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/list.h"

/*
 * Add "NAME=value" for each word of list: a name alone stands for its value in our own
 * environment, if it has one there; "NAME=value" and "{ NAME = value }" stand for
 * themselves. Words without a name are left out.
 */
void environment_add(const char *list, struct arena *arena, struct texts *ret);

/* Is every word of the list one? */
int environment_check(const char *list, struct arena *arena, struct fail *why) MUST_CHECK;

#endif
