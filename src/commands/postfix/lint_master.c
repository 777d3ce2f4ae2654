/*
 * master.cf: entries that do not parse, doubles, programs that are not there, addresses
 * without a port, and services that nothing works without.
 */
#include "commands/postfix/lint.h"

#include "conf/lines.h"
#include "net/endpoint.h"
#include "util/ids.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES_MAX = 1000 };

static struct span word_of(const struct entry *entry, const char *word)
{
    return span_word(entry->span, str_of(word), 0);
}

/* The program, behind the seven fields. */
static struct span program_of(const struct entry *entry)
{
    struct span span = entry->span;
    const char *p = span.source->text.p;

    for (int i = 0; i < MASTER_FIELDS; i++) {
        span.start +=
            str_find_any(str_from(p + span.start, span.end - span.start), " \t\r\n");
        span.start +=
            str_span(str_from(p + span.start, span.end - span.start), " \t\r\n");
    }
    return span.start < span.end ? span : entry->span;
}

static void note_options(struct lint *lint, const struct texts *args)
{
    for (size_t i = 0; i + 1 < args->n; i++)
        if (strcmp(args->items[i], "-o") == 0) {
            struct str option = str_of(args->items[++i]);

            map_set(lint->options, str_trim(str_head(option, str_find(option, '='))),
                    lint);
        }
}

static void find_double(struct lint *lint, const struct entry *entry)
{
    for (size_t i = 0; i < lint->n_entries; i++) {
        const struct master_service *other = &lint->entries[i].service;
        int line, column;

        if (strcmp(other->name, entry->service.name) != 0 ||
            other->type != entry->service.type)
            continue;
        span_position(lint->entries[i].span, &line, &column);
        lint_warn(lint, entry->span, "service %s %s was defined in line %d already",
                  other->name, master_type_text(other->type), line);
    }
}

void lint_entries(struct lint *lint)
{
    struct lines lines;
    struct line line;

    lint->entries = arena_array(lint->arena, ENTRIES_MAX, sizeof(*lint->entries));
    lines_start(&lines, lint->master.text, lint->arena);
    while (lines_next(&lines, &line) && lint->n_entries < ENTRIES_MAX) {
        struct entry *entry = &lint->entries[lint->n_entries];
        struct fail why;

        entry->span = (struct span){&lint->master, line.start, line.end};
        if (master_cf_parse_entry(line.text, lint->arena, &entry->service, NULL, &why) <
            0) {
            lint_error(lint, entry->span, "%s", why.text);
            continue;
        }
        find_double(lint, entry);
        note_options(lint, &entry->service.args);
        lint->n_entries++;
    }
}

bool lint_service(const struct lint *lint, struct str name)
{
    for (size_t i = 0; i < lint->n_entries; i++)
        if (lint->entries[i].service.type != MASTER_INET &&
            str_is(name, lint->entries[i].service.name))
            return true;
    return false;
}

void lint_no_service(const struct scope *scope, const char *param, struct span at,
                     struct str name)
{
    struct lint *lint = scope->lint;
    struct nearest nearest = nearest_to(name);

    for (size_t i = 0; i < lint->n_entries; i++)
        if (lint->entries[i].service.type != MASTER_INET)
            nearest_try(&nearest, lint->entries[i].service.name);
    lint_error(lint, at, "%s: master.cf has no service \"%.*s\"%s", param, STR_ARG(name),
               nearest_words(&nearest, lint->arena));
}

/* --- one entry ------------------------------------------------------------------------
 */

static void check_address(struct lint *lint, const struct entry *entry)
{
    const char *name = entry->service.name;
    struct scope scope = {lint, NULL, lint->conf};
    struct endpoint endpoint;
    struct fail why;
    uint16_t port;

    if (endpoint_parse(str_of(name), ENDPOINT_ALONE_IS_PORT, lint->arena, &endpoint,
                       &why) < 0 ||
        endpoint_port(endpoint.port, scope_text(&scope, "known_tcp_ports"), &port, &why) <
            0)
        lint_error(lint, word_of(entry, name), "%s", why.text);
}

static bool has_word(struct str text, const char *word)
{
    struct str rest = text, found;

    while ((found = str_word(&rest, " \t\r\n,:={}\"")).n > 0)
        if (str_is(found, word))
            return true;
    return false;
}

/* Parameters that say which service does what, also when main.cf is silent. */
static bool is_default(struct lint *lint, const char *name)
{
    static const char *const params[] = {
        "local_transport",      "virtual_transport",    "relay_transport",
        "default_transport",    "cleanup_service_name", "queue_service_name",
        "rewrite_service_name", "bounce_service_name",  "defer_service_name",
        "error_service_name",   "pickup_service_name",  "showq_service_name"};
    struct scope scope = {lint, NULL, lint->conf};

    for (size_t i = 0; i < COUNT(params); i++)
        if (has_word(str_of(scope_text(&scope, params[i])), name))
            return true;
    return false;
}

static bool is_in_settings(const struct lint *lint, const char *name)
{
    for (size_t i = 0; i < lint->n_included; i++)
        if (has_word(lint->included[i].text, name))
            return true;
    return has_word(lint->main.text, name);
}

/*
 * Does mail, or do clients, come to this service? Stock files have entries for programs
 * that few sites have; only when something is sent there it is more than a slip.
 */
static bool is_used(struct lint *lint, const struct entry *entry)
{
    const char *name = entry->service.name;

    if (entry->service.type == MASTER_INET || is_default(lint, name) ||
        map_get(lint->routed, str_of(name)) || is_in_settings(lint, name))
        return true;
    for (size_t i = 0; i < lint->n_entries; i++) {
        const struct texts *args = &lint->entries[i].service.args;

        for (size_t k = 0; k < args->n && entry != &lint->entries[i]; k++)
            if (has_word(str_of(args->items[k]), name))
                return true;
    }
    return false;
}

static void missing(struct lint *lint, const struct entry *entry, struct span at,
                    const char *text)
{
    if (is_used(lint, entry))
        lint_error(lint, at, "%s", text);
    else
        lint_warn(lint, at, "%s; nothing is sent to service \"%s\"", text,
                  entry->service.name);
}

static void check_program(struct lint *lint, const struct entry *entry)
{
    struct scope scope = {lint, NULL, lint->conf};
    const char *directory = scope_text(&scope, "daemon_directory");
    const char *path =
        arena_printf(lint->arena, "%s/%s", directory, entry->service.command);

    if (access(path, X_OK) < 0)
        missing(lint, entry, program_of(entry),
                arena_printf(lint->arena, "program %s: %s", path, strerror(errno)));
}

/* user=name[:group] of pipe(8) and spawn(8), and the command behind argv=. */
static void check_command(struct lint *lint, const struct entry *entry)
{
    const struct texts *args = &entry->service.args;
    struct user user;

    for (size_t i = 0; i < args->n; i++) {
        struct str arg = str_of(args->items[i]), rest, name;

        if (str_starts(arg, "user=")) {
            rest = str_tail(arg, 5);
            name = str_until(&rest, ':');
            if (user_by_name(arena_copy_str(lint->arena, name), lint->arena, &user,
                             NULL) == 0)
                missing(
                    lint, entry, word_of(entry, args->items[i]),
                    arena_printf(lint->arena, "user %.*s is not known", STR_ARG(name)));
        } else if (str_starts(arg, "argv=/") && access(args->items[i] + 5, X_OK) < 0)
            missing(
                lint, entry, word_of(entry, args->items[i]),
                arena_printf(lint->arena, "%s: %s", args->items[i] + 5, strerror(errno)));
    }
}

/* --- what must be there ---------------------------------------------------------------
 */

static void check_needed(struct lint *lint)
{
    static const char *const needed[] = {"cleanup_service_name", "queue_service_name",
                                         "rewrite_service_name", "bounce_service_name",
                                         "defer_service_name",   "error_service_name",
                                         "pickup_service_name"};
    struct scope scope = {lint, NULL, lint->conf};

    for (size_t i = 0; i < COUNT(needed); i++) {
        struct str name = str_of(scope_text(&scope, needed[i]));

        if (!lint_service(lint, name))
            lint_no_service(&scope, needed[i],
                            scope_sets(&scope, needed[i])
                                ? scope_span(&scope, needed[i])
                                : (struct span){.source = &lint->master},
                            name);
    }
}

void lint_master(struct lint *lint)
{
    for (size_t i = 0; i < lint->n_entries; i++) {
        const struct entry *entry = &lint->entries[i];

        if (entry->service.type == MASTER_INET)
            check_address(lint, entry);
        check_program(lint, entry);
        if (strcmp(entry->service.command, "pipe") == 0 ||
            strcmp(entry->service.command, "spawn") == 0)
            check_command(lint, entry);
    }
    check_needed(lint);
}
