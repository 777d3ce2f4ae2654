/*
 * The macros that filters are told (milter_*_macros): what each is called, and where its
 * value is.
 */
#include "smtpd/filters.h"

#include "mail/address.h"
#include "smtpd/address.h"
#include "tls/tls.h"
#include "util/log.h"

#include <stdio.h>

static const char *number(struct session *session, long long value)
{
    return arena_printf(session->command, "%lld", value);
}

static const char *daemon_name(struct session *session)
{
    return session->conf->milter_macro_daemon_name;
}

static const char *version(struct session *session)
{
    return session->conf->milter_macro_v;
}

static const char *hostname(struct session *session)
{
    return session->conf->myhostname;
}

static const char *queue_id(struct session *session)
{
    return session->transaction.queue_id;
}

static const char *client(struct session *session)
{
    return arena_printf(session->command, "%s [%s]", session->client.name,
                        session->address);
}

static const char *daemon_addr(struct session *session)
{
    char text[NETADDR_TEXT];

    return arena_copy(session->command, netaddr_text(&session->own, text));
}

static const char *daemon_port(struct session *session)
{
    return number(session, session->own.port);
}

static const char *client_addr(struct session *session)
{
    return session->address;
}

static const char *client_name(struct session *session)
{
    return session->client.name;
}

static const char *client_port(struct session *session)
{
    return number(session, session->peer.port);
}

static const char *client_ptr(struct session *session)
{
    return session->client.reverse;
}

static const char *client_connections(struct session *session)
{
    return number(session, session->connections);
}

/* Does the name of the client lead back to its address? */
static const char *client_resolve(struct session *session)
{
    switch (session->client.status) {
    case CLIENT_NAME_OK:
        return "OK";
    case CLIENT_NAME_FORGED:
        return "FORGED";
    case CLIENT_NAME_TEMP:
        return "TEMP";
    default:
        return "FAIL";
    }
}

static const char *auth_type(struct session *session)
{
    return session->sasl_method;
}

static const char *auth_authen(struct session *session)
{
    return session->sasl_username;
}

static const char *auth_author(struct session *session)
{
    return session->transaction.open ? session->transaction.sasl_sender : NULL;
}

/* --- TLS ---------------------------------------------------------------------------- */

static const char *tls_version(struct session *session)
{
    return session->tls ? session->tls->protocol : NULL;
}

static const char *cipher(struct session *session)
{
    return session->tls ? session->tls->cipher : NULL;
}

static const char *cipher_bits(struct session *session)
{
    return session->tls ? number(session, session->tls->used_bits) : NULL;
}

static const char *tls_sni(struct session *session)
{
    return session->tls ? session->tls->server_name : NULL;
}

static const char *cert_subject(struct session *session)
{
    return session->tls ? session->tls->subject_cn : NULL;
}

static const char *cert_issuer(struct session *session)
{
    return session->tls ? session->tls->issuer_cn : NULL;
}

/* --- addresses ---------------------------------------------------------------------- */

/* Where mail to an address goes; false while that can't be found out. */
static bool find(struct session *session, const char *address, struct resolved *ret)
{
    struct fail why;

    if (address == NULL)
        return false;
    if (resolve_address(session, address, ret, &why) == 0)
        return true;
    log_warning("%s", why.text);
    return false;
}

/* compat: addresses are told in lower case. */
static const char *folded(struct session *session, const char *address)
{
    char *copy = arena_copy(session->command, address);

    for (char *p = copy; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return copy;
}

static const char *sender(struct session *session)
{
    return session->transaction.open ? session->transaction.sender : NULL;
}

static const char *mail_addr(struct session *session)
{
    struct resolved to;

    if (sender(session) == NULL || *sender(session) == '\0')
        return sender(session);
    return find(session, sender(session), &to) ? folded(session, to.recipient) : NULL;
}

static const char *mail_host(struct session *session)
{
    struct resolved to;

    return find(session, sender(session), &to) ? to.nexthop : NULL;
}

static const char *mail_mailer(struct session *session)
{
    struct resolved to;

    return find(session, sender(session), &to) ? to.transport : NULL;
}

/* Of a recipient that has been refused, the three say why. */
static bool is_refused(const struct session *session)
{
    return session->filtered_recipient && session->refusal.text;
}

/* Behind RCPT it is known when there is only one. */
static const char *recipient(const struct session *session)
{
    const struct transaction *transaction = &session->transaction;

    if (session->filtered_recipient)
        return session->filtered_recipient;
    return transaction->recipients == 1 ? transaction->recipient : NULL;
}

static const char *rcpt_addr(struct session *session)
{
    struct resolved to;

    if (is_refused(session))
        return session->refusal.text;
    return find(session, recipient(session), &to) ? folded(session, to.recipient) : NULL;
}

static const char *rcpt_host(struct session *session)
{
    struct resolved to;

    if (is_refused(session))
        return session->refusal.status;
    return find(session, recipient(session), &to) ? to.nexthop : NULL;
}

static const char *rcpt_mailer(struct session *session)
{
    struct resolved to;

    if (is_refused(session))
        return "error";
    return find(session, recipient(session), &to) ? to.transport : NULL;
}

static const struct {
    const char *name;
    const char *(*value)(struct session *session);
} macros[] = {
    {"_", client},
    {"i", queue_id},
    {"j", hostname},
    {"v", version},
    {"{auth_authen}", auth_authen},
    {"{auth_author}", auth_author},
    {"{auth_type}", auth_type},
    {"{cert_issuer}", cert_issuer},
    {"{cert_subject}", cert_subject},
    {"{cipher}", cipher},
    {"{cipher_bits}", cipher_bits},
    {"{client_addr}", client_addr},
    {"{client_connections}", client_connections},
    {"{client_name}", client_name},
    {"{client_port}", client_port},
    {"{client_ptr}", client_ptr},
    {"{client_resolve}", client_resolve},
    {"{daemon_addr}", daemon_addr},
    {"{daemon_name}", daemon_name},
    {"{daemon_port}", daemon_port},
    {"{mail_addr}", mail_addr},
    {"{mail_host}", mail_host},
    {"{mail_mailer}", mail_mailer},
    {"{rcpt_addr}", rcpt_addr},
    {"{rcpt_host}", rcpt_host},
    {"{rcpt_mailer}", rcpt_mailer},
    {"{tls_sni}", tls_sni},
    {"{tls_version}", tls_version},
};

const char *filter_macro(void *context, const char *name)
{
    for (size_t i = 0; i < COUNT(macros); i++)
        if (strcmp(name, macros[i].name) == 0)
            return macros[i].value(context);
    return NULL;
}
