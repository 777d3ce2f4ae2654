/*
 * Mail for names that are neither alias nor user: another agent may know them,
 * or somebody collects it, or it is returned.
 */
#include "local/local.h"

#include "mail/address.h"
#include "util/log.h"

#include <strings.h>

/* True when luser_relay took it. */
static bool relay(struct attempt *attempt, const struct step *step)
{
    const struct conf *conf = attempt->agent->conf;
    const char *to;
    struct fail why;

    if (*conf->luser_relay == '\0')
        return false;
    to = macros_expand(attempt, step, NULL, conf->luser_relay,
                       conf->forward_expansion_filter, &why);
    if (!to) {
        log_warning("luser_relay: %s", why.text);
        attempt_outcome(attempt, step, "4.3.5", "mail system configuration error");
    } else if (address_same(str_of(address_standard_form(attempt, str_of(to))),
                            str_of(step->address))) {
        return false; /* it is unknown itself */
    } else {
        address_expand(attempt, step, str_of(to));
    }
    return true;
}

/* Names that every mail system has: their mail is not returned, for who should read that?
 */
static bool is_required(const struct attempt *attempt, const char *name)
{
    const char *const names[] = {"mailer-daemon", "postmaster",
                                 attempt->agent->conf->double_bounce_sender};

    for (size_t i = 0; i < COUNT(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

void unknown_deliver(struct attempt *attempt, const struct step *step)
{
    const struct agent *agent = attempt->agent;

    if (transport_deliver_by(attempt, step, agent->mailbox_transports,
                             agent->conf->mailbox_transport) ||
        transport_deliver_by(attempt, step, agent->fallback_transports,
                             agent->conf->fallback_transport) ||
        relay(attempt, step))
        return;
    if (is_required(attempt, step->name)) {
        log_warning("required alias not found: %s", step->name);
        attempt_outcome(attempt, step, "2.0.0", "discarded");
    } else {
        attempt_outcome(attempt, step, "5.1.1", "unknown user: \"%s\"", step->name);
    }
}
