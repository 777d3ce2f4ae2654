#include "unit.h"

#include "mail/utf8.h"

static const struct {
    const char *text;
    bool valid;
} texts[] = {
    {"", true},
    {"plain", true},
    {"j\xc3\xb6", true},
    {"\xf0\x9f\x98\x80", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xc3", false},
    {"\xc0\xaf", false},         /* overlong */
    {"\xe0\x80\xaf", false},     /* overlong */
    {"\xed\xa0\x80", false},     /* surrogate */
    {"\xf4\x90\x80\x80", false}, /* above U+10FFFF */
    {"\xff", false},
    {"\x80", false},
};

static void texts_are_utf8_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++)
        ROW_INT(texts[i].text, utf8_is_valid(str_of(texts[i].text)), texts[i].valid);
}

static const struct {
    const char *text, *unicode, *ascii;
} folds[] = {
    {"JOE", "joe", "joe"},
    {"J\xc3\x96", "j\xc3\xb6", "j\xc3\x96"},
    {"STRA\xc3\x9f"
     "E",
     "strasse",
     "stra\xc3\x9f"
     "e"},
    {"A\xff", "a\xff", "a\xff"},
    {"", "", ""},
};

static void case_is_folded(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(folds); i++) {
        buf_reset(&out);
        utf8_add_folded(&out, str_of(folds[i].text), true);
        ROW_EQ(folds[i].text, buf_str(&out), folds[i].unicode);
        buf_reset(&out);
        utf8_add_folded(&out, str_of(folds[i].text), false);
        ROW_EQ(folds[i].text, buf_str(&out), folds[i].ascii);
    }
    buf_done(&out);
}

static const struct {
    const char *unicode, *ascii;
} domains[] = {
    {"b\xc3\xbc"
     "cher.example",
     "xn--bcher-kva.example"},
    {"example.com", "example.com"},
    {"\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp"},
};

static void domains_go_there_and_back(void **state)
{
    struct buf out;
    struct fail why;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(domains); i++) {
        buf_reset(&out);
        ROW_INT(domains[i].unicode,
                utf8_add_domain_ascii(&out, str_of(domains[i].unicode), &why), 0);
        ROW_EQ(domains[i].unicode, buf_str(&out), domains[i].ascii);
        buf_reset(&out);
        ROW_INT(domains[i].ascii,
                utf8_add_domain_unicode(&out, str_of(domains[i].ascii), &why), 0);
        ROW_EQ(domains[i].ascii, buf_str(&out), domains[i].unicode);
    }
    buf_done(&out);
}

static void impossible_domains_are_refused(void **state)
{
    struct buf out;
    struct fail why;

    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(utf8_add_domain_ascii(&out, STR("\xff.x"), &why), -1);
    assert_string_equal(why.text, "domain name is not valid UTF-8");
    assert_int_equal(utf8_add_domain_ascii(&out, STR("\xc3\xb6\0x"), &why), -1);
    assert_int_equal(utf8_add_domain_ascii(&out, STR("\xe2\x80\x8e.x"), &why), -1);
    assert_int_equal(out.n, 0);
    buf_done(&out);
}

static void characters_are_taken_one_by_one(void **state)
{
    uint32_t c = 7;

    (void)state;
    assert_int_equal(utf8_first(STR("\xe2\x82\xac"
                                    "x"),
                                &c),
                     3);
    assert_int_equal(c, 0x20ac);
    assert_int_equal(utf8_first(STR("\xe2\x82"), &c), 0);
    assert_int_equal(utf8_first(STR(""), &c), 0);
    assert_int_equal(c, 0x20ac);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_utf8_or_not),
        cmocka_unit_test(case_is_folded),
        cmocka_unit_test(domains_go_there_and_back),
        cmocka_unit_test(impossible_domains_are_refused),
        cmocka_unit_test(characters_are_taken_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
