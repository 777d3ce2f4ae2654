/* "/expression/flags" in front of a rule: what regexp: and pcre: tables share. */
#ifndef TABLE_EXPRESSION_H
#define TABLE_EXPRESSION_H

#include "util/arena.h"
#include "util/fail.h"
#include "util/str.h"

struct expression {
    struct str text;  /* between the delimiters, backslashes kept */
    struct str flags; /* letters behind the second delimiter */
};

/*
 * Take an expression from *rest. Its delimiter is its first byte, anything
 * but a letter, digit, backslash or blank; a backslash hides a delimiter.
 */
int expression_take(struct str *rest, struct expression *ret,
                    struct fail *why) MUST_CHECK;

/*
 * The plain text with which all that text matches must begin: "subject: a" of
 * "^Subject: A(b|c)". In small letters; empty when there is none. Holds for all dialects,
 * but not where "^" also matches within the text or blanks mean nothing.
 */
struct str expression_prefix(struct str text, struct arena *arena);

#endif
