/*
 * Reads records from a client. Nearly all stand in the stream's buffer as a
 * whole, and are shown there without a copy; one that lies across its end is
 * put together in a buffer of its own.
 */
#include "queue/intake.h"

void intake_init(struct intake *intake, struct stream *stream)
{
    *intake = (struct intake){.stream = stream};
    buf_init(&intake->whole, RECORD_DATA_MAX + RECORD_HEADER_MAX);
}

static int lost(enum stream_result result, struct fail *why)
{
    return fail_set(why, "%s while receiving a message", stream_result_text(result));
}

static int no_record(struct fail *why)
{
    return fail_set(why, "what came is no queue file record");
}

static int add_bytes(struct intake *intake, size_t n, struct fail *why)
{
    enum stream_result result =
        stream_read(intake->stream, buf_reserve(&intake->whole, n), n);

    if (result != STREAM_OK)
        return lost(result, why);
    buf_added(&intake->whole, n);
    return 0;
}

/* A record that is not all in the stream's buffer. */
static int read_whole(struct intake *intake, struct record *ret, struct fail *why)
{
    struct buf *whole = &intake->whole;
    struct str rest;
    ssize_t size = 0;

    buf_reset(whole);
    while (size == 0) {
        if (add_bytes(intake, 1, why) < 0)
            return -1;
        size = record_whole(buf_str(whole));
    }
    if (size < 0)
        return no_record(why);
    if (add_bytes(intake, (size_t)size - whole->n, why) < 0)
        return -1;
    rest = buf_str(whole);
    return record_parse(&rest, 0, ret) == 1 ? 0 : no_record(why);
}

int intake_next(struct intake *intake, struct record *ret, struct fail *why)
{
    struct str bytes, rest;
    enum stream_result result;
    int parsed;

    stream_skip(intake->stream, intake->taken);
    intake->taken = 0;
    if ((result = stream_peek(intake->stream, &bytes)) != STREAM_OK)
        return lost(result, why);
    rest = bytes;
    parsed = record_parse(&rest, 0, ret);
    if (parsed < 0)
        return no_record(why);
    if (parsed == 0)
        return read_whole(intake, ret, why);
    intake->taken = bytes.n - rest.n;
    return 0;
}

void intake_done(struct intake *intake)
{
    stream_skip(intake->stream, intake->taken);
    intake->taken = 0;
    buf_done(&intake->whole);
}
