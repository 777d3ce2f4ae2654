/*
 * cidr:file - networks and what they mean, first match wins: "10.0.0.0/8 ok".
 * A key that is no IP address matches nothing. No substitution.
 */
#include "net/cidr.h"

#include "table/rules.h"
#include "table/types.h"

/* Why is word no network? In the words that administrators know. */
static int refuse(struct str word, const struct fail *bad, struct fail *why)
{
    struct str mask = word, host = str_until(&mask, '/');
    struct netaddr address;
    unsigned long long bits;

    if (!netaddr_parse(host, &address))
        return fail_set(why, "bad address pattern: \"%.*s\": skipping this rule",
                        STR_ARG(host));
    if (host.n < word.n && !str_number(mask, 1000, &bits))
        return fail_set(why, "bad mask value in \"%.*s\": skipping this rule",
                        STR_ARG(word));
    if (host.n < word.n && bits > 8 * netaddr_size(&address))
        return fail_set(why, "bad mask length in \"%.*s\": skipping this rule",
                        STR_ARG(word));
    return fail_set(why, "%s: skipping this rule", bad->text);
}

static int cidr_rule_parse(struct table *table, struct str *rest, bool is_if,
                           struct rule_pattern *ret, struct fail *why)
{
    struct cidr *block = ARENA_NEW(table->arena, struct cidr);
    struct str word = str_word(rest, " \t\r\n");
    struct fail bad;

    (void)is_if;
    if (cidr_parse(word, block, &bad) < 0)
        return refuse(word, &bad, why);
    ret->pattern = block;
    return 0;
}

static void *cidr_begin(struct str key, struct arena *arena)
{
    struct netaddr *address = ARENA_NEW(arena, struct netaddr);

    return netaddr_parse(key, address) ? address : NULL;
}

static int cidr_rule_match(void *pattern, struct str key, void *shared,
                           struct rule_groups *ret_groups, struct fail *why)
{
    (void)key;
    (void)ret_groups;
    (void)why;
    return cidr_match(pattern, shared);
}

static const struct rule_kind cidr_rules = {
    .map = "cidr map",
    .parse = cidr_rule_parse,
    .begin = cidr_begin,
    .match = cidr_rule_match,
    .no_result = "no lookup result: skipping this rule",
    .no_if = "ENDIF without IF: skipping this rule",
};

static int cidr_open(struct table *table, struct fail *why)
{
    return rules_open(table, &cidr_rules, why);
}

const struct table_type table_cidr = {
    .name = "cidr",
    .open = cidr_open,
    .lookup = rules_lookup,
    .close = rules_close,
};
