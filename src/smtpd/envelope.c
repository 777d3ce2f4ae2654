/*
 * Writes a message's envelope to cleanup, in the order of the queue file
 * (queue/record.h), and the Received header that opens its content (RFC 5321
 * section 4.4).
 */
#include "smtpd/envelope.h"

#include "mail/address.h"
#include "mail/date.h"
#include "queue/record.h"
#include "smtpd/access.h"
#include "smtpd/session_tls.h"
#include "util/log.h"

#include <stdio.h>

static int submit_flags(const struct session *session)
{
    const char *options = session->conf->receive_override_options;
    int flags = submit_auto_utf8(session->conf->smtputf8_autodetect_classes, "smtpd");

    if (!strstr(options, "no_address_mappings"))
        flags |= SUBMIT_MAP;
    if (!strstr(options, "no_header_body_checks"))
        flags |= SUBMIT_FILTER;
    if (session->filters)
        flags |= SUBMIT_EDIT;
    return flags;
}

/* Facts about the client, as delivery agents and filters see them later. */
static void add_client(struct session *session, struct submission *s)
{
    char port[8], own[NETADDR_TEXT], own_port[8];
    const char *helo = session->helo ? session->helo : "";

    snprintf(port, sizeof port, "%u", session->peer.port);
    snprintf(own_port, sizeof own_port, "%u", session->own.port);
    submit_attribute(s, "log_client_name", session->client.name);
    submit_attribute(s, "log_client_address", session->address);
    submit_attribute(s, "log_client_port", port);
    submit_attribute(s, "log_message_origin", session->client_text);
    submit_attribute(s, "log_helo_name", helo);
    submit_attribute(s, "log_protocol_name", session->protocol);
    submit_attribute(s, "client_name", session->client.name);
    submit_attribute(s, "reverse_client_name", session->client.reverse);
    submit_attribute(s, "client_address", session->address);
    submit_attribute(s, "client_port", port);
    submit_attribute(s, "server_address", netaddr_text(&session->own, own));
    submit_attribute(s, "server_port", own_port);
    submit_attribute(s, "helo_name", helo);
    submit_attribute(s, "protocol_name", session->protocol);
    submit_attribute(s, "client_address_type",
                     session->peer.family == NETADDR_IPV6 ? "10" : "2");
}

/* What is known before the recipients, from whatever client. */
static void add_sender(struct session *session, struct submission *s)
{
    struct transaction *transaction = &session->transaction;

    submit_attribute(s, "rewrite_context", transaction->is_local ? "local" : "remote");
    submit_attribute(s, "sasl_method", session->sasl_method);
    submit_attribute(s, "sasl_username", session->sasl_username);
    submit_attribute(s, "sasl_sender", transaction->sasl_sender);
    submit_attribute(s, "envelope_id", transaction->envelope_id);
    if (transaction->ret)
        submit_printf(s, RECORD_ATTRIBUTE, "ret_flags=%d", transaction->ret);
    submit_record(s, RECORD_SENDER, str_of(transaction->sender));
    submit_attribute(s, "encoding", transaction->encoding);
}

static void add_head(struct session *session, struct submission *s)
{
    struct transaction *transaction = &session->transaction;

    submit_printf(s, RECORD_TIME, "%ld %ld", (long)transaction->arrival.tv_sec,
                  (long)transaction->arrival.tv_usec);
    if (*session->conf->content_filter)
        submit_record(s, RECORD_FILTER, str_of(session->conf->content_filter));
    submit_attribute(s, "log_ident", transaction->queue_id);
    add_sender(session, s);
    add_client(session, s);
}

/* A user's mail goes by way of maildrop, where the rest is not a user's to say. */
static struct submission *open_maildrop(struct session *session, struct fail *why)
{
    struct transaction *transaction = &session->transaction;
    const char *argv[] = {
        arena_printf(transaction->arena, "%s/postdrop", session->conf->command_directory),
        "-r", NULL};

    return submit_open_maildrop(argv, transaction->arena, &transaction->queue_id, why);
}

bool envelope_open(struct session *session)
{
    const bool stand_alone = session->server->process->stand_alone;
    struct transaction *transaction = &session->transaction;
    struct fail why;

    transaction->submission =
        stand_alone ? open_maildrop(session, &why)
                    : submit_open(session->server->cleanup, submit_flags(session),
                                  session->conf->message_size_limit, transaction->arena,
                                  &transaction->queue_id, &why);
    if (!transaction->submission) {
        log_warning("%s", why.text);
        transaction->queue_id = NULL;
        session_reply(session, REPLY_WRITE_ERROR);
        return false;
    }
    maillog_client(&(struct maillog_client){.queue_id = transaction->queue_id,
                                            .client = session->client_text,
                                            .sasl_method = session->sasl_method,
                                            .sasl_username = session->sasl_username,
                                            .sasl_sender = transaction->sasl_sender});
    if (stand_alone)
        add_sender(session, transaction->submission);
    else
        add_head(session, transaction->submission);
    return true;
}

/* Without ORCPT, the address as it came is the original recipient (RFC 3461
 * section 5.2.1). */
static const char *rfc822_address(struct session *session, const char *recipient)
{
    return arena_printf(session->command, "rfc822;%s",
                        address_external(session->command, str_of(recipient)));
}

bool envelope_recipient(struct session *session, const char *recipient,
                        const struct options *options)
{
    struct transaction *transaction = &session->transaction;

    if (!transaction->submission && !envelope_open(session))
        return false;
    if (options->notify)
        submit_printf(transaction->submission, RECORD_ATTRIBUTE, "notify_flags=%d",
                      options->notify);
    submit_attribute(transaction->submission, "dsn_orig_rcpt",
                     options->orcpt ? options->orcpt
                                    : rfc822_address(session, recipient));
    submit_record(transaction->submission, RECORD_RECIPIENT, str_of(recipient));
    return true;
}

/* "by HOST (NAME) [with PROTOCOL ]id ID[\n\tfor <R>]; DATE", each line as a record that
 * begins with start. */
static void add_by(struct session *session, struct submission *s, const char *start,
                   const char *with)
{
    const struct transaction *transaction = &session->transaction;
    bool one = transaction->recipients == 1;
    struct buf date;

    buf_init(&date, 100);
    date_add_header(&date, transaction->arrival.tv_sec);
    submit_printf(s, RECORD_LINE, "%sby %s (%s) %s%s%sid %s%s", start,
                  session->conf->myhostname, session->conf->mail_name,
                  *with ? "with " : "", with, *with ? " " : "", transaction->queue_id,
                  one ? "" : ";");
    if (one)
        submit_printf(s, RECORD_LINE, "\tfor <%s>; %s",
                      address_external(session->command, str_of(transaction->recipient)),
                      buf_text(&date));
    else
        submit_printf(s, RECORD_LINE, "\t%s", buf_text(&date));
    buf_done(&date);
}

/* A login within a comment, RFC 5322 section 3.2.2. */
static const char *comment_text(struct session *session, const char *text)
{
    char *copy = arena_copy(session->command, text);

    for (char *p = copy; *p; p++)
        if (strchr("()\\", *p))
            *p = '?';
    return copy;
}

/* RFC 3848: "ESMTPSA" for one who has logged in over TLS. */
static const char *protocol_words(struct session *session)
{
    static const char *const words[2][2] = {{"ESMTP", "ESMTPA"}, {"ESMTPS", "ESMTPSA"}};

    if (strcmp(session->protocol, "ESMTP") != 0)
        return session->protocol;
    return words[session->tls != NULL][session->sasl_username != NULL];
}

static void add_received(struct session *session, struct submission *s)
{
    struct texts encryption = {0};

    if (session->conf->smtpd_hide_client_session) {
        add_by(session, s, "Received: ", "");
        return;
    }
    submit_printf(s, RECORD_LINE, "Received: from %s (%s [%s])",
                  session->helo ? session->helo : session->client.name,
                  session->client.name, session->literal);
    session_tls_received(session, session->command, &encryption);
    for (size_t i = 0; i < encryption.n; i++)
        submit_printf(s, RECORD_LINE, "\t%s", encryption.items[i]);
    if (session->sasl_username && session->conf->smtpd_sasl_authenticated_header)
        submit_printf(s, RECORD_LINE, "\t(Authenticated sender: %s)",
                      comment_text(session, session->sasl_username));
    add_by(session, s, "\t", protocol_words(session));
}

void envelope_end(struct session *session)
{
    const struct texts *headers = &session->transaction.orders.headers;

    orders_send(session);
    submit_record(session->transaction.submission, RECORD_CONTENT, STR(""));
    for (size_t i = 0; i < headers->n; i++)
        submit_record(session->transaction.submission, RECORD_LINE,
                      str_of(headers->items[i]));
    add_received(session, session->transaction.submission);
}
