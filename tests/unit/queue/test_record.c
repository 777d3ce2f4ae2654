#include "unit.h"

#include "queue/record.h"

/* --- framing --- */

static void lengths_are_written_in_base_128(void **state)
{
    static const struct {
        size_t length;
        const char *bytes;
        size_t n;
    } rows[] = {
        {0, "N\x00", 2},       {1, "N\x01", 2},
        {127, "N\x7f", 2},     {128, "N\x80\x01", 3},
        {300, "N\xac\x02", 3}, {RECORD_DATA_MAX, "N\x80\x80\x40", 4},
    };
    static char data[RECORD_DATA_MAX];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf b;
        struct str rest;
        struct record record;

        buf_init(&b, RECORD_DATA_MAX + RECORD_HEADER_MAX);
        record_add(&b, 'N', str_from(data, rows[i].length));
        assert_int_equal(b.n, rows[i].n + rows[i].length);
        assert_memory_equal(b.p, rows[i].bytes, rows[i].n);
        assert_int_equal(record_whole(str_head(buf_str(&b), 1)), 0);
        assert_int_equal(record_whole(str_head(buf_str(&b), rows[i].n)), b.n);
        rest = buf_str(&b);
        assert_int_equal(record_parse(&rest, 100, &record), 1);
        assert_int_equal(record.type, 'N');
        assert_int_equal(record.data.n, rows[i].length);
        assert_int_equal(record.offset, 100);
        assert_int_equal(record.next, 100 + (off_t)b.n);
        assert_int_equal(rest.n, 0);
        buf_done(&b);
    }
}

static const struct {
    const char *name, *bytes;
    size_t n;
    int result;
} broken[] = {
    {"nothing", "", 0, 0},
    {"only a type", "N", 1, 0},
    {"length not ended", "N\x80", 2, 0},
    {"data cut",
     "N\x05"
     "abcd",
     6, 0},
    {"type 0", "\0\x01z", 3, -1},
    {"longer than the limit", "N\x81\x80\x40", 4, -1},
    {"length of five bytes", "N\x80\x80\x80\x80\x01", 6, -1},
    {"length of six bytes, all 0", "N\x80\x80\x80\x80\x80\x00", 7, -1},
    {"length that overflows 64 bits", "N\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11,
     -1},
};

static void broken_framing_is_told_from_missing_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(broken); i++) {
        struct str rest = str_from(broken[i].bytes, broken[i].n);
        struct record record = {.type = 'x'};

        ROW_INT(broken[i].name, record_parse(&rest, 0, &record), broken[i].result);
        ROW_INT(broken[i].name, rest.n, broken[i].n);
        ROW_INT(broken[i].name, record.type, 'x');
    }
}

static void long_lines_become_chunks(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    record_add_line(&b, STR("yyyyz"), 4);
    record_add_line(&b, STR("yyyy"), 4);
    record_add_line(&b, STR(""), 4);
    ROW_EQ("lines", str_from(b.p, 9), "L\004yyyyN\001z");
    assert_int_equal(b.n, 9 + 6 + 2);
    assert_memory_equal(b.p + 9, "N\004yyyyN\0", 8);
    buf_done(&b);
}

/* --- attributes --- */

static void attributes_are_split_at_the_first_equals_sign(void **state)
{
    static const struct {
        const char *data, *name, *value;
    } rows[] = {
        {"encoding=8bit", "encoding", "8bit"},
        {"envelope_id=a=b", "envelope_id", "a=b"},
        {"empty=", "empty", ""},
        {"no equals sign", NULL, NULL},
        {"=no name", NULL, NULL},
        {"", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str name, value;

        ROW_INT(rows[i].data, record_attribute(str_of(rows[i].data), &name, &value),
                rows[i].name != NULL);
        if (rows[i].name) {
            ROW_EQ(rows[i].data, name, rows[i].name);
            ROW_EQ(rows[i].data, value, rows[i].value);
        }
    }
}

static void attributes_are_written_as_records(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    record_add_attribute(&b, "encoding", "8bit");
    record_add_attribute_number(&b, "notify_flags", -12);
    ROW_EQ("attributes", buf_str(&b), "A\015encoding=8bitA\020notify_flags=-12");
    buf_done(&b);
}

static void an_envelope_record_is_one_line(void **state)
{
    static char text[RECORD_ENVELOPE_MAX + 1];

    (void)state;
    assert_true(record_fits_envelope(STR("")));
    assert_true(record_fits_envelope(STR("joe@example.com \t\x7f\xff")));
    assert_false(record_fits_envelope(STR("joe\nS x")));
    assert_false(record_fits_envelope(STR("joe\r")));
    assert_false(record_fits_envelope(STR("joe\0x")));
    memset(text, 'a', sizeof text);
    assert_true(record_fits_envelope(str_from(text, RECORD_ENVELOPE_MAX)));
    assert_false(record_fits_envelope(str_from(text, RECORD_ENVELOPE_MAX + 1)));
}

/* --- the size record --- */

static void the_size_record_is_95_bytes_of_six_fields(void **state)
{
    const struct size_record size = {23, 189, 1, 0, 23, 0};
    struct size_record got;
    struct fail why;
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    record_add_size(&b, &size);
    assert_int_equal(b.n, SIZE_RECORD_BYTES);
    ROW_EQ("size", buf_str(&b),
           "C_             23             189               1               0"
           "              23               0");
    assert_int_equal(size_record_parse(str_tail(buf_str(&b), 2), &got, &why), 0);
    assert_memory_equal(&got, &size, sizeof(size));
    buf_done(&b);
}

static const struct {
    const char *data;
    bool fine;
} sizes[] = {
    {"23 189 1", true},
    {"  23 189 1 31", true},
    {"23 189 1 0 23 63", true},
    {"23 189", false},
    {"23 189 1 0 23 0 7", false},
    {"0 189 1 0 23 0", false},
    {"23 0 1 0 23 0", false},
    {"23 189 1 32 23 0", false},
    {"23 -189 1 0 23 0", false},
    {"23 189 one", false},
    {"99999999999999999999 189 1", false},
    {"", false},
};

static void size_records_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(sizes); i++) {
        struct size_record got;
        struct fail why = {.code = 99};

        ROW_INT(sizes[i].data, size_record_parse(str_of(sizes[i].data), &got, &why),
                sizes[i].fine ? 0 : -1);
        if (!sizes[i].fine)
            ROW_INT(sizes[i].data, why.code, 0);
    }
}

static void every_type_has_its_word(void **state)
{
    static const char types[] = "CTcLFISRD/OWV>AKwprePMXEN";

    (void)state;
    for (size_t i = 0; types[i]; i++)
        assert_non_null(record_type_name(types[i]));
    ROW_TEXT("R", record_type_name('R'), "recipient");
    ROW_TEXT("/", record_type_name('/'), "canceled_recipient");
    ROW_TEXT("L", record_type_name('L'), "content_filter");
    assert_null(record_type_name('?'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_written_in_base_128),
        cmocka_unit_test(broken_framing_is_told_from_missing_bytes),
        cmocka_unit_test(long_lines_become_chunks),
        cmocka_unit_test(attributes_are_split_at_the_first_equals_sign),
        cmocka_unit_test(attributes_are_written_as_records),
        cmocka_unit_test(an_envelope_record_is_one_line),
        cmocka_unit_test(the_size_record_is_95_bytes_of_six_fields),
        cmocka_unit_test(size_records_are_checked),
        cmocka_unit_test(every_type_has_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
