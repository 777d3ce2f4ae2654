/*
 * Parses restriction lists, walks them, and carries out the verdict. What
 * each restriction decides is in restrict_client.c and restrict_recipient.c.
 */
#include "smtpd/restrict.h"

#include "mail/address.h"
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

static const struct restriction restrictions[] = {
#define RESTRICTION(name, argument, stages) {#name, argument, stages, restrict_##name},
#define RESTRICTION_ALIAS(alias, name, argument, stages)                                 \
    {#alias, argument, stages, restrict_##name},
#include "smtpd/restrictions.gen.h"
};

const struct restriction *restriction_find(const char *name)
{
    for (size_t i = 0; i < COUNT(restrictions); i++)
        if (strcmp(restrictions[i].name, name) == 0)
            return &restrictions[i];
    return NULL;
}

/* --- lists -------------------------------------------------------------------- */

struct restriction_item {
    const struct restriction *restriction;
    struct argument argument;
};

struct restriction_list {
    struct restriction_item *items;
    size_t n;
};

/* A list being parsed. */
struct parser {
    struct server *server;
    const char *param;
    enum stage stage;
    struct texts words;
    size_t next;
};

static int parse_argument(struct parser *p, enum argument_kind kind, struct argument *ret,
                          struct fail *why)
{
    if (kind != TIME_ARGUMENT && kind != HOSTS_ARGUMENT)
        return 0;
    if (p->next == p->words.n)
        return fail_set(why, "%s: %s needs an argument", p->param,
                        p->words.items[p->next - 1]);
    ret->text = p->words.items[p->next++];
    if (kind == HOSTS_ARGUMENT)
        ret->hosts = match_list_open(p->server->tables, p->param, ret->text, 0);
    return 0;
}

/* compat: in local_header_rewrite_clients, a table may stand without check_address_map.
 */
static bool is_bare_table(const struct parser *p, const char *word)
{
    return p->stage == STAGE_LOCAL_REWRITE && strchr(word, ':') != NULL;
}

static int parse_item(struct parser *p, struct restriction_item *ret, struct fail *why)
{
    const char *word = p->words.items[p->next];

    if (is_bare_table(p, word))
        word = "check_address_map";
    else
        p->next++;
    *ret = (struct restriction_item){.restriction = restriction_find(word)};
    if (!ret->restriction)
        return fail_set(why, "%s: unknown restriction \"%s\"", p->param, word);
    if (!(ret->restriction->stages & 1U << p->stage))
        return fail_set(why, "%s: %s cannot be used in this list", p->param, word);
    return parse_argument(p, ret->restriction->argument, &ret->argument, why);
}

struct restriction_list *restriction_list_parse(struct server *server, const char *param,
                                                enum stage stage, const char *value,
                                                struct fail *why)
{
    struct arena *arena = server->process->arena;
    struct restriction_list *list = ARENA_NEW(arena, struct restriction_list);
    struct parser parser = {.server = server, .param = param, .stage = stage};

    texts_split_braced(&parser.words, arena, str_of(value), ", \t\r\n");
    list->items = arena_array(arena, parser.words.n, sizeof *list->items);
    for (; parser.next < parser.words.n; list->n++)
        if (parse_item(&parser, &list->items[list->n], why) < 0)
            return NULL;
    return list;
}

bool restriction_list_has(const struct restriction_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].restriction->name, name) == 0)
            return true;
    return false;
}

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

static enum verdict walk(struct judge *judge, enum stage stage)
{
    const struct restriction_list *list = judge->session->server->lists[stage];

    judge->stage = stage;
    judge->only_warn = false;
    for (size_t i = 0; i < list->n; i++) {
        const struct restriction_item *item = &list->items[i];
        bool only_warn = judge->only_warn;
        enum verdict verdict = item->restriction->decide(judge, &item->argument);

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
