/*
 * socketmap:inet:host:port:name and socketmap:unix:path:name - a server that is asked
 * "name key" in a netstring, and answers in one, socketmap_table(5).
 *
 * The whole key is asked once, as it is.
 */
#include "table/peer.h"
#include "table/replies.h"
#include "table/type.h"
#include "table/types.h"

enum { TIMEOUT_MS = 100 * 1000, LENGTH_DIGITS = 9 };
enum { DEFAULT_QUERY_MAX = 10000, DEFAULT_REPLY_MAX = 100000 };

struct socketmap {
    struct peer *peer;
    const char *name;
};

int netstring_read(struct stream *stream, size_t max, struct arena *arena,
                   struct str *ret, struct fail *why)
{
    enum stream_result result;
    char digits[LENGTH_DIGITS + 1], end, *text;
    unsigned long long n;
    size_t i = 0;

    do
        result = stream_read(stream, &digits[i], 1);
    while (result == STREAM_OK && digits[i] != ':' && ++i < sizeof(digits));
    if (result != STREAM_OK)
        return peer_failed(stream, result, why);
    if (i == sizeof(digits) || !str_number(str_from(digits, i), SIZE_MAX, &n))
        return fail_set(why, "the answer is not a netstring");
    if (n > max)
        return fail_set(why, "the answer has %llu bytes, more than %zu", n, max);
    text = arena_alloc(arena, (size_t)n + 1);
    result = stream_read(stream, text, (size_t)n);
    if (result == STREAM_OK)
        result = stream_read(stream, &end, 1);
    if (result != STREAM_OK)
        return peer_failed(stream, result, why);
    if (end != ',')
        return fail_set(why, "the answer is not a netstring");
    *ret = str_from(text, (size_t)n);
    return 0;
}

enum table_result socketmap_reply(struct str reply, struct arena *arena,
                                  struct str *ret_value, struct fail *why)
{
    static const struct {
        const char *status, *words;
    } errors[] = {{"TEMP", "temporary"}, {"TIMEOUT", "timeout"}, {"PERM", "permanent"}};
    struct str text = reply;
    struct str status = str_until(&text, ' ');

    if (str_find(reply, '\0') < reply.n)
        return fail_set(why, "the answer holds a NUL byte");
    if (str_is(status, "OK"))
        return table_answer(arena, text, ret_value);
    if (str_is(status, "NOTFOUND"))
        return TABLE_NOT_FOUND;
    for (size_t i = 0; i < COUNT(errors); i++)
        if (str_is(status, errors[i].status))
            return fail_set(why, "socketmap server %s error: %.*s", errors[i].words,
                            STR_ARG(text));
    return fail_set(why, "socketmap server unknown answer: %.100s",
                    arena_copy_str(arena, reply));
}

struct question {
    const struct socketmap *map;
    struct str key;
    size_t reply_max;
    struct arena *arena;
    struct str reply;
};

static int exchange(struct stream *stream, void *context, struct fail *why)
{
    struct question *question = context;
    size_t name_n = strlen(question->map->name);
    enum stream_result result;

    stream_purge_input(stream);
    stream_printf(stream, "%zu:%s ", name_n + 1 + question->key.n, question->map->name);
    stream_write_str(stream, question->key);
    stream_write_text(stream, ",");
    result = stream_flush(stream);
    if (result != STREAM_OK)
        return peer_failed(stream, result, why);
    return netstring_read(stream, question->reply_max, question->arena, &question->reply,
                          why);
}

/* "inet:host:port:name" -> the endpoint before the last colon, the name behind it */
static int socketmap_open(struct table *table, struct fail *why)
{
    struct str path = str_of(table->path);
    size_t colon = str_find_last(path, ':');
    struct str endpoint = str_head(path, colon);
    struct socketmap *map = ARENA_NEW(table->arena, struct socketmap);

    if (peer_check(table, why) < 0)
        return -1;
    if (colon == path.n)
        return fail_set(why, "socketmap requires server:socketmap argument");
    if (!str_starts(endpoint, "inet:") && !str_starts(endpoint, "unix:"))
        return fail_set(why,
                        "need inet:host:port:name or unix:path:name instead of \"%s\"",
                        table->path);
    map->name = table->path + colon + 1;
    map->peer = table_peer(table, arena_copy_str(table->arena, endpoint), TIMEOUT_MS);
    table->state = map;
    return 0;
}

static enum table_result socketmap_lookup(struct table *table, struct str key,
                                          struct arena *arena, struct str *ret_value,
                                          struct fail *why)
{
    const struct socketmap *map = table->state;
    size_t query_max = table_options(table)->socketmap_query_max;
    size_t reply_max = table_options(table)->socketmap_reply_max;
    struct question question = {.map = map,
                                .key = key,
                                .reply_max = reply_max ? reply_max : DEFAULT_REPLY_MAX,
                                .arena = arena};

    if (strlen(map->name) + 1 + key.n > (query_max ? query_max : DEFAULT_QUERY_MAX))
        return TABLE_NOT_FOUND;
    if (peer_ask(map->peer, exchange, &question, why) < 0)
        return TABLE_ERROR;
    return socketmap_reply(question.reply, arena, ret_value, why);
}

const struct table_type table_socketmap = {
    .name = "socketmap",
    .open = socketmap_open,
    .lookup = socketmap_lookup,
};
