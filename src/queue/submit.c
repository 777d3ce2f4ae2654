/*
 * One message on its way into cleanup. The request that opens it may be
 * repeated on a new connection (ipc/client.h); from the first record on it may
 * not, so a connection that is lost later costs this submission: its caller
 * still holds the message and tries again.
 */
#include "queue/submit.h"

#include "queue/record.h"
#include "util/log.h"

#include <stdarg.h>

enum {
    RECORD_GIVE_UP = 'a', /* on the wire to cleanup only */
    OPEN_ATTEMPTS = 5,
    SCRATCH_MAX = RECORD_DATA_MAX + RECORD_HEADER_MAX + 1,
};

struct submission {
    struct ipc_client *cleanup;
    struct stream *stream;
    struct buf scratch; /* one record */
    bool ended;         /* the E record was sent */
};

/* Ask, again when the process that answers is about to end. */
static int open_file(struct ipc_client *cleanup, const struct submit *ask,
                     struct submit_opened *ret, struct arena *arena, struct fail *why)
{
    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        if (ipc_call(cleanup,
                     &(struct ipc_exchange){"submit", &submit_message, ask,
                                            &submit_opened_message, ret},
                     arena, why) < 0)
            return -1;
        if (ret->status != SUBMIT_GONE)
            return 0;
        ipc_client_close(cleanup);
    }
    return fail_set(why, "cleanup: each process that answers is about to end");
}

struct submission *submit_open(struct ipc_client *cleanup, int flags,
                               long long size_limit, struct arena *arena,
                               const char **ret_id, struct fail *why)
{
    struct submit ask = {.flags = flags, .size_limit = size_limit};
    struct submit_opened answer;
    struct submission *s;

    if (open_file(cleanup, &ask, &answer, arena, why) < 0)
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

static void send_scratch(struct submission *s)
{
    stream_write_str(s->stream, buf_str(&s->scratch));
    buf_reset(&s->scratch);
}

void submit_record(struct submission *s, int type, struct str data)
{
    if (s->ended)
        panic("submit_record: a record after the last one");
    record_add(&s->scratch, type, data);
    s->ended = type == RECORD_END;
    send_scratch(s);
}

void submit_printf(struct submission *s, int type, const char *format, ...)
{
    struct buf text;
    va_list args;

    buf_init(&text, RECORD_DATA_MAX);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    submit_record(s, type, buf_str(&text));
    buf_done(&text);
}

void submit_attribute(struct submission *s, const char *name, const char *value)
{
    if (!value || value[0] == '\0')
        return;
    record_add_attribute(&s->scratch, name, value);
    send_scratch(s);
}

struct submit_done submit_close(struct submission *s, struct arena *arena)
{
    struct submit_done done = {0};
    struct fail why = {0};
    enum stream_result sent;

    if (!s->ended)
        panic("submit_close: the last record is missing");
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
    if (!s->ended)
        record_add(&s->scratch, RECORD_GIVE_UP, STR_NONE);
    send_scratch(s);
    /* After E, cleanup's verdict is on its way: only a closed connection is clean. */
    if (stream_flush(s->stream) != STREAM_OK || s->ended)
        ipc_client_close(s->cleanup);
    buf_done(&s->scratch);
}
