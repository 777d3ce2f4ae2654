/*
 * Match lists: mynetworks, mydestination, relay_domains and their like.
 *
 * Items are separated by commas and white space and tried in order; the first
 * that matches ends the search. "!item" turns a match into "no". "/file" is
 * replaced by the items in that file, "type:name" matches when the table has
 * the key (its value is ignored). A list that cannot be read or holds a bad
 * network pattern answers error (-1) when the search comes to that item.
 */
#ifndef TABLE_MATCH_H
#define TABLE_MATCH_H

#include "table/table.h"

struct match_list;

enum {
    MATCH_PARENTS = 1,   /* "example.com" also matches its subdomains
                            (parent_domain_matches_subdomains);               else only
                            ".example.com" does */
    MATCH_NO_TABLES = 2, /* reserved: "type:name" is an error */
};

/* param and value are copied; flags as above. Lives as long as tables. */
struct match_list *match_list_open(struct tables *tables, const char *param,
                                   const char *value, unsigned flags);

/*
 * The flags for a list named param: MATCH_PARENTS when setting (the value of
 * parent_domain_matches_subdomains) names it.
 */
unsigned match_parent_flag(const char *setting, const char *param);

/* 1 = matches, 0 = does not, -1 = could not find out. Text is compared without case. */
int match_string(struct match_list *list, struct str text, struct fail *why) MUST_CHECK;
/* Also ".domain", and parents as flags say: relay_domains, fast_flush_domains. */
int match_domain(struct match_list *list, struct str domain, struct fail *why) MUST_CHECK;
/*
 * A host by name and address: mynetworks, debug_peer_list. Items are names,
 * ".domain", addresses, and networks 10.0.0.0/8 or [fd00::]/8. name may be
 * empty or "unknown"; address is printable without brackets, "1.2.3.4" or "fd00::1".
 */
int match_host(struct match_list *list, struct str name, struct str address,
               struct fail *why) MUST_CHECK;
/* An address user@domain: items user@domain, @domain and domain (as match_domain), user@.
 */
int match_address(struct match_list *list, struct str address,
                  struct fail *why) MUST_CHECK;

bool match_list_empty(const struct match_list *list); /* also true for NULL */

#endif
