/*
 * Walks restriction lists and carries out the verdict. What each restriction
 * decides is in the other restrict_*.c files; how lists are read in
 * restriction_list.c.
 */
#include "smtpd/restriction_list.h"

#include "mail/address.h"
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

/* --- refusals ------------------------------------------------------------------- */

/* How replies and log lines call what a list judges. */
static const char *class_text(enum stage stage)
{
    static const char *const texts[STAGES] = {
        [STAGE_CLIENT] = "Client host",          [STAGE_HELO] = "Helo command",
        [STAGE_SENDER] = "Sender address",       [STAGE_RELAY] = "Recipient address",
        [STAGE_RECIPIENT] = "Recipient address", [STAGE_DATA] = "Data command",
        [STAGE_END_OF_DATA] = "End-of-data",     [STAGE_LOCAL_REWRITE] = "Client host",
        [STAGE_ETRN] = "Etrn command",
    };

    return texts[stage];
}

static const char *subject_text(const struct judge *judge)
{
    const struct session *session = judge->session;

    switch (judge->stage) {
    case STAGE_CLIENT:
        return session->client_text;
    case STAGE_HELO:
        return session->helo ? session->helo : "";
    case STAGE_SENDER:
        return session->transaction.sender ? session->transaction.sender : "";
    case STAGE_RELAY:
    case STAGE_RECIPIENT:
        return judge->recipient;
    case STAGE_ETRN:
        return judge->domain;
    case STAGE_DATA:
        return "DATA";
    default:
        return "END-OF-MESSAGE";
    }
}

enum verdict refuse_text(struct judge *judge, int code, const char *status,
                         const char *format, ...)
{
    struct buf text;
    va_list args;

    buf_init(&text, IPC_VALUE_MAX);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    judge->refusal.code = code;
    snprintf(judge->refusal.status, sizeof judge->refusal.status, "%s", status);
    if (code / 100 == 4 || code / 100 == 5)
        status_set_class(judge->refusal.status, (char)('0' + code / 100));
    judge->refusal.text = arena_copy_str(judge->session->command, buf_str(&text));
    buf_done(&text);
    return VERDICT_REJECT;
}

enum verdict refuse(struct judge *judge, int code, const char *status, const char *why)
{
    return refuse_text(judge, code, status, "<%s>: %s rejected: %s", subject_text(judge),
                       class_text(judge->stage), why);
}

enum verdict refuse_lookup(struct judge *judge, const char *about, const struct fail *why)
{
    log_warning("%s", why->text);
    return refuse_text(judge, 451, "4.3.0", "<%s>: Temporary lookup failure", about);
}

/* --- evaluation ------------------------------------------------------------------- */

static void log_refusal(const struct judge *judge, const char *action)
{
    const struct session *session = judge->session;
    struct maillog_context context = session_log_context(session, judge->recipient);

    maillog_action(session->server->log_style, session->transaction.queue_id, action,
                   arena_printf(session->command, "%s from %s", session->where,
                                session->client_text),
                   arena_printf(session->command, "%d %s %s", judge->refusal.code,
                                judge->refusal.status, judge->refusal.text),
                   &context);
}

/* What cannot be understood refuses for now: the rest of the list may well be there to
 * refuse for good, or to permit. */
static enum verdict decide(struct judge *judge, const struct restriction_item *item)
{
    if (!item->fault)
        return item->restriction->decide(judge, &item->argument);
    log_warning("%s", item->fault);
    return refuse_text(judge, 451, "4.3.5", "Server configuration error");
}

static enum verdict walk_list(struct judge *judge, const struct restriction_list *list)
{
    judge->only_warn = false;
    for (size_t i = 0; i < list->n; i++) {
        bool only_warn = judge->only_warn;
        enum verdict verdict = decide(judge, &list->items[i]);

        if (only_warn) {
            judge->only_warn = false;
            if (verdict == VERDICT_REJECT) {
                log_refusal(judge, "reject_warning");
                continue;
            }
        }
        if (verdict != VERDICT_DUNNO)
            return verdict;
    }
    return VERDICT_DUNNO;
}

static enum verdict walk(struct judge *judge, enum stage stage)
{
    judge->stage = stage;
    return walk_list(judge, judge->session->server->lists[stage]);
}

/* Turn what was decided so far into the last word: true = refused, logged and answered.
 */
static bool conclude(struct judge *judge, enum verdict verdict)
{
    if (verdict == VERDICT_REJECT && judge->if_reject.code &&
        judge->refusal.code / 100 == 5)
        judge->refusal = judge->if_reject;
    else if (verdict != VERDICT_REJECT && judge->if_permit.code)
        judge->refusal = judge->if_permit;
    else if (verdict != VERDICT_REJECT)
        return false;
    log_refusal(judge, "reject");
    session_reply_text(judge->session, judge->refusal.code, judge->refusal.status,
                       judge->refusal.text);
    return true;
}

bool restrict_stage(struct session *session, enum stage stage)
{
    struct judge judge = {.session = session};

    if (session->server->process->stand_alone) /* a user, who may send without us */
        return false;
    return conclude(&judge, walk(&judge, stage));
}

bool restrict_is_rewrite_client(struct session *session)
{
    struct judge judge = {.session = session};

    if (session->server->process->stand_alone)
        return true;
    return walk(&judge, STAGE_LOCAL_REWRITE) == VERDICT_PERMIT;
}

static enum verdict walk_all(struct judge *judge)
{
    static const enum stage stages[] = {STAGE_CLIENT, STAGE_HELO, STAGE_SENDER,
                                        STAGE_RELAY, STAGE_RECIPIENT};
    const struct session *session = judge->session;

    for (size_t i = session->conf->smtpd_delay_reject ? 0 : 3; i < COUNT(stages); i++)
        if (walk(judge, stages[i]) == VERDICT_REJECT)
            return VERDICT_REJECT;
    if (session->conf->smtpd_reject_unlisted_recipient)
        return restrict_reject_unlisted_recipient(judge, NULL);
    return VERDICT_DUNNO;
}

static enum verdict walk_etrn(struct judge *judge)
{
    static const enum stage stages[] = {STAGE_CLIENT, STAGE_HELO, STAGE_ETRN};

    for (size_t i = judge->session->conf->smtpd_delay_reject ? 0 : 2; i < COUNT(stages);
         i++)
        if (walk(judge, stages[i]) == VERDICT_REJECT)
            return VERDICT_REJECT;
    return VERDICT_DUNNO;
}

bool restrict_etrn(struct session *session, const char *domain)
{
    struct judge judge = {.session = session, .domain = domain};

    return conclude(&judge, walk_etrn(&judge));
}

bool restrict_recipient(struct session *session, const char *recipient)
{
    struct judge judge = {.session = session, .recipient = recipient};

    if (session->server->process->stand_alone)
        return false;
    return conclude(&judge, walk_all(&judge));
}
