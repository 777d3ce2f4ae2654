/*
 * Lines of Dovecot's authentication protocol: a word, and parameters "name" or
 * "name=value" behind TABs, in which TAB, LF, CR, NUL and 0x01 are written with 0x01
 * before a letter.
 */
#ifndef SASL_DOVECOT_LINE_H
#define SASL_DOVECOT_LINE_H

#include "util/arena.h"
#include "util/buf.h"

enum dovecot_word {
    DOVECOT_OTHER, /* nothing that concerns us */
    DOVECOT_VERSION,
    DOVECOT_MECH,
    DOVECOT_DONE,
    DOVECOT_OK,
    DOVECOT_FAIL,
    DOVECOT_CONT,
};

struct dovecot_line {
    enum dovecot_word word;
    unsigned long id;      /* of OK, FAIL, CONT */
    struct str parameters; /* behind word and id */
};

/* False when an answer has no number. Points into line. */
bool dovecot_line_parse(struct str line, struct dovecot_line *ret);

/* Take the next parameter from *rest; false when there is none. An empty one is one. */
bool dovecot_parameter(struct str *rest, struct str *ret);

/* The value of "name=" among the parameters, as text in arena, or NULL. A NUL byte in
 * it becomes 0x01, which no text of ours may have. */
const char *dovecot_value(struct str parameters, const char *name, struct arena *arena);
/* Is there a parameter that is just that name? */
bool dovecot_has(struct str parameters, const char *name);

/* The SECURITY_ bits of a mechanism (sasl/security.h), from the parameters behind its
 * name; -1 when it is not for clients. */
int dovecot_security(struct str parameters);

/* Append a value so that it cannot end before its end. */
void dovecot_add_value(struct buf *out, const char *value);

#endif
