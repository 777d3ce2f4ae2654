/* Reads the filters of block lists, and makes the names that are asked for. */
#include "dns/blocklist.h"

#include <stdio.h>

static bool take_number(struct str *rest, unsigned *ret)
{
    size_t n = str_span(*rest, "0123456789");
    unsigned long long number;

    if (n == 0 || !str_number(str_head(*rest, n), 255, &number))
        return false;
    *rest = str_tail(*rest, n);
    *ret = (unsigned)number;
    return true;
}

/* "2" or "4..8". */
static int take_range(struct str *rest, unsigned byte)
{
    unsigned first, last;

    if (!take_number(rest, &first))
        return -1;
    last = first;
    if (str_starts(*rest, "..")) {
        *rest = str_tail(*rest, 2);
        if (!take_number(rest, &last) || last < first)
            return -1;
    }
    return byte >= first && byte <= last;
}

static int take_set(struct str *rest, unsigned byte)
{
    int takes = 0;

    do {
        int found = take_range(rest, byte);

        if (found < 0)
            return -1;
        takes |= found;
    } while (str_starts(*rest, ";") && (*rest = str_tail(*rest, 1)).n);
    if (!str_starts(*rest, "]"))
        return -1;
    *rest = str_tail(*rest, 1);
    return takes;
}

static int take_part(struct str *rest, unsigned byte)
{
    unsigned number;

    if (str_starts(*rest, "[")) {
        *rest = str_tail(*rest, 1);
        return take_set(rest, byte);
    }
    return take_number(rest, &number) ? number == byte : -1;
}

int blocklist_filter_takes(struct str filter, const unsigned char address[static 4])
{
    int takes = 1;

    if (filter.n == 0)
        return 1;
    for (int i = 0; i < 4; i++) {
        int found;

        if (i > 0 && !str_starts(filter, "."))
            return -1;
        filter = str_tail(filter, i > 0 ? 1 : 0);
        found = take_part(&filter, address[i]);
        if (found < 0)
            return -1;
        takes &= found;
    }
    return filter.n ? -1 : takes;
}

void blocklist_reverse(const struct netaddr *address,
                       char text[static BLOCKLIST_REVERSED])
{
    bool v6 = address->family == NETADDR_IPV6;
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = netaddr_size(address); i-- > 0;) {
        unsigned byte = address->bytes[i];

        at += (size_t)(v6 ? snprintf(text + at, BLOCKLIST_REVERSED - at, "%x.%x.",
                                     byte & 15, byte >> 4)
                          : snprintf(text + at, BLOCKLIST_REVERSED - at, "%u.", byte));
    }
    if (at > 0)
        text[at - 1] = '\0'; /* the last dot */
}
