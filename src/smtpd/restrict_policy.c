/*
 * check_policy_service: what policy servers are told, and what is made of their answer.
 * All that is known is told in each request, since a server need not remember anything;
 * names and order are those that policy servers know from Postfix.
 */
#include "smtpd/access.h"
#include "smtpd/policy.h"

#include "mail/utf8.h"
#include "mail/xtext.h"
#include "tls/tls.h"
#include "util/log.h"

#include <unistd.h>

/* One line. A control character can be nothing but an attempt to add another line, to
 * servers that take CR for the end of one. */
static void add(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=", name);
    for (const char *p = value ? value : ""; *p; p++)
        buf_add_char(out, (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p);
    buf_add_char(out, '\n');
}

static void add_client(struct buf *out, const struct session *session)
{
    char own[NETADDR_TEXT];

    buf_add_text(out, "request=smtpd_access_policy\n");
    add(out, "protocol_state", session->where);
    add(out, "protocol_name", session->protocol);
    add(out, "client_address", session->address);
    add(out, "client_name", session->client.name);
    buf_printf(out, "client_port=%u\n", session->peer.port);
    add(out, "reverse_client_name", session->client.reverse);
    add(out, "server_address", netaddr_text(&session->own, own));
    buf_printf(out, "server_port=%u\n", session->own.port);
    add(out, "helo_name", session->helo);
}

/* The same for all recipients of one message, and for no other message. */
static void add_instance(struct buf *out, const struct transaction *transaction)
{
    buf_add_text(out, "instance=");
    if (transaction->arrival.tv_sec)
        buf_printf(out, "%lx.%lx.%lx.%x", (long)getpid(),
                   (long)transaction->arrival.tv_sec, (long)transaction->arrival.tv_usec,
                   transaction->number);
    buf_add_char(out, '\n');
}

static void add_message(struct buf *out, const struct judge *judge)
{
    const struct transaction *transaction = &judge->session->transaction;
    bool behind = judge->stage == STAGE_DATA || judge->stage == STAGE_END_OF_DATA;

    add(out, "sender", transaction->sender);
    add(out, "recipient", judge->recipient);
    buf_printf(out, "recipient_count=%u\n", behind ? transaction->recipients : 0);
    add(out, "queue_id", transaction->queue_id);
    add_instance(out, transaction);
    buf_printf(out, "size=%lld\n", transaction->size);
    add(out, "etrn_domain", judge->domain);
    add(out, "stress", judge->session->conf->stress);
}

/* A name of a certificate, as xtext: it may hold anything (RFC 3461 section 4). */
static void add_name(struct buf *out, const char *attribute, const char *name)
{
    buf_printf(out, "%s=", attribute);
    xtext_add(out, str_of(name));
    buf_add_char(out, '\n');
}

/* How the session is protected, and by which certificate the client has shown who it is:
 * names only of one that is trusted (RFC 3207). */
static void add_encryption(struct buf *out, const struct session *session)
{
    static const struct tls_facts nothing = {0};
    const struct tls_facts *tls = session->tls ? session->tls : &nothing;

    add_name(out, "ccert_subject", tls->is_trusted ? tls->subject_cn : "");
    add_name(out, "ccert_issuer", tls->is_trusted ? tls->issuer_cn : "");
    add(out, "ccert_fingerprint", tls->fingerprint);
    add(out, "ccert_pubkey_fingerprint", tls->key_fingerprint);
    add(out, "encryption_protocol", tls->protocol);
    add(out, "encryption_cipher", tls->cipher);
    buf_printf(out, "encryption_keysize=%d\n", tls->used_bits);
    add(out, "tls_sni", tls->server_name);
}

/* Who the client has proven to be (RFC 4954). */
static void add_identity(struct buf *out, const struct session *session)
{
    add(out, "sasl_method", session->sasl_method);
    add(out, "sasl_username", session->sasl_username);
    add(out, "sasl_sender", session->transaction.sasl_sender);
    add_encryption(out, session);
}

/* Ask; what cannot be asked, or says what is no text, is taken to say the default. */
static const char *ask(const struct judge *judge, struct policy_service *service)
{
    struct session *session = judge->session;
    const char *action;
    struct buf request;

    buf_init(&request, 1 << 20);
    add_client(&request, session);
    add_message(&request, judge);
    add_identity(&request, session);
    add(&request, "policy_context", policy_service_context(service));
    add(&request, "compatibility_level", session->conf->compatibility_level);
    add(&request, "mail_version", session->conf->mail_version);
    buf_add_char(&request, '\n');
    action = policy_service_ask(service, buf_str(&request), session->command);
    buf_done(&request);
    session_start_request(session); /* the answer has time of its own */
    if (action && session->conf->smtputf8_enable && !utf8_is_valid(str_of(action))) {
        log_warning("malformed UTF-8 in policy server %s response: \"%s\"",
                    policy_service_endpoint(service), action);
        action = NULL;
    }
    return action ? action : policy_service_default_action(service);
}

enum verdict restrict_check_policy_service(struct judge *judge,
                                           const struct argument *argument)
{
    const struct access_answer answer = {policy_service_endpoint(argument->policy),
                                         "policy query",
                                         str_of(ask(judge, argument->policy))};

    return access_act(judge, &answer);
}
