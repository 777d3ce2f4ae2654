/*
 * Reading the source and filling the writer, under the rights of the source's
 * owner: a user's table in a user's folder must not let that user trick root
 * into writing elsewhere.
 */
#include "table/index.h"

#include "table/alias_text.h"
#include "table/file_value.h"
#include "table/fold.h"
#include "table/lines.h"
#include "table/type.h"
#include "util/file.h"
#include "util/ids.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct job {
    const struct index_options *options;
    struct table_lines *lines;
    struct table_writer *writer;
    struct arena *arena; /* of one entry */
};

static void warn(const struct job *job, const char *text)
{
    if (job->options->warn)
        job->options->warn(job->options->context, text);
}

/* --- one line --------------------------------------------------------------------- */

/* The next entry of either syntax: 1, 0 at the end, -1; skips and warns of what is none.
 */
static int next_map_entry(struct job *job, struct str *ret_key, struct str *ret_value,
                          struct fail *why)
{
    struct table_entry entry;
    int got;

    while ((got = table_lines_entry(job->lines, &entry, why)) > 0) {
        if (entry.warning[0])
            warn(job, entry.warning);
        if (!entry.usable)
            continue;
        *ret_key = entry.key;
        *ret_value = entry.value;
        return 1;
    }
    return got;
}

static int next_alias(struct job *job, struct str *ret_key, struct str *ret_value,
                      struct fail *why)
{
    struct str line;
    struct fail bad;
    int got;

    while ((got = table_lines_next(job->lines, &line, why)) > 0) {
        char text[600];

        if (line.p[0] != ' ' && line.p[0] != '\t' &&
            alias_line_split(line, job->arena, ret_key, ret_value, &bad) == 0)
            return 1;
        if (line.p[0] == ' ' || line.p[0] == '\t')
            snprintf(text, sizeof(text),
                     "%s: logical line must not start with whitespace: \"%.30s%s\"",
                     table_lines_path(job->lines), line.p, line.n > 30 ? "..." : "");
        else
            snprintf(text, sizeof(text), "%s, line %ld: %s", table_lines_path(job->lines),
                     table_lines_number(job->lines), bad.text);
        warn(job, text);
    }
    return got;
}

static void warn_duplicate(struct job *job, struct str key)
{
    char text[600];

    if (!job->options->no_fold)
        key = fold(job->arena, key, job->options->smtputf8);
    snprintf(text, sizeof(text), "%s: duplicate entry: \"%.*s\"",
             table_writer_label(job->writer), STR_ARG(key));
    warn(job, text);
}

/* False when the line is to be skipped. */
static bool take_files(struct job *job, struct str *value)
{
    struct fail bad;
    char text[700];

    if (file_value_read(*value, job->arena, value, &bad) == 0) {
        *value = file_value_encode(*value, job->arena);
        return true;
    }
    snprintf(text, sizeof(text), "%s, line %ld: %s: skipping this entry",
             table_lines_path(job->lines), table_lines_number(job->lines), bad.text);
    warn(job, text);
    return false;
}

static int put(struct job *job, struct str key, struct str value, struct fail *why)
{
    int result = table_writer_put(job->writer, key, value, why);

    if (result > 0 && job->options->duplicate == INDEX_DUPLICATE_WARN)
        warn_duplicate(job, key);
    return result < 0 ? fail_prefix(why, "%s", table_writer_label(job->writer)) : 0;
}

/* Daemons that want UTF-8 would never find it. */
static bool is_usable(const struct job *job, struct str key, struct str value)
{
    char text[600];

    if (!job->options->smtputf8 || (fold_is_utf8(key) && fold_is_utf8(value)))
        return true;
    snprintf(text, sizeof(text),
             "%s, line %ld: non-UTF-8 input \"%.*s %.*s\" -- ignoring this line",
             table_lines_path(job->lines), table_lines_number(job->lines), STR_ARG(key),
             STR_ARG(value));
    warn(job, text);
    return false;
}

static int put_all(struct job *job, struct fail *why)
{
    bool aliases = job->options->syntax == INDEX_ALIASES;
    struct str key, value;
    int got;

    while ((got = (aliases ? next_alias : next_map_entry)(job, &key, &value, why)) > 0) {
        if (is_usable(job, key, value) &&
            (!job->options->files || take_files(job, &value)) &&
            put(job, key, value, why) < 0)
            return -1;
        arena_reset(job->arena);
    }
    return got;
}

/* compat: entries that NIS wants to see in an alias database. */
static int put_marks(struct job *job, struct fail *why)
{
    char now[30], host[256] = "";

    snprintf(now, sizeof(now), "%lld", (long long)time(NULL));
    if (gethostname(host, sizeof(host) - 1) < 0)
        host[0] = '\0';
    if (table_writer_put_as_is(job->writer, STR("@"), STR("@"), why) < 0 ||
        table_writer_put_as_is(job->writer, STR("YP_LAST_MODIFIED"), str_of(now), why) <
            0)
        return -1;
    return table_writer_put_as_is(job->writer, STR("YP_MASTER_NAME"), str_of(host), why);
}

/* --- the whole --------------------------------------------------------------------- */

/* A link speaks for whoever made it: what it points to may be root's. */
static bool find_owner(const char *path, struct stat *ret)
{
    char index[4096];

    if (lstat(path, ret) == 0 && S_ISLNK(ret->st_mode) && ret->st_uid != 0)
        return true;
    snprintf(index, sizeof(index), "%s.db", path);
    return stat(path, ret) == 0 || stat(index, ret) == 0;
}

int index_become_owner(const char *path, struct fail *why)
{
    struct stat st;

    if (geteuid() != 0 || !find_owner(path, &st) || st.st_uid == 0)
        return 0;
    return ids_become(st.st_uid, st.st_gid, why) < 0 ? -1 : 1;
}

/* The owner of the directory can put another file in its place. */
static void warn_of_directory(const struct job *job, const char *path)
{
    size_t slash = str_find_last(str_of(path), '/');
    char text[4200] = ".";
    struct stat st;

    if (slash < strlen(path))
        snprintf(text, sizeof(text), "%.*s", slash ? (int)slash : 1, path);
    if (geteuid() != 0 || stat(text, &st) < 0 || st.st_uid == 0)
        return;
    snprintf(text, sizeof(text),
             "%s: the index will belong to root, but its directory to user id %u, who "
             "can replace it",
             path, (unsigned)st.st_uid);
    warn(job, text);
}

static int open_writer(struct job *job, const char *name, enum table_writer_mode mode,
                       struct fail *why)
{
    const struct index_options *options = job->options;
    mode_t source = table_lines_stat(job->lines)->st_mode & 0777;
    struct table_writer_options writer = {
        .places = options->places,
        .mode = mode,
        .duplicate =
            options->duplicate == INDEX_DUPLICATE_REPLACE ? TABLE_REPLACE : TABLE_KEEP,
        .with_nul = options->with_nul,
        .no_fold = options->no_fold,
        .smtputf8 = options->smtputf8,
        .file_mode = options->plain_mode || mode == TABLE_CHANGE ? 0644 : source,
        .cache = options->cache,
        .lmdb_map_size = options->lmdb_map_size,
    };

    return table_writer_open(name, &writer, &job->writer, why);
}

/* Fill the index from job->lines. */
static int fill(struct job *job, const char *name, enum table_writer_mode mode,
                struct fail *why)
{
    bool marks = job->options->syntax == INDEX_ALIASES && mode == TABLE_CREATE;

    if (open_writer(job, name, mode, why) < 0)
        return -1;
    job->arena = arena_new("index entry");
    if (put_all(job, why) < 0 || (marks && put_marks(job, why) < 0)) {
        table_writer_abort(job->writer);
        arena_free(job->arena);
        return -1;
    }
    arena_free(job->arena);
    return table_writer_finish(job->writer, why);
}

/* Indexes are made from files here, never elsewhere. */
static int check_type(const struct table_places *places, struct str type,
                      const char *name, struct fail *why)
{
    const struct table_type *known;

    if (type.n == strlen(name))
        return fail_set(why, "unsupported dictionary type: %.*s", STR_ARG(type));
    known = table_type_find(places, type, why);
    if (!known)
        return -1;
    if (!known->writer)
        return fail_set(why,
                        "unsupported dictionary type: %s does not support bulk-mode "
                        "creation.",
                        known->name);
    return 0;
}

/* With the rights that count, also for reading: the source may be a link. */
static int read_and_fill(struct job *job, const char *name, const char *path,
                         enum table_writer_mode mode, const struct fail *unusable,
                         struct fail *why)
{
    int result;

    job->lines = table_lines_open(mode == TABLE_CREATE ? path : "-", why);
    if (!job->lines)
        return -1;
    if (!unusable)
        warn_of_directory(job, path);
    result = unusable ? fail_set(why, "%s", unusable->text) : fill(job, name, mode, why);
    table_lines_free(job->lines);
    return result;
}

static int run(const char *name, const struct index_options *options,
               enum table_writer_mode mode, struct fail *why)
{
    struct job job = {.options = options};
    struct str type = str_head(str_of(name), str_find(str_of(name), ':'));
    const char *path = name + type.n + 1;
    struct fail restore, unusable;
    bool usable;
    int became = 0, result;

    if (str_is(type, "proxy"))
        return fail_set(why, "can't create maps via the proxy service");
    usable = check_type(&options->places, type, name, &unusable) == 0;
    if (!options->keep_rights)
        became = index_become_owner(path, why);
    if (became < 0)
        return -1;
    result = read_and_fill(&job, name, path, mode, usable ? NULL : &unusable, why);
    if (became > 0 && ids_restore(&restore) < 0)
        result = fail_set(why, "%s", restore.text);
    return result;
}

int index_build(const char *name, const struct index_options *options, struct fail *why)
{
    return run(name, options, TABLE_CREATE, why);
}

int index_add(const char *name, const struct index_options *options, struct fail *why)
{
    return run(name, options, TABLE_CHANGE, why);
}
