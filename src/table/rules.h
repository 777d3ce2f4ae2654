/*
 * Tables that are lists of rules: cidr, regexp and pcre. What a pattern is and
 * when it matches is the type's; rules.c reads the file (or the rules in the
 * table's name), nests if and endif, and finds the first rule that matches.
 *
 * A bad rule costs a warning and is left out; the others stay in force.
 */
#ifndef TABLE_RULES_H
#define TABLE_RULES_H

#include "table/type.h"

#include <stdint.h>

/* The parts of the key that the last match found: substring i starts at offsets[2i] and
 * ends before offsets[2i+1]. */
struct rule_groups {
    size_t offsets[2 * 100];
    size_t n; /* number of groups, the whole match included */
};

/* A rule cannot match a key whose number differs from bits where mask has ones. */
struct rule_head {
    uint64_t bits, mask;
};

/* What a rule asks of the key. */
struct rule_pattern {
    void *pattern;         /* of the kind; lives in table->arena */
    unsigned groups;       /* how many "$n" it has */
    struct str prefix;     /* in small letters; a key that does not begin so, in any case,
                              cannot match. May be empty. */
    struct rule_head head; /* the same for keys of which begin made a number */
};

enum { RULE_FOREIGN = 2 };

struct rule_kind {
    const char *map; /* for warnings: "cidr map" */
    /* Parse the pattern at the start of *rest and step over it (for "if" to the end). */
    int (*parse)(struct table *table, struct str *rest, bool is_if,
                 struct rule_pattern *ret, struct fail *why);
    /*
     * What all matches of one lookup share, undone by end (which may be NULL);
     * NULL when the key is of no form that any rule could speak of. *ret_head is the
     * key as a number for rule_head; left alone, it is made of how the key begins.
     */
    void *(*begin)(struct str key, struct arena *arena, uint64_t *ret_head);
    void (*end)(void *shared);
    /* 1 = matches, 0 = does not, -1 = could not find out; RULE_FOREIGN = says nothing of
     * such keys, with "!" or without. */
    int (*match)(void *pattern, struct str key, void *shared,
                 struct rule_groups *ret_groups, struct fail *why);
    void (*release)(void *pattern); /* NULL = nothing to release */
    bool substitutes;               /* "$1" in results */
    /* Words that differ from type to type (compat). */
    const char
        *no_result;    /* a rule without a result is dropped; NULL = warned of, kept */
    const char *no_if; /* an endif too many */
};

/* How many rules were read so far. */
size_t rules_count(const struct table *table);
int rules_open(struct table *table, const struct rule_kind *kind,
               struct fail *why) MUST_CHECK;

/* For struct table_type. */
enum table_result rules_lookup(struct table *table, struct str key, struct arena *arena,
                               struct str *ret_value, struct fail *why);
void rules_close(struct table *table);

#endif
