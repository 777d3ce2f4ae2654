#include "unit.h"

#include <limits.h>

static const struct {
    const char *a, *b;
    bool same, folded;
    int order;
} pairs[] = {
    {"", "", true, true, 0},
    {"a", "a", true, true, 0},
    {"a", "A", false, true, 1},
    {"abc", "abd", false, false, -1},
    {"ab", "abc", false, false, -1},
    {"[", "{", false, false, -1},
    {"\xc3\xa9", "\xc3\x89", false, false, 1}, /* no folding outside ASCII */
};

static void compares(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(pairs); i++) {
        struct str a = str_of(pairs[i].a), b = str_of(pairs[i].b);
        int order = str_compare(a, b);

        ROW_INT(pairs[i].a, str_eq(a, b), pairs[i].same);
        ROW_INT(pairs[i].a, str_eq_nocase(a, b), pairs[i].folded);
        ROW_INT(pairs[i].a, str_is(a, pairs[i].b), pairs[i].same);
        ROW_INT(pairs[i].a, str_is_nocase(a, pairs[i].b), pairs[i].folded);
        ROW_INT(pairs[i].a, (order > 0) - (order < 0), pairs[i].order);
    }
    assert_true(str_eq(STR_NONE, STR("")));
}

static void sees_prefixes_and_suffixes(void **state)
{
    (void)state;
    assert_true(str_starts(STR("postfix"), "post"));
    assert_false(str_starts(STR("post"), "postfix"));
    assert_true(str_starts_nocase(STR("POSTfix"), "post"));
    assert_true(str_ends(STR("main.cf"), ".cf"));
    assert_false(str_ends(STR("cf"), ".cf"));
    assert_true(str_ends_nocase(STR("MAIN.CF"), ".cf"));
    assert_true(str_ends(STR("x"), ""));
    assert_true(str_starts(STR_NONE, ""));
}

static void finds_bytes(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("a@b@c"), '@'), 1);
    assert_int_equal(str_find_last(STR("a@b@c"), '@'), 3);
    assert_int_equal(str_find(STR("abc"), '@'), 3);
    assert_int_equal(str_find_last(STR_NONE, '@'), 0);
    assert_int_equal(str_find_any(STR("abc"), "cb"), 1);
    assert_int_equal(str_span(STR("  x"), " "), 2);
    /* NUL is in no set */
    assert_int_equal(str_find_any(str_from("a\0b", 3), "b"), 2);
}

static void takes_parts(void **state)
{
    (void)state;
    ROW_EQ("head", str_head(STR("abc"), 2), "ab");
    ROW_EQ("head beyond", str_head(STR("abc"), 9), "abc");
    ROW_EQ("tail", str_tail(STR("abc"), 1), "bc");
    ROW_EQ("tail beyond", str_tail(STR("abc"), 9), "");
    ROW_EQ("tail of none", str_tail(STR_NONE, 9), "");
    ROW_EQ("trim", str_trim(STR(" \t a b \r\n")), "a b");
    ROW_EQ("trim all", str_trim(STR(" \t\v\f ")), "");
    ROW_EQ("trim left", str_trim_left(STR(" a ")), "a ");
    ROW_EQ("trim right", str_trim_right(STR(" a ")), " a");
}

static void splits_words(void **state)
{
    struct str rest = STR(", one,two ,"), path = STR("a:b::c");

    (void)state;
    ROW_EQ("1", str_word(&rest, " ,"), "one");
    ROW_EQ("2", str_word(&rest, " ,"), "two");
    ROW_EQ("3", str_word(&rest, " ,"), "");
    ROW_EQ("4", str_word(&rest, " ,"), "");
    ROW_EQ("a", str_until(&path, ':'), "a");
    ROW_EQ("b", str_until(&path, ':'), "b");
    ROW_EQ("empty", str_until(&path, ':'), "");
    ROW_EQ("c", str_until(&path, ':'), "c");
    ROW_EQ("end", str_until(&path, ':'), "");
}

static const struct {
    const char *text;
    unsigned long long max;
    bool valid;
    unsigned long long value;
} numbers[] = {
    {"0", 10, true, 0},
    {"0010", 10, true, 10},
    {"11", 10, false, 0},
    {"7", 5, false, 0},
    {"", 10, false, 0},
    {"-1", 10, false, 0},
    {" 1", 10, false, 0},
    {"1x", 10, false, 0},
    {"18446744073709551615", ULLONG_MAX, true, ULLONG_MAX},
    {"18446744073709551616", ULLONG_MAX, false, 0},
    {"99999999999999999999999", ULLONG_MAX, false, 0},
};

static void parses_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(numbers); i++) {
        unsigned long long got = 77;

        ROW_INT(numbers[i].text,
                str_number(str_of(numbers[i].text), numbers[i].max, &got),
                numbers[i].valid);
        ROW_INT(numbers[i].text, got, numbers[i].valid ? numbers[i].value : 77);
    }
}

static const struct {
    const char *text;
    bool valid;
    const char *inner;
} braces[] = {
    {"{ a }", true, "a"}, {"{a {b} c}", true, "a {b} c"},
    {" {} ", true, ""},   {"{a} {b}", false, ""},
    {"{a", false, ""},    {"a}", false, ""},
    {"", false, ""},      {"}{", false, ""},
};

static void takes_braces_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(braces); i++) {
        struct str inner = STR("");

        ROW_INT(braces[i].text, str_unbrace(str_of(braces[i].text), &inner),
                braces[i].valid);
        ROW_EQ(braces[i].text, inner, braces[i].inner);
    }
}

static void keeps_braced_words_whole(void **state)
{
    struct str rest = STR("-o { a = b, {c} } e={ f g}h d} {x i"), word;

    (void)state;
    assert_true(str_word_braced(&rest, " ", &word));
    ROW_EQ("1", word, "-o");
    assert_true(str_word_braced(&rest, " ", &word));
    ROW_EQ("2", word, "{ a = b, {c} }");
    assert_true(str_word_braced(&rest, " ", &word));
    ROW_EQ("3", word, "e={ f g}h");
    assert_true(str_word_braced(&rest, " ", &word));
    ROW_EQ("4", word, "d}");
    assert_false(str_word_braced(&rest, " ", &word));
    ROW_EQ("5", word, "{x i");
    assert_true(str_word_braced(&rest, " ", &word));
    ROW_EQ("6", word, "");
}

static const struct {
    const char *text;
    size_t n;
} utf8[] = {
    {"", 0},
    {"a", 1},
    {"\xc3\xa9", 2},
    {"\xc3", 0},
    {"\xc0\x80", 0},     /* longer than needed */
    {"\xe0\x9f\xbf", 0}, /* longer than needed */
    {"\xe2\x82\xac", 3},
    {"\xed\xa0\x80", 0}, /* surrogate */
    {"\xf0\x9f\x98\x80", 4},
    {"\xf0\x8f\xbf\xbf", 0},
    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", 0},
    {"\x80", 0},
    {"\xe2\x82x", 0},
};

static void knows_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(utf8); i++)
        ROW_INT(utf8[i].text, str_utf8_length(str_of(utf8[i].text)), utf8[i].n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),         cmocka_unit_test(sees_prefixes_and_suffixes),
        cmocka_unit_test(finds_bytes),      cmocka_unit_test(takes_parts),
        cmocka_unit_test(splits_words),     cmocka_unit_test(parses_numbers),
        cmocka_unit_test(takes_braces_off), cmocka_unit_test(keeps_braced_words_whole),
        cmocka_unit_test(knows_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
