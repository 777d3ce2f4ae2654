/*
 * One line of the log for each use of an old default; that is what log readers and
 * instructions for upgrades know.
 */
#include "smtpd/old_default.h"

#include "mail/address.h"
#include "mail/utf8.h"
#include "smtpd/restriction_list.h"

enum old_default {
    OLD_RELAY_DOMAINS = 1,
    OLD_FLUSH_DOMAINS = 2, /* are relay_domains */
    OLD_MYNETWORKS = 4,
    OLD_UTF8 = 8,
    OLD_RELAY_LIST = 16,
    OLD_RELAY_ORDER = 32,
};

/* Each decides only while the parameter that it is the default of says nothing itself. */
static const struct {
    enum old_default bit;
    const char *changed, *unless_set;
} rows[] = {
    {OLD_RELAY_DOMAINS, "relay_domains", NULL},
    {OLD_FLUSH_DOMAINS, "relay_domains", "fast_flush_domains"},
    {OLD_MYNETWORKS, "mynetworks_style", "mynetworks"},
    {OLD_UTF8, "smtputf8_enable", NULL},
    {OLD_RELAY_LIST, "smtpd_relay_restrictions", NULL},
    {OLD_RELAY_ORDER, "smtpd_relay_before_recipient_restrictions", NULL},
};

void old_defaults_find(struct server *server)
{
    const struct conf *conf = server->conf;

    for (size_t i = 0; i < COUNT(rows); i++)
        if (conf_has_old_default(conf, rows[i].changed) &&
            !(rows[i].unless_set && conf_is_set(conf, rows[i].unless_set)))
            server->old_defaults |= rows[i].bit;
    if (server->old_defaults & OLD_RELAY_LIST)
        server->new_relay_list = restriction_list_parse(
            server, (struct restriction_place){"smtpd_relay_restrictions", STAGE_RELAY},
            "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
            server->process->arena);
}

static bool has(const struct session *session, enum old_default bit)
{
    return session->server->old_defaults & bit;
}

void old_default_relays_domain(const struct session *session, const char *address)
{
    if (has(session, OLD_RELAY_DOMAINS))
        maillog_old_default("relay_domains=$mydestination to accept mail for domain "
                            "\"%.*s\"",
                            STR_ARG(address_split(str_of(address)).domain));
}

void old_default_relays_address(const struct session *session, const char *address)
{
    if (has(session, OLD_RELAY_DOMAINS))
        maillog_old_default("relay_domains=$mydestination to accept mail for address "
                            "\"%s\"",
                            address);
}

void old_default_flushes(const struct session *session, const char *domain)
{
    if (has(session, OLD_FLUSH_DOMAINS))
        maillog_old_default("relay_domains=$mydestination to flush mail for domain "
                            "\"%s\"",
                            domain);
}

void old_default_permits(const struct session *session)
{
    if (has(session, OLD_MYNETWORKS))
        maillog_old_default("mynetworks_style=subnet to permit request from client "
                            "\"%s\"",
                            session->client_text);
}

void old_default_takes(const struct session *session, const char *whose,
                       const char *address)
{
    if (has(session, OLD_UTF8) && !utf8_is_ascii(str_of(address)))
        maillog_old_default("smtputf8_enable=no to accept non-ASCII %s address \"%s\" "
                            "from %s",
                            whose, address, session->client_text);
}

void old_default_passes(const struct session *session, const char *recipient)
{
    maillog_old_default("\"smtpd_relay_restrictions = (empty)\" to avoid \"Relay access "
                        "denied\" error for recipient \"%s\" from client \"%s\"",
                        recipient, session->client_text);
}

void old_default_refuses(const struct session *session, const char *recipient)
{
    if (has(session, OLD_RELAY_ORDER))
        maillog_old_default("smtpd_relay_before_recipient_restrictions=no to reject "
                            "recipient \"%s\" from client \"%s\"",
                            recipient, session->client_text);
}
