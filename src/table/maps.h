/*
 * A list of tables, searched from left to right: the value of a parameter
 * such as transport_maps, "hash:/etc/postfix/transport, inline:{a=b}".
 *
 * The first table that has the key wins; a table that gives an error ends the
 * search with that error, because a later table must not stand in for it.
 */
#ifndef TABLE_MAPS_H
#define TABLE_MAPS_H

#include "table/table.h"

struct maps;

/*
 * param    the parameter's name, for messages; value its value, tables
 *          separated by commas and white space. Both are copied.
 * flags    as table_open
 *
 * Lives as long as tables. An empty value gives an empty list.
 */
struct maps *maps_open(struct tables *tables, const char *param, const char *value,
                       unsigned flags);

bool maps_empty(const struct maps *maps); /* also true for NULL */
const char *maps_param(const struct maps *maps);

enum maps_which {
    MAPS_ALL,   /* every table */
    MAPS_FIXED, /* only fixed-string tables: the key is a part of something */
};

struct maps_answer {
    struct str value;
    const struct table *table; /* the one that answered */
};

/*
 * *ret_value (may be NULL), or ret->value, lives in arena. An empty value counts as
 * an error. NULL maps = NOT_FOUND.
 */
enum table_result maps_lookup(const struct maps *maps, struct str key,
                              enum maps_which which, struct arena *arena,
                              struct str *ret_value, struct fail *why) MUST_CHECK;
enum table_result maps_lookup_from(const struct maps *maps, struct str key,
                                   enum maps_which which, struct arena *arena,
                                   struct maps_answer *ret, struct fail *why) MUST_CHECK;
/* A host name, then its parents with their dot: "a.b.test", ".b.test", ".test". */
enum table_result maps_lookup_parents(const struct maps *maps, struct str name,
                                      struct arena *arena, struct str *ret_value,
                                      struct fail *why) MUST_CHECK;

#endif
