#include "unit.h"

#include "dns/record.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *name;
    bool name_valid, host_valid;
} names[] = {
    {"mail.example", true, true},
    {"mail.example.", true, false},
    {"_25._tcp.mail.example", true, true},
    {"x", true, true},
    {"under_score.example", true, true},
    {"192.0.2.1", true, false},
    {"3com.example", true, true},
    {"", false, false},
    {".", false, false},
    {"..", false, false},
    {"a..b", false, false},
    {".a", false, false},
    {"-a.example", true, false},
    {"a-.example", true, false},
    {"a.example-", true, false},
    {"a b.example", false, false},
    {"a\nb.example", false, false},
    {"a\\010b.example", false, false},
    {"a@b.example", false, false},
    {"\xc3\xa4.example", false, false},
    {"a/b.example", true, false},
    {L63 ".example", true, true},
    {L63 "a.example", false, false},
    {L63 "." L63 "." L63 "." L63, false, false},
};

static void knows_names_to_ask_for_and_hosts_to_believe(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        ROW_INT(names[i].name, dns_name_is_valid(names[i].name), names[i].name_valid);
        ROW_INT(names[i].name, dns_host_is_valid(names[i].name), names[i].host_valid);
    }
}

static void explains_failures_in_the_words_of_delivery_reports(void **state)
{
    struct arena *arena = arena_new("test");
    struct dns_question question = {
        .name = "d.example", .type = DNS_MX, .status = DNS_NO_NAME};

    (void)state;
    assert_string_equal(dns_explain(&question, arena),
                        "Host or domain name not found. Name service error for "
                        "name=d.example type=MX: Host not found");
    question.status = DNS_TRY_AGAIN;
    question.type = DNS_AAAA;
    assert_string_equal(dns_explain(&question, arena),
                        "Host or domain name not found. Name service error for "
                        "name=d.example type=AAAA: Host not found, try again");
    arena_free(arena);
}

static const struct {
    struct dns_record record;
    const char *address, *text;
} texts[] = {
    {{.type = DNS_A, .name = "a.test", .ttl = 60},
     "192.0.2.1",
     "a.test. 60 IN A 192.0.2.1"},
    {{.type = DNS_AAAA, .name = "a.test", .ttl = 60},
     "2001:db8::1",
     "a.test. 60 IN AAAA 2001:db8::1"},
    {{.type = DNS_MX, .name = "a.test", .preference = 10, .target = "m.test"},
     NULL,
     "a.test. 0 IN MX 10 m.test."},
    {{.type = DNS_MX, .name = "a.test", .target = ""}, NULL, "a.test. 0 IN MX 0 ."},
    {{.type = DNS_SRV,
      .name = "_s._tcp.a.test",
      .preference = 1,
      .weight = 2,
      .port = 3,
      .target = "m.test"},
     NULL,
     "_s._tcp.a.test. 0 IN SRV 1 2 3 m.test."},
    {{.type = DNS_PTR, .name = "a.test", .target = "m.test"},
     NULL,
     "a.test. 0 IN PTR m.test."},
    {{.type = DNS_TXT, .name = "a.test", .text = {(char *)"v=x y", 5}},
     NULL,
     "a.test. 0 IN TXT v=x y"},
};

static void records_have_a_text_for_filters(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct dns_record record = texts[i].record;

        if (texts[i].address)
            assert_true(netaddr_parse(str_of(texts[i].address), &record.address));
        ROW_TEXT(texts[i].text, dns_record_text(&record, arena), texts[i].text);
    }
    arena_free(arena);
}

static void only_missing_knowledge_is_temporary(void **state)
{
    (void)state;
    assert_false(dns_status_is_temporary(DNS_FOUND));
    assert_false(dns_status_is_temporary(DNS_NO_NAME));
    assert_false(dns_status_is_temporary(DNS_NO_DATA));
    assert_false(dns_status_is_temporary(DNS_BAD_NAME));
    assert_true(dns_status_is_temporary(DNS_TRY_AGAIN));
    assert_true(dns_status_is_temporary(DNS_REFUSED));
    assert_true(dns_status_is_temporary(DNS_BAD_REPLY));
    assert_true(dns_status_is_temporary(DNS_FILTERED));
    assert_true(dns_status_is_temporary(DNS_UNFILTERED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_names_to_ask_for_and_hosts_to_believe),
        cmocka_unit_test(explains_failures_in_the_words_of_delivery_reports),
        cmocka_unit_test(records_have_a_text_for_filters),
        cmocka_unit_test(only_missing_knowledge_is_temporary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
