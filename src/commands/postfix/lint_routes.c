/*
 * Routes: transports and services that master.cf does not have, ports that mean nothing,
 * and domains that belong to two classes.
 */
#include "commands/postfix/lint.h"

#include "conf/state.h"
#include "mail/transport.h"
#include "net/endpoint.h"
#include "table/match.h"
#include "table/words.h"

#include <string.h>

/* --- ports
 * ------------------------------------------------------------------------------
 */

void lint_port(const struct scope *scope, struct span at, struct str host_port)
{
    struct lint *lint = scope->lint;
    struct endpoint endpoint;
    struct fail why;
    uint16_t port;

    if (endpoint_parse(host_port, ENDPOINT_ALONE_IS_HOST, lint->arena, &endpoint, &why) <
            0 ||
        (*endpoint.port &&
         endpoint_port(endpoint.port, scope_text(scope, "known_tcp_ports"), &port, &why) <
             0))
        lint_error(lint, at, "%.*s: %s", STR_ARG(host_port), why.text);
}

static void check_nexthops(const struct scope *scope, const char *name)
{
    struct str rest = str_of(scope_text(scope, name)), word;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0)
        if (!str_starts(word, "unix:"))
            lint_port(scope, scope_word(scope, name, word, 0), word);
}

/* smtpd_milters: "inet:host:port", "unix:path", "{ inet:host:port, ... }" */
static void check_milters(const struct scope *scope, const char *name)
{
    struct str rest = str_of(scope_text(scope, name)), word;

    while ((word = str_word(&rest, "{}, \t\r\n")).n > 0)
        if (str_starts(word, "inet:"))
            lint_port(scope, scope_word(scope, name, word, 0), str_tail(word, 5));
}

/* --- services
 * ---------------------------------------------------------------------------
 */

static bool speaks_smtp(const struct lint *lint, struct str transport)
{
    for (size_t i = 0; i < lint->n_entries; i++)
        if (str_is(transport, lint->entries[i].service.name) &&
            lint->entries[i].service.type != MASTER_INET)
            return strcmp(lint->entries[i].service.command, "smtp") == 0;
    return false;
}

static void check_transport(const struct scope *scope, const char *name)
{
    struct str value = str_of(scope_text(scope, name));
    struct transport_route route = transport_split(value);
    struct span at = scope_word(scope, name, value, 0);

    if (route.transport.n == 0)
        return;
    if (!lint_service(scope->lint, route.transport))
        lint_no_service(scope, name, at, route.transport);
    else if (route.nexthop.n && speaks_smtp(scope->lint, route.transport) &&
             str_find_any(route.nexthop, ", ") == route.nexthop.n)
        lint_port(scope, at, route.nexthop);
}

void lint_routes(const struct scope *scope)
{
    const struct conf_state *state = scope->conf->state;
    const struct settings *settings = scope->entry ? &state->options : &state->file;

    for (size_t i = 0; i < settings->n; i++) {
        const char *name = settings->items[i].name;
        struct param param;

        if (!param_find(str_of(name), &param))
            continue;
        if (param.type == PARAM_TRANSPORT)
            check_transport(scope, name);
        else if (param.type == PARAM_NEXTHOP)
            check_nexthops(scope, name);
        else if (param.type == PARAM_SERVICE && *scope_text(scope, name) &&
                 strstr(name, "non_bdb") == NULL &&
                 !lint_service(scope->lint, str_of(scope_text(scope, name))))
            lint_no_service(scope, name, scope_span(scope, name),
                            str_of(scope_text(scope, name)));
        else if (strstr(name, "_milters"))
            check_milters(scope, name);
    }
}

/* --- two classes for one domain
 * ---------------------------------------------------------
 */

static const char *const classes[] = {"mydestination", "virtual_alias_domains",
                                      "virtual_mailbox_domains", "relay_domains"};

/* A pair that is usual: relay_domains = $mydestination was the default once. */
static bool may_overlap(size_t a, size_t b)
{
    return a == 0 && b == 3;
}

/* Everything in list a, asked of list b. */
struct overlap {
    const struct scope *scope;
    const char *a, *b;
    struct match_list *list; /* b */
};

static void check_domain(const struct overlap *o, struct str domain, struct str item)
{
    struct lint *lint = o->scope->lint;
    struct span at;

    if (domain.n == 0 || domain.p[0] == '.' || str_find(domain, '@') < domain.n ||
        match_domain(o->list, domain, NULL) != 1 ||
        map_set(lint->said,
                str_of(strcmp(o->a, o->b) < 0
                           ? arena_printf(lint->arena, "%s %s %.*s", o->a, o->b,
                                          STR_ARG(domain))
                           : arena_printf(lint->arena, "%s %s %.*s", o->b, o->a,
                                          STR_ARG(domain))),
                lint))
        return;
    at = scope_word(o->scope, o->b, domain, 0);
    if (!scope_sets(o->scope, o->b))
        at = scope_word(o->scope, o->a, item, 0);
    lint_error(lint, at, "domain %.*s is in both %s and %s", STR_ARG(domain), o->a, o->b);
}

static void check_table(const struct overlap *o, struct str name)
{
    struct lint *lint = o->scope->lint;
    struct table *table = table_open(lint->tables, arena_copy_str(lint->arena, name), 0);
    struct str key, value;
    struct fail why;

    if (table_failure(table) || !table_is_fixed(table))
        return;
    for (bool first = true; table_next(table, first, &key, &value, &why) == TABLE_FOUND;
         first = false) {
        if (key.n && key.p[key.n - 1] == '\0')
            key.n--;
        check_domain(o, key, name);
    }
}

static bool can_be_listed(struct str item)
{
    return str_starts(item, "hash:") || str_starts(item, "btree:") ||
           str_starts(item, "texthash:") || str_starts(item, "inline:");
}

static void compare(const struct overlap *o)
{
    struct str rest = str_of(scope_text(o->scope, o->a)), word;

    while ((word = table_word(&rest)).n > 0)
        if (can_be_listed(word))
            check_table(o, word);
        else if (word.p[0] != '!' && word.p[0] != '/' && str_find(word, ':') == word.n)
            check_domain(o, word, word);
}

/* Both ways, since a domain may be spelled out in one list and stand in a table of the
 * other. */
void lint_classes(struct lint *lint)
{
    struct scope scope = {lint, NULL, lint->conf};

    for (size_t i = 0; i < COUNT(classes); i++)
        for (size_t j = 0; j < COUNT(classes); j++) {
            struct overlap o = {&scope, classes[i], classes[j], NULL};

            if (i == j || may_overlap(i, j) || may_overlap(j, i) ||
                !scope_sets(&scope, o.b))
                continue;
            o.list = match_list_open(lint->tables, o.b, scope_text(&scope, o.b), 0);
            compare(&o);
        }
}
