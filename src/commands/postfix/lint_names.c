/*
 * Names: which there are, which a value refers to, and which is nearest to one that there
 * is not.
 */
#include "commands/postfix/lint.h"

#include "conf/state.h"

#include <string.h>

enum { WORD_MAX = 100, FAR = 4 };

/* --- the nearest name ------------------------------------------------------------------
 */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* From the row for the letters of a before c to the one with c. */
static void next_row(size_t *row, char c, struct str b)
{
    size_t diagonal = row[0]++;

    for (size_t j = 1; j <= b.n; j++) {
        bool same = str_eq_nocase(str_from(&c, 1), str_from(b.p + j - 1, 1));
        size_t change = diagonal + !same;

        diagonal = row[j];
        row[j] = smaller(change, smaller(row[j], row[j - 1]) + 1);
    }
}

/* How many letters to add, drop or change (Levenshtein); one row is kept. */
static size_t distance(struct str a, struct str b)
{
    size_t row[WORD_MAX + 1];

    if (a.n > WORD_MAX || b.n > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 0; i < a.n; i++)
        next_row(row, a.p[i], b);
    return row[b.n];
}

struct nearest nearest_to(struct str name)
{
    size_t limit = 2 + name.n / 3;

    return (struct nearest){.name = name, .distance = limit < FAR ? limit : FAR};
}

void nearest_try(struct nearest *nearest, const char *candidate)
{
    size_t d = distance(nearest->name, str_of(candidate));

    if (d < nearest->distance) {
        nearest->distance = d;
        nearest->best = candidate;
    }
}

const char *nearest_words(const struct nearest *nearest, struct arena *arena)
{
    return nearest->best ? arena_printf(arena, ", did you mean \"%s\"?", nearest->best)
                         : "";
}

static const char *nearest_parameter(struct lint *lint, struct str name)
{
    struct nearest nearest = nearest_to(name);

    for (size_t i = 0; i < params_count(); i++)
        if (!(param_at(i).flags & (PARAM_REMOVED | PARAM_FAMILY)))
            nearest_try(&nearest, param_at(i).name);
    return nearest_words(&nearest, lint->arena);
}

/* --- what is referred to -------------------------------------------------------------
 */

struct referring {
    struct lint *lint;
    struct span span; /* of the value */
    const struct scope *scope;
};

static bool is_parameter(struct str name)
{
    struct param param;
    struct str service;

    return param_find(name, &param) || param_family(name, &param, &service);
}

static int refer(void *context, struct str name, const char **ret, struct fail *why)
{
    const struct referring *r = context;
    struct span at = r->span;

    (void)why;
    *ret = NULL;
    map_set(r->lint->used, name, r->lint);
    if (is_parameter(name) || map_get(r->lint->options, name) ||
        state_setting(r->scope->conf->state, name))
        return 0;
    for (size_t i = at.start; at.source && i + name.n <= at.end; i++)
        if (memcmp(at.source->text.p + i, name.p, name.n) == 0) {
            at.start = i;
            break;
        }
    lint_warn(r->lint, at, "undefined parameter: %.*s%s", STR_ARG(name),
              nearest_parameter(r->lint, name));
    return 0;
}

static void follow(const struct scope *scope, const struct setting *setting)
{
    struct referring r = {scope->lint, scope_span(scope, setting->name), scope};
    struct macro_source source = {.value = refer, .context = &r, .names_only = true};
    struct param param;
    struct fail why;
    struct buf ignored;

    if (param_find(str_of(setting->name), &param) && (param.flags & PARAM_RAW))
        return;
    buf_init(&ignored, 1 << 20);
    if (macro_expand(setting->value, &source, &ignored, &why) < 0)
        lint_error(scope->lint, r.span, "%s: %s", setting->name, why.text);
    buf_done(&ignored);
}

/* Names that are used otherwise than by $name. */
static void use_words(struct lint *lint, const char *param)
{
    struct scope scope = {lint, NULL, lint->conf};
    struct str rest = str_of(scope_text(&scope, param)), word;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0)
        map_set(lint->used, word, lint);
}

/* "ldap:accounts" has its settings in main.cf, accounts_server_host and so on. */
static bool is_of_a_table(const struct lint *lint, struct str name)
{
    const struct settings *file = &lint->conf->state->file;

    for (size_t n = 1; n < name.n; n++) {
        const char *source;

        if (name.p[n] != '_')
            continue;
        source = arena_printf(lint->arena, ":%.*s", (int)n, name.p);
        for (size_t i = 0; i < file->n; i++) {
            const char *at = strstr(file->items[i].value, source);

            if (at && strchr(" \t\r\n,}", at[strlen(source)]))
                return true;
        }
    }
    return false;
}

/* --- the check -------------------------------------------------------------------------
 */

/* The name before the value, at the start of its line. */
static struct span span_of_name(struct span value)
{
    while (value.source && value.start > 0 &&
           value.source->text.p[value.start - 1] != '\n')
        value.start--;
    return value;
}

static void check_setting(struct lint *lint, const struct setting *setting)
{
    struct scope scope = {lint, NULL, lint->conf};
    struct span span = scope_span(&scope, setting->name);
    struct param param;

    if (param_find(str_of(setting->name), &param)) {
        if (param.flags & PARAM_REMOVED)
            lint_warn(lint, span_of_name(span),
                      "%s is of older versions and has no effect", setting->name);
        else if (param.flags & PARAM_READONLY)
            lint_warn(lint, span_of_name(span), "%s cannot be set", setting->name);
    } else if (!is_parameter(str_of(setting->name)) &&
               !map_get(lint->used, str_of(setting->name)) &&
               !is_of_a_table(lint, str_of(setting->name)))
        lint_warn(lint, span_of_name(span), "unused parameter: %s%s", setting->name,
                  nearest_parameter(lint, str_of(setting->name)));
    if (strstr(setting->value, " #") || setting->value[0] == '#')
        lint_warn(lint, span_word(span, STR("#"), 0),
                  "%s: \"#\" begins no comment here: it is part of the value",
                  setting->name);
}

static void check_options(struct lint *lint, const struct entry *entry)
{
    const struct texts *args = &entry->service.args;

    for (size_t i = 0; i + 1 < args->n; i++) {
        struct str name = str_of(args->items[i + 1]);
        struct span at;

        if (strcmp(args->items[i], "-o") != 0)
            continue;
        name = str_trim(str_head(name, str_find(name, '=')));
        i++;
        at = span_word(entry->span, name, 0);
        if (!is_parameter(name) && !map_get(lint->used, name))
            lint_warn(lint, at, "unused parameter: %.*s%s", STR_ARG(name),
                      nearest_parameter(lint, name));
    }
}

static void follow_options(struct lint *lint, const struct entry *entry)
{
    const struct texts *args = &entry->service.args;
    struct scope scope = {lint, NULL, lint->conf};

    for (size_t i = 0; i + 1 < args->n; i++) {
        struct str name, value;
        struct setting setting;

        if (strcmp(args->items[i], "-o") != 0 ||
            setting_split(str_of(args->items[++i]), &name, &value, NULL) < 0)
            continue;
        setting.name = arena_copy_str(lint->arena, name);
        setting.value = arena_copy_str(lint->arena, value);
        follow(&scope, &setting);
    }
}

void lint_names(struct lint *lint)
{
    const struct settings *file = &lint->conf->state->file;
    struct scope scope = {lint, NULL, lint->conf};

    use_words(lint, "smtpd_restriction_classes");
    for (size_t i = 0; i < file->n; i++)
        follow(&scope, &file->items[i]);
    for (size_t i = 0; i < lint->n_entries; i++)
        follow_options(lint, &lint->entries[i]);
    for (size_t i = 0; i < file->n; i++)
        check_setting(lint, &file->items[i]);
    for (size_t i = 0; i < lint->n_entries; i++)
        check_options(lint, &lint->entries[i]);
}
