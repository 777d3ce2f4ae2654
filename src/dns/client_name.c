/*
 * Who is the client? Anybody can put any name into the reverse zone of their
 * own addresses, so a name counts only after it led back to the address. What
 * could not be found out now is never told as "there is none".
 */
#include "dns/client_name.h"

static const char unknown[] = "unknown";

/* The words of the system's resolver, as log readers know them. */
static const char *reason(enum dns_status status)
{
    switch (status) {
    case DNS_NO_NAME:
    case DNS_BAD_NAME:
        return "Name or service not known";
    case DNS_FOUND:
    case DNS_NO_DATA:
        return "No address associated with hostname";
    default:
        return "Temporary failure in name resolution";
    }
}

static enum client_name_status outcome_of(enum dns_status status)
{
    return dns_status_is_temporary(status) ? CLIENT_NAME_TEMP : CLIENT_NAME_PERM;
}

/* What the address points to, in the hosts file and then the DNS. */
static enum client_name_status find_reverse(struct resolver *resolver,
                                            struct hosts *hosts,
                                            const struct netaddr *address,
                                            struct arena *arena, const char **ret)
{
    char zone_name[NETADDR_REVERSE];
    struct dns_question question = {.type = DNS_PTR};
    int found = hosts ? hosts_by_address(hosts, address, arena, ret, NULL) : 0;

    if (found != 0)
        return found > 0 ? CLIENT_NAME_OK : CLIENT_NAME_TEMP;
    question.name = netaddr_reverse(address, true, zone_name);
    if (dns_ask_one(resolver, &question, arena) != DNS_FOUND)
        return outcome_of(question.status);
    *ret = question.records[0].target;
    return CLIENT_NAME_OK;
}

static bool list_has(const struct netaddrs *list, const struct netaddr *address)
{
    for (size_t i = 0; i < list->n; i++)
        if (netaddr_equal(&list->items[i], address))
            return true;
    return false;
}

static const char *mismatch(const char *name, const struct netaddr *address,
                            const char *why, struct arena *arena)
{
    char text[NETADDR_TEXT];

    return arena_printf(arena, "hostname %s does not resolve to address %s%s%s", name,
                        netaddr_text(address, text), why ? ": " : "", why ? why : "");
}

/* Does name lead to address? */
static enum client_name_status verify_name(struct resolver *resolver, struct hosts *hosts,
                                           const struct netaddr *address,
                                           const char *name, struct arena *arena,
                                           const char **ret_warning)
{
    struct dns_question question = {
        .name = name, .type = address->family == NETADDR_IPV6 ? DNS_AAAA : DNS_A};
    struct netaddrs listed = {0};
    int found = hosts ? hosts_by_name(hosts, name, arena, &listed, NULL) : 0;

    if (found < 0) {
        *ret_warning = mismatch(name, address, reason(DNS_TRY_AGAIN), arena);
        return CLIENT_NAME_TEMP;
    }
    if (found > 0 && list_has(&listed, address))
        return CLIENT_NAME_OK;
    if (found == 0 && dns_ask_one(resolver, &question, arena) != DNS_FOUND) {
        *ret_warning = mismatch(name, address, reason(question.status), arena);
        return outcome_of(question.status);
    }
    for (size_t i = 0; i < question.n; i++)
        if (netaddr_equal(&question.records[i].address, address))
            return CLIENT_NAME_OK;
    *ret_warning = mismatch(name, address, NULL, arena);
    return CLIENT_NAME_FORGED;
}

void client_name_lookup(struct resolver *resolver, struct hosts *hosts,
                        const struct netaddr *address, bool verify, struct arena *arena,
                        struct client_name *ret)
{
    const char *reverse = unknown;

    *ret = (struct client_name){.name = unknown, .reverse = unknown};
    if (address->family == NETADDR_UNIX) {
        *ret = (struct client_name){.name = "localhost",
                                    .reverse = "localhost",
                                    .status = CLIENT_NAME_OK,
                                    .reverse_status = CLIENT_NAME_OK};
        return;
    }
    ret->reverse_status = find_reverse(resolver, hosts, address, arena, &reverse);
    if (ret->reverse_status == CLIENT_NAME_OK && !dns_host_is_valid(reverse))
        ret->reverse_status = CLIENT_NAME_PERM;
    ret->status = ret->reverse_status;
    if (ret->reverse_status != CLIENT_NAME_OK)
        return;
    ret->reverse = reverse;
    if (!verify)
        return;
    ret->status = verify_name(resolver, hosts, address, reverse, arena, &ret->warning);
    if (ret->status == CLIENT_NAME_OK)
        ret->name = reverse;
}
