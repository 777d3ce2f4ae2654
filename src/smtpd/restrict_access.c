/*
 * check_client_access and its kin: which keys a table is asked for, from the most
 * particular to the most general, as access(5) tells. What the table says is
 * carried out in access.c.
 */
#include "smtpd/access.h"

#include "mail/address.h"
#include "smtpd/address.h"
#include "util/log.h"

/* A restriction's table, and who is looked up in it. */
struct access_lookup {
    struct judge *judge;
    const struct argument *argument;
    struct subject subject;
};

/* compat: a table that fails is called a mistake of configuration. */
static enum verdict table_failed(struct judge *judge, const struct fail *why)
{
    log_warning("%s", why->text);
    return refuse(judge, 451, "4.3.5", "Server configuration error");
}

static enum verdict act_on(const struct access_lookup *lookup, enum table_result result,
                           const struct access_answer *answer, const struct fail *why)
{
    struct judge *judge = lookup->judge;
    struct subject outer = judge->subject;
    enum verdict verdict = VERDICT_DUNNO;

    judge->subject = lookup->subject;
    if (result == TABLE_ERROR)
        verdict = table_failed(judge, why);
    else if (result == TABLE_FOUND)
        verdict = access_act(judge, answer);
    judge->subject = outer;
    return verdict;
}

static enum table_result find(const struct access_lookup *lookup, struct str key,
                              enum maps_which which, struct access_answer *ret,
                              struct fail *why)
{
    struct arena *command = lookup->judge->session->command;
    enum table_result result =
        maps_lookup(lookup->argument->maps, key, which, command, &ret->value, why);

    ret->table = lookup->argument->text;
    ret->key = arena_copy_str(command, key);
    return result;
}

/* The name, then its parents: with their dot, unless a parent stands for all below it. */
static enum table_result find_domain(const struct access_lookup *lookup, const char *name,
                                     struct access_answer *ret, struct fail *why)
{
    size_t skip = lookup->judge->session->server->access_parents ? 1 : 0;
    struct str rest = str_of(name);
    enum table_result result;

    if (rest.n == 0)
        return TABLE_NOT_FOUND;
    result = find(lookup, rest, MAPS_ALL, ret, why);
    while (result == TABLE_NOT_FOUND) {
        rest = str_tail(rest, 1);
        rest = str_tail(rest, str_find(rest, '.'));
        if (rest.n <= 1)
            break;
        result = find(lookup, str_tail(rest, skip), MAPS_FIXED, ret, why);
    }
    return result;
}

/* 192.0.2.1, 192.0.2, 192.0, 192; 2001:db8::1, 2001:db8, 2001. */
static enum table_result find_address(const struct access_lookup *lookup,
                                      const char *address, struct access_answer *ret,
                                      struct fail *why)
{
    struct str key = str_of(address);
    char separator = str_find(key, ':') < key.n ? ':' : '.';
    enum table_result result = find(lookup, key, MAPS_ALL, ret, why);

    while (result == TABLE_NOT_FOUND) {
        size_t end = str_find_last(key, separator);

        if (end >= key.n)
            break;
        while (end > 0 && key.p[end - 1] == separator)
            end--;
        key = str_head(key, end);
        if (key.n == 0)
            break;
        result = find(lookup, key, MAPS_FIXED, ret, why);
    }
    return result;
}

static enum table_result find_mail_address(const struct access_lookup *lookup,
                                           const char *address, struct access_answer *ret,
                                           struct fail *why)
{
    const struct session *session = lookup->judge->session;
    const struct server *server = session->server;
    unsigned parents =
        server->access_parents ? ADDRESS_PART_BARE_PARENTS : ADDRESS_PART_PARENTS;
    struct address_query query = {
        lookup->argument->maps,
        (ADDRESS_MAPS_ACCESS & ~(unsigned)ADDRESS_PART_PARENTS) | parents,
        &server->site.rules};
    struct address_match match;
    enum table_result result;

    if (*address == '\0')
        return find(lookup, str_of(session->conf->smtpd_null_access_lookup_key), MAPS_ALL,
                    ret, why);
    result = address_lookup(&query, str_of(address), session->command, &match, why);
    if (result == TABLE_FOUND)
        *ret = (struct access_answer){lookup->argument->text,
                                      arena_copy_str(session->command, match.key),
                                      match.value};
    return result;
}

/* --- the restrictions ------------------------------------------------------------- */

enum verdict access_check_keys(struct judge *judge, const struct argument *argument,
                               const struct texts *keys, const struct subject *subject)
{
    struct access_lookup lookup = {judge, argument, *subject};
    enum table_result result = TABLE_NOT_FOUND;
    struct access_answer answer;
    struct fail why;

    for (size_t i = 0; i < keys->n && result == TABLE_NOT_FOUND; i++)
        result = find(&lookup, str_of(keys->items[i]), MAPS_ALL, &answer, &why);
    return act_on(&lookup, result, &answer, &why);
}

bool access_check_host(struct judge *judge, const struct argument *argument,
                       const struct access_host *host, enum verdict *ret)
{
    struct access_lookup lookup = {judge, argument, host->subject};
    struct access_answer answer;
    struct fail why;
    enum table_result result = TABLE_NOT_FOUND;

    if (host->name)
        result = find_domain(&lookup, host->name, &answer, &why);
    if (result == TABLE_NOT_FOUND && host->address)
        result = find_address(&lookup, host->address, &answer, &why);
    if (result == TABLE_NOT_FOUND)
        return false;
    *ret = act_on(&lookup, result, &answer, &why);
    return true;
}

static enum verdict check_host(struct judge *judge, const struct argument *argument,
                               const struct access_host *host)
{
    enum verdict verdict = VERDICT_DUNNO;

    (void)access_check_host(judge, argument, host, &verdict);
    return verdict;
}

enum verdict restrict_check_client_access(struct judge *judge,
                                          const struct argument *argument)
{
    const struct session *session = judge->session;
    const struct access_host host = {session->client.name, session->address,
                                     restrict_subject(judge, STAGE_CLIENT)};

    return check_host(judge, argument, &host);
}

struct subject restrict_unverified(const struct judge *judge)
{
    return (struct subject){STAGE_CLIENT, judge->session->client.reverse,
                            "Unverified Client host"};
}

enum verdict
restrict_check_reverse_client_hostname_access(struct judge *judge,
                                              const struct argument *argument)
{
    const struct access_host host = {judge->session->client.reverse, NULL,
                                     restrict_unverified(judge)};

    return check_host(judge, argument, &host);
}

static enum verdict check_domain(struct judge *judge, const struct argument *argument,
                                 enum stage stage, const char *domain)
{
    struct access_lookup lookup = {judge, argument, restrict_subject(judge, stage)};
    struct access_answer answer;
    struct fail why;

    if (!domain)
        return VERDICT_DUNNO;
    return act_on(&lookup, find_domain(&lookup, domain, &answer, &why), &answer, &why);
}

enum verdict restrict_check_helo_access(struct judge *judge,
                                        const struct argument *argument)
{
    return check_domain(judge, argument, STAGE_HELO, judge->session->helo);
}

enum verdict restrict_check_etrn_access(struct judge *judge,
                                        const struct argument *argument)
{
    return check_domain(judge, argument, STAGE_ETRN, judge->domain);
}

/* The address as it resolves: joe, example.com!joe and joe%example.com@here are no way
 * around a rule about joe@example.com. */
static enum verdict check_address(struct judge *judge, const struct argument *argument,
                                  enum stage stage, const char *address)
{
    struct access_lookup lookup = {judge, argument, restrict_subject(judge, stage)};
    struct resolved resolved = {.recipient = ""};
    struct access_answer answer;
    struct fail why;

    if (!address)
        return VERDICT_DUNNO;
    if (*address && resolve_address(judge->session, address, &resolved, &why) < 0)
        return refuse_lookup(judge, address, &why);
    return act_on(&lookup, find_mail_address(&lookup, resolved.recipient, &answer, &why),
                  &answer, &why);
}

enum verdict restrict_check_sender_access(struct judge *judge,
                                          const struct argument *argument)
{
    return check_address(judge, argument, STAGE_SENDER,
                         judge->session->transaction.sender);
}

enum verdict restrict_check_recipient_access(struct judge *judge,
                                             const struct argument *argument)
{
    return check_address(judge, argument, STAGE_RECIPIENT, judge->recipient);
}

enum verdict restrict_check_sasl_access(struct judge *judge,
                                        const struct argument *argument)
{
    const char *login = judge->session->sasl_username;
    const struct access_lookup lookup = {
        judge, argument, {STAGE_CLIENT, login, "SASL login name"}};
    struct access_answer answer;
    enum table_result result;
    struct fail why;

    if (!login)
        return VERDICT_DUNNO;
    result = find(&lookup, str_of(login), MAPS_ALL, &answer, &why);
    return act_on(&lookup, result, &answer, &why);
}
