#include "unit.h"

#include "tls/tls.h"

static const struct tls_facts modern = {
    .protocol = "TLSv1.3",
    .cipher = "TLS_AES_256_GCM_SHA384",
    .used_bits = 256,
    .cipher_bits = 256,
    .key_exchange = "X25519",
    .server_signature = "RSA-PSS (2048 bits)",
    .server_digest = "SHA256",
    .client_signature = "ECDSA (prime256v1)",
    .client_digest = "SHA256",
};

static const struct tls_facts old = {
    .protocol = "TLSv1.2",
    .cipher = "ECDHE-RSA-AES256-GCM-SHA384",
    .used_bits = 128,
    .cipher_bits = 256,
    .key_exchange = "",
    .server_signature = "",
    .server_digest = "",
    .client_signature = "",
    .client_digest = "",
};

static void described(const struct tls_facts *facts, const char *line, const char *lines)
{
    struct buf out;

    buf_init(&out, 1000);
    tls_describe(facts, &out);
    assert_string_equal(buf_text(&out), line);
    buf_reset(&out);
    tls_describe_lines(facts, &out);
    assert_string_equal(buf_text(&out), lines);
    buf_done(&out);
}

static void as_in_the_log_and_in_headers(void **state)
{
    (void)state;
    described(&modern,
              "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange "
              "X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256 "
              "client-signature ECDSA (prime256v1) client-digest SHA256",
              "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n key-exchange "
              "X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256\n "
              "client-signature ECDSA (prime256v1) client-digest SHA256");
    described(&old, "TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (128/256 bits)",
              "TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (128/256 bits)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_in_the_log_and_in_headers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
