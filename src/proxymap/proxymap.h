/*
 * proxymap(8): what a process holds. The service "proxywrite" is the same
 * program: one process, which may also change tables.
 */
#ifndef PROXYMAP_PROXYMAP_H
#define PROXYMAP_PROXYMAP_H

#include "ipc/messages.h"
#include "proxymap/allowed.h"
#include "proxymap/cache.h"
#include "proxymap/listing.h"
#include "table/table.h"
#include "util/clock.h"

struct proxymap {
    const struct conf *conf;
    struct texts allowed;  /* "hash:/etc/aliases" */
    const char *parameter; /* that allows them */
    bool may_change;
    struct arena *arena;
    struct texts made; /* caches that were looked after, in arena */
    struct tables *tables;
    struct cache *cache;       /* NULL = nothing is remembered */
    const struct clock *clock; /* for it */
};

/* Find out what is allowed. */
void proxymap_init(struct proxymap *proxymap, const struct conf *conf, bool may_change,
                   struct arena *arena);
void proxymap_done(struct proxymap *proxymap);

/* Answer into *ret; texts in arena. Failures are answers, for the caller to tell; those
 * that the administrator must know of are logged. */
void proxymap_lookup(struct proxymap *proxymap, const struct lookup *question,
                     struct arena *arena, struct looked_up *ret);
/* listing: of the client that asks, zeroed before its first question; to be forgotten
 * when it goes. */
void proxymap_entries(struct proxymap *proxymap, const struct table_page *wanted,
                      struct listing *listing, struct arena *arena,
                      struct looked_up *ret);
void proxymap_update(struct proxymap *proxymap, const struct table_change_entry *entry,
                     struct arena *arena, struct looked_up *ret);
void proxymap_delete(struct proxymap *proxymap, const struct table_change_entry *entry,
                     struct arena *arena, struct looked_up *ret);

#endif
