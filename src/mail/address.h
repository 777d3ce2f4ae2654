/*
 * Mail addresses: their forms, their parts, and whether they are well-formed.
 *
 * Two forms run through the whole system. The INTERNAL form has no quoting:
 * "joe smith@example.com" is the local part "joe smith" at example.com, split
 * at the last '@'; the null address is empty. Queue files, tables and messages
 * between daemons carry it. The EXTERNAL form is what RFC 5321 section 4.1.2
 * and RFC 5322 section 3.4.1 write: "\"joe smith\"@example.com". Bytes over 127
 * count as letters (RFC 6531, 6532).
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/fail.h"
#include "util/str.h"

/* An internal-form address as two views of the same bytes. */
struct address {
    struct str local;  /* all before the last '@', or everything */
    struct str domain; /* all after it; may be empty */
    bool has_domain;   /* there was an '@' */
};

struct address address_split(struct str internal);

/*
 * Append the external form: the local part is quoted when it is no dot-string
 * (specials, blanks, controls, an '@', leading, trailing or doubled dots, or
 * empty beside a domain). The domain is taken as it is. "" gives "".
 */
void address_add_external(struct buf *out, struct str internal);
char *address_external(struct arena *arena, struct str internal);

/* Append one local part, quoted when it must be ('@' in it always is). */
void address_add_local(struct buf *out, struct str local);

/*
 * Append the internal form of an external address: quotes and backslashes in
 * the local part go. Anything at all is accepted; comments are not known here
 * (address_list.h does those).
 */
void address_add_internal(struct buf *out, struct str external);
char *address_internal(struct arena *arena, struct str external);

/*
 * Compare as delivery does: domains and local parts without ASCII case.
 * (Postmaster lookups and duplicate checks use this.)
 */
bool address_same(struct str a, struct str b);

/*
 * May these bytes stand in an envelope record at all? 0, or -1 and *why when
 * the address holds NUL, CR, LF or another control byte, or is longer than
 * ADDRESS_MAX.
 */
#define ADDRESS_MAX                                                                      \
    2048 /* bytes, internal form; the longest that any parser here returns */
int address_check(struct str internal, struct fail *why) MUST_CHECK;

/*
 * Is it a domain name by RFC 1123 (underscore allowed, one trailing dot not)?
 * Labels of 1 to 63 bytes that neither begin nor end with '-', 255 in all, not
 * only digits and dots. A name with bytes over 127 must be valid UTF-8 that
 * IDNA accepts; its A-label form is what is measured.
 */
bool address_domain_is_valid(struct str domain);

/* The same for a name that must be ASCII: 0, or -1 and what is wrong with it. */
int address_domain_check(struct str domain, struct fail *why) MUST_CHECK;

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3). */
bool address_literal_is_valid(struct str literal);

#endif
