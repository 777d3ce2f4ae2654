/*
 * Address blocks. A block with bits behind its mask is most likely a typing
 * error that would match another network than meant, so it is refused.
 */
#include "net/cidr.h"

#include <stdio.h>

/* Clear all bits of the size bytes behind the first `bits`. */
static void mask(unsigned char *bytes, size_t size, unsigned bits)
{
    for (size_t i = 0; i < size; i++) {
        unsigned keep = bits > 8 * i ? bits - 8 * (unsigned)i : 0;

        if (keep < 8)
            bytes[i] &= (unsigned char)(0xff00u >> keep);
    }
}

struct cidr cidr_around(const struct netaddr *address, unsigned bits)
{
    struct cidr block = {.family = address->family};
    size_t size = netaddr_size(address);

    block.bits = bits > 8 * size ? 8 * (unsigned)size : bits;
    memcpy(block.bytes, address->bytes, size);
    mask(block.bytes, size, block.bits);
    return block;
}

/*
 * compat: a block that is written in the form of mapped addresses, as in Debian's
 * mynetworks, is one of IPv6. Clients are known by their IPv4 addresses, so it holds
 * none.
 */
static bool parse_address(struct str host, struct netaddr *ret)
{
    unsigned char ipv4[4];

    if (!netaddr_parse(host, ret) || ret->scope != 0)
        return false;
    if (ret->family == NETADDR_IPV4 && str_find(host, ':') < host.n) {
        memcpy(ipv4, ret->bytes, sizeof ipv4);
        *ret =
            (struct netaddr){.family = NETADDR_IPV6, .bytes = {[10] = 0xff, [11] = 0xff}};
        memcpy(ret->bytes + 12, ipv4, sizeof ipv4);
    }
    return true;
}

int cidr_parse(struct str text, struct cidr *ret, struct fail *why)
{
    struct str rest = text, host = str_until(&rest, '/');
    bool with_mask = host.n < text.n;
    unsigned long long bits;
    struct netaddr address;
    struct cidr block;
    char right[NETADDR_TEXT];

    if (!parse_address(host, &address))
        return fail_set(why, "bad net/mask pattern: \"%.*s\"", STR_ARG(text));
    bits = 8 * netaddr_size(&address);
    if (with_mask && !str_number(rest, bits, &bits))
        return fail_set(why, "bad net/mask pattern: \"%.*s\"", STR_ARG(text));
    block = cidr_around(&address, (unsigned)bits);
    if (memcmp(block.bytes, address.bytes, netaddr_size(&address)) != 0)
        return fail_set(why,
                        "non-null host address bits in \"%.*s\", perhaps you should use "
                        "\"%s\" instead",
                        STR_ARG(text), cidr_text(&block, right));
    *ret = block;
    return 0;
}

bool cidr_match(const struct cidr *block, const struct netaddr *address)
{
    size_t whole = block->bits / 8;
    unsigned rest = block->bits % 8;

    if (address->family != block->family)
        return false;
    if (memcmp(address->bytes, block->bytes, whole) != 0)
        return false;
    return rest == 0 || ((address->bytes[whole] ^ block->bytes[whole]) &
                         (0xff00u >> rest) & 0xffu) == 0;
}

const char *cidr_text(const struct cidr *block, char text[static NETADDR_TEXT])
{
    struct netaddr address = {.family = block->family};
    char bare[NETADDR_TEXT];
    bool ipv6 = block->family == NETADDR_IPV6;

    memcpy(address.bytes, block->bytes, sizeof address.bytes);
    snprintf(text, NETADDR_TEXT, "%s%.100s%s/%u", ipv6 ? "[" : "",
             netaddr_text(&address, bare), ipv6 ? "]" : "", block->bits);
    return text;
}
