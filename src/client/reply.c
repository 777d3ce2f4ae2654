/*
 * Reading replies. What a server says ends up in log lines and reports, so it
 * is bounded here and made printable; how much is read at all is bounded too,
 * since a reply has no other end than the server's good will.
 */
#include "client/reply.h"

#include <string.h>

/* "250-text", "250 text" or "250": the code, or 0. *ret_more tells that lines follow. */
static int parse_code(struct str line, bool *ret_more)
{
    *ret_more = false;
    if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || line.p[1] < '0' ||
        line.p[1] > '9' || line.p[2] < '0' || line.p[2] > '9')
        return 0;
    if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
        return 0;
    *ret_more = line.n > 3 && line.p[3] == '-';
    return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

static void add_printable(struct buf *text, struct str line)
{
    size_t start = text->n;

    if (text->n > 0)
        buf_add_char(text, '\n');
    buf_add_str(text, str_trim_right(line));
    for (size_t i = start; i < text->n; i++)
        if ((unsigned char)text->p[i] < ' ' && !(i == start && text->p[i] == '\n'))
            text->p[i] = text->p[i] == '\t' ? ' ' : '?';
        else if (text->p[i] == 0x7f)
            text->p[i] = '?';
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

static void set_status(struct reply *reply, struct str last_line)
{
    if (reply->code == 0)
        memcpy(reply->status, "5.5.0", sizeof "5.5.0");
    else
        memcpy(reply->status, status_of_reply(reply->code, str_tail(last_line, 4)).status,
               sizeof reply->status);
}

enum stream_result reply_read(struct stream *stream, struct arena *arena,
                              struct reply *ret)
{
    struct reply reply = {0};
    struct buf text;
    size_t read = 0;
    bool more = true;

    buf_init(&text, REPLY_TEXT_MAX + REPLY_LINE_MAX + 2);
    while (more) {
        struct str line = STR_NONE;
        enum stream_result result = read_line(stream, arena, &line, &read);

        if (result == STREAM_OK && read >= REPLY_READ_MAX)
            result = STREAM_TOO_LONG;
        if (result != STREAM_OK) {
            buf_done(&text);
            return result;
        }
        reply.code = parse_code(line, &more);
        if (text.n < REPLY_TEXT_MAX)
            add_printable(&text, line);
        if (!more || reply.status[0] == '\0')
            set_status(&reply, line); /* of the first line, unless the last says other */
    }
    reply.text = arena_copy_str(arena, buf_str(&text));
    buf_done(&text);
    *ret = reply;
    return STREAM_OK;
}

const char *reply_line(const struct reply *reply, struct arena *arena)
{
    char *line = arena_copy(arena, reply->text);

    for (char *p = line; *p != '\0'; p++)
        if (*p == '\n')
            *p = ' ';
    return line;
}
