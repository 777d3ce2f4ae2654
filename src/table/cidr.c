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

/* An address as two numbers, and which of their bits a network speaks of. */
struct block {
    uint64_t value[2], mask[2];
    enum netaddr_family family;
};

static void set_value(struct block *block, const unsigned char bytes[16],
                      enum netaddr_family family)
{
    size_t n = family == NETADDR_IPV4 ? 4 : 16;

    block->family = family;
    memcpy(block->value, bytes, n);
}

static struct block *block_of(const struct cidr *cidr, struct arena *arena)
{
    struct block *block = ARENA_NEW(arena, struct block);
    unsigned char mask[16] = {0};

    set_value(block, cidr->bytes, cidr->family);
    for (unsigned i = 0; i < cidr->bits; i++)
        mask[i / 8] |= (unsigned char)(0x80u >> i % 8);
    memcpy(block->mask, mask, sizeof(mask));
    return block;
}

static int cidr_rule_parse(struct table *table, struct str *rest, bool is_if,
                           struct rule_pattern *ret, struct fail *why)
{
    struct str word = str_word(rest, " \t\r\n");
    struct block *block;
    struct cidr cidr;
    struct fail bad;

    (void)is_if;
    if (cidr_parse(word, &cidr, &bad) < 0)
        return refuse(word, &bad, why);
    block = block_of(&cidr, table->arena);
    ret->pattern = block;
    ret->head = (struct rule_head){block->value[0], block->mask[0]};
    return 0;
}

static void *cidr_begin(struct str key, struct arena *arena, uint64_t *ret_head)
{
    struct block *block = ARENA_NEW(arena, struct block);
    struct netaddr address;

    if (!netaddr_parse(key, &address))
        return NULL;
    set_value(block, address.bytes, address.family);
    *ret_head = block->value[0];
    return block;
}

static int cidr_rule_match(void *pattern, struct str key, void *shared,
                           struct rule_groups *ret_groups, struct fail *why)
{
    const struct block *net = pattern, *address = shared;

    (void)key;
    (void)ret_groups;
    (void)why;
    if (net->family != address->family)
        return RULE_FOREIGN;
    return !((net->value[0] ^ address->value[0]) & net->mask[0]) &&
           !((net->value[1] ^ address->value[1]) & net->mask[1]);
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
