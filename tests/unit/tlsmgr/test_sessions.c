/* tlsmgr/sessions.c: what is kept, for how long, and what is not. */
#include "unit.h"

#include "tlsmgr/tlsmgr.h"

#include <stdlib.h>
#include <unistd.h>

enum { LIFE = 100, START = 1000000 };

static char folder[] = "/tmp/test_sessions.XXXXXX";

static const struct tls_session_entry joe = {"smtp", "joe", "c2Vzc2lvbg=="},
                                      nobody = {"smtpd", "joe", "c2Vzc2lvbg=="},
                                      ann = {"smtp", "ann", "AAAA"};

static const char *find(struct sessions *sessions, const struct tls_session_entry *entry,
                        int64_t now, struct arena *arena)
{
    const char *found = NULL;
    struct fail why;

    if (sessions_find(sessions, entry, now, arena, &found, &why) < 0)
        fail_msg("%s", why.text);
    return found;
}

static void keep(struct sessions *sessions, const struct tls_session_entry *entry,
                 int64_t now, struct arena *arena)
{
    struct fail why;

    if (sessions_keep(sessions, entry, now, arena, &why) < 0)
        fail_msg("%s", why.text);
}

static void a_session_is_kept_for_its_time(void **state)
{
    struct arena *arena = arena_new("test");
    struct sessions *sessions = sessions_open(*state, arena);
    struct fail why;

    assert_string_equal(find(sessions, &joe, START, arena), "");
    keep(sessions, &joe, START, arena);
    keep(sessions, &nobody, START, arena); /* there is no such cache */
    assert_string_equal(find(sessions, &nobody, START, arena), "");
    assert_string_equal(find(sessions, &joe, START + LIFE - 1, arena), joe.session);
    assert_string_equal(find(sessions, &joe, START + LIFE, arena), "");
    assert_string_equal(find(sessions, &joe, START - 1, arena), ""); /* of the future */
    keep(sessions, &ann, START + LIFE, arena);
    assert_int_equal(sessions_clean(sessions, START + LIFE), LIFE);
    assert_string_equal(find(sessions, &joe, START, arena), "");
    assert_string_equal(find(sessions, &ann, START + LIFE, arena), ann.session);
    assert_int_equal(sessions_clean(sessions, START + LIFE + 10), LIFE - 10);
    assert_int_equal(sessions_forget(sessions, &ann, &why), 0);
    assert_int_equal(sessions_forget(sessions, &ann, &why), 0);
    assert_string_equal(find(sessions, &ann, START + LIFE, arena), "");
    sessions_close(sessions);
    arena_free(arena);
}

static void nonsense_is_not_kept(void **state)
{
    static const struct tls_session_entry rows[] = {
        {"smtp", "", "AAAA"},     {"none", "k", "AAAA"}, {"smtp", "k", ""},
        {"smtp", "k", "no base"}, {"smtp", "k", "AAA"},  {"smtp", "k", "AAAA\n"},
    };
    struct arena *arena = arena_new("test");
    struct sessions *sessions = sessions_open(*state, arena);
    struct fail why;

    for (size_t i = 0; i < ROWS(rows); i++)
        ROW_INT(rows[i].session, sessions_keep(sessions, &rows[i], START, arena, &why),
                -1);
    sessions_close(sessions);
    arena_free(arena);
}

static int set_up(void **state)
{
    char database[100] = "smtp_tls_session_cache_database=btree:";
    const char *const overrides[] = {"shlib_directory=" PLUGINS,
                                     "meta_directory=" PLUGINS,
                                     "mail_owner=root",
                                     "smtp_tls_session_cache_timeout=100s",
                                     database,
                                     NULL};
    const struct conf_options options = {
        .program = "tlsmgr", .defaults_only = true, .overrides = overrides};
    struct fail why;

    if (!mkdtemp(folder))
        return -1;
    snprintf(database + strlen(database), sizeof database - strlen(database), "%s/smtp",
             folder);
    *state = conf_load(&options, &why);
    if (!*state)
        fail_msg("%s", why.text);
    return 0;
}

static int tear_down(void **state)
{
    char path[80];

    snprintf(path, sizeof path, "%s/smtp.db", folder);
    unlink(path);
    conf_free(*state);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_kept_for_its_time),
        cmocka_unit_test(nonsense_is_not_kept),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
