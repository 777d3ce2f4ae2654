/*
 * The tables of smtp_dns_reply_filter and its kin: which DNS records are to be
 * ignored. Knows the records by their text only (dns/record.h).
 */
#ifndef TABLE_DNS_RULES_H
#define TABLE_DNS_RULES_H

#include "table/maps.h"

struct dns_rules {
    const struct maps *maps;
    void (*note)(const char *text); /* takes lines for the log; NULL = nobody listens */
    void (*warn)(const char *text); /* likewise, what is wrong with the tables */
};

/*
 * record   "one.test. 60 IN MX 10 mail.one.test."
 *
 * 1 = ignore it, 0 = do not, -1 = could not find out, or the table's answer
 * makes no sense. The form of the filters of dns/resolver.h; context is a struct
 * dns_rules.
 */
int dns_rules_ignore(void *context, const char *record, struct arena *arena);

#endif
