/*
 * Copies a message line by line. It decides the order of the lines in front,
 * and what counts as the start of a line: a record that follows an N record. How
 * bytes reach the destination is the stream's affair; for files that is one
 * write for each buffer, without polling.
 */
#include "deliver/copy.h"

#include "mail/address.h"
#include "mail/date.h"
#include "mail/header.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct copier {
    const struct copy *copy;
    struct stream *to;
    struct str end;
    bool at_start; /* of a line */
};

/* --- in front ---------------------------------------------------------------- */

static void put_line(struct copier *c, const char *name, const char *open,
                     const char *address, const char *close)
{
    stream_write_text(c->to, name);
    stream_write_text(c->to, open);
    stream_write_text(c->to, address);
    stream_write_text(c->to, close);
    stream_write_str(c->to, c->end);
}

static void put_from_line(struct copier *c, const char *sender)
{
    struct buf line;

    buf_init(&line, 100);
    buf_add_text(&line, "  ");
    date_add_asctime(&line, clock_wall(&clock_system).tv_sec);
    put_line(c, "From ", "", *sender ? sender : "MAILER-DAEMON", buf_text(&line));
    buf_done(&line);
}

static const char *external(const struct copier *c, const char *address)
{
    return address_external(c->copy->delivery->arena, str_of(address));
}

static void put_front(struct copier *c)
{
    const struct copy *copy = c->copy;
    const char *sender = external(c, copy->sender);

    if (copy->flags & COPY_FROM_LINE)
        put_from_line(c, sender);
    if (copy->flags & COPY_RETURN_PATH) {
        if (*sender == '\0' && copy->null_sender)
            sender = copy->null_sender;
        put_line(c, "Return-Path: ", "<", sender, ">");
    }
    if (copy->flags & COPY_ORIGINAL_TO && copy->original_to && *copy->original_to)
        put_line(c, "X-Original-To: ", "", external(c, copy->original_to), "");
    if (copy->flags & COPY_DELIVERED_TO)
        put_line(c, "Delivered-To: ", "", external(c, copy->delivered_to), "");
}

/* --- the content --------------------------------------------------------------- */

static int put_text(void *context, struct str text, bool ends)
{
    struct copier *c = context;

    if (c->at_start) {
        if (c->copy->flags & COPY_QUOTE_FROM && str_starts(text, "From "))
            stream_write_text(c->to, ">");
        if (c->copy->flags & COPY_DOUBLE_DOTS && str_starts(text, "."))
            stream_write_text(c->to, ".");
    }
    stream_write_str(c->to, text);
    if (ends)
        stream_write_str(c->to, c->end);
    c->at_start = ends;
    return stream_output_result(c->to) != STREAM_OK;
}

static enum copy_result not_read(const struct fail *why)
{
    return why->code ? COPY_NOT_READ : COPY_CORRUPT;
}

static enum copy_result not_written(const struct stream *to, struct fail *why)
{
    errno = stream_errno(to);
    fail_set(why, "%m");
    return COPY_NOT_WRITTEN;
}

enum copy_result copy_message(const struct copy *copy, struct stream *to,
                              struct fail *why)
{
    struct copier c = {
        .copy = copy,
        .to = to,
        .end = str_of(copy->line_end ? copy->line_end : "\n"),
        .at_start = true,
    };
    int result;

    put_front(&c);
    result = delivery_content(copy->delivery, put_text, &c, why);
    if (result < 0)
        return not_read(why);
    if (!c.at_start)
        stream_write_str(to, c.end);
    if (copy->flags & COPY_BLANK_LINE)
        stream_write_str(to, c.end);
    if (result > 0 || stream_flush(to) != STREAM_OK)
        return not_written(to, why);
    return COPY_DONE;
}

/* --- to a file ------------------------------------------------------------------- */

/* Most messages are one write, which no signal tears. */
enum { FILE_BUFFER = 65536 };

struct file {
    int fd;
    long long room; /* bytes that it may still grow; < 0 = no limit */
};

/* The limit is ours, not RLIMIT_FSIZE's: that would hold for the whole process. */
static ssize_t write_file(void *state, const void *p, size_t n)
{
    struct file *file = state;
    ssize_t done;

    if (file->room == 0) {
        errno = EFBIG;
        return -1;
    }
    if (file->room > 0 && (unsigned long long)file->room < n)
        n = (size_t)file->room;
    do
        done = write(file->fd, p, n);
    while (done < 0 && errno == EINTR);
    if (done > 0 && file->room > 0)
        file->room -= done;
    return done;
}

enum copy_result copy_to_file(const struct copy *copy, int fd, long long room,
                              struct fail *why)
{
    static const struct stream_ops ops = {.write = write_file};
    struct file file = {.fd = fd, .room = room};
    struct stream *to;
    enum copy_result result;

    to = stream_new(-1, FILE_BUFFER);
    stream_set_ops(to, &ops, &file);
    result = copy_message(copy, to, why);
    stream_free(to);
    return result;
}

/* --- loops ---------------------------------------------------------------------------
 */

/*
 * One logical header at a time: a Delivered-To: line that is longer than a
 * record must count too (reliability: loops).
 */
enum { HEADER_MAX = 1 << 16 }; /* no address is longer; what is beyond is dropped */

struct header_scan {
    struct arena *arena;
    struct texts *values;
    struct buf header; /* only of a Delivered-To: line */
    bool at_start;
    bool wanted;
};

static void finish_header(struct header_scan *scan)
{
    struct str body;

    if (!scan->wanted)
        return;
    body = str_trim(header_body(buf_str(&scan->header)));
    texts_add(scan->values, scan->arena, arena_copy_str(scan->arena, body));
    buf_reset(&scan->header);
    scan->wanted = false;
}

static int scan_text(void *context, struct str text, bool ends)
{
    struct header_scan *scan = context;

    if (scan->at_start && !header_is_continuation(text)) {
        finish_header(scan);
        if (header_name_length(text) == 0)
            return 1; /* the header is over */
        scan->wanted = str_is_nocase(header_name(text), "Delivered-To");
    }
    if (scan->wanted)
        buf_add_str(&scan->header, str_head(text, HEADER_MAX - scan->header.n));
    scan->at_start = ends;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* In order: strangers choose how many there are, and lists how often they are asked for.
 */
enum copy_result copy_delivered_to(struct delivery *delivery, struct texts *ret,
                                   struct arena *arena, struct fail *why)
{
    struct header_scan scan = {.arena = arena, .values = ret, .at_start = true};
    int result;

    buf_init(&scan.header, HEADER_MAX + 1);
    result = delivery_content(delivery, scan_text, &scan, why);
    finish_header(&scan);
    buf_done(&scan.header);
    if (ret->n)
        qsort(ret->items, ret->n, sizeof *ret->items, by_text);
    return result < 0 ? not_read(why) : COPY_DONE;
}

bool copy_was_delivered_to(const struct texts *values, const char *address,
                           struct arena *arena)
{
    const char *external = address_external(arena, str_of(address));

    return values->n &&
           bsearch(&external, values->items, values->n, sizeof external, by_text);
}

struct outcome copy_read_failure(struct delivery *delivery, enum copy_result result,
                                 const struct fail *why)
{
    if (result == COPY_CORRUPT)
        delivery_mark_corrupt(delivery);
    return outcome_make(delivery->arena, "4.3.0", "%s", why->text);
}
