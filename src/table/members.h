/* Tables that are made of other tables: "{type:name, type:name}". */
#ifndef TABLE_MEMBERS_H
#define TABLE_MEMBERS_H

#include "table/type.h"

struct members {
    struct list list; /* of struct table */
};

/*
 * Open the tables that table's name lists, and keep them as its state. They are
 * entries of the registry like others, so that a changed one is opened again in
 * place. A member that does not open makes the whole fail to.
 */
int members_open(struct table *table, struct fail *why) MUST_CHECK;
struct members *members_of(const struct table *table);
/*
 * Whose rights the members give, as they are open now: nobody's but root's when all are
 * root's, those of the one other owner; of several others, a user that there is not.
 */
uid_t members_owner(const struct table *table);
/* The words between the braces of table's name; false when there are none. */
bool members_words(const struct table *table, struct texts *ret);

#endif
