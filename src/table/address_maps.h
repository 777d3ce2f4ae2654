/*
 * Asking tables for a mail address: the whole address first, then its parts.
 *
 * Each family of tables has its own parts in its own order (virtual(5),
 * canonical(5), transport(5), access(5)); for each part all tables of the list
 * are asked before the next part. Pattern tables see only whole addresses.
 * An address is asked in external form first ("a b"@example.com, RFC 5321),
 * then without its quotes when that differs.
 */
#ifndef TABLE_ADDRESS_MAPS_H
#define TABLE_ADDRESS_MAPS_H

#include "table/maps.h"

/* Parts, in the order in which they are asked. */
enum address_part {
    ADDRESS_PART_WHOLE = 1,        /* user+ext@domain */
    ADDRESS_PART_NO_EXTENSION = 2, /* user@domain, when there is an extension */
    ADDRESS_PART_LOCAL = 4,        /* user+ext and user, when the domain is one of ours */
    ADDRESS_PART_AT_DOMAIN = 8,    /* @domain */
    ADDRESS_PART_DOMAIN = 16,      /* domain */
    ADDRESS_PART_PARENTS =
        32, /* .domain of each parent; with ADDRESS_PART_BARE_PARENTS without the dot */
    ADDRESS_PART_BARE_PARENTS = 64,
    ADDRESS_PART_USER_AT = 128, /* user+ext@ and user@ */
    ADDRESS_PART_STAR = 256,    /* "*", last */
};

/* The families. */
enum {
    /* virtual_alias_maps, canonical_maps, generic, relocated_maps, *_bcc_maps,
       virtual_mailbox_maps */
    ADDRESS_MAPS_REWRITING = ADDRESS_PART_WHOLE | ADDRESS_PART_NO_EXTENSION |
                             ADDRESS_PART_LOCAL | ADDRESS_PART_AT_DOMAIN,
    /* virtual_mailbox_maps, virtual_uid_maps in the virtual agent */
    ADDRESS_MAPS_MAILBOX =
        ADDRESS_PART_WHOLE | ADDRESS_PART_NO_EXTENSION | ADDRESS_PART_AT_DOMAIN,
    /* transport_maps; add ADDRESS_PART_BARE_PARENTS by parent_domain_matches_subdomains
     */
    ADDRESS_MAPS_TRANSPORT = ADDRESS_PART_WHOLE | ADDRESS_PART_NO_EXTENSION |
                             ADDRESS_PART_DOMAIN | ADDRESS_PART_PARENTS |
                             ADDRESS_PART_STAR,
    /* smtpd access tables; add ADDRESS_PART_BARE_PARENTS likewise */
    ADDRESS_MAPS_ACCESS = ADDRESS_PART_WHOLE | ADDRESS_PART_NO_EXTENSION |
                          ADDRESS_PART_DOMAIN | ADDRESS_PART_PARENTS |
                          ADDRESS_PART_USER_AT,
};

/* Facts about this site that the parts depend on. */
struct address_rules {
    const char *delimiters;           /* recipient_delimiter; "" = no extensions */
    const char *double_bounce_sender; /* never split (mail/extension.h) */
    /* Is domain ours in the sense of ADDRESS_PART_LOCAL (myorigin, mydestination, own
       address literal)? 1, 0, or -1 with why. NULL = never. */
    int (*is_local)(void *context, struct str domain, struct fail *why);
    void *context;
};

struct address_match {
    struct str value;     /* what the table says */
    struct str key;       /* the part that was found */
    struct str extension; /* "+ext", with its delimiter, when the part found lacked it;
                             else empty */
    const struct table *table;
    enum address_part part;
};

/* Which tables are asked for what. */
struct address_query {
    const struct maps *maps; /* NULL is an empty list */
    unsigned parts;          /* ADDRESS_... bits */
    const struct address_rules *rules;
};

/*
 * address  internal form (no quotes), "user@domain" or "user"
 * ret      on TABLE_FOUND; its texts live in arena
 *
 * The null address has no parts and is never found.
 */
enum table_result address_lookup(const struct address_query *query, struct str address,
                                 struct arena *arena, struct address_match *ret,
                                 struct fail *why) MUST_CHECK;

/*
 * Put extension ("+ext") behind the local part of address; an address that
 * has this extension already stays as it is. Result in arena.
 */
struct str address_add_extension(struct arena *arena, struct str address,
                                 struct str extension);

/*
 * A result "@other" keeps the user part of the address that was looked up:
 * "user@other". Anything else is returned unchanged.
 */
struct str address_keep_user(struct arena *arena, struct str result, struct str address);

#endif
