/*
 * Which domains and addresses are this machine's own: mydestination,
 * inet_interfaces, proxy_interfaces, myorigin. Every program that asks tables
 * for addresses needs to know, and must know the same.
 */
#ifndef TABLE_SITE_H
#define TABLE_SITE_H

#include "mail/rewrite.h"
#include "net/interfaces.h"
#include "table/address_maps.h"
#include "table/match.h"

struct site {
    const struct conf *conf;
    struct interfaces interfaces; /* inet_interfaces: where we answer */
    struct interfaces proxies;    /* proxy_interfaces: where others answer for us */
    struct match_list *mydestination;
    struct address_rules rules; /* for address_lookup; points into this struct */
};

/* The site must stay where it is, and conf and tables must outlive it. */
int site_init(struct site *site, struct tables *tables, const struct conf *conf,
              struct arena *arena, struct fail *why) MUST_CHECK;

/* Is domain delivered here: in mydestination, or the literal of an own address? 1, 0, -1.
 */
int site_is_local(const struct site *site, struct str domain,
                  struct fail *why) MUST_CHECK;

/* Have rules log the domains that are completed by a default that has changed since. */
void site_tell_completed(struct tables *tables, const struct conf *conf,
                         struct rewrite_rules *rules);

#endif
