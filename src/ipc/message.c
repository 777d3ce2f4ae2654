/*
 * The codec. Decoding always happens over memory that holds a whole message:
 * what comes from a stream is first collected until ipc_length says that it is
 * whole, which bounds names, values and the number of attributes before a byte
 * is looked at. The usual message is whole in the stream's buffer and is
 * decoded in place.
 */
#include "ipc/message.h"

#include "util/format.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

enum {
    ATTRIBUTES_MAX = 64, /* more than any message has; bounds what is collected */
    MESSAGE_MAX = ATTRIBUTES_MAX * (IPC_VALUE_MAX + IPC_NAME_MAX + 2) + 1,
};

/* --- encoding ---------------------------------------------------------------- */

/* Where encoded bytes go: one of the two is set. */
struct sink {
    struct stream *stream;
    struct buf *buf;
};

static void put(const struct sink *sink, const char *text)
{
    size_t n = strlen(text) + 1;

    if (sink->buf)
        buf_add(sink->buf, text, n);
    else
        stream_write(sink->stream, text, n);
}

static void put_field(const struct sink *sink, const struct ipc_field *field,
                      const void *record)
{
    const char *member = (const char *)record + field->offset;
    char digits[32];

    put(sink, field->name);
    if (field->type == IPC_NUMBER) {
        format_text(digits, sizeof(digits), "%lld",
                    *(const long long *)(const void *)member);
        put(sink, digits);
    } else {
        const char *text = *(const char *const *)(const void *)member;
        put(sink, text ? text : "");
    }
}

static void put_message(const struct sink *sink, const char *request,
                        const struct ipc_message *message, const void *record)
{
    if (request) {
        put(sink, "request");
        put(sink, request);
    }
    for (size_t i = 0; i < message->n; i++)
        put_field(sink, &message->fields[i], record);
    put(sink, "");
}

void ipc_put(struct stream *s, const struct ipc_message *message, const void *record)
{
    put_message(&(struct sink){.stream = s}, NULL, message, record);
}

void ipc_put_request(struct stream *s, const char *name,
                     const struct ipc_message *message, const void *record)
{
    put_message(&(struct sink){.stream = s}, name, message, record);
}

void ipc_add(struct buf *out, const struct ipc_message *message, const void *record)
{
    put_message(&(struct sink){.buf = out}, NULL, message, record);
}

void ipc_add_request(struct buf *out, const char *name, const struct ipc_message *message,
                     const void *record)
{
    put_message(&(struct sink){.buf = out}, name, message, record);
}

/* --- finding the end of a message --------------------------------------------- */

/* Bytes of the NUL-terminated text in front, NUL included; 0 = its NUL is not there
 * yet, -1 = longer than max. */
static ssize_t text_length(struct str bytes, size_t max)
{
    size_t seen = bytes.n < max + 1 ? bytes.n : max + 1;
    const char *nul = seen ? memchr(bytes.p, '\0', seen) : NULL;

    if (nul)
        return nul - bytes.p + 1;
    return bytes.n > max ? -1 : 0;
}

/* The same for "name NUL value NUL"; an empty name stands alone. */
static ssize_t attribute_length(struct str bytes)
{
    ssize_t name = text_length(bytes, IPC_NAME_MAX), value;

    if (name <= 1)
        return name;
    value = text_length(str_tail(bytes, (size_t)name), IPC_VALUE_MAX);
    return value <= 0 ? value : name + value;
}

ssize_t ipc_length(struct str bytes)
{
    size_t at = 0;

    for (int i = 0; i <= ATTRIBUTES_MAX; i++) {
        ssize_t n = attribute_length(str_tail(bytes, at));
        if (n <= 0)
            return n;
        at += (size_t)n;
        if (n == 1)
            return (ssize_t)at;
    }
    return -1;
}

int ipc_complete(const struct stream *s)
{
    ssize_t n = ipc_length(stream_buffered(s));

    return n > 0 ? 1 : (int)n;
}

/* --- decoding ------------------------------------------------------------------ */

/* Take one NUL-terminated text; the caller knows that it is there. */
static struct str take(struct str *bytes)
{
    struct str text = str_from(bytes->p, strlen(bytes->p));

    *bytes = str_tail(*bytes, text.n + 1);
    return text;
}

static bool parse_number(struct str text, long long *ret)
{
    bool negative = text.n > 0 && text.p[0] == '-';
    unsigned long long value;

    if (!str_number(negative ? str_tail(text, 1) : text, LLONG_MAX, &value))
        return false;
    *ret = negative ? -(long long)value : (long long)value;
    return true;
}

static int decode_field(struct str *bytes, const struct ipc_message *message,
                        const struct ipc_field *field, struct arena *arena, char *record,
                        struct fail *why)
{
    struct str name = take(bytes), value;

    if (!str_is(name, field->name))
        return fail_set(why, "message %s: \"%.*s\" where \"%s\" belongs", message->name,
                        STR_ARG(name), field->name);
    value = take(bytes);
    if (field->type == IPC_TEXT) {
        *(const char **)(void *)(record + field->offset) = arena_copy_str(arena, value);
        return 0;
    }
    if (!parse_number(value, (long long *)(void *)(record + field->offset)))
        return fail_set(why, "message %s: %s is no number: \"%.*s\"", message->name,
                        field->name, (int)(value.n < 40 ? value.n : 40), value.p);
    return 0;
}

/* Decode what is known to be a whole message. All fields are tried into *ret, whose
 * members are only meaningful after 0. */
static int decode_whole(struct str bytes, const struct ipc_message *message,
                        struct arena *arena, void *ret, struct fail *why)
{
    for (size_t i = 0; i < message->n; i++)
        if (decode_field(&bytes, message, &message->fields[i], arena, ret, why) < 0)
            return -1;
    if (bytes.n != 1)
        return fail_set(why, "message %s: unexpected \"%s\"", message->name, bytes.p);
    return 0;
}

int ipc_decode(struct str *bytes, const struct ipc_message *message, struct arena *arena,
               void *ret, struct fail *why)
{
    ssize_t n = ipc_length(*bytes);
    struct str whole;

    if (n <= 0)
        return fail_set(why, "message %s: %s", message->name,
                        n == 0 ? "not complete" : "malformed");
    whole = str_head(*bytes, (size_t)n);
    *bytes = str_tail(*bytes, (size_t)n);
    return decode_whole(whole, message, arena, ret, why);
}

/* --- from a stream ---------------------------------------------------------------- */

/* Failures here tell what is wrong; callers prefix with what. */
static int stream_failed(struct stream *s, enum stream_result result, struct fail *why)
{
    fail_set(why, "%s",
             result == STREAM_ERROR ? strerror(stream_errno(s))
                                    : stream_result_text(result));
    if (why)
        why->code = result == STREAM_RESET ? ECONNRESET : 0;
    return -1;
}

/* Bytes of the unit that *ret starts with, from one read at most; 0 = more of it must
 * come. */
static ssize_t peek_whole(struct stream *s, ssize_t (*length)(struct str),
                          struct str *ret, struct fail *why)
{
    enum stream_result result = stream_peek(s, ret);
    ssize_t n;

    if (result != STREAM_OK)
        return stream_failed(s, result, why);
    n = length(*ret);
    return n < 0 ? fail_set(why, "malformed") : n;
}

/* What length() calls a unit, collected over several reads into b, and taken from s. */
static int collect(struct stream *s, ssize_t (*length)(struct str), struct buf *b,
                   struct fail *why)
{
    for (;;) {
        struct str more;
        enum stream_result result = stream_peek(s, &more);
        size_t before = b->n;
        ssize_t n;

        if (result != STREAM_OK)
            return stream_failed(s, result, why);
        buf_add_str(b, more);
        n = length(buf_str(b));
        if (n < 0)
            return fail_set(why, "malformed");
        stream_skip(s, n > 0 ? (size_t)n - before : more.n);
        if (n > 0) {
            buf_cut(b, (size_t)n);
            return 0;
        }
    }
}

int ipc_receive(struct stream *s, const struct ipc_message *message, struct arena *arena,
                void *ret, struct fail *why)
{
    struct str bytes;
    struct buf whole;
    ssize_t n = peek_whole(s, ipc_length, &bytes, why);
    int result;

    if (n < 0)
        return fail_prefix(why, "message %s", message->name);
    if (n > 0) {
        result = decode_whole(str_head(bytes, (size_t)n), message, arena, ret, why);
        stream_skip(s, (size_t)n);
        return result;
    }
    buf_init(&whole, MESSAGE_MAX + (1 << 20));
    if (collect(s, ipc_length, &whole, why) < 0)
        result = fail_prefix(why, "message %s", message->name);
    else
        result = decode_whole(buf_str(&whole), message, arena, ret, why);
    buf_done(&whole);
    return result;
}

static ssize_t request_length(struct str bytes)
{
    ssize_t n = attribute_length(bytes);

    return n == 1 || n > (ssize_t)(sizeof("request") + IPC_NAME_MAX + 1) ? -1 : n;
}

/* The name in "request NUL name NUL". */
static int take_request(struct str pair, struct arena *arena, const char **ret_name,
                        struct fail *why)
{
    struct str key = take(&pair);

    if (!str_is(key, "request"))
        return fail_set(why, "request: \"%.*s\" where \"request\" belongs", STR_ARG(key));
    *ret_name = arena_copy_str(arena, take(&pair));
    return 1;
}

int ipc_receive_request(struct stream *s, struct arena *arena, const char **ret_name,
                        struct fail *why)
{
    struct str bytes;
    enum stream_result result = stream_peek(s, &bytes);
    struct buf pair;
    ssize_t n;
    int status = -1;

    if (result == STREAM_EOF || result == STREAM_RESET || result == STREAM_TIMEOUT)
        return 0;
    if ((n = peek_whole(s, request_length, &bytes, why)) < 0)
        return fail_prefix(why, "request");
    if (n > 0) {
        status = take_request(bytes, arena, ret_name, why);
        stream_skip(s, (size_t)n);
        return status;
    }
    buf_init(&pair, 1 << 20);
    if (collect(s, request_length, &pair, why) < 0)
        (void)fail_prefix(why, "request");
    else
        status = take_request(buf_str(&pair), arena, ret_name, why);
    buf_done(&pair);
    return status;
}

/* --- which protocol ----------------------------------------------------------------- */

void ipc_announce(struct stream *s, const char *name)
{
    stream_printf(s, "protocol%c%s_protocol%c%c", 0, name, 0, 0);
}

/* Insist on one whole announcement. */
static int check_announcement(struct str bytes, const char *name, struct fail *why)
{
    struct str key = take(&bytes), value, base;

    value = key.n > 0 ? take(&bytes) : STR_NONE;
    base = name ? str_head(value, strlen(name))
                : str_head(value, value.n - (sizeof("_protocol") - 1));
    if (str_is(key, "protocol") && (!name || str_is(base, name)) &&
        str_is(str_tail(value, base.n), "_protocol") && bytes.n == 1)
        return 0;
    return fail_set(why, "the server speaks \"%.*s\", not \"%s_protocol\"",
                    STR_ARG(str_head(value, 100)), name ? name : "some");
}

int ipc_decode_announcement(struct str *bytes, const char *name, struct fail *why)
{
    ssize_t n = ipc_length(*bytes);
    struct str whole;

    if (n == 0)
        return 0;
    if (n < 0)
        return fail_set(why, "announcement: malformed");
    whole = str_head(*bytes, (size_t)n);
    if (check_announcement(whole, name, why) < 0)
        return -1;
    *bytes = str_tail(*bytes, (size_t)n);
    return 1;
}

int ipc_expect(struct stream *s, const char *name, struct fail *why)
{
    struct buf whole;
    int result;

    buf_init(&whole, MESSAGE_MAX + (1 << 20));
    if (collect(s, ipc_length, &whole, why) < 0)
        result = fail_prefix(why, "announcement");
    else
        result = check_announcement(buf_str(&whole), name, why);
    buf_done(&whole);
    return result;
}
