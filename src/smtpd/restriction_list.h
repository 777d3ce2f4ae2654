/*
 * The lists of restrictions in main.cf: smtpd_recipient_restrictions and its like.
 *
 * A list is always there: a word that means nothing, stands in the wrong list or
 * lacks its argument becomes an item with a fault, which refuses for now when the
 * evaluation comes to it. compat: mail that is decided before that item flows.
 */
#ifndef SMTPD_RESTRICTION_LIST_H
#define SMTPD_RESTRICTION_LIST_H

#include "smtpd/restrict.h"

/* A list with a name of the administrator's own (smtpd_restriction_classes). */
struct restriction_class {
    const char *name;
    const struct restriction_list *list; /* NULL = main.cf does not say */
};

struct restriction_item {
    const char *fault; /* what is wrong with it, for the log; NULL = nothing */
    const struct restriction_class *class; /* instead of a restriction; or NULL */
    const struct restriction *restriction;
    struct argument argument;
};

struct restriction_list {
    struct restriction_item *items;
    size_t n;
};

/* Where a list stands: param is named in faults. */
struct restriction_place {
    const char *param;
    enum stage stage;
};

/* Parse the value of a parameter; the list lives in arena, its tables as long as
 * server->tables. */
struct restriction_list *restriction_list_parse(struct server *server,
                                                struct restriction_place place,
                                                const char *value, struct arena *arena);

/* Fill server->classes; before other lists are parsed. */
void restriction_classes_parse(struct server *server);

/* Does the list hold this restriction? For the start-up check against open relays. */
bool restriction_list_has(const struct restriction_list *list, const char *name);

#endif
