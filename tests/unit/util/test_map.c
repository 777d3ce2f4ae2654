#include "unit.h"

#include "util/map.h"

#include <stdlib.h>

static struct str key_of(char text[20], int i)
{
    return str_from(text, (size_t)snprintf(text, 20, "key %d", i));
}

static void finds_what_was_set(void **state)
{
    struct map *map = map_new();
    static char values[5000];
    char text[20];

    (void)state;
    for (int i = 0; i < 5000; i++)
        assert_null(map_set(map, key_of(text, i), &values[i]));
    assert_int_equal(map_count(map), 5000);
    for (int i = 0; i < 5000; i++)
        assert_ptr_equal(map_get(map, key_of(text, i)), &values[i]);
    assert_null(map_get(map, STR("key")));
    assert_ptr_equal(map_set(map, STR("key 7"), &values[9]), &values[7]);
    assert_ptr_equal(map_get(map, STR("key 7")), &values[9]);
    assert_int_equal(map_count(map), 5000);
    assert_ptr_equal(map_remove(map, STR("key 7")), &values[9]);
    assert_null(map_remove(map, STR("key 7")));
    assert_int_equal(map_count(map), 4999);
    map_free(map, NULL);
}

static void takes_any_bytes_as_keys(void **state)
{
    struct map *map = map_new();
    char empty[] = "empty", nul[] = "with NUL", word[] = "a whole word";

    (void)state;
    map_set(map, STR_NONE, empty);
    map_set(map, str_from("a\0b", 3), nul);
    map_set(map, STR("12345678"), word);
    assert_string_equal(map_get(map, STR("")), "empty");
    assert_string_equal(map_get(map, str_from("a\0b", 3)), "with NUL");
    assert_null(map_get(map, STR("a")));
    assert_string_equal(map_get(map, STR("12345678")), "a whole word");
    map_free(map, NULL);
    map_free(NULL, NULL);
}

static void remove_odd(void *context, struct str key, void *value)
{
    if (*(int *)value % 2) {
        assert_ptr_equal(map_remove(context, key), value);
        free(value);
    }
}

static void can_lose_entries_while_visited(void **state)
{
    struct map *map = map_new();
    char text[20];

    (void)state;
    for (int i = 0; i < 100; i++) {
        int *value = malloc(sizeof(*value));

        *value = i;
        map_set(map, key_of(text, i), value);
    }
    map_each(map, remove_odd, map);
    assert_int_equal(map_count(map), 50);
    assert_non_null(map_get(map, STR("key 42")));
    assert_null(map_get(map, STR("key 43")));
    map_free(map, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_set),
        cmocka_unit_test(takes_any_bytes_as_keys),
        cmocka_unit_test(can_lose_entries_while_visited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
