/* The object as its loader sees it, and what both sides of the library need. */
#include "sasl/plugin/cyrus.h"

#include "sasl/plugin_version.gen.h"
#include "sasl/sasl_plugin.h"

#include <stdio.h>
#include <string.h>

const __attribute__((visibility("default"))) struct sasl_plugin postern_sasl_plugin = {
    .version = PLUGIN_VERSION,
    .server = &auth_cyrus,
    .client = &auth_cyrus_client,
};

/* Above these levels the library talks of what it does, up to passwords. */
static int note(void *context, int level, const char *message)
{
    static const char *const words[] = {[SASL_LOG_ERR] = "problem",
                                        [SASL_LOG_FAIL] = "failure",
                                        [SASL_LOG_WARN] = "warning"};
    const struct cyrus *cyrus = context;
    char text[1000];

    if (level < SASL_LOG_ERR || level > SASL_LOG_WARN)
        return SASL_OK;
    snprintf(text, sizeof text, "SASL authentication %s: %s", words[level],
             message ? message : "");
    cyrus->warn(text);
    return SASL_OK;
}

/* The library frees what it gets. */
static int config_path(void *context, char **ret)
{
    const struct cyrus *cyrus = context;

    *ret = strdup(cyrus->config_path);
    return *ret ? SASL_OK : SASL_NOMEM;
}

void cyrus_init(struct cyrus *cyrus, const char *folders, void (*warn)(const char *text))
{
    sasl_callback_t *callback = cyrus->callbacks;

    cyrus->config_path = folders;
    cyrus->warn = warn;
    *callback++ = (sasl_callback_t){SASL_CB_LOG, CYRUS_PROC(note), cyrus};
    if (folders)
        *callback++ =
            (sasl_callback_t){SASL_CB_GETCONFPATH, CYRUS_PROC(config_path), cyrus};
    *callback = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
}

int cyrus_set_security(sasl_conn_t *connection, unsigned security)
{
    static const struct {
        unsigned bit, flag;
    } flags[] = {
        {SECURITY_PLAINTEXT, SASL_SEC_NOPLAINTEXT},
        {SECURITY_ACTIVE, SASL_SEC_NOACTIVE},
        {SECURITY_DICTIONARY, SASL_SEC_NODICTIONARY},
        {SECURITY_ANONYMOUS, SASL_SEC_NOANONYMOUS},
        {SECURITY_FORWARD_SECRECY, SASL_SEC_FORWARD_SECRECY},
        {SECURITY_MUTUAL_AUTH, SASL_SEC_MUTUAL_AUTH},
    };
    sasl_security_properties_t properties = {0}; /* no layer of its own: that is TLS's */

    for (size_t i = 0; i < COUNT(flags); i++)
        if (security & flags[i].bit)
            properties.security_flags |= flags[i].flag;
    return sasl_setprop(connection, SASL_SEC_PROPS, &properties);
}

const char *cyrus_address(const char *address, unsigned port, struct arena *arena)
{
    return address ? arena_printf(arena, "%s;%u", address, port) : NULL;
}
