/*
 * Which bytes of values that strangers choose may come through, into replies and into
 * commands: smtpd_expansion_filter and its like, with C escapes ("\t\40!...").
 */
#ifndef MAIL_BYTE_FILTER_H
#define MAIL_BYTE_FILTER_H

#include "util/arena.h"

void byte_filter_read(const char *filter, bool ret[static 256]);

/* The value for a text whose macros are replaced: bytes that may not come through are
 * "_", and what looks like a macro is none. In the arena. */
const char *byte_filter_value(const bool may[static 256], const char *value,
                              struct arena *arena);

#endif
