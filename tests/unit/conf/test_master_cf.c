/* Entries of master.cf: fields, defaults, arguments, and what is said of bad ones. */
#include "folder.h"

#include "conf/master_cf.h"

/* Read text as master.cf with compatibility_level 3.6; -1 leaves words in folder->why. */
static int read_text(struct folder *folder, const char *text, struct master_cf *ret)
{
    folder_write(folder, "master.cf", text);
    if (folder->conf == NULL)
        assert_non_null(folder_load(folder, "compatibility_level = 3.6\n"));
    return master_cf_read(folder_file(folder, "master.cf"), folder->conf, folder->arena,
                          ret, &folder->why);
}

static const struct master_service *read_one(struct folder *folder, const char *text)
{
    struct master_cf master;

    if (read_text(folder, text, &master) < 0)
        fail_msg("\"%s\": %s", text, folder->why.text);
    assert_int_equal(master.n, 1);
    return &master.services[0];
}

static const struct {
    const char *line;
    enum master_type type;
    bool private, unprivileged, chroot;
    int wakeup;
    bool if_used;
    int limit;
} fields[] = {
    {"a inet n - - - - smtpd", MASTER_INET, false, true, false, 0, false, 100},
    {"a unix - - - - - smtp", MASTER_UNIX, true, true, false, 0, false, 100},
    {"a unix y y y 5 6 smtp", MASTER_UNIX, true, true, true, 5, false, 6},
    {"a unix n n n 60? 0 smtp", MASTER_UNIX, false, false, false, 60, true, 0},
    {"a fifo n - n - 1 qmgr", MASTER_FIFO, false, true, false, 0, false, 1},
    {"a pass - - n - - smtpd", MASTER_PASS, true, true, false, 0, false, 100},
    {"a unix-dgram n - n - 1 postlogd", MASTER_UNIX_DGRAM, false, true, false, 0, false,
     1},
};

static void reads_fields(void **state)
{
    for (size_t i = 0; i < ROWS(fields); i++) {
        const struct master_service *service = read_one(*state, fields[i].line);

        ROW_INT(fields[i].line, service->type, fields[i].type);
        ROW_INT(fields[i].line, service->private, fields[i].private);
        ROW_INT(fields[i].line, service->unprivileged, fields[i].unprivileged);
        ROW_INT(fields[i].line, service->chroot, fields[i].chroot);
        ROW_INT(fields[i].line, service->wakeup, fields[i].wakeup);
        ROW_INT(fields[i].line, service->wakeup_if_used, fields[i].if_used);
        ROW_INT(fields[i].line, service->process_limit, fields[i].limit);
        ROW_INT(fields[i].line, service->line, 1);
    }
}

static void takes_defaults_from_main_cf(void **state)
{
    struct folder *folder = *state;
    const struct master_service *service;

    folder_load_with(folder, "default_process_limit = 7\n", "master", NULL);
    service = read_one(folder, "a unix - - - - - smtp"); /* level 0 */
    assert_true(service->chroot);
    assert_int_equal(service->process_limit, 7);
}

static const struct {
    const char *text;
    const char *args; /* each behind a "|" */
} arguments[] = {
    {"smtpd", ""},
    {"smtpd -v -o a=b", "|-v|-o|a=b"},
    {"smtpd -o { a = b c }", "|-o|a=b c"},
    {"smtpd -o {a=b}", "|-o|a=b"},
    {"smtpd -o { a = {b} }", "|-o|a={b}"},
    {"smtpd -o a={b c}", "|-o|a={b c}"},
    {"pipe user=x argv=/bin/y -z ${recipient}", "|user=x|argv=/bin/y|-z|${recipient}"},
    {"pipe { a b } {} {c}", "|a b||c"},
    {"pipe { a = b c }", "|a = b c"},
    {"pipe argv={ a b}c d", "|argv={ a b}c|d"},
    {"smtpd\n  -o a=b\n# comment\n\t-o c=d", "|-o|a=b|-o|c=d"},
    {"smtpd # no comment", "|#|no|comment"},
};

static void reads_arguments(void **state)
{
    for (size_t i = 0; i < ROWS(arguments); i++) {
        const struct master_service *service;
        char text[300], got[300] = "";

        snprintf(text, sizeof(text), "a unix - - n - - %s\n", arguments[i].text);
        service = read_one(*state, text);
        for (size_t k = 0; k < service->args.n; k++) {
            strcat(got, "|");
            strcat(got, service->args.items[k]);
        }
        ROW_TEXT(arguments[i].text, got, arguments[i].args);
    }
}

static const struct {
    const char *text, *complaint;
} refused[] = {
    {"# c\na unix - - n - -\n", "master.cf, line 2: bad field count"},
    {"a\n", "master.cf, line 1: bad field count"},
    {"a tcp - - n - - x\n", "master.cf, line 1: invalid type field \"tcp\""},
    {"a unix yes - n - - x\n", "master.cf, line 1: invalid private field \"yes\""},
    {"a unix - Y n - - x\n", "master.cf, line 1: invalid unprivileged field \"Y\""},
    {"a unix - - 1 - - x\n", "master.cf, line 1: invalid chroot field \"1\""},
    {"a unix - - n 1.5 - x\n", "master.cf, line 1: invalid wakeup field \"1.5\""},
    {"a unix - - n -? - x\n", "master.cf, line 1: invalid wakeup field \"-?\""},
    {"a unix - - n - -1 x\n", "master.cf, line 1: invalid process_limit field \"-1\""},
    {"a unix - - n - - x {b\n", "master.cf, line 1: missing '}' in \"{b\""},
    {"a unix - - n - - x {b}c\n",
     "master.cf, line 1: syntax error after '}' in \"{b}c\""},
    {"a unix - - n - - x -o { b c }\n",
     "master.cf, line 1: missing '=' after attribute name: \"b c\""},
    {"b unix - - n - - x\n\na inet y - n - - x\n",
     "master.cf, line 3: inet service \"a\" cannot be private"},
};

static void refuses_with_file_and_line(void **state)
{
    struct folder *folder = *state;
    struct master_cf master;

    for (size_t i = 0; i < ROWS(refused); i++) {
        ROW_INT(refused[i].text, read_text(folder, refused[i].text, &master), -1);
        ROW_TEXT(refused[i].text, folder_complaint(folder), refused[i].complaint);
    }
}

static const char duplicates[] = "a unix - - n - 1 x\n"
                                 "b unix - - n - - y\n"
                                 "a inet n - n - 2 z\n"
                                 "a unix - - n - 3 w\n"
                                 "  -v\n";

static void runs_the_last_of_duplicates(void **state)
{
    struct folder *folder = *state;
    const struct master_service *service;
    struct master_cf master;

    assert_int_equal(read_text(folder, duplicates, &master), 0);
    assert_int_equal(master.n, 3);
    service = master_cf_find(&master, "a", MASTER_UNIX);
    assert_ptr_equal(service, &master.services[0]);
    assert_int_equal(service->process_limit, 3);
    assert_int_equal(service->line, 4);
    assert_int_equal(master.warnings.n, 1);
    assert_string_equal(master.warnings.items[0], "duplicate master.cf entry for service "
                                                  "\"a\" (a) -- using the last entry");
    assert_null(master_cf_find(&master, "b", MASTER_INET));
}

static void shows_all_entries_as_written(void **state)
{
    struct folder *folder = *state;
    struct master_cf master;

    folder_write(folder, "master.cf", duplicates);
    assert_int_equal(master_cf_parse(folder_file(folder, "master.cf"), folder->arena,
                                     &master, &folder->why),
                     0);
    assert_int_equal(master.n, 4);
    assert_string_equal(master.services[3].as_written[MASTER_PROCESS_LIMIT], "3");
    assert_string_equal(master.services[3].as_written[MASTER_WAKEUP], "-");
    assert_string_equal(master.services[3].command_as_written, "w  -v");
    assert_string_equal(master_field_text(MASTER_CHROOT), "chroot");
    assert_string_equal(master_field_text(MASTER_FIELDS), "command");
}

static void warns_of_lines_that_continue_nothing(void **state)
{
    struct folder *folder = *state;
    struct master_cf master;

    assert_int_equal(read_text(folder, "  a unix\nb unix - - n - - x\n", &master), 0);
    assert_int_equal(master.n, 1);
    assert_int_equal(master.warnings.n, 1);
    assert_non_null(strstr(master.warnings.items[0],
                           "/master.cf, line 1: logical line must not start with "
                           "whitespace: \"  a unix\""));
}

static void knows_types(void **state)
{
    enum master_type type;

    (void)state;
    assert_true(master_type_of("unix-dgram", &type));
    assert_int_equal(type, MASTER_UNIX_DGRAM);
    assert_string_equal(master_type_text(MASTER_PASS), "pass");
    assert_false(master_type_of("UNIX", &type));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(reads_fields),
        folder_test(takes_defaults_from_main_cf),
        folder_test(reads_arguments),
        folder_test(refuses_with_file_and_line),
        folder_test(runs_the_last_of_duplicates),
        folder_test(shows_all_entries_as_written),
        folder_test(warns_of_lines_that_continue_nothing),
        cmocka_unit_test(knows_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
