/* Files as values, for tables of keys and certificates. */
#include "table/file_value.h"

#include "util/base64.h"
#include "util/file.h"

enum { FILE_MAX = 1 << 24, ALL_MAX = 1 << 26 };

/* "read" rather than "open" is what fails for directories. */
static int add_file(struct buf *all, struct str name, struct fail *why)
{
    struct arena *arena = arena_new("file");
    struct str content;
    int status = file_read(arena_copy_str(arena, name), FILE_MAX, arena, &content, why);

    if (status == 0 && all->n + content.n + 1 > ALL_MAX)
        status = fail_set(why, "%.*s: too much text", STR_ARG(name));
    if (status == 0) {
        if (all->n > 0)
            buf_add_char(all, '\n');
        buf_add_str(all, content);
    }
    arena_free(arena);
    return status;
}

int file_value_read(struct str names, struct arena *arena, struct str *ret,
                    struct fail *why)
{
    struct str name;
    struct buf all;
    int status = 0;

    buf_init(&all, ALL_MAX);
    while (status == 0 && (name = str_word(&names, ", \t\r\n")).n > 0)
        status = add_file(&all, name, why);
    if (status == 0)
        *ret = str_from(arena_copy_str(arena, buf_str(&all)), all.n);
    buf_done(&all);
    return status;
}

struct str file_value_encode(struct str content, struct arena *arena)
{
    struct buf out;
    struct str result;

    buf_init(&out, (size_t)ALL_MAX * 2);
    base64_encode(&out, content);
    result = str_from(arena_copy_str(arena, buf_str(&out)), out.n);
    buf_done(&out);
    return result;
}

int file_value_decode(struct str value, struct arena *arena, struct str *ret,
                      struct fail *why)
{
    struct buf out;
    bool good;

    buf_init(&out, (size_t)ALL_MAX * 2);
    good = base64_decode(&out, value);
    if (good)
        *ret = str_from(arena_copy_str(arena, buf_str(&out)), out.n);
    buf_done(&out);
    return good ? 0 : fail_set(why, "malformed BASE64 value: %.*s", STR_ARG(value));
}
