/* Which ciphers may be used up to TLSv1.2: grades and exclusions, in OpenSSL's words. */
#ifndef TLS_CIPHERS_H
#define TLS_CIPHERS_H

#include "util/arena.h"
#include "util/fail.h"

/* What stands behind the grades: tls_high_cipherlist, ... */
struct tls_grades {
    const char *high, *medium, *null;
};

/* Is that the name of a grade? */
bool tls_grade_is_known(const char *grade);

/*
 * The ciphers of grade without those in the exclusions, which are lists of names, NULL at
 * the end. NULL with why when they cannot be what was meant.
 */
const char *tls_ciphers(const struct tls_grades *grades, const char *grade,
                        const char *const *exclusions, struct arena *arena,
                        struct fail *why);

#endif
