/*
 * Logical lines out of a text that is in memory as a whole.
 *
 * Only joined lines are copied; the others are views of the source. What a
 * line means, and what to do with an orphan, is up to the caller.
 */
#include "conf/lines.h"

#include "util/buf.h"

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One physical line, without its line end. */
struct part {
    struct str text;
    size_t start, end;
    int number;
};

static bool next_part(struct lines *lines, struct part *ret)
{
    struct str left = str_tail(lines->source, lines->at);
    size_t n = str_find(left, '\n');

    if (left.n == 0)
        return false;
    *ret = (struct part){
        .text = str_head(left, n),
        .start = lines->at,
        .end = lines->at + n + (n < left.n),
        .number = lines->number,
    };
    lines->at = ret->end;
    lines->number++;
    return true;
}

/* The next physical line that counts. */
static bool next_visible(struct lines *lines, struct part *ret)
{
    while (next_part(lines, ret)) {
        struct str visible = str_trim_left(ret->text);

        if (visible.n > 0 && visible.p[0] != '#')
            return true;
    }
    return false;
}

/* Take the next part if it continues a line; else leave the reader where it was. */
static bool next_continuation(struct lines *lines, struct part *ret)
{
    struct lines before = *lines;

    if (next_visible(lines, ret) && is_blank(ret->text.p[0]))
        return true;
    *lines = before;
    return false;
}

void lines_start(struct lines *lines, struct str source, struct arena *arena)
{
    *lines = (struct lines){.source = source, .number = 1, .arena = arena};
}

bool lines_next(struct lines *lines, struct line *ret)
{
    struct part part;
    struct buf joined;

    if (!next_visible(lines, &part))
        return false;
    *ret = (struct line){
        .text = part.text,
        .first = part.text,
        .number = part.number,
        .start = part.start,
        .end = part.end,
        .orphan = is_blank(part.text.p[0]),
    };
    buf_init(&joined, lines->source.n + 1);
    while (!ret->orphan && next_continuation(lines, &part)) {
        if (joined.n == 0)
            buf_add_str(&joined, ret->text);
        buf_add_str(&joined, part.text);
        ret->end = part.end;
    }
    if (joined.n > 0)
        ret->text = str_of(arena_copy_str(lines->arena, buf_str(&joined)));
    buf_done(&joined);
    return true;
}
