/* Asking the library, so that an answer holds for the OpenSSL that is installed now. */
#include "tls/version.h"

#include "util/attributes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>

const char *tls_version_compiled(void)
{
    return OPENSSL_VERSION_TEXT;
}

const char *tls_version_running(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

/* Our names in the order of the alphabet, and OpenSSL's. */
static const struct {
    const char *name, *openssl;
} algorithms[] = {{"dsa", "DSA"}, {"ecdsa", "EC"}, {"rsa", "RSA"}};

static int can_use(const char *openssl)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, openssl, NULL);

    EVP_PKEY_CTX_free(context);
    return context != NULL;
}

const char *tls_key_algorithm(size_t i)
{
    size_t seen = 0;

    for (size_t k = 0; k < COUNT(algorithms); k++)
        if (can_use(algorithms[k].openssl) && seen++ == i)
            return algorithms[k].name;
    return NULL;
}
