/*
 * Walks through postscreen_access_list. Tables are asked for the whole address only: a
 * pattern of networks is what cidr: is for.
 */
#include "postscreen/access.h"

#include "util/log.h"

#define PARAM "postscreen_access_list"

struct access_list {
    struct tables *tables;
    struct match_list *mynetworks;
    struct texts items;
};

struct access_list *access_open(struct tables *tables, const char *value,
                                const char *mynetworks, struct arena *arena)
{
    struct access_list *list = ARENA_NEW(arena, struct access_list);

    list->tables = tables;
    texts_split_braced(&list->items, arena, str_of(value), ", \t\r\n");
    list->mynetworks = match_list_open(tables, "mynetworks", mynetworks, 0);
    for (size_t i = 0; i < list->items.n; i++)
        if (strchr(list->items.items[i], ':')) /* opened before the jail */
            (void)table_open(tables, list->items.items[i], 0);
    return list;
}

/* -1 = ends the list. */
static int word(const char *origin, struct str text)
{
    static const struct {
        const char *word;
        enum access_verdict verdict;
    } words[] = {
        {"permit", ACCESS_PERMIT}, {"reject", ACCESS_REJECT}, {"dunno", ACCESS_DUNNO}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_is_nocase(text, words[i].word))
            return (int)words[i].verdict;
    log_warning("%s: unknown command: %.*s -- ignoring the remainder of this access list",
                origin, STR_ARG(text));
    return -1;
}

static int could_not_tell(const struct fail *why)
{
    log_warning("%s: %s -- ignoring the remainder of this access list", PARAM, why->text);
    return -1;
}

static int ask_table(const struct access_list *list, const char *name,
                     const char *address)
{
    struct arena *arena = arena_new("access");
    struct str value;
    struct fail why;
    enum table_result found = table_lookup(table_open(list->tables, name, 0),
                                           str_of(address), arena, &value, &why);
    int verdict = ACCESS_DUNNO;

    if (found == TABLE_ERROR)
        verdict = could_not_tell(&why);
    else if (found == TABLE_FOUND)
        verdict = word(name, str_trim(value));
    arena_free(arena);
    return verdict;
}

static int ask(const struct access_list *list, const char *item, const char *address)
{
    struct fail why;
    int matches;

    if (strchr(item, ':'))
        return ask_table(list, item, address);
    if (!str_is_nocase(str_of(item), "permit_mynetworks"))
        return word(PARAM, str_of(item));
    matches = match_host(list->mynetworks, STR_NONE, str_of(address), &why);
    if (matches < 0)
        return could_not_tell(&why);
    return matches ? ACCESS_PERMIT : ACCESS_DUNNO;
}

enum access_verdict access_judge(const struct access_list *list, const char *address)
{
    int verdict = ACCESS_DUNNO;

    for (size_t i = 0; i < list->items.n && verdict == ACCESS_DUNNO; i++)
        verdict = ask(list, list->items.items[i], address);
    return verdict < 0 ? ACCESS_DUNNO : (enum access_verdict)verdict;
}
