/* The showq protocol: byte for byte, there and back, and what is no listing. */
#include "queue/listing_wire.h"

#include "unit.h"
#include "util/buf.h"

#define START "protocol\0mail_queue_list_protocol\0\0"
#define FIRST                                                                            \
    "queue_name\0deferred\0queue_id\0ABC123\0time\0001700000000\0size\000253\0"          \
    "forced_expire\0001\0sender\0MAILER-DAEMON\0"                                        \
    "recipient\0joe@x.test\0original_recipient\0joe\0log_class\0defer\0reason\0down\0"   \
    "recipient\0\"a b\"@x.test\0original_recipient\0\0log_class\0\0reason\0\0\0"
#define SECOND                                                                           \
    "queue_name\0hold\0queue_id\0DEF456\0time\0000\0size\0000\0forced_expire\0000\0"     \
    "sender\0a@b.test\0\0"

static const struct listing_recipient recipients[] = {
    {"joe@x.test", "joe", "defer", "down"}, {"\"a b\"@x.test", "", "", ""}};
static const struct listing_message messages[] = {
    {.queue = "deferred",
     .id = "ABC123",
     .arrival = 1700000000,
     .size = 253,
     .forced_expire = true,
     .sender = "MAILER-DAEMON",
     .recipients = recipients,
     .n = 2},
    {.queue = "hold", .id = "DEF456", .sender = "a@b.test"},
};

/* All that a message says, as text. */
static int note(void *context, const struct listing_message *m)
{
    struct buf *seen = context;

    buf_printf(seen, "%s %s %lld %lld %d %s:", m->queue, m->id, (long long)m->arrival,
               m->size, m->forced_expire, m->sender);
    for (size_t i = 0; i < m->n; i++)
        buf_printf(seen, " <%s>%s/%s(%s)", m->recipients[i].address,
                   m->recipients[i].original, m->recipients[i].log,
                   m->recipients[i].reason);
    buf_add_char(seen, '\n');
    return 0;
}

static void is_written_byte_for_byte(void **state)
{
    struct stream *s = stream_memory(STR(""));
    const struct str want = STR(START FIRST SECOND "\0");

    (void)state;
    listing_put_start(s);
    for (size_t i = 0; i < ROWS(messages); i++)
        listing_put(s, &messages[i]);
    listing_put_end(s);
    assert_int_equal(stream_flush(s), STREAM_OK);
    assert_true(str_eq(stream_memory_output(s), want));
    stream_free(s);
}

static const struct {
    const char *name;
    struct str bytes;
    int result;
    const char *seen;
} listings[] = {
    {"empty", STR(START "\0"), 0, ""},
    {"two messages", STR(START FIRST SECOND "\0"), 0,
     "deferred ABC123 1700000000 253 1 MAILER-DAEMON: <joe@x.test>joe/defer(down) "
     "<\"a b\"@x.test>/()\nhold DEF456 0 0 0 a@b.test:\n"},
    {"no bytes", STR(""), -1, ""},
    {"another protocol", STR("protocol\0cleanup_protocol\0\0\0"), -1, ""},
    {"no end", STR(START FIRST), -1,
     "deferred ABC123 1700000000 253 1 MAILER-DAEMON: <joe@x.test>joe/defer(down) "
     "<\"a b\"@x.test>/()\n"},
    {"cut in a value", STR(START "queue_name\0defer"), -1, ""},
    {"unknown attribute", STR(START "queue\0x\0\0\0"), -1, ""},
    {"no number", STR(START "queue_name\0hold\0queue_id\0A\0time\0now\0\0"), -1, ""},
    {"negative number", STR(START "queue_name\0hold\0queue_id\0A\0time\0-1\0\0"), -1, ""},
    {"recipient without reason",
     STR(START "queue_name\0hold\0queue_id\0A\0time\0000\0size\0000\0forced_expire\0000\0"
               "sender\0a\0recipient\0r\0\0\0"),
     -1, ""},
};

static void reads_listings_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(listings); i++) {
        struct stream *s = stream_memory(listings[i].bytes);
        struct fail why = {0};
        struct buf seen;

        buf_init(&seen, 10000);
        ROW_INT(listings[i].name, listing_receive(s, note, &seen, &why),
                listings[i].result);
        ROW_EQ(listings[i].name, buf_str(&seen), listings[i].seen);
        ROW_INT(listings[i].name, why.text[0] != '\0', listings[i].result < 0);
        buf_done(&seen);
        stream_free(s);
    }
}

static void has_a_limit_for_texts(void **state)
{
    struct buf bytes;
    struct stream *s;
    struct fail why;

    (void)state;
    buf_init(&bytes, 1 << 20);
    buf_add(&bytes, START "queue_name\0", sizeof(START "queue_name\0") - 1);
    buf_add_repeat(&bytes, 'x', 200000);
    s = stream_memory(buf_str(&bytes));
    assert_int_equal(listing_receive(s, note, NULL, &why), -1);
    assert_non_null(strstr(why.text, "more than"));
    stream_free(s);
    buf_done(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_written_byte_for_byte),
        cmocka_unit_test(reads_listings_and_nothing_else),
        cmocka_unit_test(has_a_limit_for_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
