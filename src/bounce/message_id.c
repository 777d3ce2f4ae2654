/*
 * What a report answers: the Message-Id of the message that it is about, for
 * enable_threaded_bounces.
 */
#include "bounce/bounce.h"

#include "mail/header.h"
#include "queue/reader.h"

enum { ID_MAX = 998 }; /* RFC 5322 section 2.1.1; longer is not worth repeating */

/* "<left@right>" and nothing else: what could not be looked for is not repeated. */
static bool is_id(struct str value)
{
    if (value.n < 3 || value.n > ID_MAX || value.p[0] != '<' ||
        value.p[value.n - 1] != '>')
        return false;
    for (size_t i = 1; i < value.n - 1; i++)
        if (value.p[i] <= ' ' || value.p[i] >= 127 || strchr("<>", value.p[i]))
            return false;
    return true;
}

/* The value of the first Message-Id header; "" when it has none. A long id may stand on a
 * line of its own. */
static bool read_value(struct record_reader *reader, struct arena *arena, struct str *ret)
{
    struct record record;
    struct fail why;
    bool folded = false;

    while (record_read(reader, &record, &why) == RECORD_OK) {
        struct str line = record.data;

        if (record.type == RECORD_PAD)
            continue;
        if (record.type != RECORD_LINE || line.n == 0)
            return false;
        if (folded && !header_is_continuation(line))
            return false;
        if (!folded && !str_is_nocase(header_name(line), "Message-Id"))
            continue;
        line = str_trim(folded ? line : header_body(line));
        folded = !folded && line.n == 0;
        if (folded)
            continue;
        *ret = str_of(arena_copy_str(arena, line));
        return true;
    }
    return false;
}

const char *message_id(int fd, off_t content, struct arena *arena)
{
    struct record_reader reader;
    struct str value = STR_NONE;
    bool found;

    record_reader_init(&reader, fd, content);
    found = read_value(&reader, arena, &value);
    record_reader_done(&reader);
    return found && is_id(value) ? value.p : "";
}
