/* Objects are loaded only from places where nobody else could have put them. */
#include "unit.h"

#include "util/object.h"

#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *what;
    unsigned folder_mode, file_mode;
    const char *why; /* the end of the words; NULL = it goes as far as the loader */
} places[] = {
    {"ours alone", 0755, 0644, NULL},
    {"writable by the group", 0755, 0664, "file is owned or writable by non-root users"},
    {"writable by all", 0755, 0646, "file is owned or writable by non-root users"},
    {"in a folder of all", 0777, 0644, "is owned or writable by non-root users"},
    {"in a sticky folder", 01777, 0644, NULL},
};

static void only_trusted_files_are_loaded(void **state)
{
    char folder[] = "/tmp/object.XXXXXX", path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.so", folder);
    for (size_t i = 0; i < ROWS(places); i++) {
        FILE *file = fopen(path, "w");
        struct fail why;

        fputs("no object, though longer than the head of one is: sixty-four bytes", file);
        assert_int_equal(fchmod(fileno(file), places[i].file_mode), 0);
        fclose(file);
        assert_int_equal(chmod(folder, places[i].folder_mode), 0);
        assert_null(object_load(path, &why));
        if (!strstr(why.text, places[i].why ? places[i].why : "invalid ELF header"))
            fail_msg("%s: %s", places[i].what, why.text);
    }
    unlink(path);
    rmdir(folder);
}

static void what_is_not_there_is_told(void **state)
{
    struct fail why;

    (void)state;
    assert_null(object_find("/no/such.so"));
    assert_null(object_load("/no/such.so", &why));
    assert_string_equal(why.text, "/no/such.so: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_trusted_files_are_loaded),
        cmocka_unit_test(what_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
