/*
 * Reads lists of restrictions: words from restrictions.cat, each with the
 * argument that its kind asks for. What cannot be understood is kept as a fault
 * that names parameter and word.
 */
#include "smtpd/restriction_list.h"

#include "smtpd/policy.h"
#include "table/match.h"

static const struct restriction restrictions[] = {
#define RESTRICTION(name, argument, stages) {#name, argument, stages, restrict_##name},
#define RESTRICTION_ALIAS(alias, name, argument, stages)                                 \
    {#alias, argument, stages, restrict_##name},
#include "smtpd/restrictions.gen.h"
};

const struct restriction *restriction_find(const char *name)
{
    for (size_t i = 0; i < COUNT(restrictions); i++)
        if (str_is_nocase(str_of(name), restrictions[i].name))
            return &restrictions[i];
    return NULL;
}

/* A list being parsed. */
struct parser {
    struct server *server;
    struct restriction_place place;
    struct arena *arena;
    struct texts words;
    size_t next;
};

static const char *fault(struct parser *p, const char *word, const char *what)
{
    return arena_printf(p->arena, "%s: %s \"%s\"", p->place.param, what, word);
}

/* compat: a table may stand without the restriction that is usual in the list. */
static const char *bare_table_restriction(enum stage stage)
{
    static const char *const names[STAGES] = {
        [STAGE_CLIENT] = "check_client_access",
        [STAGE_HELO] = "check_helo_access",
        [STAGE_SENDER] = "check_sender_access",
        [STAGE_RELAY] = "check_recipient_access",
        [STAGE_RECIPIENT] = "check_recipient_access",
        [STAGE_ETRN] = "check_etrn_access",
        [STAGE_LOCAL_REWRITE] = "check_address_map",
    };

    return names[stage];
}

/* "search_order = cert_fingerprint, pubkey_fingerprint". NULL, or what is wrong. */
static const char *take_order(struct parser *p, struct argument *argument,
                              struct str text)
{
    struct str name, word;

    if (!str_unbrace(text, &text))
        return "need { name = value } behind the table";
    name = str_trim(str_until(&text, '='));
    if (!str_is(name, "search_order"))
        return "unknown attribute";
    while ((word = str_word(&text, ", \t\r\n")).n > 0) {
        if (!str_is(word, "cert_fingerprint") && !str_is(word, "pubkey_fingerprint"))
            return "unknown search type";
        texts_add(&argument->order, p->arena, arena_copy_str(p->arena, word));
    }
    return NULL;
}

/* What check_ccert_access looks for, when its table says nothing else. */
static const char *parse_order(struct parser *p, struct argument *argument)
{
    struct str rest = str_of(argument->text), table, option;
    const char *wrong = NULL;

    if (!str_word_braced(&rest, ", \t\r\n", &table))
        return "braces do not match";
    while (!wrong && (rest = str_trim(rest)).n > 0 &&
           str_word_braced(&rest, ", \t\r\n", &option) && option.n > 0)
        wrong = take_order(p, argument, option);
    argument->text = arena_copy_str(p->arena, table);
    if (argument->order.n == 0) {
        texts_add(&argument->order, p->arena, "cert_fingerprint");
        texts_add(&argument->order, p->arena, "pubkey_fingerprint");
    }
    return wrong;
}

static void open_table(struct parser *p, struct restriction_item *item)
{
    const char *name = item->argument.text, *wrong = NULL;

    if (item->restriction->decide == restrict_check_ccert_access)
        wrong = parse_order(p, &item->argument);
    if (wrong) {
        item->fault = arena_printf(p->arena, "%s: restriction %s: %s: \"%s\"",
                                   p->place.param, item->restriction->name, wrong, name);
        return;
    }
    name = item->argument.text;
    if (strchr(name, ':'))
        item->argument.maps = maps_open(p->server->tables, p->place.param, name, 0);
    else
        item->fault = arena_printf(
            p->arena, "%s: restriction %s: bad argument \"%s\": need maptype:mapname",
            p->place.param, item->restriction->name, name);
}

static void find_policy(struct parser *p, struct restriction_item *item)
{
    struct fail why;

    item->argument.policy = policy_service_find(p->server, item->argument.text, &why);
    if (!item->argument.policy)
        item->fault = arena_printf(p->arena, "%s: restriction %s: %s", p->place.param,
                                   item->restriction->name, why.text);
}

static void parse_argument(struct parser *p, struct restriction_item *item)
{
    struct argument *argument = &item->argument;
    const char *name = item->restriction->name;
    enum argument_kind kind = item->restriction->argument;

    if (kind == NO_ARGUMENT || kind == RESTRICTION_ARGUMENT)
        return;
    if (p->next == p->words.n) {
        item->fault = fault(p, name, "argument missing behind");
        return;
    }
    argument->text = p->words.items[p->next++];
    if (kind == TABLE_ARGUMENT)
        open_table(p, item);
    else if (kind == POLICY_ARGUMENT)
        find_policy(p, item);
    else if (kind == HOSTS_ARGUMENT)
        argument->hosts =
            match_list_open(p->server->tables, p->place.param, argument->text, 0);
}

static const struct restriction_class *class_find(const struct server *server,
                                                  const char *name)
{
    for (size_t i = 0; i < server->n_classes; i++)
        if (strcmp(server->classes[i].name, name) == 0)
            return &server->classes[i];
    return NULL;
}

static void parse_item(struct parser *p, struct restriction_item *item)
{
    const char *word = p->words.items[p->next];

    if (strchr(word, ':') && bare_table_restriction(p->place.stage))
        word = bare_table_restriction(p->place.stage);
    else
        p->next++;
    *item = (struct restriction_item){.restriction = restriction_find(word),
                                      .class = class_find(p->server, word)};
    if (item->class)
        return;
    if (!item->restriction) {
        item->fault = fault(p, word, "unknown smtpd restriction:");
        return;
    }
    parse_argument(p, item);
    if (!(item->restriction->stages & 1U << p->place.stage))
        item->fault = fault(p, word, "not for this list:");
}

struct restriction_list *restriction_list_parse(struct server *server,
                                                struct restriction_place place,
                                                const char *value, struct arena *arena)
{
    struct restriction_list *list = ARENA_NEW(arena, struct restriction_list);
    struct parser parser = {.server = server, .place = place, .arena = arena};

    texts_split_braced(&parser.words, arena, str_of(value), ", \t\r\n");
    list->items = arena_array(arena, parser.words.n, sizeof *list->items);
    for (; parser.next < parser.words.n; list->n++)
        parse_item(&parser, &list->items[list->n]);
    return list;
}

/* All names first, since classes may name each other. */
void restriction_classes_parse(struct server *server)
{
    struct arena *arena = server->process->arena;
    struct texts names = {0};

    texts_split(&names, arena, str_of(server->conf->smtpd_restriction_classes),
                ", \t\r\n");
    server->classes = arena_array(arena, names.n, sizeof *server->classes);
    server->n_classes = names.n;
    for (size_t i = 0; i < names.n; i++)
        server->classes[i].name = names.items[i];
    for (size_t i = 0; i < names.n; i++) {
        struct restriction_place place = {names.items[i], STAGE_RECIPIENT};
        const char *value = conf_text(server->conf, names.items[i], NULL);

        if (value)
            server->classes[i].list = restriction_list_parse(server, place, value, arena);
    }
}

/* compat: what a class holds does not count. */
bool restriction_list_has(const struct restriction_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (!list->items[i].fault && list->items[i].restriction &&
            strcmp(list->items[i].restriction->name, name) == 0)
            return true;
    return false;
}
