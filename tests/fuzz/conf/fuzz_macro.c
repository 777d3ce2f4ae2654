/* main.cf: lines, and values with macros that name each other. */
#include "fuzz.h"

#include "conf/lines.h"
#include "conf/macro.h"
#include "conf/master_cf.h"

struct table {
    struct arena *arena;
    struct str names[50];
    const char *values[50];
    size_t n;
};

static int value_of(void *context, struct str name, const char **ret, struct fail *why)
{
    const struct table *table = context;

    (void)why;
    *ret = NULL;
    for (size_t i = 0; i < table->n; i++)
        if (str_eq(table->names[i], name))
            *ret = table->values[i];
    return 0;
}

static void take_line(struct table *table, struct str text)
{
    struct str value = text;
    struct str name = str_trim(str_until(&value, '='));

    if (table->n == 50 || name.n == 0)
        return;
    table->names[table->n] = name;
    table->values[table->n++] = arena_copy_str(table->arena, str_trim(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct table table = {.arena = arena_new("fuzz")};
    struct macro_source source = {.value = value_of, .context = &table};
    struct master_service service;
    struct lines lines;
    struct line line;
    struct fail why;

    lines_start(&lines, INPUT(data, size < 4000 ? size : 4000), table.arena);
    while (lines_next(&lines, &line)) {
        HOLDS(line.end > line.start && line.number > 0);
        take_line(&table, line.text);
        (void)!master_cf_parse_entry(line.text, table.arena, &service, NULL, &why);
    }
    for (size_t i = 0; i < table.n && i < 5; i++) {
        struct buf out;

        buf_init(&out, 64 << 20);
        source.depth = 0;
        (void)!macro_expand(table.values[i], &source, &out, &why);
        buf_done(&out);
    }
    arena_free(table.arena);
    return 0;
}
