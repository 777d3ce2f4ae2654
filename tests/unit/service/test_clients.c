/*
 * The loops of one client and many clients, run in a child process with the
 * descriptors of a child of master, talked to by real clients.
 */
#include "service/state.h"

#include "ipc/client.h"
#include "ipc/messages.h"
#include "net/listen.h"
#include "unit.h"
#include "util/file.h"
#include "util/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_FREE_FD = 40 };

static struct conf conf = {.max_use = 100,
                           .max_idle = 100,
                           .ipc_idle = 5,
                           .ipc_ttl = 1000,
                           .ipc_timeout = 2,
                           .daemon_timeout = 60,
                           .trigger_timeout = 1,
                           .application_event_drain_time = 1,
                           .syslog_name = "test"};

/* What a test stands on: the part of master. */
struct stage {
    char directory[40], path[64], log[64];
    int listener, board_fd, wake, retire[2];
    struct scoreboard *board;
};

static int above(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

    close(fd);
    return high;
}

static void new_retire_pipe(struct stage *stage)
{
    assert_int_equal(pipe2(stage->retire, O_CLOEXEC), 0);
    stage->retire[0] = above(stage->retire[0]);
    stage->retire[1] = above(stage->retire[1]);
}

static void stage_set(struct stage *stage)
{
    struct fail why;

    strcpy(stage->directory, "/tmp/test-service-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    snprintf(stage->path, sizeof(stage->path), "%s/s", stage->directory);
    snprintf(stage->log, sizeof(stage->log), "%s/log", stage->directory);
    stage->listener = above(listen_unix(stage->path, 50, 0600, &why));
    stage->board = scoreboard_new(10, &stage->board_fd);
    stage->board_fd = above(stage->board_fd);
    stage->wake = above(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    new_retire_pipe(stage);
}

static void stage_strike(struct stage *stage)
{
    scoreboard_free(stage->board, stage->board_fd);
    close(stage->listener);
    close(stage->wake);
    close(stage->retire[0]);
    close(stage->retire[1]);
    unlink(stage->path);
    unlink(stage->log);
    rmdir(stage->directory);
}

static void told_to_retire(void *context, int fd, int events)
{
    (void)events;
    loop_unwatch(((struct process *)context)->own->loop, fd);
    service_retire(context);
}

/* The descriptors of a child of master, and no others. */
static void take_places(struct stage *stage)
{
    close(stage->retire[1]);
    dup2(stage->board_fd, SCOREBOARD_FD);
    dup2(stage->wake, SCOREBOARD_WAKE_FD);
    dup2(stage->retire[0], SCOREBOARD_RETIRE_FD);
    dup2(stage->listener, SCOREBOARD_LISTEN_FD);
    dup2(open(stage->log, O_WRONLY | O_CREAT | O_APPEND, 0600), STDERR_FILENO);
    platform_close_from(SCOREBOARD_LISTEN_FD + 1);
}

/* Run the service in a child, in slot. */
static pid_t play(struct stage *stage, const struct service *service, uint32_t slot)
{
    struct service_state own = {
        .options = {.type = "unix", .sockets = 1}, .slot = slot, .generation = 5};
    struct process process = {
        .service = service, .name = "x", .program = "x", .conf = &conf, .own = &own};
    pid_t pid = fork();
    struct fail why;
    int started;

    if (pid != 0) {
        atomic_fetch_add(&stage->board->total, 1);
        return pid;
    }
    take_places(stage);
    signal(SIGPIPE, SIG_IGN);
    own.board = stage->board;
    process.arena = arena_new("process");
    own.loop = process.loop = loop_new(&clock_system);
    started = service->kind == SERVICE_ONE_CLIENT     ? one_client_start(&process, &why)
              : service->kind == SERVICE_MANY_CLIENTS ? many_clients_start(&process, &why)
                                                      : events_start(&process, &why);
    if (started < 0 || loop_watch(own.loop, SCOREBOARD_RETIRE_FD, LOOP_READ,
                                  told_to_retire, &process, &why) < 0)
        _exit(99);
    while (loop_step(own.loop))
        ;
    _exit(0);
}

static int status_of(pid_t pid)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* --- a service that adds one ---------------------------------------------------- */

static int add_one(struct client *client, struct fail *why)
{
    struct resolve ask;

    if (ipc_receive(client->stream, &resolve_message, client->arena, &ask, why) < 0)
        return -1;
    ipc_put(client->stream, &resolved_message,
            &(struct resolved){.flags = ask.flags + 1, .recipient = ask.address});
    return 0;
}

/* Says more than fits into any socket buffer. */
static int say_much(struct client *client, struct fail *why)
{
    struct resolve ask;
    static char much[IPC_VALUE_MAX];

    if (ipc_receive(client->stream, &resolve_message, client->arena, &ask, why) < 0)
        return -1;
    memset(much, 'm', sizeof(much) - 1);
    ipc_put(client->stream, &resolved_message,
            &(struct resolved){.flags = ask.flags, .recipient = much});
    return 0;
}

static int read_too_much(struct client *client, struct fail *why)
{
    struct resolve ask;

    return ipc_receive(client->stream, &resolve_message, client->arena, &ask, why) < 0 ||
                   ipc_receive(client->stream, &resolve_message, client->arena, &ask, why)
               ? -1
               : 0;
}

/* --- a service that takes connections over ---------------------------------------- */

struct kept {
    struct process *process;
    int echo; /* the descriptor that came with the request */
};

static void kept_ready(void *context, int fd, int events)
{
    struct kept *kept = context;
    char bytes[100];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

    (void)events;
    if (n > 0) {
        (void)!write(kept->echo, bytes, (size_t)n);
        return;
    }
    loop_unwatch(kept->process->loop, fd);
    close(fd);
    close(kept->echo);
    service_let_go(kept->process);
    free(kept);
}

static void keep_it(struct client *client, int fd, struct str rest)
{
    struct kept *kept = client->state;
    struct fail why;

    (void)!write(kept->echo, rest.p, rest.n);
    if (loop_watch(kept->process->loop, fd, LOOP_READ, kept_ready, kept, &why) < 0)
        _exit(98);
}

static int keep(struct client *client, struct fail *why)
{
    struct kept *kept;
    struct resolve ask;
    int fd = stream_take_fd(client->stream);

    if (ipc_receive(client->stream, &resolve_message, client->arena, &ask, why) < 0)
        return -1;
    if (fd < 0)
        return fail_set(why, "no descriptor came along");
    kept = calloc(1, sizeof(*kept));
    *kept = (struct kept){client->process, fd};
    client->state = kept;
    client->handed_over = keep_it;
    ipc_put(client->stream, &resolved_message, &(struct resolved){.flags = 7});
    return 0;
}

static const struct request requests[] = {{"keep", keep},
                                          {"add", add_one},
                                          {"much", say_much},
                                          {"too_much", read_too_much},
                                          {0}};
static const struct service one = {
    .name = "adder", .kind = SERVICE_ONE_CLIENT, .requests = requests};
static const struct service many = {
    .name = "adder", .kind = SERVICE_MANY_CLIENTS, .requests = requests};
static const struct service keeper = {.name = "keeper",
                                      .kind = SERVICE_MANY_CLIENTS,
                                      .requests = requests,
                                      .flags = SERVICE_TAKES_FDS};
static const struct service *const both[] = {&one, &many};

static long long add(struct ipc_client *client, int n)
{
    struct arena *arena = arena_new("request");
    struct resolve ask = {.flags = n, .address = "x"};
    struct resolved answer = {.flags = -100};
    struct fail why;
    int result = ipc_call(
        client,
        &(struct ipc_exchange){"add", &resolve_message, &ask, &resolved_message, &answer},
        arena, &why);

    if (result < 0)
        print_message("%s\n", why.text);
    arena_free(arena);
    return result < 0 ? -1 : answer.flags;
}

static void answers_many_requests_on_one_connection(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stage stage;
        struct ipc_client *client;
        pid_t pid;

        stage_set(&stage);
        pid = play(&stage, both[i], 3);
        client = ipc_client_new(stage.path, "adder", 5000);
        for (int k = 0; k < 50; k++)
            assert_int_equal(add(client, k), k + 1);
        assert_int_equal(stage.board->slot[3].served, 1);
        assert_int_equal(stage.board->slot[3].state, i == 0 ? SLOT_BUSY : SLOT_IDLE);
        ipc_client_free(client);
        close(stage.retire[1]);
        assert_int_equal(status_of(pid), 0);
        stage_strike(&stage);
    }
}

/*
 * After $max_use connections another process goes on, and clients do not notice. A
 * connection that is kept counts once: were requests counted, who serves many would be
 * gone in the middle of each large mailing.
 */
static void hands_over_after_max_use(void **state)
{
    (void)state;
    conf.max_use = 10;
    for (int i = 0; i < 2; i++) {
        struct stage stage;
        struct ipc_client *client;
        pid_t pids[3];

        stage_set(&stage);
        for (uint32_t k = 0; k < 3; k++)
            pids[k] = play(&stage, both[i], k);
        client = ipc_client_new(stage.path, "adder", 5000);
        for (int k = 0; k < 30; k++) {
            assert_int_equal(add(client, k), k + 1);
            ipc_client_close(client);
        }
        for (int k = 0; k < 3; k++)
            assert_int_equal(status_of(pids[k]), 0);
        for (int k = 0; k < 3; k++)
            assert_int_equal(stage.board->slot[k].served, 10);
        ipc_client_free(client);
        stage_strike(&stage);
    }
    conf.max_use = 100;
}

/* The last connection of one that serves one client at a time ends with its first answer:
 * a busy client would keep the process for $ipc_ttl. */
static void ends_with_its_last_connection(void **state)
{
    struct stage stage;
    struct ipc_client *client;
    pid_t used, next;

    (void)state;
    stage_set(&stage);
    conf.max_use = 2;
    used = play(&stage, &one, 0);
    client = ipc_client_new(stage.path, "adder", 5000);
    for (int k = 0; k < 3; k++)
        assert_int_equal(add(client, k), k + 1);
    assert_int_equal(stage.board->slot[0].served, 1);
    ipc_client_close(client);
    assert_int_equal(add(client, 1), 2);
    assert_int_equal(status_of(used), 0);
    assert_int_equal(stage.board->slot[0].served, 2);
    next = play(&stage, &one, 1);
    assert_int_equal(add(client, 1), 2);
    assert_int_equal(stage.board->slot[1].served, 1);
    ipc_client_free(client);
    close(stage.retire[1]);
    assert_int_equal(status_of(next), 0);
    conf.max_use = 100;
    stage_strike(&stage);
}

/* After $ipc_ttl the server lets go of a connection that is kept, and nothing is lost. */
static void lets_go_of_old_connections(void **state)
{
    struct stage stage;
    struct ipc_client *client;
    pid_t pid;

    (void)state;
    stage_set(&stage);
    conf.ipc_ttl = 0;
    pid = play(&stage, &one, 0);
    client = ipc_client_new(stage.path, "adder", 5000);
    for (int k = 0; k < 3; k++)
        assert_int_equal(add(client, k), k + 1);
    assert_int_equal(stage.board->slot[0].served, 3);
    ipc_client_free(client);
    close(stage.retire[1]);
    assert_int_equal(status_of(pid), 0);
    conf.ipc_ttl = 1000;
    stage_strike(&stage);
}

/* Master reloads while a connection is kept: the next answer is the last one. */
static void retires_busy_processes(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stage stage;
        struct ipc_client *client;
        pid_t old, young;

        stage_set(&stage);
        old = play(&stage, both[i], 0);
        client = ipc_client_new(stage.path, "adder", 5000);
        assert_int_equal(add(client, 1), 2);
        atomic_store(&stage.board->retire_before, 6);
        if (i == 0) {
            assert_int_equal(add(client, 2), 3);
        } else {
            close(stage.retire[1]);
            close(stage.retire[0]);
            new_retire_pipe(&stage);
        }
        assert_int_equal(status_of(old), 0);
        atomic_store(&stage.board->retire_before, 5);
        young = play(&stage, both[i], 1);
        assert_int_equal(add(client, 3), 4);
        ipc_client_free(client);
        close(stage.retire[1]);
        assert_int_equal(status_of(young), 0);
        stage_strike(&stage);
    }
}

static int connect_raw(const struct stage *stage)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(to.sun_path, stage->path);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Read until the server closes; how many bytes came. */
static size_t drain(int fd)
{
    char bytes[4096];
    size_t total = 0;
    ssize_t n;

    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        total += (size_t)n;
    close(fd);
    return total;
}

#define GOOD "request\0add\0flags\0001\0sender\0\0address\0x\0\0"
static const struct {
    const char *row;
    struct str bytes;
} hostile[] = {
    {"no request", STR("hello\r\n\0world\0\0")},
    {"unknown request", STR("request\0drop\0\0")},
    {"missing fields", STR("request\0add\0\0")},
    {"reads beyond its request",
     STR("request\0too_much\0flags\0001\0sender\0\0address\0x\0\0")},
    {"wrong field", STR("request\0add\0flags\0x\0sender\0\0address\0x\0\0")},
    {"many names", STR("a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0a\0b\0\0")},
};

/* Bad requests cost their own connection only; good ones before them are answered. */
static void closes_on_hostile_bytes(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stage stage;
        struct ipc_client *client;
        pid_t pid;

        stage_set(&stage);
        pid = play(&stage, both[i], 0);
        for (size_t k = 0; k < ROWS(hostile); k++) {
            struct str good = STR(GOOD);
            int fd = connect_raw(&stage);

            assert_int_equal(write(fd, good.p, good.n), good.n);
            assert_int_equal(write(fd, hostile[k].bytes.p, hostile[k].bytes.n),
                             hostile[k].bytes.n);
            if (strcmp(hostile[k].row, "reads beyond its request") == 0)
                shutdown(fd, SHUT_WR);
            ROW_INT(hostile[k].row, drain(fd) > sizeof("protocol\0adder_protocol\0"), 1);
        }
        client = ipc_client_new(stage.path, "adder", 5000);
        assert_int_equal(add(client, 1), 2);
        ipc_client_free(client);
        close(stage.retire[1]);
        assert_int_equal(status_of(pid), 0);
        stage_strike(&stage);
    }
}

/* One client stops in mid-request, one never reads: the others are served meanwhile. */
static void serves_others_beside_slow_clients(void **state)
{
    struct str half = STR("request\0add\0fla");
    struct str much = STR("request\0much\0flags\0001\0sender\0\0address\0x\0\0");
    struct stage stage;
    struct ipc_client *client;
    int slow, deaf;
    pid_t pid;

    (void)state;
    stage_set(&stage);
    conf.max_use = 100000;
    pid = play(&stage, &many, 0);
    conf.max_use = 100;
    slow = connect_raw(&stage);
    deaf = connect_raw(&stage);
    assert_int_equal(write(slow, half.p, half.n), half.n);
    fcntl(deaf, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 20000; i++)
        if (write(deaf, much.p, much.n) != (ssize_t)much.n)
            break;
    client = ipc_client_new(stage.path, "adder", 5000);
    for (int k = 0; k < 20; k++)
        assert_int_equal(add(client, k), k + 1);
    fcntl(deaf, F_SETFL, 0);
    assert_true(drain(slow) > 0); /* closed after $ipc_timeout */
    assert_true(drain(deaf) > 0);
    assert_int_equal(add(client, 1), 2);
    ipc_client_free(client);
    close(stage.retire[1]);
    assert_int_equal(status_of(pid), 0);
    stage_strike(&stage);
}

/* No descriptor is left for a new client: it waits, and the others notice nothing. */
static void serves_who_is_there_while_no_other_can_be_accepted(void **state)
{
    struct rlimit few = {.rlim_cur = 4, .rlim_max = 4096},
                  enough = {.rlim_cur = 4096, .rlim_max = 4096};
    struct stage stage;
    struct ipc_client *here, *waiting;
    int64_t began;
    pid_t pid;

    (void)state;
    stage_set(&stage);
    pid = play(&stage, &many, 0);
    here = ipc_client_new(stage.path, "adder", 5000);
    waiting = ipc_client_new(stage.path, "adder", 10000);
    assert_int_equal(add(here, 1), 2);
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &few, NULL), 0);
    close(connect_raw(&stage));
    began = clock_ms(&clock_system);
    for (int k = 0; k < 30; k++)
        assert_int_equal(add(here, k), k + 1);
    assert_true(clock_ms(&clock_system) - began < 10000);
    assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &enough, NULL), 0);
    assert_int_equal(add(waiting, 1), 2);
    ipc_client_free(here);
    ipc_client_free(waiting);
    close(stage.retire[1]);
    assert_int_equal(status_of(pid), 0);
    stage_strike(&stage);
}

static void answers_a_batch_in_order(void **state)
{
    struct stage stage;
    struct buf batch;
    struct stream *s;
    struct arena *arena = arena_new("request");
    struct fail why;
    pid_t pid;

    (void)state;
    stage_set(&stage);
    conf.max_use = 100000;
    pid = play(&stage, &many, 0);
    conf.max_use = 100;
    s = stream_new(connect_raw(&stage), 0);
    assert_int_equal(ipc_expect(s, "adder", &why), 0);
    buf_init(&batch, 1 << 20);
    for (int i = 0; i < 1000; i++)
        ipc_add_request(&batch, "add", &resolve_message, &(struct resolve){.flags = i});
    stream_write_str(s, buf_str(&batch));
    assert_int_equal(stream_flush(s), STREAM_OK);
    for (int i = 0; i < 1000; i++) {
        struct resolved answer;

        assert_int_equal(ipc_receive(s, &resolved_message, arena, &answer, &why), 0);
        assert_int_equal(answer.flags, i + 1);
    }
    stream_free(s);
    buf_done(&batch);
    arena_free(arena);
    close(stage.retire[1]);
    assert_int_equal(status_of(pid), 0);
    stage_strike(&stage);
}

static void leaves_when_idle(void **state)
{
    (void)state;
    conf.max_idle = 1;
    for (int i = 0; i < 2; i++) {
        struct stage stage;

        stage_set(&stage);
        assert_int_equal(status_of(play(&stage, both[i], 0)), 0);
        stage_strike(&stage);
    }
    conf.max_idle = 100;
}

/* Master is woken when the last idle process takes a client. */
static void wakes_master(void **state)
{
    struct stage stage;
    struct ipc_client *client;
    eventfd_t woken = 0;
    pid_t pid;

    (void)state;
    stage_set(&stage);
    pid = play(&stage, &one, 0);
    client = ipc_client_new(stage.path, "adder", 5000);
    assert_int_equal(add(client, 1), 2);
    assert_int_equal(eventfd_read(stage.wake, &woken), 0);
    assert_int_equal(woken, 1);
    assert_int_equal(add(client, 1), 2);
    assert_int_equal(eventfd_read(stage.wake, &woken), -1);
    ipc_client_free(client);
    close(stage.retire[1]);
    assert_int_equal(status_of(pid), 0);
    stage_strike(&stage);
}

/* --- triggers --------------------------------------------------------------------- */

static void on_trigger(struct process *process, struct str bytes)
{
    (void)process;
    if (str_is(bytes, "quit"))
        _exit(42);
}

static const struct service trigger = {
    .name = "t", .kind = SERVICE_TRIGGER, .trigger = on_trigger};

static void passes_triggers_on(void **state)
{
    struct stage stage;
    struct fail why;
    pid_t pid;
    int silent;

    (void)state;
    stage_set(&stage);
    pid = play(&stage, &trigger, 0);
    silent = connect_raw(&stage);
    assert_int_equal(ipc_trigger(stage.path, "W", 1000, &why), 0);
    assert_int_equal(drain(silent), 0); /* $trigger_timeout */
    assert_int_equal(ipc_trigger(stage.path, "quit", 1000, &why), 0);
    assert_int_equal(WEXITSTATUS(status_of(pid)), 42);
    stage_strike(&stage);
}

/* A socket for lines of the log, where POSTLOG_SERVICE says. */
static int log_socket(struct stage *stage)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = above(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

    snprintf(at.sun_path, sizeof(at.sun_path), "%s/public", stage->directory);
    assert_int_equal(mkdir(at.sun_path, 0700), 0);
    strcat(at.sun_path, "/postlog");
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* A whole program, started by a master of before the snapshot. */
static pid_t start_by_old_master(struct stage *stage)
{
    const char *const argv[] = {"adder", "-t", "unix", "-s", "1", "-n", "adder", NULL};
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    setenv("MAIL_CONFIG", stage->directory, 1);
    setenv("GENERATION", "5", 1);
    setenv("SLOT", "0", 1);
    setenv("POSTLOG_SERVICE", "postlog", 1);
    setenv("POSTLOG_HOSTNAME", "host", 1);
    if (chdir(stage->directory) < 0)
        _exit(99);
    take_places(stage);
    _exit(service_run(&one, COUNT(argv) - 1, (char **)argv));
}

/* While an upgrade is on its way, none of our own descriptors is taken for a snapshot of
 * the configuration: the log's would be. */
static void serves_and_logs_without_a_snapshot(void **state)
{
    struct ipc_client *client;
    struct stage stage;
    char path[64], text[200], line[1000] = "";
    struct pollfd log = {.events = POLLIN};
    pid_t pid;
    int fd;

    (void)state;
    stage_set(&stage);
    log.fd = log_socket(&stage);
    snprintf(path, sizeof(path), "%s/main.cf", stage.directory);
    snprintf(text, sizeof(text), "queue_directory = %s\nmaillog_file = /var/log/x\n",
             stage.directory);
    assert_int_equal(file_replace(path, str_of(text), 0644, NULL), 0);
    pid = start_by_old_master(&stage);
    client = ipc_client_new(stage.path, "adder", 5000);
    assert_int_equal(add(client, 1), 2);
    ipc_client_free(client);
    fd = connect_raw(&stage);
    assert_int_equal(write(fd, hostile[0].bytes.p, hostile[0].bytes.n),
                     hostile[0].bytes.n);
    assert_true(drain(fd) > 0);
    assert_int_equal(poll(&log, 1, 5000), 1);
    assert_true(recv(log.fd, line, sizeof(line) - 1, 0) > 0);
    assert_non_null(strstr(line, "warning"));
    close(stage.retire[1]);
    assert_int_equal(status_of(pid), 0);
    close(log.fd);
    unlink(path);
    snprintf(path, sizeof(path), "rm -rf %s/public", stage.directory);
    assert_int_equal(system(path), 0);
    stage_strike(&stage);
}

static void read_exactly(int fd, const char *wanted)
{
    char bytes[100] = "";
    size_t n = 0;

    while (n < strlen(wanted)) {
        ssize_t got = read(fd, bytes + n, strlen(wanted) - n);

        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_string_equal(bytes, wanted);
}

/* The descriptor of a request, and then the connection itself, become the program's; a
 * process that retires lives as long as they do. */
static void a_connection_becomes_the_programs(void **state)
{
    struct stage stage;
    struct stream *s;
    struct arena *arena = arena_new("test");
    struct resolved answer;
    struct fail why;
    int pair[2];
    pid_t pid;

    (void)state;
    conf.application_event_drain_time = 20;
    stage_set(&stage);
    pid = play(&stage, &keeper, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    s = stream_new(connect_raw(&stage), 0);
    stream_set_timeout(s, 5000);
    assert_int_equal(ipc_expect(s, "keeper", &why), 0);
    ipc_put_request(s, "keep", &resolve_message, &(struct resolve){0});
    stream_write_text(s, "ahead ");
    assert_int_equal(stream_flush_with_fd(s, pair[1]), STREAM_OK);
    close(pair[1]);
    assert_int_equal(ipc_receive(s, &resolved_message, arena, &answer, &why), 0);
    assert_int_equal(answer.flags, 7);
    close(stage.retire[1]);
    stream_write_text(s, "and after");
    assert_int_equal(stream_flush(s), STREAM_OK);
    read_exactly(pair[0], "ahead and after");
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    stream_free(s);
    assert_int_equal(status_of(pid), 0);
    assert_int_equal(read(pair[0], &(char){0}, 1), 0);
    close(pair[0]);
    stage_strike(&stage);
    arena_free(arena);
    conf.application_event_drain_time = 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_many_requests_on_one_connection),
        cmocka_unit_test(a_connection_becomes_the_programs),
        cmocka_unit_test(hands_over_after_max_use),
        cmocka_unit_test(ends_with_its_last_connection),
        cmocka_unit_test(lets_go_of_old_connections),
        cmocka_unit_test(retires_busy_processes),
        cmocka_unit_test(closes_on_hostile_bytes),
        cmocka_unit_test(serves_others_beside_slow_clients),
        cmocka_unit_test(serves_who_is_there_while_no_other_can_be_accepted),
        cmocka_unit_test(answers_a_batch_in_order),
        cmocka_unit_test(leaves_when_idle),
        cmocka_unit_test(wakes_master),
        cmocka_unit_test(passes_triggers_on),
        cmocka_unit_test(serves_and_logs_without_a_snapshot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
