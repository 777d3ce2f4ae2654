/*
 * A queue manager on a loop whose clock stands still until told otherwise, in a
 * queue directory of its own, among services that are played by the test:
 *
 *   rewrite  sends joe@a.smtp.test to next hop "a.smtp.test" of transport "smtp"
 *   agents   treat a recipient by the first letters of its name: ok, later,
 *            trouble (the destination's), bounce, trace (leaves a log), hold (until
 * release()), crash (in the middle), leave (before reading) bounce, defer, trace  note
 * what is asked
 *
 * All in one process: nothing waits, and the same always happens.
 */
#ifndef STAGE_H
#define STAGE_H

#include "queue/sandbox.h"

#include "ipc/messages.h"
#include "mail/address.h"
#include "net/listen.h"
#include "qmgr/message.h"
#include "qmgr/scanner.h"
#include "qmgr/transport.h"
#include "util/file.h"
#include "util/log.h"
#include "util/platform.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <utime.h>

enum { TALKS_MAX = 200, REQUESTS_MAX = 20000 };

/* One request that an agent got. */
struct got {
    char transport[40], nexthop[200], id[QUEUE_ID_SIZE], first[100];
    long long n, flags, trace_flags;
};

struct talk {
    struct stage *stage;
    char service[40];
    int fd, passenger;
    struct buf in, out;
    struct delivered held; /* the answer that waits for release() */
    bool holds;
};

struct stage {
    struct clock clock;
    int64_t now_ms;
    time_t epoch;
    bool quiet;
    struct arena *arena;
    struct conf *conf;
    struct loop *loop;
    struct manager *manager;
    struct talk *talks[TALKS_MAX];
    struct got *got;
    size_t n_got;
    int busy, busy_max;        /* requests with agents */
    size_t questions;          /* to trivial-rewrite */
    char reports[4096];        /* "defer flush ID\n" */
    bool refuse_reports, mute; /* no answers to questions */
    char log[1 << 16];
};

/* --- time ---------------------------------------------------------------------- */

static int64_t stage_ms(const struct clock *clock)
{
    return ((struct stage *)clock->state)->now_ms;
}

static struct timeval stage_wall(const struct clock *clock)
{
    const struct stage *stage = clock->state;

    return (struct timeval){.tv_sec = stage->epoch + stage->now_ms / 1000,
                            .tv_usec = stage->now_ms % 1000 * 1000};
}

static void stage_pass(const struct clock *clock, int64_t ms)
{
    (void)ms;
    ((struct stage *)clock->state)->quiet = true;
}

static time_t now(const struct stage *stage)
{
    return stage->epoch + stage->now_ms / 1000;
}

/* Until nothing more happens by itself. */
static void run(struct stage *stage)
{
    do {
        stage->quiet = false;
        (void)loop_step(stage->loop);
    } while (!stage->quiet);
}

static void let_pass(struct stage *stage, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        stage->now_ms += 1000;
        run(stage);
    }
}

/* --- services ------------------------------------------------------------------ */

static void hear(void *context, int fd, int events);

/* Send what the socket takes; the rest goes when it takes more. */
static void push(struct talk *talk)
{
    ssize_t n = send(talk->fd, talk->out.p, talk->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    struct fail why;

    if (n > 0)
        buf_shift(&talk->out, (size_t)n);
    assert_int_equal(loop_watch(talk->stage->loop, talk->fd,
                                LOOP_READ | (talk->out.n > 0 ? LOOP_WRITE : 0), hear,
                                talk, &why),
                     0);
}

static void reply(struct talk *talk, const struct ipc_message *message,
                  const void *record)
{
    ipc_add(&talk->out, message, record);
    push(talk);
}

static void hang_up(struct talk *talk)
{
    struct stage *stage = talk->stage;

    for (size_t i = 0; i < TALKS_MAX; i++)
        if (stage->talks[i] == talk)
            stage->talks[i] = NULL;
    loop_unwatch(stage->loop, talk->fd);
    close(talk->fd);
    if (talk->passenger >= 0)
        close(talk->passenger);
    buf_done(&talk->in);
    buf_done(&talk->out);
    free(talk);
}

/* "joe@a.smtp.test" -> "smtp" */
static const char *transport_in(struct arena *arena, const char *address)
{
    struct str domain = address_split(str_of(address)).domain;
    struct str rest = str_head(domain, str_find_last(domain, '.'));

    return arena_copy_str(arena, str_tail(rest, str_find_last(rest, '.') + 1));
}

static void play_rewrite(struct talk *talk, struct str *bytes, struct arena *arena)
{
    struct resolve question;
    struct resolved answer;
    struct fail why;

    assert_int_equal(ipc_decode(bytes, &resolve_message, arena, &question, &why), 0);
    talk->stage->questions++;
    if (talk->stage->mute)
        return;
    answer = (struct resolved){
        .transport = transport_in(arena, question.address),
        .nexthop = arena_copy_str(arena, address_split(str_of(question.address)).domain),
        .recipient = question.address,
    };
    answer.flags =
        strcmp(answer.transport, "local") == 0 ? RESOLVE_LOCAL : RESOLVE_DEFAULT;
    reply(talk, &resolved_message, &answer);
}

static void play_reporter(struct talk *talk, const char *request, struct str *bytes,
                          struct arena *arena)
{
    struct stage *stage = talk->stage;
    struct bounce_report about;
    struct status_reply answer = {.status = stage->refuse_reports};
    struct fail why;
    char path[300];

    assert_int_equal(ipc_decode(bytes, &bounce_report_message, arena, &about, &why), 0);
    snprintf(stage->reports + strlen(stage->reports),
             sizeof(stage->reports) - strlen(stage->reports), "%s %s %s\n", talk->service,
             request, about.queue_id);
    if (!stage->refuse_reports && strcmp(request, "warn") != 0) {
        snprintf(path, sizeof(path), "%s/%s", talk->service, about.queue_id);
        unlink(path);
    }
    reply(talk, &status_reply_message, &answer);
}

static void touch(const char *queue, const char *id)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/%s", queue, id);
    close(open(path, O_CREAT | O_WRONLY, 0600));
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void play_recipient(struct talk *talk, const struct deliver_recipient *recipient,
                           const char *id, struct delivered *answer)
{
    struct fail why;

    if (begins(recipient->address, "later") || begins(recipient->address, "trouble"))
        answer->deferred++;
    else
        assert_int_equal(envelope_mark_done(talk->passenger, recipient->offset, &why), 0);
    if (begins(recipient->address, "trouble")) {
        answer->status = "4.4.1";
        answer->reason = "no route";
    }
    if (begins(recipient->address, "bounce"))
        touch("bounce", id);
    if (begins(recipient->address, "trace"))
        touch("trace", id);
    if (begins(recipient->address, "hold"))
        talk->holds = true;
}

static void answer_delivery(struct talk *talk)
{
    talk->stage->busy--;
    close(talk->passenger);
    talk->passenger = -1;
    talk->holds = false;
    reply(talk, &delivered_message, &talk->held);
}

/* False when the agent is gone. */
static bool play_agent(struct talk *talk, struct str *bytes, struct arena *arena)
{
    struct stage *stage = talk->stage;
    struct delivered answer = {0};
    struct deliver request;
    struct got *got = &stage->got[stage->n_got++];
    struct fail why;

    assert_true(talk->passenger >= 0);
    assert_true(stage->n_got < REQUESTS_MAX);
    assert_int_equal(ipc_decode(bytes, &deliver_message, arena, &request, &why), 0);
    *got = (struct got){.n = request.recipients,
                        .flags = request.flags,
                        .trace_flags = request.trace_flags};
    snprintf(got->transport, sizeof(got->transport), "%s", request.transport);
    snprintf(got->nexthop, sizeof(got->nexthop), "%s", request.nexthop);
    snprintf(got->id, sizeof(got->id), "%s", request.queue_id);
    stage->busy++;
    if (stage->busy > stage->busy_max)
        stage->busy_max = stage->busy;
    for (long long i = 0; i < request.recipients; i++) {
        struct deliver_recipient recipient;

        assert_int_equal(
            ipc_decode(bytes, &deliver_recipient_message, arena, &recipient, &why), 0);
        if (i == 0)
            snprintf(got->first, sizeof(got->first), "%s", recipient.address);
        if (begins(recipient.address, "crash")) {
            stage->busy--;
            hang_up(talk);
            return false;
        }
        if (strcmp(talk->service, "retry") == 0)
            answer.deferred++;
        else
            play_recipient(talk, &recipient, request.queue_id, &answer);
    }
    talk->held = answer;
    if (!talk->holds)
        answer_delivery(talk);
    return true;
}

/* Answer the requests that are here in whole. What follows a "deliver" comes with it,
 * since the queue manager sends it in one piece. */
static void answer_requests(struct talk *talk)
{
    struct arena *arena = arena_new("test");
    struct str rest = buf_str(&talk->in);
    bool here = true;

    while (here && ipc_length(rest) > 0) {
        const char *request = rest.p + sizeof("request");

        assert_string_equal(rest.p, "request");
        rest = str_tail(rest, sizeof("request") + strlen(request) + 1);
        if (strcmp(request, "resolve") == 0)
            play_rewrite(talk, &rest, arena);
        else if (strcmp(request, "deliver") == 0)
            here = play_agent(talk, &rest, arena);
        else
            play_reporter(talk, request, &rest, arena);
    }
    if (here)
        buf_shift(&talk->in, talk->in.n - rest.n);
    arena_free(arena);
}

static void hear(void *context, int fd, int events)
{
    struct talk *talk = context;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec vector = {buf_reserve(&talk->in, 1 << 20), 1 << 20};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (n == 0) {
        hang_up(talk);
        return;
    }
    if (events & LOOP_WRITE && talk->out.n > 0)
        push(talk);
    if (n < 0)
        return;
    if (header)
        memcpy(&talk->passenger, CMSG_DATA(header), sizeof(int));
    buf_added(&talk->in, (size_t)n);
    answer_requests(talk);
}

struct fake {
    struct stage *stage;
    char name[40];
};

static void greet(void *context, int listener, int events)
{
    const struct fake *fake = context;
    struct stage *stage = fake->stage;
    struct talk *talk = calloc(1, sizeof(*talk));
    struct fail why;
    size_t i = 0;
    char text[100];
    int n =
        snprintf(text, sizeof(text), "protocol%c%s_protocol%c%c", 0,
                 strcmp(fake->name, "rewrite") == 0 ? "trivial-rewrite"
                 : strcmp(fake->name, "defer") == 0 || strcmp(fake->name, "trace") == 0
                     ? "bounce"
                     : fake->name,
                 0, 0);

    (void)events;
    while (i < TALKS_MAX && stage->talks[i])
        i++;
    assert_true(i < TALKS_MAX);
    talk->stage = stage;
    talk->passenger = -1;
    talk->fd = listen_accept(listener, NULL, &why);
    assert_true(talk->fd >= 0);
    snprintf(talk->service, sizeof(talk->service), "%s", fake->name);
    buf_init(&talk->in, 4 << 20);
    buf_init(&talk->out, 4 << 20);
    stage->talks[i] = talk;
    buf_add(&talk->out, text, (size_t)n);
    push(talk);
}

static void start_service(struct stage *stage, const char *name)
{
    struct fake *fake = ARENA_NEW(stage->arena, struct fake);
    char path[100];
    struct fail why;
    int fd;

    fake->stage = stage;
    snprintf(fake->name, sizeof(fake->name), "%s", name);
    snprintf(path, sizeof(path), "private/%s", name);
    fd = listen_unix(path, 200, 0600, &why);
    assert_true(fd >= 0);
    assert_int_equal(loop_watch(stage->loop, fd, LOOP_READ, greet, fake, &why), 0);
}

/* Let agents answer what they hold. */
static void release(struct stage *stage)
{
    for (size_t i = 0; i < TALKS_MAX; i++)
        if (stage->talks[i] && stage->talks[i]->holds)
            answer_delivery(stage->talks[i]);
    run(stage);
}

/* --- the queue ----------------------------------------------------------------- */

/* A complete queue file of texts "S joe", "A name=value" with this id. */
static void put(struct stage *stage, const char *queue, const char *id,
                const char *const *records)
{
    struct size_record size = {.content_bytes = 6, .recipients = 1};
    struct buf head, file;
    char path[300];
    struct fail why;
    int fd;

    buf_init(&head, 8 << 20);
    buf_init(&file, 8 << 20);
    record_printf(&head, RECORD_TIME, "%ld 0", (long)now(stage));
    for (; *records; records++)
        record_add_text(&head, (*records)[0], *records + 2);
    record_add_text(&head, RECORD_CONTENT, "");
    size.content_offset = (long)(SIZE_RECORD_BYTES + head.n);
    record_add_size(&file, &size);
    buf_add_str(&file, buf_str(&head));
    record_add_text(&file, RECORD_LINE, "text");
    record_add_text(&file, RECORD_EXTRACTED, "");
    record_add_text(&file, RECORD_END, "");
    snprintf(path, sizeof(path), "%s/%s", queue, id);
    fd = file_open(path, O_RDWR | O_CREAT | O_EXCL, 0700, &why);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, file.p, file.n, &why), 0);
    close(fd);
    utime(path, &(struct utimbuf){now(stage), now(stage)});
    buf_done(&head);
    buf_done(&file);
}

/* n recipients "NAME<number>@DOMAIN". */
static void put_many(struct stage *stage, const char *id, const char *name,
                     const char *domain, int n)
{
    const char **records = calloc((size_t)n + 2, sizeof(char *));

    records[0] = "S joe@example.com";
    for (int i = 0; i < n; i++)
        records[i + 1] = arena_printf(stage->arena, "R %s%d@%s", name, i, domain);
    put(stage, "incoming", id, records);
    free(records);
}

static void arrive(struct stage *stage, const char *id)
{
    scanner_notice(stage->manager->scanner, id);
    run(stage);
}

#define MAIL(stage, id, ...)                                                             \
    do {                                                                                 \
        static const char *const mail_records[] = {__VA_ARGS__, NULL};                   \
        put(stage, "incoming", id, mail_records);                                        \
        arrive(stage, id);                                                               \
    } while (0)

/* Where the message is now; "" = gone. */
static const char *queue_of(const char *id)
{
    const char *queue;
    struct spool spool;
    struct stat st;
    struct fail why;

    spool_init(&spool, "", 0, false);
    return spool_find(&spool, id, &queue, &st, &why) > 0 ? queue : "";
}

static time_t next_attempt(const char *id)
{
    struct spool spool;
    struct stat st;
    struct fail why;

    spool_init(&spool, "", 0, false);
    assert_int_equal(spool_stat(&spool, "deferred", id, &st, &why), 1);
    return st.st_mtime;
}

/* --- set-up -------------------------------------------------------------------- */

static void note_line(void *context, enum log_level level, const char *text)
{
    struct stage *stage = context;
    size_t n = strlen(stage->log);

    (void)level;
    snprintf(stage->log + n, sizeof(stage->log) - n, "%s\n", text);
}

static bool logged(const struct stage *stage, const char *text)
{
    return strstr(stage->log, text) != NULL;
}

static const char *const usual[] = {"hash_queue_names=hold", "queue_run_delay=300",
                                    "minimal_backoff_time=300",
                                    "maximal_backoff_time=4000", NULL};

/* The queue manager starts; overrides NULL = the usual parameters. */
static struct stage *stage_open(const char *const *overrides)
{
    static const char *const services[] = {"rewrite", "bounce", "defer", "trace",
                                           "smtp",    "local",  "retry", "slow"};
    struct stage *stage = calloc(1, sizeof(*stage));
    struct fail why;

    stage->clock = (struct clock){.monotonic_ms = stage_ms,
                                  .wall = stage_wall,
                                  .pass_ms = stage_pass,
                                  .state = stage};
    stage->epoch = time(NULL);
    stage->arena = arena_new("test");
    stage->got = calloc(REQUESTS_MAX, sizeof(*stage->got));
    stage->conf =
        conf_load(&(struct conf_options){.program = "qmgr",
                                         .overrides = overrides ? overrides : usual,
                                         .defaults_only = true},
                  &why);
    if (!stage->conf)
        fail_msg("%s", why.text);
    stage->loop = loop_new(&stage->clock);
    log_divert(note_line, stage);
    assert_int_equal(mkdir("private", 0700), 0);
    for (size_t i = 0; i < ROWS(services); i++)
        start_service(stage, services[i]);
    stage->manager = manager_new(stage->conf, stage->loop, stage->arena);
    assert_int_equal(scanner_recover(stage->manager, &why), 0);
    stage->manager->scanner = scanner_new(stage->manager);
    run(stage);
    return stage;
}

static void stage_close(struct stage *stage)
{
    manager_free(stage->manager);
    for (size_t i = 0; i < TALKS_MAX; i++)
        if (stage->talks[i])
            hang_up(stage->talks[i]);
    log_divert(NULL, NULL);
    loop_free(stage->loop);
    conf_free(stage->conf);
    arena_free(stage->arena);
    free(stage->got);
    free(stage);
    platform_close_from(20); /* listeners */
}

#endif
