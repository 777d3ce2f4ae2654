/* What stands before, between and behind the lines of a message that is copied. */
#include "deliver/content.h"

#include <errno.h>
#include <fcntl.h>

static const char *const plain[] = {
    "N Subject: t", "N ", "N hello", "N From me", "N .dot", "L From the", "N  long", NULL,
};
static const char *const no_end[] = {"N Subject: t", "N ", "L From", NULL};

/* clang-format off */
static const struct {
    const char *name;
    const char *const *records;
    struct copy copy;
    const char *want; /* CTIME stands for the date */
} copies[] = {
    {"bare", plain, {0}, "Subject: t\n\nhello\nFrom me\n.dot\nFrom the long\n"},
    {"mbox", plain, {.flags = COPY_MBOX | COPY_RETURN_PATH | COPY_ORIGINAL_TO | COPY_DELIVERED_TO,
                     .sender = "a b@c", .original_to = "x y@d", .delivered_to = "z@d"},
     "From \"a b\"@c  CTIME\nReturn-Path: <\"a b\"@c>\nX-Original-To: \"x y\"@d\nDelivered-To: z@d\n"
     "Subject: t\n\nhello\n>From me\n.dot\n>From the long\n\n"},
    {"null sender", plain, {.flags = COPY_FROM_LINE | COPY_RETURN_PATH, .sender = ""},
     "From MAILER-DAEMON  CTIME\nReturn-Path: <>\nSubject: t\n\nhello\nFrom me\n.dot\nFrom the long\n"},
    {"null sender, as pipe(8) shows it", no_end, {.flags = COPY_RETURN_PATH, .sender = "", .null_sender = "MAILER-DAEMON"},
     "Return-Path: <MAILER-DAEMON>\nSubject: t\n\nFrom\n"},
    {"no original recipient", no_end, {.flags = COPY_ORIGINAL_TO, .sender = "", .original_to = ""},
     "Subject: t\n\nFrom\n"},
    {"dots, CR LF", plain, {.flags = COPY_DOUBLE_DOTS, .sender = "", .line_end = "\r\n"},
     "Subject: t\r\n\r\nhello\r\nFrom me\r\n..dot\r\nFrom the long\r\n"},
    {"a last line without its end", no_end, {.flags = COPY_QUOTE_FROM | COPY_BLANK_LINE, .sender = ""},
     "Subject: t\n\nFrom\n\n"},
};

static const struct {
    const char *name;
    const char *const *records;
    const char *address;
    bool was;
} loops[] = {
    {"same", (const char *const[]){"N Subject: t", "N Delivered-To: joe@x.test", "N ", NULL}, "joe@x.test", true},
    {"other case", (const char *const[]){"N DELIVERED-TO:Joe@X.test", "N ", NULL}, "joe@x.test", true},
    {"second", (const char *const[]){"N Delivered-To: a", "N Delivered-To: b", "N ", NULL}, "b", true},
    {"quoted", (const char *const[]){"N Delivered-To: \"j s\"@x", "N ", NULL}, "j s@x", true},
    {"folded", (const char *const[]){"N Delivered-To:", "N  joe@x.test", "N ", NULL}, "joe@x.test", true},
    {"in pieces", (const char *const[]){"L Delivered-To: joe", "N @x.test", "N ", NULL}, "joe@x.test", true},
    {"last line of a header without body", (const char *const[]){"N Delivered-To: joe", NULL}, "joe", true},
    {"in the body", (const char *const[]){"N S: t", "N ", "N Delivered-To: joe", NULL}, "joe", false},
    {"behind what is no header", (const char *const[]){"N text", "N Delivered-To: joe", NULL}, "joe", false},
    {"part", (const char *const[]){"N Delivered-To: joe@x.test.y", "N ", NULL}, "joe@x.test", false},
    {"none", (const char *const[]){"N ", "N ", NULL}, "joe@x.test", false},
};
/* clang-format on */

/* The date of a From_ line, as the word CTIME. */
static void hide_date(char *text)
{
    char *end = strchr(text, '\n');

    if (str_starts(str_of(text), "From ") && end && end - text > 24) {
        memcpy(end - 24, "CTIME", 5);
        memmove(end - 19, end, strlen(end) + 1);
    }
}

static void lines_stand_where_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(copies); i++) {
        struct copy copy = copies[i].copy;
        struct stream *to = stream_memory(STR(""));
        struct content c;
        struct fail why;
        char *got;

        content_open(&c, copies[i].records, false);
        copy.delivery = &c.delivery;
        copy.sender = copy.sender ? copy.sender : "";
        ROW_INT(copies[i].name, copy_message(&copy, to, &why), COPY_DONE);
        got = arena_copy_str(c.delivery.arena, stream_memory_output(to));
        hide_date(got);
        ROW_TEXT(copies[i].name, got, copies[i].want);
        stream_free(to);
        content_close(&c);
    }
}

static void delivered_to_lines_are_found_in_the_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(loops); i++) {
        struct texts values = {0};
        struct content c;
        struct fail why;

        content_open(&c, loops[i].records, false);
        ROW_INT(loops[i].name,
                copy_delivered_to(&c.delivery, &values, c.delivery.arena, &why),
                COPY_DONE);
        ROW_INT(loops[i].name,
                copy_was_delivered_to(&values, loops[i].address, c.delivery.arena),
                loops[i].was);
        content_close(&c);
    }
}

static void damage_is_told_from_a_full_disk(void **state)
{
    struct content c;
    struct copy copy = {.delivery = &c.delivery, .sender = ""};
    struct fail why;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_true(full >= 0);
    content_open(&c, plain, false);
    assert_int_equal(copy_to_file(&copy, full, -1, &why), COPY_NOT_WRITTEN);
    assert_int_equal(why.code, ENOSPC);
    content_close(&c);

    content_open(&c, plain, true);
    assert_int_equal(copy_to_file(&copy, full, -1, &why), COPY_CORRUPT);
    assert_int_equal(copy_read_failure(&c.delivery, COPY_CORRUPT, &why).result,
                     OUTCOME_DEFERRED);
    content_close(&c);
    close(full);

    content_open(&c, plain, false);
    close(c.delivery.fd);
    assert_int_equal(copy_to_file(&copy, full, -1, &why), COPY_NOT_READ);
    c.delivery.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    content_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_stand_where_they_should),
        cmocka_unit_test(delivered_to_lines_are_found_in_the_header),
        cmocka_unit_test(damage_is_told_from_a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
