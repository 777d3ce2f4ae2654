/*
 * Deferred mail for sites that ask for it by ETRN. Here and not in the delivery
 * agents, since all that is deferred passes here, whoever defers it.
 */
#include "bounce/bounce.h"

#include "mail/address.h"
#include "mail/maillog.h"
#include "queue/flush.h"
#include "util/log.h"

static int is_remembered(struct bouncer *bouncer, struct str domain, struct fail *why)
{
    if (domain.n == 0 || match_list_empty(bouncer->fast_flush_domains))
        return 0;
    return match_domain(bouncer->fast_flush_domains, domain, why);
}

static int remember(struct bouncer *bouncer, const char *domain, const char *queue_id,
                    struct fail *why)
{
    if (bouncer->old_relay_domains)
        maillog_old_default("relay_domains=$mydestination to update fast-flush logfile "
                            "for domain \"%s\"",
                            domain);
    return flush_add(bouncer->flush, domain, queue_id, why);
}

void site_remember(struct bouncer *bouncer, const struct bounce_append *delayed)
{
    struct address address = address_split(str_of(delayed->recipient));
    struct fail why;
    int found;

    if (bouncer->fast_flush_domains == NULL)
        return;
    found = is_remembered(bouncer, address.domain, &why);
    if (found > 0)
        found = remember(bouncer, address.domain.p, delayed->queue_id, &why);
    if (found < 0)
        log_warning("%s", why.text);
}
