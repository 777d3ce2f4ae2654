/* What stands in the queues, as mailq shows it. */
#include "queue/listing.h"

#include "message.h"
#include "sandbox.h"
#include "util/buf.h"
#include "util/file.h"

#include <fcntl.h>

static void put(const char *path, struct str bytes, mode_t mode)
{
    struct fail why;
    int fd = file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &why);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, bytes.p, bytes.n, &why), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* A queue file of these envelope records, as message_of makes it. */
static void put_message(const char *path, const char *const *envelope, mode_t mode)
{
    static const char *const none[] = {NULL};
    int fd = message_of(0, envelope, none);
    char bytes[5000];
    ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

    close(fd);
    assert_true(n > 0);
    put(path, str_from(bytes, (size_t)n), mode);
}

static int note(void *context, const struct listing_message *m)
{
    struct buf *seen = context;

    buf_printf(seen, "%s/%s at %lld, %s%s:", m->queue, m->id, (long long)m->arrival,
               m->sender, m->forced_expire ? " (expires)" : "");
    for (size_t i = 0; i < m->n; i++)
        buf_printf(seen, " %s<%s>%s%s%s%s", m->recipients[i].original,
                   m->recipients[i].address, m->recipients[i].reason[0] ? "=" : "",
                   m->recipients[i].log, m->recipients[i].reason[0] ? ": " : "",
                   m->recipients[i].reason);
    buf_add_char(seen, '\n');
    return 0;
}

static int note_one(void *context, const struct listing_message *m)
{
    (void)note(context, m);
    return -1;
}

/* Compare the whole listing. */
static void lists(int (*show)(void *, const struct listing_message *), int result,
                  const char *want)
{
    struct spool spool;
    struct fail why = {0};
    struct buf seen;

    spool_init(&spool, "deferred, defer", 1, false);
    buf_init(&seen, 100000);
    assert_int_equal(listing_run(&spool, show, &seen, &why), result);
    ROW_EQ("listing", buf_str(&seen), want);
    buf_done(&seen);
}

static const char *const plain[] = {"T 1700000000 5", "S a@b.test",   "R joe@x.test",
                                    "D gone@x.test",  "R a b@x.test", NULL};
static const char *const bounce[] = {"T 1700000000", "S ", "R joe@x.test", NULL};

static void shows_queues_in_their_order(void **state)
{
    (void)state;
    put_message("hold/AAA5", bounce, 0700);
    put_message("incoming/AAA3", bounce, 0700);
    put_message("active/AAA2", plain, 0700);
    assert_int_equal(mkdir("deferred/A", 0700), 0);
    put_message("deferred/A/AAA4", bounce, 0710);
    put("maildrop/AAA1", STR("T\0051 000S\3joeA\3a=bR\3annM\0N\1xX\0R\3bobE\0"), 0744);
    lists(note, 0,
          "maildrop/AAA1 at 1, joe: <ann> <bob>\n"
          "active/AAA2 at 1700000000, a@b.test: <joe@x.test> <\"a b\"@x.test>\n"
          "incoming/AAA3 at 1700000000, MAILER-DAEMON: <joe@x.test>\n"
          "deferred/AAA4 at 1700000000, MAILER-DAEMON (expires): <joe@x.test>\n"
          "hold/AAA5 at 1700000000, MAILER-DAEMON: <joe@x.test>\n");
}

static void ends_when_it_is_told_to(void **state)
{
    (void)state;
    put_message("active/AAA2", bounce, 0700);
    put_message("hold/AAA5", bounce, 0700);
    lists(note_one, -1, "active/AAA2 at 1700000000, MAILER-DAEMON: <joe@x.test>\n");
}

/* The defer log tells of one of two recipients; that one comes first. */
static void shows_reasons_of_the_defer_log_first(void **state)
{
    struct fail why;
    struct arena *arena = arena_new("test");
    struct str file;
    const char *at, *log;

    (void)state;
    assert_int_equal(mkdir("defer/A", 0700), 0);
    put_message("active/AAA2", plain, 0700);
    assert_int_equal(file_read("active/AAA2", 10000, arena, &file, &why), 0);
    at = memmem(file.p, file.n, "R\012a b@x.test", 12);
    assert_non_null(at);
    log = arena_printf(arena,
                       "\nrecipient=\"a b\"@x.test\noffset=%ld\nstatus=4.4.1\n"
                       "action=delayed\nreason=host is down\n\n"
                       "\nrecipient=gone@x.test\noffset=12\nstatus=4.4.1\n"
                       "action=delayed\nreason=was down\n\n",
                       (long)(at - file.p));
    put("defer/A/AAA2", str_of(log), 0600);
    lists(note, 0,
          "active/AAA2 at 1700000000, a@b.test: <\"a b\"@x.test>=defer: host is down "
          "<joe@x.test>\n");
    arena_free(arena);
}

/* Those who bounced are done; they are shown until the sender has been told. */
static void shows_bounces_that_wait_to_be_reported(void **state)
{
    static const char *const envelope[] = {
        "T 1700000000 5", "S a@b.test",   "O gone", "D gone@x.test",
        "O joe",          "R joe@x.test", NULL};

    (void)state;
    put_message("active/AAA2", envelope, 0700);
    put("bounce/AAA2",
        STR("\nrecipient=gone@x.test\noriginal_recipient=gone\noffset=12\nstatus=5.1.1\n"
            "action=failed\nreason=unknown user\n\n"),
        0600);
    lists(note, 0,
          "active/AAA2 at 1700000000, a@b.test: gone<gone@x.test>=bounce: unknown user "
          "joe<joe@x.test>\n");
}

static const struct {
    const char *name;
    struct str bytes;
    mode_t mode;
} hidden[] = {
    {"unfinished", STR("C"), 0600},
    {"an empty file", STR(""), 0700},
    {"no record", STR("nonsense"), 0700},
    {"a size that is none", STR("C\3a b"), 0700},
    {"a length beyond the file", STR("S\xff\xff\xff\x0f"), 0700},
    {"a length of more than 32 bits", STR("S\xff\xff\xff\xff\xff\xff\x01x"), 0700},
    {"a record of type zero", STR("\0\0S\0R\1aM\0X\0E\0"), 0744},
    {"no end", STR("S\3joeR\3annM\0N\1x"), 0744},
};

static void leaves_out_what_is_no_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(hidden); i++) {
        put("maildrop/AAA1", hidden[i].bytes, hidden[i].mode);
        put("hold/AAA1", hidden[i].bytes, hidden[i].mode);
        lists(note, 0, "");
    }
}

static void tells_when_a_queue_is_missing(void **state)
{
    (void)state;
    assert_int_equal(rmdir("hold"), 0);
    lists(note, -1, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(shows_queues_in_their_order),
        sandbox_test(ends_when_it_is_told_to),
        sandbox_test(shows_reasons_of_the_defer_log_first),
        sandbox_test(shows_bounces_that_wait_to_be_reported),
        sandbox_test(leaves_out_what_is_no_message),
        sandbox_test(tells_when_a_queue_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
