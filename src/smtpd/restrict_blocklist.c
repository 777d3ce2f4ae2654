/*
 * reject_rbl_client and its kin: is the client, or a domain that it names, on a
 * block list?
 *
 * A list that does not answer lists nobody: mail must not depend on a stranger's
 * server. Each name is asked for at most once a session; the reason (TXT) only when
 * the name is listed.
 */
#include "dns/blocklist.h"
#include "mail/address.h"
#include "smtpd/reply_macros.h"
#include "smtpd/restrict.h"
#include "util/log.h"

#include <stdio.h>

/* One question put to a list. */
struct inquiry {
    struct judge *judge;
    const char *list;   /* as written: "zen.example.org=127.0.0.2" */
    const char *domain; /* of the list */
    struct str filter;  /* "127.0.0.2", or empty */
    const char *what;   /* "192.0.2.1", or an address or name */
    const char *class;  /* "Client host" */
    const char *reason; /* what the list says, or "" */
};

/* --- asking ----------------------------------------------------------------------- */

/*
 * What was asked in this session. Lists are few, but senders of one session may name any
 * number of domains: what is too much is forgotten after the command.
 */
enum { LISTINGS_MAX = 100 };

struct listing {
    struct listing *next;
    struct arena *arena;
    const char *name;
    struct dns_question answer; /* type A */
    const char *reason;         /* NULL = not asked for yet */
};

static struct listing *ask(struct session *session, const char *name)
{
    struct listing *listing;
    struct arena *arena = session->arena;
    size_t n = 0;

    for (listing = session->listings; listing; listing = listing->next, n++)
        if (strcmp(listing->name, name) == 0)
            return listing;
    if (n >= LISTINGS_MAX)
        arena = session->command;
    listing = ARENA_NEW(arena, struct listing);
    if (n < LISTINGS_MAX) {
        listing->next = session->listings;
        session->listings = listing;
    }
    listing->arena = arena;
    listing->name = arena_copy(arena, name);
    listing->answer = (struct dns_question){.name = listing->name, .type = DNS_A};
    dns_ask_one(session->server->resolver, &listing->answer, arena);
    if (dns_status_is_temporary(listing->answer.status))
        log_warning("%s: RBL lookup error: %s", name,
                    dns_explain(&listing->answer, session->command));
    return listing;
}

/* The list's own words, made fit for a reply. */
static const char *ask_reason(struct session *session, struct listing *listing)
{
    struct dns_question txt = {.name = listing->name, .type = DNS_TXT};
    char *text;

    if (listing->reason)
        return listing->reason;
    listing->reason = "";
    if (dns_ask_one(session->server->resolver, &txt, session->command) != DNS_FOUND) {
        if (dns_status_is_temporary(txt.status))
            log_warning("%s: TXT lookup error: %s", listing->name,
                        dns_status_text(txt.status));
        return listing->reason;
    }
    text = arena_copy_str(listing->arena, str_head(txt.records[0].text, 400));
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p >= 127)
            *p = '?';
    listing->reason = text;
    return text;
}

/* 1, 0, or -1: the filter is none. */
static int is_taken(const struct inquiry *inquiry, const struct listing *listing)
{
    for (size_t i = 0; i < listing->answer.n; i++) {
        int taken = blocklist_filter_takes(inquiry->filter,
                                           listing->answer.records[i].address.bytes);

        if (taken)
            return taken;
    }
    return 0;
}

/* --- replying --------------------------------------------------------------------- */

/* The form of the reply: by the list as it is written, by its domain, or for all. */
static int find_form(const struct inquiry *inquiry, const char **ret, struct fail *why)
{
    const struct session *session = inquiry->judge->session;
    const char *const keys[] = {inquiry->list, inquiry->domain};

    *ret = session->conf->default_rbl_reply;
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct str form;
        enum table_result result =
            maps_lookup(session->server->rbl_reply_maps, str_of(keys[i]), MAPS_ALL,
                        session->command, &form, why);

        if (result == TABLE_ERROR)
            return -1;
        if (result == TABLE_FOUND) {
            *ret = arena_copy_str(session->command, form);
            return 0;
        }
    }
    return 0;
}

static int make_reply(struct inquiry *inquiry, struct buf *reply, struct fail *why)
{
    const struct session *session = inquiry->judge->session;
    const struct reply_macro own[] = {
        {"rbl_class", inquiry->class},
        {"rbl_code",
         arena_printf(session->command, "%d", session->conf->maps_rbl_reject_code)},
        {"rbl_domain", inquiry->domain},
        {"rbl_reason", inquiry->reason},
        {"rbl_txt", inquiry->reason},
        {"rbl_what", inquiry->what},
    };
    const struct reply_macros macros = {session, inquiry->judge->recipient, own,
                                        COUNT(own)};
    const char *form;

    if (find_form(inquiry, &form, why) < 0)
        return -1;
    return reply_macros_expand(&macros, form, reply, why);
}

/* "CODE [STATUS] text" */
static enum verdict refuse_reply(struct inquiry *inquiry, struct str reply)
{
    struct str rest = reply, word = str_word(&rest, " ");
    struct status_split split;
    unsigned long long code;

    if (!str_number(word, 599, &code) || code < 400) {
        log_warning("%s: bad reply \"%.*s\": need a code from 400 to 599", inquiry->list,
                    STR_ARG(reply));
        return refuse_text(inquiry->judge, 450, "4.7.1", "Service unavailable");
    }
    split = status_split(str_trim(rest), "5.7.1");
    return refuse_text(inquiry->judge, (int)code, split.status, "%.*s",
                       STR_ARG(split.text));
}

static enum verdict refuse_listed(struct inquiry *inquiry)
{
    struct buf reply;
    struct fail why;
    enum verdict verdict;

    buf_init(&reply, IPC_VALUE_MAX);
    if (make_reply(inquiry, &reply, &why) < 0)
        verdict = restrict_misconfigured(inquiry->judge, why.text);
    else
        verdict = refuse_reply(inquiry, buf_str(&reply));
    buf_done(&reply);
    return verdict;
}

static enum verdict bad_filter(const struct inquiry *inquiry)
{
    return restrict_misconfigured(
        inquiry->judge,
        arena_printf(inquiry->judge->session->command,
                     "bad filter in \"%s\": need domain=d.d.d.d, where d is a number or "
                     "[number;number..number]",
                     inquiry->list));
}

/* name: what stands before the list's domain in the question. 1, 0, or -1: the list is
 * written in a way that nobody understands. */
static int is_listed(struct inquiry *inquiry, const char *name, struct listing **ret)
{
    struct session *session = inquiry->judge->session;

    *ret = ask(session, arena_printf(session->command, "%s.%s", name, inquiry->domain));
    return is_taken(inquiry, *ret);
}

static struct inquiry inquiry_of(struct judge *judge, const struct argument *argument,
                                 const char *what, enum stage stage)
{
    struct str list = str_of(argument->text);
    size_t end = str_find(list, '=');

    return (struct inquiry){
        .judge = judge,
        .list = argument->text,
        .domain = arena_copy_str(judge->session->command, str_head(list, end)),
        .filter = str_tail(list, end + 1),
        .what = what,
        .class = restrict_subject(judge, stage).class,
    };
}

static enum verdict inquire(struct judge *judge, const struct argument *argument,
                            const char *name, const char *what, enum stage stage)
{
    struct inquiry inquiry = inquiry_of(judge, argument, what, stage);
    struct listing *listing;
    int taken = is_listed(&inquiry, name, &listing);

    if (taken < 0)
        return bad_filter(&inquiry);
    if (taken == 0)
        return VERDICT_DUNNO;
    inquiry.reason = ask_reason(judge->session, listing);
    return refuse_listed(&inquiry);
}

/* --- lists of the wanted ---------------------------------------------------------- */

/* Never a way to relay. A list that can't be asked now must not cost a good client its
 * mail for good. */
static enum verdict inquire_wanted(struct judge *judge, const struct argument *argument,
                                   const char *name, const char *what)
{
    struct inquiry inquiry = inquiry_of(judge, argument, what, STAGE_CLIENT);
    struct listing *listing;
    int taken;

    if (judge->recipient && !restrict_is_authorized(judge))
        return VERDICT_DUNNO;
    taken = is_listed(&inquiry, name, &listing);
    if (taken < 0)
        return bad_filter(&inquiry);
    if (taken > 0)
        return VERDICT_PERMIT;
    if (!dns_status_is_temporary(listing->answer.status))
        return VERDICT_DUNNO;
    refuse_text(judge, 450, "4.7.1", "<%s>: %s rejected: Service unavailable", what,
                inquiry.class);
    return refuse_later(judge, &judge->if_reject);
}

/* --- the restrictions ------------------------------------------------------------- */

enum verdict restrict_permit_dnswl_client(struct judge *judge,
                                          const struct argument *argument)
{
    char reversed[BLOCKLIST_REVERSED];

    blocklist_reverse(&judge->session->peer, reversed);
    if (*reversed == '\0')
        return VERDICT_DUNNO;
    return inquire_wanted(judge, argument, reversed, judge->session->address);
}

enum verdict restrict_permit_rhswl_client(struct judge *judge,
                                          const struct argument *argument)
{
    const char *name = judge->session->client.name;

    if (!strchr(name, '.') || !dns_host_is_valid(name))
        return VERDICT_DUNNO;
    return inquire_wanted(judge, argument, name, name);
}

/* --- lists of the unwanted -------------------------------------------------------- */

enum verdict restrict_reject_rbl_client(struct judge *judge,
                                        const struct argument *argument)
{
    char reversed[BLOCKLIST_REVERSED];

    blocklist_reverse(&judge->session->peer, reversed);
    if (*reversed == '\0')
        return VERDICT_DUNNO;
    return inquire(judge, argument, reversed, judge->session->address, STAGE_CLIENT);
}

/* Names that are none, or have no domain, are on no list. */
static enum verdict inquire_name(struct judge *judge, const struct argument *argument,
                                 const char *name, enum stage stage)
{
    if (!name || !strchr(name, '.') || !dns_host_is_valid(name))
        return VERDICT_DUNNO;
    return inquire(judge, argument, name, name, stage);
}

static enum verdict inquire_address(struct judge *judge, const struct argument *argument,
                                    const char *address, enum stage stage)
{
    const char *domain;

    if (!address)
        return VERDICT_DUNNO;
    domain =
        arena_copy_str(judge->session->command, address_split(str_of(address)).domain);
    if (!*domain || !dns_host_is_valid(domain))
        return VERDICT_DUNNO;
    return inquire(judge, argument, domain, address, stage);
}

/* compat: maps_rbl_domains is a list of what reject_rbl_client would name. */
enum verdict restrict_reject_maps_rbl(struct judge *judge,
                                      const struct argument *argument)
{
    struct str rest = str_of(judge->session->conf->maps_rbl_domains), word;
    enum verdict verdict = VERDICT_DUNNO;

    (void)argument;
    restrict_warn_once(judge, RESTRICTION_OLD_RBL,
                       "support for restriction \"reject_maps_rbl\" will be removed from "
                       "Postfix; use \"reject_rbl_client domain-name\" instead");
    while (verdict == VERDICT_DUNNO && (word = str_word(&rest, ", \t\r\n")).n > 0) {
        const struct argument list = {.text =
                                          arena_copy_str(judge->session->command, word)};

        verdict = restrict_reject_rbl_client(judge, &list);
    }
    return verdict;
}

enum verdict restrict_reject_rhsbl_client(struct judge *judge,
                                          const struct argument *argument)
{
    return inquire_name(judge, argument, judge->session->client.name, STAGE_CLIENT);
}

enum verdict restrict_reject_rhsbl_reverse_client(struct judge *judge,
                                                  const struct argument *argument)
{
    return inquire_name(judge, argument, judge->session->client.reverse, STAGE_CLIENT);
}

enum verdict restrict_reject_rhsbl_helo(struct judge *judge,
                                        const struct argument *argument)
{
    return inquire_name(judge, argument, judge->session->helo, STAGE_HELO);
}

enum verdict restrict_reject_rhsbl_sender(struct judge *judge,
                                          const struct argument *argument)
{
    return inquire_address(judge, argument, judge->session->transaction.sender,
                           STAGE_SENDER);
}

enum verdict restrict_reject_rhsbl_recipient(struct judge *judge,
                                             const struct argument *argument)
{
    return inquire_address(judge, argument, judge->recipient, STAGE_RECIPIENT);
}
