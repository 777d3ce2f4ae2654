/*
 * What postsuper -r leaves undone: a recipient that failed is marked as done in
 * the file, and its sender is told from the bounce log when the whole message
 * has had its try. A message that is put back before that begins anew, and so do
 * these recipients: they are tried again, and fail again if they must.
 *
 * The claim on the log keeps bounce from telling the sender meanwhile.
 */
#include "pickup/pickup.h"

#include "queue/recipient_log.h"
#include "util/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 }; /* what is read of a log at a time */

static int by_offset(const void *a, const void *b)
{
    const long left = *(const long *)a, right = *(const long *)b;

    return (left > right) - (left < right);
}

/* What is read of a log so far. */
struct reading {
    struct buf text;       /* not looked at yet */
    struct buf offsets;    /* of type long */
    struct arena *scratch; /* for one piece */
};

static void take_entries(struct reading *reading, struct str text)
{
    struct recipient_log_entry entry;

    while (recipient_log_next(&text, "", "", reading->scratch, &entry))
        if (entry.offset > 0)
            buf_add(&reading->offsets, &entry.offset, sizeof(entry.offset));
    arena_reset(reading->scratch);
}

/* Up to where text has whole entries: an empty line ends each. */
static size_t whole_entries(struct str text)
{
    for (size_t i = text.n; i > 1; i--)
        if (text.p[i - 1] == '\n' && text.p[i - 2] == '\n')
            return i;
    return text.n < PIECE ? 0 : text.n; /* no entry is that long */
}

static int read_pieces(struct reading *reading, int fd, struct fail *why)
{
    ssize_t n;

    do {
        size_t whole;

        n = read(fd, buf_reserve(&reading->text, PIECE), PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_set(why, "read: %m");
        buf_added(&reading->text, (size_t)n);
        whole = n == 0 ? reading->text.n : whole_entries(buf_str(&reading->text));
        take_entries(reading, str_head(buf_str(&reading->text), whole));
        buf_shift(&reading->text, whole);
    } while (n != 0);
    return 0;
}

/* A message may have a million recipients, and its log an entry for each. */
static int read_log(struct unreported *unreported, struct arena *arena, struct fail *why)
{
    struct reading reading = {.scratch = arena_new("bounce log")};
    int result;

    buf_init(&reading.text, 3 * PIECE);
    buf_init(&reading.offsets, SIZE_MAX / 4);
    result = read_pieces(&reading, unreported->fd, why);
    if (result == 0) {
        unreported->n = reading.offsets.n / sizeof(long);
        unreported->offsets = arena_array(arena, unreported->n + 1, sizeof(long));
        memcpy(unreported->offsets, reading.offsets.p, reading.offsets.n);
        qsort(unreported->offsets, unreported->n, sizeof(long), by_offset);
    }
    buf_done(&reading.text);
    buf_done(&reading.offsets);
    arena_free(reading.scratch);
    return result;
}

int unreported_claim(struct picker *picker, const char *id, struct unreported *ret,
                     struct fail *why)
{
    struct unreported unreported = {.fd = -1};
    int found = spool_claim_log(&picker->spool, QUEUE_BOUNCE, id, &unreported.fd, why);

    if (found < 0)
        return why->code == EWOULDBLOCK ? 0 : -1;
    if (found > 0 && read_log(&unreported, picker->arena, why) < 0) {
        close(unreported.fd);
        return fail_prefix(why, "bounce log of %s", id);
    }
    *ret = unreported;
    return 1;
}

bool unreported_has(const struct unreported *unreported, off_t offset)
{
    const long key = (long)offset;

    return unreported->n > 0 && bsearch(&key, unreported->offsets, unreported->n,
                                        sizeof(long), by_offset) != NULL;
}

void unreported_let_go(struct unreported *unreported)
{
    if (unreported->fd >= 0)
        close(unreported->fd);
    unreported->fd = -1;
}
