/*
 * reject_unverified_sender and reject_unverified_recipient: verify(8) is asked whether an
 * address can be delivered to. When it does not know yet, we send the probe that it
 * wants, and ask again a few times before the client is put off.
 */
#include "smtpd/restrict.h"

#include "mail/address.h"
#include "queue/verify.h"
#include "smtpd/address.h"
#include "util/log.h"
#include "util/wait.h"

/* How one of the two words its refusals; all from main.cf. */
struct wording {
    const char *status;
    int reject_code, defer_code;
    const char *reason;   /* instead of what the probe met; "" = that */
    const char *tempfail; /* "defer", or only when nothing else refuses */
};

static const char *probe_sender(const struct session *session, int periods_ago)
{
    const struct conf *conf = session->conf;
    time_t now = clock_wall(&clock_system).tv_sec;

    return verify_sender(
        *conf->address_verify_sender && strcmp(conf->address_verify_sender, "<>") != 0
            ? standard_form((struct session *)session, conf->address_verify_sender)
            : "",
        conf->address_verify_sender_ttl, now, periods_ago, session->command);
}

/* compat: also the sender of the period before, since others ask later. */
bool restrict_is_probe_sender(struct session *session, const char *address)
{
    struct str local = address_split(str_of(session->conf->address_verify_sender)).local;

    if (local.n == 0 ||
        !str_starts_nocase(str_of(address), arena_copy_str(session->command, local)))
        return false;
    for (int ago = 0; ago <= 1; ago++)
        if (str_is_nocase(str_of(address), probe_sender(session, ago)))
            return true;
    return false;
}

static int send_probe(struct session *session, const char *address, struct fail *why)
{
    return verify_probe(session->server->probes, session->conf, probe_sender(session, 0),
                        address, session->command, why);
}

/* Ask until it is known; a while. */
static int verify(struct session *session, const char *address, struct verify_answer *ret,
                  struct fail *why)
{
    const struct conf *conf = session->conf;

    for (int asked = 1;; asked++) {
        if (verify_ask(session->server->verify, address, session->command, ret, why) < 0)
            return -1;
        if (ret->probe && send_probe(session, address, why) < 0)
            return -1;
        if (ret->status != VERIFY_UNKNOWN || asked >= conf->address_verify_poll_count)
            return 0;
        (void)!wait_any(NULL, 0, conf->address_verify_poll_delay * 1000L);
    }
}

/* compat: a code 4xx says "unverified" also of an address that bounces. */
static enum verdict refuse_bounced(struct judge *judge, const struct wording *wording,
                                   const char *text)
{
    bool now = wording->reject_code / 100 == 5;

    refuse(judge, wording->reject_code, wording->status,
           arena_printf(judge->session->command, "%s address: %s",
                        now ? "undeliverable" : "unverified", text));
    if (now || strcmp(wording->tempfail, "defer") == 0)
        return VERDICT_REJECT;
    return refuse_later(judge, &judge->if_permit);
}

static enum verdict refuse_unknown(struct judge *judge, const struct wording *wording,
                                   const char *text)
{
    refuse(judge, wording->defer_code, wording->status,
           arena_printf(judge->session->command, "unverified address: %s", text));
    if (strcmp(wording->tempfail, "defer") == 0)
        return VERDICT_REJECT;
    return refuse_later(judge, &judge->if_permit);
}

static enum verdict judge_address(struct judge *judge, enum stage stage,
                                  const char *address, const struct wording *wording)
{
    struct session *session = judge->session;
    struct subject outer = judge->subject;
    struct verify_answer answer;
    enum verdict verdict = VERDICT_DUNNO;
    const char *text;
    struct fail why;

    if (!address || *address == '\0')
        return VERDICT_DUNNO;
    if (verify(session, address, &answer, &why) < 0)
        return refuse_lookup(judge, address, &why);
    session_start_request(session); /* the answer has time of its own */
    text = *wording->reason ? wording->reason : answer.text;
    judge->subject = restrict_subject(judge, stage);
    if (answer.status == VERIFY_BOUNCED)
        verdict = refuse_bounced(judge, wording, text);
    else if (answer.status != VERIFY_DELIVERABLE)
        verdict = refuse_unknown(judge, wording, text);
    judge->subject = outer;
    return verdict;
}

enum verdict restrict_reject_unverified_recipient(struct judge *judge,
                                                  const struct argument *argument)
{
    const struct conf *conf = judge->session->conf;
    const struct wording wording = {
        .status = "4.1.1",
        .reject_code = conf->unverified_recipient_reject_code,
        .defer_code = conf->unverified_recipient_defer_code,
        .reason = conf->unverified_recipient_reject_reason,
        .tempfail = conf->unverified_recipient_tempfail_action,
    };

    (void)argument;
    return judge_address(judge, STAGE_RECIPIENT, judge->recipient, &wording);
}

enum verdict restrict_reject_unverified_sender(struct judge *judge,
                                               const struct argument *argument)
{
    const struct conf *conf = judge->session->conf;
    const struct wording wording = {
        .status = "4.1.7",
        .reject_code = conf->unverified_sender_reject_code,
        .defer_code = conf->unverified_sender_defer_code,
        .reason = conf->unverified_sender_reject_reason,
        .tempfail = conf->unverified_sender_tempfail_action,
    };

    (void)argument;
    return judge_address(judge, STAGE_SENDER, judge->session->transaction.sender,
                         &wording);
}
