/*
 * Mail filters ("milters") that speak the protocol of Sendmail's libmilter, versions 2
 * to 6: our side of it. See README.md.
 *
 * A list of filters goes with one SMTP client. Each event is told to each filter in turn,
 * until one says something other than "go on". In front of the event stand the macros
 * that main.cf names for it. The content of a message is another process's to tell: what
 * it needs travels as text with the descriptor (milter_hand_over, milters_take_over).
 */
#ifndef MILTER_MILTER_H
#define MILTER_MILTER_H

#include "conf/conf.h"
#include "util/arena.h"
#include "util/buf.h"
#include "util/fail.h"
#include "util/stream.h"

enum milter_event {
    MILTER_CONNECT,
    MILTER_HELO,
    MILTER_MAIL,
    MILTER_RCPT,
    MILTER_DATA,
    MILTER_UNKNOWN,
    MILTER_HEADER,
    MILTER_EOH,
    MILTER_BODY,
    MILTER_END,
    MILTER_EVENTS,
};

enum milter_action {
    MILTER_CONTINUE,
    MILTER_REFUSE,  /* the client hears the reply */
    MILTER_HANG_UP, /* and the session ends with it */
    MILTER_DISCARD, /* the message vanishes; the client hears that it was taken */
    MILTER_HOLD,    /* into the hold queue */
};

struct milter_verdict {
    enum milter_action action;
    /* REFUSE, HANG_UP: "550 5.7.1 text", a 4xx or 5xx code in front; lines of one code
     * with CR LF between them. Lives as long as the filters. */
    const char *reply;
};

/* What the filters of one client need from whoever has them. */
struct milter_host {
    void *context;
    /* The value of a macro, "{client_addr}" or "i"; NULL = not known now. */
    const char *(*macro)(void *context, const char *name);
    /* Trouble with a filter, for the log. */
    void (*warn)(const char *text);
};

struct milters; /* of one client */
struct milter;  /* one of them */

/*
 * The filters that list names, the value of smtpd_milters or its like; NULL when it names
 * none. Nobody is asked yet. A filter that is named in a way that nobody understands is
 * one that cannot be used: milter_default_action does not apply, mail waits. conf and
 * host must live as long as they; arena is the session's.
 */
struct milters *milters_new(const struct conf *conf, const char *list,
                            const struct milter_host *host, struct arena *arena);
/* Connections end; NULL is fine. */
void milters_free(struct milters *milters);
/* The same with a word of goodbye. */
void milters_quit(struct milters *milters);

/* --- what is told to all ------------------------------------------------------------ */

struct milter_client {
    const char *name; /* of the host, "[192.0.2.1]" when it has none */
    char family;      /* '4', '6', 'L' or 'U' */
    uint16_t port;
    const char *address;
};

/* Connects to each filter and agrees on the protocol first. */
struct milter_verdict milters_connect(struct milters *milters,
                                      const struct milter_client *client);
/* HELO (a name), MAIL and RCPT ("<address>" and ESMTP parameters), UNKNOWN (a line), DATA
 * (nothing). */
struct milter_verdict milters_tell(struct milters *milters, enum milter_event event,
                                   const struct str *words, size_t n);
/* A recipient that has been refused already, for those that want to know of them. */
void milters_tell_refused(struct milters *milters, const struct str *words, size_t n);
bool milters_want_refused(const struct milters *milters);
/* The message is at its end, or will never get there. */
void milters_abort(struct milters *milters);

/* --- the content, to one after the other -------------------------------------------- */

/* What a filter wants changed. Each returns 0, or -1 with words: then the message is lost
 * and the filter is not listened to any more. Texts live until the call returns. */
struct milter_edits {
    void *context;
    int (*add_header)(void *context, struct str name, struct str value, struct fail *why);
    /* In front of the header with that index, counted from 0. */
    int (*insert_header)(void *context, uint32_t index, struct str name, struct str value,
                         struct fail *why);
    /* The header that is the index-th of its name, counted from 1; value "" = delete. */
    int (*change_header)(void *context, uint32_t index, struct str name, struct str value,
                         struct fail *why);
    /* address as in SMTP, with or without <>; parameters "" = none. */
    int (*change_sender)(void *context, struct str address, struct str parameters,
                         struct fail *why);
    int (*add_recipient)(void *context, struct str address, struct str parameters,
                         struct fail *why);
    int (*delete_recipient)(void *context, struct str address, struct fail *why);
    /* A piece of the new body. */
    int (*replace_body)(void *context, struct str piece, struct fail *why);
    /* The filter has spoken to its end: with false, a body that came is not whole. */
    int (*end_of_edits)(void *context, bool whole, struct fail *why);
};

struct milter *milters_first(struct milters *milters);
struct milter *milter_next(struct milter *milter);
/* Is anything of the content to be told to it? */
bool milter_is_listening(const struct milter *milter);
bool milter_wants(const struct milter *milter, enum milter_event event);

/* value: as in the message behind the colon, LF between its lines. */
struct milter_verdict milter_header(struct milter *milter, struct str name,
                                    struct str value);
struct milter_verdict milter_end_of_header(struct milter *milter);
/* Lines end in CR LF; at most MILTER_PIECE bytes. */
enum { MILTER_PIECE = 65535 };
struct milter_verdict milter_body(struct milter *milter, struct str piece);
/* The end: the filter may ask for changes. -1 when one of them could not be made. */
int milter_end(struct milter *milter, const struct milter_edits *edits,
               struct milter_verdict *ret, struct fail *why) MUST_CHECK;

/* --- from one process to another ---------------------------------------------------- */

/*
 * What another process needs to go on with this filter, appended to out; its connection,
 * or -1 when there is none (any more). The macros of what is still to come are given
 * their values now.
 */
int milter_hand_over(struct milter *milter, struct buf *out);
/* An empty list that others are added to. */
struct milters *milters_begin(const struct conf *conf, const struct milter_host *host,
                              struct arena *arena);
/* Add one that has been handed over, over stream, which it owns from now on; NULL = none.
 */
int milters_take_over(struct milters *milters, struct str text, struct stream *stream,
                      struct fail *why) MUST_CHECK;

#endif
