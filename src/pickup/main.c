/*
 * pickup(8): takes new mail of local users from maildrop/ and hands it to
 * cleanup.
 *
 * Woken by postdrop and by master's clock, it looks at all files of maildrop/
 * until a whole round finds nothing to take. It runs as $mail_owner, which may read
 * and remove what postdrop wrote, and nothing else of the users'. Which bytes of
 * a file are believed is decided in pass.c.
 */
#include "conf/mail_settings.h"
#include "ipc/messages.h"
#include "pickup/pickup.h"
#include "queue/submit.h"
#include "service/service.h"
#include "util/file.h"
#include "util/log.h"

#include <fcntl.h>
#include <unistd.h>

/* True when the file is gone from maildrop/. */
static bool dispose(struct picker *picker, const char *id, enum picked result)
{
    struct fail why;
    int done = 0;

    if (result == PICKED_TAKEN || result == PICKED_OVER)
        done = spool_remove(&picker->spool, QUEUE_MAILDROP, id, &why);
    else if (result == PICKED_CORRUPT) {
        log_warning("saving corrupt file \"%s\" from queue \"%s\" to queue \"%s\"", id,
                    QUEUE_MAILDROP, QUEUE_CORRUPT);
        done = spool_move(&picker->spool, id, QUEUE_MAILDROP, QUEUE_CORRUPT, &why);
    }
    if (result == PICKED_OVER && done > 0)
        maillog_removed(id);
    if (done < 0) /* taken once more at the next wakeup: a duplicate, never a loss */
        log_warning("%s", why.text);
    return done > 0;
}

/*
 * Locked is what a predecessor that was told to end still hands to cleanup, and a
 * message that was put back while an agent still delivers it: the agent may yet mark
 * recipients as done.
 */
static bool is_free(int fd)
{
    struct fail why;

    return file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, &why) == 0;
}

/* One file of maildrop/: unfinished ones are left alone. */
static enum picked pick(struct picker *picker, const char *id, bool *ret_gone)
{
    enum picked result = PICKED_LATER;
    struct fail why;
    struct stat st;
    int fd, found = spool_open(&picker->spool, QUEUE_MAILDROP, id, O_RDONLY, &fd, &why);

    *ret_gone = false;
    if (found < 0)
        log_warning("%s", why.text);
    if (found <= 0)
        return PICKED_LATER;
    if (is_free(fd) && fstat(fd, &st) == 0 && st.st_nlink > 0 && spool_is_ready(&st)) {
        result = picker_pass(picker, id, fd, &st);
        *ret_gone = dispose(picker, id, result);
    }
    close(fd);
    arena_reset(picker->arena);
    return result;
}

/* One round; true when another one may find more. */
static bool look(struct picker *picker)
{
    struct fail why;
    struct spool_scan *scan = spool_scan_new(QUEUE_MAILDROP, 0, &why);
    const char *id, *path;
    bool gone, moved = false;
    int more;

    if (scan == NULL) {
        log_warning("%s", why.text);
        return false;
    }
    while ((more = spool_scan_next(scan, &id, &path, &why)) != 0) {
        if (more < 0)
            log_warning("%s", why.text);
        else if (pick(picker, id, &gone) == PICKED_NOBODY) {
            moved = false;
            break;
        } else
            moved |= gone;
    }
    spool_scan_free(scan);
    return moved;
}

static void woken(struct process *process, struct str bytes)
{
    (void)bytes; /* whatever they are, they mean: look */
    while (look(process->state))
        ;
}

/* --- set-up --- */

static int flags_of(const struct conf *conf)
{
    const char *override = conf->receive_override_options;
    int flags =
        SUBMIT_BOUNCE | submit_auto_utf8(conf->smtputf8_autodetect_classes, "sendmail");

    if (!strstr(override, "no_address_mappings"))
        flags |= SUBMIT_MAP;
    if (!strstr(override, "no_header_body_checks"))
        flags |= SUBMIT_FILTER;
    if (!strstr(override, "no_milters"))
        flags |= SUBMIT_MILTER;
    return flags;
}

static int set_up(struct process *process, struct fail *why)
{
    const struct conf *conf = process->conf;
    struct picker *picker = ARENA_NEW(process->arena, struct picker);

    (void)why;
    process->state = picker;
    picker->conf = conf;
    picker->owner = geteuid();
    picker->flags = flags_of(conf);
    picker->style = conf_log_style(conf);
    picker->arena = arena_new("message");
    spool_init(&picker->spool, conf->hash_queue_names, conf->hash_queue_depth,
               conf->enable_long_queue_ids);
    picker->cleanup = ipc_client_new(
        arena_printf(process->arena, "public/%s", conf->cleanup_service_name), "cleanup",
        conf->ipc_timeout * 1000L);
    return 0;
}

/* A kept connection that nobody uses would keep a cleanup process from others. */
static bool let_go(struct process *process)
{
    struct picker *picker = process->state;

    ipc_client_close(picker->cleanup);
    return false;
}

static const struct service pickup = {
    .name = "pickup",
    .kind = SERVICE_TRIGGER,
    .after_jail = set_up,
    .trigger = woken,
    .between = let_go,
    .flags = SERVICE_SOLE,
};

int main(int argc, char **argv)
{
    return service_run(&pickup, argc, argv);
}
