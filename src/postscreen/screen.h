/*
 * What the process knows besides its visitors: configuration, open tables, the cache of
 * those who have passed, and how many are here.
 */
#ifndef POSTSCREEN_SCREEN_H
#define POSTSCREEN_SCREEN_H

#include "postscreen/access.h"
#include "postscreen/dnsbl.h"
#include "postscreen/engine.h"
#include "postscreen/tests.h"
#include "service/service.h"
#include "table/cache.h"
#include "table/maps.h"
#include "table/match.h"
#include "util/map.h"

struct visitor;

struct screen {
    struct process *process;
    const struct conf *conf;     /* as it is now: one of the two below */
    const struct conf *calm;     /* of main.cf */
    const struct conf *stressed; /* the same with stress = yes */
    struct loop *loop;
    struct tables *tables;
    struct access_list *access;
    struct match_list *allowlist_interfaces;
    struct maps *discarded_keyword_maps; /* by address */
    struct cache *cache;                 /* NULL = closed: others have taken over */
    struct dnsbl *dnsbl;
    struct test_rules tests;
    struct engine_rules engine;
    enum action denylist_action;
    struct visitor *first;
    struct map *counts; /* connections from one address: struct count of limits.c */
    size_t checking;    /* visitors that are looked at */
    size_t passing;     /* ... that wait for smtpd to take them */
    struct loop_timer *last_call;
    bool tells_proxy; /* postscreen_upstream_proxy_protocol is on */
    bool is_stressed;
    bool leaving; /* nobody comes any more */
};

/* service.h callbacks. */
int screen_before_jail(struct process *process, struct fail *why) MUST_CHECK;
int screen_after_jail(struct process *process, struct fail *why) MUST_CHECK;

/* Wall clock, in seconds. */
int64_t screen_now(const struct screen *screen);

#endif
