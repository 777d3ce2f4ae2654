/* client/settings.c: the smtp_* and the lmtp_* parameters. */
#include "unit.h"

#include "client/settings.h"
#include "conf/conf.h"

/* What the settings point into, until the test ends. */
static struct conf *loaded[20];
static size_t n_loaded;

static int free_loaded(void **state)
{
    (void)state;
    while (n_loaded > 0)
        conf_free(loaded[--n_loaded]);
    return 0;
}

static int read_with(const char *const *overrides, bool lmtp, struct arena *arena,
                     struct client_settings *ret, struct fail *why)
{
    struct conf_options options = {
        .program = lmtp ? "lmtp" : "smtp", .overrides = overrides, .defaults_only = true};
    struct conf *conf = conf_load(&options, why);

    assert_non_null(conf);
    assert_true(n_loaded < ROWS(loaded));
    loaded[n_loaded++] = conf;
    return client_settings_read(conf, lmtp, NULL, arena, ret, why);
}

static void the_defaults_are_those_of_the_family(void **state)
{
    static const char *const overrides[] = {"myhostname=mx.my.test", NULL};
    struct arena *arena = arena_new("test");
    struct client_settings smtp, lmtp;
    struct fail why;

    (void)state;
    assert_int_equal(read_with(overrides, false, arena, &smtp, &why), 0);
    assert_int_equal(read_with(overrides, true, arena, &lmtp, &why), 0);
    assert_string_equal(smtp.default_port, "smtp");
    assert_string_equal(lmtp.default_port, "24");
    assert_string_equal(smtp.helo_name, "mx.my.test");
    assert_true(smtp.use_mx && !lmtp.use_mx);
    assert_true(smtp.always_send_ehlo && smtp.skip_quit_response);
    assert_false(lmtp.skip_quit_response);
    assert_int_equal(smtp.timeout.connect, 30);
    assert_int_equal(lmtp.timeout.connect, 0);
    assert_int_equal(smtp.mx_address_limit, 5);
    assert_int_equal(smtp.reuse.keep_s, 2);
    arena_free(arena);
}

static const struct {
    const char *setting;
    const char *why; /* NULL = fine */
} rows[] = {
    {"smtp_address_preference=ipv6", NULL},
    {"smtp_address_preference=ipx",
     "parameter smtp_address_preference: \"ipx\" is not one of any, ipv4, ipv6"},
    {"smtp_host_lookup=native, dns", NULL},
    {"smtp_host_lookup=", "parameter smtp_host_lookup: \"\" is not dns, native or both"},
    {"smtp_host_lookup=nis",
     "parameter smtp_host_lookup: \"nis\" is not dns, native or both"},
    {"smtp_host_lookup=dns,dns,dns",
     "parameter smtp_host_lookup: \"dns,dns,dns\" is not dns, native or both"},
    {"smtp_dns_support_level=disabled", NULL},
    {"smtp_dns_support_level=maybe", "parameter smtp_dns_support_level: \"maybe\" is not "
                                     "one of disabled, enabled, dnssec"},
    {"smtp_dns_resolver_options=res_defnames, RES_DNSRCH", NULL},
    {"smtp_dns_resolver_options=res_x",
     "parameter smtp_dns_resolver_options: \"res_x\" is "
     "not a list of res_defnames, res_dnsrch"},
    {"smtp_bind_address=127.0.0.5", NULL},
    {"smtp_bind_address=::1",
     "parameter smtp_bind_address: \"::1\" is not an IPv4 address"},
    {"smtp_bind_address6=::1", NULL},
    {"smtp_bind_address6=here",
     "parameter smtp_bind_address6: \"here\" is not an IPv6 address"},
};

static void a_value_that_cannot_be_is_named(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *overrides[] = {rows[i].setting, NULL};
        struct client_settings settings;
        struct fail why = {0};
        int result = read_with(overrides, false, arena, &settings, &why);

        ROW_INT(rows[i].setting, result, rows[i].why ? -1 : 0);
        ROW_TEXT(rows[i].setting, result < 0 ? why.text : NULL, rows[i].why);
    }
    arena_free(arena);
}

static void without_dns_there_are_no_exchangers(void **state)
{
    static const char *const overrides[] = {"disable_dns_lookups=yes", NULL};
    static const char *const newer[] = {"disable_dns_lookups=yes",
                                        "smtp_dns_support_level=enabled", NULL};
    struct arena *arena = arena_new("test");
    struct client_settings settings;
    struct fail why;

    (void)state;
    assert_int_equal(read_with(overrides, false, arena, &settings, &why), 0);
    assert_false(settings.use_mx);
    assert_int_equal(settings.host_lookup[0], CLIENT_LOOKUP_NATIVE);
    assert_int_equal(settings.host_lookup[1], CLIENT_LOOKUP_NONE);
    assert_int_equal(read_with(newer, false, arena, &settings, &why), 0);
    assert_true(settings.use_mx);
    arena_free(arena);
}

static void proxies_are_addresses_of_ours(void **state)
{
    static const char *const overrides[] = {
        "inet_interfaces=loopback-only", "proxy_interfaces=192.0.2.77",
        "smtp_discard_ehlo_keywords=chunking,DSN", NULL};
    struct arena *arena = arena_new("test");
    struct client_settings settings;
    struct netaddr outer;
    struct fail why;

    (void)state;
    assert_int_equal(read_with(overrides, false, arena, &settings, &why), 0);
    assert_true(netaddr_parse(STR("192.0.2.77"), &outer));
    assert_true(interfaces_has(&settings.own, &outer));
    assert_int_equal(settings.discard_features, FEATURE_CHUNKING | FEATURE_DSN);
    assert_int_equal(settings.bind_address.family, NETADDR_NONE); /* not from loopback */
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_defaults_are_those_of_the_family, free_loaded),
        cmocka_unit_test_teardown(a_value_that_cannot_be_is_named, free_loaded),
        cmocka_unit_test_teardown(without_dns_there_are_no_exchangers, free_loaded),
        cmocka_unit_test_teardown(proxies_are_addresses_of_ours, free_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
