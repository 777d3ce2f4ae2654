/*
 * The parameters of one table: "name = value" lines of a file of its own
 * (mysql:/etc/postfix/users.cf), or, the old form, in main.cf under names that begin
 * with the table's (mysql:users has users_hosts, users_query ...).
 */
#ifndef TABLE_PARAMETERS_H
#define TABLE_PARAMETERS_H

#include "table/type.h"

struct table_parameters;

/*
 * Read what table->path names; lives as long as the table. Sets the table's owner to
 * the file's. NULL with why when there is no such file or a line is not "name = value".
 */
struct table_parameters *table_parameters_open(struct table *table, struct fail *why);

/* The value, or what is used instead when there is none. In a file, "$name" has no
 * meaning. */
const char *table_text(const struct table_parameters *parameters, const char *name,
                       const char *otherwise);
/* The same for numbers and for yes and no; -1 when the value is none. */
int table_number(const struct table_parameters *parameters, const char *name,
                 int otherwise, int *ret, struct fail *why) MUST_CHECK;
int table_yes(const struct table_parameters *parameters, const char *name, bool otherwise,
              bool *ret, struct fail *why) MUST_CHECK;
/* A value that must not be missing or empty. */
int table_needed(const struct table_parameters *parameters, const char *name,
                 const char **ret, struct fail *why) MUST_CHECK;

#endif
