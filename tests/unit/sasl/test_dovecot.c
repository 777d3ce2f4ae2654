/*
 * Dovecot's auth service, played by a child process: connections one after another, each
 * with lines that it waits for and lines that it answers. What a client says never
 * reaches it in another form than base 64.
 */
#include "sasl/auth_server.h"

#include "net/listen.h"
#include "unit.h"
#include "util/stream.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Behind the greeting: after each line of the client, the next answer; NULL hangs up. */
struct connection {
    const char *greeting;
    const char *expected[4], *answers[4];
    bool hangs; /* says nothing more, instead of hanging up */
};

#define GREETING                                                                         \
    "VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"                    \
    "MECH\tANONYMOUS\tanonymous\nMECH\tX-OWN\tprivate\nMECH\tA B\nSPID\t1\nCUID\t2\n"    \
    "COOKIE\t0123\nDONE\n"
#define AUTH(id, rest)                                                                   \
    "AUTH\t" id "\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\trip=192.0.2.2" rest

struct fixture {
    char folder[40], path[64];
    pid_t child;
    struct arena *arena;
    struct auth_server_settings settings;
    struct auth_server *server;
};

static char last_warning[600];

static void warn(const char *text)
{
    snprintf(last_warning, sizeof last_warning, "%s", text);
}

static void expect_line(struct stream *s, const char *want)
{
    struct str line;

    if (stream_read_line(s, 20000, &line, NULL) != STREAM_OK || !str_is(line, want)) {
        fprintf(stderr, "got \"%.*s\", want \"%s\"\n", STR_ARG(line), want);
        _exit(3);
    }
}

static void serve(int listener, const struct connection *connection)
{
    int fd = listen_accept(listener, NULL, NULL);
    struct stream *s = stream_new(fd, 0);
    struct str line;

    stream_write_text(s, connection->greeting);
    if (stream_flush(s) != STREAM_OK ||
        stream_read_line(s, 100, &line, NULL) != STREAM_OK ||
        !str_is(line, "VERSION\t1\t0") ||
        stream_read_line(s, 100, &line, NULL) != STREAM_OK || !str_starts(line, "CPID\t"))
        _exit(2);
    for (size_t i = 0; i < 4 && connection->expected[i]; i++) {
        expect_line(s, connection->expected[i]);
        if (!connection->answers[i])
            break;
        stream_write_text(s, connection->answers[i]);
        if (stream_flush(s) != STREAM_OK)
            _exit(2);
    }
    if (connection->hangs)
        (void)!stream_read_line(s, 100, &line, NULL);
    stream_free(s);
}

static void start(struct fixture *f, const struct connection *connections, size_t n)
{
    struct fail why;
    int listener;

    strcpy(f->folder, "/tmp/test-sasl-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/auth", f->folder);
    listener = listen_unix(f->path, 5, 0600, &why);
    assert_true(listener >= 0);
    f->child = fork();
    if (f->child == 0) {
        for (size_t i = 0; i < n; i++)
            serve(listener, &connections[i]);
        _exit(0);
    }
    close(listener);
    f->arena = arena_new("test");
    f->settings = (struct auth_server_settings){.type = "dovecot",
                                                .path = f->path,
                                                .service = "smtp",
                                                .realm = "",
                                                .host = "mail.test",
                                                .timeout_ms = 2000,
                                                .warn = warn};
    f->server = auth_server_new(&f->settings, &why);
    assert_non_null(f->server);
}

static int let_go(struct fixture *f, int signal_number)
{
    int status;

    auth_server_free(f->server);
    arena_free(f->arena);
    if (signal_number)
        kill(f->child, signal_number);
    waitpid(f->child, &status, 0);
    unlink(f->path);
    rmdir(f->folder);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void finish(struct fixture *f)
{
    (void)let_go(f, SIGKILL);
}

/* The server has heard all that it waited for. */
static void finish_heard(struct fixture *f)
{
    assert_int_equal(let_go(f, 0), 0);
}

static struct auth attempt(struct fixture *f)
{
    return (struct auth){
        .server = f->server,
        .facts = {.client_address = "192.0.2.2", .server_address = "192.0.2.1"},
        .arena = f->arena};
}

static void tells_mechanisms_that_suit(void **state)
{
    const struct connection one[] = {{.greeting = GREETING}};
    const struct auth_client_facts named = {.security = SECURITY_ANONYMOUS};
    const struct auth_client_facts nothing = {.security = SECURITY_MUTUAL_AUTH};
    struct texts list = {0}, none = {0};
    struct fixture f;
    struct fail why;

    (void)state;
    start(&f, one, 1);
    assert_int_equal(auth_mechanisms(f.server, &named, f.arena, &list, &why), 0);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.items[0], "PLAIN");
    assert_string_equal(list.items[1], "LOGIN");
    finish(&f);

    start(&f, one, 1);
    assert_int_equal(auth_mechanisms(f.server, &nothing, f.arena, &none, &why), 0);
    assert_int_equal(none.n, 0);
    finish(&f);
}

static void asks_and_is_answered(void **state)
{
    const struct connection one[] = {
        {.greeting = GREETING,
         .expected = {AUTH("1", "\tresp=AGpvZQBiYWQ="), AUTH("2", "\tsecured"),
                      "CONT\t2\tAGpvZQBnb29k", AUTH("3", "\tresp=")},
         .answers = {"FAIL\t1\tuser=joe\treason=wrong\n", "FAIL\t1\nSPID\t9\nCONT\t2\t\n",
                     "OK\t2\tuser=joe\n", "FAIL\t3\tuser=jo\001te\ttemp\n"}}};
    struct str initial = STR("AGpvZQBiYWQ="), empty = STR("=");
    struct auth_answer answer;
    struct auth auth;
    struct fixture f;

    (void)state;
    start(&f, one, 1);
    auth = attempt(&f);
    assert_int_equal(auth_begin(&auth, "PLAIN", &initial, &answer), AUTH_FAILED);
    assert_string_equal(answer.user, "joe");
    assert_string_equal(answer.reason, "wrong");
    auth_end(&auth);
    auth = attempt(&f);
    auth.facts.encrypted = true;
    assert_int_equal(auth_begin(&auth, "PLAIN", NULL, &answer), AUTH_MORE);
    assert_string_equal(answer.challenge, "");
    assert_int_equal(auth_continue(&auth, STR("AGpvZQBnb29k"), &answer), AUTH_PASSED);
    assert_string_equal(answer.user, "joe");
    auth_end(&auth);
    auth = attempt(&f);
    assert_int_equal(auth_begin(&auth, "PLAIN", &empty, &answer), AUTH_UNSURE);
    assert_string_equal(answer.user, "jo?e");
    assert_string_equal(answer.reason, "(reason unavailable)");
    auth_end(&auth);
    finish_heard(&f);
}

static const char *const broken_out[] = {
    "QQ==\tuser=x", "QQ==\nOK\t1", "QQ", "Q Q=", " QQ==", "QQ==\r", "=QQ=", "QR==", "*"};

static void lets_nothing_but_base64_through(void **state)
{
    const struct connection one[] = {{.greeting = GREETING,
                                      .expected = {AUTH("1", "")},
                                      .answers = {"CONT\t1\tVXNlcg==\n"},
                                      .hangs = true}};
    struct auth_answer answer;
    struct auth auth;
    struct fixture f;

    (void)state;
    start(&f, one, 1);
    for (size_t i = 0; i < ROWS(broken_out); i++) {
        struct str text = str_of(broken_out[i]);

        auth = attempt(&f);
        assert_int_equal(auth_begin(&auth, "PLAIN", &text, &answer), AUTH_FAILED);
        assert_string_equal(answer.reason, "Invalid base64 data in initial response");
        auth_end(&auth);
    }
    auth = attempt(&f);
    assert_int_equal(auth_begin(&auth, "PLAIN\tresp=x", NULL, &answer), AUTH_FAILED);
    assert_int_equal(auth_begin(&auth, "", NULL, &answer), AUTH_FAILED);
    assert_int_equal(auth_begin(&auth, "ABCDEFGHIJKLMNOPQRSTU", NULL, &answer),
                     AUTH_FAILED);
    auth = attempt(&f);
    assert_int_equal(auth_begin(&auth, "PLAIN", NULL, &answer), AUTH_MORE);
    for (size_t i = 0; i < ROWS(broken_out); i++) {
        assert_int_equal(auth_continue(&auth, str_of(broken_out[i]), &answer),
                         AUTH_FAILED);
        assert_string_equal(answer.reason, "Invalid base64 data in continued response");
    }
    auth_end(&auth);
    finish(&f);
}

static const struct {
    const char *name, *answer;
    enum auth_result result;
    const char *reason;
} answers[] = {
    {"a challenge that is no base64", "CONT\t1\t250 ok\n", AUTH_UNSURE,
     "Malformed challenge"},
    {"a login with a line end", "OK\t1\tuser=a\001nb\n", AUTH_FAILED,
     "Unusable login name"},
    {"a login that is no UTF-8", "OK\t1\tuser=a\xff\n", AUTH_FAILED,
     "Unusable login name"},
    {"nobody", "OK\t1\n", AUTH_FAILED, "Unusable login name"},
    {"an empty login", "OK\t1\tuser=\n", AUTH_FAILED, "Unusable login name"},
    {"a reason with a line end", "FAIL\t1\treason=a\001nb\n", AUTH_FAILED, "a?b"},
    {"no number", "OK\tuser=joe\n", AUTH_UNSURE,
     "Connection lost to authentication server"},
    {"half a line", "OK\t1\tuser=joe", AUTH_UNSURE,
     "Connection lost to authentication server"},
    {"the answer to another question", "OK\t2\tuser=joe\n", AUTH_UNSURE,
     "Connection lost to authentication server"},
};

static void believes_no_nonsense(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(answers); i++) {
        const struct connection one[] = {{.greeting = GREETING,
                                          .expected = {AUTH("1", "")},
                                          .answers = {answers[i].answer}}};
        struct auth_answer answer;
        struct auth auth;
        struct fixture f;

        start(&f, one, 1);
        auth = attempt(&f);
        ROW_INT(answers[i].name, auth_begin(&auth, "PLAIN", NULL, &answer),
                answers[i].result);
        ROW_TEXT(answers[i].name, answer.reason, answers[i].reason);
        auth_end(&auth);
        finish(&f);
    }
}

static const struct {
    const char *greeting, *words;
} greetings[] = {
    {"", "no greeting"},
    {"VERSION\t1\t1\nMECH\tPLAIN\n", "no greeting"},
    {"VERSION\t2\t0\nDONE\n", "not version 1"},
    {"OK\nDONE\n", "no greeting"},
};

static void knows_a_server_by_its_greeting(void **state)
{
    const struct auth_client_facts facts = {.security = 0};

    (void)state;
    for (size_t i = 0; i < ROWS(greetings); i++) {
        const struct connection one[] = {{.greeting = greetings[i].greeting}};
        struct texts list = {0};
        struct fixture f;
        struct fail why;

        start(&f, one, 1);
        ROW_INT(greetings[i].greeting,
                auth_mechanisms(f.server, &facts, f.arena, &list, &why), -1);
        if (!strstr(why.text, greetings[i].words))
            fail_msg("row \"%s\": %s", greetings[i].greeting, why.text);
        finish(&f);
    }
}

static void goes_to_a_new_server_when_the_old_has_gone(void **state)
{
    const struct connection three[] = {
        {.greeting = GREETING, .expected = {AUTH("1", "")}, .answers = {"FAIL\t1\n"}},
        {.greeting = GREETING, .expected = {AUTH("1", "")}, .answers = {"FAIL\t1\n"}},
        {.greeting = GREETING, .expected = {AUTH("1", "")}, .answers = {"CONT\t1\t\n"}}};
    struct auth_answer answer;
    struct auth auth;
    struct fixture f;

    (void)state;
    start(&f, three, 3);
    for (int i = 0; i < 2; i++) {
        auth = attempt(&f);
        assert_int_equal(auth_begin(&auth, "PLAIN", NULL, &answer), AUTH_FAILED);
        auth_end(&auth);
    }
    auth = attempt(&f);
    assert_int_equal(auth_begin(&auth, "PLAIN", NULL, &answer), AUTH_MORE);
    assert_int_equal(auth_continue(&auth, STR("QQ=="), &answer), AUTH_UNSURE);
    assert_int_equal(auth_continue(&auth, STR("QQ=="), &answer), AUTH_UNSURE);
    auth_end(&auth);
    auth = attempt(&f);
    assert_int_equal(auth_begin(&auth, "PLAIN", NULL, &answer), AUTH_UNSURE);
    auth_end(&auth);
    assert_non_null(strstr(last_warning, f.path));
    finish_heard(&f);
}

static void waits_no_longer_than_it_should(void **state)
{
    const struct connection one[] = {{.greeting = GREETING,
                                      .expected = {AUTH("1", "")},
                                      .answers = {"SPID\t1\n"},
                                      .hangs = true}};
    struct auth_answer answer;
    struct auth auth;
    struct fixture f;

    (void)state;
    start(&f, one, 1);
    f.settings.timeout_ms = 100;
    auth = attempt(&f);
    assert_int_equal(auth_begin(&auth, "PLAIN", NULL, &answer), AUTH_UNSURE);
    assert_string_equal(answer.reason, "Authentication server does not answer");
    auth_end(&auth);
    finish(&f);
}

static void names_types_that_it_does_not_know(void **state)
{
    const struct auth_server_settings settings = {.type = "kerberos"};
    const struct auth_server_settings cyrus = {.type = "cyrus", .plugin = "/none/x.so"};
    struct fail why;

    (void)state;
    assert_null(auth_server_new(&settings, &why));
    assert_non_null(strstr(why.text, "kerberos"));
    assert_null(auth_server_new(&cyrus, &why));
    assert_non_null(strstr(why.text, "/none/x.so"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_mechanisms_that_suit),
        cmocka_unit_test(asks_and_is_answered),
        cmocka_unit_test(lets_nothing_but_base64_through),
        cmocka_unit_test(believes_no_nonsense),
        cmocka_unit_test(knows_a_server_by_its_greeting),
        cmocka_unit_test(goes_to_a_new_server_when_the_old_has_gone),
        cmocka_unit_test(waits_no_longer_than_it_should),
        cmocka_unit_test(names_types_that_it_does_not_know),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
