/*
 * Who is calling: names and addresses of the client, and the lists and tables of
 * clients that it stands in. All of it is known before the greeting.
 */
#include "smtpd/caller.h"

#include "table/match.h"
#include "util/clock.h"
#include "util/log.h"

enum { LAST_CALLER_MS = 1000 };

static void copy_client(struct client_name *to, const struct client_name *from,
                        struct arena *arena)
{
    *to = *from;
    to->name = arena_copy(arena, from->name);
    to->reverse = arena_copy(arena, from->reverse);
    to->warning = from->warning ? arena_copy(arena, from->warning) : NULL;
}

/*
 * Who sends much opens connection after connection. The name server need not be asked
 * again for the same client within the second: each question puts us to sleep and wakes
 * us.
 */
static bool is_last_caller(struct session *session)
{
    const struct last_caller *last = &session->server->last_caller;

    if (clock_ms(&clock_system) >= last->end_ms ||
        !netaddr_equal(&last->peer, &session->peer))
        return false;
    copy_client(&session->client, &last->client, session->arena);
    return true;
}

static void remember_caller(struct session *session)
{
    struct last_caller *last = &session->server->last_caller;

    if (last->arena == NULL)
        last->arena = arena_new("last caller");
    arena_reset(last->arena);
    copy_client(&last->client, &session->client, last->arena);
    last->peer = session->peer;
    last->end_ms = clock_ms(&clock_system) + LAST_CALLER_MS;
    if (session->client.status == CLIENT_NAME_TEMP) /* is worth asking again */
        last->end_ms = 0;
}

static void look_up_client(struct session *session)
{
    struct server *server = session->server;

    if (!session->conf->smtpd_peername_lookup) {
        session->client = (struct client_name){.name = "unknown",
                                               .reverse = "unknown",
                                               .status = CLIENT_NAME_PERM,
                                               .reverse_status = CLIENT_NAME_PERM};
        return;
    }
    if (!is_last_caller(session)) {
        client_name_lookup(server->plain_resolver, server->hosts, &session->peer, true,
                           session->arena, &session->client);
        remember_caller(session);
    }
    if (session->client.warning)
        log_warning("%s", session->client.warning);
}

/* The user at standard input. */
static void name_user(struct session *session)
{
    if (!netaddr_parse(STR("127.0.0.1"), &session->peer))
        panic("127.0.0.1 is no address");
    session->client.name = session->client.reverse = "localhost";
}

void caller_name(struct session *session)
{
    const struct conf *conf = session->conf;

    if (session->server->process->stand_alone)
        name_user(session);
    else
        look_up_client(session);
    netaddr_text(&session->peer, session->address);
    netaddr_literal(&session->peer, session->literal);
    session->client_text =
        conf->smtpd_client_port_logging
            ? arena_printf(session->arena, "%s[%s]:%u", session->client.name,
                           session->address, session->peer.port)
            : arena_printf(session->arena, "%s[%s]", session->client.name,
                           session->address);
}

/* In doubt the client is a stranger. */
static bool client_matches(struct session *session, struct match_list *list)
{
    struct fail why;
    int found =
        match_host(list, str_of(session->client.name), str_of(session->address), &why);

    if (found < 0)
        log_warning("%s", why.text);
    return found > 0;
}

/* What this client is not to hear of. While a table fails there is no answer to EHLO. */
static void choose_keywords(struct session *session)
{
    const struct server *server = session->server;
    struct str words;
    struct fail why;

    session->discarded_keywords = server->discarded_keywords;
    if (server->process->stand_alone)
        return;
    switch (maps_lookup(server->discarded_keyword_maps, str_of(session->address),
                        MAPS_ALL, session->command, &words, &why)) {
    case TABLE_FOUND:
        session->discarded_keywords = (struct texts){0};
        texts_split(&session->discarded_keywords, session->arena, words, ", \t\r\n");
        break;
    case TABLE_ERROR:
        log_warning("%s", why.text);
        session->keywords_unknown = true;
        break;
    default:
        break;
    }
}

/* Who could not be looked up is no stranger: permit_mynetworks refuses for now. */
static void look_up_mynetworks(struct session *session)
{
    struct fail why;
    int found = match_host(session->server->mynetworks, str_of(session->client.name),
                           str_of(session->address), &why);

    session->in_mynetworks = found > 0;
    if (found < 0)
        session->mynetworks_trouble = why;
}

void caller_classify(struct session *session)
{
    struct server *server = session->server;

    choose_keywords(session);
    session->in_mynetworks = server->process->stand_alone;
    if (!session->in_mynetworks)
        look_up_mynetworks(session);
    session->bare_newline = server->bare_newline;
    if (session->bare_newline != BARE_NEWLINE_ALLOW &&
        client_matches(session, server->bare_newline_exclusions))
        session->bare_newline = BARE_NEWLINE_ALLOW;
}
