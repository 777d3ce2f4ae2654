#include "dns/stub.h"

#include "client/route.h"
#include "net/protocols.h"

/* The world: 192.0.2.99 and 2001:db8::99 are ourselves. */
static const struct {
    const char *name, *address;
} hosts[] = {
    {"one.example", "192.0.2.1"},    {"two.example", "192.0.2.2"},
    {"three.example", "192.0.2.3"},  {"six.example", "2001:db8::6"},
    {"both.example", "192.0.2.7"},   {"both.example", "2001:db8::7"},
    {"self.example", "192.0.2.99"},  {"self6.example", "2001:db8::99"},
    {"only-a.example", "192.0.2.8"},
};
static const struct {
    const char *domain;
    unsigned preference;
    const char *target;
} exchangers[] = {
    {"plain.example", 20, "two.example"},
    {"plain.example", 10, "one.example"},
    {"plain.example", 30, "three.example"},
    {"null.example", 0, ""},
    {"mixed-null.example", 0, ""},
    {"mixed-null.example", 10, "one.example"},
    {"self-best.example", 10, "self.example"},
    {"self-best.example", 20, "one.example"},
    {"backup.example", 10, "one.example"},
    {"backup.example", 20, "self.example"},
    {"backup.example", 20, "two.example"},
    {"backup.example", 30, "three.example"},
    {"lost-best.example", 10, "nowhere.example"},
    {"lost-best.example", 20, "self.example"},
    {"self6-best.example", 10, "self6.example"},
    {"dead.example", 10, "nowhere.example"},
    {"dead.example", 20, "nowhere2.example"},
    {"half-dead.example", 10, "nowhere.example"},
    {"half-dead.example", 20, "two.example"},
    {"shaky.example", 10, "servfail.example"},
    {"numeric.example", 10, "192.0.2.50"},
};

static const struct {
    const char *name;
    unsigned priority, weight, port;
    const char *target;
} services[] = {
    {"_submission._tcp.plain.example", 20, 0, 1587, "two.example"},
    {"_submission._tcp.plain.example", 10, 1, 2587, "one.example"},
    {"_submission._tcp.plain.example", 10, 9, 3587, "three.example"},
    {"_submission._tcp.none.example", 0, 0, 0, ""},
    {"_submission._tcp.dead.example", 0, 0, 25, "nowhere.example"},
    {"_submission._tcp.self.example", 10, 0, 25, "self.example"},
    {"_submission._tcp.self-other.example", 10, 0, 26, "self.example"},
    {"_submission._tcp.backup.example", 10, 0, 25, "one.example"},
    {"_submission._tcp.backup.example", 20, 0, 25, "self.example"},
    {"_submission._tcp.backup.example", 20, 0, 26, "two.example"},
};

static void put_services(struct stub_call *call)
{
    unsigned char data[300];

    for (size_t i = 0; i < ROWS(services); i++)
        if (!strcmp(call->name, services[i].name) && call->type == DNS_SRV) {
            const unsigned numbers[] = {services[i].priority, services[i].weight,
                                        services[i].port};
            for (size_t k = 0; k < 3; k++) {
                data[2 * k] = (unsigned char)(numbers[k] >> 8);
                data[2 * k + 1] = (unsigned char)numbers[k];
            }
            stub_record(call, 0, call->name, DNS_SRV, data,
                        6 + stub_name(data + 6, services[i].target));
        }
}

static void zone(struct stub *stub, struct stub_call *call)
{
    bool exists = false;

    (void)stub;
    stub_reply(call, 0, 0);
    for (size_t i = 0; i < ROWS(exchangers); i++)
        if (!strcmp(call->name, exchangers[i].domain)) {
            exists = true;
            if (call->type == DNS_MX)
                stub_mx(call, call->name, exchangers[i].preference, exchangers[i].target);
        }
    for (size_t i = 0; i < ROWS(hosts); i++)
        if (!strcmp(call->name, hosts[i].name)) {
            exists = true;
            if (call->type == (strchr(hosts[i].address, ':') ? DNS_AAAA : DNS_A))
                stub_address(call, call->name, hosts[i].address);
        }
    put_services(call);
    exists = exists || call->n > call->query_n;
    if (strstr(call->name, "servfail") ||
        (strstr(call->name, "mx-fails") && call->type == DNS_MX))
        stub_reply(call, 2, 0);
    else if (!strcmp(call->name, "mx-fails.example") && call->type == DNS_A)
        stub_address(call, call->name, "192.0.2.60");
    else if (!exists)
        stub_reply(call, 3, 0);
}

#define LOOKUP(name, type, end)                                                          \
    "Host or domain name not found. Name service error for name=" name " type=" type     \
    ": " end

static const struct {
    const char *nexthop;
    int protocols;
    const char *found; /* the hosts in order, or NULL */
    const char *status, *text;
} rows[] = {
    {"plain.example", 3,
     "one.example=192.0.2.1 two.example=192.0.2.2 three.example=192.0.2.3", NULL, NULL},
    {"only-a.example", 3, "only-a.example=192.0.2.8", NULL, NULL},
    {"[one.example]", 3, "one.example=192.0.2.1", NULL, NULL},
    {"[192.0.2.77]", 3, "192.0.2.77=192.0.2.77", NULL, NULL},
    {"[ipv6:2001:db8::77]", 3, "2001:db8::77=2001:db8::77", NULL, NULL},
    {"both.example", PROTOCOL_IPV4, "both.example=192.0.2.7", NULL, NULL},
    {"both.example", PROTOCOL_IPV6, "both.example=2001:db8::7", NULL, NULL},
    {"both.example", 3, "both.example=192.0.2.7 both.example=2001:db8::7", NULL, NULL},
    {"numeric.example", 3, "192.0.2.50=192.0.2.50", NULL, NULL},
    {"mixed-null.example", 3, NULL, "5.1.0",
     "Domain mixed-null.example does not accept mail (nullMX)"},
    {"half-dead.example", 3, "two.example=192.0.2.2", NULL, NULL},
    {"backup.example", 3, "one.example=192.0.2.1", NULL, NULL},
    {"null.example", 3, NULL, "5.1.0",
     "Domain null.example does not accept mail (nullMX)"},
    {"self-best.example", 3, NULL, "5.4.6",
     "mail for self-best.example loops back to myself"},
    {"self-best.example:2525", 3, "self.example=192.0.2.99 one.example=192.0.2.1", NULL,
     NULL},
    {"self6-best.example", 3, NULL, "5.4.6",
     "mail for self6-best.example loops back to myself"},
    {"self.example", 3, NULL, "5.4.6", "mail for self.example loops back to myself"},
    {"[192.0.2.99]", 3, NULL, "5.4.6", "mail for 192.0.2.99 loops back to myself"},
    {"lost-best.example", 3, NULL, "4.4.4",
     "unable to find primary relay for lost-best.example"},
    {"gone.example", 3, NULL, "5.4.4", LOOKUP("gone.example", "AAAA", "Host not found")},
    {"gone.example", PROTOCOL_IPV4, NULL, "5.4.4",
     LOOKUP("gone.example", "A", "Host not found")},
    {"[gone.example]", PROTOCOL_IPV4, NULL, "5.4.4",
     LOOKUP("gone.example", "A", "Host not found")},
    {"servfail.example", 3, NULL, "4.4.3",
     LOOKUP("servfail.example", "MX", "Host not found, try again")},
    {"mx-fails.example", 3, NULL, "4.4.3",
     LOOKUP("mx-fails.example", "MX", "Host not found, try again")},
    {"dead.example", PROTOCOL_IPV4, NULL, "5.4.4",
     LOOKUP("nowhere2.example", "A", "Host not found")},
    {"shaky.example", PROTOCOL_IPV4, NULL, "4.4.3",
     LOOKUP("servfail.example", "A", "Host not found, try again")},
};

static int warnings;

static void count_warning(const char *text)
{
    (void)text;
    warnings++;
}

static struct client_settings settings_for(struct stub *stub, int protocols)
{
    static struct netaddr own[2];
    struct client_settings settings = {
        .warn = count_warning,
        .default_port = "25",
        .protocols = protocols,
        .resolver = stub_resolver(stub),
        .host_lookup = {CLIENT_LOOKUP_DNS},
        .use_mx = true,
        .own = {.addresses = own, .n = 2},
    };

    assert_true(netaddr_parse(STR("192.0.2.99"), &own[0]));
    assert_true(netaddr_parse(STR("2001:db8::99"), &own[1]));
    return settings;
}

static const char *describe(const struct route *route, struct arena *arena)
{
    const char *text = "";
    char address[NETADDR_TEXT];

    for (size_t i = 0; i < route->n; i++)
        text = arena_printf(arena, "%s%s%s=%s", text, i ? " " : "", route->hosts[i].name,
                            netaddr_text(&route->hosts[i].address, address));
    return text;
}

static void finds_hosts_in_order_or_says_why_not(void **state)
{
    struct stub stub;
    struct arena *arena = arena_new("test");

    (void)state;
    stub_start(&stub, zone);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct client_settings settings = settings_for(&stub, rows[i].protocols);
        struct destination destination;
        struct route route = {0};
        struct outcome failure;
        int result;

        assert_int_equal(destination_parse(&settings, str_of(rows[i].nexthop), arena,
                                           &destination, NULL),
                         0);
        warnings = 0;
        result = route_find(&settings, &destination, arena, &route, &failure);
        ROW_INT(rows[i].nexthop, result, rows[i].found ? 0 : -1);
        if (result == 0) {
            ROW_TEXT(rows[i].nexthop, describe(&route, arena), rows[i].found);
            ROW_INT(rows[i].nexthop, route.hosts[0].address.port, destination.port);
        } else {
            ROW_TEXT(rows[i].nexthop, failure.status, rows[i].status);
            ROW_TEXT(rows[i].nexthop, failure.text, rows[i].text);
        }
        ROW_INT(rows[i].nexthop, warnings,
                strstr(rows[i].nexthop, "dead.example") == rows[i].nexthop ||
                    !strcmp(rows[i].nexthop, "shaky.example") ||
                    !strcmp(rows[i].nexthop, "numeric.example"));
        resolver_free(settings.resolver);
    }
    stub_end(&stub);
    arena_free(arena);
}

static void parameters_soften_lookup_failures(void **state)
{
    struct stub stub;
    struct arena *arena = arena_new("test");
    struct client_settings settings;
    struct destination destination;
    struct route route;
    struct outcome failure;

    (void)state;
    stub_start(&stub, zone);
    settings = settings_for(&stub, PROTOCOL_IPV4);
    settings.ignore_mx_lookup_error = true;
    settings.defer_if_no_mx_address_found = true;
    assert_int_equal(
        destination_parse(&settings, STR("mx-fails.example"), arena, &destination, NULL),
        0);
    assert_int_equal(route_find(&settings, &destination, arena, &route, &failure), 0);
    assert_string_equal(describe(&route, arena), "mx-fails.example=192.0.2.60");
    assert_int_equal(
        destination_parse(&settings, STR("dead.example"), arena, &destination, NULL), 0);
    assert_int_equal(route_find(&settings, &destination, arena, &route, &failure), -1);
    assert_int_equal(failure.result, OUTCOME_DEFERRED);
    assert_string_equal(failure.status, "4.4.4");
    resolver_free(settings.resolver);
    stub_end(&stub);
    arena_free(arena);
}

static const struct {
    const char *nexthop;
    bool if_none, if_failed;
    const char *found; /* the hosts in order with their ports, or NULL */
    const char *status, *text;
} by_service[] = {
    {"plain.example:submission", false, false,
     "three.example:3587 one.example:2587 two.example:1587", NULL, NULL},
    {"[one.example]:submission", false, false, "one.example:587", NULL, NULL},
    {"none.example:submission", true, true, NULL, "5.1.0",
     "Domain none.example does not offer the service submission"},
    {"dead.example:submission", true, true, NULL, "5.4.4",
     LOOKUP("nowhere.example", "A", "Host not found")},
    {"self.example:submission", false, false, NULL, "5.4.6",
     "mail for self.example loops back to myself"},
    {"self-other.example:submission", false, false, "self.example:26", NULL, NULL},
    {"backup.example:submission", false, false, "one.example:25", NULL, NULL},
    {"half-dead.example:submission", false, true, NULL, "5.4.4",
     LOOKUP("_submission._tcp.half-dead.example", "SRV", "Host not found")},
    {"half-dead.example:submission", true, false, "two.example:587", NULL, NULL},
    {"servfail.example:submission", true, false, NULL, "4.4.3",
     LOOKUP("_submission._tcp.servfail.example", "SRV", "Host not found, try again")},
    {"servfail.example:submission", false, true, NULL, "4.4.3",
     LOOKUP("servfail.example", "MX", "Host not found, try again")},
};

static const char *describe_ports(const struct route *route, struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < route->n; i++)
        text = arena_printf(arena, "%s%s%s:%u", text, i ? " " : "", route->hosts[i].name,
                            route->hosts[i].address.port);
    return text;
}

static void services_lead_to_hosts_and_ports(void **state)
{
    struct stub stub;
    struct arena *arena = arena_new("test");

    (void)state;
    stub_start(&stub, zone);
    for (size_t i = 0; i < ROWS(by_service); i++) {
        struct client_settings settings = settings_for(&stub, PROTOCOL_IPV4);
        const char *row = by_service[i].nexthop;
        struct destination destination;
        struct route route = {0};
        struct outcome failure = {0};
        int result;

        settings.srv_services = "submission";
        settings.srv_fallback_if_none = by_service[i].if_none;
        settings.srv_fallback_if_failed = by_service[i].if_failed;
        assert_int_equal(
            destination_parse(&settings, str_of(row), arena, &destination, NULL), 0);
        result = route_find(&settings, &destination, arena, &route, &failure);
        ROW_INT(row, result, by_service[i].found ? 0 : -1);
        if (result == 0) {
            ROW_TEXT(row, describe_ports(&route, arena), by_service[i].found);
        } else {
            ROW_TEXT(row, failure.status, by_service[i].status);
            ROW_TEXT(row, failure.text, by_service[i].text);
        }
        resolver_free(settings.resolver);
    }
    stub_end(&stub);
    arena_free(arena);
}

static void a_unix_path_is_its_own_route(void **state)
{
    struct client_settings settings = {.lmtp = true, .default_port = "24"};
    struct arena *arena = arena_new("test");
    struct destination destination;
    struct route route;
    struct outcome failure;

    (void)state;
    assert_int_equal(
        destination_parse(&settings, STR("unix:/run/lmtp"), arena, &destination, NULL),
        0);
    assert_int_equal(route_find(&settings, &destination, arena, &route, &failure), 0);
    assert_int_equal(route.n, 1);
    assert_string_equal(route.hosts[0].name, "/run/lmtp");
    arena_free(arena);
}

/* n4 IPv4 hosts, then n6 IPv6 ones, all of one preference. */
static struct route make_route(struct route_host *space, size_t n4, size_t n6)
{
    struct route route = {.hosts = space, .n = n4 + n6};

    for (size_t i = 0; i < n4 + n6; i++) {
        space[i] = (struct route_host){.name = "h", .preference = 10};
        space[i].address.family = i < n4 ? NETADDR_IPV4 : NETADDR_IPV6;
        space[i].address.bytes[3] = (unsigned char)i;
    }
    return route;
}

static const struct {
    int limit;
    bool balance;
    enum client_prefer prefer;
    size_t n4, n6, kept4, kept6;
} limits[] = {
    {5, true, CLIENT_PREFER_ANY, 10, 10, 3, 2},
    {5, true, CLIENT_PREFER_ANY, 10, 1, 4, 1},
    {5, true, CLIENT_PREFER_ANY, 1, 10, 1, 4},
    {5, true, CLIENT_PREFER_ANY, 0, 10, 0, 5},
    {5, false, CLIENT_PREFER_ANY, 10, 10, 5, 0},
    {5, true, CLIENT_PREFER_IPV4, 10, 10, 5, 0},
    {0, true, CLIENT_PREFER_ANY, 10, 10, 10, 10},
    {5, true, CLIENT_PREFER_ANY, 2, 2, 2, 2},
    {1, true, CLIENT_PREFER_ANY, 3, 3, 1, 0},
};

static void the_limit_leaves_room_for_both_protocols(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(limits); i++) {
        struct client_settings settings = {.mx_address_limit = limits[i].limit,
                                           .balance_inet_protocols = limits[i].balance,
                                           .address_preference = limits[i].prefer};
        struct route_host space[32];
        struct route route = make_route(space, limits[i].n4, limits[i].n6);
        size_t n4 = 0;
        char row[16];

        snprintf(row, sizeof row, "%zu", i);
        route_limit(&settings, &route);
        for (size_t k = 0; k < route.n; k++)
            n4 += route.hosts[k].address.family == NETADDR_IPV4;
        ROW_INT(row, n4, limits[i].kept4);
        ROW_INT(row, route.n - n4, limits[i].kept6);
    }
}

static void order_is_preference_then_protocol_then_chance(void **state)
{
    struct client_settings settings = {.randomize_addresses = true,
                                       .address_preference = CLIENT_PREFER_IPV6};
    struct route_host space[32];
    struct route route = make_route(space, 10, 10);
    bool moved = false;

    (void)state;
    space[0].preference = 5;
    space[19].preference = 50;
    route_sort(&settings, &route);
    assert_int_equal(space[0].preference, 5);
    assert_int_equal(space[0].address.family, NETADDR_IPV4);
    assert_int_equal(space[19].preference, 50);
    for (size_t i = 1; i < 10; i++)
        assert_int_equal(space[i].address.family, NETADDR_IPV6);
    for (int try = 0; try < 50 && !moved; try++) {
        unsigned char before = space[1].address.bytes[3];

        route_sort(&settings, &route);
        moved = space[1].address.bytes[3] != before;
    }
    assert_true(moved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_hosts_in_order_or_says_why_not),
        cmocka_unit_test(parameters_soften_lookup_failures),
        cmocka_unit_test(services_lead_to_hosts_and_ports),
        cmocka_unit_test(a_unix_path_is_its_own_route),
        cmocka_unit_test(the_limit_leaves_room_for_both_protocols),
        cmocka_unit_test(order_is_preference_then_protocol_then_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
