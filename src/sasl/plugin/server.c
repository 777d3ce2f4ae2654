/*
 * The server's side with the Cyrus SASL library. Each attempt has a connection object of
 * its own: what a failed one left in it once made the next one corrupt memory
 * (CVE-2011-1720).
 */
#include "sasl/plugin/cyrus.h"

#include "util/base64.h"

#include <stdlib.h>

static int cyrus_open(struct auth_server *server, struct fail *why)
{
    const struct auth_server_settings *settings = server->settings;
    struct cyrus *cyrus = calloc(1, sizeof *cyrus);
    int code;

    if (!cyrus)
        return fail_set(why, "out of memory");
    cyrus_init(cyrus, settings->config_path, settings->warn);
    code = sasl_server_init(cyrus->callbacks, settings->path);
    if (code != SASL_OK) {
        free(cyrus);
        return fail_set(why, "SASL type cyrus: %s", sasl_errstring(code, NULL, NULL));
    }
    server->state = cyrus;
    return 0;
}

static void cyrus_close(struct auth_server *server)
{
    sasl_server_done();
    free(server->state);
}

static int open_connection(struct auth_server *server,
                           const struct auth_client_facts *facts, struct arena *arena,
                           sasl_conn_t **ret)
{
    const struct auth_server_settings *settings = server->settings;
    int code = sasl_server_new(
        settings->service, settings->host, *settings->realm ? settings->realm : NULL,
        cyrus_address(facts->server_address, facts->server_port, arena),
        cyrus_address(facts->client_address, facts->client_port, arena), NULL, 0, ret);

    return code == SASL_OK ? cyrus_set_security(*ret, facts->security) : code;
}

static int cyrus_mechanisms(struct auth_server *server,
                            const struct auth_client_facts *facts, struct arena *arena,
                            struct texts *ret, struct fail *why)
{
    sasl_conn_t *connection = NULL;
    const char *list = "";
    int code = open_connection(server, facts, arena, &connection);
    struct str rest, name;

    if (code == SASL_OK)
        code = sasl_listmech(connection, NULL, "", " ", "", &list, NULL, NULL);
    rest = str_of(list);
    while (code == SASL_OK && (name = str_word(&rest, " ")).n > 0)
        texts_add(ret, arena, arena_copy_str(arena, name));
    sasl_dispose(&connection);
    return code == SASL_OK || code == SASL_NOMECH
               ? 0
               : fail_set(why, "SASL type cyrus: %s", sasl_errstring(code, NULL, NULL));
}

/* --- one attempt ------------------------------------------------------------------ */

/* Is it we who could not find out? */
static bool is_our_trouble(int code)
{
    return code == SASL_FAIL || code == SASL_NOMEM || code == SASL_BUFOVER ||
           code == SASL_TRYAGAIN || code == SASL_UNAVAIL;
}

static const char *encoded(struct arena *arena, struct str bytes)
{
    struct buf text;
    const char *copy;

    buf_init(&text, bytes.n * 2 + 4);
    base64_encode(&text, bytes);
    copy = arena_copy_str(arena, str_from(text.p, text.n));
    buf_wipe(&text);
    return copy;
}

static enum auth_result judge(struct auth *auth, int code, struct str challenge,
                              struct auth_answer *ret)
{
    const void *user = NULL;

    if (code == SASL_CONTINUE) {
        ret->challenge = encoded(auth->arena, challenge);
        return AUTH_MORE;
    }
    if (auth->state && sasl_getprop(auth->state, SASL_USERNAME, &user) == SASL_OK && user)
        ret->user = arena_copy(auth->arena, user);
    /* who is not known hears the same as one with a wrong password */
    ret->reason = sasl_errstring(code == SASL_NOUSER ? SASL_BADAUTH : code, NULL, NULL);
    if (code == SASL_OK)
        return AUTH_PASSED;
    return is_our_trouble(code) ? AUTH_UNSURE : AUTH_FAILED;
}

/* What a response stands for, to be wiped. */
static void decode(struct buf *ret, struct str text)
{
    buf_init(ret, text.n + 1);
    (void)buf_reserve(ret, text.n + 1);
    (void)!base64_decode(ret, text); /* that it can be has been seen */
}

static enum auth_result cyrus_begin(struct auth *auth, const char *mechanism,
                                    const struct str *initial, struct auth_answer *ret)
{
    struct str text = initial ? *initial : (struct str){0};
    sasl_conn_t *connection = NULL;
    const char *out = "";
    unsigned out_n = 0;
    struct buf in;
    int code;

    decode(&in, text);
    code = open_connection(auth->server, &auth->facts, auth->arena, &connection);
    auth->state = connection;
    if (code == SASL_OK)
        code = sasl_server_start(connection, mechanism, initial ? in.p : NULL,
                                 (unsigned)in.n, &out, &out_n);
    buf_wipe(&in);
    return judge(auth, code, (struct str){out, out_n}, ret);
}

static enum auth_result cyrus_next(struct auth *auth, struct str response,
                                   struct auth_answer *ret)
{
    const char *out = "";
    unsigned out_n = 0;
    struct buf in;
    int code;

    decode(&in, response);
    code = sasl_server_step(auth->state, in.p, (unsigned)in.n, &out, &out_n);
    buf_wipe(&in);
    return judge(auth, code, (struct str){out, out_n}, ret);
}

static void cyrus_end(struct auth *auth)
{
    sasl_conn_t *connection = auth->state;

    sasl_dispose(&connection);
}

const struct auth_type auth_cyrus = {
    .name = "cyrus",
    .open = cyrus_open,
    .close = cyrus_close,
    .mechanisms = cyrus_mechanisms,
    .begin = cyrus_begin,
    .next = cyrus_next,
    .end = cyrus_end,
};
