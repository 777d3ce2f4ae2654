/* SHA-1: the examples of RFC 3174 and FIPS 180, and each length around a block's end. */
#include "util/sha1.h"

#include "unit.h"

static const struct {
    const char *text;
    size_t times;
    const char *digest;
} rows[] = {
    {"", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {"a", 55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
    {"a", 56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
    {"a", 63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"},
    {"a", 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
    {"a", 65, "11655326c708d70319be2610e8a57d9a5b959d3b"},
    {"01234567", 80, "dea356a2cddd90c7a7ecedc5ebb563934f460452"},
};

static void makes_the_known_digests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        static char text[1000];
        unsigned char digest[SHA1_SIZE];
        char hex[2 * SHA1_SIZE + 1];
        size_t n = 0, length = strlen(rows[i].text);

        for (size_t k = 0; k < rows[i].times; k++, n += length)
            memcpy(text + n, rows[i].text, length);
        sha1(str_from(text, n), digest);
        for (size_t k = 0; k < SHA1_SIZE; k++)
            snprintf(hex + 2 * k, 3, "%02x", digest[k]);
        ROW_TEXT(rows[i].digest, hex, rows[i].digest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(makes_the_known_digests)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
