/* Replaces macros in replies; see reply_macros.h. */
#include "smtpd/reply_macros.h"

#include "conf/macro.h"
#include "mail/address.h"
#include "mail/byte_filter.h"
#include "mail/date.h"
#include "util/clock.h"
#include "util/log.h"

/* --- values ----------------------------------------------------------------------- */

static const char *part(struct arena *arena, const char *address, bool domain)
{
    struct address parts;

    if (!address)
        return NULL;
    parts = address_split(str_of(address));
    return arena_copy_str(arena, domain ? parts.domain : parts.local);
}

/* Values that only exist later are empty before. */
static const char *find(const struct reply_macros *macros, struct str name, bool *found)
{
    const struct session *session = macros->session;
    struct arena *arena = session->command;
    const char *sender = session->transaction.sender, *recipient = macros->recipient;
    const struct reply_macro values[] = {
        {"client", session->client_text},
        {"client_address", session->address},
        {"client_name", session->client.name},
        {"client_port", arena_printf(arena, "%u", session->peer.port)},
        {"helo_name", session->helo},
        {"localtime", date_log_text(arena, clock_wall(&clock_system).tv_sec)},
        {"recipient", recipient},
        {"recipient_domain", part(arena, recipient, true)},
        {"recipient_name", part(arena, recipient, false)},
        {"reverse_client_name", session->client.reverse},
        {"sender", sender},
        {"sender_domain", part(arena, sender, true)},
        {"sender_name", part(arena, sender, false)},
        {"server_name", session->conf->myhostname},
    };

    *found = true;
    for (size_t i = 0; i < macros->n_own; i++)
        if (str_is(name, macros->own[i].name))
            return macros->own[i].value;
    for (size_t i = 0; i < COUNT(values); i++)
        if (str_is(name, values[i].name))
            return values[i].value;
    *found = false;
    return NULL;
}

static int value(void *context, struct str name, const char **ret, struct fail *why)
{
    const struct reply_macros *macros = context;
    bool found;
    const char *text = find(macros, name, &found);

    (void)why;
    if (!found)
        log_warning("unknown macro name \"%.*s\" in expansion request", STR_ARG(name));
    *ret = text ? byte_filter_value(macros->session->server->reply_bytes, text,
                                    macros->session->command)
                : NULL;
    return 0;
}

int reply_macros_expand(const struct reply_macros *macros, const char *form,
                        struct buf *out, struct fail *why)
{
    struct reply_macros copy = *macros;
    struct macro_source source = {.value = value, .context = &copy};

    return macro_expand(form, &source, out, why);
}
