/*
 * postlock(1): runs a command while a mailbox is locked, in the way that
 * deliveries lock it.
 *
 * The lock is given back whatever ends the command, and whatever asks us to end:
 * signals are waited for beside the end of the command, and passed on to it.
 */
#include "commands/command.h"
#include "deliver/lock_file.h"
#include "deliver/mailbox.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

struct lock {
    const char *path;
    const char *lock_file; /* NULL = none */
    int fd;
};

/* --- the lock --- */

static void give_back(const struct lock *lock)
{
    if (lock->lock_file && unlink(lock->lock_file) < 0 && errno != ENOENT)
        log_warning("remove %s: %s", lock->lock_file, strerror(errno));
    if (lock->fd >= 0)
        close(lock->fd);
}

static NO_RETURN void give_up(const struct lock *lock, const char *why)
{
    give_back(lock);
    fatal_status(EX_TEMPFAIL, "open file %s: %s", lock->path, why);
}

static void lock_descriptor(const struct lock *lock, const struct conf *conf,
                            unsigned locks)
{
    static const struct {
        enum mailbox_lock lock;
        enum file_lock_style style;
    } styles[] = {{MAILBOX_FLOCK, FILE_LOCK_FLOCK}, {MAILBOX_FCNTL, FILE_LOCK_FCNTL}};
    struct fail why;

    for (size_t i = 0; i < COUNT(styles); i++)
        if (locks & styles[i].lock &&
            file_lock_within(lock->fd, FILE_LOCK_EXCLUSIVE, styles[i].style,
                             conf->deliver_lock_attempts, conf->deliver_lock_delay * 1000,
                             &why) != 0)
            give_up(lock, "unable to lock for exclusive access: "
                          "Resource temporarily unavailable");
}

/* A file that is missing is made, as a delivery would do. */
static struct lock take_lock(const struct command *command, const char *path,
                             unsigned locks)
{
    struct lock lock = {.path = path, .fd = -1};
    const char *lock_file = arena_printf(command->arena, "%s.lock", path);
    struct fail why;
    struct stat st;

    if (locks & MAILBOX_DOTLOCK) {
        if (lock_file_make(lock_file, command->conf, &why) < 0)
            give_up(&lock, why.text);
        lock.lock_file = lock_file;
    }
    lock.fd = file_open_safely(path, O_RDWR | O_APPEND | O_CREAT, 0600, &st, &why);
    if (lock.fd < 0)
        give_up(&lock, why.text);
    lock_descriptor(&lock, command->conf, locks);
    return lock;
}

/* --- the command --- */

static pid_t start(char **argv, const struct lock *lock, const sigset_t *before)
{
    posix_spawnattr_t attributes;
    pid_t pid;
    int code;

    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, before);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    code = posix_spawnp(&pid, argv[0], NULL, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    if (code == 0)
        return pid;
    give_back(lock);
    fatal("execvp %s: %s", argv[0], strerror(code));
}

/* From here on signals are waited for: none leaves the lock behind. */
static void block_signals(sigset_t *ret_waited, sigset_t *ret_before)
{
    static const int waited[] = {SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};

    sigemptyset(ret_waited);
    for (size_t i = 0; i < COUNT(waited); i++)
        sigaddset(ret_waited, waited[i]);
    sigprocmask(SIG_BLOCK, ret_waited, ret_before);
}

/* Its exit status; 1 when a signal ended it. */
static int wait_for(pid_t pid, const sigset_t *waited)
{
    int status, got;

    while (waitpid(pid, &status, WNOHANG) == 0)
        if (sigwait(waited, &got) == 0 && got != SIGCHLD)
            kill(pid, got);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* --- start --- */

static NO_RETURN void usage(void)
{
    fatal_status(EX_TEMPFAIL, "usage: postlock [-c config_dir] [-l lock_style] [-v] "
                              "folder command...");
}

static unsigned parse(struct command *command, int argc, char **argv)
{
    const char *style = NULL;
    struct fail why;
    unsigned locks;
    int option;

    while ((option = getopt(argc, argv, "+c:l:v")) != -1)
        switch (option) {
        case 'c':
            command->directory = optarg;
            break;
        case 'l':
            style = optarg;
            break;
        case 'v':
            command->verbose++;
            break;
        default:
            usage();
        }
    if (argc - optind < 2)
        usage();
    command_configure(command);
    if (mailbox_locks_parse("mailbox_delivery_lock",
                            style ? style : command->conf->mailbox_delivery_lock, &locks,
                            &why) < 0)
        fatal_status(EX_TEMPFAIL, "%s", why.text);
    return locks;
}

int main(int argc, char **argv)
{
    struct command command = {.failure_status = EX_TEMPFAIL, .unlogged = true};
    sigset_t waited, before;
    struct lock lock;
    unsigned locks;
    int status;

    command_start(&command, "postlock");
    locks = parse(&command, argc, argv);
    block_signals(&waited, &before);
    lock = take_lock(&command, argv[optind], locks);
    status = wait_for(start(argv + optind + 1, &lock, &before), &waited);
    give_back(&lock);
    return status;
}
