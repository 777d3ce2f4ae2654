/* Kept connections: what is repeated when a server closes, and what is not. */
#include "ipc/client.h"

#include "ipc/messages.h"
#include "net/listen.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum behaviour { ANSWER_ALL, ANSWER_ONE, CLOSE_UNREAD, READ_AND_CLOSE };

/* A server in a child process: one behaviour for each connection, then it ends. */
struct server {
    char directory[40], path[64];
    pid_t pid;
};

static void serve(int listener, enum behaviour behaviour)
{
    int fd = listen_accept(listener, NULL, NULL);
    struct stream *s = stream_new(fd, 0);
    struct arena *arena = arena_new("request");
    const char *name;
    struct resolve ask;
    struct resolved answer = {.transport = "t", .nexthop = "n"};

    ipc_announce(s, "test");
    if (stream_flush(s) != STREAM_OK)
        _exit(2);
    if (behaviour == CLOSE_UNREAD) {
        char c;
        if (recv(fd, &c, 1, MSG_PEEK) != 1)
            _exit(3);
    }
    while (behaviour != CLOSE_UNREAD && ipc_receive_request(s, arena, &name, NULL) == 1) {
        if (ipc_receive(s, &resolve_message, arena, &ask, NULL) < 0)
            _exit(4);
        if (behaviour == READ_AND_CLOSE)
            break;
        answer.recipient = ask.address;
        answer.flags = ask.flags + 1;
        ipc_put(s, &resolved_message, &answer);
        if (stream_flush(s) != STREAM_OK)
            _exit(5);
        if (behaviour == ANSWER_ONE)
            break;
    }
    stream_free(s);
    arena_free(arena);
}

static void start(struct server *server, const enum behaviour *plan, size_t n)
{
    struct fail why;
    int listener;

    strcpy(server->directory, "/tmp/test-ipc-XXXXXX");
    assert_non_null(mkdtemp(server->directory));
    snprintf(server->path, sizeof(server->path), "%s/s", server->directory);
    listener = listen_unix(server->path, 5, 0600, &why);
    assert_true(listener >= 0);
    server->pid = fork();
    if (server->pid == 0) {
        for (size_t i = 0; i < n; i++)
            serve(listener, plan[i]);
        _exit(0);
    }
    close(listener);
}

static void stop(struct server *server)
{
    int status;

    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    assert_int_equal(status, 0);
    unlink(server->path);
    rmdir(server->directory);
}

static int ask(struct ipc_client *client, struct arena *arena, int flags, long long *ret,
               struct fail *why)
{
    struct resolve question = {.flags = flags, .address = "joe@x"};
    struct resolved answer;
    int result = ipc_call(client,
                          &(struct ipc_exchange){"resolve", &resolve_message, &question,
                                                 &resolved_message, &answer},
                          arena, why);

    if (result == 0) {
        assert_string_equal(answer.recipient, "joe@x");
        *ret = answer.flags;
    }
    return result;
}

static const struct {
    const char *row;
    enum behaviour plan[4];
    size_t n;
    int calls, results[4];
} rows[] = {
    {"kept connection", {ANSWER_ALL}, 1, 3, {0, 0, 0}},
    {"closed between requests", {ANSWER_ONE, ANSWER_ALL}, 2, 2, {0, 0}},
    {"closed with the request unread", {CLOSE_UNREAD, ANSWER_ALL}, 2, 1, {0}},
    {"unread twice", {CLOSE_UNREAD, CLOSE_UNREAD, ANSWER_ALL}, 3, 1, {0}},
    {"died with the request read", {READ_AND_CLOSE}, 1, 1, {-1}},
    {"usable again after a death", {READ_AND_CLOSE, ANSWER_ALL}, 2, 2, {-1, 0}},
};

static void repeats_only_what_was_not_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct server server;
        struct ipc_client *client;
        struct arena *arena = arena_new("request");
        struct fail why;
        long long flags = 0;

        start(&server, rows[i].plan, rows[i].n);
        client = ipc_client_new(server.path, "test", 5000);
        for (int k = 0; k < rows[i].calls; k++) {
            ROW_INT(rows[i].row, ask(client, arena, k, &flags, &why), rows[i].results[k]);
            if (rows[i].results[k] == 0)
                ROW_INT(rows[i].row, flags, k + 1);
        }
        ipc_client_free(client);
        stop(&server);
        arena_free(arena);
    }
}

static void refuses_another_protocol(void **state)
{
    static const enum behaviour plan[] = {ANSWER_ALL};
    struct server server;
    struct ipc_client *client;
    struct fail why;

    (void)state;
    start(&server, plan, 1);
    client = ipc_client_new(server.path, "cleanup", 5000);
    assert_null(ipc_client_stream(client, &why));
    assert_non_null(strstr(why.text, "cleanup_protocol"));
    ipc_client_free(client);
    stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_only_what_was_not_read),
        cmocka_unit_test(refuses_another_protocol),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
