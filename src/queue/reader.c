/*
 * A window over a file, filled by pread, from which records are taken.
 *
 * The window grows only as far as the record at its front needs and the file
 * really reaches, so a forged length costs no memory. Jumps are bounded:
 * backward ones by a count, forward ones by the file's size.
 */
#include "queue/reader.h"

#include "util/file.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

enum {
    WINDOW_BYTES = 16384,
    BACKWARD_JUMPS = 10000,
};

void record_reader_init(struct record_reader *r, int fd, off_t offset)
{
    *r = (struct record_reader){
        .fd = fd, .next = offset, .start = offset, .jumps_left = BACKWARD_JUMPS};
    buf_init(&r->window, RECORD_DATA_MAX + RECORD_HEADER_MAX + WINDOW_BYTES);
}

void record_reader_done(struct record_reader *r)
{
    buf_done(&r->window);
}

void record_reader_seek(struct record_reader *r, off_t offset)
{
    r->next = offset;
}

/* What the window holds from r->next on. */
static struct str ahead(const struct record_reader *r)
{
    if (r->next < r->start || r->next >= r->start + (off_t)r->window.n)
        return STR_NONE;
    return str_tail(buf_str(&r->window), (size_t)(r->next - r->start));
}

/* Add bytes of the file to the window; 1 = some came, 0 = end of file, -1 = failed. */
static int fill(struct record_reader *r, struct fail *why)
{
    size_t kept = ahead(r).n;
    ssize_t got;

    buf_shift(&r->window, r->window.n - kept);
    r->start = r->next;
    do
        got = pread(r->fd, buf_reserve(&r->window, WINDOW_BYTES), WINDOW_BYTES,
                    r->start + (off_t)kept);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail_set(why, "read at offset %lld: %m",
                        (long long)r->start + (long long)kept);
    buf_added(&r->window, (size_t)got);
    return got > 0;
}

static enum record_result corrupt(const struct record_reader *r, const char *what,
                                  struct fail *why)
{
    fail_set(why, "%s at offset %lld", what, (long long)r->next);
    return RECORD_CORRUPT;
}

/* The record at r->next, whatever it is. */
static enum record_result read_here(struct record_reader *r, struct record *ret,
                                    struct fail *why)
{
    for (;;) {
        struct str rest = ahead(r);
        int parsed = record_parse(&rest, r->next, ret);
        int filled;

        if (parsed > 0)
            return RECORD_OK;
        if (parsed < 0)
            return corrupt(r, "impossible record", why);
        filled = fill(r, why);
        if (filled < 0)
            return RECORD_FAILED;
        if (filled == 0)
            return ahead(r).n == 0 ? RECORD_EOF : corrupt(r, "record cut short", why);
    }
}

/* Go where a pointer record says. */
static enum record_result jump(struct record_reader *r, const struct record *pointer,
                               struct fail *why)
{
    unsigned long long target;

    if (!str_number(str_trim_left(pointer->data), (unsigned long long)INT64_MAX, &target))
        return corrupt(r, "malformed pointer record", why);
    if (target == 0) { /* a placeholder that nobody used */
        r->next = pointer->next;
        return RECORD_OK;
    }
    if ((off_t)target <= pointer->offset && r->jumps_left-- == 0)
        return corrupt(r, "too many pointer records that lead backward", why);
    r->next = (off_t)target;
    return RECORD_OK;
}

enum record_result record_read(struct record_reader *r, struct record *ret,
                               struct fail *why)
{
    struct record record;
    enum record_result result;

    for (;;) {
        result = read_here(r, &record, why);
        if (result != RECORD_OK)
            return result;
        if (record.type != RECORD_POINTER || r->raw)
            break;
        result = jump(r, &record, why);
        if (result != RECORD_OK)
            return result;
    }
    r->next = record.next;
    *ret = record;
    return RECORD_OK;
}

int record_retype(int fd, off_t offset, int from, int to, struct fail *why)
{
    char byte = 0;
    ssize_t got;

    do
        got = pread(fd, &byte, 1, offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail_set(why, "read at offset %lld: %m", (long long)offset);
    if (got == 0 || byte != (char)from)
        return fail_set(why, "no '%c' record at offset %lld", from, (long long)offset);
    byte = (char)to;
    return file_pwrite_all(fd, &byte, 1, offset, why);
}
