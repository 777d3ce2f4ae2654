/* Which OpenSSL this is. */
#ifndef TLS_VERSION_H
#define TLS_VERSION_H

#include <stddef.h>

/* "OpenSSL 3.0.11 19 Sep 2023": of the headers, and of the library that is loaded. */
const char *tls_version_compiled(void);
const char *tls_version_running(void);

/*
 * The i-th kind of key that a certificate of ours may have, among those that the
 * library can use: "rsa", "ecdsa", ... NULL after the last.
 */
const char *tls_key_algorithm(size_t i);

#endif
