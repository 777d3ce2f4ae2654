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
#include "util/file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOG_MAX = 64 << 20 }; /* a log that is larger is damage */

static int by_offset(const void *a, const void *b)
{
    const long left = *(const long *)a, right = *(const long *)b;

    return (left > right) - (left < right);
}

static void parse(struct unreported *unreported, struct str log, struct arena *arena)
{
    struct recipient_log_entry entry;
    struct str rest = log;
    size_t room = 0;

    while (recipient_log_next(&rest, "", "", arena, &entry))
        room++;
    unreported->offsets = arena_array(arena, room ? room : 1, sizeof(long));
    while (recipient_log_next(&log, "", "", arena, &entry))
        if (entry.offset > 0 && unreported->n < room)
            unreported->offsets[unreported->n++] = entry.offset;
    qsort(unreported->offsets, unreported->n, sizeof(long), by_offset);
}

int unreported_claim(struct picker *picker, const char *id, struct unreported *ret,
                     struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct unreported unreported = {.fd = -1};
    struct str log;
    int found = spool_claim_log(&picker->spool, QUEUE_BOUNCE, id, &unreported.fd, why);

    if (found < 0)
        return why->code == EWOULDBLOCK ? 0 : -1;
    if (found > 0) {
        if (file_read(spool_path(&picker->spool, QUEUE_BOUNCE, id, path), LOG_MAX,
                      picker->arena, &log, why) < 0) {
            close(unreported.fd);
            return -1;
        }
        parse(&unreported, log, picker->arena);
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
