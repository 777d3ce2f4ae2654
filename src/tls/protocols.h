/*
 * Which versions of TLS may be used: smtpd_tls_protocols and its kin.
 *
 *     >=TLSv1.2, <=TLSv1.3     bounds; a number such as 0303 will do as well
 *     TLSv1.2 TLSv1.3          these and no others
 *     !SSLv2, !TLSv1           all but these
 */
#ifndef TLS_PROTOCOLS_H
#define TLS_PROTOCOLS_H

#include "util/fail.h"
#include "util/str.h"

/* Versions as in RFC 8446 section 4.2.1: 0x0304 is TLS 1.3. */
enum { TLS_SSL_3 = 0x0300, TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 };

struct tls_protocols {
    int least, most;   /* versions; 0 = no bound */
    unsigned excluded; /* bit 1 << (version - TLS_SSL_3) */
};

/* Words between blanks, commas and colons, letters of either case. */
int tls_protocols_parse(struct str list, struct tls_protocols *ret,
                        struct fail *why) MUST_CHECK;

#endif
