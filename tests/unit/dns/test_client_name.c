#include "dns/stub.h"

#include "dns/client_name.h"

#include <stdlib.h>

static void zone(struct stub *stub, struct stub_call *call)
{
    static const struct {
        const char *reverse, *name, *address;
    } hosts[] = {
        {"1.2.0.192.in-addr.arpa", "good.example", "192.0.2.1"},
        {"2.2.0.192.in-addr.arpa", "forged.example", "192.0.2.99"},
        {"3.2.0.192.in-addr.arpa", "nowhere.example", NULL},
        {"4.2.0.192.in-addr.arpa", "192.0.2.4", NULL},
        {"5.2.0.192.in-addr.arpa", "servfail.example", NULL},
        {"6.2.0.192.in-addr.arpa", "a b.example", "192.0.2.6"},
        {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
         "six.example", "2001:db8::1"},
        {"9.2.0.192.in-addr.arpa", "hosts.example", "192.0.2.99"},
    };

    (void)stub;
    stub_reply(call, 3, 0);
    if (strstr(call->name, "servfail") || !strcmp(call->name, "8.2.0.192.in-addr.arpa")) {
        stub_reply(call, 2, 0);
        return;
    }
    for (size_t i = 0; i < ROWS(hosts); i++) {
        bool reverse = !strcmp(call->name, hosts[i].reverse);

        if (!reverse &&
            (strcmp(call->name, hosts[i].name) != 0 || hosts[i].address == NULL))
            continue;
        stub_reply(call, 0, 0);
        if (reverse)
            stub_target(call, call->name, DNS_PTR, hosts[i].name);
        else
            stub_address(call, call->name, hosts[i].address);
    }
}

static const struct {
    const char *address, *name, *reverse;
    int status, reverse_status;
    const char *warning;
} clients[] = {
    {"192.0.2.1", "good.example", "good.example", 2, 2, NULL},
    {"192.0.2.2", "unknown", "forged.example", 6, 2,
     "hostname forged.example does not resolve to address 192.0.2.2"},
    {"192.0.2.3", "unknown", "nowhere.example", 5, 2,
     "hostname nowhere.example does not resolve to address 192.0.2.3: Name or service "
     "not "
     "known"},
    {"192.0.2.4", "unknown", "unknown", 5, 5, NULL},
    {"192.0.2.5", "unknown", "servfail.example", 4, 2,
     "hostname servfail.example does not resolve to address 192.0.2.5: Temporary failure "
     "in "
     "name resolution"},
    {"192.0.2.6", "unknown", "unknown", 5, 5, NULL},
    {"192.0.2.7", "unknown", "unknown", 5, 5, NULL},
    {"192.0.2.8", "unknown", "unknown", 4, 4, NULL},
    {"2001:db8::1", "six.example", "six.example", 2, 2, NULL},
    {"192.0.2.9", "hosts.example", "hosts.example", 2, 2, NULL},
    {"192.0.2.10", "local.example", "local.example", 2, 2, NULL},
};

static void a_name_counts_only_when_it_leads_back(void **state)
{
    char path[] = "/tmp/test_client_name.XXXXXX";
    struct stub stub;
    struct resolver *resolver;
    struct hosts *hosts;
    struct arena *arena = arena_new("test");
    FILE *f;

    (void)state;
    close(mkstemp(path));
    f = fopen(path, "w");
    fputs("192.0.2.9 hosts.example\n192.0.2.10 local.example local\n", f);
    fclose(f);
    stub_start(&stub, zone);
    resolver = stub_resolver(&stub);
    hosts = hosts_new(path, &clock_system);
    for (size_t i = 0; i < ROWS(clients); i++) {
        struct netaddr address;
        struct client_name got;

        assert_true(netaddr_parse(str_of(clients[i].address), &address));
        client_name_lookup(resolver, hosts, &address, true, arena, &got);
        ROW_TEXT(clients[i].address, got.name, clients[i].name);
        ROW_TEXT(clients[i].address, got.reverse, clients[i].reverse);
        ROW_INT(clients[i].address, got.status, clients[i].status);
        ROW_INT(clients[i].address, got.reverse_status, clients[i].reverse_status);
        ROW_TEXT(clients[i].address, got.warning, clients[i].warning);
    }
    hosts_free(hosts);
    resolver_free(resolver);
    stub_end(&stub);
    unlink(path);
    arena_free(arena);
}

static void without_verification_the_name_stays_unknown(void **state)
{
    struct stub stub;
    struct resolver *resolver;
    struct arena *arena = arena_new("test");
    struct netaddr address;
    struct client_name got;

    (void)state;
    stub_start(&stub, zone);
    resolver = stub_resolver(&stub);
    assert_true(netaddr_parse(STR("192.0.2.1"), &address));
    client_name_lookup(resolver, NULL, &address, false, arena, &got);
    assert_string_equal(got.name, "unknown");
    assert_string_equal(got.reverse, "good.example");
    assert_int_equal(atomic_load(&stub.calls), 1);
    resolver_free(resolver);
    stub_end(&stub);
    arena_free(arena);
}

static void unix_clients_are_localhost_without_asking(void **state)
{
    struct netaddr address = {.family = NETADDR_UNIX};
    struct client_name got;

    (void)state;
    client_name_lookup(NULL, NULL, &address, true, NULL, &got);
    assert_string_equal(got.name, "localhost");
    assert_int_equal(got.status, CLIENT_NAME_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_counts_only_when_it_leads_back),
        cmocka_unit_test(without_verification_the_name_stays_unknown),
        cmocka_unit_test(unix_clients_are_localhost_without_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
