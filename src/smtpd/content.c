/*
 * Reads message content up to <CR><LF>.<CR><LF>, takes away the dots that
 * hide lines (RFC 5321 section 4.5.2), and passes lines on as records.
 *
 * SMTP smuggling (CVE-2023-51764) lives on servers that disagree about the end
 * of data. For clients that are not trusted with it (smtpd_forbid_bare_newline),
 * a line that is only a dot ends the data just when it ends in CR LF and the
 * line before it did too; otherwise it is dropped.
 */
#include "smtpd/content.h"

#include "queue/record.h"

struct reader {
    const struct content_rules *rules;
    struct content content;
    bool at_start;   /* at the start of a line */
    bool after_bare; /* the line before ended in LF alone */
    bool first;      /* no line of content was passed on yet */
};

static void pass(struct reader *r, int type, struct str text)
{
    if (!r->content.too_big && !r->content.bare_lf)
        r->rules->record(r->rules->context, type, text);
}

/* compat: content that begins like a mailbox separator or in white space still gets a
 * header. */
static void begin(struct reader *r, struct str text)
{
    r->first = false;
    if (str_starts(text, "From ") || str_starts(text, ">From "))
        pass(r, RECORD_CHUNK, STR("X-Mailbox-Line: "));
    else if (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
        pass(r, RECORD_LINE, STR(""));
}

static void count_bytes(struct reader *r, size_t n)
{
    r->content.bytes += (long long)n;
    if (r->rules->limit > 0 && r->content.bytes > r->rules->limit)
        r->content.too_big = true;
}

/* A lone dot ends the data unless its line ends, or the one before, are forged. */
static bool dot_is_end(const struct reader *r, bool bare)
{
    enum bare_newline policy = r->rules->bare_newline;
    bool strict = policy == BARE_NEWLINE_NORMALIZE || policy == BARE_NEWLINE_REJECT;

    return !strict || (!bare && !r->after_bare);
}

static void note_bare(struct reader *r)
{
    if (r->rules->bare_newline == BARE_NEWLINE_REJECT)
        r->content.bare_lf = true;
    if (r->rules->bare_newline == BARE_NEWLINE_NOTE)
        r->content.noted = true;
}

/* One line, or a piece of a line that is longer than the limit. True at the end of data.
 */
static bool take(struct reader *r, struct str line, bool bare, bool ends)
{
    bool lone_dot = r->at_start && ends && str_is(line, ".");

    if (lone_dot && dot_is_end(r, bare))
        return true;
    count_bytes(r, line.n + (ends ? (bare ? 1 : 2) : 0));
    while (ends && str_ends(line, "\r")) /* compat: all of them belong to the line end */
        line = str_head(line, line.n - 1);
    if (ends && bare)
        note_bare(r);
    if (r->at_start && str_starts(line, "."))
        line = str_tail(line, 1);
    if (!lone_dot) {
        r->content.size += (long long)(line.n + (ends ? 2 : 0));
        if (r->first)
            begin(r, line);
        pass(r, ends ? RECORD_LINE : RECORD_CHUNK, line);
    }
    r->at_start = ends;
    r->after_bare = ends && bare;
    return false;
}

struct content content_read(struct stream *stream, const struct content_rules *rules)
{
    struct reader r = {.rules = rules, .at_start = true, .first = true};

    for (;;) {
        struct str line;
        bool bare = false;

        r.content.result = stream_read_line(stream, rules->line_max, &line, &bare);
        if (r.content.result != STREAM_OK && r.content.result != STREAM_TOO_LONG)
            return r.content;
        if (rules->progress)
            rules->progress(rules->context, line.n + 2);
        if (take(&r, line, bare, r.content.result == STREAM_OK))
            return r.content;
    }
}
