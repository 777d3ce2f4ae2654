#include "unit.h"

#include "mail/address.h"

static const struct {
    const char *internal, *external;
} forms[] = {
    {"", ""},
    {"joe", "joe"},
    {"joe@example.com", "joe@example.com"},
    {"joe smith@example.com", "\"joe smith\"@example.com"},
    {"a@b@c", "\"a@b\"@c"},
    {"@c", "\"\"@c"},
    {"user@", "user@"},
    {".a@c", "\".a\"@c"},
    {"a.@c", "\"a.\"@c"},
    {"a..b@c", "\"a..b\"@c"},
    {"a\"b@c", "\"a\\\"b\"@c"},
    {"a\\b@c", "\"a\\\\b\"@c"},
    {"a%b@c", "a%b@c"},
    {"a!b", "a!b"},
    {"o'neil+x=y@c", "o'neil+x=y@c"},
    {"j\xc3\xb6@c", "j\xc3\xb6@c"},
    {"a,b@c", "\"a,b\"@c"},
    {"a:b", "\"a:b\""},
    {"(a)@c", "\"(a)\"@c"},
    {"a\tb@c", "\"a\tb\"@c"},
    {"a@[1.2.3.4]", "a@[1.2.3.4]"},
    {"|cmd x@c", "\"|cmd x\"@c"},
    {"a b", "\"a b\""},
};

static void internal_and_external_forms_agree(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(forms); i++) {
        ROW_TEXT(forms[i].internal, address_external(arena, str_of(forms[i].internal)),
                 forms[i].external);
        ROW_TEXT(forms[i].external, address_internal(arena, str_of(forms[i].external)),
                 forms[i].internal);
    }
    arena_free(arena);
}

static const struct {
    const char *external, *internal;
} unquoted[] = {
    {"\"joe\"@c", "joe@c"},
    {"a\\@b@c", "a@b@c"},
    {"\"a\"b\"c\"@d", "abc@d"},
    {"\"unterminated@c", "unterminated@c"},
    {"a@\"b@c", "a@b@c"},
    {"joe@[IPv6:::1]", "joe@[IPv6:::1]"},
    {"\\", "\\"},
};

static void odd_external_forms_lose_their_quotes(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(unquoted); i++)
        ROW_TEXT(unquoted[i].external,
                 address_internal(arena, str_of(unquoted[i].external)),
                 unquoted[i].internal);
    arena_free(arena);
}

static const struct {
    const char *internal, *local, *domain;
    bool has_domain;
} parts[] = {
    {"a@b", "a", "b", true}, {"a", "a", "", false}, {"a@b@c", "a@b", "c", true},
    {"@c", "", "c", true},   {"a@", "a", "", true}, {"", "", "", false},
};

static void splits_at_the_last_at_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(parts); i++) {
        struct address got = address_split(str_of(parts[i].internal));
        ROW_EQ(parts[i].internal, got.local, parts[i].local);
        ROW_EQ(parts[i].internal, got.domain, parts[i].domain);
        ROW_INT(parts[i].internal, got.has_domain, parts[i].has_domain);
    }
}

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
static const struct {
    const char *domain;
    bool valid;
} domains[] = {
    {"example.com", true},
    {"localhost", true},
    {"a_b.c", true},
    {"_dmarc.x.y", true},
    {"", false},
    {".", false},
    {"a.", false},
    {".a", false},
    {"a..b", false},
    {"-a.b", false},
    {"a-.b", false},
    {"a-b.c", true},
    {"1.2.3.4", false},
    {"1.2.3.4a", true},
    {"123", false},
    {"a b", false},
    {"a,b", false},
    {"[1.2.3.4]", false},
    {L63 ".x", true},
    {L63 "a.x", false},
    {L63 "." L63 "." L63 "." L63, true},
    {L63 "." L63 "." L63 "." L63 ".a", false},
    {"xn--bcher-kva.example", true},
    {"b\xc3\xbc"
     "cher.example",
     true},
    {"b\xc3.example", false},
    {"a\xe3\x80\x82"
     "b",
     true}, /* ideographic full stop */
    {"#2130706433", false},
};

static void domains_are_valid_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(domains); i++)
        ROW_INT(domains[i].domain, address_domain_is_valid(str_of(domains[i].domain)),
                domains[i].valid);
}

static const struct {
    const char *literal;
    bool valid;
} literals[] = {
    {"[1.2.3.4]", true},
    {"[1.2.3]", false},
    {"[256.1.1.1]", false},
    {"[IPv6:::1]", true},
    {"[ipv6:2001:db8::1]", true},
    {"[::1]", false},
    {"[IPv6:1.2.3.4]", false},
    {"[foo]", false},
    {"[]", false},
    {"1.2.3.4", false},
    {"[1.2.3.4", false},
    {"[IPv6:::ffff:7f00:1]", true},
    {"[IPv6:0000:0000:0000:0000:0000:ffff:255.255.255.255:0]", false},
};

static void address_literals_are_valid_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(literals); i++)
        ROW_INT(literals[i].literal,
                address_literal_is_valid(str_of(literals[i].literal)), literals[i].valid);
}

static void control_bytes_have_no_place_in_an_envelope(void **state)
{
    struct fail why;
    static const char long_one[ADDRESS_MAX + 1];

    (void)state;
    assert_int_equal(address_check(STR("joe smith@x"), &why), 0);
    assert_int_equal(address_check(STR("j\xc3\xb6@x"), &why), 0);
    assert_int_equal(address_check(STR("a\nb"), &why), -1);
    assert_int_equal(address_check(STR("a\0b"), &why), -1);
    assert_int_equal(address_check(STR("a\x7f"), &why), -1);
    assert_int_equal(address_check(str_from(long_one, sizeof(long_one)), &why), -1);
    assert_string_equal(why.text, "address of 2049 bytes is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(internal_and_external_forms_agree),
        cmocka_unit_test(odd_external_forms_lose_their_quotes),
        cmocka_unit_test(splits_at_the_last_at_sign),
        cmocka_unit_test(domains_are_valid_or_not),
        cmocka_unit_test(address_literals_are_valid_or_not),
        cmocka_unit_test(control_bytes_have_no_place_in_an_envelope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
