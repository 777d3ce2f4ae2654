/* The wire form: what is written, what is read back, and what hostile bytes cost. */
#include "ipc/messages.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES STR

static void writes_names_and_values(void **state)
{
    struct stream *s = stream_memory(STR_NONE);
    struct resolve ask = {.flags = -1, .sender = NULL, .address = "a b@c"};

    (void)state;
    ipc_put_request(s, "resolve", &resolve_message, &ask);
    assert_int_equal(stream_flush(s), STREAM_OK);
    struct str want = BYTES("request\0resolve\0flags\0-1\0sender\0\0address\0a b@c\0\0");
    assert_true(str_eq(stream_memory_output(s), want));
    stream_free(s);
}

static void reads_back_what_it_wrote(void **state)
{
    struct arena *arena = arena_new("request");
    struct buf wire;
    struct stream *s;
    struct resolved in = {.flags = RESOLVE_LOCAL,
                          .transport = "local",
                          .nexthop = "",
                          .recipient = "\"x\ny\"@\xc3\xa9"},
                    out;
    const char *name = NULL;
    struct fail why;

    (void)state;
    buf_init(&wire, 100000);
    ipc_add_request(&wire, "resolve", &resolved_message, &in);
    ipc_add(&wire, &resolved_message, &in);
    s = stream_memory(buf_str(&wire));
    assert_int_equal(ipc_receive_request(s, arena, &name, &why), 1);
    assert_string_equal(name, "resolve");
    for (int i = 0; i < 2; i++) {
        memset(&out, 0, sizeof(out));
        assert_int_equal(ipc_receive(s, &resolved_message, arena, &out, &why), 0);
        assert_int_equal(out.flags, RESOLVE_LOCAL);
        assert_string_equal(out.transport, "local");
        assert_string_equal(out.nexthop, "");
        assert_string_equal(out.recipient, in.recipient);
    }
    assert_int_equal(ipc_receive_request(s, arena, &name, &why), 0);
    stream_free(s);
    buf_done(&wire);
    arena_free(arena);
}

static const struct {
    const char *row;
    struct str bytes;
} refused[] = {
    {"empty message", BYTES("\0")},
    {"missing field", BYTES("status\0000\0\0")},
    {"unknown field", BYTES("status\0000\0reason\0\0extra\0x\0\0")},
    {"wrong order", BYTES("reason\0\0status\0000\0\0")},
    {"wrong name", BYTES("statux\0000\0reason\0\0\0")},
    {"no number", BYTES("status\00012x\0reason\0\0\0")},
    {"empty number", BYTES("status\0\0reason\0\0\0")},
    {"lone minus", BYTES("status\0-\0reason\0\0\0")},
    {"number too big", BYTES("status\0009223372036854775808\0reason\0\0\0")},
    {"two minuses", BYTES("status\0--1\0reason\0\0\0")},
    {"end of input in a value", BYTES("status\0000\0reason\0abc")},
    {"end of input before the end", BYTES("status\0000\0reason\0abc\0")},
    {"nothing at all", BYTES("")},
};

static void refuses_bad_messages(void **state)
{
    struct arena *arena = arena_new("request");

    (void)state;
    for (size_t i = 0; i < ROWS(refused); i++) {
        struct stream *s = stream_memory(refused[i].bytes);
        struct str rest = refused[i].bytes;
        struct status_reply reply;
        struct fail why = {0};

        ROW_INT(refused[i].row,
                ipc_receive(s, &status_reply_message, arena, &reply, &why), -1);
        assert_true(why.text[0] != '\0');
        ROW_INT(refused[i].row,
                ipc_decode(&rest, &status_reply_message, arena, &reply, &why), -1);
        stream_free(s);
    }
    arena_free(arena);
}

static void knows_numbers_to_the_last(void **state)
{
    struct arena *arena = arena_new("request");
    struct str rest = BYTES("status\0-9223372036854775807\0reason\0\0\0tail");
    struct status_reply reply;
    struct fail why;

    (void)state;
    assert_int_equal(ipc_decode(&rest, &status_reply_message, arena, &reply, &why), 0);
    assert_true(reply.status == -9223372036854775807LL);
    assert_true(str_is(rest, "tail"));
    arena_free(arena);
}

/* Every cut of a good message is "not yet", the whole is its own length. */
static void tells_whole_messages_from_parts(void **state)
{
    struct str whole = BYTES("request\0x\0flags\0001\0\0");

    (void)state;
    for (size_t n = 0; n < whole.n; n++)
        assert_int_equal(ipc_length(str_head(whole, n)), 0);
    assert_int_equal(ipc_length(whole), whole.n);
    assert_int_equal(ipc_length(BYTES("a\0b\0\0second")), 5);
}

static void bounds_names_values_and_counts(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 24);
    buf_add_repeat(&b, 'n', IPC_NAME_MAX + 1);
    assert_int_equal(ipc_length(buf_str(&b)), -1);
    buf_reset(&b);
    buf_add(&b, "v", 2);
    buf_add_repeat(&b, 'v', IPC_VALUE_MAX);
    assert_int_equal(ipc_length(buf_str(&b)), 0);
    buf_add(&b, "", 1);
    buf_add(&b, "", 1);
    assert_int_equal(ipc_length(buf_str(&b)), b.n);
    buf_cut(&b, b.n - 2);
    buf_add_char(&b, 'v');
    assert_int_equal(ipc_length(buf_str(&b)), -1);
    buf_reset(&b);
    for (int i = 0; i < 10000; i++)
        buf_add(&b, "a\0b", 4);
    assert_int_equal(ipc_length(buf_str(&b)), -1);
    buf_done(&b);
}

/* A message larger than any stream buffer, in small pieces, with another behind it. */
static void collects_large_messages(void **state)
{
    struct arena *arena = arena_new("request");
    char *text = malloc(IPC_VALUE_MAX + 1);
    struct status_reply in = {.status = 7, .reason = text}, out;
    struct buf wire;
    struct stream *s;
    struct fail why;

    (void)state;
    memset(text, 'x', IPC_VALUE_MAX);
    text[IPC_VALUE_MAX] = '\0';
    buf_init(&wire, 1 << 20);
    ipc_add(&wire, &status_reply_message, &in);
    in.status = 8;
    ipc_add(&wire, &status_reply_message, &in);
    s = stream_memory(buf_str(&wire));
    for (int i = 7; i <= 8; i++) {
        assert_int_equal(ipc_receive(s, &status_reply_message, arena, &out, &why), 0);
        assert_int_equal(out.status, i);
        assert_int_equal(strlen(out.reason), IPC_VALUE_MAX);
    }
    stream_free(s);
    buf_done(&wire);
    free(text);
    arena_free(arena);
}

static void insists_on_the_protocol(void **state)
{
    struct stream *s = stream_memory(STR_NONE);
    struct str announced, rest;
    struct stream *reader;
    struct fail why;

    (void)state;
    ipc_announce(s, "cleanup");
    assert_int_equal(stream_flush(s), STREAM_OK);
    announced = stream_memory_output(s);
    assert_true(str_eq(announced, BYTES("protocol\0cleanup_protocol\0\0")));
    reader = stream_memory(announced);
    assert_int_equal(ipc_expect(reader, "cleanup", &why), 0);
    stream_free(reader);
    reader = stream_memory(announced);
    assert_int_equal(ipc_expect(reader, "clean", &why), -1);
    stream_free(reader);
    rest = str_head(announced, 10);
    assert_int_equal(ipc_decode_announcement(&rest, "cleanup", &why), 0);
    rest = announced;
    assert_int_equal(ipc_decode_announcement(&rest, "bounce", &why), -1);
    assert_int_equal(ipc_decode_announcement(&rest, "cleanup", &why), 1);
    assert_int_equal(rest.n, 0);
    rest = BYTES("\0");
    assert_int_equal(ipc_decode_announcement(&rest, "cleanup", &why), -1);
    rest = BYTES("protocol\0cleanup_protocol\0more\0x\0\0");
    assert_int_equal(ipc_decode_announcement(&rest, "cleanup", &why), -1);
    stream_free(s);
}

static void refuses_what_is_no_request(void **state)
{
    static const struct str bad[] = {
        BYTES("\0"),
        BYTES("GET / HTTP/1.0\r\n\r\n"),
        BYTES("reqwest\0x\0\0"),
        BYTES("request\0x"),
    };
    struct arena *arena = arena_new("request");

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct stream *s = stream_memory(bad[i]);
        const char *name;
        struct fail why;

        assert_int_equal(ipc_receive_request(s, arena, &name, &why), -1);
        stream_free(s);
    }
    arena_free(arena);
}

/* Random changes of a good message: decoded or refused, nothing else. */
static void survives_noise(void **state)
{
    struct arena *arena = arena_new("request");
    struct deliver_recipient in = {"a@b", "c@d", 12345, "rfc822;x", 3}, out;
    struct buf wire;

    (void)state;
    srandom(1);
    buf_init(&wire, 4000);
    for (int i = 0; i < 20000; i++) {
        struct str rest;
        struct fail why;

        buf_reset(&wire);
        ipc_add(&wire, &deliver_recipient_message, &in);
        for (int k = 0; k < 2; k++)
            wire.p[(size_t)random() % wire.n] = (char)(random() % 3 ? random() : 0);
        rest = buf_str(&wire);
        if (ipc_decode(&rest, &deliver_recipient_message, arena, &out, &why) == 0)
            assert_true(strlen(out.address) + strlen(out.original) < wire.n);
        arena_reset(arena);
    }
    buf_done(&wire);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_names_and_values),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(refuses_bad_messages),
        cmocka_unit_test(knows_numbers_to_the_last),
        cmocka_unit_test(tells_whole_messages_from_parts),
        cmocka_unit_test(bounds_names_values_and_counts),
        cmocka_unit_test(collects_large_messages),
        cmocka_unit_test(insists_on_the_protocol),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(survives_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
