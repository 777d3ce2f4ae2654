/*
 * From the process that had the envelope to the one that has the content: what that one
 * must know of a filter, as texts that each end in a zero byte. Nothing of it is believed
 * before it has been checked.
 */
#include "milter/filter.h"
#include "milter/wire.h"

#include <sys/socket.h>

enum { VALUES_MAX = 1000 };

static void add_number(struct buf *out, unsigned long number)
{
    buf_printf(out, "%lu", number);
    buf_add_char(out, '\0');
}

static void add_values(struct milter *milter, enum macro_stage stage, struct buf *out)
{
    struct arena *arena = arena_new("macros");
    struct texts values = {0};

    macros_values(milter, stage, &values, arena);
    add_number(out, values.n);
    for (size_t i = 0; i < values.n; i++)
        wire_add_text(out, str_of(values.items[i]));
    arena_free(arena);
}

int milter_hand_over(struct milter *milter, struct buf *out)
{
    if (milter->state != FILTER_TALKING || milter->stream == NULL)
        return -1;
    filter_start_wait(milter, MILTER_DATA); /* how long the client took is no matter */
    if (stream_flush(milter->stream) != STREAM_OK) /* words that wait for no answer */
        (void)shutdown(stream_fd(milter->stream), SHUT_RDWR);
    wire_add_text(out, str_of(milter->name));
    wire_add_text(out, str_of(milter->default_action));
    add_number(out, (unsigned long)milter->content_timeout);
    add_number(out, milter->protocol);
    add_values(milter, STAGE_EOH, out);
    add_values(milter, STAGE_END, out);
    return stream_fd(milter->stream);
}

static bool take_number(struct str *rest, unsigned long long max, unsigned long long *ret)
{
    struct str text;

    return wire_take_text(rest, &text) && str_number(text, max, ret);
}

static bool take_values(struct milter *milter, enum macro_stage stage, struct str *rest)
{
    struct arena *arena = milter->of->arena;
    struct texts *values = ARENA_NEW(arena, struct texts);
    unsigned long long n;
    struct str text;

    if (!take_number(rest, VALUES_MAX, &n))
        return false;
    for (; n > 0; n--) {
        if (!wire_take_text(rest, &text))
            return false;
        texts_add(values, arena, arena_copy_str(arena, text));
    }
    milter->values[stage] = values;
    return true;
}

int milters_take_over(struct milters *milters, struct str text, struct stream *stream,
                      struct fail *why)
{
    unsigned long long timeout, protocol;
    struct str name, action;
    struct milter *milter;

    if (stream == NULL || !wire_take_text(&text, &name) ||
        !wire_take_text(&text, &action) || !take_number(&text, 1 << 30, &timeout) ||
        !take_number(&text, UINT32_MAX, &protocol)) {
        stream_free(stream);
        return fail_set(why, "a milter is handed over in a form that is not understood");
    }
    milter = milter_add(milters, arena_copy_str(milters->arena, name));
    milter->stream = stream;
    milter->default_action = arena_copy_str(milters->arena, action);
    milter->content_timeout = (int)timeout;
    milter->protocol = (uint32_t)protocol;
    milter->version = 6; /* it differs in events of the envelope only */
    milter->state = FILTER_TALKING;
    if (!take_values(milter, STAGE_EOH, &text) ||
        !take_values(milter, STAGE_END, &text) || text.n)
        return fail_set(why, "macros of a milter in a form that is not understood");
    return 0;
}
