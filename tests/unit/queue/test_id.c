#include "unit.h"

#include "queue/id.h"

static const struct {
    long seconds, microseconds;
    unsigned long inode;
    const char *short_id, *long_id;
} ids[] = {
    {1700000000, 123456, 987654, "1E240F1206", "4SVLCh0sf8z7Qhl"},
    {0, 0, 0, "000000", "0000000000z0"},
    {1, 1, 1, "000011", "0000010001z1"},
    {51, 52, 50, "0003432", "00000z0010zy"},
    {1795180000, 999999, 0xffffffff, "F423FFFFFFFFF", NULL},
};

static void ids_are_made_as_the_format_says(void **state)
{
    char id[QUEUE_ID_SIZE];

    (void)state;
    for (size_t i = 0; i < ROWS(ids); i++) {
        struct timeval when = {ids[i].seconds, ids[i].microseconds};

        queue_id_make(when, ids[i].inode, false, id);
        ROW_TEXT(ids[i].short_id, id, ids[i].short_id);
        queue_id_make(when, ids[i].inode, true, id);
        if (ids[i].long_id)
            ROW_TEXT(ids[i].short_id, id, ids[i].long_id);
    }
}

static void ids_give_back_what_went_in(void **state)
{
    char id[QUEUE_ID_SIZE];
    struct queue_id_parts parts;

    (void)state;
    for (size_t i = 0; i < ROWS(ids); i++) {
        struct timeval when = {ids[i].seconds, ids[i].microseconds};

        for (int is_long = 0; is_long <= 1; is_long++) {
            queue_id_make(when, ids[i].inode, is_long, id);
            assert_true(queue_id_valid(str_of(id)));
            assert_true(queue_id_decode(str_of(id), &parts));
            ROW_INT(id, parts.is_long, is_long);
            ROW_INT(id, parts.seconds, is_long ? ids[i].seconds : 0);
            ROW_INT(id, parts.microseconds, ids[i].microseconds);
            ROW_INT(id, parts.inode, ids[i].inode);
        }
    }
}

static const struct {
    const char *name;
    bool valid, decodes;
} names[] = {
    {"1E240F1206", true, true},
    {"4SVLCh0sf8z7Qhl", true, true},
    {"", false, false},
    {"1E240", true, false},                    /* no inode */
    {"1e240f1206", true, false},               /* lower case */
    {"FFFFF12", true, false},                  /* more than 999999 microseconds */
    {"4SVLCh0sf8z", true, false},              /* no inode */
    {"4SVLChyyyyz7Qhl", true, false},          /* more than 999999 microseconds */
    {"4SVLCh0sf8z7Qhz", true, false},          /* empty inode after the last z */
    {"4SALCh0sf8z7Qhl", true, false},          /* a vowel */
    {"zzzzzzzzzzzzzzzzzz0sf8z1", true, false}, /* seconds beyond 64 bits */
    {"my_file", true, false},
    {"123456.789", false, false},
    {"../etc", false, false},
    {"a b", false, false},
    {"\303\244bc", false, false},
};

static void names_are_judged(void **state)
{
    struct queue_id_parts parts;

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        ROW_INT(names[i].name, queue_id_valid(str_of(names[i].name)), names[i].valid);
        ROW_INT(names[i].name, queue_id_decode(str_of(names[i].name), &parts),
                names[i].decodes);
    }
    assert_false(queue_id_decode(str_from("1E240\0F1206", 11), &parts));
}

static void a_name_has_at_most_255_characters(void **state)
{
    char name[QUEUE_ID_MAX + 2];

    (void)state;
    memset(name, 'A', sizeof(name));
    assert_true(queue_id_valid(str_from(name, QUEUE_ID_MAX)));
    assert_false(queue_id_valid(str_from(name, QUEUE_ID_MAX + 1)));
}

static const struct {
    const char *id;
    int depth;
    const char *directories;
} hashes[] = {
    {"1E240F1206", 0, ""},
    {"1E240F1206", 1, "1"},
    {"1E240F1206", 3, "1E2"},
    {"4SVLCh0sf8z7Qhl", 2, "1E"}, /* of the microseconds 0x1E240 */
    {"4SVLCh0sf8z7Qhl", 7, "1E240__"},
    {"AB", 4, "AB__"},
    {"my_file", 2, "my"},
};

static void hash_directories_come_from_the_id(void **state)
{
    char directories[QUEUE_ID_DEPTH_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ROWS(hashes); i++) {
        queue_id_hash(str_of(hashes[i].id), hashes[i].depth, directories);
        ROW_TEXT(hashes[i].id, directories, hashes[i].directories);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_made_as_the_format_says),
        cmocka_unit_test(ids_give_back_what_went_in),
        cmocka_unit_test(names_are_judged),
        cmocka_unit_test(a_name_has_at_most_255_characters),
        cmocka_unit_test(hash_directories_come_from_the_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
