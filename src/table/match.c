/*
 * Match lists. The list is taken apart once: files are read in place, network
 * patterns parsed. What cannot be read or parsed becomes an item that gives an
 * error when the search comes to it, since a list that opens a relay or a
 * mailbox must not quietly lose an item.
 */
#include "table/match.h"

#include "net/cidr.h"
#include "table/lines.h"
#include "table/registry.h"
#include "table/words.h"
#include "util/list.h"

enum item_kind { ITEM_TEXT, ITEM_NETWORK, ITEM_TABLE, ITEM_BAD };

struct item {
    enum item_kind kind;
    bool negated;
    struct str text;
    struct cidr network;
    struct table *table;
    struct fail bad;
};

struct match_list {
    const char *param;
    struct tables *tables;
    struct arena *arena;
    unsigned flags;
    struct list items;
};

enum { FILE_DEPTH_MAX = 20 };

#define SEPARATORS ", \t\r\n"

static void parse_items(struct match_list *list, struct str value, bool negated,
                        int depth);

/* --- taking the list apart ------------------------------------------------------------
 */

static void parse_file(struct match_list *list, struct item *item, const char *path,
                       int depth)
{
    struct table_lines *lines = NULL;
    struct str line;
    int got = -1;

    if (depth >= FILE_DEPTH_MAX)
        fail_set(&item->bad, "%s: files within files too deep", path);
    else
        lines = table_lines_open(path, &item->bad);
    while (lines && (got = table_lines_next(lines, &line, &item->bad)) > 0)
        parse_items(list, line, item->negated, depth + 1);
    table_lines_free(lines);
    if (got < 0) {
        item->kind = ITEM_BAD;
        list_add(&list->items, list->arena, item);
    }
}

/* "10.0.0.0/8", "[fd00::]/8": things with a '/' that are neither files nor tables. */
static void parse_network(struct item *item)
{
    item->kind = ITEM_NETWORK;
    if (cidr_parse(item->text, &item->network, &item->bad) < 0)
        item->kind = ITEM_BAD;
}

/* Does text look like "type:name", not like an address? */
static bool names_table(struct str text)
{
    return text.p[0] != '[' && str_find(text, ':') < text.n;
}

static void parse_item(struct match_list *list, struct str text, bool negated, int depth)
{
    struct item *item = ARENA_NEW(list->arena, struct item);

    while (text.n > 0 && text.p[0] == '!') {
        negated = !negated;
        text = str_tail(text, 1);
    }
    item->negated = negated;
    item->text = str_from(arena_copy_str(list->arena, text), text.n);
    if (text.n > 0 && text.p[0] == '/') {
        parse_file(list, item, item->text.p, depth);
        return;
    }
    if (text.n == 0) {
        item->kind = ITEM_BAD;
        fail_set(&item->bad, "no pattern after '!'");
    } else if (names_table(text)) {
        item->kind = ITEM_TABLE;
        item->table = table_open(list->tables, item->text.p, 0);
    } else if (str_find(text, '/') < text.n) {
        parse_network(item);
    } else if (text.p[0] == '[') {
        parse_network(item);
        if (item->kind == ITEM_BAD) /* a domain literal is a name, too */
            item->kind = ITEM_TEXT;
    }
    list_add(&list->items, list->arena, item);
}

static void parse_items(struct match_list *list, struct str value, bool negated,
                        int depth)
{
    struct str word;

    while ((word = table_word(&value)).n > 0)
        parse_item(list, word, negated, depth);
}

struct match_list *match_list_open(struct tables *tables, const char *param,
                                   const char *value, unsigned flags)
{
    struct arena *arena = tables_arena(tables);
    struct match_list *list = ARENA_NEW(arena, struct match_list);

    list->param = arena_copy(arena, param);
    list->tables = tables;
    list->arena = arena;
    list->flags = flags;
    parse_items(list, str_of(value), false, 0);
    return list;
}

unsigned match_parent_flag(const char *setting, const char *param)
{
    struct str rest = str_of(setting), word;

    while ((word = str_word(&rest, SEPARATORS)).n > 0)
        if (str_is(word, param))
            return MATCH_PARENTS;
    return 0;
}

bool match_list_empty(const struct match_list *list)
{
    return !list || list->items.n == 0;
}

/* --- asking
 * ------------------------------------------------------------------------------ */

/* What is looked for; empty views are not known. */
struct subject {
    struct str text;    /* as a string */
    struct str domain;  /* as a domain or host name */
    struct str literal; /* as a printable address */
    struct netaddr address;
    struct str user; /* local part, when the subject is an address */
};

static int ask_table(const struct item *item, struct str key, struct arena *arena,
                     struct fail *why)
{
    return key.n == 0 ? 0 : (int)table_lookup(item->table, key, arena, NULL, why);
}

/* The domain and its parents, ".parent" or "parent" by the list's habit. */
static int ask_table_domain(const struct match_list *list, const struct item *item,
                            struct str domain, struct arena *arena, struct fail *why)
{
    int found = ask_table(item, domain, arena, why);
    struct str rest = str_tail(domain, 1);

    while (found == 0 && str_find(rest, '.') < rest.n) {
        size_t dot = str_find(rest, '.');

        found =
            ask_table(item, str_tail(rest, dot + (list->flags & MATCH_PARENTS ? 1 : 0)),
                      arena, why);
        rest = str_tail(rest, dot + 1);
    }
    return found;
}

static bool matches_domain(const struct match_list *list, struct str pattern,
                           struct str domain)
{
    struct str end;

    if (domain.n == 0)
        return false;
    if (str_eq_nocase(pattern, domain))
        return true;
    if (domain.n <= pattern.n)
        return false;
    end = str_tail(domain, domain.n - pattern.n);
    if (!str_eq_nocase(end, pattern))
        return false;
    if (pattern.p[0] == '.')
        return !(list->flags & MATCH_PARENTS);
    return (list->flags & MATCH_PARENTS) && domain.p[domain.n - pattern.n - 1] == '.';
}

static int item_table_matches(const struct match_list *list, const struct item *item,
                              const struct subject *subject, struct fail *why)
{
    struct arena *arena = arena_new("match");
    int found = ask_table(item, subject->text, arena, why);

    if (found == 0 && subject->domain.n)
        found = ask_table_domain(list, item, subject->domain, arena, why);
    if (found == 0 && subject->literal.n)
        found = ask_table(item, subject->literal, arena, why);
    if (found == 0 && subject->user.n)
        found =
            ask_table(item, str_of(arena_printf(arena, "%.*s@", STR_ARG(subject->user))),
                      arena, why);
    arena_free(arena);
    return found;
}

/* "user@": every domain. */
static bool matches_user(struct str pattern, struct str user)
{
    return user.n > 0 && pattern.n == user.n + 1 && pattern.p[user.n] == '@' &&
           str_eq_nocase(str_head(pattern, user.n), user);
}

static bool item_text_matches(const struct match_list *list, const struct item *item,
                              const struct subject *subject)
{
    struct str pattern = item->text;

    if (subject->text.n && str_eq_nocase(pattern, subject->text))
        return true;
    if (subject->literal.n && str_eq_nocase(pattern, subject->literal))
        return true;
    if (subject->user.n && pattern.p[0] == '@')
        return str_eq_nocase(str_tail(pattern, 1), subject->domain);
    if (matches_user(pattern, subject->user))
        return true;
    return subject->domain.n && matches_domain(list, pattern, subject->domain);
}

/* 1, 0, -1 for the item alone, "!" not applied. */
static int item_matches(const struct match_list *list, const struct item *item,
                        const struct subject *subject, struct fail *why)
{
    switch (item->kind) {
    case ITEM_TEXT:
        return item_text_matches(list, item, subject);
    case ITEM_NETWORK:
        if (subject->address.family != NETADDR_NONE)
            return cidr_match(&item->network, &subject->address);
        return item_text_matches(list, item, subject);
    case ITEM_TABLE:
        return item_table_matches(list, item, subject, why);
    case ITEM_BAD:
        break;
    }
    return fail_set(why, "%s", item->bad.text);
}

static int match(const struct match_list *list, const struct subject *subject,
                 struct fail *why)
{
    for (size_t i = 0; list && i < list->items.n; i++) {
        const struct item *item = list->items.items[i];
        int matches = item_matches(list, item, subject, why);

        if (matches < 0)
            return fail_prefix(why, "%s", list->param);
        if (matches > 0)
            return !item->negated;
    }
    return 0;
}

int match_string(struct match_list *list, struct str text, struct fail *why)
{
    struct subject subject = {.text = text};

    return match(list, &subject, why);
}

int match_domain(struct match_list *list, struct str domain, struct fail *why)
{
    struct subject subject = {.domain = domain};

    return match(list, &subject, why);
}

int match_host(struct match_list *list, struct str name, struct str address,
               struct fail *why)
{
    struct subject subject = {.domain = name, .literal = address};

    netaddr_parse(address, &subject.address);
    return match(list, &subject, why);
}

int match_address(struct match_list *list, struct str address, struct fail *why)
{
    size_t at = str_find_last(address, '@');
    struct subject subject = {.text = address, .user = str_head(address, at)};

    if (at < address.n)
        subject.domain = str_tail(address, at + 1);
    return match(list, &subject, why);
}
