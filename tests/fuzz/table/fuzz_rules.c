/*
 * Files of rules (cidr, regexp, pcre) and of entries (texthash), alias lines,
 * lists: the first byte chooses.
 */
#include "fuzz.h"

#include "table/alias_text.h"
#include "table/table.h"

#include <stdio.h>
#include <unistd.h>

enum { REGEXP = 1 };
static const char *const types[] = {"cidr", [REGEXP] = "regexp", "pcre", "texthash"};

static void ask(const char *type, const uint8_t *data, size_t size)
{
    struct tables *tables = tables_new_with(
        &(struct tables_options){.places = {PLUGINS, NULL}, .smtputf8 = true});
    struct arena *arena = arena_new("fuzz");
    int fd = fuzz_file(data, size);
    char name[64];

    snprintf(name, sizeof name, "%s:/proc/self/fd/%d", type, fd);
    for (int i = 0; i < 3; i++) {
        static const char *const keys[] = {"192.0.2.1", "joe@example.com", "2001:db8::1"};
        struct str value;
        struct fail why;

        (void)!table_lookup(table_open(tables, name, 0), str_of(keys[i]), arena, &value,
                            &why);
    }
    tables_free(tables);
    arena_free(arena);
    close(fd);
}

static void read_aliases(struct str input)
{
    struct arena *arena = arena_new("fuzz");
    struct str name, value;
    struct fail why;

    if (alias_line_split(input, arena, &name, &value, &why) == 0) {
        struct str item;
        size_t before = value.n + 1;

        while ((item = alias_item(&value)).n) {
            HOLDS(value.n < before);
            before = value.n;
            (void)alias_unquoted(item, arena);
        }
    }
    arena_free(arena);
}

/*
 * regcomp(3) of glibc takes minutes for some short expressions with repetitions of
 * repetitions ("(a?){1000}+"): nothing that is ours to find.
 */
static bool is_slow_for_regcomp(struct str input)
{
    size_t repetitions = 0, braces = 0;

    for (size_t i = 0; i < input.n; i++) {
        repetitions += input.p[i] && strchr("*+?", input.p[i]);
        braces += input.p[i] == '{';
    }
    return repetitions > 8 || braces > 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 8 == REGEXP && is_slow_for_regcomp(INPUT(data + 1, size - 1)))
        return 0;
    if (data[0] % 8 < 4)
        ask(types[data[0] % 4], data + 1, size - 1);
    else
        read_aliases(INPUT(data + 1, size - 1));
    return 0;
}
