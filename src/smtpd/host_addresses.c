/* Looks up a host as programs of this machine do: the hosts file stands before the DNS.
 */
#include "smtpd/host_addresses.h"

void host_addresses_look_up(struct session *session, const char *name,
                            struct host_addresses *ret)
{
    struct dns_question questions[] = {{.name = name, .type = DNS_A},
                                       {.name = name, .type = DNS_AAAA}};
    struct netaddrs listed = {0};
    struct fail why;

    *ret = (struct host_addresses){.status = DNS_TRY_AGAIN};
    switch (
        hosts_by_name(session->server->hosts, name, session->command, &listed, &why)) {
    case 1:
        *ret = (struct host_addresses){listed.items, listed.n, DNS_FOUND};
        return;
    case -1:
        return;
    default:
        break;
    }
    dns_ask(session->server->plain_resolver, questions, COUNT(questions),
            session->command);
    ret->addresses = arena_array(session->command, questions[0].n + questions[1].n,
                                 sizeof *ret->addresses);
    for (size_t i = 0; i < COUNT(questions); i++)
        for (size_t k = 0; k < questions[i].n; k++)
            ret->addresses[ret->n++] = questions[i].records[k].address;
    ret->status = ret->n ? DNS_FOUND : questions[0].status;
}
