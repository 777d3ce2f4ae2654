/*
 * Reading replies. What a server says ends up in log lines and reports, so it
 * is bounded here and made printable; how much is read at all is bounded too,
 * since a reply has no other end than the server's good will.
 */
#include "client/reply.h"

#include "util/log.h"

#include <string.h>

enum line_form { LINE_NOISE, LINE_MORE, LINE_LAST };

/* "250-text", "250 text" or "250". */
static enum line_form form_of(struct str line)
{
    if (line.n < 3 || str_span(str_head(line, 3), "0123456789") < 3)
        return LINE_NOISE;
    if (line.n == 3 || line.p[3] == ' ')
        return LINE_LAST;
    return line.p[3] == '-' ? LINE_MORE : LINE_NOISE;
}

/* The code of a line that has the form; 0 when its class is none of SMTP's. */
static int code_of(struct str line)
{
    int code = (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');

    return code >= 200 && code <= 599 ? code : 0;
}

static const char *printable(struct str line, struct arena *arena)
{
    struct str trimmed = str_trim_right(line);
    char *text = arena_copy_str(arena, trimmed);

    for (size_t i = 0; i < trimmed.n; i++)
        if (text[i] == '\0')
            text[i] = '?';
    log_make_printable(text);
    return text;
}

/* One line into *ret_line, valid until the next read; what is too long is read and
 * dropped. */
static enum stream_result read_line(struct stream *stream, struct arena *arena,
                                    struct str *ret_line, size_t *read)
{
    enum stream_result result = stream_read_line(stream, REPLY_LINE_MAX, ret_line, NULL);
    struct str rest;

    *read += ret_line->n + 2;
    if (result != STREAM_TOO_LONG)
        return result;
    *ret_line = str_of(arena_copy_str(arena, *ret_line));
    while (result == STREAM_TOO_LONG && *read < REPLY_READ_MAX) {
        result = stream_read_line(stream, REPLY_LINE_MAX, &rest, NULL);
        *read += rest.n;
    }
    return result;
}

static void take_last_line(struct reply *reply, struct str line)
{
    reply->code = code_of(line);
    if (reply->code == 0)
        memcpy(reply->status, "5.5.0", sizeof "5.5.0");
    else
        memcpy(reply->status, status_of_reply(reply->code, str_tail(line, 4)).status,
               sizeof reply->status);
}

static void add_line(struct reply *reply, struct buf *text, struct str line,
                     struct arena *arena)
{
    const char *shown = printable(line, arena);

    if (form_of(line) == LINE_NOISE && reply->noise == NULL)
        reply->noise = shown;
    if (shown[0] == '\0' || text->n >= REPLY_TEXT_MAX)
        return;
    if (text->n > 0)
        buf_add_char(text, '\n');
    buf_add_text(text, shown);
}

/* What the rules make of the line. */
static void filter_line(const struct reply_filter *filter, struct reply *reply,
                        struct str *line, struct arena *arena)
{
    struct str kept, other;

    if (filter == NULL)
        return;
    kept = str_of(arena_copy_str(arena, *line)); /* tables may read from the net */
    *line = kept;
    switch (filter->replace(filter->context, kept, arena, &other)) {
    case 1:
        *line = other;
        break;
    case -1:
        reply->unfiltered = true;
        break;
    }
}

enum stream_result reply_read(struct stream *stream, struct arena *arena,
                              const struct reply_filter *filter, struct reply *ret)
{
    enum stream_result result = STREAM_OK;
    struct reply reply = {0};
    struct buf text;
    size_t read = 0;
    bool last = false;

    buf_init(&text, REPLY_TEXT_MAX + REPLY_LINE_MAX + 2);
    while (!last && result == STREAM_OK) {
        struct str line = STR_NONE;

        result = read_line(stream, arena, &line, &read);
        if (result == STREAM_OK && read >= REPLY_READ_MAX)
            result = STREAM_TOO_LONG;
        if (result != STREAM_OK)
            break;
        if (!reply.unfiltered)
            filter_line(filter, &reply, &line, arena);
        add_line(&reply, &text, line, arena);
        last = form_of(line) == LINE_LAST;
        if (last)
            take_last_line(&reply, line);
    }
    reply.text = arena_copy_str(arena, buf_str(&text));
    buf_done(&text);
    *ret = reply;
    return result;
}

const char *reply_line(const struct reply *reply, struct arena *arena)
{
    char *line = arena_copy(arena, reply->text);

    for (char *p = line; *p != '\0'; p++)
        if (*p == '\n')
            *p = ' ';
    return line;
}
