#include "unit.h"

#include "postlogd/file.h"

#include "util/file.h"
#include "util/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
    char directory[40], path[80];
    struct arena *arena;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    strcpy(place->directory, "/tmp/test_postlogd.XXXXXX");
    if (mkdtemp(place->directory) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/maillog", place->directory);
    place->arena = arena_new("test");
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    unlink(place->path);
    rmdir(place->directory);
    arena_free(place->arena);
    free(place);
    return 0;
}

static void appends_printable_lines(void **state)
{
    struct place *place = *state;
    struct logfile file;
    struct fail why;
    struct str got;
    struct stat st;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(logfile_open(&file, place->path, "/var, /tmp", 0640, &why), 0);
        logfile_append(&file, STR("Nov 20 12:00:00 mail postfix/qmgr[1]: removed\n"));
        logfile_append(&file, str_from("a\0b\nfake\x1b", 9));
        close(file.fd);
    }
    assert_int_equal(file_read(place->path, 1000, place->arena, &got, &why), 0);
    ROW_EQ("file", got,
           "Nov 20 12:00:00 mail postfix/qmgr[1]: removed\na?b?fake?\n"
           "Nov 20 12:00:00 mail postfix/qmgr[1]: removed\na?b?fake?\n");
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static const struct {
    const char *path, *prefixes;
    bool allowed;
} prefixes[] = {
    {"/tmp/../etc/passwd", "/tmp", false},
    {"/etc/passwd", "/var, /dev/stdout", false},
    {"/variant/x", "/var", false},
    {"relative", "/var", false},
    {"/dev/stdout", "/var, /dev/stdout", true},
    {"/dev/null", "/dev/", true},
};

static void stays_below_the_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(prefixes); i++) {
        struct logfile file = {.fd = -1};
        struct fail why;

        ROW_INT(prefixes[i].path,
                logfile_open(&file, prefixes[i].path, prefixes[i].prefixes, 0600, &why),
                prefixes[i].allowed ? 0 : -1);
        if (file.fd >= 0)
            close(file.fd);
    }
}

static void counts_lines_that_do_not_go(void **state)
{
    struct place *place = *state;
    struct logfile file;
    struct fail why;
    struct str got;
    int good;

    assert_int_equal(logfile_open(&file, place->path, "/tmp", 0600, &why), 0);
    good = file.fd;
    file.fd = open("/dev/full", O_WRONLY);
    logfile_append(&file, STR("one"));
    logfile_append(&file, STR("two"));
    assert_int_equal(file.lost, 2);
    close(file.fd);
    file.fd = good;
    logfile_append(&file, STR("three"));
    close(good);
    assert_int_equal(file_read(place->path, 1000, place->arena, &got, &why), 0);
    assert_non_null(
        strstr(got.p, ": warning: 2 log lines were lost before this one\nthree\n"));
}

static void knows_the_permissions(void **state)
{
    struct fail why;
    mode_t mode = 0;

    (void)state;
    assert_int_equal(logfile_mode("0644", &mode, &why), 0);
    assert_int_equal(mode, 0644);
    assert_int_equal(logfile_mode("0666", &mode, &why), -1);
    assert_string_equal(why.text, "maillog_file_permissions: bad value \"0666\"");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(appends_printable_lines),
        cmocka_unit_test(stays_below_the_prefixes),
        TEST(counts_lines_that_do_not_go),
        cmocka_unit_test(knows_the_permissions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
