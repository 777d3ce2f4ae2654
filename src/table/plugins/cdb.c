/*
 * cdb:file - constant databases "file.cdb", as Postfix makes and reads them.
 * They are written once and never changed: an entry more is a new file.
 *
 * The library makes the files. It reads them in mapped memory, where a file that is
 * copied over, or cut short, ends the process that looks; so reading is done here, by
 * pread. The format: 256 pairs (position, slots) of hash tables, records (length of key,
 * length of data, key, data), hash tables of pairs (hash, position of record; 0 = none).
 * Numbers have 32 bits, the lowest byte first.
 */
#include "table/aside.h"
#include "util/file.h"

#include <cdb.h>
#include <fcntl.h>
#include <unistd.h>

enum { TABLES = 256, PAIR = 8, HEAD_BYTES = TABLES * PAIR };
enum { FIRST_READ = 512 }; /* of a record: mostly all of it */
enum { SLOTS_READ = 16 };  /* of a hash table that is half full: mostly enough */

/* --- reading --------------------------------------------------------------------------
 */

struct reader {
    int fd;
    struct stat st;    /* of the file when it was opened */
    const char *index; /* "/etc/aliases.cdb" */
    bool try_nul, try_plain;
    uint32_t next;      /* where table_next goes on ... */
    struct arena *last; /* ... and what it gave */
};

struct pair {
    uint32_t first, second;
};

static struct pair pair_at(const unsigned char *p)
{
    return (struct pair){cdb_unpack(p), cdb_unpack(p + 4)};
}

static int damaged(const struct reader *reader, struct fail *why)
{
    return fail_set(why, "%s is damaged or cut short: make it again with postmap",
                    reader->index);
}

/* Between n and max bytes at pos; how many. */
static ssize_t read_some(const struct reader *reader, uint64_t pos, void *to, size_t n,
                         size_t max, struct fail *why)
{
    ssize_t got = pread(reader->fd, to, max, (off_t)pos);

    if (got < 0)
        return fail_set(why, "read %s: %m", reader->index);
    return (size_t)got < n ? damaged(reader, why) : got;
}

/* A record that may be the one: 1 = it is, with its value; 0, -1. */
static int take_record(const struct reader *reader, uint32_t pos, struct str key,
                       struct arena *arena, struct str *ret, struct fail *why)
{
    unsigned char head[FIRST_READ];
    ssize_t got = read_some(reader, pos, head, PAIR, sizeof(head), why);
    struct pair lengths;
    size_t n, start;
    char *record;

    if (got < 0)
        return -1;
    lengths = pair_at(head);
    if (lengths.first != key.n)
        return 0;
    n = PAIR + (size_t)lengths.first + lengths.second;
    if ((uint64_t)reader->st.st_size < pos + (uint64_t)n)
        return damaged(reader, why);
    record = arena_alloc(arena, n + 1);
    start = (size_t)got < n ? (size_t)got : n;
    memcpy(record, head, start);
    if (start < n && read_some(reader, pos + (uint64_t)start, record + start, n - start,
                               n - start, why) < 0)
        return -1;
    if (memcmp(record + PAIR, key.p, key.n) != 0)
        return 0;
    record[n] = '\0';
    *ret = str_from(record + PAIR + key.n, lengths.second);
    return 1;
}

/* A hash table, and those of its slots that were read last. */
struct slots {
    uint32_t pos, n;
    uint32_t from, held;
    unsigned char bytes[SLOTS_READ * PAIR];
};

static int find_slots(const struct reader *reader, uint32_t hash, struct slots *ret,
                      struct fail *why)
{
    struct pair table;

    if (read_some(reader, (uint64_t)(hash % TABLES) * PAIR, ret->bytes, PAIR, PAIR, why) <
        0)
        return -1;
    table = pair_at(ret->bytes);
    ret->pos = table.first;
    ret->n = table.second;
    ret->from = ret->held = 0;
    return 0;
}

static int read_slot(const struct reader *reader, struct slots *slots, uint32_t number,
                     struct pair *ret, struct fail *why)
{
    if (number < slots->from || number - slots->from >= slots->held) {
        uint32_t left = slots->n - number;
        size_t n;

        slots->from = number;
        slots->held = left < SLOTS_READ ? left : SLOTS_READ;
        n = (size_t)slots->held * PAIR;
        if (read_some(reader, slots->pos + (uint64_t)number * PAIR, slots->bytes, n, n,
                      why) < 0)
            return -1;
    }
    *ret = pair_at(slots->bytes + (size_t)(number - slots->from) * PAIR);
    return 0;
}

/* Ask for key as it is: 1 = found, 0, -1. */
static int find(const struct reader *reader, struct str key, struct arena *arena,
                struct str *ret, struct fail *why)
{
    uint32_t hash = cdb_hash(key.p, (unsigned)key.n);
    struct slots slots;
    struct pair slot;
    int found = 0;

    if (find_slots(reader, hash, &slots, why) < 0)
        return -1;
    for (uint64_t i = 0; i < slots.n && found == 0; i++) {
        uint32_t number = (uint32_t)((hash / TABLES + i) % slots.n);

        if (read_slot(reader, &slots, number, &slot, why) < 0)
            return -1;
        if (slot.second == 0)
            break;
        if (slot.first == hash)
            found = take_record(reader, slot.second, key, arena, ret, why);
    }
    return found;
}

/* Without NUL first: that is how they are made. */
static int find_both_ways(struct reader *reader, struct str key, struct arena *arena,
                          struct str *ret, struct fail *why)
{
    int found = 0;

    if (reader->try_plain) {
        found = find(reader, key, arena, ret, why);
        if (found > 0)
            reader->try_nul = false;
    }
    if (found == 0 && reader->try_nul) {
        found = find(reader, str_from(key.p, key.n + 1), arena, ret, why);
        if (found > 0)
            reader->try_plain = false;
    }
    return found;
}

static struct str without_nul(struct str text)
{
    if (text.n > 0 && text.p[text.n - 1] == '\0')
        text.n--;
    return text;
}

static enum table_result cdb_lookup(struct table *table, struct str key,
                                    struct arena *arena, struct str *ret_value,
                                    struct fail *why)
{
    int found;

    key = str_from(arena_copy_str(arena, key), key.n);
    found = find_both_ways(table->state, key, arena, ret_value, why);
    if (found <= 0)
        return found < 0 ? TABLE_ERROR : TABLE_NOT_FOUND;
    *ret_value = without_nul(*ret_value);
    return TABLE_FOUND;
}

/* Records end where the first hash table begins. */
static enum table_result cdb_next(struct table *table, bool first, struct str *ret_key,
                                  struct str *ret_value, struct fail *why)
{
    struct reader *reader = table->state;
    unsigned char bytes[PAIR];
    struct pair lengths;
    uint64_t n, end;
    char *record;

    if (read_some(reader, 0, bytes, PAIR, PAIR, why) < 0)
        return TABLE_ERROR;
    end = pair_at(bytes).first;
    if (first)
        reader->next = HEAD_BYTES;
    if (reader->next >= end)
        return TABLE_NOT_FOUND;
    if (read_some(reader, reader->next, bytes, PAIR, PAIR, why) < 0)
        return TABLE_ERROR;
    lengths = pair_at(bytes);
    n = (uint64_t)lengths.first + lengths.second;
    if (reader->next + PAIR + n > end || end > (uint64_t)reader->st.st_size)
        return damaged(reader, why);
    arena_reset(reader->last);
    record = arena_alloc(reader->last, n + 1);
    if (n > 0 && read_some(reader, reader->next + PAIR, record, n, n, why) < 0)
        return TABLE_ERROR;
    reader->next += PAIR + (uint32_t)n;
    *ret_key = without_nul(str_from(record, lengths.first));
    *ret_value = without_nul(str_from(record + lengths.first, lengths.second));
    return TABLE_FOUND;
}

static void cdb_done(struct table *table)
{
    struct reader *reader = table->state;

    if (!reader)
        return;
    if (reader->fd >= 0)
        close(reader->fd);
    arena_free(reader->last);
}

static int cdb_open(struct table *table, struct fail *why)
{
    struct reader *reader = ARENA_NEW(table->arena, struct reader);
    struct stat source;

    table->state = reader;
    reader->try_nul = reader->try_plain = true;
    reader->last = arena_new("cdb entry");
    reader->index = arena_printf(table->arena, "%s.cdb", table->path);
    reader->fd = file_open(reader->index, O_RDONLY | O_NOCTTY, 0, NULL);
    if (reader->fd < 0 || fstat(reader->fd, &reader->st) < 0)
        return fail_set(why, "open database %s: %m", reader->index);
    if (reader->st.st_size < HEAD_BYTES)
        return damaged(reader, why);
    table->owner = reader->st.st_uid;
    if (stat(table->path, &source) == 0 && source.st_mtime > reader->st.st_mtime)
        table_warn(table, "database %s is older than source file %s", reader->index,
                   table->path);
    return 0;
}

/* Replaced, or (not by us) rewritten; by the open file, so that this works in a jail. */
static bool cdb_changed(struct table *table)
{
    const struct reader *reader = table->state;
    struct stat now;

    return fstat(reader->fd, &now) < 0 || now.st_nlink == 0 ||
           now.st_size != reader->st.st_size ||
           now.st_mtim.tv_sec != reader->st.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != reader->st.st_mtim.tv_nsec;
}

/* --- writing --------------------------------------------------------------------------
 */

struct editor {
    struct aside aside;
    struct cdb_make make;
    bool is_open; /* make holds memory */
};

static int cdb_writer_open(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = ARENA_NEW(writer->arena, struct editor);

    writer->state = editor;
    if (writer->options.mode == TABLE_CHANGE)
        return fail_set(why,
                        "%s: a cdb table is made anew as a whole, its entries can't be "
                        "changed",
                        writer->path);
    if (aside_open(writer, ASIDE_IN_PLACE, &editor->aside, why) < 0) {
        aside_forget(&editor->aside);
        return -1;
    }
    if (!aside_is_new(&editor->aside)) {
        aside_forget(&editor->aside);
        return fail_set(why, "open database %s: its directory may not be written",
                        writer->path);
    }
    if (cdb_make_start(&editor->make, editor->aside.fd) < 0) {
        fail_set(why, "%s: %m", writer->path);
        aside_forget(&editor->aside);
        return -1;
    }
    editor->is_open = true;
    return 0;
}

static int cdb_put(struct table_writer *writer, struct str key, struct str value,
                   struct fail *why)
{
    struct editor *editor = writer->state;
    unsigned nul = writer->options.with_nul == 1 ? 1 : 0; /* compat: none by habit */
    enum cdb_put_mode mode =
        writer->options.duplicate == TABLE_REPLACE ? CDB_PUT_REPLACE : CDB_PUT_INSERT;
    int found = cdb_make_put(&editor->make, key.p, (unsigned)key.n + nul, value.p,
                             (unsigned)value.n + nul, mode);

    return found < 0 ? fail_set(why, "%m") : found;
}

static int cdb_erase(struct table_writer *writer, struct str key, struct fail *why)
{
    (void)key;
    return fail_set(why, "%s: delete operation is not supported", writer->path);
}

static int cdb_finish(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = writer->state;
    int result = cdb_make_finish(&editor->make) < 0 ? fail_set(why, "%m") : 0;

    if (result == 0)
        result = aside_finish(writer, &editor->aside, why);
    aside_forget(&editor->aside);
    return result;
}

static void cdb_abort(struct table_writer *writer)
{
    struct editor *editor = writer->state;

    (void)cdb_make_finish(&editor->make); /* the only way to its memory */
    aside_forget(&editor->aside);
}

static const struct table_writer_type cdb_writer = {
    .suffix = ".cdb",
    .label = {"", ""},
    .open = cdb_writer_open,
    .put = cdb_put,
    .erase = cdb_erase,
    .finish = cdb_finish,
    .abort = cdb_abort,
};

static const struct table_type table_cdb = {
    .name = "cdb",
    .traits = TABLE_FIXED | TABLE_INDEXED,
    .open = cdb_open,
    .lookup = cdb_lookup,
    .next = cdb_next,
    .changed = cdb_changed,
    .close = cdb_done,
    .writer = &cdb_writer,
};

TABLE_PLUGIN(&table_cdb);
