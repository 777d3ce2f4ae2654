/*
 * HELO and EHLO (RFC 5321 section 4.1.1.1): the client names itself, and for
 * EHLO hears what this server can do.
 */
#include "smtpd/filters.h"
#include "smtpd/login.h"
#include "smtpd/restrict.h"
#include "smtpd/session_tls.h"
#include "util/log.h"

/* In the order in which log lines name them. */
static const char *const keywords[] = {
    "8BITMIME", "AUTH",     "ETRN",     "PIPELINING", "SIZE",
    "STARTTLS", "VRFY",     "XCLIENT",  "XFORWARD",   "ENHANCEDSTATUSCODES",
    "DSN",      "SMTPUTF8", "CHUNKING",
};

/* What EHLO announces, in this order. */
static const char *keyword_text(struct session *session, size_t i)
{
    const struct conf *conf = session->conf;

    switch (i) {
    case 0:
        return "PIPELINING"; /* RFC 2920 */
    case 1:                  /* RFC 1870 */
        return conf->message_size_limit > 0
                   ? arena_printf(session->command, "SIZE %lld",
                                  (long long)conf->message_size_limit)
                   : "SIZE";
    case 2:
        return conf->disable_vrfy_command ? "" : "VRFY";
    case 3:
        return "ETRN"; /* RFC 1985 */
    case 4:
        return session_tls_is_offered(session) ? "STARTTLS" : ""; /* RFC 3207 */
    case 5:
        return "ENHANCEDSTATUSCODES"; /* RFC 2034 */
    case 6:
        return "8BITMIME"; /* RFC 6152 */
    case 7:
        return "DSN"; /* RFC 3461 */
    default:
        return NULL;
    }
}

/* RFC 4954. compat: very old clients look for the other form. */
static void announce_auth(struct session *session, struct texts *lines)
{
    const char *mechanisms = login_mechanisms(session);

    if (!mechanisms)
        return;
    texts_add(lines, session->command,
              arena_printf(session->command, "AUTH %s", mechanisms));
    if (session->conf->broken_sasl_auth_clients)
        texts_add(lines, session->command,
                  arena_printf(session->command, "AUTH=%s", mechanisms));
}

/* What is not announced is told to the administrator, unless the list says
 * silent-discard. */
static void log_discarded(const struct session *session)
{
    struct buf names;

    if (session->discarded_keywords.n == 0 ||
        texts_has(&session->discarded_keywords, STR("silent-discard"), true))
        return;
    buf_init(&names, 1000);
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (texts_has(&session->discarded_keywords, str_of(keywords[i]), true))
            buf_printf(&names, " %s", keywords[i]);
    if (names.n)
        log_info("discarding EHLO keywords:%s", buf_text(&names));
    buf_done(&names);
}

static void announce(struct session *session)
{
    const char *host = session->conf->myhostname, *text;
    struct texts lines = {0};

    if (filters_are_closed(session)) {
        session_reply_line(session, 250, false, host);
        session_reply_line(session, 250, true, "ENHANCEDSTATUSCODES");
        return;
    }
    log_discarded(session);
    texts_add(&lines, session->command, host);
    for (size_t i = 0; (text = keyword_text(session, i)) != NULL; i++) {
        struct str rest = str_of(text);
        struct str keyword = str_word(&rest, " ");

        if (*text && !texts_has(&session->discarded_keywords, keyword, true))
            texts_add(&lines, session->command, text);
        if (str_is(keyword, "ETRN"))
            announce_auth(session, &lines);
    }
    for (size_t i = 0; i < lines.n; i++)
        session_reply_line(session, 250, i + 1 == lines.n, lines.items[i]);
}

/* The name becomes part of the Received: header, where a client could forge what we say
 * of it, and of log lines. */
static const char *harmless(struct arena *arena, struct str name)
{
    char *text = arena_copy_str(arena, name);

    for (size_t i = 0; i < name.n; i++)
        if (text[i] == '\0' || strchr(" <>()\\\";@", text[i]))
            text[i] = '?';
    log_make_printable(text);
    return text;
}

/* A new HELO ends any transaction, and its name replaces the old one once it is accepted.
 * compat: who spoke ESMTP once is called so for the rest of the session (NULL). */
static bool introduce(struct session *session, struct str name, const char *protocol)
{
    const char *before = session->helo;
    struct arena *arena = arena_new("hello");
    bool refused;

    session->helo = harmless(arena, name);
    if (!session->conf->smtpd_delay_reject && restrict_stage(session, STAGE_HELO)) {
        session->helo = before;
        arena_free(arena);
        return false;
    }
    refused = filters_refuse_helo(session);
    transaction_reset(session);
    arena_free(session->hello); /* a client may say hello without end */
    session->hello = arena;
    if (protocol)
        session->protocol = protocol;
    return !refused;
}

void answer_helo(struct session *session, struct str argument)
{
    if (argument.n == 0)
        session_reply(session, REPLY_HELO_SYNTAX);
    else if (introduce(session, argument, NULL))
        session_reply(session, REPLY_HELO_OK, session->conf->myhostname);
}

void answer_ehlo(struct session *session, struct str argument)
{
    session_new_chapter(session);
    if (session->keywords_unknown)
        session_reply(session, REPLY_LOCAL_DATA_ERROR, session->conf->myhostname);
    else if (argument.n == 0)
        session_reply(session, REPLY_EHLO_SYNTAX);
    else if (introduce(session, argument, "ESMTP"))
        announce(session);
}
