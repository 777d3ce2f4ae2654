/*
 * Writing Berkeley DB files. A new table is built in "file.db.PID.tmp" beside
 * the old one, synced and renamed over it: readers, Postfix's as well as ours,
 * have the old file whole until they notice that it has no name any more, and
 * need not wait for us.
 *
 * Single entries change in place under an exclusive flock, and so does the whole
 * index where we may write it but not its directory (a user's own table in
 * /etc/postfix).
 */
#include "table/plugins/berkeley/berkeley.h"

#include "table/type.h"
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct editor {
    struct berkeley berkeley;
    int lock_fd;           /* open on the index when it changes in place; else -1 */
    const char *temporary; /* NULL = written in place */
    int temporary_fd;      /* -1 = written in place */
};

enum { DEFAULT_CREATE_CACHE = 16 << 20, CREATE_ATTEMPTS = 10 };

static int berkeley_words(struct fail *why, int error)
{
    if (error > 0) {
        errno = error;
        return fail_set(why, "%m");
    }
    return fail_set(why, "%s", db_strerror(error));
}

static int lock_exclusive(int fd, struct fail *why)
{
    int locked = file_lock_within(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK,
                                  BERKELEY_LOCK_ATTEMPTS, BERKELEY_LOCK_DELAY_MS, why);

    return locked > 0 ? fail_set(why, "it stays locked by another process") : locked;
}

/* Is fd still the file at path? */
static bool is_current(int fd, const char *path)
{
    struct stat open_one, named;

    return fstat(fd, &open_one) == 0 && stat(path, &named) == 0 &&
           open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

/* Open and lock the index that exists, whichever has the name once we hold the lock. */
static int lock_index(struct table_writer *writer, struct editor *editor,
                      struct fail *why)
{
    for (int i = 0; i < CREATE_ATTEMPTS; i++) {
        editor->lock_fd = open(writer->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (editor->lock_fd < 0)
            return fail_set(why, "open database %s: %m", writer->path);
        if (lock_exclusive(editor->lock_fd, why) < 0)
            return fail_prefix(why, "lock %s", writer->path);
        if (is_current(editor->lock_fd, writer->path))
            return 0;
        close(editor->lock_fd);
        editor->lock_fd = -1;
    }
    return fail_set(why, "open database %s: it changes again and again", writer->path);
}

static void forget(struct editor *editor)
{
    if (editor->temporary)
        unlink(editor->temporary);
    if (editor->lock_fd >= 0)
        close(editor->lock_fd);
    if (editor->temporary_fd >= 0)
        close(editor->temporary_fd);
    editor->lock_fd = editor->temporary_fd = -1;
    editor->temporary = NULL;
}

/* Make the empty file that is to be filled. 1 = we may not, 0 = made. */
static int make_temporary(struct table_writer *writer, struct editor *editor,
                          struct fail *why)
{
    const char *name =
        arena_printf(writer->arena, "%s.%ld.tmp", writer->path, (long)getpid());
    int fd, error;

    unlink(name); /* left by a crash of a process with our number */
    fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
              writer->options.file_mode);
    error = errno;
    if (fd < 0 && (error == EACCES || error == EPERM) &&
        euidaccess(writer->path, W_OK) == 0)
        return 1;
    errno = error;
    if (fd < 0)
        return fail_set(why, "open database %s: %m", writer->path);
    editor->temporary = name;
    editor->temporary_fd = fd;
    if (fchmod(fd, writer->options.file_mode) < 0)
        return fail_set(why, "set the mode of %s: %m", name);
    return 0;
}

/*
 * The library opens by name. In a directory of somebody else that name could be
 * another file by then, so it gets a name for what we have open.
 */
static const char *name_to_open(struct table_writer *writer, const struct editor *editor)
{
    const char *safe;

    if (editor->temporary == NULL)
        return writer->path;
    safe = arena_printf(writer->arena, "/proc/self/fd/%d", editor->temporary_fd);
    return access(safe, F_OK) == 0 ? safe : editor->temporary;
}

/* Decide where to write: in place under a lock, or aside. */
static int open_files(struct table_writer *writer, struct editor *editor, DBTYPE type,
                      struct fail *why)
{
    size_t cache = writer->options.cache ? writer->options.cache : DEFAULT_CREATE_CACHE;
    bool create = writer->options.mode == TABLE_CREATE ||
                  (!writer->options.must_exist && euidaccess(writer->path, F_OK) < 0);
    int in_place = create ? make_temporary(writer, editor, why) : 1;

    if (in_place < 0 || (in_place && lock_index(writer, editor, why) < 0))
        return -1;
    if (berkeley_open(name_to_open(writer, editor), type,
                      create ? DB_CREATE | DB_TRUNCATE : 0, cache, &editor->berkeley,
                      why) < 0)
        return fail_prefix(why, "open database %s", writer->path);
    return 0;
}

static int open_editor(struct table_writer *writer, DBTYPE type, struct fail *why)
{
    struct editor *editor = ARENA_NEW(writer->arena, struct editor);

    editor->lock_fd = editor->temporary_fd = -1;
    writer->state = editor;
    if (open_files(writer, editor, type, why) < 0) {
        forget(editor);
        return -1;
    }
    return 0;
}

static int hash_open(struct table_writer *writer, struct fail *why)
{
    return open_editor(writer, DB_HASH, why);
}

static int btree_open(struct table_writer *writer, struct fail *why)
{
    return open_editor(writer, DB_BTREE, why);
}

/* text is NUL-terminated; its NUL is stored too unless -n was given. */
static DBT thing(const struct table_writer *writer, struct str text)
{
    return (DBT){.data = (void *)text.p,
                 .size = (u_int32_t)(text.n + (writer->options.with_nul != 0 ? 1 : 0))};
}

static int put(struct table_writer *writer, struct str key, struct str value,
               struct fail *why)
{
    struct editor *editor = writer->state;
    DB *db = editor->berkeley.db;
    DBT k = thing(writer, key), v = thing(writer, value);
    int error = db->put(db, NULL, &k, &v, DB_NOOVERWRITE);
    bool duplicate = error == DB_KEYEXIST;

    if (duplicate)
        error =
            writer->options.duplicate == TABLE_REPLACE ? db->put(db, NULL, &k, &v, 0) : 0;
    if (error)
        return berkeley_words(why, error);
    return duplicate;
}

static int erase(struct table_writer *writer, struct str key, struct fail *why)
{
    struct editor *editor = writer->state;
    DB *db = editor->berkeley.db;
    DBT with_nul = {.data = (void *)key.p, .size = (u_int32_t)key.n + 1};
    DBT plain = {.data = (void *)key.p, .size = (u_int32_t)key.n};
    int error = DB_NOTFOUND;

    if (writer->options.with_nul != 0)
        error = db->del(db, NULL, &with_nul, 0);
    if (error == DB_NOTFOUND && writer->options.with_nul != 1)
        error = db->del(db, NULL, &plain, 0);
    if (error && error != DB_NOTFOUND)
        return berkeley_words(why, error);
    return error == 0;
}

/* What was built gets its place. */
static int finish(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = writer->state;
    int error = editor->berkeley.db->sync(editor->berkeley.db, 0);
    int result = error ? berkeley_words(why, error) : 0;
    struct fail closing;

    if (berkeley_close(&editor->berkeley, &closing) < 0 && result == 0)
        result = fail_set(why, "%s", closing.text);
    if (result == 0 && editor->temporary) {
        if (rename(editor->temporary, writer->path) < 0)
            result = fail_set(why, "rename to %s: %m", writer->path);
        else
            result = file_sync_parent(writer->path, why);
        if (result == 0)
            editor->temporary = NULL;
    }
    forget(editor);
    return result;
}

static void give_up(struct table_writer *writer)
{
    struct editor *editor = writer->state;
    struct fail ignored;

    if (berkeley_close(&editor->berkeley, &ignored) < 0)
        editor->berkeley = (struct berkeley){0};
    forget(editor);
}

const struct table_writer_type berkeley_hash_writer = {".db", hash_open, put,
                                                       erase, finish,    give_up};
const struct table_writer_type berkeley_btree_writer = {".db", btree_open, put,
                                                        erase, finish,     give_up};
