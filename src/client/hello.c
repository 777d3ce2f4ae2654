/*
 * From a connection to a session that is ready for mail. Whatever goes wrong
 * until then concerns the host, not the message: the next host is tried, and
 * only when there is none are recipients deferred. A refusal of our hello and a
 * host that turns out to be ourselves are final.
 */
#include "client/hello.h"

#include "client/login.h"
#include "client/starttls.h"
#include "client/workarounds.h"
#include "client/xforward.h"

/* --- features ---------------------------------------------------------------- */

/* In the order in which Postfix names them in its log. */
static const struct {
    const char *keyword;
    unsigned bit;
} features[] = {
    {"8BITMIME", FEATURE_8BITMIME},
    {"AUTH", FEATURE_AUTH},
    {"ETRN", FEATURE_ETRN},
    {"PIPELINING", FEATURE_PIPELINING},
    {"SIZE", FEATURE_SIZE},
    {"VERP", FEATURE_VERP},
    {"VRFY", FEATURE_VRFY},
    {"XCLIENT", FEATURE_XCLIENT},
    {"XFORWARD", FEATURE_XFORWARD},
    {"STARTTLS", FEATURE_STARTTLS},
    {"ENHANCEDSTATUSCODES", FEATURE_ENHANCED_CODES},
    {"DSN", FEATURE_DSN},
    {"SMTPUTF8", FEATURE_SMTPUTF8},
    {"CHUNKING", FEATURE_CHUNKING},
};

unsigned client_feature_bit(struct str keyword)
{
    for (size_t i = 0; i < COUNT(features); i++)
        if (str_is_nocase(keyword, features[i].keyword))
            return features[i].bit;
    return 0;
}

void client_keywords_parse(struct str text, unsigned *ret_features, bool *ret_silent)
{
    struct str word;

    *ret_features = 0;
    *ret_silent = false;
    while ((word = str_word(&text, ", \t\r\n")).n > 0) {
        *ret_features |= client_feature_bit(word);
        if (str_is_nocase(word, "silent-discard"))
            *ret_silent = true;
    }
}

/* "SIZE", "SIZE 0" and a number beyond all sense set no limit: RFC 1870. */
static void note_size_limit(struct session *session, struct str text)
{
    unsigned long long limit;

    if (str_number(text, INT64_MAX, &limit))
        session->size_limit = (long long)limit;
    else if (str_span(text, "0123456789") < text.n)
        session_warn(session, "bad EHLO SIZE limit \"%.*s\" from %s", STR_ARG(text),
                     session->relay);
}

static void note_feature(struct session *session, struct str line, unsigned discarded)
{
    struct str rest = str_tail(line, 4), keyword = str_word(&rest, " =");
    unsigned bit = client_feature_bit(keyword) & ~discarded;

    session->features |= bit;
    if (bit == FEATURE_SIZE)
        note_size_limit(session, str_word(&rest, " "));
    if (bit == FEATURE_AUTH)
        login_note_offer(session, rest);
    if (bit == FEATURE_XFORWARD)
        session->xforward = xforward_offered(rest);
}

static void tell_discarded(const struct session *session, unsigned discarded)
{
    const char *list = "";

    if (discarded == 0 || !session->settings->note)
        return;
    for (size_t i = 0; i < COUNT(features); i++)
        if (discarded & features[i].bit)
            list = arena_printf(session->arena, "%s %s", list, features[i].keyword);
    session->settings->note(
        arena_printf(session->arena, "discarding EHLO keywords:%s", list));
}

static struct str address_of(const struct session *session)
{
    char text[NETADDR_TEXT];

    return str_of(arena_copy(session->arena, netaddr_text(&session->address, text)));
}

/* A table could not be read: it says nothing about the server, but we can't go on. */
static int table_failed(struct session *session, const struct maps *maps,
                        const struct fail *why)
{
    session_warn(session, "%s", why->text);
    session_warn(session, "%s: %s map lookup error for %s", session->queue_id,
                 maps_param(maps), address_of(session).p);
    session->local_error = true;
    return -1;
}

/* The features to leave unused: by the table, else by the list. */
static int find_discarded(struct session *session, unsigned *ret)
{
    const struct client_settings *settings = session->settings;
    unsigned discarded = settings->discard_features;
    bool silent = settings->discard_silently;
    struct str value;
    struct fail why;
    enum table_result result =
        maps_lookup(settings->workarounds.discard, address_of(session), MAPS_ALL,
                    session->arena, &value, &why);

    if (result == TABLE_ERROR)
        return table_failed(session, settings->workarounds.discard, &why);
    if (result == TABLE_FOUND)
        client_keywords_parse(value, &discarded, &silent);
    if (!silent)
        tell_discarded(session, discarded);
    *ret = discarded;
    return 0;
}

static int note_features(struct session *session, const struct reply *reply)
{
    struct str rest = str_of(reply->text);
    unsigned discarded;

    if (find_discarded(session, &discarded) < 0)
        return -1;
    session->mechanisms = NULL;
    (void)str_until(&rest, '\n');
    while (rest.n > 0)
        note_feature(session, str_until(&rest, '\n'), discarded);
    return 0;
}

/* --- hello ------------------------------------------------------------------- */

/* "host H[A] refused to talk to me: REPLY": the next host may be kinder. */
static enum session_end refused(struct session *session, const struct reply *reply,
                                bool for_good, struct arena *arena, struct outcome *ret)
{
    *ret = session_outcome(session, reply,
                           arena_printf(arena, "host %s refused to talk to me: %s",
                                        session->label, reply_line(reply, arena)),
                           arena);
    if (for_good && ret->result == OUTCOME_BOUNCED)
        return SESSION_HOPELESS;
    outcome_soften(ret);
    return SESSION_REFUSED;
}

/* The host name that a greeting or an answer to hello begins with. */
static bool names_us(const struct session *session, const struct reply *reply)
{
    struct str text = str_of(reply->text), line = str_until(&text, '\n');
    struct str rest = str_tail(line, 4);

    return session->default_port && !session->settings->lmtp &&
           str_eq_nocase(str_word(&rest, " "), str_of(session->settings->myhostname));
}

/* Say one of EHLO, HELO, LHLO. On STREAM_OK *ret is the reply. */
static enum stream_result say_hello(struct session *session, const char *verb,
                                    struct reply *ret, struct outcome *ret_failure)
{
    const char *stage = arena_printf(session->arena, "performing the %s handshake", verb);
    enum stream_result result;

    session_say(session, str_of(arena_printf(session->arena, "%s %s", verb,
                                             session->settings->helo_name)));
    result = session_exchange(session, session->arena, ret);
    if (result != STREAM_OK)
        *ret_failure = session_lost(session, result, stage, session->arena);
    return result;
}

static enum session_end greeted_by_myself(struct session *session,
                                          const struct destination *destination,
                                          struct outcome *ret_failure)
{
    session_warn(session, "host %s replied to HELO/EHLO with my own hostname %s",
                 session->relay, session->settings->myhostname);
    *ret_failure = outcome_make(session->arena, "5.4.6",
                                "mail for %s loops back to myself", destination->nexthop);
    ret_failure->relay = session->relay;
    return SESSION_HOPELESS;
}

static enum session_end hello(struct session *session,
                              const struct destination *destination, bool extended,
                              struct outcome *ret_failure)
{
    const struct client_settings *settings = session->settings;
    struct reply reply;

    if (settings->lmtp || extended) {
        if (say_hello(session, settings->lmtp ? "LHLO" : "EHLO", &reply, ret_failure) !=
            STREAM_OK)
            return SESSION_REFUSED;
        if (reply_class(&reply) == 2) {
            if (names_us(session, &reply))
                return greeted_by_myself(session, destination, ret_failure);
            session->esmtp = true;
            if (note_features(session, &reply) == 0)
                return SESSION_FINE;
            *ret_failure = session_lost(session, STREAM_ERROR, "", session->arena);
            return SESSION_REFUSED;
        }
        if (settings->lmtp || reply.code == 421)
            return refused(session, &reply, settings->lmtp, session->arena, ret_failure);
    }
    if (say_hello(session, "HELO", &reply, ret_failure) != STREAM_OK)
        return SESSION_REFUSED;
    if (reply_class(&reply) != 2)
        return refused(session, &reply, true, session->arena, ret_failure);
    return SESSION_FINE;
}

/* --- greeting ----------------------------------------------------------------- */

/* A firewall of this make: what it spoils is not used. */
static int care_for_pix(struct session *session, const struct reply *greeting)
{
    const struct workarounds *workarounds = &session->settings->workarounds;
    const char *names;
    struct fail why;
    int bits;

    if (!workarounds_is_pix(str_of(greeting->text)))
        return 0;
    bits = workarounds_pix(workarounds, address_of(session), session->message_age_s,
                           session->arena, &names, &why);
    if (bits < 0)
        return table_failed(session, workarounds->pix, &why);
    if (bits > 0 && session->settings->note)
        session->settings->note(arena_printf(session->arena,
                                             "%s: enabling PIX workarounds: %s for %s",
                                             session->queue_id, names, session->relay));
    session->pix = (unsigned)bits;
    return 0;
}

static bool wants_ehlo(const struct session *session, const struct reply *greeting)
{
    const struct client_settings *settings = session->settings;
    struct str rest = str_of(greeting->text), word;

    if (session->pix & PIX_DISABLE_ESMTP)
        return false;
    if (settings->never_send_ehlo || settings->always_send_ehlo)
        return !settings->never_send_ehlo;
    while ((word = str_word(&rest, " \n")).n > 0)
        if (str_is_nocase(word, "ESMTP"))
            return true;
    return false;
}

/* What was offered in the clear anybody may have offered (RFC 3207 section 4.2). */
static void forget_features(struct session *session)
{
    session->features = session->xforward = 0;
    session->size_limit = 0;
    session->esmtp = false;
}

static enum session_end hello_and_tls(struct session *session,
                                      const struct destination *destination,
                                      bool extended, struct outcome *ret_failure)
{
    enum session_end end = hello(session, destination, extended, ret_failure);
    bool again = false;

    if (end == SESSION_FINE)
        end = starttls_begin(session, &again, ret_failure);
    if (end != SESSION_FINE || !again)
        return end;
    forget_features(session);
    return hello(session, destination, true, ret_failure);
}

enum session_end hello_say(struct session *session, const struct destination *destination,
                           struct outcome *ret_failure)
{
    enum session_end end = starttls_wrap(session, ret_failure);
    struct reply reply;
    enum stream_result result;

    if (end != SESSION_FINE)
        return end;
    session_set_timeout(session, session->settings->timeout.helo);
    result = session_exchange(session, session->arena, &reply);
    if (result != STREAM_OK) {
        *ret_failure = session_lost(
            session, result, "receiving the initial server greeting", session->arena);
        return SESSION_REFUSED;
    }
    if (reply_class(&reply) != 2)
        return refused(session, &reply,
                       reply_class(&reply) != 5 || !session->settings->skip_5xx_greeting,
                       session->arena, ret_failure);
    if (names_us(session, &reply))
        session_warn(session, "host %s greeted me with my own hostname %s",
                     session->relay, session->settings->myhostname);
    if (care_for_pix(session, &reply) < 0) {
        *ret_failure = session_lost(session, STREAM_ERROR, "", session->arena);
        return SESSION_REFUSED;
    }
    return hello_and_tls(session, destination, wants_ehlo(session, &reply), ret_failure);
}
