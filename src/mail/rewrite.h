/*
 * Standard-form rewriting: bring an incomplete address to "user@full.domain".
 *
 * A pure function of parameters: no table, no DNS, no other process. In order:
 *   host!user             -> user@host       (swap_bangpath, only without '@')
 *   user%domain           -> user@domain     (allow_percent_hack, only without '@', last
 * '%') user                  -> user@$myorigin  (append_at_myorigin) user@host ->
 * user@host.$mydomain (append_dot_mydomain) user@domain.          -> user@domain user@ ->
 * as user Domain literals and the null address stay as they are. Source routes are gone
 * before: the parsers (path.h, address_list.h) drop them.
 */
#ifndef MAIL_REWRITE_H
#define MAIL_REWRITE_H

#include "mail/address.h"
#include "util/buf.h"
#include "util/str.h"

struct rewrite_rules {
    struct str
        origin; /* appended as "@origin" to an address without domain; "" = do not */
    struct str domain; /* appended as ".domain" to a domain without dot; "" = do not */
    bool swap_bangpath;
    bool allow_percent_hack;
    /* Told of each domain that .domain was appended to; NULL = nobody wants to know. */
    void (*completed)(void *context, struct str domain, struct str appended);
    void *context;
};

/* The three parameters of a rewriting context, as main.cf has them. */
struct rewrite_settings {
    const char *myorigin; /* expanded */
    const char *mydomain;
    const char *remote_header_rewrite_domain; /* "" = leave remote headers alone */
    bool append_at_myorigin, append_dot_mydomain, swap_bangpath, allow_percent_hack;
};

/* Rules for envelopes (always) and for headers of mail submitted locally. */
struct rewrite_rules rewrite_rules_local(const struct rewrite_settings *settings);
/*
 * Rules for headers of mail from elsewhere. False when such headers are not
 * to be touched at all (remote_header_rewrite_domain is empty).
 */
bool rewrite_rules_remote(const struct rewrite_settings *settings,
                          struct rewrite_rules *ret);

/* Append the standard form of an internal-form address to out. True when it differs from
 * the input. */
bool rewrite_address(const struct rewrite_rules *rules, struct str internal,
                     struct buf *out);

/*
 * The same for an address whose parts are known from its written form:
 * quoted = the local part stood in quotes, so '!' and '%' in it mean nothing.
 */
bool rewrite_parts(const struct rewrite_rules *rules, struct address parts, bool quoted,
                   struct buf *out);

#endif
