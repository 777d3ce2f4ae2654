/*
 * Reading the smtp_* or the lmtp_* parameters. What differs between the two
 * families but in name stands in read_own; everything else is read once, by
 * the FAMILY macro.
 */
#include "client/settings.h"

#include "conf/conf.h"
#include "net/protocols.h"

#include <string.h>

#define FAMILY(name) (conf_is_lmtp ? conf->lmtp_##name : conf->smtp_##name)

static int bad(struct fail *why, bool lmtp, const char *name, const char *value,
               const char *want)
{
    return fail_set(why, "parameter %s_%s: \"%s\" is not %s", lmtp ? "lmtp" : "smtp",
                    name, value, want);
}

static int read_preference(const struct conf *conf, bool conf_is_lmtp,
                           struct client_settings *ret, struct fail *why)
{
    const char *value = FAMILY(address_preference);

    if (str_is_nocase(str_of(value), "any"))
        ret->address_preference = CLIENT_PREFER_ANY;
    else if (str_is_nocase(str_of(value), "ipv4"))
        ret->address_preference = CLIENT_PREFER_IPV4;
    else if (str_is_nocase(str_of(value), "ipv6"))
        ret->address_preference = CLIENT_PREFER_IPV6;
    else
        return bad(why, conf_is_lmtp, "address_preference", value,
                   "one of any, ipv4, ipv6");
    return 0;
}

static int read_probe(const struct conf *conf, bool conf_is_lmtp,
                      struct client_settings *ret, struct fail *why)
{
    const char *value = FAMILY(address_verify_target);

    ret->probe_to_data = str_is_nocase(str_of(value), "data");
    if (!ret->probe_to_data && !str_is_nocase(str_of(value), "rcpt"))
        return bad(why, conf_is_lmtp, "address_verify_target", value, "rcpt or data");
    return 0;
}

/* --- names ------------------------------------------------------------------------ */

static int read_lookups(const struct conf *conf, bool conf_is_lmtp,
                        struct client_settings *ret, struct fail *why)
{
    const char *value = FAMILY(host_lookup);
    struct str rest = str_of(value), word;
    size_t n = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        bool dns = str_is_nocase(word, "dns");

        if ((!dns && !str_is_nocase(word, "native")) || n == COUNT(ret->host_lookup))
            return bad(why, conf_is_lmtp, "host_lookup", value, "dns, native or both");
        ret->host_lookup[n++] = dns ? CLIENT_LOOKUP_DNS : CLIENT_LOOKUP_NATIVE;
    }
    if (n == 0)
        return bad(why, conf_is_lmtp, "host_lookup", value, "dns, native or both");
    return 0;
}

/* *_dns_support_level, and the older disable_dns_lookups that it replaces. */
static int read_dns_level(const struct conf *conf, bool conf_is_lmtp,
                          struct client_settings *ret, struct fail *why)
{
    struct str level = str_of(FAMILY(dns_support_level));
    bool off =
        level.n == 0 ? conf->disable_dns_lookups : str_is_nocase(level, "disabled");

    if (level.n > 0 && !off && !str_is_nocase(level, "enabled") &&
        !str_is_nocase(level, "dnssec"))
        return bad(why, conf_is_lmtp, "dns_support_level", level.p,
                   "one of disabled, enabled, dnssec");
    ret->use_mx = !off && !conf_is_lmtp;
    ret->no_dns = off;
    if (off) {
        ret->host_lookup[0] = CLIENT_LOOKUP_NATIVE;
        ret->host_lookup[1] = CLIENT_LOOKUP_NONE;
    }
    return 0;
}

static int read_resolver_options(const struct conf *conf, bool conf_is_lmtp,
                                 struct resolver *resolver, struct fail *why)
{
    const char *value = FAMILY(dns_resolver_options);
    struct str rest = str_of(value), word;
    unsigned options = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        if (str_is_nocase(word, "res_defnames"))
            options |= DNS_APPEND_DOMAIN;
        else if (str_is_nocase(word, "res_dnsrch"))
            options |= DNS_APPEND_SEARCH;
        else
            return bad(why, conf_is_lmtp, "dns_resolver_options", value,
                       "a list of res_defnames, res_dnsrch");
    }
    if (resolver != NULL)
        resolver_set_options(resolver, options);
    return 0;
}

/* --- addresses of ours ----------------------------------------------------------------
 */

/* Add what proxy_interfaces names: outer addresses of a translator before us. */
static int add_proxies(const struct conf *conf, struct arena *arena,
                       struct client_settings *ret, struct fail *why)
{
    struct interfaces proxy = {0}, own = ret->own;
    struct netaddr *all;

    if (conf->proxy_interfaces[0] == '\0')
        return 0;
    if (interfaces_select(conf->proxy_interfaces, ret->protocols, arena, &proxy, why) < 0)
        return fail_prefix(why, "parameter proxy_interfaces");
    all = arena_array(arena, own.n + proxy.n, sizeof *all);
    for (size_t i = 0; i < own.n; i++)
        all[i] = own.addresses[i];
    for (size_t i = 0; i < proxy.n; i++)
        all[own.n + i] = proxy.addresses[i];
    ret->own = (struct interfaces){.addresses = all, .n = own.n + proxy.n};
    return 0;
}

/*
 * A host that receives at one address only also sends from it, so that several
 * mail systems can live on one machine. Not from loopback: it reaches nobody.
 */
static struct netaddr only_address(const struct conf *conf, const struct interfaces *own,
                                   enum netaddr_family family)
{
    struct netaddr only = {0};

    if (str_is_nocase(str_trim(str_of(conf->inet_interfaces)), "all"))
        return only;
    for (size_t i = 0; i < own->n; i++) {
        if (own->addresses[i].family != family)
            continue;
        if (only.family != NETADDR_NONE)
            return (struct netaddr){0};
        only = own->addresses[i];
    }
    return only.family != NETADDR_NONE && netaddr_is_loopback(&only) ? (struct netaddr){0}
                                                                     : only;
}

static int read_source(const char *value, enum netaddr_family family,
                       const struct conf *conf, const struct interfaces *own,
                       struct netaddr *ret)
{
    if (value[0] == '\0') {
        *ret = only_address(conf, own, family);
        return 0;
    }
    return netaddr_parse(str_of(value), ret) && ret->family == family ? 0 : -1;
}

static int read_addresses(const struct conf *conf, bool conf_is_lmtp, struct arena *arena,
                          struct client_settings *ret, struct fail *why)
{
    if (protocols_parse(str_of(conf->inet_protocols), &ret->protocols, why) < 0 ||
        interfaces_select(conf->inet_interfaces, ret->protocols, arena, &ret->own, why) <
            0)
        return -1;
    if (read_source(FAMILY(bind_address), NETADDR_IPV4, conf, &ret->own,
                    &ret->bind_address) < 0)
        return bad(why, conf_is_lmtp, "bind_address", FAMILY(bind_address),
                   "an IPv4 address");
    if (read_source(FAMILY(bind_address6), NETADDR_IPV6, conf, &ret->own,
                    &ret->bind_address6) < 0)
        return bad(why, conf_is_lmtp, "bind_address6", FAMILY(bind_address6),
                   "an IPv6 address");
    ret->bind_address_enforce = FAMILY(bind_address_enforce);
    return add_proxies(conf, arena, ret, why);
}

/* --- the rest
 * ---------------------------------------------------------------------------- */

static void read_timeouts(const struct conf *conf, bool conf_is_lmtp,
                          struct client_timeouts *ret)
{
    *ret = (struct client_timeouts){
        .connect = FAMILY(connect_timeout),
        .helo = conf_is_lmtp ? conf->lmtp_lhlo_timeout : conf->smtp_helo_timeout,
        .xforward = FAMILY(xforward_timeout),
        .mail = FAMILY(mail_timeout),
        .rcpt = FAMILY(rcpt_timeout),
        .data_init = FAMILY(data_init_timeout),
        .data_xfer = FAMILY(data_xfer_timeout),
        .data_done = FAMILY(data_done_timeout),
        .rset = FAMILY(rset_timeout),
        .quit = FAMILY(quit_timeout),
    };
}

static void read_reuse(const struct conf *conf, bool conf_is_lmtp,
                       struct client_reuse *ret)
{
    *ret = (struct client_reuse){
        .on_demand = FAMILY(connection_cache_on_demand),
        .destinations = FAMILY(connection_cache_destinations),
        .keep_s = FAMILY(connection_cache_time_limit),
        .age_limit_s = FAMILY(connection_reuse_time_limit),
        .count_limit = FAMILY(connection_reuse_count_limit),
    };
}

/* What only one of the two has, or has under another name. */
static void read_own(const struct conf *conf, bool lmtp, struct client_settings *ret)
{
    ret->lmtp = lmtp;
    ret->helo_name = lmtp ? conf->lmtp_lhlo_name : conf->smtp_helo_name;
    client_keywords_parse(str_of(lmtp ? conf->lmtp_discard_lhlo_keywords
                                      : conf->smtp_discard_ehlo_keywords),
                          &ret->discard_features, &ret->discard_silently);
    ret->always_send_ehlo = lmtp || conf->smtp_always_send_ehlo;
    ret->never_send_ehlo = !lmtp && conf->smtp_never_send_ehlo;
}

static void read_plain(const struct conf *conf, bool conf_is_lmtp,
                       struct client_settings *ret)
{
    ret->myhostname = conf->myhostname;
    ret->default_port = FAMILY(tcp_port);
    ret->known_tcp_ports = conf->known_tcp_ports;
    ret->relayhost = conf->relayhost;
    ret->fallback_relay = FAMILY(fallback_relay);
    ret->best_mx_transport = conf->best_mx_transport;
    ret->srv_services = conf->use_srv_lookup;
    ret->srv_fallback_if_none = conf->allow_srv_lookup_fallback;
    ret->srv_fallback_if_failed = conf->ignore_srv_lookup_error;
    ret->ignore_mx_lookup_error = conf->ignore_mx_lookup_error;
    ret->defer_if_no_mx_address_found = FAMILY(defer_if_no_mx_address_found);
    ret->randomize_addresses = FAMILY(randomize_addresses);
    ret->balance_inet_protocols = FAMILY(balance_inet_protocols);
    ret->mx_address_limit = FAMILY(mx_address_limit);
    ret->mx_session_limit = FAMILY(mx_session_limit);
    ret->skip_5xx_greeting = FAMILY(skip_5xx_greeting);
    ret->skip_quit_response = FAMILY(skip_quit_response);
    ret->quote_rfc821_envelope = FAMILY(quote_rfc821_envelope);
    ret->send_xforward = FAMILY(send_xforward_command);
    ret->line_length_limit = FAMILY(line_length_limit);
    ret->per_request_deadline = FAMILY(per_request_deadline);
    ret->min_data_rate = FAMILY(min_data_rate);
    ret->convert = !conf->disable_mime_output_conversion;
}

int client_settings_read(const struct conf *conf, bool lmtp, struct resolver *resolver,
                         struct arena *arena, struct client_settings *ret,
                         struct fail *why)
{
    *ret = (struct client_settings){.resolver = resolver};
    read_own(conf, lmtp, ret);
    read_plain(conf, lmtp, ret);
    read_timeouts(conf, lmtp, &ret->timeout);
    read_reuse(conf, lmtp, &ret->reuse);
    if (read_preference(conf, lmtp, ret, why) < 0 ||
        read_probe(conf, lmtp, ret, why) < 0 || read_lookups(conf, lmtp, ret, why) < 0 ||
        read_dns_level(conf, lmtp, ret, why) < 0 ||
        read_resolver_options(conf, lmtp, resolver, why) < 0)
        return -1;
    return read_addresses(conf, lmtp, arena, ret, why);
}
