/*
 * Repair of the queue as a whole: postsuper -s and -p.
 *
 * After a copy to another disk inode numbers differ, and an id that holds
 * another file's inode could be given away twice. Such a file gets a new id
 * in two passes, so that a run that was cut off can be repeated: first "NEW#FIX"
 * (its logs before itself), then, once no file has an old name any more, "NEW".
 */
#include "commands/postsuper/postsuper.h"

#include "util/file.h"
#include "util/list.h"
#include "util/log.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { OLD_SECONDS = 7 * 24 * 3600 };

static const char suffix[] = "#FIX";

/* Queues whose file names carry an inode. */
static const char *const message_queues[] = {QUEUE_MAILDROP, QUEUE_INCOMING, QUEUE_ACTIVE,
                                             QUEUE_DEFERRED, QUEUE_HOLD};
static const char *const log_queues[] = {QUEUE_BOUNCE, QUEUE_DEFER, QUEUE_TRACE};

static bool has_messages(const char *queue)
{
    for (size_t i = 0; i < COUNT(message_queues); i++)
        if (strcmp(queue, message_queues[i]) == 0)
            return true;
    return false;
}

/* --- names --- */

bool name_is_temporary(const char *name)
{
    struct str text = str_of(name);
    size_t dot = str_find(text, '.');

    return dot > 0 && dot < text.n - 1 && str_span(text, "0123456789") == dot &&
           str_span(str_tail(text, dot + 1), "0123456789") == text.n - dot - 1;
}

/* The id that a file with this inode should have, when name has another inode. */
static bool inode_differs(const char *name, ino_t inode, char ret_id[QUEUE_ID_SIZE])
{
    struct queue_id_parts parts;
    struct timeval when;

    if (!queue_id_decode(str_of(name), &parts) || parts.inode == inode)
        return false;
    when =
        (struct timeval){.tv_sec = (time_t)parts.seconds, .tv_usec = parts.microseconds};
    queue_id_make(when, inode, parts.is_long, ret_id);
    return true;
}

static void rename_or_stop(const char *from, const char *to)
{
    if (rename(from, to) < 0 && errno != ENOENT)
        fatal("rename file %s as %s: %s", from, to, strerror(errno));
}

/* The hash directory that path stood in, and those above it up to the queue. */
static void remove_when_empty(const char *path, const char *queue)
{
    char directory[SPOOL_PATH_SIZE];
    char *slash;

    snprintf(directory, sizeof(directory), "%s", path);
    while ((slash = strrchr(directory, '/')) != NULL) {
        *slash = '\0';
        if (strcmp(directory, queue) == 0 || rmdir(directory) < 0)
            return;
    }
}

/* Into the place that its name asks for, made on demand. */
static void move_to_place(const struct run *run, const char *path, const char *queue,
                          const char *id)
{
    char place[SPOOL_PATH_SIZE], directory[SPOOL_PATH_SIZE];
    struct fail why;

    spool_path(&run->spool, queue, id, place);
    if (strcmp(path, place) == 0)
        return;
    snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(place, '/') - place),
             place);
    if (file_make_directories(directory, 0700, &why) < 0)
        fatal("%s", why.text);
    rename_or_stop(path, place);
    remove_when_empty(path, queue);
}

/* --- one file --- */

/* First pass: under "NEW#FIX", beside where it was; its logs go before it. */
static void give_new_id(struct run *run, const char *path, const char *name,
                        const char *id)
{
    char from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE + sizeof(suffix)];

    log_warning("name/inode mismatch: %s", path);
    for (size_t i = 0; i < COUNT(log_queues); i++) {
        spool_path(&run->spool, log_queues[i], name, from);
        snprintf(to, sizeof(to), "%.*s%s%s", (int)(strrchr(from, '/') - from + 1), from,
                 id, suffix);
        rename_or_stop(from, to);
    }
    snprintf(to, sizeof(to), "%.*s%s%s", (int)(strrchr(path, '/') - path + 1), path, id,
             suffix);
    rename_or_stop(path, to);
    run->renamed++;
}

static void purge(const char *path, const struct stat *st)
{
    if (time(NULL) - st->st_mtime > OLD_SECONDS && unlink(path) < 0 && errno != ENOENT)
        fatal("remove %s: %s", path, strerror(errno));
}

static void first_pass(struct run *run, const char *queue, const char *name,
                       const char *path)
{
    char id[QUEUE_ID_SIZE];
    struct stat st;

    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    if (name_is_temporary(name)) {
        if (run->purge)
            purge(path, &st);
        return;
    }
    if (!run->structure || str_ends(str_of(name), suffix))
        return;
    if (!queue_id_valid(str_of(name))) {
        log_warning("bogus file name: %s", path);
        return;
    }
    if (has_messages(queue) && inode_differs(name, st.st_ino, id))
        give_new_id(run, path, name, id);
    else
        move_to_place(run, path, queue, name);
}

/* Before that: logs where the renaming of their message looks for them. */
static void place_log(struct run *run, const char *queue, const char *name,
                      const char *path)
{
    if (queue_id_valid(str_of(name)))
        move_to_place(run, path, queue, name);
}

/* Second pass: what the first one, or that of a run before us, left under "NEW#FIX". */
static void second_pass(struct run *run, const char *queue, const char *name,
                        const char *path)
{
    char id[QUEUE_ID_SIZE];
    struct str text = str_of(name);

    if (!str_ends(text, suffix))
        return;
    text.n -= sizeof(suffix) - 1;
    if (!queue_id_valid(text))
        return;
    snprintf(id, sizeof(id), "%.*s", STR_ARG(text));
    move_to_place(run, path, queue, id);
}

/* --- all files --- */

typedef void visitor(struct run *run, const char *queue, const char *name,
                     const char *path);

/* Names are gathered before they are visited: a directory that changes may show a file
 * twice. */
static void visit_queue(struct run *run, const char *queue, visitor *visit)
{
    struct fail why;
    struct spool_scan *scan = spool_scan_new(queue, SPOOL_SCAN_ODD_NAMES, &why);
    struct arena *arena = arena_new("scan");
    struct texts paths = {0};
    const char *name, *path;
    int more;

    if (scan == NULL && why.code == ENOENT) { /* no such queue here: nothing to repair */
        arena_free(arena);
        return;
    }
    if (scan == NULL)
        fatal("%s", why.text);
    while ((more = spool_scan_next(scan, &name, &path, &why)) != 0) {
        if (more < 0)
            fatal("%s", why.text);
        texts_add(&paths, arena, arena_copy(arena, path));
    }
    spool_scan_free(scan);
    for (size_t i = 0; i < paths.n; i++) {
        run_stop_when_told(run, run->renamed > 0);
        visit(run, queue, strrchr(paths.items[i], '/') + 1, paths.items[i]);
    }
    arena_free(arena);
}

void structure_run(struct run *run, const char *const *directories)
{
    for (size_t i = 0; run->structure && i < COUNT(log_queues); i++)
        visit_queue(run, log_queues[i], place_log);
    for (size_t i = 0; directories[i]; i++)
        visit_queue(run, directories[i], first_pass);
    if (!run->structure)
        return;
    for (size_t i = 0; i < COUNT(log_queues); i++)
        visit_queue(run, log_queues[i], second_pass);
    for (size_t i = 0; directories[i]; i++)
        visit_queue(run, directories[i], second_pass);
    if (run->renamed > 0)
        log_warning("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
}
