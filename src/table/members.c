/* Opening the members of unionmap: and pipemap:, and the words of randmap:. */
#include "table/members.h"

#include "table/words.h"

bool members_words(const struct table *table, struct texts *ret)
{
    struct str rest, word;

    if (!str_unbrace(str_of(table->path), &rest))
        return false;
    while ((word = table_word(&rest)).n > 0)
        texts_add(ret, table->arena, arena_copy_str(table->arena, word));
    return ret->n > 0;
}

/* What the caller asked for holds for the members, but the files are read once. */
static struct table *open_member(struct table *table, const char *name)
{
    return table_open(table->tables, name, table->flags & ~(unsigned)TABLE_FILES);
}

int members_open(struct table *table, struct fail *why)
{
    struct members *members = ARENA_NEW(table->arena, struct members);
    struct texts names = {0};
    bool good = members_words(table, &names);

    for (size_t i = 0; good && i < names.n; i++)
        good = strchr(names.items[i], ':') != NULL;
    if (!good)
        return fail_set(why, "bad syntax: \"%s\"; need \"%s:{type:name...}\"",
                        table->name, table->type->name);
    table->state = members;
    for (size_t i = 0; i < names.n; i++) {
        struct table *member = open_member(table, names.items[i]);

        if (table_failure(member))
            return fail_set(why, "%s: %s", names.items[i], table_failure(member));
        list_add(&members->list, table->arena, member);
    }
    return 0;
}

struct members *members_of(const struct table *table)
{
    return table->state;
}

uid_t members_owner(const struct table *table)
{
    const struct list *list = &members_of(table)->list;
    uid_t owner = 0;

    for (size_t i = 0; i < list->n; i++) {
        uid_t other = table_owner(list->items[i]);

        if (owner && other && owner != other)
            return (uid_t)-1;
        owner = other ? other : owner;
    }
    return owner;
}
