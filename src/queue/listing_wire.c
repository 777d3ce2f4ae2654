/*
 * A listing on its way from showq to whoever asks. The reader insists on the
 * order of attributes; texts are as long as addresses and reasons may be.
 */
#include "queue/listing_wire.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 100, VALUE_MAX_BYTES = 100000 };

static const char protocol[] = "mail_queue_list_protocol";

/* --- writing --- */

static void put(struct stream *s, const char *name, const char *value)
{
    stream_write(s, name, strlen(name) + 1);
    stream_write(s, value, strlen(value) + 1);
}

static void put_number(struct stream *s, const char *name, long long value)
{
    char text[30];

    snprintf(text, sizeof(text), "%lld", value);
    put(s, name, text);
}

void listing_put_start(struct stream *s)
{
    put(s, "protocol", protocol);
    listing_put_end(s);
}

void listing_put(struct stream *s, const struct listing_message *m)
{
    put(s, "queue_name", m->queue);
    put(s, "queue_id", m->id);
    put_number(s, "time", m->arrival);
    put_number(s, "size", m->size);
    put_number(s, "forced_expire", m->forced_expire);
    put(s, "sender", m->sender);
    for (size_t i = 0; i < m->n; i++) {
        put(s, "recipient", m->recipients[i].address);
        put(s, "original_recipient", m->recipients[i].original);
        put(s, "log_class", m->recipients[i].log);
        put(s, "reason", m->recipients[i].reason);
    }
    listing_put_end(s);
}

void listing_put_end(struct stream *s)
{
    stream_write(s, "", 1);
}

/* --- reading --- */

struct reader {
    struct stream *stream;
    struct arena *arena; /* of one message */
    struct buf text;
    struct listing_recipient *recipients;
    size_t size;
    struct fail *why;
};

/* Text up to NUL into r->text; at most max bytes. */
static int read_text(struct reader *r, size_t max)
{
    buf_reset(&r->text);
    for (;;) {
        struct str input;
        enum stream_result result = stream_peek(r->stream, &input);
        size_t n;

        if (result != STREAM_OK)
            return fail_set(r->why, "showq: %s", stream_result_text(result));
        n = str_find(input, '\0');
        if (r->text.n + n > max)
            return fail_set(r->why, "showq: text of more than %zu bytes", max);
        buf_add(&r->text, input.p, n);
        stream_skip(r->stream, n < input.n ? n + 1 : n);
        if (n < input.n)
            return 0;
    }
}

/* The value of the attribute that must come now, in the arena. */
static int read_value(struct reader *r, const char **ret)
{
    if (read_text(r, VALUE_MAX_BYTES) < 0)
        return -1;
    *ret = arena_copy_str(r->arena, buf_str(&r->text));
    return 0;
}

static int unexpected(struct reader *r, const char *wanted)
{
    return fail_set(r->why, "showq: got attribute \"%s\" instead of \"%s\"",
                    buf_text(&r->text), wanted);
}

static int read_named(struct reader *r, const char *name, const char **ret)
{
    if (read_text(r, NAME_MAX_BYTES) < 0)
        return -1;
    if (!str_is(buf_str(&r->text), name))
        return unexpected(r, name);
    return read_value(r, ret);
}

static int read_number(struct reader *r, const char *name, long long *ret)
{
    unsigned long long value;
    const char *text;

    if (read_named(r, name, &text) < 0)
        return -1;
    if (!str_number(str_of(text), INT64_MAX, &value))
        return fail_set(r->why, "showq: %s is no number: \"%s\"", name, text);
    *ret = (long long)value;
    return 0;
}

static void add_recipient(struct reader *r, struct listing_message *m,
                          struct listing_recipient recipient)
{
    if (m->n == r->size) {
        struct listing_recipient *bigger;

        r->size = r->size ? 2 * r->size : 16;
        bigger = arena_array(r->arena, r->size, sizeof(*bigger));
        if (m->n > 0)
            memcpy(bigger, r->recipients, m->n * sizeof(*bigger));
        r->recipients = bigger;
    }
    r->recipients[m->n++] = recipient;
    m->recipients = r->recipients;
}

static int read_recipients(struct reader *r, struct listing_message *m)
{
    for (;;) {
        struct listing_recipient recipient;

        if (read_text(r, NAME_MAX_BYTES) < 0)
            return -1;
        if (r->text.n == 0)
            return 0;
        if (!str_is(buf_str(&r->text), "recipient"))
            return unexpected(r, "recipient");
        if (read_value(r, &recipient.address) < 0 ||
            read_named(r, "original_recipient", &recipient.original) < 0 ||
            read_named(r, "log_class", &recipient.log) < 0 ||
            read_named(r, "reason", &recipient.reason) < 0)
            return -1;
        add_recipient(r, m, recipient);
    }
}

/* 1 = *m is the next message, 0 = there is no more, -1. */
static int read_message(struct reader *r, struct listing_message *m)
{
    long long arrival, forced;

    *m = (struct listing_message){0};
    r->size = 0;
    if (read_text(r, NAME_MAX_BYTES) < 0)
        return -1;
    if (r->text.n == 0)
        return 0;
    if (!str_is(buf_str(&r->text), "queue_name"))
        return unexpected(r, "queue_name");
    if (read_value(r, &m->queue) < 0 || read_named(r, "queue_id", &m->id) < 0 ||
        read_number(r, "time", &arrival) < 0 || read_number(r, "size", &m->size) < 0 ||
        read_number(r, "forced_expire", &forced) < 0 ||
        read_named(r, "sender", &m->sender) < 0 || read_recipients(r, m) < 0)
        return -1;
    m->arrival = (time_t)arrival;
    m->forced_expire = forced != 0;
    return 1;
}

static int expect_protocol(struct reader *r)
{
    const char *name;

    if (read_named(r, "protocol", &name) < 0)
        return -1;
    if (strcmp(name, protocol) != 0)
        return fail_set(r->why, "showq: unknown protocol \"%s\"", name);
    return read_text(r, 0);
}

int listing_receive(struct stream *s,
                    int (*show)(void *context, const struct listing_message *message),
                    void *context, struct fail *why)
{
    struct reader r = {.stream = s, .arena = arena_new("message"), .why = why};
    struct listing_message m;
    int result;

    buf_init(&r.text, VALUE_MAX_BYTES + 1);
    result = expect_protocol(&r);
    while (result == 0 && (result = read_message(&r, &m)) == 1) {
        result = show(context, &m);
        arena_reset(r.arena);
    }
    buf_done(&r.text);
    arena_free(r.arena);
    return result;
}
