/* Is a certificate for the host that we wanted to reach? (RFC 6125, RFC 7817) */
#ifndef TLS_NAMES_H
#define TLS_NAMES_H

#include "tls/tls.h"

/*
 * Does a name of a certificate, which may begin with "*.", stand for host? Letters of
 * either case. wide: "*" stands for several labels.
 */
bool tls_name_matches(struct str name, struct str host, bool wide);

/*
 * The name of the certificate that matches pattern, or NULL. A pattern is a host, or,
 * with a "." in front, all hosts below a domain. A certificate without DNS names has
 * the common name of its subject.
 */
const char *tls_certificate_matches(const struct tls_facts *facts, struct str pattern,
                                    bool wide);

/* Does the certificate, or its key, have one of these fingerprints? */
bool tls_fingerprint_matches(const struct tls_facts *facts, struct str fingerprint);

#endif
