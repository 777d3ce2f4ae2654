/*
 * The directories that the mail system lives in. They belong to root or to the
 * mail owner; maildrop/ and public/ are open to the group of the set-gid
 * commands. Missing ones are made; what is there is not changed but reported,
 * since somebody may have had reasons ("postfix set-permissions" changes it).
 */
#include "commands/postfix/postfix.h"
#include "util/file.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum owner { ROOT, OWNER, SETGID };

enum { DEPTH_MAX = 50 };

/* Below the queue directory. Group ROOT stands for root's or any that the modes make
 * harmless. */
static const struct directory {
    const char *name;
    enum owner user, group;
    mode_t mode;
} directories[] = {
    {"active", OWNER, ROOT, 0700},   {"bounce", OWNER, ROOT, 0700},
    {"corrupt", OWNER, ROOT, 0700},  {"defer", OWNER, ROOT, 0700},
    {"deferred", OWNER, ROOT, 0700}, {"flush", OWNER, ROOT, 0700},
    {"hold", OWNER, ROOT, 0700},     {"incoming", OWNER, ROOT, 0700},
    {"private", OWNER, ROOT, 0700},  {"saved", OWNER, ROOT, 0700},
    {"trace", OWNER, ROOT, 0700},    {"maildrop", OWNER, SETGID, 01730},
    {"pid", ROOT, ROOT, 0755},       {"public", OWNER, SETGID, 02710},
};

const char *const setgid_programs[] = {"postdrop", "postlog", "postqueue", NULL};

static uid_t user_of(const struct control *control, enum owner owner)
{
    return owner == ROOT ? 0 : control->mail_owner;
}

static gid_t group_of(const struct control *control, enum owner owner)
{
    return owner == ROOT ? 0 : control->setgid_group;
}

static void set_rights(const struct control *control, const struct directory *directory,
                       const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        fatal("open directory %s: %m", path);
    if (fchown(fd, user_of(control, directory->user),
               group_of(control, directory->group)) < 0 ||
        fchmod(fd, directory->mode) < 0)
        fatal("set owner and mode of %s: %m", path);
    close(fd);
}

/* False when it was there. */
static bool make(const struct control *control, const struct directory *directory,
                 const char *path)
{
    if (mkdir(path, 0700) < 0) {
        if (errno == EEXIST)
            return false;
        fatal("create directory %s: %m", path);
    }
    set_rights(control, directory, path);
    return true;
}

static void check(const struct control *control, const struct directory *directory,
                  const char *path)
{
    const struct conf *conf = control->conf;
    struct stat st;

    if (stat(path, &st) < 0)
        fatal("look at %s: %m", path);
    if (!S_ISDIR(st.st_mode))
        fatal("%s is not a directory", path);
    if (st.st_uid != user_of(control, directory->user))
        log_warning("not owned by %s: %s",
                    directory->user == ROOT ? "root" : conf->mail_owner, path);
    if (directory->group == SETGID && st.st_gid != control->setgid_group)
        log_warning("not owned by group %s: %s", conf->setgid_group, path);
    if (st.st_mode & ~directory->mode & (S_IWGRP | S_IWOTH))
        log_warning("group or other writable: %s", path);
}

static const struct directory queue = {"", ROOT, ROOT, 0755};
static const struct directory data = {"", OWNER, ROOT, 0700};

/* Call visit for each directory with its path; the queue directory is the first. */
static void each(const struct control *control,
                 void (*visit)(const struct control *control,
                               const struct directory *directory, const char *path))
{
    visit(control, &queue, control->conf->queue_directory);
    for (size_t i = 0; i < COUNT(directories); i++) {
        char path[1000];

        snprintf(path, sizeof(path), "%s/%s", control->conf->queue_directory,
                 directories[i].name);
        visit(control, &directories[i], path);
    }
    visit(control, &data, control->conf->data_directory);
}

static void make_or_check(const struct control *control,
                          const struct directory *directory, const char *path)
{
    if (!make(control, directory, path))
        check(control, directory, path);
}

static void make_parents(const char *path)
{
    char parent[1000];
    struct fail why;

    snprintf(parent, sizeof(parent), "%.*s", (int)str_find_last(str_of(path), '/'), path);
    if (*parent && file_make_directories(parent, 0755, &why) < 0)
        fatal("%s", why.text);
}

bool structure_make(const struct control *control)
{
    make_parents(control->conf->queue_directory);
    make_parents(control->conf->data_directory);
    each(control, make_or_check);
    return files_make_missing(control);
}

/* --- repair ------------------------------------------------------------------------- */

static void make_and_set(const struct control *control, const struct directory *directory,
                         const char *path)
{
    if (!make(control, directory, path))
        set_rights(control, directory, path);
}

static void repair_program(const struct control *control, const char *name)
{
    char path[1000];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", control->conf->command_directory, name);
    if (lstat(path, &st) == 0 && st.st_uid == 0 && st.st_gid == control->setgid_group &&
        (st.st_mode & 07777) == 02755)
        return;
    if (lchown(path, 0, control->setgid_group) < 0 || chmod(path, 02755) < 0)
        fatal("set owner and mode of %s: %m", path);
}

/*
 * Who owned a tree until now may be at work in it. So what is looked at and what is
 * changed is one open file, never a name that could lead elsewhere by then; and a file
 * with a second name may be anybody's.
 */
static void give(int directory, const char *name, const char *path, uid_t owner)
{
    int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && errno == ENOENT) /* the queue moves on while we look */
        return;
    if (fd < 0 || fstat(fd, &st) < 0)
        fatal("look at %s/%s: %m", path, name);
    if (S_ISREG(st.st_mode) && st.st_nlink > 1 && st.st_uid != owner)
        log_warning("left alone, since it has other names: %s/%s", path, name);
    else if (st.st_uid != owner && fchownat(fd, "", owner, (gid_t)-1, AT_EMPTY_PATH) < 0)
        fatal("set owner of %s/%s: %m", path, name);
    close(fd);
}

/* Give all that is in a directory to its owner, and directories this mode, or 0: they
 * keep theirs. Takes over the descriptor. */
static void give_tree(int fd, const char *path, uid_t owner, mode_t mode, int depth)
{
    DIR *tree = fd < 0 || depth == 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    char below[1000];

    if (tree == NULL)
        fatal("open directory %s: %s", path,
              depth == 0 ? "too many directories in each other" : strerror(errno));
    if (mode != 0 && fchmod(fd, mode) < 0)
        fatal("set mode of %s: %m", path);
    while ((entry = readdir(tree)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        give(fd, entry->d_name, path, owner);
        if (entry->d_type != DT_DIR)
            continue;
        snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        give_tree(
            openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
            below, owner, mode, depth - 1);
    }
    closedir(tree);
}

void structure_give(const char *path, uid_t owner, mode_t mode)
{
    give_tree(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path, owner,
              mode, DEPTH_MAX);
}

/* After a change of mail_owner the queue is the new one's. In maildrop/ files are the
 * senders', in private/ and public/ lie sockets, also those of others. What an
 * administrator has opened to others in data_directory stays open. */
static void give_files(const struct control *control, const struct directory *directory,
                       const char *path)
{
    if (directory->user == OWNER && directory->group == ROOT &&
        strcmp(directory->name, "private") != 0)
        structure_give(path, control->mail_owner,
                       directory == &data ? 0 : directory->mode);
}

void structure_repair(const struct control *control)
{
    make_parents(control->conf->queue_directory);
    make_parents(control->conf->data_directory);
    each(control, make_and_set);
    each(control, give_files);
    for (size_t i = 0; setgid_programs[i] && !control->secondary; i++)
        repair_program(control, setgid_programs[i]);
}
