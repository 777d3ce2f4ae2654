/*
 * Is an address of ours known: each class of addresses has a table that lists its
 * members, local_recipient_maps and its kin. A class without a table has everybody.
 */
#include "smtpd/restrict.h"

#include "mail/address.h"
#include "smtpd/address.h"
#include "smtpd/old_default.h"

/* The address in question. */
struct candidate {
    struct subject subject;
    const char *status; /* when it is unknown */
    const struct resolved *resolved;
};

static enum table_result find(struct judge *judge, const struct maps *maps,
                              const char *address, struct fail *why)
{
    struct address_match match;

    return address_lookup(&(struct address_query){maps, ADDRESS_MAPS_REWRITING,
                                                  &judge->session->server->site.rules},
                          str_of(address), judge->session->command, &match, why);
}

/* The table that lists the recipients of a class, its words, and its code. */
struct listing {
    int class;
    const struct maps *maps;
    const char *name;
    int code;
};

static struct listing listing_of(const struct server *server, int flags)
{
    const struct conf *conf = server->conf;
    const struct listing listings[] = {
        {RESOLVE_LOCAL, server->local_recipient_maps, "local recipient table",
         conf->unknown_local_recipient_reject_code},
        {RESOLVE_VIRTUAL_ALIAS, server->virtual_alias_maps, "virtual alias table",
         conf->unknown_virtual_alias_reject_code},
        {RESOLVE_VIRTUAL_MAILBOX, server->virtual_mailbox_maps, "virtual mailbox table",
         conf->unknown_virtual_mailbox_reject_code},
        {RESOLVE_RELAY, server->relay_recipient_maps, "relay recipient table",
         conf->unknown_relay_recipient_reject_code},
    };

    for (size_t i = 0; i < COUNT(listings); i++)
        if (flags & listings[i].class)
            return listings[i];
    return (struct listing){0};
}

/* Addresses that a map changes are known by that alone. */
static enum table_result is_mapped(struct judge *judge, const char *address,
                                   struct fail *why)
{
    const struct server *server = judge->session->server;
    const struct maps *const maps[] = {server->recipient_canonical_maps,
                                       server->canonical_maps,
                                       server->virtual_alias_maps};

    for (size_t i = 0; i < COUNT(maps); i++) {
        enum table_result result = find(judge, maps[i], address, why);

        if (result != TABLE_NOT_FOUND)
            return result;
    }
    return TABLE_NOT_FOUND;
}

static enum verdict unknown_user(struct judge *judge, const struct candidate *candidate,
                                 const struct listing *listing)
{
    const struct conf *conf = judge->session->conf;

    refuse_text(judge, listing->code, candidate->status,
                "<%s>: %s rejected: User unknown%s%s", candidate->subject.text,
                candidate->subject.class,
                conf->show_user_unknown_table_name ? " in " : "",
                conf->show_user_unknown_table_name ? listing->name : "");
    judge->refusal.trouble = TROUBLE_BOUNCE;
    return VERDICT_REJECT;
}

/* error: and retry: as the answer of the resolver are verdicts by themselves. */
static enum verdict judge_error_transport(struct judge *judge,
                                          const struct candidate *candidate)
{
    const struct resolved *resolved = candidate->resolved;
    bool retry = strcmp(resolved->transport, "retry") == 0;
    struct subject outer = judge->subject;
    struct status_split split;
    enum verdict verdict;
    int code;

    if (!retry &&
        strcmp(resolved->transport, judge->session->conf->error_service_name) != 0)
        return VERDICT_DUNNO;
    split = status_split(str_of(resolved->nexthop), retry ? "4.0.0" : "5.0.0");
    code = split.status[0] == '4' ? 450 : 550;
    if (!retry && ((unsigned)resolved->flags & RESOLVE_VIRTUAL_ALIAS))
        code = judge->session->conf->unknown_virtual_alias_reject_code;
    judge->subject = candidate->subject;
    verdict = refuse_access(judge, code, split.status,
                            arena_copy_str(judge->session->command, split.text));
    judge->subject = outer;
    return verdict;
}

/* What every host has, listed or not (RFC 5321 section 4.5.1). */
static bool is_system_address(const struct judge *judge, const struct resolved *resolved)
{
    struct str local = address_split(str_of(resolved->recipient)).local;

    return str_is_nocase(local, judge->session->conf->double_bounce_sender) ||
           ((resolved->flags & RESOLVE_LOCAL) && str_is_nocase(local, "postmaster"));
}

/* It is taken: is that owed to an old default? */
static enum verdict taken(const struct judge *judge, const struct candidate *candidate)
{
    if (candidate->resolved->flags & RESOLVE_RELAY)
        old_default_relays_address(judge->session, candidate->subject.text);
    return VERDICT_DUNNO;
}

static enum verdict need_listed(struct judge *judge, const struct candidate *candidate)
{
    const char *address = candidate->resolved->recipient;
    struct listing listing;
    struct fail why;
    enum table_result found = is_mapped(judge, address, &why);
    enum verdict verdict;

    if (found == TABLE_ERROR)
        return refuse_lookup(judge, candidate->subject.text, &why);
    if (found == TABLE_FOUND || is_system_address(judge, candidate->resolved))
        return VERDICT_DUNNO;
    verdict = judge_error_transport(judge, candidate);
    if (verdict != VERDICT_DUNNO)
        return verdict;
    listing = listing_of(judge->session->server, (int)candidate->resolved->flags);
    if (listing.class != RESOLVE_VIRTUAL_ALIAS && maps_empty(listing.maps))
        return taken(judge, candidate);
    found = find(judge, listing.maps, address, &why);
    if (found == TABLE_ERROR)
        return refuse_lookup(judge, candidate->subject.text, &why);
    return found == TABLE_FOUND ? taken(judge, candidate)
                                : unknown_user(judge, candidate, &listing);
}

enum verdict restrict_reject_unlisted_recipient(struct judge *judge,
                                                const struct argument *argument)
{
    const struct candidate candidate = {restrict_subject(judge, STAGE_RECIPIENT), "5.1.1",
                                        &judge->resolution};
    struct fail why;

    (void)argument;
    if (!judge->recipient)
        return VERDICT_DUNNO;
    if (restrict_resolve(judge, &why) < 0)
        return refuse_lookup(judge, judge->recipient, &why);
    return need_listed(judge, &candidate);
}

enum verdict restrict_reject_unlisted_sender(struct judge *judge,
                                             const struct argument *argument)
{
    const char *sender = judge->session->transaction.sender;
    struct resolved resolved;
    const struct candidate candidate = {restrict_subject(judge, STAGE_SENDER), "5.1.0",
                                        &resolved};
    struct fail why;

    (void)argument;
    if (!sender || !*sender)
        return VERDICT_DUNNO;
    if (resolve_address(judge->session, sender, &resolved, &why) < 0)
        return refuse_lookup(judge, sender, &why);
    return need_listed(judge, &candidate);
}
