/*
 * texthash:file - a text file in postmap's input format, read into memory
 * when opened. Never looked at again: a change is seen by the next process.
 */
#include "table/fold.h"
#include "table/lines.h"
#include "table/memory.h"
#include "table/type.h"
#include "table/types.h"

static void add(struct table *table, const struct table_lines *lines,
                const struct table_entry *entry)
{
    bool utf8 = table_options(table)->smtputf8 && !(table->flags & TABLE_NO_UTF8);
    struct str key = entry->key;

    if (entry->warning[0])
        table_warn(table, "%s%s", entry->warning,
                   entry->usable || strstr(entry->warning, "ignoring")
                       ? ""
                       : " -- ignoring this line");
    if (!entry->usable)
        return;
    if (utf8 && !(fold_is_utf8(entry->key) && fold_is_utf8(entry->value))) {
        table_warn(table,
                   "%s, line %ld: non-UTF-8 input \"%.*s %.*s\" -- ignoring this line",
                   table_lines_path(lines), table_lines_number(lines),
                   STR_ARG(entry->key), STR_ARG(entry->value));
        return;
    }
    if (!(table->flags & TABLE_NO_FOLD))
        key = fold(table->arena, key, utf8);
    if (!memory_table_add(table, key, entry->value))
        table_warn(table, "%s, line %ld: duplicate entry: \"%.*s\"",
                   table_lines_path(lines), table_lines_number(lines),
                   STR_ARG(entry->key));
}

static int texthash_open(struct table *table, struct fail *why)
{
    struct table_lines *lines = table_lines_open(table->path, why);
    struct table_entry entry;
    int got;

    if (!lines) {
        struct fail open = *why;

        return fail_set(why, "open database %s", open.text + strlen("open "));
    }
    memory_table_new(table);
    table->owner = table_lines_stat(lines)->st_uid;
    while ((got = table_lines_entry(lines, &entry, why)) > 0)
        add(table, lines, &entry);
    table_lines_free(lines);
    return got;
}

const struct table_type table_texthash = {
    .name = "texthash",
    .traits = TABLE_FIXED,
    .open = texthash_open,
    .lookup = memory_table_lookup,
    .next = memory_table_next,
    .close = memory_table_close,
};
