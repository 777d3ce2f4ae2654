/*
 * Walks restriction lists and carries out the verdict. What each restriction
 * decides is in the other restrict_*.c files; how lists are read in
 * restriction_list.c.
 */
#include "smtpd/old_default.h"
#include "smtpd/restriction_list.h"

#include "mail/address.h"
#include "table/match.h"
#include "util/format.h"
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

/* --- refusals --------------------------------------------------------------------- */

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

static const char *subject_text(const struct judge *judge, enum stage stage)
{
    const struct session *session = judge->session;

    switch (stage) {
    case STAGE_CLIENT:
        return session->client_text;
    case STAGE_HELO:
        return session->helo;
    case STAGE_SENDER:
        return session->transaction.sender;
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

struct subject restrict_subject(const struct judge *judge, enum stage stage)
{
    const char *text = subject_text(judge, stage);

    return (struct subject){stage, text ? text : "", class_text(stage)};
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
    for (size_t i = 0; i < text.n; i++) /* a reply is one line, whoever wrote it */
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
            text.p[i] = ' ';
    judge->refusal.code = code;
    judge->refusal.trouble = TROUBLE_POLICY;
    format_text(judge->refusal.status, sizeof judge->refusal.status, "%s", status);
    if (code / 100 == 4 || code / 100 == 5)
        status_set_class(judge->refusal.status, (char)('0' + code / 100));
    judge->refusal.text = arena_copy_str(judge->session->command, buf_str(&text));
    buf_done(&text);
    if (!reply_refuses(code, status, judge->refusal.text))
        judge->refusal =
            (struct refusal){450, TROUBLE_POLICY, "4.7.1", "Service unavailable"};
    return VERDICT_REJECT;
}

enum verdict refuse(struct judge *judge, int code, const char *status, const char *why)
{
    return refuse_text(judge, code, status, "<%s>: %s rejected: %s", judge->subject.text,
                       judge->subject.class, why);
}

/* RFC 3463 section 3.2: x.1.7 and x.1.8 are about senders, x.1.1 to x.1.6 about
 * recipients. */
static const char *status_for(enum stage stage, const char *status)
{
    static const char *const sender[] = {"0", "7", "8", "7", "7", "0", "7", "7", "8"};
    static const char *const recipient[] = {"0", "1", "2", "3", "4", "5", "6", "3", "2"};
    const char *detail = status + 4;
    size_t i = detail[0] && !detail[1] ? (size_t)(detail[0] - '0') : COUNT(sender);

    if (stage == STAGE_SENDER)
        return i < COUNT(sender) ? sender[i] : "0";
    return i < COUNT(recipient) ? recipient[i] : "0";
}

static bool is_about_addresses(enum stage stage)
{
    return stage == STAGE_SENDER || stage == STAGE_RELAY || stage == STAGE_RECIPIENT;
}

enum verdict refuse_access(struct judge *judge, int code, const char *status,
                           const char *why)
{
    const struct subject *subject = &judge->subject;
    char fit[STATUS_MAX];

    if (strncmp(status + 1, ".1.", 3) != 0)
        return refuse(judge, code, status, why);
    if (is_about_addresses(subject->stage))
        format_text(fit, sizeof fit, "%c.1.%s", status[0],
                    status_for(subject->stage, status));
    else
        format_text(fit, sizeof fit, "%c.0.0", status[0]);
    if (strcmp(fit, status) != 0)
        log_info("mapping DSN status %s into %s status %s", status, subject->class, fit);
    return refuse(judge, code, fit, why);
}

enum verdict refuse_later(struct judge *judge, struct refusal *later)
{
    if (judge->only_warn)
        return VERDICT_REJECT;
    if (later->code == 0)
        *later = judge->refusal;
    return VERDICT_DUNNO;
}

enum verdict refuse_lookup(struct judge *judge, const char *about, const struct fail *why)
{
    log_warning("%s", why->text);
    refuse_text(judge, 451, "4.3.0", "<%s>: Temporary lookup failure", about);
    judge->refusal.trouble = TROUBLE_DATA;
    return VERDICT_REJECT;
}

void restrict_warn_once(struct judge *judge, enum restriction_old old, const char *text)
{
    struct server *server = judge->session->server;

    if (!(server->warned_of & (1U << old)))
        log_warning("%s", text);
    server->warned_of |= 1U << old;
}

/* --- evaluation ------------------------------------------------------------------- */

void restrict_log(const struct judge *judge, const char *action, const char *text)
{
    const struct session *session = judge->session;
    struct maillog_context context = session_log_context(session, judge->recipient);

    maillog_action(session->server->log_style, session->transaction.queue_id, action,
                   arena_printf(session->command, "%s from %s", session->where,
                                session->client_text),
                   text, &context);
}

static void log_refusal(const struct judge *judge, const char *action)
{
    struct refusal refusal = judge->refusal;

    reply_soften(judge->session, &refusal.code, refusal.status);
    restrict_log(judge, action,
                 arena_printf(judge->session->command, "%d %s %s", refusal.code,
                              refusal.status, refusal.text));
}

enum verdict restrict_misconfigured(struct judge *judge, const char *fault)
{
    log_warning("%s", fault);
    refuse_text(judge, 451, "4.3.5", "Server configuration error");
    judge->refusal.trouble = TROUBLE_SOFTWARE;
    return VERDICT_REJECT;
}

static enum verdict decide(struct judge *judge, const struct restriction_item *item)
{
    if (item->fault)
        return restrict_misconfigured(judge, item->fault);
    if (item->class && !item->class->list)
        return restrict_misconfigured(judge,
                                      arena_printf(judge->session->command,
                                                   "restriction class \"%s\" needs a "
                                                   "definition",
                                                   item->class->name));
    if (item->class)
        return restrict_walk(judge, item->class->list);
    return item->restriction->decide(judge, &item->argument);
}

void restrict_log_permit(const struct judge *judge, const char *action,
                         const struct subject *subject, const char *table)
{
    struct session *session = judge->session;
    struct fail why;
    int wanted =
        session->server->process->stand_alone
            ? 0
            : match_string(session->server->logged_permits, str_of(action), &why);

    if (wanted < 0)
        log_warning("%s", why.text);
    if (wanted > 0)
        restrict_log(judge, "permit",
                     arena_printf(session->command, "action=%s for %s=%s %s", action,
                                  subject->class, subject->text, table));
}

/* One that permits by itself is about the client, but for one. */
static void log_permit(const struct judge *judge, const struct restriction *restriction)
{
    bool recipient = restriction->decide == restrict_permit_auth_destination;
    struct subject subject =
        restrict_subject(judge, recipient ? STAGE_RECIPIENT : STAGE_CLIENT);

    if (judge->stage != STAGE_LOCAL_REWRITE && /* which is no access control */
        !judge->only_asks && str_starts(str_of(restriction->name), "permit_"))
        restrict_log_permit(judge, restriction->name, &subject, "");
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
        if (verdict == VERDICT_PERMIT && list->items[i].restriction)
            log_permit(judge, list->items[i].restriction);
        if (verdict != VERDICT_DUNNO)
            return verdict;
    }
    return VERDICT_DUNNO;
}

enum verdict restrict_walk(struct judge *judge, const struct restriction_list *list)
{
    enum { DEPTH_MAX = 20 };
    enum verdict verdict;

    if (judge->depth == DEPTH_MAX)
        return restrict_misconfigured(judge,
                                      "restrictions lead back to themselves, by way of "
                                      "restriction classes or access tables");
    judge->depth++;
    verdict = walk_list(judge, list);
    judge->depth--;
    return verdict;
}

/* What would the default be, where an old one is in force that asks nothing? */
static void ask_new_relay_list(const struct judge *judge)
{
    const struct restriction_list *list = judge->session->server->new_relay_list;
    struct judge other = *judge;

    other.only_asks = true;
    if (list && walk_list(&other, list) == VERDICT_REJECT)
        old_default_passes(judge->session, judge->recipient);
}

/* Nothing more is asked about a message that is thrown away. */
static enum verdict walk(struct judge *judge, enum stage stage)
{
    const struct session *session = judge->session;
    enum verdict verdict;

    if (session->transaction.orders.discard)
        return VERDICT_PERMIT;
    judge->stage = stage;
    judge->subject = restrict_subject(judge, stage);
    judge->if_reject = (struct refusal){0};
    verdict = walk_list(judge, session->server->lists[stage]);
    if (stage == STAGE_RELAY)
        ask_new_relay_list(judge);
    if (verdict != VERDICT_REJECT && stage == STAGE_SENDER &&
        session->conf->smtpd_reject_unlisted_sender)
        return restrict_reject_unlisted_sender(judge, NULL);
    return verdict;
}

/* compat: without what it is about, "<joe@example.com>: ". */
static void remember(const struct judge *judge)
{
    const char *text = judge->refusal.text, *colon = strstr(text, ">: ");

    judge->session->refusal = (struct said_refusal){
        .status = arena_copy(judge->session->command, judge->refusal.status),
        .text = *text == '<' && colon ? colon + strlen(">: ") : text};
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
    remember(judge);
    session_trouble(judge->session, judge->refusal.trouble);
    session_reply_text(judge->session, judge->refusal.code, judge->refusal.status,
                       judge->refusal.text);
    return true;
}

/* Behind RCPT a recipient is known when there is only one. */
static const char *only_recipient(const struct session *session, enum stage stage)
{
    const struct transaction *transaction = &session->transaction;
    bool behind = stage == STAGE_DATA || stage == STAGE_END_OF_DATA;

    return behind && transaction->recipients == 1 ? transaction->recipient : NULL;
}

bool restrict_stage(struct session *session, enum stage stage)
{
    struct judge judge = {.session = session,
                          .recipient = only_recipient(session, stage)};

    if (session->server->process->stand_alone) /* a user, who may send without us */
        return false;
    return conclude(&judge, walk(&judge, stage));
}

int restrict_is_rewrite_client(struct session *session)
{
    struct judge judge = {.session = session};
    enum verdict verdict;

    if (session->server->process->stand_alone)
        return 1;
    verdict = walk(&judge, STAGE_LOCAL_REWRITE);
    return conclude(&judge, verdict) ? -1 : verdict == VERDICT_PERMIT;
}

static enum verdict walk_all(struct judge *judge)
{
    const struct session *session = judge->session;
    bool relay_first = session->conf->smtpd_relay_before_recipient_restrictions;
    const enum stage stages[] = {STAGE_CLIENT, STAGE_HELO, STAGE_SENDER,
                                 relay_first ? STAGE_RELAY : STAGE_RECIPIENT,
                                 relay_first ? STAGE_RECIPIENT : STAGE_RELAY};

    for (size_t i = session->conf->smtpd_delay_reject ? 0 : 3; i < COUNT(stages); i++)
        if (walk(judge, stages[i]) == VERDICT_REJECT)
            return VERDICT_REJECT;
    if (session->transaction.orders.discard || judge->if_permit.code)
        return VERDICT_DUNNO;
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

    if (session->server->process->stand_alone ||
        restrict_is_probe_sender(session, recipient))
        return false;
    /* RFC 5321 section 4.5.1: there is always somebody to complain to */
    if (str_is_nocase(str_of(recipient), "postmaster"))
        return false;
    if (!conclude(&judge, walk_all(&judge)))
        return false;
    if (judge.stage == STAGE_RECIPIENT)
        old_default_refuses(session, recipient);
    return true;
}
