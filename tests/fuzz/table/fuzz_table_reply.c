/* Answers of hostile servers behind tcp:, socketmap: and memcache: tables. The first byte
 * chooses.
 */
#include "fuzz.h"

#include "table/replies.h"
#include "util/stream.h"

enum { REPLY_MAX = 1000 };

static void read_line(struct str input, struct arena *arena)
{
    struct str value = STR_NONE;
    struct fail why;
    enum table_result result = tcp_reply(input, arena, &value, &why);

    HOLDS(result == TABLE_FOUND || value.p == NULL);
    if (result == TABLE_FOUND) {
        struct str again = tcp_encode(value, arena), back;
        const char *line = arena_printf(arena, "200 %.*s", STR_ARG(again));

        HOLDS(tcp_reply(str_of(line), arena, &back, &why) == TABLE_FOUND);
        HOLDS(str_eq(back, value));
    }
}

static void read_netstring(const uint8_t *data, size_t size, struct arena *arena)
{
    struct stream *stream = fuzz_stream(data, size, 1);
    struct str reply, value = STR_NONE;
    struct fail why;

    if (netstring_read(stream, REPLY_MAX, arena, &reply, &why) == 0) {
        HOLDS(reply.n <= REPLY_MAX && reply.n < size);
        if (socketmap_reply(reply, arena, &value, &why) == TABLE_FOUND)
            HOLDS(str_starts(reply, "OK") && value.n < reply.n);
    }
    stream_free(stream);
}

static void read_memcache(const uint8_t *data, size_t size, struct arena *arena)
{
    const struct memcache_limits limits = {.line = 300, .data = REPLY_MAX};
    struct stream *stream = fuzz_stream(data, size, 1);
    struct str value = STR_NONE;
    struct fail why;

    if (memcache_read(stream, STR("key"), &limits, arena, &value, &why) == 1)
        HOLDS(value.n <= REPLY_MAX && str_find(value, '\0') == value.n);
    else
        HOLDS(value.p == NULL);
    stream_free(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");

    if (size > 0 && data[0] == 't')
        read_line(INPUT(data + 1, size - 1), arena);
    else if (size > 0 && data[0] == 'm')
        read_memcache(data + 1, size - 1, arena);
    else if (size > 0)
        read_netstring(data + 1, size - 1, arena);
    arena_free(arena);
    return 0;
}
