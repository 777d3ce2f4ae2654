/* The words of security options. */
#include "sasl/security.h"

#include "util/str.h"

int security_parse(const char *param, const char *value, unsigned *ret, struct fail *why)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {
        {"noplaintext", SECURITY_PLAINTEXT},
        {"noactive", SECURITY_ACTIVE},
        {"nodictionary", SECURITY_DICTIONARY},
        {"noanonymous", SECURITY_ANONYMOUS},
        {"forward_secrecy", SECURITY_FORWARD_SECRECY},
        {"mutual_auth", SECURITY_MUTUAL_AUTH},
    };
    struct str rest = str_of(value), word;
    unsigned bits = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        unsigned bit = 0;

        for (size_t i = 0; i < COUNT(words); i++)
            if (str_is_nocase(word, words[i].word))
                bit = words[i].bit;
        if (bit == 0)
            return fail_set(why,
                            "parameter %s: unknown word \"%.*s\": use noplaintext, "
                            "noactive, nodictionary, noanonymous, forward_secrecy, "
                            "mutual_auth",
                            param, STR_ARG(word));
        bits |= bit;
    }
    *ret = bits;
    return 0;
}

bool security_suits(unsigned options, unsigned mechanism)
{
    unsigned wanted = options & SECURITY_WANTED;

    return (options & mechanism & ~(unsigned)SECURITY_WANTED) == 0 &&
           (mechanism & wanted) == wanted;
}
