/*
 * The lexical tokens of address syntax (RFC 5322 section 3.2, 4.4). Shared
 * by address_list.c and path.c; nobody else needs it.
 */
#ifndef MAIL_ADDRESS_TOKEN_H
#define MAIL_ADDRESS_TOKEN_H

#include "util/arena.h"
#include "util/buf.h"
#include "util/str.h"

enum address_token_type {
    ADDRESS_TOKEN_ATOM,    /* letters, digits, and whatever else is not below */
    ADDRESS_TOKEN_QUOTED,  /* with its quotes; closed by the end of text if need be */
    ADDRESS_TOKEN_LITERAL, /* with its brackets */
    ADDRESS_TOKEN_COMMENT, /* with its parentheses, inner ones included */
    ADDRESS_TOKEN_SPECIAL, /* one of <>,:;@. */
};

struct address_token {
    enum address_token_type type;
    struct str text; /* as written, in the input */
    bool space;      /* blanks or a fold stood before it */
    bool unfinished; /* the closing mark was missing */
};

struct address_tokens {
    struct address_token *items;
    size_t n;
    bool truncated; /* the limit cut it */
};

struct address_tokens address_tokens_read(struct str text, size_t limit,
                                          struct arena *arena);

bool address_token_is(const struct address_token *token, char special);

/* Append the token as written, folds dropped, a missing closing mark added. */
void address_token_add_raw(struct buf *out, const struct address_token *token);
/* Append what the token means: quotes and backslashes removed. */
void address_token_add_value(struct buf *out, const struct address_token *token);

#endif
