/* Which implementation is asked, and what a client may say to it. */
#include "sasl/auth_type.h"

#include "sasl/sasl_plugin.h"
#include "util/base64.h"
#include "util/format.h"
#include "util/log.h"

#include <stdlib.h>

/* --- implementations -------------------------------------------------------------- */

static const struct auth_type *find_type(const struct auth_server_settings *settings,
                                         struct fail *why)
{
    const struct sasl_plugin *plugin;

    if (strcmp(settings->type, "dovecot") == 0)
        return &auth_dovecot;
    if (strcmp(settings->type, "cyrus") == 0)
        return (plugin = sasl_plugin_load(settings->plugin, why)) ? plugin->server : NULL;
    fail_set(why, "unsupported SASL server implementation: %s", settings->type);
    return NULL;
}

struct auth_server *auth_server_new(const struct auth_server_settings *settings,
                                    struct fail *why)
{
    const struct auth_type *type = find_type(settings, why);
    struct auth_server *server;

    if (!type)
        return NULL;
    server = calloc(1, sizeof *server);
    if (!server)
        fatal("out of memory");
    server->settings = settings;
    server->type = type;
    if (type->open(server, why) == 0)
        return server;
    free(server);
    return NULL;
}

void auth_server_free(struct auth_server *server)
{
    if (!server)
        return;
    server->type->close(server);
    free(server);
}

int auth_mechanisms(struct auth_server *server, const struct auth_client_facts *facts,
                    struct arena *arena, struct texts *ret, struct fail *why)
{
    return server->type->mechanisms(server, facts, arena, ret, why);
}

/* --- what clients say ------------------------------------------------------------- */

/* RFC 4422 section 3.1; small letters are let be, as by all who came before. */
static bool is_mechanism(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789-_");

    return n > 0 && n <= 20 && name[n] == '\0';
}

/* Decoded for a look only, in memory that is cleared. */
static bool is_base64(struct str text)
{
    struct buf bytes;
    bool valid;

    buf_init(&bytes, text.n + 1);
    (void)buf_reserve(&bytes, text.n);
    valid = base64_decode(&bytes, text);
    buf_wipe(&bytes);
    return valid;
}

static enum auth_result refuse(struct auth_answer *ret, const char *reason)
{
    *ret = (struct auth_answer){.reason = reason};
    return AUTH_FAILED;
}

/* --- what they hear, and we ------------------------------------------------------- */

static const char *printable(struct auth *auth, const char *text, const char *instead)
{
    char *copy;

    if (!text || !*text)
        return instead;
    copy = arena_copy(auth->arena, text);
    log_make_printable(copy);
    return copy;
}

/*
 * A login becomes part of headers, records and log lines: no implementation, nor a
 * database behind it, may break out of them.
 */
static enum auth_result checked(struct auth *auth, enum auth_result result,
                                struct auth_answer *answer)
{
    const char *user = printable(auth, answer->user, NULL);

    if (result == AUTH_MORE && !is_base64(str_of(answer->challenge))) {
        result = AUTH_UNSURE;
        answer->reason = "Malformed challenge";
    }
    if (result == AUTH_PASSED && (!user || strcmp(user, answer->user) != 0))
        result = refuse(answer, "Unusable login name");
    answer->user = user;
    answer->reason = printable(auth, answer->reason, "(reason unavailable)");
    return result;
}

enum auth_result auth_begin(struct auth *auth, const char *mechanism,
                            const struct str *initial, struct auth_answer *ret)
{
    struct str response = initial ? *initial : STR_NONE;

    *ret = (struct auth_answer){0};
    if (!is_mechanism(mechanism))
        return refuse(ret, "Invalid authentication mechanism");
    if (str_is(response, "=")) /* RFC 4954 section 4 */
        response = STR("");
    else if (initial && (response.n == 0 || !is_base64(response)))
        return refuse(ret, "Invalid base64 data in initial response");
    return checked(
        auth, auth->server->type->begin(auth, mechanism, initial ? &response : NULL, ret),
        ret);
}

enum auth_result auth_continue(struct auth *auth, struct str response,
                               struct auth_answer *ret)
{
    *ret = (struct auth_answer){0};
    if (!is_base64(response))
        return refuse(ret, "Invalid base64 data in continued response");
    return checked(auth, auth->server->type->next(auth, response, ret), ret);
}

void auth_end(struct auth *auth)
{
    auth->server->type->end(auth);
    auth->state = NULL;
}
