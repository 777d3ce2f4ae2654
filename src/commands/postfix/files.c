/*
 * What is installed, and whose it is: postfix-files and the files of postfix-files.d in
 * meta_directory, which the installation and packages write.
 *
 *     $daemon_directory/smtpd:f:root:-:755:flags
 *     name:type:owner:group:permission:flags
 *
 * Types d and f are directories and files; links (h, l) are the installer's. Flags: c =
 * a directory to make where it is missing, r = all below it belongs to its owner, o = of
 * older versions, 1 = not needed by further instances. The others (p, u) tell
 * installers what to do.
 *
 * What the mail system cannot work without is known without these files (structure.c).
 */
#include "commands/postfix/postfix.h"
#include "util/file.h"
#include "util/ids.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_MAX = 1 << 20, FIELDS = 6 };

struct record {
    const char *path;
    char type;
    uid_t owner;
    gid_t group; /* -1 = as it is */
    mode_t mode;
    struct str flags;
};

static bool has_flag(const struct record *record, char flag)
{
    return str_find(record->flags, flag) < record->flags.n;
}

/* --- reading ------------------------------------------------------------------------ */

static const char *expanded(const struct control *control, struct str text,
                            struct fail *why)
{
    return conf_expand(control->conf, arena_copy_str(control->command.arena, text), why);
}

static int read_owner(const struct control *control, struct str field, uid_t *ret,
                      struct fail *why)
{
    const char *name = expanded(control, field, why);
    struct user user;
    int found;

    if (name == NULL)
        return -1;
    found = user_by_name(name, control->command.arena, &user, why);
    if (found == 0)
        fail_set(why, "there is no user \"%s\"", name);
    if (found <= 0)
        return -1;
    *ret = user.uid;
    return 0;
}

static int read_group(const struct control *control, struct str field, gid_t *ret,
                      struct fail *why)
{
    const char *name = expanded(control, field, why);
    int found;

    if (str_is(field, "-")) {
        *ret = (gid_t)-1;
        return 0;
    }
    found = name ? group_by_name(name, ret, why) : -1;
    if (found == 0)
        fail_set(why, "there is no group \"%s\"", name);
    return found > 0 ? 0 : -1;
}

static int read_mode(struct str field, mode_t *ret, struct fail *why)
{
    mode_t mode = 0;

    for (size_t i = 0; i < field.n; i++) {
        if (field.p[i] < '0' || field.p[i] > '7' || i > 4)
            return fail_set(why, "bad permission: \"%.*s\"", STR_ARG(field));
        mode = mode * 8 + (mode_t)(field.p[i] - '0');
    }
    *ret = mode;
    return field.n ? 0 : fail_set(why, "a permission is missing");
}

static void split(struct str line, struct str fields[FIELDS])
{
    for (size_t i = 0; i < FIELDS; i++) {
        size_t end = str_find(line, ':');

        fields[i] = str_head(line, end);
        line = str_tail(line, end < line.n ? end + 1 : line.n);
    }
}

/* What is done with the records. */
struct visit {
    /* By path, type and flags: what is not wanted need have no owner that exists. */
    bool (*wants)(const struct control *control, const struct record *record);
    /* Returns how many could not be dealt with. */
    int (*deal)(const struct control *control, const struct record *record);
};

/* 1, or 0 for a line that is not for us: a link, below a folder that is "no", or not
 * wanted. */
static int read_record(const struct control *control, const struct visit *visit,
                       struct str line, struct record *ret, struct fail *why)
{
    struct str fields[FIELDS];
    struct record record = {0};

    split(line, fields);
    if (fields[1].n != 1 || strchr("dfhl", fields[1].p[0]) == NULL)
        return fail_set(why, "bad type: \"%.*s\"", STR_ARG(fields[1]));
    record.type = fields[1].p[0];
    record.flags = fields[5];
    record.path = expanded(control, fields[0], why);
    if (record.path == NULL)
        return -1;
    /* what is not installed is below "no", or as some sites have it, "null" */
    if (record.type == 'h' || record.type == 'l' || has_flag(&record, 'o') ||
        record.path[0] != '/')
        return 0;
    if (!visit->wants(control, &record))
        return 0;
    if (read_owner(control, fields[2], &record.owner, why) < 0 ||
        read_group(control, fields[3], &record.group, why) < 0 ||
        read_mode(fields[4], &record.mode, why) < 0)
        return -1;
    *ret = record;
    return 1;
}

/* How often something went wrong, which is told: in the lists, and with what they name. A
 * mistake in a list is no reason to leave the rest undone. */
struct faults {
    int of_lists, of_files;
};

static void visit_list(const struct control *control, const char *path,
                       const struct visit *visit, struct faults *faults)
{
    struct str text, line;
    struct fail why;

    if (file_read(path, LIST_MAX, control->command.arena, &text, &why) < 0) {
        log_error("%s", why.text);
        faults->of_lists++;
        return;
    }
    for (int number = 1; text.n > 0; number++) {
        struct record record;
        int found = 0;

        line = str_trim(str_head(text, str_find(text, '\n')));
        text = str_tail(text, str_find(text, '\n') + 1);
        if (line.n > 0 && line.p[0] != '#')
            found = read_record(control, visit, line, &record, &why);
        if (found < 0) {
            log_error("%s, line %d: %s", path, number, why.text);
            faults->of_lists++;
        } else if (found > 0)
            faults->of_files += visit->deal(control, &record);
    }
}

static int is_list(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Each record of all lists. Nothing where there are none. */
static struct faults visit_all(const struct control *control, const struct visit *visit)
{
    struct arena *arena = control->command.arena;
    const char *list =
        arena_printf(arena, "%s/postfix-files", control->conf->meta_directory);
    const char *folder = arena_printf(arena, "%s.d", list);
    struct faults faults = {0};
    struct dirent **entries;
    int n;

    if (access(list, F_OK) == 0)
        visit_list(control, list, visit, &faults);
    n = scandir(folder, &entries, is_list, alphasort);
    for (int i = 0; i < n; i++) {
        visit_list(control, arena_printf(arena, "%s/%s", folder, entries[i]->d_name),
                   visit, &faults);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return faults;
}

/* --- what is missing ------------------------------------------------------------------
 */

static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Files of all instances are looked after with the default one. */
static bool is_ours(const struct control *control, const struct record *record)
{
    const struct conf *conf = control->conf;

    return !control->secondary || is_below(record->path, conf->config_directory) ||
           is_below(record->path, conf->queue_directory) ||
           is_below(record->path, conf->data_directory);
}

static bool is_missing(const struct control *control, const struct record *record)
{
    return record->type == 'd' && has_flag(record, 'c') && is_ours(control, record) &&
           access(record->path, F_OK) < 0 && errno == ENOENT;
}

static int set_rights(const struct record *record);

static int make_missing(const struct control *control, const struct record *record)
{
    (void)control;
    if (mkdir(record->path, 0700) < 0) {
        if (errno == EEXIST)
            return 0;
        fatal("create directory %s: %m", record->path);
    }
    return set_rights(record);
}

bool files_make_missing(const struct control *control)
{
    struct faults faults = visit_all(control, &(struct visit){is_missing, make_missing});

    if (faults.of_files > 0)
        fatal("not all directories of postfix-files could be made");
    return faults.of_lists == 0;
}

/* --- owners and permissions
 * -------------------------------------------------------------
 */

/* Packages may leave documentation out. */
static bool may_be_missing(const struct control *control, const struct record *record)
{
    const struct conf *conf = control->conf;
    const char *const folders[] = {conf->manpage_directory, conf->readme_directory,
                                   conf->html_directory};

    for (size_t i = 0; i < COUNT(folders); i++)
        if (folders[i][0] == '/' && is_below(record->path, folders[i]))
            return true;
    return control->secondary && has_flag(record, '1');
}

/*
 * Who may write to the folder might put a link, or another name of a file of somebody
 * else, in its place: what is looked at and what is changed is one open file.
 */
static int set_rights_of(int fd, const struct record *record)
{
    struct stat st;
    gid_t group = record->group;

    if (fstat(fd, &st) < 0)
        fatal("look at %s: %m", record->path);
    if (record->type == 'd' ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
        log_error("%s is no %s", record->path,
                  record->type == 'd' ? "directory" : "regular file");
        return 1;
    }
    if (group == (gid_t)-1)
        group = st.st_gid;
    if (st.st_uid == record->owner && st.st_gid == group &&
        (st.st_mode & 07777) == record->mode)
        return 0;
    if (record->type == 'f' && st.st_nlink > 1 && st.st_uid != record->owner) {
        log_warning("left alone, since it has other names: %s", record->path);
        return 0;
    }
    if (fchown(fd, record->owner, group) < 0 || fchmod(fd, record->mode) < 0) {
        log_error("set owner and permissions of %s: %m", record->path);
        return 1;
    }
    return 0;
}

/* O_NONBLOCK: a named pipe in the way must not stop us. A link of root's stands for the
 * file it leads to: main.cf may be kept elsewhere. */
static int set_rights(const struct record *record)
{
    int follow =
        record->type == 'f' && file_link_is_trusted(record->path) ? 0 : O_NOFOLLOW;
    int fd = open(record->path, O_RDONLY | follow | O_NONBLOCK | O_CLOEXEC);
    int failures;

    if (fd < 0) {
        log_error("%s: %m", record->path);
        return 1;
    }
    failures = set_rights_of(fd, record);
    close(fd);
    return failures;
}

static int repair(const struct control *control, const struct record *record)
{
    if (is_missing(control, record))
        return make_missing(control, record);
    if (access(record->path, F_OK) < 0 && errno == ENOENT &&
        may_be_missing(control, record))
        return 0;
    if (set_rights(record) > 0)
        return 1;
    if (record->type == 'd' && has_flag(record, 'r'))
        structure_give(record->path, record->owner, record->mode);
    return 0;
}

bool files_repair(const struct control *control)
{
    struct faults faults = visit_all(control, &(struct visit){is_ours, repair});

    return faults.of_lists == 0 && faults.of_files == 0;
}
