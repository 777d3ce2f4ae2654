/* Records from a client, whatever the pieces in which they arrive. */
#include "queue/intake.h"

#include "unit.h"
#include "util/log.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG = 40000, RECORDS = 5 };

/* Short and long records; the long ones don't fit into a stream's buffer. */
static void add_records(struct buf *bytes)
{
    struct buf data;

    buf_init(&data, LONG);
    buf_add_repeat(&data, 'x', LONG);
    record_add_text(bytes, 'S', "joe");
    record_add_text(bytes, 'M', "");
    record_add(bytes, 'N', buf_str(&data));
    record_add(bytes, 'L', str_head(buf_str(&data), 300));
    record_add_text(bytes, 'E', "");
    buf_done(&data);
}

static void expect_records(struct stream *stream)
{
    static const struct {
        int type;
        size_t n;
    } want[RECORDS] = {{'S', 3}, {'M', 0}, {'N', LONG}, {'L', 300}, {'E', 0}};
    struct intake intake;

    intake_init(&intake, stream);
    for (size_t i = 0; i < RECORDS; i++) {
        struct record record;
        struct fail why = {0};

        if (intake_next(&intake, &record, &why) < 0)
            fail_msg("record %zu: %s", i, why.text);
        assert_int_equal(record.type, want[i].type);
        assert_int_equal(record.data.n, want[i].n);
        for (size_t k = 0; k < record.data.n && want[i].n > 3; k++)
            assert_int_equal(record.data.p[k], 'x');
    }
    intake_done(&intake);
}

static void records_come_in_any_pieces(void **state)
{
    static const size_t pieces[] = {1, 2, 7, 1000, 16384, 100000};

    (void)state;
    for (size_t i = 0; i < ROWS(pieces); i++) {
        struct buf bytes;
        struct stream *stream;
        int ends[2];
        pid_t pid;

        buf_init(&bytes, 1 << 20);
        add_records(&bytes);
        buf_add_text(&bytes, "next");
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        pid = fork();
        if (pid == 0) {
            for (struct str rest = buf_str(&bytes); rest.n;
                 rest = str_tail(rest, pieces[i]))
                if (write(ends[1], rest.p, rest.n < pieces[i] ? rest.n : pieces[i]) < 0)
                    _exit(1);
            _exit(0);
        }
        close(ends[1]);
        stream = stream_new(ends[0], 0);
        expect_records(stream);
        /* What follows is the next request's. */
        char next[4];
        assert_int_equal(stream_read(stream, next, 4), STREAM_OK);
        assert_memory_equal(next, "next", 4);
        stream_free(stream);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        buf_done(&bytes);
    }
}

static const struct {
    const char *name;
    struct str bytes;
} bad[] = {
    {"nothing", STR("")},
    {"no length", STR("S")},
    {"cut data", STR("S\x05jo")},
    {"type 0", STR("\0\x01x")},
    {"too long", STR("N\xff\xff\xff\xff\x7f")},
    {"longer than any record", STR("N\x80\x80\x80\x7f")},
};

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct stream *stream = stream_memory(bad[i].bytes);
        struct intake intake;
        struct record record;
        struct fail why = {0};

        intake_init(&intake, stream);
        ROW_INT(bad[i].name, intake_next(&intake, &record, &why), -1);
        assert_true(why.text[0]);
        intake_done(&intake);
        stream_free(stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_in_any_pieces),
        cmocka_unit_test(what_is_no_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
