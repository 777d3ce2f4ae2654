/*
 * memcache:file - values that others have put into memcached, or, with a table behind it
 * (backup), a cache in front of that table, memcache_table(5).
 *
 * The protocol has words and lines, so a key with a blank or a control character cannot
 * be there: it is not asked for. The server gives nothing up when it is away as long as
 * there is a backup; without one that is an error.
 */
#include "table/expansion.h"
#include "table/parameters.h"
#include "table/peer.h"
#include "table/replies.h"
#include "table/type.h"
#include "table/types.h"

enum { KEY_MAX = 250, KEY_ROOM = 4096 };
enum {
    DEFAULT_DATA = 10240,
    DEFAULT_LINE = 1024,
    DEFAULT_TIMEOUT = 2,
    DEFAULT_TTL = 3600
};

struct memcache {
    struct peer *peer;
    struct table *backup;    /* NULL = none */
    const char *backup_name; /* "" = none */
    const char *key_format;
    struct database_rules rules; /* only domain is used */
    int flags, ttl, data_max, line_max;
};

static int read_line(struct stream *stream, size_t max, struct str *ret, struct fail *why)
{
    enum stream_result result = stream_read_line(stream, max, ret, NULL);

    return result == STREAM_OK ? 0 : peer_failed(stream, result, why);
}

/* "VALUE key flags bytes": the length of what follows, -1 when it is not that. */
static int parse_head(struct str line, struct str key, size_t data_max, size_t *ret,
                      struct arena *arena, struct fail *why)
{
    struct str rest = line, word = str_until(&rest, ' ');
    struct str name = str_until(&rest, ' '), flags = str_until(&rest, ' ');
    unsigned long long number, n;

    if (!str_is(word, "VALUE") || !str_eq(name, key) ||
        !str_number(flags, UINT32_MAX, &number) ||
        !str_number(str_until(&rest, ' '), SIZE_MAX, &n))
        return fail_set(why, "unexpected answer: %.100s", arena_copy_str(arena, line));
    if (n > data_max)
        return fail_set(why, "the value has %llu bytes, more than %zu", n, data_max);
    *ret = (size_t)n;
    return 0;
}

int memcache_read(struct stream *stream, struct str key,
                  const struct memcache_limits *limits, struct arena *arena,
                  struct str *ret, struct fail *why)
{
    enum stream_result result;
    struct str line;
    size_t n = 0;
    char *data;

    if (read_line(stream, limits->line, &line, why) < 0)
        return -1;
    if (str_is(line, "END"))
        return 0;
    if (parse_head(line, key, limits->data, &n, arena, why) < 0)
        return -1;
    data = arena_alloc(arena, n + strlen("\r\n"));
    result = stream_read(stream, data, n + strlen("\r\n"));
    if (result != STREAM_OK)
        return peer_failed(stream, result, why);
    if (read_line(stream, limits->line, &line, why) < 0)
        return -1;
    if (memcmp(data + n, "\r\n", 2) != 0 || !str_is(line, "END") || memchr(data, '\0', n))
        return fail_set(why, "the value does not end where it should");
    *ret = str_from(data, n);
    return 1;
}

/* --- questions -----------------------------------------------------------------------
 */

struct question {
    const struct memcache *memcache;
    struct str key, value;
    struct arena *arena;
    int found;
};

static int get(struct stream *stream, void *context, struct fail *why)
{
    struct question *question = context;
    struct memcache_limits limits = {.line = (size_t)question->memcache->line_max,
                                     .data = (size_t)question->memcache->data_max};
    enum stream_result result;

    stream_printf(stream, "get %.*s\r\n", STR_ARG(question->key));
    result = stream_flush(stream);
    if (result != STREAM_OK)
        return peer_failed(stream, result, why);
    question->found = memcache_read(stream, question->key, &limits, question->arena,
                                    &question->value, why);
    return question->found < 0 ? -1 : 0;
}

/* Send a change that is written, and take the answer: found = it is the good one;
 * "NOT_FOUND" and the like are not, and anything else is an error. */
static int take_word(struct stream *stream, struct question *question, const char *good,
                     struct fail *why)
{
    enum stream_result result = stream_flush(stream);
    struct str line;

    if (result != STREAM_OK)
        return peer_failed(stream, result, why);
    if (read_line(stream, (size_t)question->memcache->line_max, &line, why) < 0)
        return -1;
    question->found = str_is(line, good);
    if (question->found || str_starts(line, "NOT_"))
        return 0;
    return fail_set(why, "unexpected answer: %.100s",
                    arena_copy_str(question->arena, line));
}

static int put(struct stream *stream, const char *command, struct question *question,
               struct fail *why)
{
    stream_printf(stream, "%s %.*s %d %d %zu\r\n", command, STR_ARG(question->key),
                  question->memcache->flags, question->memcache->ttl, question->value.n);
    stream_write_str(stream, question->value);
    stream_write_text(stream, "\r\n");
    return take_word(stream, question, "STORED", why);
}

static int set(struct stream *stream, void *context, struct fail *why)
{
    return put(stream, "set", context, why);
}

/* Unless it is there. */
static int add(struct stream *stream, void *context, struct fail *why)
{
    return put(stream, "add", context, why);
}

static int erase(struct stream *stream, void *context, struct fail *why)
{
    struct question *question = context;

    stream_printf(stream, "delete %.*s\r\n", STR_ARG(question->key));
    return take_word(stream, question, "DELETED", why);
}

/* The key as the server knows it; NOT_FOUND when there can be none. */
static enum table_result server_key(const struct memcache *memcache, struct str key,
                                    struct arena *arena, struct str *ret,
                                    struct fail *why)
{
    struct expansion expansion = {.template = memcache->key_format, .key = key};
    enum table_result result = TABLE_NOT_FOUND;
    struct buf out;

    if (key.n > KEY_MAX)
        return TABLE_NOT_FOUND;
    buf_init(&out, KEY_ROOM);
    result = expansion_make(&expansion, &out, why);
    if (result == TABLE_FOUND)
        *ret = str_from(arena_copy_str(arena, buf_str(&out)), out.n);
    buf_done(&out);
    if (result != TABLE_FOUND)
        return result;
    for (size_t i = 0; i < ret->n; i++)
        if ((unsigned char)ret->p[i] <= ' ' || ret->p[i] == 127)
            return TABLE_NOT_FOUND;
    return ret->n <= KEY_MAX ? TABLE_FOUND : TABLE_NOT_FOUND;
}

/* What the table behind has, which is put in front for the next time. */
static enum table_result ask_backup(const struct memcache *memcache, struct str key,
                                    struct question *question, struct fail *why)
{
    enum table_result result =
        table_lookup(memcache->backup, key, question->arena, &question->value, why);
    struct fail unused;

    if (result == TABLE_FOUND && question->key.n > 0 &&
        question->value.n <= (size_t)memcache->data_max)
        (void)!peer_ask(memcache->peer, set, question, &unused);
    return result;
}

static enum table_result memcache_lookup(struct table *table, struct str key,
                                         struct arena *arena, struct str *ret_value,
                                         struct fail *why)
{
    const struct memcache *memcache = table->state;
    struct question question = {.memcache = memcache, .arena = arena};
    enum table_result result = database_wants(&memcache->rules, key, why);

    if (result != TABLE_FOUND)
        return result;
    result = server_key(memcache, key, arena, &question.key, why);
    if (result == TABLE_NOT_FOUND)
        question.key = STR_NONE;
    if (result == TABLE_FOUND) {
        if (peer_ask(memcache->peer, get, &question, why) < 0)
            result = TABLE_ERROR;
        else
            result = question.found ? TABLE_FOUND : TABLE_NOT_FOUND;
    }
    if (result != TABLE_FOUND && memcache->backup)
        result = ask_backup(memcache, key, &question, why);
    return result == TABLE_FOUND ? table_answer(arena, question.value, ret_value)
                                 : result;
}

static enum table_result memcache_next(struct table *table, bool first,
                                       struct str *ret_key, struct str *ret_value,
                                       struct fail *why)
{
    const struct memcache *memcache = table->state;

    if (!memcache->backup)
        return fail_set(why, "only a backup can be listed");
    return table_next(memcache->backup, first, ret_key, ret_value, why);
}

/* --- parameters ----------------------------------------------------------------------
 */

static int read_parameters(struct memcache *memcache,
                           const struct table_parameters *parameters, int *ret_timeout,
                           struct fail *why)
{
    const struct {
        int *value;
        const char *name;
        int otherwise, min;
    } numbers[] = {
        {&memcache->flags, "flags", 0, 0},
        {&memcache->ttl, "ttl", DEFAULT_TTL, 0},
        {&memcache->data_max, "data_size_limit", DEFAULT_DATA, 1},
        {&memcache->line_max, "line_size_limit", DEFAULT_LINE, KEY_MAX + 50},
        {ret_timeout, "timeout", DEFAULT_TIMEOUT, 1},
    };

    for (size_t i = 0; i < COUNT(numbers); i++) {
        if (table_number(parameters, numbers[i].name, numbers[i].otherwise,
                         numbers[i].value, why) < 0)
            return -1;
        if (*numbers[i].value < numbers[i].min)
            return fail_set(why, "%s must be at least %d", numbers[i].name,
                            numbers[i].min);
    }
    if (*table_text(parameters, "key_digest", ""))
        return fail_set(why, "key_digest is not supported");
    memcache->key_format = table_text(parameters, "key_format", "%s");
    return expansion_check(memcache->key_format, "key_format", why);
}

static int memcache_open(struct table *table, struct fail *why)
{
    struct memcache *memcache = ARENA_NEW(table->arena, struct memcache);
    const struct table_parameters *parameters = table_parameters_open(table, why);
    int timeout;

    if (!parameters || read_parameters(memcache, parameters, &timeout, why) < 0 ||
        database_rules_open(&memcache->rules, table, parameters, why) < 0)
        return -1;
    memcache->backup_name = table_text(parameters, "backup", "");
    if (*memcache->backup_name)
        memcache->backup = table_open(table->tables, memcache->backup_name, table->flags);
    memcache->peer =
        table_peer(table, table_text(parameters, "memcache", "inet:localhost:11211"),
                   timeout * 1000L);
    table->state = memcache;
    return 0;
}

/* --- changes -------------------------------------------------------------------------
 *
 * The table behind is changed first: it is what holds when memcached has forgotten.
 */

struct editor {
    struct tables *tables; /* with the memcache table alone, and the one behind it */
    const struct memcache *memcache;
    struct table_writer *backup; /* NULL = none */
};

static void writer_abort(struct table_writer *writer)
{
    struct editor *editor = writer->state;

    table_writer_abort(editor->backup);
    tables_free(editor->tables);
}

static int writer_open(struct table_writer *writer, struct fail *why)
{
    struct editor *editor = ARENA_NEW(writer->arena, struct editor);
    struct tables_options options = {.places = writer->options.places,
                                     .smtputf8 = writer->options.smtputf8,
                                     .conf = writer->options.conf};
    const struct table *table;

    writer->state = editor;
    if (writer->options.mode != TABLE_CHANGE)
        return fail_set(why, "unsupported dictionary type: memcache does not support "
                             "bulk-mode creation.");
    editor->tables = tables_new_with(&options);
    table = table_open(editor->tables,
                       arena_printf(writer->arena, "memcache:%s", writer->name), 0);
    editor->memcache = table->state;
    if (!table_failure(table) &&
        (!editor->memcache->backup ||
         table_writer_open(editor->memcache->backup_name, &writer->options,
                           &editor->backup, why) == 0))
        return 0;
    if (table_failure(table))
        fail_set(why, "%s", table_failure(table));
    writer_abort(writer);
    return -1;
}

/* Have memcached do what exchange asks for: 1, 0 or -1. A key that it cannot have is no
 * failure when there is a table behind it. */
static int change(struct table_writer *writer, struct str key, struct str value,
                  peer_exchange *exchange, struct fail *why)
{
    const struct editor *editor = writer->state;
    const struct memcache *memcache = editor->memcache;
    struct question question = {
        .memcache = memcache, .arena = writer->scratch, .value = value};
    enum table_result result = database_wants(&memcache->rules, key, why);

    if (result == TABLE_FOUND)
        result = server_key(memcache, key, writer->scratch, &question.key, why);
    if (result == TABLE_NOT_FOUND && (editor->backup || exchange == erase))
        return 0;
    if (result == TABLE_NOT_FOUND)
        return fail_set(why, "key \"%.100s\": memcached cannot have it", key.p);
    if (result == TABLE_ERROR || peer_ask(memcache->peer, exchange, &question, why) < 0)
        return -1;
    return question.found;
}

static int writer_put(struct table_writer *writer, struct str key, struct str value,
                      struct fail *why)
{
    const struct editor *editor = writer->state;
    bool keep = writer->options.duplicate == TABLE_KEEP;
    int had = 0, stored;

    if (editor->backup) {
        had = table_writer_put_as_is(editor->backup, key, value, why);
        if (had < 0 || (had > 0 && keep))
            return had;
        keep = false;
    }
    stored = change(writer, key, value, keep ? add : set, why);
    return stored < 0 ? -1 : had || (keep && stored == 0);
}

static int writer_erase(struct table_writer *writer, struct str key, struct fail *why)
{
    const struct editor *editor = writer->state;
    int behind = editor->backup ? table_writer_delete(editor->backup, key, why) : 0;
    int before = behind < 0 ? -1 : change(writer, key, STR_NONE, erase, why);

    return before < 0 ? -1 : behind || before;
}

static int writer_finish(struct table_writer *writer, struct fail *why)
{
    const struct editor *editor = writer->state;
    int result = editor->backup ? table_writer_finish(editor->backup, why) : 0;

    tables_free(editor->tables);
    return result;
}

static const struct table_writer_type memcache_writer = {
    .suffix = "",
    .label = {"memcache:", ""},
    .open = writer_open,
    .put = writer_put,
    .erase = writer_erase,
    .finish = writer_finish,
    .abort = writer_abort,
};

const struct table_type table_memcache = {
    .name = "memcache",
    .traits = TABLE_FIXED,
    .open = memcache_open,
    .lookup = memcache_lookup,
    .next = memcache_next,
    .writer = &memcache_writer,
};
