/*
 * Defaults that the machine decides: its names, and the networks that it
 * trusts.
 *
 * They are computed when somebody needs them, since main.cf mostly sets them
 * and most programs never ask for the networks.
 */
#include "conf/state.h"
#include "net/interfaces.h"
#include "net/protocols.h"

#include <limits.h>
#include <unistd.h>

/*
 * myhostname and mydomain may be set to one another; where that would go round
 * in a circle the domain is "localdomain".
 *
 * compat: a bare host name gets the domain that main.cf gives, else "localdomain".
 */
static int host_name(struct conf_state *state, const char **ret, struct fail *why)
{
    char name[HOST_NAME_MAX + 1];
    const char *domain = "localdomain";

    if (gethostname(name, sizeof(name)) < 0)
        return fail_set(why, "unable to find out my host name: %m");
    name[sizeof(name) - 1] = '\0';
    if (strchr(name, '.') == NULL) {
        bool nested = state->in_host_name;
        int result = 0;

        state->in_host_name = true;
        if (!nested && state_setting(state, STR("mydomain")))
            result = state_text(state, "mydomain", &domain, why);
        state->in_host_name = nested;
        if (result < 0)
            return -1;
        *ret = arena_printf(state->arena, "%s.%s", name, domain);
    } else
        *ret = arena_copy(state->arena, name);
    return 0;
}

static int domain_name(struct conf_state *state, const char **ret, struct fail *why)
{
    const char *host = "", *dot;
    bool nested = state->in_domain_name;
    int result = 0;

    state->in_domain_name = true;
    if (!nested)
        result = state_text(state, "myhostname", &host, why);
    state->in_domain_name = nested;
    if (result < 0)
        return -1;
    dot = strchr(host, '.');
    *ret = dot ? dot + 1 : "localdomain";
    return 0;
}

/* The class A, B or C network that holds an IPv4 address (of old, RFC 791). */
static int class_prefix(const struct netaddr *address)
{
    unsigned char first = address->bytes[0];

    return first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : 32;
}

/* Two addresses in one network show it once. */
static bool list_has_word(struct str list, const char *word)
{
    struct str rest = list, next;

    while ((next = str_word(&rest, " ")).n > 0)
        if (str_is(next, word))
            return true;
    return false;
}

static int network_of(const struct interfaces *own, size_t i, const char *style,
                      struct cidr *ret, struct fail *why)
{
    const struct netaddr *address = &own->addresses[i];

    if (strcmp(style, "host") == 0)
        *ret = cidr_around(address, 128);
    else if (strcmp(style, "class") == 0 && address->family == NETADDR_IPV4)
        *ret = cidr_around(address, class_prefix(address));
    else if (strcmp(style, "class") == 0 || strcmp(style, "subnet") == 0)
        *ret = own->networks[i];
    else
        return fail_set(why, "unknown mynetworks_style value \"%s\"", style);
    return 0;
}

static int add_networks(struct buf *out, const struct interfaces *own,
                        enum netaddr_family family, const char *style, struct fail *why)
{
    char text[NETADDR_TEXT];

    for (size_t i = 0; i < own->n; i++) {
        struct cidr network;

        if (own->addresses[i].family != family)
            continue;
        if (network_of(own, i, style, &network, why) < 0)
            return -1;
        cidr_text(&network, text);
        if (!list_has_word(buf_str(out), text))
            buf_printf(out, "%s ", text);
    }
    return 0;
}

/*
 * compat: IPv4 comes first, whatever the order of inet_interfaces, and a blank follows
 * each, which one sees in "postconf -x" when more is set after $mynetworks.
 */
static int networks(struct conf_state *state, const char **ret, struct fail *why)
{
    const char *style, *names, *interfaces;
    struct interfaces own;
    struct buf out;
    int protocols, result;

    if (state_text(state, "mynetworks_style", &style, why) < 0 ||
        state_text(state, "inet_protocols", &names, why) < 0 ||
        state_text(state, "inet_interfaces", &interfaces, why) < 0 ||
        protocols_parse(str_of(names), &protocols, why) < 0 ||
        interfaces_select(interfaces, protocols, state->arena, &own, why) < 0)
        return fail_prefix(why, "mynetworks");
    buf_init(&out, own.n * (NETADDR_TEXT + 1) + 1);
    result = add_networks(&out, &own, NETADDR_IPV4, style, why);
    if (result == 0)
        result = add_networks(&out, &own, NETADDR_IPV6, style, why);
    if (result == 0)
        *ret = arena_copy(state->arena, buf_text(&out));
    buf_done(&out);
    return result;
}

int computed_default(struct conf_state *state, struct str name, const char **ret,
                     struct fail *why)
{
    if (str_is(name, "myhostname"))
        return host_name(state, ret, why);
    if (str_is(name, "mydomain"))
        return domain_name(state, ret, why);
    if (str_is(name, "mynetworks"))
        return networks(state, ret, why);
    if (str_is(name, "process_id"))
        *ret = arena_printf(state->arena, "%d", (int)getpid());
    else if (str_is(name, "process_name"))
        *ret = state->program;
    else if (str_is(name, "service_name"))
        *ret = state->service;
    else if (str_is(name, "config_directory"))
        *ret = state->directory;
    else
        return fail_set(why, "%.*s: no default is known", STR_ARG(name));
    return 0;
}
