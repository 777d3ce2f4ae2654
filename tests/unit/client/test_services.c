/* client/services.c: in what order the hosts of a service are tried. */
#include "unit.h"

#include "client/services.h"

static struct dns_record make(unsigned priority, unsigned weight)
{
    return (struct dns_record){
        .type = DNS_SRV, .preference = (uint16_t)priority, .weight = (uint16_t)weight};
}

static void names_are_those_of_the_rfc(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    assert_string_equal(services_name("submission", "example.com", arena),
                        "_submission._tcp.example.com");
    arena_free(arena);
}

static void priority_comes_first_then_weight(void **state)
{
    struct dns_record records[] = {make(20, 9), make(10, 0), make(10, 5), make(10, 7)};

    (void)state;
    services_sort(records, 0, true);
    services_sort(records, ROWS(records), false);
    assert_int_equal(records[0].weight, 7);
    assert_int_equal(records[1].weight, 5);
    assert_int_equal(records[2].weight, 0);
    assert_int_equal(records[3].preference, 20);
}

static void each_has_its_share(void **state)
{
    enum { ROUNDS = 20000 };
    int heavy = 0, zero = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct dns_record records[] = {make(1, 0), make(1, 10), make(1, 30),
                                       make(2, 500)};

        services_sort(records, ROWS(records), true);
        heavy += records[0].weight == 30;
        zero += records[0].weight == 0;
        assert_int_equal(records[3].preference, 2);
        assert_int_equal(records[0].weight + records[1].weight + records[2].weight, 40);
    }
    /* 30 of 41 (0 counts as well), give or take what chance never does */
    assert_in_range(heavy, ROUNDS * 68 / 100, ROUNDS * 78 / 100);
    assert_in_range(zero, ROUNDS * 1 / 100, ROUNDS * 5 / 100);
}

static void weights_do_not_overflow(void **state)
{
    struct dns_record records[DNS_RECORDS_MAX];

    (void)state;
    for (size_t i = 0; i < ROWS(records); i++)
        records[i] = make(65535, 65535);
    services_sort(records, ROWS(records), true);
    assert_int_equal(records[0].weight, 65535);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_rfc),
        cmocka_unit_test(priority_comes_first_then_weight),
        cmocka_unit_test(each_has_its_share),
        cmocka_unit_test(weights_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
