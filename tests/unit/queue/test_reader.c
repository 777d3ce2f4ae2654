#include "unit.h"

#include "queue/reader.h"
#include "util/file.h"

#include <sys/mman.h>
#include <unistd.h>

/* A file in memory that holds these bytes. */
static int file_of(struct str bytes)
{
    struct fail why;
    int fd = memfd_create("records", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, bytes.p, bytes.n, &why), 0);
    return fd;
}

static void records_come_one_after_the_other(void **state)
{
    struct str bytes = STR("N\002abN\000L\001zE\000");
    static const struct {
        int type;
        const char *data;
        off_t offset;
    } want[] = {{'N', "ab", 0}, {'N', "", 4}, {'L', "z", 6}, {'E', "", 9}};
    struct record_reader r;
    struct record record;
    struct fail why;
    int fd = file_of(bytes);

    (void)state;
    record_reader_init(&r, fd, 0);
    for (size_t i = 0; i < ROWS(want); i++) {
        assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
        assert_int_equal(record.type, want[i].type);
        assert_int_equal(record.offset, want[i].offset);
        ROW_EQ("records", record.data, want[i].data);
    }
    assert_int_equal(record_read(&r, &record, &why), RECORD_EOF);
    record_reader_done(&r);
    close(fd);
}

static void records_larger_than_the_window_are_whole(void **state)
{
    static char data[RECORD_DATA_MAX];
    struct record_reader r;
    struct record record;
    struct fail why;
    struct buf b;
    int fd;

    (void)state;
    buf_init(&b, 2 * RECORD_DATA_MAX);
    memset(data, 'x', sizeof(data));
    record_add(&b, 'N', STR("small"));
    record_add(&b, 'N', str_from(data, sizeof(data)));
    record_add(&b, 'N', str_from(data, 40000));
    fd = file_of(buf_str(&b));
    record_reader_init(&r, fd, 0);
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    assert_int_equal(record.data.n, sizeof(data));
    assert_memory_equal(record.data.p, data, sizeof(data));
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    assert_int_equal(record.data.n, 40000);
    assert_int_equal(record_read(&r, &record, &why), RECORD_EOF);
    record_reader_done(&r);
    buf_done(&b);
    close(fd);
}

static const struct {
    const char *name;
    struct str bytes;
    const char *seen; /* types and data of what is read */
    enum record_result end;
} files[] = {
    /* 0: N a; 3: p -> 26; 20: N skipped (6 bytes); 26: N b */
    {"a jump forward",
     STR("N\001a"
         "p\017             26"
         "N\004skip"
         "N\001b"),
     "NaNb", RECORD_EOF},
    {"a placeholder",
     STR("N\001a"
         "p\017              0"
         "N\001b"),
     "NaNb", RECORD_EOF},
    {"a heap and back",
     STR("p\017             20"
         "N\001b"
         "N\001a"
         "p\017             17"),
     NULL, RECORD_CORRUPT},
    {"a jump beyond the end", STR("p\017           9999"), "", RECORD_EOF},
    {"a jump to itself",
     STR("p\017              0"
         "p\017             17"),
     "", RECORD_CORRUPT},
    {"a pointer that is no number", STR("p\017         123.45"), "", RECORD_CORRUPT},
    {"a negative pointer", STR("p\017             -1"), "", RECORD_CORRUPT},
    {"a pointer beyond all files", STR("p\02399999999999999999999"), "", RECORD_CORRUPT},
    {"a record cut short", STR("N\001aN\005bcd"), "Na", RECORD_CORRUPT},
    {"a type 0", STR("N\001a\0\0"), "Na", RECORD_CORRUPT},
    {"pads and killed records are seen", STR("w\003padK\001zA\003a=b"), "wpadKzAa=b",
     RECORD_EOF},
};

static void pointers_are_followed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(files); i++) {
        struct record_reader r;
        struct record record;
        struct fail why = {.code = 99};
        struct buf seen;
        enum record_result result;
        int fd = file_of(files[i].bytes);

        buf_init(&seen, 1 << 20);
        record_reader_init(&r, fd, 0);
        while ((result = record_read(&r, &record, &why)) == RECORD_OK) {
            buf_add_char(&seen, (char)record.type);
            buf_add_str(&seen, record.data);
        }
        ROW_INT(files[i].name, result, files[i].end);
        if (result == RECORD_CORRUPT)
            ROW_INT(files[i].name, why.code, 0);
        if (files[i].seen)
            ROW_EQ(files[i].name, buf_str(&seen), files[i].seen);
        else /* a loop: both records once a turn, until the jumps are used up */
            ROW_INT(files[i].name, seen.n, 2 * 2 * 10001 - 2);
        record_reader_done(&r);
        buf_done(&seen);
        close(fd);
    }
}

static void a_raw_reader_shows_pointers(void **state)
{
    struct record_reader r;
    struct record record;
    struct fail why;
    int fd = file_of(STR("p\017             26"
                         "N\001b"));

    (void)state;
    record_reader_init(&r, fd, 0);
    r.raw = true;
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    assert_int_equal(record.type, RECORD_POINTER);
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    ROW_EQ("after the pointer", record.data, "b");
    record_reader_seek(&r, 17);
    assert_int_equal(record_read(&r, &record, &why), RECORD_OK);
    ROW_EQ("again", record.data, "b");
    record_reader_done(&r);
    close(fd);
}

static void two_readers_of_one_descriptor_do_not_disturb_each_other(void **state)
{
    struct record_reader a, b;
    struct record record;
    struct fail why;
    int fd = file_of(STR("N\0011N\0012"));

    (void)state;
    record_reader_init(&a, fd, 0);
    record_reader_init(&b, fd, 0);
    assert_int_equal(record_read(&a, &record, &why), RECORD_OK);
    assert_int_equal(record_read(&b, &record, &why), RECORD_OK);
    ROW_EQ("b", record.data, "1");
    assert_int_equal(record_read(&a, &record, &why), RECORD_OK);
    ROW_EQ("a", record.data, "2");
    record_reader_done(&a);
    record_reader_done(&b);
    close(fd);
}

static void a_failed_read_is_not_corruption(void **state)
{
    struct record_reader r;
    struct record record;
    struct fail why = {0};

    (void)state;
    record_reader_init(&r, -1, 0);
    assert_int_equal(record_read(&r, &record, &why), RECORD_FAILED);
    assert_int_not_equal(why.code, 0);
    record_reader_done(&r);
}

static void a_type_is_changed_in_place_after_a_check(void **state)
{
    struct fail why = {.code = 99};
    char got[8];
    int fd = file_of(STR("R\003a@bR\001c"));

    (void)state;
    assert_int_equal(record_retype(fd, 5, 'R', 'D', &why), 0);
    assert_int_equal(record_retype(fd, 1, 'R', 'D', &why), -1);
    assert_int_equal(why.code, 0);
    assert_int_equal(record_retype(fd, 8, 'R', 'D', &why), -1);
    assert_int_equal(pread(fd, got, sizeof(got), 0), 8);
    assert_memory_equal(got, "R\003a@bD\001c", 8);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_one_after_the_other),
        cmocka_unit_test(records_larger_than_the_window_are_whole),
        cmocka_unit_test(pointers_are_followed),
        cmocka_unit_test(a_raw_reader_shows_pointers),
        cmocka_unit_test(two_readers_of_one_descriptor_do_not_disturb_each_other),
        cmocka_unit_test(a_failed_read_is_not_corruption),
        cmocka_unit_test(a_type_is_changed_in_place_after_a_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
