/*
 * "postfix explain": the way that mail for an address takes by the configuration as it
 * is now, and what decided each step. Tables are asked, nothing is sent, and the mail
 * system need not run.
 *
 * The route is the one that trivial-rewrite(8) would answer (route/route.h). Rewriting
 * follows what cleanup(8) does to an envelope recipient.
 */
#include "commands/postfix/postfix.h"

#include "conf/mail_settings.h"
#include "conf/master_cf.h"
#include "conf/state.h"
#include "mail/address_list.h"
#include "route/route.h"
#include "util/file.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANONICAL_MAX = 10, BRANCHES_MAX = 1000, SOURCE_MAX = 1 << 26 };

struct explanation {
    const struct conf *conf; /* as trivial-rewrite sees it */
    struct arena *arena;
    struct router router;
    struct master_cf master;
    const char *sender;
};

/* --- where something was decided -------------------------------------------------------
 */

/* ", /etc/postfix/virtual:12" when the source of the table is there and has the key. */
static const char *entry_place(struct explanation *e, const char *table, const char *key)
{
    const char *path = strchr(table, ':');
    struct str source, line;
    struct fail why;

    if (path == NULL || path[1] != '/' ||
        file_read(path + 1, SOURCE_MAX, e->arena, &source, &why) < 0)
        return "";
    for (int number = 1; source.n > 0; number++) {
        struct str first;

        line = str_until(&source, '\n');
        first = str_head(line, str_find_any(line, " \t:"));
        if (line.n && *key && str_is_nocase(first, key))
            return arena_printf(e->arena, ", %s:%d", path + 1, number);
    }
    return "";
}

/* "relayhost, /etc/postfix/main.cf:7", "relayhost (default)" */
static const char *place_of(struct explanation *e, const struct conf *conf,
                            const struct master_service *service, const char *param)
{
    const struct conf_state *state = conf->state;
    const struct setting *setting = state_setting(state, str_of(param));

    if (setting == NULL)
        return arena_printf(e->arena, "%s (default)", param);
    if (setting->path == NULL && service)
        return arena_printf(e->arena, "%s, %s:%d", param, e->master.path, service->line);
    if (setting->path == NULL)
        return arena_printf(e->arena, "%s (command line)", param);
    return arena_printf(e->arena, "%s, %s:%d", param, setting->path, setting->line);
}

static const char *reason_text(struct explanation *e, const struct route_reason *reason)
{
    const char *place;

    if (reason->param == NULL)
        return "because nothing else says so";
    place = place_of(e, e->conf, NULL, reason->param);
    return reason->table
               ? arena_printf(e->arena, "%s: %s has \"%s\"%s", place, reason->table,
                              reason->key, entry_place(e, reason->table, reason->key))
               : place;
}

static void say(const char *what, const char *value, const char *why)
{
    printf("  %-12s %-36s  %s\n", what, value, why);
}

/* --- rewriting
 * --------------------------------------------------------------------------
 */

static const char *standard_form(struct explanation *e, const char *address)
{
    const struct rewrite_settings settings = conf_rewrite_settings(e->conf);
    const struct rewrite_rules rules = rewrite_rules_local(&settings);
    const char *result;
    struct buf out;

    buf_init(&out, 1 << 16);
    rewrite_address(&rules, str_of(address), &out);
    result = arena_copy_str(e->arena, buf_str(&out));
    buf_done(&out);
    return result;
}

static bool has_word(const struct explanation *e, const char *param, const char *word)
{
    const char *value = conf_text(e->conf, param, NULL);
    struct texts words = {0};

    texts_split(&words, e->arena, str_of(value ? value : ""), ", \t\r\n");
    return texts_has(&words, str_of(word), true);
}

/* What an entry says instead of address; extend: with the extension that it lacks. */
static void results(struct explanation *e, const struct address_match *match,
                    const char *address, bool extend, struct texts *ret)
{
    struct address_list *list = address_list_parse(match->value, BRANCHES_MAX, e->arena);

    for (size_t i = 0; i < list->n; i++) {
        struct str result = list->items[i].address;

        if (list->items[i].kind != ADDRESS_MAILBOX || result.n == 0)
            continue;
        result = address_keep_user(e->arena, result, str_of(address));
        result = str_of(standard_form(e, arena_copy_str(e->arena, result)));
        if (extend)
            result = address_add_extension(e->arena, result, match->extension);
        texts_add(ret, e->arena, arena_copy_str(e->arena, result));
    }
}

/* Ask the tables of param; false when they say nothing. A failure ends the program. */
static bool ask(struct explanation *e, const char *param, const char *address,
                bool extend, struct texts *ret)
{
    const char *value = conf_text(e->conf, param, NULL);
    struct maps *maps = maps_open(e->router.tables, param, value ? value : "", 0);
    struct address_match match;
    struct route_reason reason;
    struct fail why;
    enum table_result result = address_lookup(
        &(struct address_query){maps, ADDRESS_MAPS_REWRITING, &e->router.site.rules},
        str_of(address), e->arena, &match, &why);

    if (result == TABLE_ERROR)
        fatal("%s: %s", param, why.text);
    if (result != TABLE_FOUND)
        return false;
    results(e, &match, address, extend, ret);
    reason = (struct route_reason){param, table_name(match.table),
                                   arena_copy_str(e->arena, match.key)};
    say("becomes", arena_copy_str(e->arena, match.value), reason_text(e, &reason));
    return ret->n > 0;
}

static const char *canonical(struct explanation *e, const char *param,
                             const char *classes, const char *address)
{
    bool extend = has_word(e, "propagate_unmatched_extensions", "canonical");

    if (!has_word(e, classes, "envelope_recipient"))
        return address;
    for (int i = 0; i < CANONICAL_MAX; i++) {
        struct texts next = {0};

        if (!ask(e, param, address, extend, &next) ||
            strcasecmp(next.items[0], address) == 0)
            break;
        address = next.items[0];
    }
    return address;
}

/* All addresses that a virtual alias stands for, in the end. */
static struct texts expand(struct explanation *e, const char *address)
{
    bool extend = has_word(e, "propagate_unmatched_extensions", "virtual");
    struct texts pending = {0}, final = {0};

    texts_add(&pending, e->arena, address);
    for (size_t i = 0; i < pending.n && i < BRANCHES_MAX; i++) {
        struct texts next = {0};

        if (!ask(e, "virtual_alias_maps", pending.items[i], extend, &next))
            texts_add(&final, e->arena, pending.items[i]);
        for (size_t k = 0; k < next.n; k++)
            texts_add(strcasecmp(next.items[k], pending.items[i]) == 0 ? &final
                                                                       : &pending,
                      e->arena, next.items[k]);
    }
    if (pending.n > BRANCHES_MAX)
        fatal("%s: its virtual aliases have no end", address);
    return final;
}

/* --- the transport ------------------------------------------------------------------ */

static const struct master_service *service_of(const struct explanation *e,
                                               const char *transport)
{
    for (size_t i = 0; i < e->master.n; i++)
        if (e->master.services[i].type != MASTER_INET &&
            strcmp(e->master.services[i].name, transport) == 0)
            return &e->master.services[i];
    return NULL;
}

static void explain_limit(struct explanation *e, const char *transport, const char *what,
                          const char *suffix)
{
    const char *own = arena_printf(e->arena, "%s_%s", transport, suffix);
    const char *general = arena_printf(e->arena, "default_%s", suffix);
    struct fail why;
    int value;

    if (conf_service_int(e->conf, transport, suffix, &value, &why) < 0)
        fatal("%s", why.text);
    say(what, arena_printf(e->arena, "%d", value),
        place_of(e, e->conf, NULL, conf_is_set(e->conf, own) ? own : general));
}

/* --- TLS ------------------------------------------------------------------------------
 */

/* The entry for a next hop: as it is written, then, for a bare domain, its parents. */
static bool find_policy(struct explanation *e, struct maps *maps, const char *nexthop,
                        struct maps_answer *ret, const char **ret_key)
{
    struct str key = str_of(nexthop);
    struct fail why;

    for (;;) {
        enum table_result result =
            maps_lookup_from(maps, key, MAPS_ALL, e->arena, ret, &why);
        size_t dot;

        if (result == TABLE_ERROR)
            fatal("%s", why.text);
        *ret_key = arena_copy_str(e->arena, key);
        if (result == TABLE_FOUND)
            return true;
        dot = 1 + str_find(str_tail(key, 1), '.');
        if (*nexthop == '[' || dot >= key.n)
            return false;
        key = str_tail(key, dot);
    }
}

/* The level without a policy: the newer parameter, else the two older ones. */
static void explain_level(struct explanation *e, const struct conf *conf,
                          const struct master_service *service)
{
    static const struct {
        const char *suffix, *level;
    } rules[] = {
        {"tls_security_level", NULL}, {"enforce_tls", "encrypt"}, {"use_tls", "may"}};

    for (size_t i = 0; i < COUNT(rules); i++) {
        const char *param =
            arena_printf(e->arena, "%s_%s", service->command, rules[i].suffix);
        const char *value = conf_text(conf, param, NULL);

        if (value == NULL || *value == '\0' || strcasecmp(value, "no") == 0)
            continue;
        say("TLS", rules[i].level ? rules[i].level : value,
            place_of(e, conf, service, param));
        return;
    }
    say("TLS", "none",
        place_of(e, conf, service,
                 arena_printf(e->arena, "%s_tls_security_level", service->command)));
}

static void explain_tls(struct explanation *e, const struct master_service *service,
                        const char *nexthop)
{
    const char *param = arena_printf(e->arena, "%s_tls_policy_maps", service->command);
    struct texts options = {0};
    struct maps_answer answer;
    struct conf *conf;
    const char *key, *value;
    struct fail why;

    for (size_t i = 0; i + 1 < service->args.n; i++)
        if (strcmp(service->args.items[i], "-o") == 0)
            texts_add(&options, e->arena, service->args.items[++i]);
    conf = conf_load(&(struct conf_options){.program = service->command,
                                            .service = service->name,
                                            .directory = e->conf->config_directory,
                                            .overrides = options.items,
                                            .texts_only = true},
                     &why);
    if (conf == NULL)
        fatal("%s", why.text);
    value = conf_text(conf, param, NULL);
    if (find_policy(e, maps_open(e->router.tables, param, value ? value : "", 0), nexthop,
                    &answer, &key))
        say("TLS", arena_copy_str(e->arena, answer.value),
            arena_printf(e->arena, "%s: %s has \"%s\"%s",
                         place_of(e, conf, service, param), table_name(answer.table), key,
                         entry_place(e, table_name(answer.table), key)));
    else
        explain_level(e, conf, service);
    conf_free(conf);
}

/* --- one final address ----------------------------------------------------------------
 */

static const char *class_name(int flags)
{
    static const struct {
        int flag;
        const char *name;
    } classes[] = {{RESOLVE_ERROR, "none: the address is not valid"},
                   {RESOLVE_LOCAL, "local"},
                   {RESOLVE_VIRTUAL_ALIAS, "virtual alias"},
                   {RESOLVE_VIRTUAL_MAILBOX, "virtual mailbox"},
                   {RESOLVE_RELAY, "relay"}};

    for (size_t i = 0; i < COUNT(classes); i++)
        if (flags & classes[i].flag)
            return classes[i].name;
    return "default";
}

static void explain_service(struct explanation *e, const struct resolved *route)
{
    const struct master_service *service = service_of(e, route->transport);

    if (service == NULL) {
        say("service", "none",
            arena_printf(e->arena, "%s has no service \"%s\"", e->master.path,
                         route->transport));
        return;
    }
    say("service", service->command,
        arena_printf(e->arena, "%s:%d", e->master.path, service->line));
    explain_limit(e, route->transport, "connections", "destination_concurrency_limit");
    explain_limit(e, route->transport, "recipients", "destination_recipient_limit");
    explain_limit(e, route->transport, "rate delay", "destination_rate_delay");
    if (strcmp(service->command, "smtp") == 0 || strcmp(service->command, "lmtp") == 0)
        explain_tls(e, service, route->nexthop);
}

static void explain_route(struct explanation *e, const char *address)
{
    struct resolve question = {.sender = e->sender, .address = address};
    struct route_reasons reasons;
    struct resolved route;
    struct fail why;

    printf("%s\n", address);
    if (router_explain(&e->router, &question, e->arena, &route, &reasons, &why) < 0 &&
        (route.flags & RESOLVE_FAIL))
        fatal("%s", why.text);
    if (strcmp(route.recipient, address) != 0)
        say("goes to", route.recipient, "routing inside the address");
    say("class", class_name(route.flags), reason_text(e, &reasons.class));
    say("transport", route.transport, reason_text(e, &reasons.transport));
    say("next hop", route.nexthop,
        str_is(address_split(str_of(route.recipient)).domain, route.nexthop)
            ? "the domain of the address"
            : reason_text(e, &reasons.nexthop));
    if (route.flags & RESOLVE_ROUTED)
        say("refused", "for strangers", "it holds further routing");
    explain_service(e, &route);
}

/* --- the whole -------------------------------------------------------------------------
 */

void explain_address(const struct control *control, const char *address,
                     const char *sender)
{
    struct explanation e = {.arena = control->command.arena, .sender = sender};
    const char *directory = control->conf->config_directory;
    const char *path = arena_printf(e.arena, "%s/master.cf", directory);
    const char *standard;
    struct texts final;
    struct fail why;

    e.conf = conf_load(
        &(struct conf_options){.program = "trivial-rewrite", .directory = directory},
        &why);
    if (e.conf == NULL || router_init(&e.router, e.conf, e.arena, &why) < 0 ||
        master_cf_read(path, e.conf, e.arena, &e.master, &why) < 0)
        fatal("%s", why.text);
    printf("%s\n", address);
    standard = standard_form(&e, address_internal(e.arena, str_of(address)));
    if (strcmp(standard, address) != 0)
        say("becomes", standard, "standard form: myorigin, append_dot_mydomain");
    standard = canonical(&e, "recipient_canonical_maps", "recipient_canonical_classes",
                         standard);
    standard = canonical(&e, "canonical_maps", "canonical_classes", standard);
    final = expand(&e, standard);
    for (size_t i = 0; i < final.n; i++)
        explain_route(&e, final.items[i]);
    tables_free(e.router.tables);
}
