/*
 * Lists in the DNS of bad clients and of good ones (postscreen_dnsbl_sites): asked
 * through dnsblog, all at once, and their weights added up.
 */
#ifndef POSTSCREEN_DNSBL_H
#define POSTSCREEN_DNSBL_H

#include "conf/conf.h"
#include "table/maps.h"
#include "util/loop.h"

struct dnsbl;

/* Reads postscreen_dnsbl_sites. Lives as long as arena and tables. */
int dnsbl_new(const struct conf *conf, struct tables *tables, struct arena *arena,
              struct dnsbl **ret, struct fail *why) MUST_CHECK;
bool dnsbl_is_empty(const struct dnsbl *dnsbl);

struct dnsbl_score {
    int rank;
    const char *worst; /* the list that adds most to it, by its name for strangers */
    int64_t ttl;       /* the least that a list has told; -1 = none did */
    bool complete;     /* all lists have answered */
};

/* The questions about one client. */
struct dnsbl_inquiry;

/* done (may be NULL) is called when the last list has answered or time is over, not
 * before this returns. */
struct dnsbl_inquiry *dnsbl_ask(struct dnsbl *dnsbl, struct loop *loop,
                                const char *address, void (*done)(void *context),
                                void *context);
/* What is known so far. worst lives as long as dnsbl, or in arena. */
struct dnsbl_score dnsbl_score(const struct dnsbl_inquiry *inquiry, struct arena *arena);
void dnsbl_end(struct dnsbl_inquiry *inquiry); /* done is not called; NULL is fine */

#endif
