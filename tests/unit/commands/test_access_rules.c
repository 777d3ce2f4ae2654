/* What main.cf lets the user do who runs the tests. */
#include "commands/access_rules.h"

#include "../conf/folder.h"
#include "util/ids.h"

#include <sys/types.h>

/* A command that has read this main.cf. */
static void configure(struct folder *folder, const char *main_cf, struct command *ret)
{
    assert_non_null(folder_load_with(folder, main_cf, "postdrop", NULL));
    *ret = (struct command){.name = "postdrop",
                            .conf = folder->conf,
                            .arena = folder->arena,
                            .failure_status = 69};
}

static const char *own_name(struct folder *folder)
{
    struct user user;
    struct fail why;

    assert_int_equal(user_by_uid(getuid(), folder->arena, &user, &why), 1);
    return user.name;
}

static const struct {
    const char *patterns, *sender;
    int allowed;
} senders[] = {
    {"*", "anybody@example.com", 1},
    {"*", "", 1},
    {"joe@example.com", "joe@example.com", 1},
    {"joe@example.com", "JOE@Example.com", 1},
    {"joe@example.com", "joe+list@example.com", 1},
    {"joe@example.com", "joe@example.org", 0},
    {"joe@example.com", "ann@example.com", 0},
    {"joe@example.com", "", 0},
    {"joe@example.com", "joe", 0},
    {"joe", "joe", 1},
    {"@example.com", "any.body@example.com", 1},
    {"@example.com", "any.body@sub.example.com", 0},
    {"@example.com", "example.com", 0},
    {"<>", "", 1},
    {"<>", "joe@example.com", 0},
    {"ann@x.test, <> @example.com", "joe@example.com", 1},
    {"ann@x.test, <> @example.com", "", 1},
};

static void knows_who_may_send_as_whom(void **state)
{
    struct folder *folder = *state;

    for (size_t i = 0; i < ROWS(senders); i++) {
        struct command command;
        struct fail why;

        configure(folder,
                  arena_printf(folder->arena,
                               "recipient_delimiter = +\nlocal_login_sender_maps = "
                               "inline:{ { %s = %s } }\n",
                               own_name(folder), senders[i].patterns),
                  &command);
        ROW_INT(senders[i].patterns,
                access_rules_sender(&command, str_of(senders[i].sender), &why),
                senders[i].allowed);
        if (!senders[i].allowed)
            ROW_TEXT(senders[i].patterns, why.text,
                     arena_printf(folder->arena, "not authorized to use sender='%s'",
                                  senders[i].sender));
    }
}

static void lets_everybody_send_as_anybody_by_default(void **state)
{
    struct command command;
    struct fail why;

    configure(*state, "", &command);
    assert_int_equal(access_rules_sender(&command, STR("x@y.test"), &why), 1);
    assert_int_equal(access_rules_sender(&command, STR(""), &why), 1);
}

static void a_table_that_fails_is_no_answer(void **state)
{
    struct command command;
    struct fail why;

    configure(*state, "local_login_sender_maps = hash:/nonexistent/x\n", &command);
    assert_int_equal(access_rules_sender(&command, STR("x@y.test"), &why), -1);
    configure(*state, "local_login_sender_maps =\n", &command);
    assert_int_equal(access_rules_sender(&command, STR("x@y.test"), &why), 0);
}

static int allows(const struct command *command, const char *list)
{
    struct fail why;

    return access_rules_user(command, "authorized_submit_users", list, &why);
}

static void allows_who_is_on_the_list(void **state)
{
    struct folder *folder = *state;
    const char *name = own_name(folder);
    struct command command;

    configure(folder, "", &command);
    assert_int_equal(allows(&command, "static:anyone"), 1);
    assert_int_equal(allows(&command, name), 1);
    assert_int_equal(allows(&command, arena_printf(folder->arena, "x, %s", name)), 1);
    assert_int_equal(allows(&command, "x, y"), 0);
    assert_int_equal(allows(&command, ""), 0);
    assert_int_equal(
        allows(&command, arena_printf(folder->arena, "!%s, static:anyone", name)), 0);
    assert_int_equal(allows(&command, "hash:/nonexistent/x"), -1);
}

/* Without postaccess, which is not asked: it is not where this main.cf says. */
static void asks_nobody_when_nothing_is_limited(void **state)
{
    struct command command;
    struct fail why;

    configure(*state, "daemon_directory = /nonexistent\n", &command);
    assert_int_equal(access_sender(&command, STR("x@y.test"), &why), 1);
    access_require(&command, "authorized_submit_users", "static:anyone", "submit mail");
    configure(*state,
              "daemon_directory = /nonexistent\nlocal_login_sender_maps = static:x\n",
              &command);
    assert_int_equal(access_sender(&command, STR("x@y.test"), &why), -1);
    assert_non_null(strstr(why.text, "/nonexistent/postaccess: No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(knows_who_may_send_as_whom, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(lets_everybody_send_as_anybody_by_default,
                                        folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_table_that_fails_is_no_answer, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(allows_who_is_on_the_list, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(asks_nobody_when_nothing_is_limited, folder_make,
                                        folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
