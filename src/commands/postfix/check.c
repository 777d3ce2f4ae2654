/*
 * What "postfix check" looks for: files that somebody else than their rightful
 * owner could have changed, commands without their group, damaged messages.
 * Nothing is changed. "postfix start" does not do this: it would read whole
 * queues.
 */
#include "commands/postfix/postfix.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 8 }; /* hash_queue_depth and some */

/* What to say of one file or directory below a tree. */
typedef void visit(const struct control *control, const char *path,
                   const struct stat *st);

static void walk(const struct control *control, const char *path, int depth,
                 visit *visitor)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    if (directory == NULL) {
        if (errno != ENOENT)
            log_warning("open directory %s: %m", path);
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        char name[4096];
        struct stat st;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (lstat(name, &st) < 0)
            continue; /* the queue moves on while we look */
        visitor(control, name, &st);
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
            walk(control, name, depth + 1, visitor);
    }
    closedir(directory);
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

static void check_tree(const struct control *control, const char *path, visit *visitor)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return;
    visitor(control, path, &st);
    if (S_ISDIR(st.st_mode))
        walk(control, path, 0, visitor);
}

void check_files(const struct control *control)
{
    static const char *const queues[] = {"active", "bounce",   "defer", "deferred",
                                         "flush",  "incoming", "hold",  "trace"};
    const struct conf *conf = control->conf;

    check_tree(control, conf->config_directory, owned_by_root);
    check_tree(control, conf->daemon_directory, owned_by_root);
    check_tree(control, conf->data_directory, owned_by_mail);
    if (chdir(conf->queue_directory) < 0)
        fatal("change directory to %s: %m", conf->queue_directory);
    for (size_t i = 0; i < COUNT(queues); i++)
        walk(control, queues[i], 0, owned_by_mail);
    walk(control, "corrupt", 0, damaged);
    for (size_t i = 0; setgid_programs[i]; i++)
        check_program(control, setgid_programs[i]);
}
