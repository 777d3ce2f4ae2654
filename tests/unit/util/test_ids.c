#include "death.h"

#include "util/ids.h"

#include <errno.h>
#include <grp.h>

static void need_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: only root can change ids\n");
    skip();
}

static void finds_users_and_groups(void **state)
{
    struct arena *arena = arena_new("test");
    struct user user;
    struct fail why;
    gid_t gid;

    (void)state;
    assert_int_equal(user_by_name("root", arena, &user, &why), 1);
    assert_int_equal(user.uid, 0);
    assert_string_equal(user.name, "root");
    assert_string_equal(user.home, "/root");
    assert_int_equal(user_by_uid(0, arena, &user, &why), 1);
    assert_string_equal(user.name, "root");
    assert_int_equal(group_by_name("root", &gid, &why), 1);
    assert_int_equal(gid, 0);
    assert_int_equal(user_by_name("no-such-user", arena, &user, &why), 0);
    assert_int_equal(user_by_uid(3999999999, arena, &user, &why), 0);
    assert_int_equal(group_by_name("no-such-group", &gid, &why), 0);
    arena_free(arena);
}

/* These run in a process of their own and answer by exit status: 42 is good. */
static void drop(void)
{
    struct fail why;
    gid_t groups[100];
    int n;

    if (ids_drop(NULL, 1234, 1235, &why) < 0)
        _exit(1);
    n = getgroups(100, groups);
    if (getuid() != 1234 || geteuid() != 1234 || getgid() != 1235 || n != 1 ||
        groups[0] != 1235)
        _exit(2);
    if (setuid(0) == 0 || seteuid(0) == 0 || ids_restore(&why) < 0)
        _exit(3);
    if (ids_drop(NULL, 1234, 1235, &why) < 0 || ids_drop(NULL, 1236, 1235, &why) == 0)
        _exit(4);
    _exit(42);
}

static void drop_while_another(void)
{
    struct fail why;

    if (ids_become(1000, 1000, &why) < 0 || ids_drop("root", 1234, 1235, &why) < 0)
        _exit(1);
    _exit(getuid() == 1234 && getegid() == 1235 ? 42 : 2);
}

static void become_and_restore(void)
{
    struct fail why;
    gid_t groups[100];
    int n;

    for (int i = 0; i < 3; i++) {
        if (ids_become(1234, 1235, &why) < 0)
            _exit(1);
        n = getgroups(100, groups);
        if (geteuid() != 1234 || getegid() != 1235 || n != 1 || groups[0] != 1235)
            _exit(2);
        if (ids_restore(&why) < 0 || geteuid() != 0 || getegid() != 0)
            _exit(3);
    }
    _exit(42);
}

static void gives_root_up_for_good(void **state)
{
    char text[500];

    (void)state;
    need_root();
    assert_int_equal(death_of(drop, text, sizeof(text)), 42);
    assert_int_equal(death_of(drop_while_another, text, sizeof(text)), 42);
}

static void becomes_somebody_for_a_while(void **state)
{
    char text[500];

    (void)state;
    need_root();
    assert_int_equal(death_of(become_and_restore, text, sizeof(text)), 42);
}

static void refuses_roots_ids(void **state)
{
    struct fail why;

    (void)state;
    assert_int_equal(ids_drop(NULL, 0, 0, &why), -1);
    assert_int_equal(ids_drop(NULL, 0, 5, &why), -1);
    assert_int_equal(ids_drop(NULL, 5, 0, &why), -1);
    assert_int_equal(ids_drop(NULL, (uid_t)-1, 5, &why), -1);
    assert_int_equal(ids_drop(NULL, 5, (gid_t)-1, &why), -1);
    assert_int_equal(ids_become((uid_t)-1, 5, &why), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_users_and_groups),
        cmocka_unit_test(gives_root_up_for_good),
        cmocka_unit_test(becomes_somebody_for_a_while),
        cmocka_unit_test(refuses_roots_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
