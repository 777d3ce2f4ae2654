/*
 * What "postfix check" looks for: files that somebody else than their rightful
 * owner could have changed, commands without their group, damaged messages.
 * Nothing is changed. "postfix start" does not do this: it would read whole
 * queues.
 */
#include "commands/postfix/postfix.h"
#include "util/log.h"

#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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
    (void)control;
    if (S_ISREG(st->st_mode))
        log_warning("damaged message: %s", path);
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
    static const char *const queues[] = {"active", "bounce",   "defer", "deferred",
                                         "flush",  "incoming", "hold",  "trace"};
    const struct conf *conf = control->conf;

    walk(control, conf->config_directory, true, owned_by_root);
    walk(control, conf->daemon_directory, true, owned_by_root);
    walk(control, conf->data_directory, true, owned_by_mail);
    if (chdir(conf->queue_directory) < 0)
        fatal("change directory to %s: %m", conf->queue_directory);
    for (size_t i = 0; i < COUNT(queues); i++)
        walk(control, queues[i], false, owned_by_mail);
    walk(control, "corrupt", false, damaged);
    for (size_t i = 0; setgid_programs[i]; i++)
        check_program(control, setgid_programs[i]);
}
