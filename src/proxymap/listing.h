/* The entries of a table, as they were at one moment, for clients that read them page by
 * page: a table that is changed meanwhile, also by its reader, would not let itself be
 * walked through. */
#ifndef PROXYMAP_LISTING_H
#define PROXYMAP_LISTING_H

#include "conf/conf.h"
#include "util/arena.h"
#include "util/fail.h"
#include "util/list.h"

struct listing {
    const char *table;   /* "btree:/var/lib/postfix/cache"; NULL = none */
    struct arena *arena; /* of all that is here */
    struct texts pages;  /* "key LF value LF ..." */
};

/* Look at the table; what was there is forgotten. *listing starts zeroed. */
int listing_take(struct listing *listing, const struct conf *conf, const char *table,
                 unsigned flags, struct fail *why) MUST_CHECK;
void listing_forget(struct listing *listing);

#endif
