/*
 * Encodes text as quoted-printable. Blanks are written as such except at the
 * end of a line, where other programs would lose them.
 */
#include "mail/quoted_printable.h"

enum { LINE_MAX_BYTES = 76, ESCAPE_BYTES = 3 };

static bool is_plain(unsigned char c)
{
    return (c >= ' ' && c <= '~' && c != '=') || c == '\t';
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

struct sink {
    struct buf *line;
    void (*emit)(void *context, struct str line);
    void *context;
};

/* Continue on a new line when n bytes and a "=" don't fit any more. */
static void make_room(const struct sink *sink, size_t n)
{
    if (sink->line->n + n <= LINE_MAX_BYTES - 1)
        return;
    buf_add_char(sink->line, '=');
    sink->emit(sink->context, buf_str(sink->line));
    buf_reset(sink->line);
}

static void escape(const struct sink *sink, unsigned char c)
{
    make_room(sink, ESCAPE_BYTES);
    buf_printf(sink->line, "=%02X", c);
}

void quoted_printable_add(struct buf *line, struct str text, bool ends,
                          void (*emit)(void *context, struct str line), void *context)
{
    const struct sink sink = {line, emit, context};

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (!is_plain(c)) {
            escape(&sink, c);
            continue;
        }
        make_room(&sink, 1);
        buf_add_char(line, (char)c);
    }
    if (ends && line->n && is_blank((unsigned char)line->p[line->n - 1])) {
        unsigned char c = (unsigned char)line->p[line->n - 1];

        buf_cut(line, line->n - 1);
        escape(&sink, c);
    }
}
