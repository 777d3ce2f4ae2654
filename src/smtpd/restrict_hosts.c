/*
 * check_*_a_access, check_*_mx_access, check_*_ns_access: the hosts behind a name
 * (its own addresses, its mail exchangers, its name servers) are looked up in an access
 * table, each by name and by address.
 *
 * What the DNS does not say lets the client pass, with a warning: these tables list what
 * is unwanted. For the same reason they may not permit.
 */
#include "smtpd/access.h"

#include "mail/address.h"
#include "smtpd/host_addresses.h"
#include "util/log.h"

/* Who is looked at, and how. */
struct quest {
    struct judge *judge;
    const struct argument *argument;
    const char *restriction; /* its name */
    enum stage stage;
    enum dns_type type; /* A, MX, NS */
    const char *name;   /* a host, domain or address literal; NULL = there is none */
    bool unverified;    /* the name that the client's address points to */
};

static struct subject subject_of(const struct quest *quest)
{
    return quest->unverified ? restrict_unverified(quest->judge)
                             : restrict_subject(quest->judge, quest->stage);
}

static bool has_ended(const struct quest *quest, const struct access_host *host,
                      enum verdict *ret)
{
    enum verdict verdict;

    if (!access_check_host(quest->judge, quest->argument, host, &verdict))
        return false;
    if (verdict == VERDICT_PERMIT) {
        log_warning("restriction %s returns OK for %s", quest->restriction,
                    quest->stage == STAGE_CLIENT ? quest->name : host->subject.text);
        log_warning("this is not allowed for security reasons");
        log_warning("use DUNNO instead of OK if you want to make an exception");
        verdict = refuse_text(quest->judge, 451, "4.3.5", "Server configuration error");
        quest->judge->refusal.trouble = TROUBLE_SOFTWARE;
    }
    *ret = verdict;
    return true;
}

static bool check_address(const struct quest *quest, const struct netaddr *address,
                          enum verdict *ret)
{
    char text[NETADDR_TEXT];
    const struct access_host host = {NULL, netaddr_text(address, text),
                                     subject_of(quest)};

    return has_ended(quest, &host, ret);
}

/* The host by name, when by_name, and each of its addresses. */
static bool check_one(const struct quest *quest, const char *name, bool by_name,
                      enum verdict *ret)
{
    const struct access_host host = {name, NULL, subject_of(quest)};
    struct host_addresses found;

    if (by_name && has_ended(quest, &host, ret))
        return true;
    host_addresses_look_up(quest->judge->session, name, &found);
    for (size_t i = 0; i < found.n; i++)
        if (check_address(quest, &found.addresses[i], ret))
            return true;
    if (by_name && found.n == 0)
        log_warning("Unable to look up %s host %s for %s %s: %s",
                    dns_type_text(quest->type), name, host.subject.class,
                    host.subject.text, dns_status_text(found.status));
    return false;
}

/* The records of the name; name servers may be those of a parent domain. */
static void look_up(const struct quest *quest, struct dns_question *ret)
{
    struct resolver *resolver = quest->judge->session->server->resolver;
    struct arena *command = quest->judge->session->command;
    const char *parent = quest->name;

    *ret = (struct dns_question){.name = quest->name, .type = quest->type};
    while (dns_ask_one(resolver, ret, command) != DNS_FOUND && quest->type == DNS_NS) {
        parent = strchr(parent, '.');
        if (!parent || !strchr(++parent, '.'))
            return;
        *ret = (struct dns_question){.name = parent, .type = quest->type};
    }
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3), or without brackets. */
static bool is_literal(const char *name, struct netaddr *ret)
{
    struct str text = str_of(name);

    if (str_starts(text, "[") && str_ends(text, "]"))
        text = str_head(str_tail(text, 1), text.n - 2);
    if (str_starts_nocase(text, "IPv6:"))
        text = str_tail(text, 5);
    return netaddr_parse(text, ret);
}

static enum verdict check_hosts(const struct quest *quest)
{
    struct dns_question found;
    enum verdict verdict = VERDICT_DUNNO;
    struct netaddr literal;

    if (quest->name && is_literal(quest->name, &literal)) {
        if (quest->type != DNS_NS) /* who serves names of an address has none here */
            (void)check_address(quest, &literal, &verdict);
        return verdict;
    }
    if (!quest->name || !dns_host_is_valid(quest->name) || !strchr(quest->name, '.'))
        return VERDICT_DUNNO;
    if (quest->type == DNS_A) {
        (void)check_one(quest, quest->name, false, &verdict);
        return verdict;
    }
    look_up(quest, &found);
    for (size_t i = 0; i < found.n; i++)
        if (*found.records[i].target && /* the root is a null MX */
            check_one(quest, found.records[i].target, true, &verdict))
            return verdict;
    if (found.n)
        return VERDICT_DUNNO;
    /* Without an exchanger, mail goes to the host itself (RFC 5321 section 5.1). */
    if (quest->type == DNS_MX && !dns_status_is_temporary(found.status))
        (void)check_one(quest, quest->name, true, &verdict);
    else
        log_warning("Unable to look up %s host for %s: %s", dns_type_text(quest->type),
                    quest->type == DNS_MX ? quest->name : subject_of(quest).text,
                    found.status == DNS_FILTERED ? "DNS reply filter policy"
                                                 : dns_status_text(found.status));
    return verdict;
}

/* --- whose hosts ------------------------------------------------------------------ */

static const char *client_host(const struct judge *judge)
{
    return judge->session->client.name; /* "unknown" has no dot */
}

static const char *reverse_host(const struct judge *judge)
{
    return judge->session->client.reverse;
}

static const char *helo_host(const struct judge *judge)
{
    return judge->session->helo;
}

static const char *domain_of(const struct judge *judge, const char *address)
{
    if (!address)
        return NULL;
    return arena_copy_str(judge->session->command, address_split(str_of(address)).domain);
}

static const char *sender_host(const struct judge *judge)
{
    return domain_of(judge, judge->session->transaction.sender);
}

static const char *recipient_host(const struct judge *judge)
{
    return domain_of(judge, judge->recipient);
}

#define CHECK(name_of, stage_of, type_of, host)                                          \
    enum verdict restrict_##name_of(struct judge *judge, const struct argument *what)    \
    {                                                                                    \
        const struct quest quest = {.judge = judge,                                      \
                                    .argument = what,                                    \
                                    .restriction = #name_of,                             \
                                    .stage = (stage_of),                                 \
                                    .type = (type_of),                                   \
                                    .name = host(judge),                                 \
                                    .unverified = (host) == reverse_host};               \
                                                                                         \
        return check_hosts(&quest);                                                      \
    }

CHECK(check_client_a_access, STAGE_CLIENT, DNS_A, client_host)
CHECK(check_client_mx_access, STAGE_CLIENT, DNS_MX, client_host)
CHECK(check_client_ns_access, STAGE_CLIENT, DNS_NS, client_host)
CHECK(check_reverse_client_hostname_a_access, STAGE_CLIENT, DNS_A, reverse_host)
CHECK(check_reverse_client_hostname_mx_access, STAGE_CLIENT, DNS_MX, reverse_host)
CHECK(check_reverse_client_hostname_ns_access, STAGE_CLIENT, DNS_NS, reverse_host)
CHECK(check_helo_a_access, STAGE_HELO, DNS_A, helo_host)
CHECK(check_helo_mx_access, STAGE_HELO, DNS_MX, helo_host)
CHECK(check_helo_ns_access, STAGE_HELO, DNS_NS, helo_host)
CHECK(check_sender_a_access, STAGE_SENDER, DNS_A, sender_host)
CHECK(check_sender_mx_access, STAGE_SENDER, DNS_MX, sender_host)
CHECK(check_sender_ns_access, STAGE_SENDER, DNS_NS, sender_host)
CHECK(check_recipient_a_access, STAGE_RECIPIENT, DNS_A, recipient_host)
CHECK(check_recipient_mx_access, STAGE_RECIPIENT, DNS_MX, recipient_host)
CHECK(check_recipient_ns_access, STAGE_RECIPIENT, DNS_NS, recipient_host)
