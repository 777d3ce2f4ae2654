/*
 * The per-message logs in bounce/, defer/ and trace/. An entry is synced before
 * the delivery agent hears of it, because the agent then marks the recipient
 * done: from there on the log is all that knows of the failure.
 */
#include "bounce/bounce.h"

#include "mail/address.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { LOG_MAX = 64 << 20 }; /* a log that is larger is damage */

static struct recipient_log_entry entry_of(const struct bounce_append *failed,
                                           struct arena *arena)
{
    const char *original = address_external(arena, str_of(failed->original));

    return (struct recipient_log_entry){
        .recipient = address_external(arena, str_of(failed->recipient)),
        .original = strcmp(failed->original, failed->recipient) == 0 ? "" : original,
        .offset = failed->offset,
        .dsn_orig_rcpt = failed->orcpt,
        .notify = (int)failed->notify,
        .status = failed->status,
        .action = failed->action,
        .diag_type = failed->diagnostic_type,
        .diag_text = failed->diagnostic,
        .mta_type = *failed->remote_mta ? "dns" : "",
        .mta_name = failed->remote_mta,
        .reason = failed->reason,
    };
}

static int write_entry(int fd, struct str text, off_t at, struct fail *why)
{
    if (file_pwrite_all(fd, text.p, text.n, at, why) < 0)
        return -1;
    return fsync(fd) < 0 ? fail_set(why, "sync: %m") : 0;
}

/* Under lock, since agents append for one message in parallel. An entry that failed is
 * cut off: the recipient is tried again, and would be reported twice. */
static int append_locked(int fd, struct str text, struct fail *why)
{
    struct stat st;

    if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, true, why) < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return fail_set(why, "stat: %m");
    if (write_entry(fd, text, st.st_size, why) < 0) {
        (void)!ftruncate(fd, st.st_size);
        return -1;
    }
    return 0;
}

int log_append(struct bouncer *bouncer, const struct bounce_append *failed,
               struct arena *arena, struct fail *why)
{
    struct recipient_log_entry entry = entry_of(failed, arena);
    struct buf text;
    int fd, result;

    if (!queue_id_valid(str_of(failed->queue_id)))
        return fail_set(why, "bad queue id \"%s\" in a request", failed->queue_id);
    fd = spool_open_log(&bouncer->spool, bouncer->queue, failed->queue_id, why);
    if (fd < 0)
        return -1;
    buf_init(&text, 16 * IPC_VALUE_MAX);
    recipient_log_format(&text, &entry,
                         bouncer->conf->backwards_bounce_logfile_compatibility);
    result = append_locked(fd, buf_str(&text), why);
    if (result < 0)
        fail_prefix(why, "%s log of %s", bouncer->queue, failed->queue_id);
    buf_done(&text);
    close(fd);
    return result;
}

static void parse(struct bouncer *bouncer, struct str text, struct arena *arena,
                  struct failed_recipients *ret)
{
    bool late = strcmp(bouncer->queue, QUEUE_DEFER) == 0;
    struct recipient_log_entry entry;
    size_t room = 0;

    while (recipient_log_next(&text, late ? "4.0.0" : "5.0.0",
                              late ? "delayed" : "failed", arena, &entry)) {
        if (ret->n == room) {
            struct recipient_log_entry *more =
                arena_array(arena, room = room ? 2 * room : 16, sizeof *more);

            if (ret->n)
                memcpy(more, ret->entries, ret->n * sizeof *more);
            ret->entries = more;
        }
        ret->entries[ret->n++] = entry;
    }
}

int log_claim(struct bouncer *bouncer, const char *queue_id, int *ret_fd,
              struct fail *why)
{
    int fd = -1;

    if (!queue_id_valid(str_of(queue_id)))
        return fail_set(why, "bad queue id \"%s\" in a request", queue_id);
    if (spool_claim_log(&bouncer->spool, bouncer->queue, queue_id, &fd, why) < 0)
        return -1;
    *ret_fd = fd;
    return 0;
}

int log_read(struct bouncer *bouncer, const char *queue_id, struct arena *arena,
             struct failed_recipients *ret, struct fail *why)
{
    char path[SPOOL_PATH_SIZE];
    struct str text;

    *ret = (struct failed_recipients){0};
    if (!queue_id_valid(str_of(queue_id)))
        return fail_set(why, "bad queue id \"%s\" in a request", queue_id);
    if (file_read(spool_path(&bouncer->spool, bouncer->queue, queue_id, path), LOG_MAX,
                  arena, &text, why) < 0)
        return why->code == ENOENT ? 0 : -1;
    parse(bouncer, text, arena, ret);
    return 0;
}
