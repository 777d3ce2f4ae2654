/*
 * tcp:host:port - a server that is asked "get KEY" and answers a line with a code,
 * tcp_table(5).
 *
 * The whole key is asked once, as it is. What is no answer ends the connection, since
 * question and answer may be out of step by then.
 */
#include "table/peer.h"
#include "table/replies.h"
#include "table/type.h"
#include "table/types.h"

#include "util/buf.h"

#include <ctype.h>

enum { LINE_MAX_BYTES = 4096, TIMEOUT_MS = 100 * 1000 };

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 127 && c != '%';
}

struct str tcp_encode(struct str text, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, 3 * text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (is_plain(c)) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = digits[c >> 4];
        out[n++] = digits[c & 15];
    }
    return str_from(out, n);
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* false = "%" without two digits. */
static bool decode(struct str text, struct arena *arena, struct str *ret)
{
    char *out = arena_alloc(arena, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        int byte = (unsigned char)text.p[i];

        if (byte == '%') {
            if (text.n - i < 3 || hex_digit(text.p[i + 1]) < 0 ||
                hex_digit(text.p[i + 2]) < 0)
                return false;
            byte = hex_digit(text.p[i + 1]) * 16 + hex_digit(text.p[i + 2]);
            i += 2;
        }
        out[n++] = (char)byte;
    }
    *ret = str_from(out, n);
    return true;
}

enum table_result tcp_reply(struct str line, struct arena *arena, struct str *ret_value,
                            struct fail *why)
{
    struct str code = str_head(line, 3), text;

    if (line.n < 4 || line.p[3] != ' ' || !decode(str_tail(line, 4), arena, &text) ||
        str_find(text, '\0') < text.n)
        return fail_set(why, "malformed reply: %.100s", arena_copy_str(arena, line));
    if (str_is(code, "500"))
        return TABLE_NOT_FOUND;
    if (str_is(code, "200"))
        return table_answer(arena, text, ret_value);
    if (str_is(code, "400"))
        return fail_set(why, "the server could not find out: %.*s", STR_ARG(text));
    return fail_set(why, "bad status code: %.100s", arena_copy_str(arena, line));
}

struct question {
    struct str key; /* encoded */
    struct arena *arena;
    struct str *ret_value;
    enum table_result result;
    struct fail refusal; /* when the server itself said "error" */
};

static int exchange(struct stream *stream, void *context, struct fail *why)
{
    struct question *question = context;
    enum stream_result result;
    struct str line;

    stream_purge_input(stream);
    stream_write_text(stream, "get ");
    stream_write_str(stream, question->key);
    stream_write_text(stream, "\n");
    result = stream_flush(stream);
    if (result == STREAM_OK)
        result = stream_read_line(stream, LINE_MAX_BYTES, &line, NULL);
    if (result != STREAM_OK)
        return peer_failed(stream, result, why);
    question->result =
        tcp_reply(line, question->arena, question->ret_value, &question->refusal);
    if (question->result == TABLE_ERROR && !str_starts(line, "400 "))
        return fail_set(why, "%s", question->refusal.text);
    return 0;
}

static int tcp_open(struct table *table, struct fail *why)
{
    if (peer_check(table, why) < 0)
        return -1;
    if (str_find_last(str_of(table->path), ':') == strlen(table->path))
        return fail_set(why, "need host:port instead of \"%s\"", table->path);
    table->state = table_peer(table, table->path, TIMEOUT_MS);
    return 0;
}

static enum table_result tcp_lookup(struct table *table, struct str key,
                                    struct arena *arena, struct str *ret_value,
                                    struct fail *why)
{
    struct question question = {
        .key = tcp_encode(key, arena), .arena = arena, .ret_value = ret_value};

    /* compat: a key that makes a longer line than the protocol has cannot be there */
    if (question.key.n > LINE_MAX_BYTES - strlen("get "))
        return TABLE_NOT_FOUND;
    if (peer_ask(table->state, exchange, &question, why) < 0)
        return TABLE_ERROR;
    if (question.result == TABLE_ERROR)
        return fail_set(why, "%s", question.refusal.text);
    return question.result;
}

const struct table_type table_tcp = {
    .name = "tcp",
    .open = tcp_open,
    .lookup = tcp_lookup,
};
