/*
 * The address list of a message header, or of a command line (RFC 5322
 * section 3.4, with the obsolete forms of 4.4): mailboxes, groups, display
 * names, comments, routes, domain literals, quoted strings.
 *
 * The parser never recurses and never gives up: what is no address by any
 * rule is carried along as text. It takes at most `token_limit` tokens
 * ($header_address_token_limit) and drops what follows.
 */
#ifndef MAIL_ADDRESS_LIST_H
#define MAIL_ADDRESS_LIST_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/str.h"

enum address_item_kind {
    ADDRESS_MAILBOX,     /* has an address */
    ADDRESS_GROUP_START, /* "name:", name is set */
    ADDRESS_GROUP_END,   /* ";" */
};

struct address_item {
    enum address_item_kind kind;
    struct str
        name; /* display or group name, as written (quotes and comments kept, one line) */
    struct str address; /* internal form, route dropped, NUL-terminated; "" for <> */
    struct str comment; /* "(text) (text)" that stood beside the address, as written */
    bool angle;         /* the address stood in <> */
    bool has_domain; /* an unquoted '@' was there; else all of address is a local part */
    bool quoted;     /* some of the local part was written in quotes */
    bool routed;     /* a source route was dropped: it is written differently now */
    bool odd;        /* no address by the grammar: what stands in address is a guess */
    struct str raw;  /* what was written in <> when no address can be made of it without
                        harm; it is written back as it was */
};

struct address_list {
    struct address_item *items;
    size_t n;
    bool truncated; /* the token limit cut it */
};

/* The result and all it points to live in arena; body is not needed afterwards. */
struct address_list *address_list_parse(struct str body, size_t token_limit,
                                        struct arena *arena);

/*
 * Write "Name: a, b, c" with the rules of header regeneration: each item as
 * `name <external> comment`, joined by ", ", broken into lines of less than 70 bytes at
 * the joins, continuation lines begin with a TAB. No line end after the last line.
 */
void address_list_format(const struct address_list *list, struct str header_name,
                         struct buf *out);

#endif
