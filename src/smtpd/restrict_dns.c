/*
 * Restrictions that ask the DNS: does mail for a domain have somewhere to go, is
 * the name in HELO a host's.
 *
 * What the name servers cannot say now is no reason to refuse for good:
 * unknown_address_tempfail_action and its kin decide between "for now" and "only if
 * nothing later refuses".
 */
#include "smtpd/restrict.h"

#include "mail/address.h"
#include "smtpd/address.h"
#include "util/log.h"

/* How one restriction words its refusals. */
struct wording {
    int code;             /* the name does not exist */
    const char *status;   /* class 4 */
    const char *text;     /* "Domain not found" */
    const char *tempfail; /* value of the ..._tempfail_action */
};

static enum verdict not_known_now(struct judge *judge, const struct wording *wording)
{
    refuse(judge, 450, wording->status, wording->text);
    if (strcmp(wording->tempfail, "defer") == 0)
        return VERDICT_REJECT;
    return refuse_later(judge, &judge->if_permit);
}

enum domain {
    DOMAIN_GOOD,
    DOMAIN_NULL_MX,
    DOMAIN_UNKNOWN,
    DOMAIN_TRY_AGAIN,
    DOMAIN_FILTERED, /* smtpd_dns_reply_filter left nothing: nobody is refused for that */
};

/* RFC 7505: "no mail for this domain". */
static bool is_null_mx(const struct dns_question *mx)
{
    return mx->n == 1 && *mx->records[0].target == '\0';
}

/* Is there an address? The two kinds are asked for at once. */
static enum domain look_up_host(struct judge *judge, const char *name)
{
    struct dns_question questions[] = {{.name = name, .type = DNS_A},
                                       {.name = name, .type = DNS_AAAA}};
    enum domain result = DOMAIN_UNKNOWN;

    dns_ask(judge->session->server->resolver, questions, COUNT(questions),
            judge->session->command);
    for (size_t i = 0; i < COUNT(questions); i++) {
        if (questions[i].status == DNS_FOUND)
            return DOMAIN_GOOD;
        if (questions[i].status == DNS_FILTERED)
            result = DOMAIN_FILTERED;
        else if (dns_status_is_temporary(questions[i].status))
            result = DOMAIN_TRY_AGAIN;
    }
    return result;
}

static enum domain look_up_exchanger(struct judge *judge, const char *name,
                                     enum dns_status *ret_status)
{
    struct dns_question mx = {.name = name, .type = DNS_MX};

    *ret_status =
        dns_ask_one(judge->session->server->resolver, &mx, judge->session->command);
    if (mx.status == DNS_FOUND)
        return is_null_mx(&mx) ? DOMAIN_NULL_MX : DOMAIN_GOOD;
    if (mx.status == DNS_FILTERED)
        return DOMAIN_FILTERED;
    return dns_status_is_temporary(mx.status) ? DOMAIN_TRY_AGAIN : DOMAIN_UNKNOWN;
}

static enum domain note_filtered(const char *name, const char *kinds)
{
    log_warning("%s: %s lookup error: %s", name, kinds, dns_status_text(DNS_FILTERED));
    return DOMAIN_FILTERED;
}

/* A mail exchanger, or else an address (RFC 5321 section 5.1). */
static enum domain look_up_domain(struct judge *judge, const char *name)
{
    enum dns_status status;
    enum domain exchanger = look_up_exchanger(judge, name, &status), host;

    if (exchanger == DOMAIN_FILTERED)
        return note_filtered(name, "MX or address");
    if (exchanger == DOMAIN_GOOD || exchanger == DOMAIN_NULL_MX ||
        status == DNS_NO_NAME || status == DNS_BAD_NAME)
        return exchanger;
    host = look_up_host(judge, name);
    if (host == DOMAIN_FILTERED)
        return note_filtered(name, "MX or address");
    return host == DOMAIN_UNKNOWN ? exchanger : host;
}

/* A name in HELO is a host's, or else a domain's. */
static enum domain look_up_helo(struct judge *judge, const char *name)
{
    enum dns_status status;
    enum domain host = look_up_host(judge, name), exchanger;

    if (host == DOMAIN_GOOD)
        return host;
    exchanger = look_up_exchanger(judge, name, &status);
    if (exchanger == DOMAIN_GOOD || exchanger == DOMAIN_NULL_MX)
        return exchanger;
    if (exchanger == DOMAIN_FILTERED || host == DOMAIN_FILTERED)
        return note_filtered(name, "address or MX");
    return host == DOMAIN_TRY_AGAIN ? host : exchanger;
}

/* Whom an address restriction is about, and what a null MX means for it (RFC 7505
 * section 4.2). */
struct about {
    enum stage stage;
    const char *status;
    int null_mx_code;
    const char *null_mx_status;
};

static enum verdict judge_domain(struct judge *judge, const struct about *about,
                                 const char *domain)
{
    const struct conf *conf = judge->session->conf;
    const struct wording wording = {conf->unknown_address_reject_code, about->status,
                                    "Domain not found",
                                    conf->unknown_address_tempfail_action};

    switch (look_up_domain(judge, domain)) {
    case DOMAIN_NULL_MX:
        return refuse(judge, about->null_mx_code, about->null_mx_status,
                      arena_printf(judge->session->command,
                                   "Domain %s does not accept mail (nullMX)", domain));
    case DOMAIN_UNKNOWN:
        return refuse(judge, wording.code, wording.status, wording.text);
    case DOMAIN_TRY_AGAIN:
        return not_known_now(judge, &wording);
    default:
        return VERDICT_DUNNO;
    }
}

/* The domain is that of the address as it resolves, so that one without a domain is of
 * $myorigin. Domains that end here need no DNS. */
static enum verdict reject_unknown_domain(struct judge *judge, const struct about *about,
                                          const char *address)
{
    const unsigned ours = RESOLVE_LOCAL | RESOLVE_VIRTUAL_ALIAS | RESOLVE_VIRTUAL_MAILBOX;
    struct subject outer = judge->subject;
    struct resolved resolved;
    struct fail why;
    enum verdict verdict;
    struct str domain;

    if (*address == '\0')
        return VERDICT_DUNNO;
    if (resolve_address(judge->session, address, &resolved, &why) < 0)
        return refuse_lookup(judge, address, &why);
    domain = address_split(str_of(resolved.recipient)).domain;
    if (((unsigned)resolved.flags & ours) || domain.n == 0 || str_starts(domain, "["))
        return VERDICT_DUNNO;
    judge->subject = restrict_subject(judge, about->stage);
    verdict = judge_domain(judge, about, arena_copy_str(judge->session->command, domain));
    judge->subject = outer;
    return verdict;
}

enum verdict restrict_reject_unknown_sender_domain(struct judge *judge,
                                                   const struct argument *argument)
{
    static const struct about about = {STAGE_SENDER, "4.1.8", 550, "5.7.27"};
    const char *sender = judge->session->transaction.sender;

    (void)argument;
    return sender ? reject_unknown_domain(judge, &about, sender) : VERDICT_DUNNO;
}

enum verdict restrict_reject_unknown_recipient_domain(struct judge *judge,
                                                      const struct argument *argument)
{
    static const struct about about = {STAGE_RECIPIENT, "4.1.2", 556, "5.1.10"};

    (void)argument;
    return judge->recipient ? reject_unknown_domain(judge, &about, judge->recipient)
                            : VERDICT_DUNNO;
}

enum verdict restrict_reject_unknown_helo_hostname(struct judge *judge,
                                                   const struct argument *argument)
{
    const struct session *session = judge->session;
    const struct wording wording = {session->conf->unknown_hostname_reject_code, "4.7.1",
                                    "Host not found",
                                    session->conf->unknown_helo_hostname_tempfail_action};
    struct subject outer = judge->subject;
    enum verdict verdict = VERDICT_DUNNO;
    enum domain found;

    (void)argument;
    if (!session->helo || session->helo[0] == '[')
        return VERDICT_DUNNO;
    judge->subject = restrict_subject(judge, STAGE_HELO);
    found = look_up_helo(judge, session->helo);
    if (found == DOMAIN_TRY_AGAIN)
        verdict = not_known_now(judge, &wording);
    else if (found == DOMAIN_UNKNOWN || found == DOMAIN_NULL_MX)
        verdict = refuse(judge, wording.code, wording.status, wording.text);
    judge->subject = outer;
    return verdict;
}
