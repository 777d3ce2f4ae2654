/*
 * One append to an mbox. The order is: lock file, open, lock, look again, write,
 * sync, and back. Who may write the directory need not be who owns the file, so
 * ids change between these steps, and each step names whose it is.
 */
#include "deliver/mailbox.h"

#include "deliver/lock_file.h"
#include "deliver/rights.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

struct append {
    const struct mailbox *mailbox;
    struct delivery *delivery;
    const struct conf *conf;
    struct arena *arena;
    const char *lock_file; /* NULL = none is held */
    int fd;
    bool readable;
    struct stat st;
    struct refusal *refusal;
};

const char *refusal_status(int code)
{
    switch (code) {
    case EAGAIN:
        return "4.2.0";
    case EDQUOT:
    case EFBIG:
        return "5.2.2";
    case ENOSPC:
    case EIO: /* from here on the machine is in trouble, which is not the sender's fault
               */
    case EROFS:
    case ESTALE:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOLCK:
    case ETIMEDOUT:
        return "4.3.0";
    default:
        return "5.2.0";
    }
}

int mailbox_locks_parse(const char *parameter, const char *value, unsigned *ret,
                        struct fail *why)
{
    static const struct {
        const char *name;
        unsigned lock;
    } locks[] = {
        {"flock", MAILBOX_FLOCK}, {"fcntl", MAILBOX_FCNTL}, {"dotlock", MAILBOX_DOTLOCK}};
    struct str rest = str_of(value), word;
    unsigned found = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        size_t i = 0;

        while (i < COUNT(locks) && !str_is_nocase(word, locks[i].name))
            i++;
        if (i == COUNT(locks))
            return fail_set(why, "%s: \"%.*s\" is none of flock, fcntl, dotlock",
                            parameter, STR_ARG(word));
        found |= locks[i].lock;
    }
    *ret = found;
    return 0;
}

int mailbox_check_limit(const char *parameter, long long limit,
                        long long message_size_limit, struct fail *why)
{
    if (limit == 0 || (message_size_limit > 0 && limit >= message_size_limit))
        return 0;
    return fail_set(why,
                    "%s (%lld) is smaller than message_size_limit (%lld), so that mail "
                    "could be accepted and never delivered: make it larger, or 0",
                    parameter, limit, message_size_limit);
}

static int refuse(struct append *a, const char *status)
{
    a->refusal->kind = COPY_NOT_WRITTEN;
    a->refusal->status = status;
    return -1;
}

static int refuse_by_errno(struct append *a)
{
    return refuse(a, refusal_status(a->refusal->why.code));
}

/* --- the lock file ------------------------------------------------------------------ */

/* "/dev/null" has no readers that a lock file would tell anything. */
static bool needs_lock_file(const struct mailbox *mailbox)
{
    struct stat st;

    return mailbox->locks & MAILBOX_DOTLOCK &&
           !(mailbox->lock_file_optional && stat(mailbox->path, &st) == 0 &&
             !S_ISREG(st.st_mode));
}

static int take_lock_file(struct append *a)
{
    int code;

    if (!needs_lock_file(a->mailbox))
        return 0;
    a->lock_file = arena_printf(a->arena, "%s.lock", a->mailbox->path);
    if (lock_file_make(a->lock_file, a->conf, &a->refusal->why) == 0)
        return 0;
    a->lock_file = NULL;
    code = a->refusal->why.code;
    if (code == EEXIST)
        return refuse(a, "4.2.0");
    if (!a->mailbox->lock_file_optional)
        return refuse_by_errno(a);
    log_warning("%s", a->refusal->why.text);
    return 0;
}

static void drop_lock_file(struct append *a)
{
    if (!a->lock_file)
        return;
    rights_take(a->delivery, a->mailbox->maker);
    if (unlink(a->lock_file) < 0 && errno != ENOENT)
        log_warning("remove %s: %m", a->lock_file);
}

/* --- the file --------------------------------------------------------------------------
 */

/*
 * For reading too, so that its end can be looked at; but a file that its owner may
 * not read will do, and a FIFO must not open when nobody listens.
 */
static int open_existing(struct append *a)
{
    const char *path = a->mailbox->path;
    struct fail *why = &a->refusal->why;
    int fd = file_open_safely(path, O_RDWR | O_APPEND, 0, &a->st, why);

    a->readable = fd >= 0 && S_ISREG(a->st.st_mode);
    if (a->readable || (fd < 0 && why->code != EACCES))
        return fd;
    if (fd >= 0)
        close(fd);
    return file_open_safely(path, O_WRONLY | O_APPEND, 0, &a->st, why);
}

/* A new file is given to its owner; one that was there is never given away. */
static int open_file(struct append *a)
{
    const struct mailbox *mailbox = a->mailbox;
    struct fail *why = &a->refusal->why;
    bool handed_over =
        mailbox->maker.uid != mailbox->owner.uid && mailbox->maker.uid == 0;

    for (int attempt = 0; attempt < 3; attempt++) {
        struct fail missing;

        a->fd = open_existing(a);
        if (a->fd >= 0 || why->code != ENOENT)
            break;
        missing = *why;
        a->fd = file_open_safely(mailbox->path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL,
                                 0600, &a->st, why);
        if (a->fd < 0 && why->code == EEXIST) {
            *why = missing; /* made just now, or a link to nowhere */
            continue;
        }
        if (a->fd >= 0 && handed_over) {
            if (fchown(a->fd, mailbox->owner.uid, mailbox->owner.gid) < 0)
                return fail_set(why, "change owner of file: %m");
            a->st.st_uid = mailbox->owner.uid;
        }
        break;
    }
    return a->fd < 0 ? -1 : 0;
}

static int lock_file(struct append *a)
{
    static const struct {
        enum mailbox_lock lock;
        enum file_lock_style style;
    } styles[] = {{MAILBOX_FLOCK, FILE_LOCK_FLOCK}, {MAILBOX_FCNTL, FILE_LOCK_FCNTL}};

    if (!S_ISREG(a->st.st_mode))
        return 0;
    for (size_t i = 0; i < COUNT(styles); i++) {
        int status;

        if (!(a->mailbox->locks & styles[i].lock))
            continue;
        status = file_lock_within(a->fd, FILE_LOCK_EXCLUSIVE, styles[i].style,
                                  a->conf->deliver_lock_attempts,
                                  a->conf->deliver_lock_delay * 1000, &a->refusal->why);
        if (status == 0)
            continue;
        if (status > 0) { /* compat: the words that others look for */
            errno = EAGAIN;
            fail_set(&a->refusal->why, "unable to lock for exclusive access: %m");
        }
        return refuse(a, "4.2.0");
    }
    return 0;
}

/* It could be run by whoever finds it. */
static int check_program(struct append *a)
{
    if (!a->mailbox->never_a_program || !S_ISREG(a->st.st_mode) ||
        (a->st.st_mode & 0111) == 0)
        return 0;
    fail_set(&a->refusal->why, "file is executable");
    return refuse(a, "5.7.1");
}

static int check_owner(struct append *a)
{
    if (!a->mailbox->strict_owner || a->st.st_uid == a->mailbox->owner.uid)
        return 0;
    log_warning("%s belongs to user id %u, not %u: say \"strict_mailbox_ownership = no\" "
                "in main.cf to deliver all the same",
                a->mailbox->path, (unsigned)a->st.st_uid,
                (unsigned)a->mailbox->owner.uid);
    fail_set(&a->refusal->why, "destination %s is not owned by recipient",
             a->mailbox->path);
    return refuse(a, "4.2.0");
}

/* --- the message -------------------------------------------------------------------- */

/* Bytes that the file may still grow; < 0 = no limit. */
static long long room_in(const struct append *a)
{
    long long limit = a->mailbox->size_limit;

    if (limit == 0 || !S_ISREG(a->st.st_mode))
        return -1;
    return a->st.st_size < limit ? limit - a->st.st_size : 0;
}

/*
 * A writer that was killed leaves a piece of a message. In the middle of a line it
 * would swallow the From line of the next message, and so the message.
 */
static int end_torn_line(struct append *a, const struct copy *copy)
{
    char last;

    if (!a->readable || !(copy->flags & COPY_BLANK_LINE) || a->st.st_size == 0 ||
        pread(a->fd, &last, 1, a->st.st_size - 1) != 1 || last == '\n')
        return 0;
    return file_write_all(a->fd, "\n\n", 2, &a->refusal->why);
}

static int write_message(struct append *a, const struct copy *copy)
{
    struct fail *why = &a->refusal->why;
    enum copy_result result = end_torn_line(a, copy) < 0
                                  ? COPY_NOT_WRITTEN
                                  : copy_to_file(copy, a->fd, room_in(a), why);
    int code = why->code;

    if (result == COPY_DONE) {
        if (!S_ISREG(a->st.st_mode) || fsync(a->fd) == 0)
            return 0;
        fail_set(why, "%m");
        code = why->code;
    } else if (result != COPY_NOT_WRITTEN) {
        a->refusal->kind = result;
        return -1;
    }
    fail_prefix(why, "error writing message");
    return refuse(a, refusal_status(code));
}

/* The length before is known only now, under the lock. */
static int append_message(struct append *a, const struct copy *copy)
{
    struct fail *why = &a->refusal->why;
    bool regular = S_ISREG(a->st.st_mode);

    if (fstat(a->fd, &a->st) < 0) {
        fail_set(why, "cannot look at file: %m");
        return refuse_by_errno(a);
    }
    a->refusal->offset = a->st.st_size;
    if (write_message(a, copy) == 0)
        return 0;
    if (regular && ftruncate(a->fd, a->st.st_size) < 0)
        log_warning("%s has a piece of a message at its end: truncate: %m",
                    a->mailbox->path);
    return -1;
}

/* A file that was empty may be new: its name is made to last. */
static int settle(struct append *a)
{
    if (a->st.st_size > 0 || !S_ISREG(a->st.st_mode))
        return 0;
    if (durable_parent(a->mailbox->durable, a->mailbox->path, &a->st, &a->refusal->why) ==
        0)
        return 0;
    if (a->refusal->why.code == EACCES)
        return 0; /* a directory that its user may write but not read */
    return refuse(a, "4.3.0");
}

static int locked_append(struct append *a, const struct copy *copy)
{
    int result;

    if (open_file(a) < 0)
        result = refuse_by_errno(a);
    else if ((result = lock_file(a)) == 0 && (result = check_owner(a)) == 0 &&
             (result = check_program(a)) == 0) {
        rights_take(a->delivery, a->mailbox->owner);
        result = append_message(a, copy);
        rights_take(a->delivery, a->mailbox->maker);
        if (result == 0)
            result = settle(a);
    }
    if (a->fd >= 0)
        close(a->fd);
    return result;
}

int mailbox_append(const struct mailbox *mailbox, const struct copy *copy,
                   struct refusal *ret)
{
    struct append a = {
        .mailbox = mailbox,
        .delivery = copy->delivery,
        .conf = copy->delivery->process->conf,
        .arena = copy->delivery->arena,
        .fd = -1,
        .refusal = ret,
    };
    int result;

    rights_take(a.delivery, mailbox->maker);
    result = take_lock_file(&a);
    if (result == 0)
        result = locked_append(&a, copy);
    drop_lock_file(&a);
    return result;
}
