/* Answers of servers of tables: what is found, not found, and an error. */
#include "tables.h"

#include "table/peer.h"
#include "table/replies.h"
#include "util/stream.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct {
    const char *line;
    enum table_result result;
    const char *value;
} lines[] = {
    {"200 value", TABLE_FOUND, "value"},
    {"200 a%20b%25%c3%A9", TABLE_FOUND, "a b%\xc3\xa9"},
    {"200 a b", TABLE_FOUND, "a b"},
    {"200 ", TABLE_FOUND, ""},
    {"500 no", TABLE_NOT_FOUND, NULL},
    {"400 later", TABLE_ERROR, NULL},
    {"500", TABLE_ERROR, NULL},
    {"200", TABLE_ERROR, NULL},
    {"200 a%zz", TABLE_ERROR, NULL},
    {"200 a%2", TABLE_ERROR, NULL},
    {"200 a%00b", TABLE_ERROR, NULL},
    {"300 x", TABLE_ERROR, NULL},
    {"2000 x", TABLE_ERROR, NULL},
    {"", TABLE_ERROR, NULL},
};

static void a_line_of_a_tcp_server_has_one_meaning(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(lines); i++) {
        struct str value = STR_NONE;
        struct fail why;

        ROW_INT(lines[i].line,
                tcp_reply(str_of(lines[i].line), bench->arena, &value, &why),
                lines[i].result);
        if (lines[i].value)
            ROW_EQ(lines[i].line, value, lines[i].value);
    }
}

static void no_key_can_end_its_line(void **state)
{
    struct bench *bench = *state;
    struct str key = STR("a\nget b\r%\x01 \xc3\xa9~");

    assert_true(str_is(tcp_encode(key, bench->arena), "a%0Aget%20b%0D%25%01%20%C3%A9~"));
}

static const struct {
    const char *wire;
    enum table_result result;
    const char *value;
} netstrings[] = {
    {"12:OK the value,", TABLE_FOUND, "the value"},
    {"3:OK ,", TABLE_FOUND, ""},
    {"0004:OK a,", TABLE_FOUND, "a"},
    {"9:NOTFOUND ,", TABLE_NOT_FOUND, NULL},
    {"8:NOTFOUND,", TABLE_NOT_FOUND, NULL},
    {"8:TEMP why,", TABLE_ERROR, NULL},
    {"12:TIMEOUT slow,", TABLE_ERROR, NULL},
    {"8:PERM bad,", TABLE_ERROR, NULL},
    {"4:ok a,", TABLE_ERROR, NULL},
    {"0:,", TABLE_ERROR, NULL},
    {"4:OK a;", TABLE_ERROR, NULL},
    {"5:OK a,", TABLE_ERROR, NULL},
    {"x:OK a,", TABLE_ERROR, NULL},
    {":,", TABLE_ERROR, NULL},
    {"99999999999999999999:OK a,", TABLE_ERROR, NULL},
    {"1001:OK a,", TABLE_ERROR, NULL},
    {"", TABLE_ERROR, NULL},
};

static void a_netstring_of_a_socketmap_server_has_one_meaning(void **state)
{
    struct bench *bench = *state;

    for (size_t i = 0; i < ROWS(netstrings); i++) {
        struct stream *stream = stream_memory(str_of(netstrings[i].wire));
        struct str reply, value = STR_NONE;
        enum table_result result = TABLE_ERROR;
        struct fail why;

        if (netstring_read(stream, 1000, bench->arena, &reply, &why) == 0)
            result = socketmap_reply(reply, bench->arena, &value, &why);
        ROW_INT(netstrings[i].wire, result, netstrings[i].result);
        if (netstrings[i].value)
            ROW_EQ(netstrings[i].wire, value, netstrings[i].value);
        stream_free(stream);
    }
}

static const struct {
    const char *wire;
    int found;
    const char *value;
} stored[] = {
    {"VALUE key 0 5\r\nhello\r\nEND\r\n", 1, "hello"},
    {"VALUE key 42 0\r\n\r\nEND\r\n", 1, ""},
    {"VALUE key 0 7 99\r\na\r\nEND\n\r\nEND\r\n", 1, "a\r\nEND\n"},
    {"END\r\n", 0, NULL},
    {"VALUE other 0 5\r\nhello\r\nEND\r\n", -1, NULL},
    {"VALUE key 0 4\r\nhello\r\nEND\r\n", -1, NULL},
    {"VALUE key 0 6\r\nhello\r\nEND\r\n", -1, NULL},
    {"VALUE key 0 5\r\nhello\r\nVALUE key 0 1\r\nx\r\nEND\r\n", -1, NULL},
    {"VALUE key 0 -5\r\nhello\r\nEND\r\n", -1, NULL},
    {"VALUE key 0 1001\r\n", -1, NULL},
    {"VALUE key 0 99999999999999999999\r\n", -1, NULL},
    {"VALUE key\r\n", -1, NULL},
    {"ERROR\r\n", -1, NULL},
    {"SERVER_ERROR out of memory\r\n", -1, NULL},
    {"VALUE key 0 5\r\nhel", -1, NULL},
    {"", -1, NULL},
};

static void an_answer_of_memcached_has_one_meaning(void **state)
{
    struct bench *bench = *state;
    const struct memcache_limits limits = {.line = 300, .data = 1000};

    for (size_t i = 0; i < ROWS(stored); i++) {
        struct stream *stream = stream_memory(str_of(stored[i].wire));
        struct str value = STR_NONE;
        struct fail why;

        ROW_INT(stored[i].wire,
                memcache_read(stream, STR("key"), &limits, bench->arena, &value, &why),
                stored[i].found);
        if (stored[i].value)
            ROW_EQ(stored[i].wire, value, stored[i].value);
        stream_free(stream);
    }
}

/* --- the connection ------------------------------------------------------------------
 */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

/* Answers one question on each of two connections, then goes away. */
static void *serve_two(void *listener)
{
    char question[100];

    for (int i = 0; i < 2; i++) {
        int fd = accept(*(int *)listener, NULL, NULL);

        if (read(fd, question, sizeof(question)) > 0)
            (void)!write(fd, "200 x\n", 6);
        close(fd);
    }
    return NULL;
}

static void a_server_that_hung_up_between_questions_is_asked_again(void **state)
{
    struct bench *bench = *state;
    int listener = listen_at(bench_path(bench, "server"));
    const char *name =
        arena_printf(bench->arena, "tcp:unix:%s", bench_path(bench, "server"));
    struct table *table = table_open(bench->tables, name, 0);
    struct str value;
    struct fail why;
    pthread_t server;

    pthread_create(&server, NULL, serve_two, &listener);
    assert_int_equal(table_lookup(table, STR("a"), bench->arena, &value, &why), 1);
    assert_int_equal(table_lookup(table, STR("b"), bench->arena, &value, &why), 1);
    pthread_join(server, NULL);
    close(listener);
    assert_int_equal(table_lookup(table, STR("c"), bench->arena, &value, &why), -1);
    assert_non_null(strstr(why.text, name));
}

static int read_a_line(struct stream *stream, void *context, struct fail *why)
{
    struct str line;

    (void)context;
    return peer_failed(stream, stream_read_line(stream, 100, &line, NULL), why);
}

static void a_silent_server_is_an_error_after_the_time_limit(void **state)
{
    struct bench *bench = *state;
    const char *path = bench_path(bench, "silent");
    int listener = listen_at(path);
    struct peer *peer =
        peer_new(arena_printf(bench->arena, "unix:%s", path), 50, bench->arena);
    struct fail why;

    assert_int_equal(peer_ask(peer, read_a_line, NULL, &why), -1);
    assert_non_null(strstr(why.text, "timeout"));
    peer_close(peer);
    close(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_of_a_tcp_server_has_one_meaning),
        TEST(no_key_can_end_its_line),
        TEST(a_netstring_of_a_socketmap_server_has_one_meaning),
        TEST(an_answer_of_memcached_has_one_meaning),
        TEST(a_server_that_hung_up_between_questions_is_asked_again),
        TEST(a_silent_server_is_an_error_after_the_time_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
