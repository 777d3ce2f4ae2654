/*
 * Restrictions on TLS and on the certificate of the client (RFC 3207). A fingerprint is
 * proof enough by itself: it need not be from an authority that is trusted.
 */
#include "smtpd/access.h"
#include "smtpd/session_tls.h"
#include "tls/tls.h"
#include "util/log.h"

/* The certificate, or NULL. A restriction that can never find one is told of. */
static const struct tls_facts *certificate_of(const struct judge *judge,
                                              const char *restriction)
{
    const struct tls_facts *facts = judge->session->tls;

    if (facts && !session_tls_asks(judge->session->server))
        log_warning("%s is requested, but \"smtpd_tls_ask_ccert = no\"", restriction);
    return facts && facts->has_certificate ? facts : NULL;
}

enum verdict restrict_permit_tls_clientcerts(struct judge *judge,
                                             const struct argument *argument)
{
    const struct session *session = judge->session;
    const struct tls_facts *facts = certificate_of(judge, "permit_tls_clientcerts");
    const struct maps *maps = session->server->relay_clientcerts;
    enum table_result result;
    struct fail why;

    (void)argument;
    if (!facts)
        return VERDICT_DUNNO;
    result = maps_lookup(maps, str_of(facts->fingerprint), MAPS_ALL, session->command,
                         NULL, &why);
    if (result == TABLE_NOT_FOUND)
        result = maps_lookup(maps, str_of(facts->key_fingerprint), MAPS_ALL,
                             session->command, NULL, &why);
    if (result == TABLE_ERROR)
        return refuse_lookup(judge, judge->subject.text, &why);
    return result == TABLE_FOUND ? VERDICT_PERMIT : VERDICT_DUNNO;
}

enum verdict restrict_permit_tls_all_clientcerts(struct judge *judge,
                                                 const struct argument *argument)
{
    const struct tls_facts *facts = certificate_of(judge, "permit_tls_all_clientcerts");

    (void)argument;
    return facts && facts->is_trusted ? VERDICT_PERMIT : VERDICT_DUNNO;
}

/* { type:table, { search_order = pubkey_fingerprint } } */
enum verdict restrict_check_ccert_access(struct judge *judge,
                                         const struct argument *argument)
{
    const struct tls_facts *facts = certificate_of(judge, "check_ccert_access");
    struct texts keys = {0};

    if (!facts)
        return VERDICT_DUNNO;
    for (size_t i = 0; i < argument->order.n; i++)
        texts_add(&keys, judge->session->command,
                  strcmp(argument->order.items[i], "cert_fingerprint") == 0
                      ? facts->fingerprint
                      : facts->key_fingerprint);
    return access_check_keys(
        judge, argument, &keys,
        &(struct subject){judge->subject.stage, facts->subject_cn, "Client certificate"});
}

enum verdict restrict_reject_plaintext_session(struct judge *judge,
                                               const struct argument *argument)
{
    (void)argument;
    if (judge->session->tls)
        return VERDICT_DUNNO;
    return refuse_text(judge, judge->session->conf->plaintext_reject_code, "4.7.1",
                       "Session encryption is required");
}
