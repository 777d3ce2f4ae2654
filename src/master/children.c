/*
 * Processes of the services. Between fork and exec a child only arranges its
 * descriptors; what can fail there ends it with a log line and status 1,
 * which counts as a bad start.
 */
#include "master/children.h"

#include "master/command.h"
#include "util/log.h"
#include "util/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE_MS = 1000 };

static struct str key_of(const pid_t *pid)
{
    return str_from((const char *)pid, sizeof(*pid));
}

/* --- starting ------------------------------------------------------------------- */

/* fds[i] becomes descriptor SCOREBOARD_FD + i of the child. */
static void place_descriptors(int *fds, size_t n)
{
    /* First out of the way of all places, then there: no copy overwrites a source. */
    for (size_t i = 0; i < n; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, SCOREBOARD_FD + (int)n);
        if (fds[i] < 0)
            fatal("copy a descriptor: %m");
    }
    for (size_t i = 0; i < n; i++)
        if (dup2(fds[i], SCOREBOARD_FD + (int)i) < 0)
            fatal("place a descriptor: %m");
}

/* In the order of service/scoreboard.h. */
static void arrange_descriptors(const struct entry *entry, struct arena *arena)
{
    const struct crew *crew = entry->crew;
    const struct listener *listener = &entry->listener;
    int *fds = arena_array(arena, listener->n + 4, sizeof(int));
    size_t n = 0;

    fds[n++] = crew->board_fd;
    fds[n++] = crew->wake_fd;
    fds[n++] = crew->retire_read;
    for (size_t i = 0; i < listener->n; i++)
        fds[n++] = listener->fds[i];
    fds[n++] = entry->master->settings.snapshot;
    place_descriptors(fds, n);
}

static NO_RETURN void run(const struct entry *entry, const struct command *command,
                          struct arena *arena)
{
    platform_unblock_signals();
    arrange_descriptors(entry, arena);
    execve(command->path, (char *const *)command->argv, (char *const *)command->env);
    fatal("execute %s: %m", command->path);
}

static void remember(struct entry *entry, pid_t pid, uint32_t slot)
{
    struct child *child = malloc(sizeof(*child));

    if (child == NULL)
        fatal("out of memory: child");
    *child = (struct child){.pid = pid,
                            .crew = entry->crew,
                            .slot = slot,
                            .started_ms = loop_now_ms(entry->master->loop)};
    map_set(entry->master->children, key_of(&child->pid), child);
    atomic_store(&entry->crew->board->slot[slot].pid, pid);
    entry->crew->alive++;
    atomic_store(&entry->crew->board->total, entry_alive(entry));
}

int children_start(struct entry *entry, struct fail *why)
{
    struct master *master = entry->master;
    struct command_options options = {
        .conf = master->settings.conf,
        .line = entry->line,
        .sockets = entry->listener.n,
        .generation = master->generation,
        .verbose = master->verbose,
        .stressed = loop_now_ms(master->loop) < entry->stressed_until_ms,
    };
    struct arena *arena;
    struct command command;
    pid_t pid;

    if (!crew_take_slot(entry->crew, &options.slot))
        return fail_set(why, "service %s: no slot for one more process", entry->key);
    arena = arena_new("command");
    command_make(&options, arena, &command);
    pid = fork();
    if (pid == 0)
        run(entry, &command, arena);
    arena_free(arena);
    if (pid < 0) {
        atomic_store(&entry->crew->board->slot[options.slot].state, SLOT_FREE);
        return fail_set(why, "fork: %m");
    }
    remember(entry, pid, options.slot);
    return 0;
}

/* --- ending --------------------------------------------------------------------- */

static void tell_end(const char *path, pid_t pid, int status)
{
    if (WIFSIGNALED(status))
        log_warning("process %s pid %d killed by signal %d", path, (int)pid,
                    WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        log_warning("process %s pid %d exit status %d", path, (int)pid,
                    WEXITSTATUS(status));
    else
        log_warning("process %s pid %d exit status 0, but it has not served: is that a "
                    "daemon of the mail system?",
                    path, (int)pid);
}

static void failed(struct entry *entry, pid_t pid, int status, bool served)
{
    struct arena *arena = arena_new("path");
    const char *path = command_path(entry->master->settings.conf, entry->line, arena);

    tell_end(path, pid, status);
    if (!served) {
        log_warning("%s: bad command startup -- throttling", path);
        entry_throttle(entry);
    }
    arena_free(arena);
}

/*
 * A program that is no daemon of the mail system ends at once and calls that success.
 * Its clients still wait, so it would be started as fast as the machine can.
 */
static bool is_no_daemon(const struct child *child, const struct crew_death *death)
{
    const struct entry *entry = child->crew->entry;

    return !death->served && !death->was_active && child->crew == entry->crew &&
           loop_now_ms(entry->master->loop) - child->started_ms < AT_ONCE_MS;
}

static void ended(struct master *master, struct child *child, int status)
{
    struct crew *crew = child->crew;
    struct entry *entry = crew->entry;
    struct crew_death death = crew_bury(crew, child->slot, WIFSIGNALED(status));

    if (entry == NULL) { /* its service is gone from master.cf */
        if (crew->alive == 0)
            crew_free(crew);
        return;
    }
    entry->used = entry->used || death.served;
    if (!master->stopping && (status != 0 || is_no_daemon(child, &death)))
        failed(entry, child->pid, status, death.served);
    entry_lost_process(entry, crew, &death);
}

void children_reap(struct master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = map_remove(master->children, key_of(&pid));

        if (child == NULL)
            continue; /* as init: somebody else's */
        ended(master, child, status);
        free(child);
    }
}

static void send_signal(void *context, struct str key, void *value)
{
    const struct child *child = value;

    (void)key;
    if (child->crew->entry == NULL || !entry_is_log(child->crew->entry))
        kill(child->pid, *(int *)context);
}

void children_signal(struct master *master, int signal)
{
    map_each(master->children, send_signal, &signal);
}
