/*
 * Bare user names in tables ("joe", for joe@our.domain) are asked for in
 * every domain of ours, by any name of it.
 */
#include "table/site.h"

#include "conf/conf.h"
#include "mail/maillog.h"
#include "net/protocols.h"

int site_is_local(const struct site *site, struct str domain, struct fail *why)
{
    struct netaddr address;

    if (str_starts(domain, "[") && netaddr_parse(domain, &address))
        return interfaces_has(&site->interfaces, &address) ||
               interfaces_has(&site->proxies, &address);
    return match_domain(site->mydestination, domain, why);
}

static int is_ours(void *context, struct str domain, struct fail *why)
{
    const struct site *site = context;

    return str_is_nocase(domain, site->conf->myorigin) ? 1
                                                       : site_is_local(site, domain, why);
}

static int find_addresses(struct site *site, struct arena *arena, struct fail *why)
{
    const struct conf *conf = site->conf;
    int protocols;

    if (protocols_parse(str_of(conf->inet_protocols), &protocols, why) < 0 ||
        interfaces_select(conf->inet_interfaces, protocols, arena, &site->interfaces,
                          why) < 0)
        return -1;
    if (*conf->proxy_interfaces == '\0')
        return 0;
    return interfaces_select(conf->proxy_interfaces, protocols, arena, &site->proxies,
                             why);
}

static struct match_list *open_mydestination(struct tables *tables,
                                             const struct conf *conf)
{
    return match_list_open(
        tables, "mydestination", conf->mydestination,
        match_parent_flag(conf->parent_domain_matches_subdomains, "mydestination"));
}

int site_init(struct site *site, struct tables *tables, const struct conf *conf,
              struct arena *arena, struct fail *why)
{
    *site = (struct site){
        .conf = conf,
        .mydestination = open_mydestination(tables, conf),
        .rules = {.delimiters = conf->recipient_delimiter,
                  .double_bounce_sender = conf->double_bounce_sender,
                  .is_local = is_ours,
                  .context = site},
    };
    return find_addresses(site, arena, why);
}

/* compat: a bare "localhost" that is local anyhow is not worth a line. */
static void tell_completed(void *context, struct str domain, struct str appended)
{
    bool localhost = str_is_nocase(domain, "localhost");

    if (localhost && match_domain(context, domain, NULL) > 0)
        return;
    maillog_old_default(
        "append_dot_mydomain=yes to rewrite \"%.*s\" to \"%.*s.%.*s\"%s", STR_ARG(domain),
        STR_ARG(domain), STR_ARG(appended),
        localhost ? "; please add \"localhost\" to mydestination or other address class"
                  : "");
}

void site_tell_completed(struct tables *tables, const struct conf *conf,
                         struct rewrite_rules *rules)
{
    if (!conf_has_old_default(conf, "append_dot_mydomain"))
        return;
    rules->completed = tell_completed;
    rules->context = open_mydestination(tables, conf);
}
