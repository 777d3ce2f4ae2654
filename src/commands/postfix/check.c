/*
 * What "postfix check" looks for: files that somebody else than their rightful
 * owner could have changed, commands without their group, damaged messages.
 * Nothing is changed. "postfix start" does not do this: it would read whole
 * queues.
 */
#include "commands/postfix/postfix.h"
#include "commands/run.h"
#include "util/file.h"
#include "util/log.h"

#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_MAX = 1 << 24 };

/* What to say of one file or directory below a tree. */
typedef void visit(const struct control *control, const char *path,
                   const struct stat *st);

/* path is part of it when itself is set. Links are not followed. */
static void walk(const struct control *control, const char *path, bool itself,
                 visit *visitor)
{
    char *paths[] = {arena_copy(control->command.arena, path), NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry;

    if (tree == NULL)
        fatal("walk %s: %m", path);
    while ((entry = fts_read(tree)) != NULL) {
        if (entry->fts_info == FTS_DNR)
            log_warning("open directory %s: %s", entry->fts_path,
                        strerror(entry->fts_errno));
        /* FTS_NS: the queue moves on while we look */
        if (entry->fts_info != FTS_NS && entry->fts_info != FTS_DP &&
            (itself || entry->fts_level > FTS_ROOTLEVEL))
            visitor(control, entry->fts_path, entry->fts_statp);
    }
    fts_close(tree);
}

static void owned_by_root(const struct control *control, const char *path,
                          const struct stat *st)
{
    (void)control;
    if (st->st_uid != 0)
        log_warning("not owned by root: %s", path);
    if (!S_ISLNK(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)))
        log_warning("group or other writable: %s", path);
}

static void owned_by_mail(const struct control *control, const char *path,
                          const struct stat *st)
{
    if (st->st_uid != control->mail_owner)
        log_warning("not owned by %s: %s", control->conf->mail_owner, path);
}

static void damaged(const struct control *control, const char *path,
                    const struct stat *st)
{
    if (S_ISREG(st->st_mode))
        log_warning("damaged message: %s",
                    path + strlen(control->conf->queue_directory) + 1);
}

/* Files of /etc that programs in a jail see: copies that grow old. */
static void same_as_outside(const struct control *control, const char *path,
                            const struct stat *st)
{
    struct arena *arena = arena_new("files");
    const char *outside = path + strlen(control->conf->queue_directory);
    struct str here, there;

    if (S_ISREG(st->st_mode) && access(outside, F_OK) == 0 &&
        file_read(path, COPY_MAX, arena, &here, NULL) == 0 &&
        file_read(outside, COPY_MAX, arena, &there, NULL) == 0 && !str_eq(here, there))
        log_warning("%s and %s differ", path, outside);
    arena_free(arena);
}

static const char *below_queue(const struct control *control, const char *name)
{
    return arena_printf(control->command.arena, "%s/%s", control->conf->queue_directory,
                        name);
}

bool check_queue(const struct control *control)
{
    const char *argv[] = {arena_printf(control->command.arena, "%s/postsuper",
                                       control->conf->command_directory),
                          NULL};

    return run_command(argv) == 0;
}

static void check_program(const struct control *control, const char *name)
{
    const mode_t wanted = S_ISGID | S_IXUSR | S_IXGRP | S_IXOTH;
    char path[1000];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", control->conf->command_directory, name);
    if (stat(path, &st) < 0) {
        log_warning("%s: %m", path);
        return;
    }
    if (st.st_gid != control->setgid_group)
        log_warning("not owned by group %s: %s", control->conf->setgid_group, path);
    if ((st.st_mode & wanted) != wanted)
        log_warning("not set-gid or not owner+group+world executable: %s", path);
}

void check_files(const struct control *control)
{
    static const char *const queues[] = {"active",   "bounce",   "corrupt",
                                         "defer",    "deferred", "flush",
                                         "incoming", "hold",     "trace"};
    const struct conf *conf = control->conf;

    walk(control, conf->config_directory, true, owned_by_root);
    if (!control->secondary)
        walk(control, conf->daemon_directory, true, owned_by_root);
    walk(control, conf->data_directory, false, owned_by_mail);
    for (size_t i = 0; i < COUNT(queues); i++)
        walk(control, below_queue(control, queues[i]), false, owned_by_mail);
    walk(control, below_queue(control, "etc"), false, same_as_outside);
    walk(control, below_queue(control, "corrupt"), false, damaged);
    for (size_t i = 0; setgid_programs[i] && !control->secondary; i++)
        check_program(control, setgid_programs[i]);
}
