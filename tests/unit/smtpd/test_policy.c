/* smtpd/policy.c: which policy server is meant, and what its answer says. */
#include "unit.h"

#include "smtpd/policy.h"

static const struct {
    const char *wire;
    const char *action; /* NULL = it fails, and then: */
    const char *why;
} answers[] = {
    {"action=DUNNO\n\n", "DUNNO", NULL},
    {"action=\n\n", "", NULL},
    {"action=REJECT one\r\n\r\n", "REJECT one", NULL},
    {"foo=bar\naction=OK\naction=REJECT\nbar=foo\n\n", "OK", NULL},
    {"", NULL, "closed the connection instead of an answer"},
    {"action=DUN", NULL, "the answer breaks off"},
    {"action=DUNNO\n", NULL, "the answer breaks off"},
    {"\n", NULL, "the answer has no action"},
    {" action = OK\n\n", NULL, "the answer has no action"},
    {"HTTP/1.0 400 Bad\n\n", NULL, "the answer has no action"},
};

static void an_answer_has_one_action_or_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(answers); i++) {
        struct arena *arena = arena_new("test");
        struct stream *stream = stream_memory(str_of(answers[i].wire));
        const char *action = NULL;
        struct fail why;
        int result = policy_reply_read(stream, arena, &action, &why);

        ROW_INT(answers[i].wire, result, answers[i].action ? 0 : -1);
        if (answers[i].action)
            ROW_TEXT(answers[i].wire, action, answers[i].action);
        else
            ROW_TEXT(answers[i].wire, why.text, answers[i].why);
        stream_free(stream);
        arena_free(arena);
    }
}

static void an_answer_has_an_end(void **state)
{
    struct arena *arena = arena_new("test");
    const char *action;
    struct fail why;
    struct buf wire;
    struct stream *stream;

    (void)state;
    buf_init(&wire, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_add_text(&wire, "a=b\n");
    buf_add_text(&wire, "action=OK\n\n");
    stream = stream_memory(buf_str(&wire));
    assert_int_equal(policy_reply_read(stream, arena, &action, &why), -1);
    assert_string_equal(why.text, "the answer has too many lines");
    stream_free(stream);
    buf_reset(&wire);
    buf_add_text(&wire, "action=");
    buf_add_repeat(&wire, 'x', 20000);
    buf_add_text(&wire, "\n\n");
    stream = stream_memory(buf_str(&wire));
    assert_int_equal(policy_reply_read(stream, arena, &action, &why), -1);
    assert_string_equal(why.text, "a line of the answer is too long");
    stream_free(stream);
    buf_done(&wire);
    arena_free(arena);
}

static const struct {
    const char *text;
    const char *why; /* NULL = good */
} servers[] = {
    {"inet:127.0.0.1:10023", NULL},
    {"inet:10023", NULL},
    {"unix:private/policy", NULL},
    {"inet:localhost:10023, timeout=10s, try_limit=1", NULL},
    {"inet:[::1]:10023 { default_action = 450 4.3.0 Later } { request_limit = 0 }", NULL},
    {"inet:127.0.0.1:10023 { policy_context = a = b }", NULL},
    {"", "no server is named"},
    {"127.0.0.1:10023", "\"127.0.0.1:10023\" is neither inet:host:port nor unix:path"},
    {"inet:127.0.0.1:10023 time=1", "unknown option \"time\""},
    {"inet:127.0.0.1:10023 foo", "\"foo\" is no name=value"},
};

static void what_is_said_about_a_server_is_checked(void **state)
{
    struct process process = {.arena = arena_new("test")};
    struct conf conf = {.smtpd_policy_service_timeout = 100};
    struct server server = {.process = &process, .conf = &conf};
    struct fail why;

    (void)state;
    for (size_t i = 0; i < ROWS(servers); i++) {
        const struct policy_service *service =
            policy_service_find(&server, servers[i].text, &why);

        ROW_INT(servers[i].text, service != NULL, servers[i].why == NULL);
        if (servers[i].why)
            ROW_TEXT(servers[i].text, why.text, servers[i].why);
    }
    assert_null(policy_service_find(&server, "inet:1 timeout=1y", &why));
    assert_null(policy_service_find(&server, "inet:1 try_limit=x", &why));
    assert_null(policy_service_find(&server, "inet:no-such-port", &why));
    arena_free(process.arena);
}

static void the_same_words_mean_the_same_connection(void **state)
{
    struct process process = {.arena = arena_new("test")};
    struct conf conf = {.smtpd_policy_service_policy_context = "of all"};
    struct server server = {.process = &process, .conf = &conf};
    const struct policy_service *first = policy_service_find(&server, "inet:1", NULL);
    const struct policy_service *second =
        policy_service_find(&server, "inet:1 policy_context=mine", NULL);

    (void)state;
    assert_ptr_equal(policy_service_find(&server, "inet:1", NULL), first);
    assert_ptr_not_equal(first, second);
    assert_string_equal(policy_service_context(first), "of all");
    assert_string_equal(policy_service_context(second), "mine");
    assert_string_equal(policy_service_endpoint(second), "inet:1");
    arena_free(process.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_one_action_or_is_none),
        cmocka_unit_test(an_answer_has_an_end),
        cmocka_unit_test(what_is_said_about_a_server_is_checked),
        cmocka_unit_test(the_same_words_mean_the_same_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
