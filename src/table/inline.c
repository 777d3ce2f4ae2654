/* inline:{key = value, {key = a value with spaces}} - the entries stand in the name. */
#include "table/fold.h"
#include "table/memory.h"
#include "table/types.h"

#define NEED "; need \"inline:{name=value...}\""

static int add(struct table *table, struct str word, struct fail *why)
{
    bool utf8 = table_options(table)->smtputf8 && !(table->flags & TABLE_NO_UTF8);
    struct str rest = word, key;

    if (word.p[0] == '{' && !str_unbrace(word, &rest))
        return fail_set(why, "syntax error after '}' in \"%.*s\": \"%s\"" NEED,
                        STR_ARG(word), table->name);
    if (str_find(rest, '=') == rest.n)
        return fail_set(why, "missing '=' after attribute name: \"%s\"" NEED,
                        table->name);
    key = str_trim(str_until(&rest, '='));
    if (!(table->flags & TABLE_NO_FOLD))
        key = fold(table->arena, key, utf8);
    if (memory_table_set(table, key, str_trim(rest)))
        table_warn(table, "%s: duplicate entry: \"%.*s\": the last one counts",
                   table->name, STR_ARG(key));
    return 0;
}

static int inline_open(struct table *table, struct fail *why)
{
    struct str rest, word;
    size_t n = 0;

    memory_table_new(table);
    if (!str_unbrace(str_of(table->path), &rest))
        return fail_set(why, "bad syntax: \"%s\"" NEED, table->name);
    for (; str_word_braced(&rest, ", \t\r\n", &word) && word.n > 0; n++)
        if (add(table, word, why) < 0)
            return -1;
    if (n == 0 && word.n == 0 && strlen(table->path) > strlen("{}"))
        return fail_set(why, "empty table: \"%s\"" NEED, table->name);
    if (n == 0 || word.n > 0)
        return fail_set(why, "bad syntax: \"%s\"" NEED, table->name);
    return 0;
}

const struct table_type table_inline = {
    .name = "inline",
    .traits = TABLE_FIXED,
    .open = inline_open,
    .lookup = memory_table_lookup,
    .next = memory_table_next,
    .close = memory_table_close,
};
