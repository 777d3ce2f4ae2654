/*
 * client/attempt.c, client/agent.c: whole delivery requests, to servers that
 * are children of the test. Two next hops stand for two hosts.
 */
#include "client/agent.h"
#include "queue/message.h"
#include "queue/sandbox.h"

#include "net/listen.h"
#include "util/log.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* --- servers --------------------------------------------------------------------------
 */

/* Replies by stage; NULL = "250 ok" (DATA: 354), "" = close the connection. */
struct script {
    const char *greeting, *hello, *mail, *rcpt, *data, *end, *rset;
};

struct server {
    pid_t pid;
    uint16_t port; /* 0 = nobody listens: its port is 1 */
    int heard;     /* read end: every command, one a line; "(connect)" first */
};

static const char *reply_to(const struct script *script, const char *line)
{
    static const struct {
        const char *verb;
        size_t offset;
        const char *usual;
    } verbs[] = {
        {"EHLO", offsetof(struct script, hello), "250 ok"},
        {"MAIL", offsetof(struct script, mail), "250 2.1.0 ok"},
        {"RCPT", offsetof(struct script, rcpt), "250 2.1.5 ok"},
        {"DATA", offsetof(struct script, data), "354 go"},
        {"RSET", offsetof(struct script, rset), "250 2.0.0 ok"},
    };

    for (size_t i = 0; i < ROWS(verbs); i++)
        if (strncmp(line, verbs[i].verb, 4) == 0) {
            const char *const *own =
                (const char *const *)((const char *)script + verbs[i].offset);

            return *own ? *own : verbs[i].usual;
        }
    return "250 2.0.0 taken";
}

static void say(FILE *peer, const char *reply)
{
    if (reply[0] == '\0')
        fclose(peer);
    else
        fprintf(peer, "%s\r\n", reply);
}

static void converse(FILE *peer, const struct script *script, FILE *heard)
{
    char line[1000];
    bool content = false;

    say(peer, script->greeting ? script->greeting : "220 hi");
    if (script->greeting && !script->greeting[0])
        return;
    while (fgets(line, sizeof line, peer)) {
        const char *reply = reply_to(script, line);

        if (content && strcmp(line, ".\r\n") != 0)
            continue;
        if (content)
            reply = script->end ? script->end : "250 2.0.0 taken";
        fprintf(heard, "%.4s ", content ? "dot" : line);
        fflush(heard);
        content = !content && strncmp(reply, "354", 3) == 0;
        say(peer, reply);
        if (reply[0] == '\0')
            return;
        fflush(peer);
    }
    fclose(peer);
}

/* A child that does not outlive the test. */
static pid_t start_child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static void serve(int listener, const struct script *script, int out)
{
    FILE *heard = fdopen(out, "w");

    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            _exit(1);
        fprintf(heard, "connect ");
        converse(fdopen(fd, "r+"), script, heard);
        fflush(heard);
    }
}

static struct server start_server(const struct script *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), ends[2];
    struct server server;

    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(pipe(ends), 0);
    server.port = ntohs(address.sin_port);
    server.heard = ends[0];
    server.pid = start_child();
    if (server.pid == 0)
        serve(listener, script, ends[1]);
    close(listener);
    close(ends[1]);
    return server;
}

/* What it heard; the server ends. It has everything: the agent reads each reply. */
static const char *stop_server(struct server *server)
{
    static char text[2000];
    struct pollfd p = {.fd = server->heard, .events = POLLIN};
    size_t n = 0;

    while (poll(&p, 1, n == 0 || strstr(text, "QUIT") == NULL ? 50 : 0) > 0) {
        ssize_t got = read(server->heard, text + n, sizeof text - n - 1);

        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = '\0';
    }
    text[n] = '\0';
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->heard);
    return text;
}

/* --- the services bounce and defer
 * ------------------------------------------------------ */

static void keep_log(int listener)
{
    struct arena *arena = arena_new("test");

    for (;;) {
        struct stream *s = stream_new(accept(listener, NULL, NULL), 0);
        struct bounce_append entry;
        struct status_reply done = {0};
        struct fail why;
        const char *request;

        ipc_announce(s, "bounce");
        if (stream_flush(s) != STREAM_OK)
            _exit(1);
        while (ipc_receive_request(s, arena, &request, &why) == 1 &&
               ipc_receive(s, &bounce_append_message, arena, &entry, &why) == 0) {
            ipc_put(s, &status_reply_message, &done);
            if (stream_flush(s) != STREAM_OK)
                _exit(1);
        }
        stream_free(s);
    }
}

static pid_t start_log(const char *path)
{
    struct fail why;
    int listener = listen_unix(path, 5, 0600, &why);
    pid_t pid;

    assert_true(listener >= 0);
    pid = start_child();
    if (pid == 0)
        keep_log(listener);
    close(listener);
    return pid;
}

/* --- the agent
 * -------------------------------------------------------------------------- */

static char log_text[8192];

static void note_line(void *context, enum log_level level, const char *text)
{
    const char *end = strstr(text, ", delay="); /* delays differ from run to run */
    const char *rest = end ? strstr(text, ", dsn=") : NULL;

    (void)context, (void)level;
    strncat(log_text, text,
            end ? (size_t)(end - text) : sizeof log_text - strlen(log_text) - 2);
    if (rest)
        strncat(log_text, rest, sizeof log_text - strlen(log_text) - 2);
    strcat(log_text, "\n");
}

struct stage {
    struct conf *conf;
    struct process process;
    struct client client;
    struct stream *manager;
    struct arena *arena;
    pid_t bounce, defer;
};

static void begin(struct stage *stage, const char *const *overrides)
{
    struct conf_options options = {
        .program = "smtp", .overrides = overrides, .defaults_only = true};
    struct fail why;
    int pair[2];

    *stage = (struct stage){.arena = arena_new("test")};
    stage->conf = conf_load(&options, &why);
    assert_non_null(stage->conf);
    stage->process = (struct process){.name = "smtp",
                                      .program = "smtp",
                                      .conf = stage->conf,
                                      .arena = arena_new("process")};
    if (agent_set_up_smtp(&stage->process, &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    stage->manager = stream_new(pair[0], 0);
    stage->client = (struct client){.process = &stage->process,
                                    .stream = stream_new(pair[1], 0),
                                    .arena = arena_new("request")};
    stream_accept_fds(stage->client.stream);
    stage->bounce = start_log("private/bounce");
    stage->defer = start_log("private/defer");
    log_text[0] = '\0';
    log_divert(note_line, NULL);
}

static void end(struct stage *stage)
{
    agent_before_exit(&stage->process);
    log_divert(NULL, NULL);
    kill(stage->bounce, SIGKILL);
    kill(stage->defer, SIGKILL);
    waitpid(stage->bounce, NULL, 0);
    waitpid(stage->defer, NULL, 0);
    stream_free(stage->manager);
    stream_free(stage->client.stream);
    arena_free(stage->client.arena);
    arena_free(stage->process.arena);
    arena_free(stage->arena);
    conf_free(stage->conf);
}

/* One message to the recipients named by letters, "ab" = a@x.test and b@x.test. */
static void request(struct stage *stage, const char *nexthop, const char *to, int flags)
{
    static const char *const envelope[] = {"T 1700000000", "S joe@example.com",
                                           "R a@x.test", NULL};
    static const char *const none[] = {NULL};
    struct deliver message = {.flags = flags,
                              .queue_name = "active",
                              .queue_id = "ABC",
                              .sender = "joe@example.com",
                              .nexthop = nexthop,
                              .arrival_us = 1,
                              .recipients = (long long)strlen(to)};
    struct envelope read;
    struct fail why;
    int file = message_of(0, envelope, none);

    assert_int_equal(envelope_read(file, SIZE_MAX, stage->arena, &read, &why), 0);
    message.data_offset = read.size.content_offset;
    ipc_put(stage->manager, &deliver_message, &message);
    for (; *to; to++)
        ipc_put(stage->manager, &deliver_recipient_message,
                &(struct deliver_recipient){
                    .address = arena_printf(stage->arena, "%c@x.test", *to),
                    .original = "",
                    .orcpt = ""});
    assert_int_equal(stream_flush_with_fd(stage->manager, file), STREAM_OK);
    close(file);
}

static struct delivered answer(struct stage *stage)
{
    struct delivered told;
    struct fail why;

    if (agent_deliver(&stage->client, &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(stream_flush(stage->client.stream), STREAM_OK);
    assert_int_equal(
        ipc_receive(stage->manager, &delivered_message, stage->arena, &told, &why), 0);
    arena_reset(stage->client.arena);
    return told;
}

static int enter(void **state)
{
    return sandbox_enter(state) || mkdir("private", 0700);
}
#define agent_test(f) cmocka_unit_test_setup_teardown(f, enter, sandbox_leave)

/* --- tests
 * --------------------------------------------------------------------------------- */

static const char *const usual[] = {"myhostname=me.test", "inet_interfaces=loopback-only",
                                    "inet_protocols=ipv4", NULL};

/* Names in texts: A and B are the two servers, as host[address]. */
static const struct {
    const char *what;
    struct script first, second; /* greeting "-" = nobody listens there */
    const char *to;
    const char *log;      /* lines, in order; $A and $B: the hosts with port */
    const char *heard[2]; /* commands; NULL = no connection */
    long long deferred;
    const char *trouble; /* status told to the queue manager */
} rows[] = {
    {"the first host takes it",
     {0},
     {0},
     "a",
     "ABC: to=<a@x.test>, relay=$A, dsn=2.0.0, status=sent (250 2.0.0 taken)\n",
     {"connect EHLO MAIL RCPT DATA dot QUIT ", ""},
     0,
     ""},
    {"the second host takes what the first defers",
     {.mail = "451 4.3.0 busy"},
     {0},
     "ab",
     "ABC: host $a said: 451 4.3.0 busy (in reply to MAIL FROM command)\n"
     "ABC: to=<a@x.test>, relay=$B, dsn=2.0.0, status=sent (250 2.0.0 taken)\n"
     "ABC: to=<b@x.test>, relay=$B, dsn=2.0.0, status=sent (250 2.0.0 taken)\n",
     {"connect EHLO MAIL RSET QUIT ", "connect EHLO MAIL RCPT RCPT DATA dot QUIT "},
     0,
     ""},
    {"a refusal for good is final",
     {.mail = "550 5.7.1 no"},
     {0},
     "a",
     "ABC: to=<a@x.test>, relay=$A, dsn=5.7.1, status=bounced (host $a said: 550 5.7.1 "
     "no "
     "(in reply to MAIL FROM command))\n",
     {"connect EHLO MAIL RSET QUIT ", ""},
     0,
     ""},
    {"the last host's words are reported",
     {.rcpt = "450 4.2.0 one"},
     {.rcpt = "450 4.2.1 two"},
     "a",
     "ABC: host $a said: 450 4.2.0 one (in reply to RCPT TO command)\n"
     "ABC: to=<a@x.test>, relay=$B, dsn=4.2.1, status=deferred (host $b said: 450 4.2.1 "
     "two "
     "(in reply to RCPT TO command))\n",
     {"connect EHLO MAIL RCPT RSET QUIT ", "connect EHLO MAIL RCPT RSET QUIT "},
     1,
     ""},
    {"nobody answers",
     {.greeting = "-"},
     {.greeting = "-"},
     "a",
     "connect to $A: Connection refused\n"
     "connect to $B: Connection refused\n"
     "ABC: to=<a@x.test>, relay=none, dsn=4.4.1, status=deferred (connect to $B: "
     "Connection "
     "refused)\n",
     {"", ""},
     1,
     "4.4.1"},
    {"a lost connection is trouble",
     {.greeting = "-"},
     {.mail = ""},
     "a",
     "connect to $A: Connection refused\n"
     "ABC: to=<a@x.test>, relay=$B, dsn=4.4.2, status=deferred (lost connection with $b "
     "while "
     "sending MAIL FROM)\n",
     {"", "connect EHLO MAIL "},
     1,
     "4.4.2"},
    {"a refused greeting is trouble",
     {.greeting = "421 4.3.2 full"},
     {.greeting = "554 5.7.1 no"},
     "a",
     "ABC: host $a refused to talk to me: 421 4.3.2 full\n"
     "ABC: to=<a@x.test>, relay=$B, dsn=4.7.1, status=deferred (host $b refused to talk "
     "to me: "
     "554 5.7.1 no)\n",
     {"connect QUIT ", "connect QUIT "},
     1,
     "4.7.1"},
    {"end of data: not now",
     {.end = "452 4.3.1 full"},
     {0},
     "a",
     "ABC: host $a said: 452 4.3.1 full (in reply to end of DATA command)\n"
     "ABC: to=<a@x.test>, relay=$B, dsn=2.0.0, status=sent (250 2.0.0 taken)\n",
     {"connect EHLO MAIL RCPT DATA dot QUIT ", "connect EHLO MAIL RCPT DATA dot QUIT "},
     0,
     ""},
};

/* Replace $A (host with port) and $a (without) by what they are. */
static const char *with_hosts(const char *text, const unsigned *ports,
                              struct arena *arena)
{
    struct buf out;
    const char *result;

    buf_init(&out, 1 << 16);
    for (; *text; text++)
        if (text[0] == '$' && (text[1] | 32) >= 'a' && (text[1] | 32) <= 'b') {
            text++;
            buf_add_text(&out, "127.0.0.1[127.0.0.1]");
            if (*text < 'a')
                buf_printf(&out, ":%u", ports[*text - 'A']);
        } else {
            buf_add_char(&out, *text);
        }
    result = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return result;
}

static bool is_up(const struct script *script)
{
    return script->greeting == NULL || script->greeting[0] != '-';
}

static void hosts_are_tried_in_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct stage stage;
        struct server servers[2];
        unsigned ports[2] = {1, 2};
        struct delivered told;

        begin(&stage, usual);
        if (is_up(&rows[i].first))
            ports[0] = (servers[0] = start_server(&rows[i].first)).port;
        if (is_up(&rows[i].second))
            ports[1] = (servers[1] = start_server(&rows[i].second)).port;
        request(&stage,
                arena_printf(stage.arena, "[127.0.0.1]:%u, [127.0.0.1]:%u", ports[0],
                             ports[1]),
                rows[i].to, 0);
        told = answer(&stage);
        ROW_TEXT(rows[i].what, log_text, with_hosts(rows[i].log, ports, stage.arena));
        ROW_INT(rows[i].what, told.deferred, rows[i].deferred);
        ROW_TEXT(rows[i].what, told.status, rows[i].trouble);
        if (is_up(&rows[i].first))
            ROW_TEXT(rows[i].what, stop_server(&servers[0]), rows[i].heard[0]);
        if (is_up(&rows[i].second))
            ROW_TEXT(rows[i].what, stop_server(&servers[1]), rows[i].heard[1]);
        end(&stage);
        assert_int_equal(sandbox_leave(state) || enter(state), 0);
    }
}

static const char *const quick[] = {"myhostname=me.test", "inet_interfaces=loopback-only",
                                    "inet_protocols=ipv4",
                                    "smtp_connection_cache_time_limit=1s", NULL};

static bool has_kept(const struct stage *stage)
{
    return ((const struct agent *)stage->process.state)->kept.session != NULL;
}

static void a_session_is_kept_while_more_waits(void **state)
{
    struct server server = start_server(&(struct script){0});
    struct stage stage;
    const char *nexthop;

    (void)state;
    begin(&stage, quick);
    nexthop = arena_printf(stage.arena, "[127.0.0.1]:%u", server.port);
    request(&stage, nexthop, "a", DELIVER_REUSE);
    request(&stage, nexthop, "b", 0);
    assert_int_equal(answer(&stage).deferred, 0);
    assert_true(has_kept(&stage));
    assert_int_equal(answer(&stage).deferred, 0);
    assert_false(has_kept(&stage));
    assert_non_null(strstr(log_text, "to=<b@x.test>, relay=127.0.0.1[127.0.0.1]:"));
    assert_non_null(strstr(log_text, ", conn_use=2"));
    ROW_TEXT("reuse", stop_server(&server),
             "connect EHLO MAIL RCPT DATA dot RSET MAIL RCPT DATA dot QUIT ");
    end(&stage);
}

static void listed_destinations_keep_theirs_always(void **state)
{
    static const char *const listed[] = {
        "myhostname=me.test",
        "inet_interfaces=loopback-only",
        "inet_protocols=ipv4",
        "smtp_connection_cache_time_limit=1s",
        "smtp_connection_cache_destinations=127.0.0.1, other.test",
        NULL};
    struct server server = start_server(&(struct script){0});
    struct stage stage;
    const char *nexthop;

    (void)state;
    begin(&stage, listed);
    nexthop = arena_printf(stage.arena, "[127.0.0.1]:%u", server.port);
    request(&stage, nexthop, "a", 0);
    request(&stage, nexthop, "b", 0);
    (void)answer(&stage);
    assert_true(has_kept(&stage));
    agent_between(&stage.process);
    assert_false(has_kept(&stage));
    (void)stop_server(&server);
    end(&stage);
}

static void a_kept_session_ends_when_nothing_comes(void **state)
{
    struct server server = start_server(&(struct script){0});
    struct stage stage;

    (void)state;
    begin(&stage, quick);
    request(&stage, arena_printf(stage.arena, "[127.0.0.1]:%u", server.port), "a",
            DELIVER_REUSE);
    (void)answer(&stage);
    assert_false(has_kept(&stage));
    ROW_TEXT("idle", stop_server(&server), "connect EHLO MAIL RCPT DATA dot QUIT ");
    end(&stage);
}

static void a_kept_session_is_of_no_use_for_others(void **state)
{
    struct server one = start_server(&(struct script){0}),
                  two = start_server(&(struct script){0});
    struct stage stage;

    (void)state;
    begin(&stage, quick);
    request(&stage, arena_printf(stage.arena, "[127.0.0.1]:%u", one.port), "a",
            DELIVER_REUSE);
    request(&stage, arena_printf(stage.arena, "[127.0.0.1]:%u", two.port), "b", 0);
    (void)answer(&stage);
    (void)answer(&stage);
    ROW_TEXT("one", stop_server(&one), "connect EHLO MAIL RCPT DATA dot QUIT ");
    ROW_TEXT("two", stop_server(&two), "connect EHLO MAIL RCPT DATA dot QUIT ");
    end(&stage);
}

static void a_kept_session_that_broke_costs_nothing(void **state)
{
    struct server server = start_server(&(struct script){.rset = ""});
    struct stage stage;
    const char *nexthop;

    (void)state;
    begin(&stage, quick);
    nexthop = arena_printf(stage.arena, "[127.0.0.1]:%u", server.port);
    request(&stage, nexthop, "a", DELIVER_REUSE);
    request(&stage, nexthop, "b", 0);
    (void)answer(&stage);
    assert_int_equal(answer(&stage).deferred, 0);
    assert_null(strstr(log_text, "conn_use"));
    assert_null(strstr(log_text, "lost connection"));
    ROW_TEXT(
        "broke", stop_server(&server),
        "connect EHLO MAIL RCPT DATA dot RSET connect EHLO MAIL RCPT DATA dot QUIT ");
    end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        agent_test(hosts_are_tried_in_turn),
        agent_test(a_session_is_kept_while_more_waits),
        agent_test(listed_destinations_keep_theirs_always),
        agent_test(a_kept_session_ends_when_nothing_comes),
        agent_test(a_kept_session_is_of_no_use_for_others),
        agent_test(a_kept_session_that_broke_costs_nothing),
    };

    signal(SIGPIPE, SIG_IGN);
    alarm(60); /* a hang is a failure */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
