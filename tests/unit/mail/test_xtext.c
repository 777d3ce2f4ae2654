#include "unit.h"

#include "mail/xtext.h"

static const struct {
    const char *plain, *encoded;
} rows[] = {
    {"", ""},
    {"joe@x", "joe@x"},
    {"a+b=c", "a+2Bb+3Dc"},
    {"a b\t", "a+20b+09"},
    {"j\xc3\xb6", "j+C3+B6"},
    {"\x7f\\", "+7F\\"},
};

static void xtext_goes_there_and_back(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(rows); i++) {
        buf_reset(&out);
        xtext_add(&out, str_of(rows[i].plain));
        ROW_EQ(rows[i].plain, buf_str(&out), rows[i].encoded);
        buf_reset(&out);
        ROW_INT(rows[i].plain, xtext_decode(&out, str_of(rows[i].encoded)), 0);
        ROW_EQ(rows[i].plain, buf_str(&out), rows[i].plain);
    }
    buf_done(&out);
}

static const char *const bad_xtext[] = {"+",   "a+2",      "+2G", "a=b",
                                        "a b", "\xc3\xb6", "+ 1"};
static const char *const bad_utf8[] = {"\\x{}", "\\x{110000}", "\\x{D800}",   "\\x{41",
                                       "\\y",   "a b",         "\\x{0}",      "\xc3",
                                       "a+b",   "\\",          "\\x{1234567}"};

static void bad_encodings_are_refused_and_leave_no_trace(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    buf_add_text(&out, "kept");
    for (size_t i = 0; i < ROWS(bad_xtext); i++)
        ROW_INT(bad_xtext[i], xtext_decode(&out, str_of(bad_xtext[i])), -1);
    for (size_t i = 0; i < ROWS(bad_utf8); i++)
        ROW_INT(bad_utf8[i], xtext_decode_utf8_address(&out, str_of(bad_utf8[i])), -1);
    assert_string_equal(buf_text(&out), "kept");
    buf_done(&out);
}

static const struct {
    const char *plain, *encoded;
} utf8_rows[] = {
    {"joe@x", "joe@x"},
    {"j\xc3\xb6@\xe2\x82\xac", "j\\x{F6}@\\x{20AC}"},
    {"a+b=c\\ d", "a\\x{2B}b\\x{3D}c\\x{5C}\\x{20}d"},
};

static void utf8_addresses_go_there_and_back(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(utf8_rows); i++) {
        buf_reset(&out);
        xtext_add_utf8_address(&out, str_of(utf8_rows[i].plain));
        ROW_EQ(utf8_rows[i].plain, buf_str(&out), utf8_rows[i].encoded);
        buf_reset(&out);
        ROW_INT(utf8_rows[i].plain,
                xtext_decode_utf8_address(&out, str_of(utf8_rows[i].encoded)), 0);
        ROW_EQ(utf8_rows[i].plain, buf_str(&out), utf8_rows[i].plain);
    }
    buf_reset(&out);
    assert_int_equal(xtext_decode_utf8_address(&out, STR("j\xc3\xb6@x")), 0);
    assert_string_equal(buf_text(&out), "j\xc3\xb6@x");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xtext_goes_there_and_back),
        cmocka_unit_test(bad_encodings_are_refused_and_leave_no_trace),
        cmocka_unit_test(utf8_addresses_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
