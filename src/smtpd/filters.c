/*
 * When filters are asked, and what becomes of their verdicts. What is said to them, and
 * how, is in milter/; what they do to the content in cleanup.
 */
#include "smtpd/filters.h"

#include "mail/address.h"
#include "mail/status.h"
#include "queue/record.h"
#include "table/maps.h"
#include "util/log.h"

/* --- verdicts ----------------------------------------------------------------------- */

static void log_verdict(struct session *session, const char *action, const char *text)
{
    const struct transaction *transaction = &session->transaction;
    const char *recipient = session->filtered_recipient;
    struct maillog_context context;

    if (recipient == NULL && transaction->recipients == 1)
        recipient = transaction->recipient;
    context = session_log_context(session, recipient);
    maillog_action(session->server->log_style, transaction->queue_id, action,
                   arena_printf(session->command, "%s from %s", session->where,
                                session->client_text),
                   text, &context);
}

/* In the log, and for the message. True: the client is to hear verdict->reply. */
static bool settle(struct session *session, const struct milter_verdict *verdict)
{
    struct orders *orders = &session->transaction.orders;

    switch (verdict->action) {
    case MILTER_CONTINUE:
        return false;
    case MILTER_HOLD:
        log_verdict(session, "milter-hold", "milter triggers HOLD action");
        orders->hold = orders->hold || session->transaction.open;
        return false;
    case MILTER_DISCARD:
        log_verdict(session, "milter-discard", "milter triggers DISCARD action");
        orders->discard = orders->discard || session->transaction.open;
        return false;
    case MILTER_REFUSE:
    case MILTER_HANG_UP:
        log_verdict(session, "milter-reject", verdict->reply);
        session_trouble(session, TROUBLE_POLICY);
        return true;
    }
    panic("no verdict of a milter: %d", (int)verdict->action);
}

static bool refuse(struct session *session, struct milter_verdict verdict)
{
    if (!settle(session, &verdict))
        return false;
    session_reply_verbatim(session, verdict.reply);
    if (verdict.action == MILTER_HANG_UP)
        session->quit = true;
    return true;
}

static bool tell(struct session *session, enum milter_event event,
                 const struct str *words, size_t n)
{
    return session->filters &&
           refuse(session, milters_tell(session->filters, event, words, n));
}

/* --- the client --------------------------------------------------------------------- */

/* The value of smtpd_milters, or what smtpd_milter_maps has for this client; NULL = none,
 * or mail waits because that can't be found out. */
static const char *choose(struct session *session)
{
    struct str value;
    struct fail why;

    switch (maps_lookup(session->server->milter_maps, str_of(session->address), MAPS_ALL,
                        session->arena, &value, &why)) {
    case TABLE_FOUND:
        return str_is_nocase(value, "DISABLE") ? NULL
                                               : arena_copy_str(session->arena, value);
    case TABLE_ERROR:
        log_warning("%s", why.text);
        return "smtpd_milter_maps"; /* no endpoint: refuses for now */
    default:
        return session->conf->smtpd_milters;
    }
}

static void warn(const char *text)
{
    log_warning("%s", text);
}

static bool set_up(struct session *session)
{
    const char *list;

    if (session->server->process->stand_alone ||
        strstr(session->conf->receive_override_options, "no_milters") ||
        (*session->conf->smtpd_milters == '\0' &&
         maps_empty(session->server->milter_maps)))
        return false;
    list = choose(session);
    session->filter_host = (struct milter_host){session, filter_macro, warn};
    if (list)
        session->filters =
            milters_new(session->conf, list, &session->filter_host, session->arena);
    return session->filters != NULL;
}

static struct milter_verdict introduce(struct session *session)
{
    const char *name = session->client.name;

    if (strcmp(name, "unknown") == 0)
        name = arena_printf(session->arena, "[%s]", session->address);
    return milters_connect(session->filters,
                           &(struct milter_client){
                               .name = name,
                               .family = session->peer.family == NETADDR_IPV6 ? '6' : '4',
                               .port = session->peer.port,
                               .address = session->address});
}

bool filters_connect(struct session *session)
{
    struct milter_verdict verdict;

    if (!set_up(session))
        return false;
    verdict = introduce(session);
    if (!settle(session, &verdict))
        return false;
    if (verdict.action == MILTER_HANG_UP)
        session_reply(session, REPLY_UNAVAILABLE, session->conf->myhostname);
    else if (*verdict.reply == '5')
        session_reply(session, REPLY_NOT_ACCEPTING, session->conf->myhostname);
    else
        return false; /* it hears of that at MAIL */
    return true;
}

void filters_end(struct session *session)
{
    if (session->filters)
        milters_quit(session->filters);
    session->filters = NULL;
}

bool filters_refuse_helo(struct session *session)
{
    const struct str name = str_of(session->helo);
    struct milter_verdict verdict;

    session->filters_closed = false;
    if (session->filters == NULL)
        return false;
    verdict = milters_tell(session->filters, MILTER_HELO, &name, 1);
    if (!settle(session, &verdict))
        return false;
    session->filters_closed = *verdict.reply == '5';
    if (verdict.action != MILTER_HANG_UP)
        return false; /* it hears of that at MAIL */
    session_reply_verbatim(session, verdict.reply);
    session->quit = true;
    return true;
}

bool filters_are_closed(const struct session *session)
{
    return session->filters_closed;
}

/* --- the envelope ------------------------------------------------------------------- */

/* "<address>" and the parameters, each a word. */
static size_t put_words(struct session *session, const char *address,
                        struct str parameters, struct str **ret)
{
    struct texts words = {0};
    struct str *list;

    texts_add(&words, session->command,
              arena_printf(session->command, "<%s>",
                           address_external(session->command, str_of(address))));
    texts_split(&words, session->command, parameters, " \t");
    list = arena_array(session->command, words.n, sizeof *list);
    for (size_t i = 0; i < words.n; i++)
        list[i] = str_of(words.items[i]);
    *ret = list;
    return words.n;
}

bool filters_refuse_sender(struct session *session, struct str parameters)
{
    struct str *words;
    size_t n;

    if (session->filters == NULL)
        return false;
    n = put_words(session, session->transaction.sender, parameters, &words);
    return tell(session, MILTER_MAIL, words, n);
}

bool filters_refuse_recipient(struct session *session, const char *recipient,
                              struct str parameters)
{
    struct str *words;
    size_t n;
    bool refused;

    if (session->filters == NULL)
        return false;
    n = put_words(session, recipient, parameters, &words);
    session->filtered_recipient = recipient;
    session->refusal = (struct said_refusal){0};
    refused = tell(session, MILTER_RCPT, words, n);
    session->filtered_recipient = NULL;
    return refused;
}

void filters_tell_refused(struct session *session, const char *recipient,
                          struct str parameters)
{
    struct str *words;
    size_t n;

    if (session->filters == NULL || !milters_want_refused(session->filters))
        return;
    n = put_words(session, recipient, parameters, &words);
    session->filtered_recipient = recipient;
    milters_tell_refused(session->filters, words, n);
    session->filtered_recipient = NULL;
}

bool filters_refuse_data(struct session *session)
{
    return tell(session, MILTER_DATA, NULL, 0);
}

/* compat: the verb alone. */
bool filters_refuse_unknown(struct session *session, struct str verb)
{
    return tell(session, MILTER_UNKNOWN, &verb, 1);
}

/* --- the content -------------------------------------------------------------------- */

void filters_hand_over(struct session *session)
{
    struct submission *submission = session->transaction.submission;
    struct buf text;

    if (session->filters == NULL)
        return;
    buf_init(&text, RECORD_DATA_MAX);
    for (struct milter *m = milters_first(session->filters); m; m = milter_next(m)) {
        int fd;

        buf_reset(&text);
        fd = milter_hand_over(m, &text);
        if (fd >= 0)
            submit_descriptor(submission, RECORD_MILTER, buf_str(&text), fd);
    }
    buf_done(&text);
}

void filters_abort(struct session *session)
{
    if (session->filters && session->transaction.open)
        milters_abort(session->filters);
}
