/* compat: what the log and Received: headers say of a session, word for word. */
#include "tls/tls.h"

/* " server-signature RSA-PSS (2048 bits) server-digest SHA256" */
static void add_signature(struct buf *out, const char *whose, const char *signature,
                          const char *digest)
{
    if (*signature)
        buf_printf(out, " %s-signature %s", whose, signature);
    if (*signature && *digest)
        buf_printf(out, " %s-digest %s", whose, digest);
}

/* With fold between parts that have a line of their own in a header. */
static void describe(const struct tls_facts *facts, const char *fold, struct buf *out)
{
    buf_printf(out, "%s with cipher %s (%d/%d bits)", facts->protocol, facts->cipher,
               facts->used_bits, facts->cipher_bits);
    if (*facts->key_exchange)
        buf_printf(out, "%s key-exchange %s", fold, facts->key_exchange);
    add_signature(out, "server", facts->server_signature, facts->server_digest);
    if (*facts->client_signature)
        buf_add_text(out, fold);
    add_signature(out, "client", facts->client_signature, facts->client_digest);
}

void tls_describe(const struct tls_facts *facts, struct buf *out)
{
    describe(facts, "", out);
}

void tls_describe_lines(const struct tls_facts *facts, struct buf *out)
{
    describe(facts, "\n", out);
}

const char *tls_trust_of_client(const struct tls_facts *facts)
{
    return !facts->has_certificate ? "Anonymous"
           : facts->is_trusted     ? "Trusted"
                                   : "Untrusted";
}

int tls_log_level(const char *value)
{
    unsigned long long level;
    struct str rest = str_of(value);

    return str_number(str_word(&rest, ", \t\r\n"), 4, &level) ? (int)level : 0;
}
