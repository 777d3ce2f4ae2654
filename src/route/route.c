/*
 * Address class, transport and next hop, in the order of precedence:
 * transport_maps; sender_dependent_default_transport_maps (default class); the
 * class's transport; sender_dependent_relayhost_maps and relayhost (relay and
 * default class); the recipient's domain.
 */
#include "route/route.h"

#include "conf/conf.h"
#include "mail/address.h"
#include "mail/transport.h"

/* --- set-up ------------------------------------------------------------------------ */

static struct match_list *match(struct router *router, const char *param,
                                const char *value)
{
    return match_list_open(
        router->tables, param, value,
        match_parent_flag(router->conf->parent_domain_matches_subdomains, param));
}

static void open_tables(struct router *router)
{
    const struct conf *conf = router->conf;

    router->virtual_alias_domains =
        match(router, "virtual_alias_domains", conf->virtual_alias_domains);
    router->virtual_mailbox_domains =
        match(router, "virtual_mailbox_domains", conf->virtual_mailbox_domains);
    router->relay_domains = match(router, "relay_domains", conf->relay_domains);
    router->relocated_maps =
        maps_open(router->tables, "relocated_maps", conf->relocated_maps, 0);
}

static struct maps *choice(struct router *router, const char *param, const char *value)
{
    return maps_open(router->tables, param, value, TABLE_NO_SUBSTITUTION);
}

static struct route_choices choices_for_mail(struct router *router)
{
    const struct conf *conf = router->conf;

    return (struct route_choices){
        .local = conf->local_transport,
        .virtual = conf->virtual_transport,
        .relay = conf->relay_transport,
        .other = conf->default_transport,
        .relayhost = conf->relayhost,
        .transport_maps = choice(router, "transport_maps", conf->transport_maps),
        .sender_relayhost = choice(router, "sender_dependent_relayhost_maps",
                                   conf->sender_dependent_relayhost_maps),
        .sender_transport = choice(router, "sender_dependent_default_transport_maps",
                                   conf->sender_dependent_default_transport_maps),
    };
}

static struct route_choices choices_for_probes(struct router *router)
{
    const struct conf *conf = router->conf;

    return (struct route_choices){
        .local = conf->address_verify_local_transport,
        .virtual = conf->address_verify_virtual_transport,
        .relay = conf->address_verify_relay_transport,
        .other = conf->address_verify_default_transport,
        .relayhost = conf->address_verify_relayhost,
        .transport_maps = choice(router, "address_verify_transport_maps",
                                 conf->address_verify_transport_maps),
        .sender_relayhost =
            choice(router, "address_verify_sender_dependent_relayhost_maps",
                   conf->address_verify_sender_dependent_relayhost_maps),
        .sender_transport =
            choice(router, "address_verify_sender_dependent_default_transport_maps",
                   conf->address_verify_sender_dependent_default_transport_maps),
    };
}

int router_init(struct router *router, const struct conf *conf, struct arena *arena,
                struct fail *why)
{
    unsigned parents =
        match_parent_flag(conf->parent_domain_matches_subdomains, "transport_maps");

    router->conf = conf;
    router->tables = tables_new(conf);
    router->transport_parts =
        ADDRESS_MAPS_TRANSPORT | (parents ? ADDRESS_PART_BARE_PARENTS : 0);
    open_tables(router);
    router->mail = choices_for_mail(router);
    router->probe = choices_for_probes(router);
    if (conf->daemon_table_open_error_is_fatal && tables_open_failure(router->tables))
        return fail_set(why, "%s", tables_open_failure(router->tables));
    return site_init(&router->site, router->tables, conf, arena, why);
}

/* --- classes ----------------------------------------------------------------------- */

struct class
{
    int flag;
    const char *transport; /* "transport[:nexthop]" of the class */
    bool relays;           /* relayhost applies */
    const char *list;      /* the parameter that puts domains into it; NULL = no other */
    const char *param;     /* that says transport; NULL = always the same */
};

static int match_list(struct match_list *list, struct str domain, struct fail *why)
{
    return match_list_empty(list) ? 0 : match_domain(list, domain, why);
}

/* The first class whose list has the domain. -1 = a list could not be read. */
static int find_class(struct router *router, const struct route_choices *choices,
                      struct str domain, struct class *ret, struct fail *why)
{
    const struct conf *conf = router->conf;
    const struct {
        struct match_list *list;
        struct class class;
    } classes[] = {
        {router->virtual_alias_domains,
         {RESOLVE_VIRTUAL_ALIAS,
          conf->show_user_unknown_table_name
              ? "error:5.1.1 User unknown in virtual alias table"
              : "error:5.1.1 User unknown",
          false, "virtual_alias_domains", NULL}},
        {router->virtual_mailbox_domains,
         {RESOLVE_VIRTUAL_MAILBOX, choices->virtual, false, "virtual_mailbox_domains",
          "virtual_transport"}},
        {router->relay_domains,
         {RESOLVE_RELAY, choices->relay, true, "relay_domains", "relay_transport"}},
    };
    int found = site_is_local(&router->site, domain, why);

    *ret = (struct class){RESOLVE_LOCAL, choices->local, false, "mydestination",
                          "local_transport"};
    for (size_t i = 0; found == 0 && i < COUNT(classes); i++) {
        found = match_list(classes[i].list, domain, why);
        *ret = classes[i].class;
    }
    if (found == 0)
        *ret = (struct class){RESOLVE_DEFAULT, choices->other, true, NULL,
                              "default_transport"};
    return found < 0 ? -1 : 0;
}

/* --- the route ------------------------------------------------------------------- */

/* A route in the making. */
struct decision {
    struct router *router;
    const struct route_choices *choices;
    const char *sender, *recipient;
    struct str domain; /* of the recipient */
    struct arena *arena;
    struct class class;
    struct str transport, nexthop;
    bool nexthop_given; /* not only the recipient's domain */
    struct route_reasons reasons;
};

/* What a parameter, or an entry of its table, says. */
struct saying {
    struct str text;
    struct route_reason reason;
};

static struct saying saying_of(const char *param, const char *text)
{
    return (struct saying){str_of(text), {.param = param}};
}

static struct saying saying_in(const struct maps *maps, const struct address_match *match,
                               struct arena *arena)
{
    return (struct saying){match->value,
                           {maps_param(maps),
                            match->table ? table_name(match->table) : NULL,
                            arena_copy_str(arena, match->key)}};
}

static enum table_result find_null_sender(const struct decision *d,
                                          const struct maps *maps, struct str key,
                                          struct address_match *ret, struct fail *why)
{
    struct maps_answer answer = {0};
    enum table_result result =
        maps_lookup_from(maps, key, MAPS_ALL, d->arena, &answer, why);

    *ret =
        (struct address_match){.value = answer.value, .key = key, .table = answer.table};
    return result;
}

/*
 * A sender-dependent table. Keys: the sender, then "@domain"; the null sender
 * has a key of its own. "DUNNO" ends the search without a result.
 */
static enum table_result find_by_sender(const struct decision *d, const struct maps *maps,
                                        const char *null_key, struct saying *ret,
                                        struct fail *why)
{
    const struct address_query query = {maps, ADDRESS_MAPS_MAILBOX,
                                        &d->router->site.rules};
    struct address_match match = {0};
    enum table_result result;

    if (maps_empty(maps))
        return TABLE_NOT_FOUND;
    if (*d->sender == '\0')
        result = find_null_sender(d, maps, str_of(null_key), &match, why);
    else
        result = address_lookup(&query, str_of(d->sender), d->arena, &match, why);
    if (result == TABLE_FOUND && str_is_nocase(match.value, "DUNNO"))
        return TABLE_NOT_FOUND;
    if (result == TABLE_FOUND)
        *ret = saying_in(maps, &match, d->arena);
    return result;
}

/* A transport without next hop: the recipient's domain, or what senders are to read. */
static struct str usual_nexthop(const struct decision *d, struct str transport)
{
    if (str_is(transport, d->router->conf->error_service_name) ||
        str_is(transport, "retry"))
        return STR("Address is undeliverable");
    return d->domain;
}

/* Let "transport:nexthop", ":nexthop" or "transport" of main.cf or a table change the
 * route. */
static void apply(struct decision *d, const struct saying *saying)
{
    struct transport_route given = transport_split(saying->text);

    if (given.transport.n)
        d->reasons.transport = d->reasons.nexthop = saying->reason;
    else if (given.nexthop.n)
        d->reasons.nexthop = saying->reason;
    if (given.transport.n) {
        d->transport = given.transport;
        d->nexthop = given.nexthop.n ? given.nexthop : usual_nexthop(d, given.transport);
        d->nexthop_given = given.nexthop.n > 0;
    } else if (given.nexthop.n) {
        d->nexthop = given.nexthop;
        d->nexthop_given = true;
    }
}

/* sender_dependent_default_transport_maps, else the class's own transport. */
static int apply_class(struct decision *d, struct fail *why)
{
    const struct router *router = d->router;
    struct saying saying = saying_of(d->class.param, d->class.transport);

    if (d->class.flag == RESOLVE_DEFAULT &&
        find_by_sender(d, d->choices->sender_transport,
                       router->conf->empty_address_default_transport_maps_lookup_key,
                       &saying, why) == TABLE_ERROR)
        return -1;
    d->transport = transport_split(str_of(d->class.transport)).transport;
    apply(d, &saying);
    return 0;
}

static int apply_relayhost(struct decision *d, struct fail *why)
{
    const struct router *router = d->router;
    struct saying host = saying_of("relayhost", d->choices->relayhost);

    if (!d->class.relays || d->nexthop_given)
        return 0;
    if (find_by_sender(d, d->choices->sender_relayhost,
                       router->conf->empty_address_relayhost_maps_lookup_key, &host,
                       why) == TABLE_ERROR)
        return -1;
    if (host.text.n) {
        d->nexthop = host.text;
        d->reasons.nexthop = host.reason;
        d->nexthop_given = true;
    }
    return 0;
}

/* What tables say of the recipient. */
static enum table_result look_up_recipient(const struct decision *d,
                                           const struct maps *maps, unsigned parts,
                                           struct address_match *ret, struct fail *why)
{
    const struct address_query query = {maps, parts, &d->router->site.rules};

    return address_lookup(&query, str_of(d->recipient), d->arena, ret, why);
}

/* transport_maps has the last word on where mail goes. */
static int apply_transport_maps(struct decision *d, struct fail *why)
{
    const struct maps *maps = d->choices->transport_maps;
    struct address_match match;
    enum table_result result =
        look_up_recipient(d, maps, d->router->transport_parts, &match, why);

    if (result == TABLE_ERROR)
        return -1;
    if (result == TABLE_FOUND) {
        struct saying saying = saying_in(maps, &match, d->arena);

        apply(d, &saying);
    }
    return 0;
}

/* A user who moved away: the answer is the new address. */
static int apply_relocated(struct decision *d, struct fail *why)
{
    const struct router *router = d->router;
    struct address_match match;
    enum table_result result =
        look_up_recipient(d, router->relocated_maps, ADDRESS_MAPS_REWRITING, &match, why);

    if (result == TABLE_ERROR)
        return -1;
    if (result == TABLE_FOUND) {
        d->reasons.transport = d->reasons.nexthop =
            saying_in(router->relocated_maps, &match, d->arena).reason;
        d->transport = str_of(router->conf->error_service_name);
        d->nexthop = str_of(router->conf->relocated_prefix_enable
                                ? arena_printf(d->arena, "5.1.6 User has moved to %.*s",
                                               STR_ARG(match.value))
                                : arena_copy_str(d->arena, match.value));
    }
    return 0;
}

static int decide(struct decision *d, struct fail *why)
{
    d->domain = address_split(str_of(d->recipient)).domain;
    if (find_class(d->router, d->choices, d->domain, &d->class, why) < 0)
        return -1;
    d->reasons.class.param = d->class.list;
    if (apply_class(d, why) < 0 || apply_relayhost(d, why) < 0 ||
        apply_transport_maps(d, why) < 0)
        return -1;
    return apply_relocated(d, why);
}

static int not_resolved(struct router *router, int flag, const char *nexthop,
                        const char *recipient, struct resolved *ret)
{
    *ret = (struct resolved){
        .flags = flag,
        .transport = flag == RESOLVE_FAIL ? "retry" : router->conf->error_service_name,
        .nexthop = nexthop,
        .recipient = recipient,
    };
    return -1;
}

int router_resolve(struct router *router, const struct resolve *question,
                   struct arena *arena, struct resolved *ret, struct fail *why)
{
    struct route_reasons reasons;

    return router_explain(router, question, arena, ret, &reasons, why);
}

int router_explain(struct router *router, const struct resolve *question,
                   struct arena *arena, struct resolved *ret,
                   struct route_reasons *reasons, struct fail *why)
{
    const char *recipient = question->address;
    bool probe = question->flags & RESOLVE_PROBE;
    struct decision d = {.router = router,
                         .choices = probe ? &router->probe : &router->mail,
                         .sender = question->sender,
                         .arena = arena};
    bool routed = false;

    *reasons = (struct route_reasons){0};
    if (*recipient == '\0')
        recipient = arena_printf(arena, "%s@%s", router->conf->empty_address_recipient,
                                 router->conf->myhostname);
    switch (address_unwrap(router, recipient, arena, &recipient, &routed, why)) {
    case UNWRAPPED_OK:
        break;
    case UNWRAPPED_BAD:
        return not_resolved(router, RESOLVE_ERROR, "5.1.3 bad address syntax",
                            question->address, ret);
    case UNWRAPPED_FAIL:
        return not_resolved(router, RESOLVE_FAIL, "4.3.0 address resolver failure",
                            question->address, ret);
    }
    d.recipient = recipient;
    if (decide(&d, why) < 0)
        return not_resolved(router, RESOLVE_FAIL, "4.3.0 address resolver failure",
                            recipient, ret);
    *reasons = d.reasons;
    *ret = (struct resolved){
        .flags = d.class.flag |
                 (routed && !router->conf->allow_untrusted_routing ? RESOLVE_ROUTED : 0),
        .transport = arena_copy_str(arena, d.transport),
        .nexthop = arena_copy_str(arena, d.nexthop),
        .recipient = recipient,
    };
    return 0;
}
