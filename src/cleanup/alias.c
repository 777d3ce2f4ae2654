/*
 * Virtual aliases: one recipient becomes the recipients that a table names,
 * and these again, until nothing changes. Results take the place of what they
 * were found for; all but the first go to the end.
 *
 * An alias that names itself stays as it is ("joe" -> "joe, jim" delivers to
 * joe too). What grows without end is refused for now, never cut.
 */
#include "cleanup/cleanup.h"

#include "util/log.h"

#define REASON_EXPANSION "4.6.0 Alias expansion error"

/* One recipient in the making. */
struct branch {
    const char *address;
    int depth;  /* aliases behind it */
    bool final; /* an alias named itself: not to be asked for again */
};

struct tree {
    struct message *m;
    const char *root;
    struct branch *branches;
    size_t n, size;
};

static int refuse(struct tree *tree, const char *what)
{
    log_warning("%s: unreasonable %s map %s for %s -- message not accepted, try again "
                "later",
                tree->m->draft.id, maps_param(tree->m->cleaner->virtual_alias_maps), what,
                tree->root);
    message_fail(tree->m, SUBMIT_TRY_AGAIN, REASON_EXPANSION);
    return -1;
}

static void add_branch(struct tree *tree, struct branch branch)
{
    if (tree->n == tree->size) {
        size_t size = tree->size ? tree->size * 2 : 8;
        struct branch *more = arena_array(tree->m->scratch, size, sizeof(*more));

        if (tree->n)
            memcpy(more, tree->branches, tree->n * sizeof(*more));
        tree->branches = more;
        tree->size = size;
    }
    tree->branches[tree->n++] = branch;
}

/* Put what an alias stands for in place of branch i. -1 = too much. */
static int replace(struct tree *tree, size_t i, const struct texts *by)
{
    const struct conf *conf = tree->m->cleaner->conf;
    struct branch from = tree->branches[i];

    for (size_t k = 0; k < by->n; k++) {
        struct branch to = {.address = by->items[k],
                            .depth = from.depth + 1,
                            .final = strcasecmp(by->items[k], from.address) == 0};

        if (strlen(to.address) > (size_t)conf->virtual_alias_address_length_limit)
            return refuse(tree, "address length");
        if (k == 0)
            tree->branches[i] = to;
        else
            add_branch(tree, to);
    }
    if (tree->n > (size_t)conf->virtual_alias_expansion_limit)
        return refuse(tree, "expansion");
    return 0;
}

/* Follow the aliases at branch i as far as they go. */
static int follow(struct tree *tree, size_t i)
{
    struct message *m = tree->m;
    const struct cleaner *cleaner = m->cleaner;

    while (!tree->branches[i].final) {
        const char *address = tree->branches[i].address;
        struct address_match match;
        struct texts found = {0};
        struct fail why;
        enum table_result result = address_lookup(
            &(struct address_query){cleaner->virtual_alias_maps, ADDRESS_MAPS_REWRITING,
                                    &cleaner->site.rules},
            str_of(address), m->scratch, &match, &why);

        if (result == TABLE_ERROR) {
            rewrite_failed(m, cleaner->virtual_alias_maps, address, &why);
            return -1;
        }
        if (result == TABLE_FOUND)
            rewrite_result(m, &match, address, cleaner->extends_virtual, &found);
        if (found.n == 0)
            return 0;
        if (tree->branches[i].depth >= cleaner->conf->virtual_alias_recursion_limit)
            return refuse(tree, "nesting");
        if (replace(tree, i, &found) < 0)
            return -1;
    }
    return 0;
}

int alias_expand(struct message *m, const char *address, struct texts *ret)
{
    struct tree tree = {.m = m, .root = address};

    add_branch(&tree, (struct branch){.address = address});
    if (*address && (m->flags & SUBMIT_MAP) &&
        !maps_empty(m->cleaner->virtual_alias_maps))
        for (size_t i = 0; i < tree.n; i++)
            if (follow(&tree, i) < 0)
                return -1;
    for (size_t i = 0; i < tree.n; i++)
        texts_add(ret, m->scratch, tree.branches[i].address);
    return 0;
}
