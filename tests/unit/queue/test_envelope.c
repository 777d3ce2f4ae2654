#include "message.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING   ((const char *const[]){NULL})

static void the_worked_example_is_read(void **state)
{
    struct arena *arena = arena_new("test");
    struct envelope e;
    struct fail why = {0};
    int fd = file_of(STR(WORKED_EXAMPLE));

    (void)state;
    assert_int_equal(envelope_read(fd, SIZE_MAX, arena, &e, &why), 0);
    assert_int_equal(e.size.content_bytes, 23);
    assert_int_equal(e.size.content_offset, 189);
    assert_int_equal(e.arrival.tv_sec, 1700000000);
    assert_int_equal(e.arrival.tv_usec, 123456);
    assert_int_equal(e.created, 1700000000);
    ROW_TEXT("sender", e.sender, "");
    ROW_TEXT("context", e.rewrite_context, "local");
    ROW_TEXT("client", e.client_name, "");
    assert_int_equal(e.n, 1);
    ROW_TEXT("recipient", e.recipients[0].address, "al@x.test");
    ROW_TEXT("original", e.recipients[0].original, "al@x.test");
    assert_int_equal(e.recipients[0].offset, 0xb0);
    assert_int_equal(e.next, 0);
    arena_free(arena);
    close(fd);
}

static void everything_said_about_the_message_is_found(void **state)
{
    struct arena *arena = arena_new("test");
    struct envelope e;
    struct fail why = {0};
    int fd = message_of(
        0,
        LIST("T 1700000000", "A create_time=1600000000", "L smtp:filter",
             "A log_ident=X1", "A rewrite_context=remote", "A sasl_username=ann",
             "A envelope_id=id+1", "A ret_flags=2", "A trace_flags=1024",
             "A trace_flags=256", "F Joe User", "S joe@a.b", "W      1700009999",
             "A encoding=7bit", "A encoding=8bit", "A client_name=one",
             "A client_name=two", "A unheard_of=x", "V +=", "K killed", "w pad",
             "A notify_flags=10", "A dsn_orig_rcpt=rfc822;x@y", "O orig@y", "R to@y",
             "O ", "R plain@y"),
        LIST("L smtp:other", "> redirect@z", "A notify_flags=1", "R late@y"));

    (void)state;
    if (envelope_read(fd, SIZE_MAX, arena, &e, &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(e.arrival.tv_usec, 0);
    assert_int_equal(e.created, 1600000000);
    ROW_TEXT("filter", e.filter, "smtp:other");
    ROW_TEXT("redirect", e.redirect, "redirect@z");
    ROW_TEXT("ident", e.log_ident, "X1");
    ROW_TEXT("context", e.rewrite_context, "remote");
    ROW_TEXT("sasl", e.sasl_username, "ann");
    ROW_TEXT("envid", e.envelope_id, "id+1");
    ROW_TEXT("name", e.full_name, "Joe User");
    ROW_TEXT("sender", e.sender, "joe@a.b");
    ROW_TEXT("encoding: last wins", e.encoding, "8bit");
    ROW_TEXT("client: first wins", e.client_name, "one");
    ROW_TEXT("verp", e.verp, "+=");
    assert_int_equal(e.ret, RET_HEADERS);
    assert_int_equal(e.trace_flags, TRACE_RECORD);
    assert_int_equal(e.warn_at, 1700009999);
    assert_int_equal(e.n, 3);
    ROW_TEXT("1", e.recipients[0].address, "to@y");
    ROW_TEXT("1", e.recipients[0].original, "orig@y");
    ROW_TEXT("1", e.recipients[0].dsn_orig_rcpt, "rfc822;x@y");
    assert_int_equal(e.recipients[0].notify, NOTIFY_SUCCESS | NOTIFY_DELAY);
    ROW_TEXT("2", e.recipients[1].address, "plain@y");
    ROW_TEXT("2", e.recipients[1].dsn_orig_rcpt, "");
    assert_int_equal(e.recipients[1].notify, 0);
    ROW_TEXT("3", e.recipients[2].address, "late@y");
    ROW_TEXT("3", e.recipients[2].original, "");
    assert_int_equal(e.recipients[2].notify, NOTIFY_NEVER);
    arena_free(arena);
    close(fd);
}

/* --- batches --- */

static const struct {
    const char *name;
    long flags;
    const char *const *envelope, *const *extracted;
    const char *all; /* recipients, each with its notify flags */
    const char *filter;
} batches[] = {
    {"envelope", 0,
     (const char *const[]){"T 1", "S s", "A notify_flags=1", "O a", "R a", "O b", "D b",
                           "A notify_flags=2", "O c", "R c", "R d", "O e", "/ e", "O f",
                           "R f", NULL},
     (const char *const[]){"L x:y", NULL}, "a1 c2 d0 f0 ", "x:y"},
    {"both segments", 0, (const char *const[]){"T 1", "S s", "R a", "R b", NULL},
     (const char *const[]){"L x:y", "A encoding=8bit", "R c", "A notify_flags=8", "R d",
                           NULL},
     "a0 b0 c0 d8 ", "x:y"},
    {"extracted", 0, (const char *const[]){"T 1", "S s", NULL},
     (const char *const[]){"L x:y", "O a", "R a", "O b", "R b", NULL}, "a0 b0 ", "x:y"},
    {"mixed", SIZE_MIXED,
     (const char *const[]){"T 1", "R a", "L one:y", "R b", "S s", "R c", NULL},
     (const char *const[]){"R d", "L x:y", "R e", NULL}, "a0 b0 c0 d0 e0 ", "x:y"},
    {"none left", 0, (const char *const[]){"T 1", "S s", "D a", NULL},
     (const char *const[]){"D b", "L x:y", NULL}, "", "x:y"},
};

static void note(struct buf *seen, const struct envelope *e, size_t limit)
{
    assert_true(e->n <= limit);
    for (size_t i = 0; i < e->n; i++)
        buf_printf(seen, "%s%d ", e->recipients[i].address, e->recipients[i].notify);
}

static void every_batch_size_gives_the_same_recipients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(batches); i++)
        for (size_t limit = 0; limit < 7; limit++) {
            struct arena *arena = arena_new("test");
            struct envelope e;
            struct fail why;
            struct buf seen;
            int fd =
                message_of(batches[i].flags, batches[i].envelope, batches[i].extracted);

            buf_init(&seen, 1000);
            if (envelope_read(fd, limit, arena, &e, &why) < 0)
                fail_msg("%s: %s", batches[i].name, why.text);
            ROW_TEXT(batches[i].name, e.sender, "s");
            ROW_TEXT(batches[i].name, e.filter, batches[i].filter);
            note(&seen, &e, limit);
            while (e.next != 0) {
                size_t more = limit ? limit : 1;

                if (envelope_read_more(fd, more, arena, &e, &why) < 0)
                    fail_msg("%s: %s", batches[i].name, why.text);
                ROW_TEXT(batches[i].name, e.filter, batches[i].filter);
                note(&seen, &e, more);
            }
            ROW_EQ(batches[i].name, buf_str(&seen), batches[i].all);
            buf_done(&seen);
            arena_free(arena);
            close(fd);
        }
}

/* --- changes in place --- */

static void changes_in_place_are_seen_at_the_next_reading(void **state)
{
    struct arena *arena = arena_new("test");
    struct envelope e, again;
    struct fail why = {0};
    int fd = message_of(0,
                        LIST("T 1", "A trace_flags=1024", "S s", "W      1700009999",
                             "O a", "R a", "R b"),
                        LIST("R c"));

    (void)state;
    assert_int_equal(envelope_read(fd, SIZE_MAX, arena, &e, &why), 0);
    assert_int_equal(envelope_mark_done(fd, e.recipients[0].offset, &why), 0);
    assert_int_equal(envelope_mark_done(fd, e.recipients[2].offset, &why), 0);
    assert_int_equal(envelope_mark_warned(fd, e.warn_offset, &why), 0);
    assert_int_equal(envelope_kill(fd, e.trace_offset, &why), 0);
    assert_int_equal(envelope_read(fd, SIZE_MAX, arena, &again, &why), 0);
    assert_int_equal(again.n, 1);
    ROW_TEXT("left", again.recipients[0].address, "b");
    ROW_TEXT("original of the one before is not taken over", again.recipients[0].original,
             "");
    assert_int_equal(again.warn_at, -1);
    assert_int_equal(again.trace_flags, 0);

    assert_int_equal(envelope_mark_done(fd, e.recipients[0].offset, &why),
                     -1); /* twice */
    assert_int_equal(envelope_mark_warned(fd, e.recipients[1].offset, &why), -1);
    assert_int_equal(envelope_mark_warned(fd, 100000, &why), -1);
    arena_free(arena);
    close(fd);
}

/* --- corrupt files --- */

static const struct {
    const char *name;
    long flags;
    const char *const *envelope, *const *extracted;
} corrupt[] = {
    {"no time", 0, (const char *const[]){"S s", "R a", NULL},
     (const char *const[]){NULL}},
    {"no sender", 0, (const char *const[]){"T 1", "R a", NULL},
     (const char *const[]){NULL}},
    {"two senders", 0, (const char *const[]){"T 1", "S s", "S t", "R a", NULL},
     (const char *const[]){NULL}},
    {"content in the envelope", 0, (const char *const[]){"T 1", "S s", "N text", NULL},
     (const char *const[]){NULL}},
    {"sender extracted", 0, (const char *const[]){"T 1", "S s", NULL},
     (const char *const[]){"S t", NULL}},
    {"type unheard of", 0, (const char *const[]){"T 1", "S s", "? x", NULL},
     (const char *const[]){NULL}},
    {"line end in a recipient", 0, (const char *const[]){"T 1", "S s", "R a\nS b", NULL},
     (const char *const[]){NULL}},
    {"carriage return in the sender", 0,
     (const char *const[]){"T 1", "S s\r", "R a", NULL}, (const char *const[]){NULL}},
    {"time is no number", 0, (const char *const[]){"T soon", "S s", "R a", NULL},
     (const char *const[]){NULL}},
    {"microseconds beyond a second", 0,
     (const char *const[]){"T 1 1000000", "S s", "R a", NULL},
     (const char *const[]){NULL}},
    {"warning time is no number", 0, (const char *const[]){"T 1", "S s", "W x", NULL},
     (const char *const[]){NULL}},
    {"attribute without =", 0, (const char *const[]){"T 1", "A x", "S s", NULL},
     (const char *const[]){NULL}},
    {"notify flags negative", 0,
     (const char *const[]){"T 1", "S s", "A notify_flags=-1", "R a", NULL},
     (const char *const[]){NULL}},
    {"unknown flags in the size record", 64, (const char *const[]){"T 1", "S s", NULL},
     (const char *const[]){NULL}},
};

static void corrupt_envelopes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(corrupt); i++) {
        struct arena *arena = arena_new("test");
        struct envelope e;
        struct fail why = {.code = 99};
        int fd = message_of(corrupt[i].flags, corrupt[i].envelope, corrupt[i].extracted);

        ROW_INT(corrupt[i].name, envelope_read(fd, SIZE_MAX, arena, &e, &why), -1);
        ROW_INT(corrupt[i].name, why.code, 0); /* not a failure of the machine */
        arena_free(arena);
        close(fd);
    }
}

static void a_file_cut_anywhere_is_corrupt(void **state)
{
    struct str whole = STR(WORKED_EXAMPLE);

    (void)state;
    for (size_t n = 0; n < whole.n; n++) {
        struct arena *arena = arena_new("test");
        struct envelope e;
        struct fail why = {.code = 99};
        int fd = file_of(str_head(whole, n));

        if (envelope_read(fd, SIZE_MAX, arena, &e, &why) != -1 || why.code != 0)
            fail_msg("cut at %zu: code %d", n, why.code);
        arena_free(arena);
        close(fd);
    }
}

static void a_byte_changed_anywhere_is_refused_or_stays_in_its_place(void **state)
{
    static const unsigned char flips[] = {0x01, 0x02, 0x04, 0x08, 0x10,
                                          0x20, 0x40, 0x80, 0xff};
    char bytes[sizeof(WORKED_EXAMPLE)];
    const size_t n = sizeof(WORKED_EXAMPLE) - 1;

    (void)state;
    for (size_t at = 0; at < n; at++)
        for (size_t i = 0; i < ROWS(flips); i++) {
            struct arena *arena = arena_new("test");
            struct envelope e;
            struct fail why = {.code = 99};
            int fd;

            memcpy(bytes, WORKED_EXAMPLE, n);
            bytes[at] = (char)(bytes[at] ^ flips[i]);
            fd = file_of(str_from(bytes, n));
            if (envelope_read(fd, SIZE_MAX, arena, &e, &why) < 0)
                assert_int_equal(why.code, 0);
            for (size_t k = 0; why.code == 99 && k < e.n;
                 k++) /* never from the content */
                assert_true(e.recipients[k].offset < 0xbb);
            arena_free(arena);
            close(fd);
        }
}

static void a_descriptor_that_cannot_be_read_is_no_corruption(void **state)
{
    struct arena *arena = arena_new("test");
    struct envelope e;
    struct fail why = {0};

    (void)state;
    assert_int_equal(envelope_read(-1, SIZE_MAX, arena, &e, &why), -1);
    assert_int_not_equal(why.code, 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_example_is_read),
        cmocka_unit_test(everything_said_about_the_message_is_found),
        cmocka_unit_test(every_batch_size_gives_the_same_recipients),
        cmocka_unit_test(changes_in_place_are_seen_at_the_next_reading),
        cmocka_unit_test(corrupt_envelopes_are_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_corrupt),
        cmocka_unit_test(a_byte_changed_anywhere_is_refused_or_stays_in_its_place),
        cmocka_unit_test(a_descriptor_that_cannot_be_read_is_no_corruption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
