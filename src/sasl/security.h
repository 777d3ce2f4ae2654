/*
 * What mechanisms must be like: the words of smtpd_sasl_security_options and its kin.
 */
#ifndef SASL_SECURITY_H
#define SASL_SECURITY_H

#include "util/fail.h"

#include <stdbool.h>

/* Some speak of what a mechanism must not do, the last two of what it must. As said of a
 * mechanism, each means that it does. */
enum security {
    SECURITY_PLAINTEXT = 1 << 0,  /* who listens hears the password */
    SECURITY_ACTIVE = 1 << 1,     /* who stands between can take over */
    SECURITY_DICTIONARY = 1 << 2, /* who listens can try passwords at home */
    SECURITY_ANONYMOUS = 1 << 3,  /* anybody can log in */
    SECURITY_FORWARD_SECRECY = 1 << 4,
    SECURITY_MUTUAL_AUTH = 1 << 5,
    SECURITY_WANTED = SECURITY_FORWARD_SECRECY | SECURITY_MUTUAL_AUTH,
};

/* "noanonymous, noplaintext" as bits; param names the parameter in *why. */
int security_parse(const char *param, const char *value, unsigned *ret,
                   struct fail *why) MUST_CHECK;

/* Has a mechanism that is like that (SECURITY_ bits) what options ask for? */
bool security_suits(unsigned options, unsigned mechanism);

#endif
