/* Reading the parameters of tables from their file, or from main.cf. */
#include "table/parameters.h"

#include "conf/conf.h"
#include "conf/lines.h"
#include "util/file.h"

#include <limits.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 20 };

struct pair {
    struct str name;
    const char *value;
};

struct table_parameters {
    struct arena *arena;
    const char *where;       /* for messages: the file, or the prefix */
    const struct conf *conf; /* NULL = they are in a file */
    struct list pairs;
};

static int read_lines(struct table_parameters *parameters, struct str source,
                      struct fail *why)
{
    struct lines lines;
    struct line line;

    lines_start(&lines, source, parameters->arena);
    while (lines_next(&lines, &line)) {
        struct pair *pair = ARENA_NEW(parameters->arena, struct pair);
        struct str value = line.text;

        pair->name = str_trim(str_until(&value, '='));
        if (pair->name.n == 0 || str_find(line.text, '=') == line.text.n)
            return fail_set(why, "%s, line %d: need \"name = value\" instead of \"%.*s\"",
                            parameters->where, line.number, STR_ARG(line.text));
        pair->value = arena_copy_str(parameters->arena, str_trim(value));
        list_add(&parameters->pairs, parameters->arena, pair);
    }
    return 0;
}

struct table_parameters *table_parameters_open(struct table *table, struct fail *why)
{
    struct table_parameters *parameters =
        ARENA_NEW(table->arena, struct table_parameters);
    struct str source;
    struct stat st;

    parameters->arena = table->arena;
    parameters->where = table->path;
    if (table->path[0] != '/' && table->path[0] != '.') {
        parameters->conf = table_options(table)->conf;
        if (parameters->conf)
            return parameters;
        fail_set(why, "%s: need the path of a file", table->name);
        return NULL;
    }
    if (file_read(table->path, FILE_MAX, table->arena, &source, why) < 0 ||
        read_lines(parameters, source, why) < 0)
        return NULL;
    if (stat(table->path, &st) == 0)
        table->owner = st.st_uid;
    return parameters;
}

static const char *find(const struct table_parameters *parameters, const char *name)
{
    /* the last one counts */
    for (size_t i = parameters->pairs.n; i > 0; i--) {
        const struct pair *pair = parameters->pairs.items[i - 1];

        if (str_is(pair->name, name))
            return pair->value;
    }
    if (!parameters->conf)
        return NULL;
    return conf_text(parameters->conf,
                     arena_printf(parameters->arena, "%s_%s", parameters->where, name),
                     NULL);
}

const char *table_text(const struct table_parameters *parameters, const char *name,
                       const char *otherwise)
{
    const char *value = find(parameters, name);

    return value ? value : otherwise;
}

int table_number(const struct table_parameters *parameters, const char *name,
                 int otherwise, int *ret, struct fail *why)
{
    const char *value = find(parameters, name);
    unsigned long long number;
    bool negative = value && value[0] == '-';

    if (!value) {
        *ret = otherwise;
        return 0;
    }
    if (!str_number(str_of(value + negative), INT_MAX, &number))
        return fail_set(why, "%s: bad numerical configuration: %s = %s",
                        parameters->where, name, value);
    *ret = negative ? -(int)number : (int)number;
    return 0;
}

int table_yes(const struct table_parameters *parameters, const char *name, bool otherwise,
              bool *ret, struct fail *why)
{
    struct str value = str_of(find(parameters, name));

    if (!value.p)
        *ret = otherwise;
    else if (str_is_nocase(value, "yes"))
        *ret = true;
    else if (str_is_nocase(value, "no"))
        *ret = false;
    else
        return fail_set(why, "%s: bad boolean configuration: %s = %s", parameters->where,
                        name, value.p);
    return 0;
}

int table_needed(const struct table_parameters *parameters, const char *name,
                 const char **ret, struct fail *why)
{
    const char *value = find(parameters, name);

    if (!value || !*value)
        return fail_set(why, "%s: the parameter %s is missing", parameters->where, name);
    *ret = value;
    return 0;
}
