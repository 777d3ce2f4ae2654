/*
 * One client, from its arrival until it is handed over to smtpd or gone. Each step is a
 * file; a visitor is in exactly one, and each ends by calling the next:
 *
 *     arrival.c --> early.c --> talk.c --> leave.c
 *        |            |                      ^
 *        `--------> handover.c --------------'
 */
#ifndef POSTSCREEN_VISITOR_H
#define POSTSCREEN_VISITOR_H

#include "postscreen/screen.h"

struct visitor {
    struct screen *screen;
    struct arena *arena;
    int fd;
    struct netaddr peer, local; /* as a load balancer has told, where there is one */
    bool told;                  /* by it */
    char address[NETADDR_TEXT];
    const char *where; /* "[192.0.2.1]:4321" */
    int64_t since_ms;  /* began what it does now */

    struct record record; /* what is known of it */
    unsigned due;         /* tests that it has to pass, a bit for each */
    bool is_known;        /* it has passed some before */
    bool has_learnt;      /* record is another than that of the cache */
    bool failed;          /* is not passed on, and nothing of it is remembered */
    bool vetoed;          /* postscreen_allowlist_interfaces */
    const char *refusal;  /* what it is told where it is not let in */
    bool counted;         /* among those of its address: limits.c */
    bool is_passing;      /* waits for smtpd: counted there */
    bool spoke_early;     /* before it was greeted */
    bool talks;           /* has come to the engine */

    struct loop_timer *timer; /* of the step */
    struct dnsbl_inquiry *inquiry;
    struct buf header; /* of a load balancer */
    struct texts discarded;
    struct engine engine;    /* also makes the replies of other steps */
    enum engine_result goes; /* what comes when engine.out is sent */
    struct channel *channel; /* to smtpd or tlsproxy */
    struct visitor *previous, *next;
};

/* arrival.c: takes over fd. */
void visitor_arrive(struct screen *screen, int fd, const struct netaddr *peer);
/* early.c: before it is greeted. */
void visitor_test_early(struct visitor *visitor);
/* talk.c: with the engine; the second after a pause. */
void visitor_talk(struct visitor *visitor);
void visitor_go_on_talking(struct visitor *visitor);
/* handover.c: to smtpd. */
void visitor_hand_over(struct visitor *visitor);

/* leave.c. Each frees the visitor. */
/* What it has learnt is remembered; it is hung up on. */
void visitor_leave(struct visitor *visitor);
/* One reply, which need not arrive, then the same. */
void visitor_dismiss(struct visitor *visitor, const char *reply);
/* It is smtpd's now, or nobody's: nothing is logged. */
void visitor_free(struct visitor *visitor);
/* Into the cache with what it has learnt. */
void visitor_remember(struct visitor *visitor);
/* Sets until when a test holds. */
void visitor_passes(struct visitor *visitor, enum test test, int64_t until);
/* True when all tests are passed. */
bool visitor_has_passed(const struct visitor *visitor);

/* limits.c */
/* Is there room for it? Else the reason, and what it is told. */
void limits_arrives(struct visitor *visitor);
bool limits_let_in(struct visitor *visitor);
bool limits_let_pass(struct visitor *visitor);
void limits_release(struct visitor *visitor);

#endif
