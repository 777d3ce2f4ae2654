/*
 * hash:file and btree:file - Berkeley DB 5.3 files "file.db", as Postfix makes
 * and reads them.
 *
 * Each lookup holds a shared flock, since Postfix's postmap rewrites files in
 * place. Whether keys and values end in NUL is found out at the first hit: both
 * ways are tried until one of them hits.
 */
#include "table/plugins/berkeley/berkeley.h"

#include "table/aside.h"
#include "table/mapped.h"
#include "util/buf.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    DEFAULT_READ_CACHE = 131072,
    PATH_BYTES_MAX = 8192,
    KEY_BYTES_MAX = 1 << 21,
    OPEN_ATTEMPTS = 3
};

/* --- the library ------------------------------------------------------------------ */

static int berkeley_fail(struct fail *why, int error)
{
    if (error > 0) { /* an errno; negative ones are the library's own */
        errno = error;
        return fail_set(why, "%m");
    }
    return fail_set(why, "%s", db_strerror(error));
}

/* The environment's home is "/", so that its DB_CONFIG is root's; file names are
 * absolute. */
static int open_environment(size_t cache, DB_ENV **ret)
{
    DB_ENV *env = NULL;
    int error = db_env_create(&env, 0);

    if (error)
        return error;
    env->set_errcall(env, NULL);
    env->set_errfile(env, NULL);
    error = env->set_cachesize(env, 0, (u_int32_t)cache, 1);
    if (!error)
        error = env->open(env, "/", DB_CREATE | DB_PRIVATE | DB_INIT_MPOOL, 0);
    if (error)
        env->close(env, 0);
    else
        *ret = env;
    return error;
}

static int open_database(const char *path, DBTYPE type, u_int32_t flags,
                         struct berkeley *ret)
{
    int error = db_create(&ret->db, ret->env, 0);

    if (!error)
        error = ret->db->open(ret->db, NULL, path, NULL, type, flags, 0644);
    if (!error)
        error = ret->db->fd(ret->db, &ret->fd);
    return error;
}

int berkeley_open(const char *path, DBTYPE type, u_int32_t flags, size_t cache,
                  struct berkeley *ret, struct fail *why)
{
    struct berkeley opened = {0};
    struct fail ignored;
    struct buf full;
    char *here;
    int error;

    buf_init(&full, PATH_BYTES_MAX);
    if (path[0] != '/') {
        here = getcwd(NULL, 0);
        buf_printf(&full, "%s/", here ? here : "");
        free(here);
    }
    buf_add_text(&full, path);
    error = open_environment(cache, &opened.env);
    if (!error)
        error = open_database(full.p, type, flags, &opened);
    buf_done(&full);
    if (error) {
        if (berkeley_close(&opened, &ignored) < 0)
            opened.db = NULL;
        return berkeley_fail(why, error);
    }
    *ret = opened;
    return 0;
}

int berkeley_close(struct berkeley *berkeley, struct fail *why)
{
    int error = berkeley->db ? berkeley->db->close(berkeley->db, 0) : 0;
    int env_error = berkeley->env ? berkeley->env->close(berkeley->env, 0) : 0;

    *berkeley = (struct berkeley){0};
    if (error || env_error)
        return berkeley_fail(why, error ? error : env_error);
    return 0;
}

/* --- the table types ---------------------------------------------------------------- */

struct reader {
    DBTYPE type;
    struct berkeley berkeley;
    DBC *cursor;       /* of table_next, or NULL */
    struct stat st;    /* of the file when it was opened */
    const char *index; /* "/etc/aliases.db" */
    bool try_nul, try_plain;
};

/* What is asked of the library at one go: it may have mapped the file (mapped.h). */
struct reading {
    struct reader *reader;
    struct str key; /* with a NUL behind it */
    bool first;     /* of a listing */
    DBT found_key, value;
    int error; /* 0, DB_NOTFOUND or another one */
};

static void warn_when_older(struct table *table, const struct reader *reader)
{
    struct stat source;

    if (stat(table->path, &source) == 0 && source.st_mtime > reader->st.st_mtime)
        table_warn(table, "database %s is older than source file %s", reader->index,
                   table->path);
}

/*
 * The library takes a bucket behind the end of the file for an empty one, and what
 * was in it is not found. The first page says how many there are.
 */
static int check_length(int fd, struct fail *why)
{
    enum { MAGIC = 3, PAGE_SIZE = 5, LAST_PAGE = 8, WORDS };
    uint32_t head[WORDS];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return fail_set(why, "%m");
    if (pread(fd, head, sizeof(head), 0) != sizeof(head))
        return fail_set(why, "it is cut short: make it again with postmap");
    if (head[MAGIC] != DB_HASHMAGIC && head[MAGIC] != DB_BTREEMAGIC) /* other machine's */
        for (size_t i = 0; i < WORDS; i++)
            head[i] = __builtin_bswap32(head[i]);
    if ((head[MAGIC] == DB_HASHMAGIC || head[MAGIC] == DB_BTREEMAGIC) &&
        (uint64_t)st.st_size < ((uint64_t)head[LAST_PAGE] + 1) * head[PAGE_SIZE])
        return fail_set(why, "it is cut short: make it again with postmap");
    return 0;
}

/* Open under a shared lock, so that a file that Postfix's postmap is just rewriting is
 * waited for. */
static int open_locked(struct table *table, struct reader *reader, int fd,
                       struct fail *why)
{
    size_t cache = table_options(table)->db_read_cache;
    int locked = file_lock_within(fd, FILE_LOCK_SHARED, FILE_LOCK_FLOCK,
                                  ASIDE_LOCK_ATTEMPTS, ASIDE_LOCK_DELAY_MS, why);

    if (locked != 0)
        return locked > 0
                   ? fail_set(why, "open database %s: it stays locked", reader->index)
                   : -1;
    if (check_length(fd, why) < 0)
        return fail_prefix(why, "open database %s", reader->index);
    if (berkeley_open(reader->index, reader->type, DB_RDONLY,
                      cache ? cache : DEFAULT_READ_CACHE, &reader->berkeley, why) < 0)
        return fail_prefix(why, "open database %s", reader->index);
    if (fstat(reader->berkeley.fd, &reader->st) < 0)
        return fail_set(why, "open database %s: %m", reader->index);
    table->owner = reader->st.st_uid;
    mapped_prepare();
    return 0;
}

static int open_index(struct table *table, struct reader *reader, struct fail *why)
{
    int fd = file_open(reader->index, O_RDONLY | O_NOCTTY, 0, NULL), result;

    if (fd < 0)
        return fail_set(why, "open database %s: %m", reader->index);
    reader->try_nul = reader->try_plain = true;
    result = open_locked(table, reader, fd, why);
    close(fd); /* and its lock */
    return result;
}

static int open_reader(struct table *table, DBTYPE type, struct fail *why)
{
    struct reader *reader = ARENA_NEW(table->arena, struct reader);

    table->state = reader;
    reader->type = type;
    reader->index = arena_printf(table->arena, "%s.db", table->path);
    if (open_index(table, reader, why) < 0)
        return -1;
    warn_when_older(table, reader);
    return 0;
}

static int hash_open(struct table *table, struct fail *why)
{
    return open_reader(table, DB_HASH, why);
}

static int btree_open(struct table *table, struct fail *why)
{
    return open_reader(table, DB_BTREE, why);
}

static int lock(struct reader *reader, enum file_lock how, struct fail *why)
{
    int result = file_lock_within(reader->berkeley.fd, how, FILE_LOCK_FLOCK,
                                  ASIDE_LOCK_ATTEMPTS, ASIDE_LOCK_DELAY_MS, why);

    return result > 0 ? fail_set(why, "%s stays locked", reader->index) : result;
}

/* Is what the file holds still what was opened? One that another took the place of is. */
static bool is_as_opened(const struct reader *reader)
{
    struct stat now;

    return fstat(reader->berkeley.fd, &now) == 0 && now.st_size == reader->st.st_size &&
           now.st_mtim.tv_sec == reader->st.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == reader->st.st_mtim.tv_nsec;
}

/*
 * Open it a second time, since it was changed in place: the library keeps pages of it in
 * memory, which make no table together with new ones, and what is there might not be
 * found. Where that fails, in a jail, all stays as it was.
 */
static int open_again(struct table *table, struct reader *reader, struct fail *why)
{
    struct reader again = {.type = reader->type, .index = reader->index};
    struct fail ignored;

    if (reader->cursor)
        return fail_set(why, "%s was changed while it was listed", reader->index);
    if (open_index(table, &again, why) < 0) {
        (void)!berkeley_close(&again.berkeley, &ignored);
        return fail_prefix(why, "it was changed while it was in use");
    }
    (void)!berkeley_close(&reader->berkeley, &ignored);
    *reader = again;
    return 0;
}

static void close_reader(void *context)
{
    struct reader *reader = context;
    struct fail ignored;

    (void)!berkeley_close(&reader->berkeley, &ignored);
}

/* Call read; when pages that the library has mapped are gone, it is closed. */
static int read_file(struct reading *reading, mapped_reader *read, struct fail *why)
{
    struct reader *reader = reading->reader;

    if (mapped_read(NULL, SIZE_MAX, read, reading) == 0)
        return 0;
    (void)!lock(reader, FILE_UNLOCK, why);
    (void)!mapped_read(NULL, SIZE_MAX, close_reader, reader);
    reader->berkeley = (struct berkeley){0};
    reader->cursor = NULL;
    return fail_set(why, "%s was cut short: make it again with postmap", reader->index);
}

static struct str value_of(const DBT *value)
{
    struct str text = str_from(value->data, value->size);

    if (text.n > 0 && text.p[text.n - 1] == '\0')
        text.n--;
    return text;
}

/* Ask for key as it is. 0, DB_NOTFOUND or another error. */
static int get(struct reader *reader, struct str key, DBT *ret_value)
{
    DBT wanted = {.data = (void *)key.p, .size = (u_int32_t)key.n};

    *ret_value = (DBT){0};
    return reader->berkeley.db->get(reader->berkeley.db, NULL, &wanted, ret_value, 0);
}

static void get_both_ways(void *context)
{
    struct reading *reading = context;
    struct reader *reader = reading->reader;
    struct str key = reading->key;

    reading->error = DB_NOTFOUND;
    if (reader->try_nul) {
        reading->error = get(reader, str_from(key.p, key.n + 1), &reading->value);
        if (reading->error == 0)
            reader->try_plain = false;
    }
    if (reading->error == DB_NOTFOUND && reader->try_plain) {
        reading->error = get(reader, key, &reading->value);
        if (reading->error == 0)
            reader->try_nul = false;
    }
}

static void get_next(void *context)
{
    struct reading *reading = context;
    struct reader *reader = reading->reader;
    DB *db = reader->berkeley.db;

    reading->error = 0;
    if (!reader->cursor)
        reading->error = db->cursor(db, NULL, &reader->cursor, 0);
    if (!reading->error)
        reading->error =
            reader->cursor->get(reader->cursor, &reading->found_key, &reading->value,
                                reading->first ? DB_FIRST : DB_NEXT);
}

/* One lookup under a shared lock. *ret_stale = it says nothing. */
static enum table_result look(struct reading *reading, struct arena *arena,
                              struct str *ret_value, bool *ret_stale, struct fail *why)
{
    struct reader *reader = reading->reader;
    enum table_result result = TABLE_NOT_FOUND;

    if (lock(reader, FILE_LOCK_SHARED, why) < 0 ||
        read_file(reading, get_both_ways, why) < 0)
        return TABLE_ERROR;
    if (reading->error == 0)
        result = table_answer(arena, value_of(&reading->value), ret_value);
    else if (!is_as_opened(reader))
        *ret_stale = true;
    else if (reading->error != DB_NOTFOUND)
        result = berkeley_fail(why, reading->error);
    if (lock(reader, FILE_UNLOCK, why) < 0)
        return TABLE_ERROR;
    return result;
}

static enum table_result berkeley_lookup(struct table *table, struct str key,
                                         struct arena *arena, struct str *ret_value,
                                         struct fail *why)
{
    struct reader *reader = table->state;
    struct reading reading = {.reader = reader,
                              .key = str_from(arena_copy_str(arena, key), key.n)};

    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        bool is_stale = !reader->berkeley.db;
        enum table_result result = TABLE_ERROR;

        if (!is_stale)
            result = look(&reading, arena, ret_value, &is_stale, why);
        if (!is_stale)
            return result;
        if (open_again(table, reader, why) < 0)
            return TABLE_ERROR;
    }
    return fail_set(why, "%s changes again and again", reader->index);
}

static enum table_result berkeley_next(struct table *table, bool first,
                                       struct str *ret_key, struct str *ret_value,
                                       struct fail *why)
{
    struct reader *reader = table->state;
    struct reading reading = {.reader = reader, .first = first};

    if (!reader->berkeley.db && open_again(table, reader, why) < 0)
        return TABLE_ERROR;
    if (lock(reader, FILE_LOCK_SHARED, why) < 0 ||
        read_file(&reading, get_next, why) < 0 || lock(reader, FILE_UNLOCK, why) < 0)
        return TABLE_ERROR;
    if (reading.error == DB_NOTFOUND)
        return TABLE_NOT_FOUND;
    if (reading.error)
        return berkeley_fail(why, reading.error);
    *ret_key = value_of(&reading.found_key);
    *ret_value = value_of(&reading.value);
    return TABLE_FOUND;
}

/* By the open file, so that this works in a jail: replaced, rewritten or renamed. */
static bool berkeley_changed(struct table *table)
{
    struct reader *reader = table->state;
    struct stat now;

    if (!reader->berkeley.db || fstat(reader->berkeley.fd, &now) < 0)
        return true;
    return now.st_nlink == 0 || now.st_size != reader->st.st_size ||
           now.st_mtim.tv_sec != reader->st.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != reader->st.st_mtim.tv_nsec ||
           now.st_ctim.tv_sec != reader->st.st_ctim.tv_sec ||
           now.st_ctim.tv_nsec != reader->st.st_ctim.tv_nsec;
}

static void berkeley_done(struct table *table)
{
    struct reader *reader = table->state;
    struct fail ignored;

    if (!reader)
        return;
    if (reader->cursor)
        reader->cursor->close(reader->cursor);
    if (berkeley_close(&reader->berkeley, &ignored) < 0)
        reader->cursor = NULL; /* opened for reading: nothing can be lost */
}

/* They differ in how a file is opened, and made. */
#define BERKELEY_TYPE(type_name)                                                         \
    static const struct table_type table_##type_name = {                                 \
        .name = #type_name,                                                              \
        .traits = TABLE_FIXED | TABLE_INDEXED,                                           \
        .open = type_name##_open,                                                        \
        .lookup = berkeley_lookup,                                                       \
        .next = berkeley_next,                                                           \
        .changed = berkeley_changed,                                                     \
        .close = berkeley_done,                                                          \
        .writer = &berkeley_##type_name##_writer,                                        \
    }

BERKELEY_TYPE(hash);
BERKELEY_TYPE(btree);

TABLE_PLUGIN(&table_hash, &table_btree);
