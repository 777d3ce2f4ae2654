/* Security options: their words, and which mechanisms suit. */
#include "sasl/security.h"

#include "unit.h"

static const struct {
    const char *words;
    int bits; /* -1 = refused */
} lists[] = {
    {"", 0},
    {"noanonymous", SECURITY_ANONYMOUS},
    {"noplaintext, noanonymous", SECURITY_PLAINTEXT | SECURITY_ANONYMOUS},
    {"NoActive nodictionary\tforward_secrecy,mutual_auth",
     SECURITY_ACTIVE | SECURITY_DICTIONARY | SECURITY_FORWARD_SECRECY |
         SECURITY_MUTUAL_AUTH},
    {"plaintext", -1},
    {"noanonymous, no-plaintext", -1},
};

static void reads_the_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lists); i++) {
        unsigned bits = 0xffff;
        struct fail why = {0};
        int result = security_parse("the_parameter", lists[i].words, &bits, &why);

        ROW_INT(lists[i].words, result, lists[i].bits < 0 ? -1 : 0);
        if (result == 0)
            ROW_INT(lists[i].words, bits, lists[i].bits);
        else
            assert_non_null(strstr(why.text, "the_parameter"));
    }
}

static const struct {
    const char *name;
    unsigned options, mechanism;
    bool suits;
} mechanisms[] = {
    {"anything goes", 0, SECURITY_PLAINTEXT | SECURITY_ANONYMOUS, true},
    {"PLAIN, named users", SECURITY_ANONYMOUS, SECURITY_PLAINTEXT, true},
    {"ANONYMOUS, named users", SECURITY_ANONYMOUS, SECURITY_ANONYMOUS, false},
    {"PLAIN, no plaintext", SECURITY_PLAINTEXT, SECURITY_PLAINTEXT, false},
    {"both sides wanted, one there", SECURITY_MUTUAL_AUTH, SECURITY_ACTIVE, false},
    {"both sides wanted and there", SECURITY_MUTUAL_AUTH | SECURITY_PLAINTEXT,
     SECURITY_MUTUAL_AUTH, true},
    {"two wanted, one there", SECURITY_WANTED, SECURITY_MUTUAL_AUTH, false},
};

static void chooses_mechanisms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(mechanisms); i++)
        ROW_INT(mechanisms[i].name,
                security_suits(mechanisms[i].options, mechanisms[i].mechanism),
                mechanisms[i].suits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_words),
        cmocka_unit_test(chooses_mechanisms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
