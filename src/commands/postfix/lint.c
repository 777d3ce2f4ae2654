/*
 * The examination of a configuration: reads the files, tells what the others find.
 *
 * Nothing here needs a valid configuration, so that all mistakes are told at once and
 * not only the first. Reading order: lint.h, lint.c, lint_place.c, then any of the rest.
 */
#include "commands/postfix/lint.h"

#include "conf/include.h"
#include "conf/lines.h"
#include "conf/settings.h"
#include "util/file.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_SIZE = 16 * 1024 * 1024, TEXT_SIZE = 1500 };

/* --- findings -------------------------------------------------------------------- */

static void tell(struct lint *lint, bool error, struct span at, const char *format,
                 va_list args)
{
    char text[TEXT_SIZE];
    int line = 1, column = 1;
    const char *finding;

    vsnprintf(text, sizeof(text), format, args);
    if (at.source)
        span_position(at, &line, &column);
    finding =
        arena_printf(lint->arena, "%s:%d:%d: %s",
                     at.source ? at.source->path : lint->main.path, line, column, text);
    if (map_set(lint->said, str_of(finding), lint))
        return;
    lint->errors += error;
    if (error)
        log_error("%s", finding);
    else
        log_warning("%s", finding);
}

void lint_error(struct lint *lint, struct span at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(lint, true, at, format, args);
    va_end(args);
}

void lint_warn(struct lint *lint, struct span at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(lint, false, at, format, args);
    va_end(args);
}

/* --- main.cf ----------------------------------------------------------------------- */

static void add_setting(struct lint *lint, const struct source *source,
                        const struct line *line)
{
    struct span span = {source, line->start, line->end};
    struct str name, value;
    struct span *kept;
    struct fail why;

    if (line->orphan)
        lint_error(lint, span,
                   "the line begins with white space, but there is none "
                   "before it that it could continue");
    if (setting_split(line->text, &name, &value, &why) < 0) {
        lint_error(lint, span, "%s", why.text);
        return;
    }
    span.start +=
        str_find(str_from(source->text.p + span.start, span.end - span.start), '=') + 1;
    while (span.start + 1 < span.end && strchr(" \t", source->text.p[span.start]))
        span.start++;
    kept = ARENA_NEW(lint->arena, struct span);
    *kept = span;
    map_set(lint->spans, name, kept);
}

static void read_settings(struct lint *lint, const struct source *source)
{
    struct lines lines;
    struct line line;

    lines_start(&lines, source->text, lint->arena);
    while (lines_next(&lines, &line))
        add_setting(lint, source, &line);
}

static void read_file(struct lint *lint, struct source *source, const char *path)
{
    struct fail why;

    source->path = path;
    if (file_read(source->path, FILE_MAX_SIZE, lint->arena, &source->text, &why) < 0)
        lint_error(lint, (struct span){.source = source}, "%s", why.text);
}

/* Whether main.cf asks for conf.d must be known before that is read, so here only the
 * plain word counts. */
static bool wants_included(const struct lint *lint)
{
    const struct span *span = map_get(lint->spans, STR("main_cf_include"));

    return span && str_is_nocase(str_trim(str_from(span->source->text.p + span->start,
                                                   span->end - span->start)),
                                 "yes");
}

static void read_included(struct lint *lint, const char *directory)
{
    struct texts files = {0};
    struct fail why;

    if (!wants_included(lint))
        return;
    if (include_files(directory, lint->arena, &files, &why) < 0)
        lint_error(lint, (struct span){0}, "%s", why.text);
    lint->included = arena_alloc(lint->arena, (files.n + 1) * sizeof(*lint->included));
    for (; lint->n_included < files.n; lint->n_included++) {
        struct source *source = &lint->included[lint->n_included];

        *source = (struct source){0};
        read_file(lint, source, files.items[lint->n_included]);
        read_settings(lint, source);
    }
}

static void read_all(struct lint *lint, const char *directory)
{
    read_file(lint, &lint->main, arena_printf(lint->arena, "%s/main.cf", directory));
    read_file(lint, &lint->master, arena_printf(lint->arena, "%s/master.cf", directory));
    read_settings(lint, &lint->main);
    read_included(lint, directory);
}

/* --- the whole -----------------------------------------------------------------------
 */

static void examine(const struct scope *scope)
{
    lint_values(scope);
    if (scope->lint->brief)
        return;
    lint_tables(scope);
    lint_restrictions(scope);
    lint_routes(scope);
}

/* An entry with options has a configuration of its own. */
static void examine_entry(struct lint *lint, const struct entry *entry,
                          const char *directory)
{
    const struct texts *args = &entry->service.args;
    struct texts options = {0};
    struct scope scope = {lint, entry, NULL};
    struct conf *conf;
    struct fail why;

    for (size_t i = 0; i + 1 < args->n; i++)
        if (strcmp(args->items[i], "-o") == 0)
            texts_add(&options, lint->arena, args->items[++i]);
    if (options.n == 0)
        return;
    conf = conf_load(&(struct conf_options){.program = entry->service.command,
                                            .service = entry->service.name,
                                            .directory = directory,
                                            .overrides = options.items,
                                            .texts_only = true},
                     &why);
    if (conf == NULL) {
        lint_error(lint, entry->span, "%s", why.text);
        return;
    }
    scope.conf = conf;
    examine(&scope);
    conf_free(conf);
}

static void examine_all(struct lint *lint, const char *directory)
{
    struct scope scope = {lint, NULL, lint->conf};

    lint->tables = tables_new(lint->conf);
    lint_entries(lint);
    if (!lint->brief)
        lint_names(lint);
    examine(&scope);
    if (!lint->brief)
        lint_master(lint);
    for (size_t i = 0; i < lint->n_entries; i++)
        examine_entry(lint, &lint->entries[i], directory);
    if (!lint->brief)
        lint_classes(lint);
    tables_free(lint->tables);
}

static void tell_parse_warnings(const struct conf *conf)
{
    const struct texts *warnings = conf_warnings(conf);

    for (size_t i = 0; i < warnings->n; i++)
        log_warning("%s", warnings->items[i]);
}

int lint_configuration(const char *directory, bool brief, struct arena *arena)
{
    struct lint lint = {.arena = arena, .brief = brief};
    struct fail why;

    lint.spans = map_new();
    lint.used = map_new();
    lint.options = map_new();
    lint.routed = map_new();
    lint.said = map_new();
    read_all(&lint, directory);
    lint.conf = lint.errors ? NULL
                            : conf_load(&(struct conf_options){.program = "postfix",
                                                               .directory = directory,
                                                               .texts_only = true},
                                        &why);
    if (lint.conf == NULL && lint.errors == 0)
        lint_error(&lint, (struct span){0}, "%s", why.text);
    if (lint.conf) {
        if (!brief)
            tell_parse_warnings(lint.conf);
        examine_all(&lint, directory);
    }
    conf_free(lint.conf);
    map_free(lint.spans, NULL);
    map_free(lint.used, NULL);
    map_free(lint.options, NULL);
    map_free(lint.routed, NULL);
    map_free(lint.said, NULL);
    return lint.errors;
}
