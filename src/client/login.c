/*
 * Between hello and mail: AUTH. A server without AUTH gets mail all the same, and so does
 * one that we have no password for; one that refuses the password does not. Secrets are
 * in no transcript and no log, and are cleared where they were.
 */
#include "client/login.h"

#include "conf/conf.h"

#include <stdlib.h>

enum { STEPS_MAX = 20, USER_MAX = 4096 };

#define FAMILY(name) (lmtp ? conf->lmtp_##name : conf->smtp_##name)

/* --- set-up ----------------------------------------------------------------------- */

static int read_security(const struct conf *conf, bool lmtp, struct login_settings *ret,
                         struct fail *why)
{
    const struct {
        const char *param, *value;
    } rows[] = {
        {lmtp ? "lmtp_sasl_security_options" : "smtp_sasl_security_options",
         FAMILY(sasl_security_options)},
        {lmtp ? "lmtp_sasl_tls_security_options" : "smtp_sasl_tls_security_options",
         FAMILY(sasl_tls_security_options)},
        {lmtp ? "lmtp_sasl_tls_verified_security_options"
              : "smtp_sasl_tls_verified_security_options",
         FAMILY(sasl_tls_verified_security_options)},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (security_parse(rows[i].param, rows[i].value, &ret->security[i], why) < 0)
            return -1;
    return 0;
}

/* compat: Debian's place for the library's files comes before its own. */
static const char *config_path(const struct conf *conf, struct arena *arena)
{
    if (*conf->cyrus_sasl_config_path)
        return conf->cyrus_sasl_config_path;
    return arena_printf(arena, "%s/sasl:/etc/sasl2:/usr/lib/sasl2",
                        conf->config_directory);
}

static int check(const struct conf *conf, bool lmtp, struct fail *why)
{
    if (*FAMILY(sasl_password_maps) == '\0')
        return fail_set(why,
                        "specify a password table via the `%s_sasl_password_maps' "
                        "configuration parameter",
                        lmtp ? "lmtp" : "smtp");
    return 0;
}

int login_set_up(const struct conf *conf, bool lmtp, struct tables *tables,
                 struct arena *arena, struct login_settings **ret, struct fail *why)
{
    struct login_settings *login = ARENA_NEW(arena, struct login_settings);

    *ret = NULL;
    if (!FAMILY(sasl_auth_enable))
        return 0;
    login->library = (struct auth_client_settings){
        .type = FAMILY(sasl_type),
        .config_path = config_path(conf, arena),
        .plugin = arena_printf(arena, "%s/postfix-sasl.so", conf->shlib_directory),
        .send_authzid = conf->send_cyrus_sasl_authzid,
    };
    login->passwords =
        maps_open(tables, lmtp ? "lmtp_sasl_password_maps" : "smtp_sasl_password_maps",
                  FAMILY(sasl_password_maps), 0);
    login->mechanism_filter = match_list_open(
        tables, lmtp ? "lmtp_sasl_mechanism_filter" : "smtp_sasl_mechanism_filter",
        FAMILY(sasl_mechanism_filter), 0);
    login->by_sender = FAMILY(sender_dependent_authentication);
    login->delimiter = FAMILY(sasl_password_result_delimiter);
    login->soft_bounce = FAMILY(sasl_auth_soft_bounce);
    login->dummy_sender = FAMILY(send_dummy_mail_auth);
    *ret = login;
    if (check(conf, lmtp, why) < 0 || read_security(conf, lmtp, login, why) < 0)
        return -1;
    return login_cache_new(conf, lmtp, arena, &login->cache, why);
}

/* --- what the server offers ------------------------------------------------------- */

static bool is_wanted(struct session *session, struct str mechanism)
{
    const struct match_list *filter = session->settings->login->mechanism_filter;
    struct fail why;
    int found;

    if (match_list_empty(filter))
        return true;
    found = match_string((struct match_list *)filter, mechanism, &why);
    if (found < 0)
        session_warn(session, "%s", why.text);
    return found > 0;
}

void login_note_offer(struct session *session, struct str offer)
{
    struct str rest = offer, name;
    const char *list = session->mechanisms ? session->mechanisms : "";

    if (!session->settings->login)
        return;
    if (str_trim(str_tail(offer, 1)).n == 0)
        session_warn(session, "%s offered null AUTH mechanism list", session->relay);
    while ((name = str_word(&rest, " \t=")).n > 0)
        if (is_wanted(session, name))
            list = arena_printf(session->arena, "%s%s%.*s", list, *list ? " " : "",
                                STR_ARG(name));
    session->mechanisms = list;
    if (*list == '\0' && str_trim(str_tail(offer, 1)).n > 0)
        session_warn(session, "%s offered no supported AUTH mechanisms: '%.*s'",
                     session->relay, STR_ARG(str_trim(str_tail(offer, 1))));
}

/* --- name and password ------------------------------------------------------------ */

struct credentials {
    struct arena *arena; /* wiped at the end */
    const char *user;
    struct str password;
};

static enum table_result find_for(const struct login_settings *login,
                                  const struct login_peer *peer, struct arena *arena,
                                  struct str *ret, struct fail *why)
{
    const struct address_query query = {login->passwords, ADDRESS_MAPS_REWRITING,
                                        login->rules};
    struct address_match match;
    enum table_result result = TABLE_NOT_FOUND;

    if (login->by_sender && *peer->sender)
        result = address_lookup(&query, str_of(peer->sender), arena, &match, why);
    if (result == TABLE_FOUND)
        *ret = match.value;
    if (result == TABLE_NOT_FOUND)
        result =
            maps_lookup(login->passwords, str_of(peer->host), MAPS_ALL, arena, ret, why);
    if (result == TABLE_NOT_FOUND)
        result = maps_lookup(login->passwords, str_of(peer->nexthop), MAPS_ALL, arena,
                             ret, why);
    return result;
}

/* "user:password"; without the ":", a password that is empty. */
static void split(struct credentials *found, struct str value, const char *delimiter)
{
    size_t n = strlen(delimiter), at = 0;

    while (n > 0 && at + n <= value.n && memcmp(value.p + at, delimiter, n) != 0)
        at++;
    if (n == 0 || at + n > value.n)
        at = value.n;
    found->user = arena_copy_str(found->arena, str_head(value, at));
    found->password = str_tail(value, at + n);
}

bool login_has_password(const struct login_settings *login, const struct login_peer *peer)
{
    struct arena *arena = arena_new("password");
    struct str value;
    struct fail why;
    bool found = login && find_for(login, peer, arena, &value, &why) != TABLE_NOT_FOUND;

    arena_wipe(arena);
    return found;
}

static enum table_result find_credentials(struct session *session,
                                          const struct login_peer *peer,
                                          struct credentials *ret)
{
    struct str value;
    struct fail why;
    enum table_result result;

    ret->arena = arena_new("password");
    result = find_for(session->settings->login, peer, ret->arena, &value, &why);
    if (result == TABLE_FOUND) {
        split(ret, value, session->settings->login->delimiter);
    } else if (result == TABLE_ERROR) {
        session_warn(session, "%s", why.text);
        session_warn(session, "%s: %s lookup error", session->queue_id,
                     maps_param(session->settings->login->passwords));
        session->local_error = true;
    }
    return result;
}

/* --- the talk --------------------------------------------------------------------- */

static enum session_end cannot(struct session *session, const char *why,
                               struct outcome *ret_failure)
{
    *ret_failure =
        outcome_make(session->arena, "4.7.0",
                     "SASL authentication failed; cannot authenticate to server %s: %s",
                     session->label, why);
    ret_failure->relay = session->relay;
    return SESSION_REFUSED;
}

static enum session_end end_for(const struct session *session,
                                struct outcome *ret_failure)
{
    if (session->settings->login->soft_bounce)
        outcome_soften(ret_failure);
    return ret_failure->result == OUTCOME_BOUNCED ? SESSION_HOPELESS : SESSION_REFUSED;
}

static enum session_end refused(struct session *session, const struct reply *reply,
                                struct outcome *ret_failure)
{
    *ret_failure = session_outcome(
        session, reply,
        arena_printf(session->arena, "SASL authentication failed; server %s said: %s",
                     session->label, reply_line(reply, session->arena)),
        session->arena);
    return end_for(session, ret_failure);
}

/* --- refusals that are remembered -------------------------------------------------- */

static struct login_entry entry_of(const struct session *session,
                                   const struct credentials *credentials)
{
    return (struct login_entry){.server = session->host,
                                .user = credentials->user,
                                .password = credentials->password};
}

/* SESSION_FINE: nothing is known against this login. */
static enum session_end look_back(struct session *session,
                                  const struct credentials *credentials,
                                  struct outcome *ret_failure)
{
    struct login_cache *cache = session->settings->login->cache;
    struct login_entry entry = entry_of(session, credentials);
    struct fail why;
    int found =
        cache ? login_cache_find(cache, time(NULL), session->arena, &entry, &why) : 0;

    if (found < 0)
        session_warn(session, "%s", why.text);
    if (found <= 0)
        return SESSION_FINE;
    *ret_failure = outcome_make(session->arena, entry.status,
                                "SASL [CACHED] authentication failed; server %s said: %s",
                                session->host, entry.text);
    ret_failure->relay = session->relay;
    return end_for(session, ret_failure);
}

/* What may pass is not remembered. */
static void remember(struct session *session, const struct credentials *credentials,
                     const struct reply *reply)
{
    struct login_cache *cache = session->settings->login->cache;
    struct login_entry entry = entry_of(session, credentials);
    struct fail why;

    if (!cache || reply_class(reply) != 5)
        return;
    memcpy(entry.status, reply->status, sizeof entry.status);
    entry.text = reply_line(reply, session->arena);
    if (login_cache_add(cache, time(NULL), session->arena, &entry, &why) < 0)
        session_warn(session, "%s", why.text);
}

/* Say what is not to be seen; shown: what a transcript may have of it. */
static enum stream_result say_secret(struct session *session, const char *start,
                                     struct buf *secret, const char *shown,
                                     struct reply *ret)
{
    enum stream_result result;

    stream_write_text(session->stream, start);
    stream_write(session->stream, secret->p, secret->n);
    stream_write_text(session->stream, "\r\n");
    session_note_said(session, str_of(shown));
    result = session_exchange(session, session->arena, ret);
    stream_wipe(session->stream);
    return result;
}

/* What stands behind "334 ", in one line. */
static struct str challenge_of(const struct reply *reply)
{
    return str_trim(str_tail(str_of(reply->text), 4));
}

/* From AUTH until the server has decided. */
static enum stream_result talk(struct session *session, struct auth_login *login,
                               const char *mechanism, struct buf *response,
                               struct reply *ret, struct fail *why)
{
    struct auth_client *client = &session->settings->login->client;
    const char *start =
        arena_printf(session->arena, "AUTH %s%s", mechanism, response->n > 0 ? " " : "");
    const char *shown =
        arena_printf(session->arena, "%s%s", start, response->n > 0 ? "(not shown)" : "");
    enum stream_result result = say_secret(session, start, response, shown, ret);

    for (int i = 0; result == STREAM_OK && reply_class(ret) == 3; i++) {
        buf_reset(response);
        if (i == STEPS_MAX)
            (void)fail_set(why, "endless exchange");
        else if (auth_login_answer(client, login, challenge_of(ret), response, why) ==
                 0) {
            result = say_secret(session, "", response, "(not shown)", ret);
            continue;
        }
        break;
    }
    return result;
}

static enum session_end judge(struct session *session, enum stream_result result,
                              const struct reply *reply, const struct fail *why,
                              struct outcome *ret_failure)
{
    if (result != STREAM_OK) {
        *ret_failure =
            session_lost(session, result,
                         session->settings->lmtp ? "performing the LHLO handshake"
                                                 : "performing the EHLO handshake",
                         session->arena);
        return SESSION_REFUSED;
    }
    if (reply_class(reply) == 3) { /* it waits, and has to be left */
        session->spent = true;
        return cannot(session, why->text, ret_failure);
    }
    if (reply_class(reply) != 2)
        return refused(session, reply, ret_failure);
    session->logged_in = true;
    return SESSION_FINE;
}

/* What protects the talk, as login_settings.security counts it. A server that should have
 * proven who it is has done so, or we would not be here. */
static int level_of(const struct session *session)
{
    if (!session->tls)
        return 0;
    return session->policy.level > TLS_LEVEL_ENCRYPT ? 2 : 1;
}

static enum session_end log_in(struct session *session,
                               const struct credentials *credentials,
                               struct outcome *ret_failure)
{
    struct login_settings *settings = session->settings->login;
    struct auth_login login = {
        .service = session->settings->lmtp ? "lmtp" : "smtp",
        .server = session->host,
        .user = credentials->user,
        .password = credentials->password,
        .mechanisms = session->mechanisms,
        .security = settings->security[level_of(session)],
    };
    const char *mechanism;
    enum session_end end;
    struct buf response;
    struct reply reply = {0};
    struct fail why = {0};

    end = look_back(session, credentials, ret_failure);
    if (end != SESSION_FINE)
        return end;
    buf_init(&response, 2 * AUTH_RESPONSE_MAX);
    (void)buf_reserve(&response, AUTH_RESPONSE_MAX + 4);
    if (auth_login_begin(&settings->client, &login, &mechanism, &response, &why) < 0)
        end = cannot(session, why.text, ret_failure);
    else
        end = judge(session, talk(session, &login, mechanism, &response, &reply, &why),
                    &reply, &why, ret_failure);
    auth_login_end(&settings->client, &login);
    remember(session, credentials, &reply);
    buf_wipe(&response);
    return end;
}

static enum session_end no_mechanism(struct session *session, struct outcome *ret_failure)
{
    *ret_failure =
        outcome_make(session->arena, "4.7.0",
                     "SASL authentication failed: server %s offered no compatible "
                     "authentication mechanisms for this type of connection security",
                     session->label);
    ret_failure->relay = session->relay;
    return SESSION_REFUSED;
}

enum session_end login_say(struct session *session, const struct destination *destination,
                           const char *sender, struct outcome *ret_failure)
{
    const struct login_peer peer = {session->host, destination->nexthop, sender};
    struct credentials found = {0};
    enum session_end end = SESSION_FINE;

    if (!session->settings->login || !(session->features & FEATURE_AUTH))
        return SESSION_FINE;
    switch (find_credentials(session, &peer, &found)) {
    case TABLE_ERROR:
        *ret_failure = session_lost(session, STREAM_ERROR, "", session->arena);
        end = SESSION_REFUSED;
        break;
    case TABLE_FOUND:
        end = *session->mechanisms ? log_in(session, &found, ret_failure)
                                   : no_mechanism(session, ret_failure);
        break;
    default:
        break;
    }
    arena_wipe(found.arena);
    return end;
}
