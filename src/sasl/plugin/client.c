/* The client's side with the Cyrus SASL library. It asks back for user and password. */
#include "sasl/auth_client.h"
#include "sasl/plugin/cyrus.h"

#include "util/base64.h"

#include <stdlib.h>

struct attempt {
    struct auth_login *login;
    bool send_authzid;
    sasl_conn_t *connection;
    sasl_secret_t *secret;
    size_t secret_size;
    sasl_callback_t callbacks[5];
};

static int cyrus_client_open(struct auth_client *client, struct fail *why)
{
    struct cyrus *cyrus = calloc(1, sizeof *cyrus);
    int code;

    if (!cyrus)
        return fail_set(why, "out of memory");
    cyrus_init(cyrus, client->settings->config_path, client->settings->warn);
    client->state = cyrus;
    code = sasl_client_init(cyrus->callbacks);
    return code == SASL_OK
               ? 0
               : fail_set(why, "SASL type cyrus: %s", sasl_errstring(code, NULL, NULL));
}

/* --- what the library asks -------------------------------------------------------- */

static int tell_user(void *context, int id, const char **ret, unsigned *ret_length)
{
    const struct attempt *attempt = context;
    bool wanted = id == SASL_CB_AUTHNAME || attempt->send_authzid;

    *ret = wanted ? attempt->login->user : "";
    if (ret_length)
        *ret_length = (unsigned)strlen(*ret);
    return SASL_OK;
}

static int tell_password(sasl_conn_t *connection, void *context, int id,
                         sasl_secret_t **ret)
{
    struct attempt *attempt = context;

    (void)connection, (void)id;
    *ret = attempt->secret;
    return SASL_OK;
}

static int tell_realm(void *context, int id, const char **realms, const char **ret)
{
    (void)context, (void)id;
    *ret = realms && *realms ? *realms : "";
    return SASL_OK;
}

static void set_callbacks(struct attempt *attempt)
{
    const sasl_callback_t callbacks[] = {
        {SASL_CB_USER, CYRUS_PROC(tell_user), attempt},
        {SASL_CB_AUTHNAME, CYRUS_PROC(tell_user), attempt},
        {SASL_CB_PASS, CYRUS_PROC(tell_password), attempt},
        {SASL_CB_GETREALM, CYRUS_PROC(tell_realm), attempt},
        {SASL_CB_LIST_END, NULL, NULL},
    };

    memcpy(attempt->callbacks, callbacks, sizeof callbacks);
}

/* --- one attempt ------------------------------------------------------------------ */

static struct attempt *new_attempt(const struct auth_client *client,
                                   struct auth_login *login)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);

    if (!attempt)
        return NULL;
    attempt->login = login;
    attempt->send_authzid = client->settings->send_authzid;
    attempt->secret_size = sizeof *attempt->secret + login->password.n + 1;
    attempt->secret = calloc(1, attempt->secret_size);
    if (!attempt->secret) {
        free(attempt);
        return NULL;
    }
    attempt->secret->len = login->password.n;
    memcpy(attempt->secret->data, login->password.p, login->password.n);
    set_callbacks(attempt);
    return attempt;
}

static int failed(int code, struct fail *why)
{
    return fail_set(why, "%s", sasl_errstring(code, NULL, NULL));
}

static int add_response(struct buf *out, const char *bytes, unsigned n, struct fail *why)
{
    if (n > AUTH_RESPONSE_MAX / 4 * 3)
        return fail_set(why, "SASL response too long");
    base64_encode(out, (struct str){bytes, n});
    return 0;
}

static int cyrus_begin(struct auth_client *client, struct auth_login *login,
                       const char **ret_mechanism, struct buf *initial,
                       bool *ret_has_initial, struct fail *why)
{
    struct attempt *attempt = new_attempt(client, login);
    const char *out = NULL;
    unsigned out_n = 0;
    int code;

    login->state = attempt;
    if (!attempt)
        return failed(SASL_NOMEM, why);
    code = sasl_client_new(login->service, login->server, NULL, NULL, attempt->callbacks,
                           0, &attempt->connection);
    if (code == SASL_OK)
        code = cyrus_set_security(attempt->connection, login->security);
    if (code == SASL_OK)
        code = sasl_client_start(attempt->connection, login->mechanisms, NULL, &out,
                                 &out_n, ret_mechanism);
    if (code != SASL_OK && code != SASL_CONTINUE)
        return failed(code, why);
    *ret_has_initial = out != NULL;
    return add_response(initial, out, out ? out_n : 0, why);
}

static int cyrus_answer(struct auth_login *login, struct str challenge,
                        struct buf *response, struct fail *why)
{
    struct attempt *attempt = login->state;
    const char *out = NULL;
    unsigned out_n = 0;
    struct buf in;
    int code;

    buf_init(&in, challenge.n + 1);
    (void)buf_reserve(&in, challenge.n + 1);
    (void)!base64_decode(&in, challenge); /* that it can be has been seen */
    code =
        sasl_client_step(attempt->connection, in.p, (unsigned)in.n, NULL, &out, &out_n);
    buf_wipe(&in);
    if (code != SASL_OK && code != SASL_CONTINUE)
        return failed(code, why);
    return add_response(response, out, out ? out_n : 0, why);
}

static void cyrus_end(struct auth_login *login)
{
    struct attempt *attempt = login->state;

    if (!attempt)
        return;
    sasl_dispose(&attempt->connection);
    explicit_bzero(attempt->secret, attempt->secret_size);
    free(attempt->secret);
    free(attempt);
}

const struct auth_client_type auth_cyrus_client = {
    .open = cyrus_client_open,
    .begin = cyrus_begin,
    .answer = cyrus_answer,
    .end = cyrus_end,
};
