/*
 * Reads lists of restrictions: words from restrictions.cat, each with the
 * argument that its kind asks for. What cannot be understood is kept as a fault
 * that names parameter and word.
 */
#include "smtpd/restriction_list.h"

#include "conf/mail_settings.h"
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
        [STAGE_LOCAL_REWRITE] = "check_address_map",
    };

    return names[stage];
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
    if (kind == HOSTS_ARGUMENT)
        argument->hosts =
            match_list_open(p->server->tables, p->place.param, argument->text, 0);
}

static void parse_item(struct parser *p, struct restriction_item *item)
{
    const char *word = p->words.items[p->next];

    if (strchr(word, ':') && bare_table_restriction(p->place.stage))
        word = bare_table_restriction(p->place.stage);
    else
        p->next++;
    *item = (struct restriction_item){.restriction = restriction_find(word)};
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

bool restriction_list_has(const struct restriction_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (!list->items[i].fault && strcmp(list->items[i].restriction->name, name) == 0)
            return true;
    return false;
}
