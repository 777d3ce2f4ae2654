/*
 * One message on its way into cleanup, or through postdrop into maildrop/. The
 * request that opens it may be repeated on a new connection (ipc/client.h); from
 * the first record on it may not, so a connection that is lost later costs this
 * submission: its caller still holds the message and tries again.
 */
#include "queue/submit.h"

#include "queue/record.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    RECORD_GIVE_UP = 'a', /* on the wire to cleanup only */
    SCRATCH_MAX = RECORD_DATA_MAX + RECORD_HEADER_MAX + 1,
};

struct submission {
    struct ipc_client *cleanup; /* NULL = the other end is postdrop */
    pid_t postdrop;
    struct stream *stream;
    struct buf scratch; /* one record */
    bool ended;         /* the E record was sent */
};

struct submission *submit_open(struct ipc_client *cleanup, int flags,
                               long long size_limit, struct arena *arena,
                               const char **ret_id, struct fail *why)
{
    struct submit ask = {.flags = flags, .size_limit = size_limit};
    struct submit_opened answer;
    struct submission *s;

    if (ipc_call(cleanup,
                 &(struct ipc_exchange){"submit", &submit_message, &ask,
                                        &submit_opened_message, &answer},
                 arena, why) < 0)
        return NULL;
    if (answer.status != SUBMIT_OK) {
        fail_set(why, "%s",
                 answer.reason[0] ? answer.reason : "cleanup takes no message");
        return NULL;
    }
    s = ARENA_NEW(arena, struct submission);
    s->cleanup = cleanup;
    s->stream = ipc_client_stream(cleanup, why);
    if (!s->stream)
        return NULL;
    buf_init(&s->scratch, SCRATCH_MAX);
    *ret_id = answer.queue_id;
    return s;
}

/* --- through postdrop --- */

/* Start it with both ends of its talk on one socket: our end, or -1. */
static int start_postdrop(const char *const *argv, pid_t *ret_pid, struct fail *why)
{
    posix_spawn_file_actions_t actions;
    int pair[2], code;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fail_set(why, "create a socket pair: %m");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
    code = posix_spawn(ret_pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    if (code == 0)
        return pair[0];
    close(pair[0]);
    errno = code;
    return fail_set(why, "run %s: %m", argv[0]);
}

static void end_postdrop(struct submission *s)
{
    stream_free(s->stream);
    while (waitpid(s->postdrop, NULL, 0) < 0 && errno == EINTR)
        ;
}

struct submission *submit_open_maildrop(const char *const *argv, struct arena *arena,
                                        const char **ret_id, struct fail *why)
{
    struct submission *s = ARENA_NEW(arena, struct submission);
    struct postdrop_opened opened;
    int fd = start_postdrop(argv, &s->postdrop, why);

    if (fd < 0)
        return NULL;
    s->stream = stream_new(fd, 0);
    buf_init(&s->scratch, SCRATCH_MAX);
    if (ipc_receive(s->stream, &postdrop_opened_message, arena, &opened, why) < 0) {
        fail_prefix(why, "%s", argv[0]);
        end_postdrop(s);
        return NULL;
    }
    *ret_id = opened.queue_id;
    return s;
}

/* A postdrop that took no more has said why before it left. */
static struct submit_done close_maildrop(struct submission *s, struct arena *arena)
{
    struct status_reply reply;
    struct fail why;

    (void)!stream_flush(s->stream);
    if (ipc_receive(s->stream, &status_reply_message, arena, &reply, &why) < 0)
        reply = (struct status_reply){.status = SUBMIT_GONE, .reason = ""};
    end_postdrop(s);
    buf_done(&s->scratch);
    return (struct submit_done){.status = reply.status, .reason = reply.reason};
}

/* --- records --- */

static void check_open(const struct submission *s)
{
    if (s->ended)
        panic("submission: a record after the last one");
}

static void send_scratch(struct submission *s)
{
    check_open(s);
    stream_write_str(s->stream, buf_str(&s->scratch));
    buf_reset(&s->scratch);
}

void submit_record(struct submission *s, int type, struct str data)
{
    char header[RECORD_HEADER_MAX];

    check_open(s);
    stream_write(s->stream, header, record_header(header, type, data.n));
    stream_write_str(s->stream, data);
    s->ended = type == RECORD_END;
}

void submit_printf(struct submission *s, int type, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    record_vprintf(&s->scratch, type, format, args);
    va_end(args);
    send_scratch(s);
}

void submit_descriptor(struct submission *s, int type, struct str data, int fd)
{
    submit_record(s, type, data);
    (void)!stream_flush_with_fd(s->stream, fd); /* trouble shows at submit_close */
}

void submit_attribute(struct submission *s, const char *name, const char *value)
{
    if (!value || value[0] == '\0')
        return;
    record_add_attribute(&s->scratch, name, value);
    send_scratch(s);
}

bool submit_is_lost(const struct submission *s)
{
    return stream_output_result(s->stream) != STREAM_OK;
}

struct submit_done submit_close(struct submission *s, struct arena *arena)
{
    struct submit_done done = {0};
    struct fail why = {0};
    enum stream_result sent;

    if (!s->ended)
        panic("submit_close: the last record is missing");
    if (s->cleanup == NULL)
        return close_maildrop(s, arena);
    sent = stream_flush(s->stream);
    if (sent != STREAM_OK)
        fail_set(&why, "send to cleanup: %s", stream_result_text(sent));
    if (sent != STREAM_OK ||
        ipc_receive(s->stream, &submit_done_message, arena, &done, &why) < 0) {
        ipc_client_close(s->cleanup);
        done = (struct submit_done){.status = SUBMIT_GONE,
                                    .reason = arena_copy(arena, why.text)};
    }
    buf_done(&s->scratch);
    return done;
}

void submit_cancel(struct submission *s)
{
    if (s->cleanup == NULL) { /* the end of its input, before E, is enough */
        end_postdrop(s);
        buf_done(&s->scratch);
        return;
    }
    if (!s->ended)
        record_add(&s->scratch, RECORD_GIVE_UP, STR_NONE);
    send_scratch(s);
    /* After E, cleanup's verdict is on its way: only a closed connection is clean. */
    if (stream_flush(s->stream) != STREAM_OK || s->ended)
        ipc_client_close(s->cleanup);
    buf_done(&s->scratch);
}

const char *submit_status_text(int status)
{
    static const char *const texts[] = {
        [SUBMIT_OK] = "no trouble",
        [SUBMIT_BAD_RECORD] = "malformed message envelope",
        [SUBMIT_WRITE_ERROR] = "queue file write error",
        [SUBMIT_TOO_BIG] = "message file too big",
        [SUBMIT_TOO_MANY_HOPS] = "too many hops",
        [SUBMIT_REJECTED] = "message content rejected",
        [SUBMIT_NO_RECIPIENT] = "no recipients specified",
        [SUBMIT_TRY_AGAIN] = "temporary failure",
        [SUBMIT_REPLY] = "refused by a milter",
        [SUBMIT_GONE] = "the mail system does not answer",
    };

    return status >= 0 && (size_t)status < COUNT(texts) ? texts[status]
                                                        : "unknown trouble";
}

int submit_auto_utf8(const char *classes, const char *source)
{
    struct str rest = str_of(classes), word;

    while ((word = str_word(&rest, ", \t\r\n")).n)
        if (str_is_nocase(word, source) || str_is_nocase(word, "all"))
            return SUBMIT_AUTO_UTF8;
    return 0;
}
