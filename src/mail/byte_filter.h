/*
 * Which bytes of values that strangers choose may come through, into replies and into
 * commands: smtpd_expansion_filter and its like, with C escapes ("\t\40!...").
 */
#ifndef MAIL_BYTE_FILTER_H
#define MAIL_BYTE_FILTER_H

#include <stdbool.h>

void byte_filter_read(const char *filter, bool ret[static 256]);

#endif
