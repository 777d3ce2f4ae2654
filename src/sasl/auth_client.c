/* What a server says is looked at here before the library sees it. */
#include "sasl/auth_client.h"

#include "sasl/sasl_plugin.h"
#include "util/base64.h"

int auth_client_init(struct auth_client *ret, const struct auth_client_settings *settings,
                     struct fail *why)
{
    const struct sasl_plugin *plugin;

    if (strcmp(settings->type, "cyrus") != 0)
        return fail_set(why, "unsupported SASL client implementation: %s",
                        settings->type);
    plugin = sasl_plugin_load(settings->plugin, why);
    if (!plugin)
        return -1;
    *ret = (struct auth_client){.settings = settings, .type = plugin->client};
    return ret->type->open(ret, why);
}

int auth_login_begin(struct auth_client *client, struct auth_login *login,
                     const char **ret_mechanism, struct buf *initial, struct fail *why)
{
    bool has_initial = false;

    if (client->type->begin(client, login, ret_mechanism, initial, &has_initial, why) < 0)
        return -1;
    if (has_initial && initial->n == 0)
        buf_add_char(initial, '=');
    return 0;
}

int auth_login_answer(struct auth_client *client, struct auth_login *login,
                      struct str challenge, struct buf *response, struct fail *why)
{
    struct buf bytes;
    bool valid;

    buf_init(&bytes, challenge.n + 1);
    valid = base64_decode(&bytes, challenge);
    buf_done(&bytes);
    if (!valid)
        return fail_set(why, "malformed SASL challenge");
    return client->type->answer(login, challenge, response, why);
}

void auth_login_end(struct auth_client *client, struct auth_login *login)
{
    client->type->end(login);
    login->state = NULL;
}
