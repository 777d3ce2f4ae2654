/*
 * Places: where in main.cf or master.cf a word of a value stands. The word may come from
 * another value by $name; then it is that one that the administrator has to change.
 */
#include "commands/postfix/lint.h"

#include "conf/state.h"

#include <string.h>

enum { REFERENCES_MAX = 10 }; /* depth */

static bool is_border(const struct span *span, size_t at)
{
    return at < span->start || at >= span->end ||
           strchr(" \t\r\n,={}\"", span->source->text.p[at]) != NULL;
}

/* Is the byte in a physical line that is a comment? */
static bool in_comment(const struct span *span, size_t at)
{
    const char *p = span->source->text.p;
    size_t first = at;

    while (first > span->start && p[first - 1] != '\n')
        first--;
    while (first < at && (p[first] == ' ' || p[first] == '\t'))
        first++;
    return first > span->start && p[first] == '#';
}

static bool find_word(struct span span, struct str word, int nth, struct span *ret)
{
    const char *p = span.source ? span.source->text.p : NULL;

    for (size_t at = span.start; p && word.n && at + word.n <= span.end; at++) {
        if (memcmp(p + at, word.p, word.n) != 0 || !is_border(&span, at - 1) ||
            !is_border(&span, at + word.n) || in_comment(&span, at) || nth-- > 0)
            continue;
        *ret = (struct span){span.source, at, at + word.n};
        return true;
    }
    return false;
}

struct span span_word(struct span span, struct str word, int nth)
{
    struct span found;

    return find_word(span, word, nth, &found) ? found : span;
}

void span_position(struct span span, int *ret_line, int *ret_column)
{
    const char *p = span.source->text.p;

    *ret_line = *ret_column = 1;
    for (size_t i = 0; i < span.start && i < span.source->text.n; i++) {
        ++*ret_column;
        if (p[i] == '\n') {
            ++*ret_line;
            *ret_column = 1;
        }
    }
}

/* --- in a scope --------------------------------------------------------------------- */

/* The value of "-o name=value" or "-o { name = value }". */
static bool option_span(const struct entry *entry, const char *name, struct span *ret)
{
    struct span found;
    const char *p = entry->span.source->text.p;

    for (int nth = 0; find_word(entry->span, str_of(name), nth, &found); nth++) {
        size_t at = found.end;

        while (at < entry->span.end && (p[at] == ' ' || p[at] == '\t'))
            at++;
        if (at >= entry->span.end || p[at] != '=')
            continue;
        for (at++; at < entry->span.end && (p[at] == ' ' || p[at] == '\t');)
            at++;
        *ret = (struct span){entry->span.source, at, entry->span.end};
        if (strchr(" \t{", p[found.start - 1])) /* up to the end of this option */
            for (size_t i = at; i + 3 < entry->span.end; i++)
                if (memcmp(p + i, "-o", 2) == 0 && strchr(" \t", p[i + 2]) &&
                    strchr(" \t\n", p[i - 1])) {
                    ret->end = i;
                    break;
                }
        return true;
    }
    return false;
}

bool scope_sets(const struct scope *scope, const char *name)
{
    struct span span;

    return scope->entry ? settings_find(&scope->conf->state->options, str_of(name)) &&
                              option_span(scope->entry, name, &span)
                        : map_get(scope->lint->spans, str_of(name)) != NULL;
}

struct span scope_span(const struct scope *scope, const char *name)
{
    const struct span *in_main = map_get(scope->lint->spans, str_of(name));
    struct span span;

    if (scope->entry && scope_sets(scope, name) && option_span(scope->entry, name, &span))
        return span;
    return in_main ? *in_main : (struct span){0};
}

/* The search through references, as a visitor of macro names. */
struct search {
    const struct scope *scope;
    struct str word;
    int nth, depth;
    bool found;
    struct span span;
};

static void search_in(struct search *search, const char *name);

static int search_reference(void *context, struct str name, const char **ret,
                            struct fail *why)
{
    struct search *search = context;

    (void)why;
    *ret = NULL;
    if (!search->found && search->depth < REFERENCES_MAX)
        search_in(search, arena_copy_str(search->scope->lint->arena, name));
    return 0;
}

static void search_in(struct search *search, const char *name)
{
    struct span span = scope_span(search->scope, name);
    struct macro_source source = {
        .value = search_reference, .context = search, .names_only = true};
    const char *value = NULL;
    struct buf ignored;

    if (find_word(span, search->word, search->nth, &search->span)) {
        search->found = true;
        return;
    }
    if (state_value(search->scope->conf->state, str_of(name), &value, NULL) < 0 ||
        value == NULL)
        return;
    buf_init(&ignored, 1 << 20);
    search->depth++;
    (void)!macro_expand(value, &source, &ignored, NULL);
    search->depth--;
    buf_done(&ignored);
}

struct span scope_word(const struct scope *scope, const char *name, struct str word,
                       int nth)
{
    struct search search = {.scope = scope, .word = word, .nth = nth};

    search_in(&search, name);
    return search.found ? search.span : scope_span(scope, name);
}

const char *scope_text(const struct scope *scope, const char *name)
{
    const char *text = conf_text(scope->conf, name, NULL);

    return text ? text : "";
}
