/*
 * An SMTP server that takes no mail: it greets, knows the commands, and refuses every
 * recipient. Behind the greeting it looks for what no good client does, and learns whom
 * and for whom the mail was that it refused.
 *
 * It moves no bytes and waits for nothing: input goes into engine->in, and replies come
 * out in engine->out. What it holds is limited: one line of input (line_length_limit)
 * besides what one read brings, the replies to that, and one sender.
 */
#ifndef POSTSCREEN_ENGINE_H
#define POSTSCREEN_ENGINE_H

#include "postscreen/tests.h"
#include "table/maps.h"
#include "table/match.h"
#include "util/buf.h"

/* One a process. */
struct engine_rules {
    const struct conf *conf;
    const struct test_rules *tests;
    struct maps *command_filter;
    struct maps *reject_footer_maps;
    const char *reject_footer;
    struct match_list *forbidden_commands;
    struct texts discarded_keywords; /* of EHLO */
    bool reply_bytes[256];           /* postscreen_expansion_filter */
    bool offers_tls, needs_tls;
};

/* Who is talked with, for log lines and replies. Texts are the visitor's. */
struct engine_client {
    const char *where;   /* "[192.0.2.1]:4321" */
    const char *address; /* "192.0.2.1" */
    unsigned port;
};

struct engine {
    const struct engine_rules *rules;
    struct engine_client client;
    const struct texts *discarded;
    unsigned testing;    /* a bit for each test that is under way */
    unsigned ignored;    /* tests that were not passed, with the action ignore */
    bool failed;         /* one was not passed, with another action */
    bool reached_rcpt;   /* has come so far that it has passed what it has not failed */
    const char *refusal; /* what recipients are refused with: "450 4.3.2 ..." */
    bool in_tls;
    struct buf in, out;

    /* its own */
    bool esmtp, in_mail;
    const char *last; /* the command before this one; constant texts */
    int commands;
    struct arena *names;       /* of helo */
    struct arena *transaction; /* of sender */
    const char *helo, *sender;
};

enum engine_result {
    ENGINE_GOES_ON,
    ENGINE_ENDS,       /* out holds the last words */
    ENGINE_STARTS_TLS, /* so does the client when out is sent */
};

#define ENGINE_REFUSAL_NOW   "450 4.3.2 Service currently unavailable"
#define ENGINE_PROTOCOL      "550 5.5.1 Protocol error"
#define ENGINE_DROP_PROTOCOL "521 5.5.1 Protocol error"

void engine_init(struct engine *engine, const struct engine_rules *rules,
                 const struct engine_client *client);
void engine_done(struct engine *engine);

/* The greeting as smtpd gives it. */
void engine_greet(struct engine *engine);

/* Answer the whole lines of in. The rest stays there. */
enum engine_result engine_run(struct engine *engine);

/* Time for a command is over. */
enum engine_result engine_timeout(struct engine *engine);

/* "220-mail.example.com ESMTP": what is said before it is the client's turn. */
void engine_tease(struct engine *engine);

/*
 * A reply of one line: "250 2.0.0 Ok". Refusals are softened (soft_bounce), and get
 * postscreen_reject_footer.
 */
void engine_reply(struct engine *engine, const char *reply);

/* After STARTTLS: everything said so far is forgotten (RFC 3207 section 4.2), verdicts
 * are not. */
void engine_forget(struct engine *engine);

#endif
