/* The logs of sites, and messages that go back to the queue manager. */
#include "flush/flush.h"

#include "../queue/sandbox.h"
#include "util/file.h"

#include <fcntl.h>
#include <sys/time.h>
#include <time.h>

enum { DAY = 24 * 3600 };

static struct flusher *flusher_make(void)
{
    struct arena *arena = arena_new("test");
    struct flusher *flusher = ARENA_NEW(arena, struct flusher);
    struct fail why;

    flusher->arena = arena;
    flusher->conf = conf_load(
        &(struct conf_options){.program = "flush", .defaults_only = true}, &why);
    assert_non_null(flusher->conf);
    spool_init(&flusher->spool, "", 0, false);
    assert_int_equal(mkdir("flush", 0700), 0);
    return flusher;
}

static void flusher_done(struct flusher *flusher)
{
    conf_free((struct conf *)flusher->conf);
    arena_free(flusher->arena);
}

static void defer(const char *id, mode_t mode)
{
    char path[100];
    int fd;

    snprintf(path, sizeof(path), "deferred/%s", id);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    assert_int_equal(utimes(path, (const struct timeval[]){{.tv_sec = time(NULL) + DAY},
                                                           {.tv_sec = time(NULL) + DAY}}),
                     0);
}

static const char *content(struct flusher *flusher, const char *path)
{
    struct str text;
    struct fail why;

    assert_int_equal(file_read(path, 10000, flusher->arena, &text, &why), 0);
    return text.p;
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static const struct {
    const char *site, *path;
} names[] = {
    {"example.com", "flush/example_com"},
    {"Example.COM", "flush/example_com"},
    {"[192.0.2.1]", "flush/_192_0_2_1_"},
    {"[IPv6:2001:db8::1]", "flush/_ipv6_2001_db8__1_"},
    {"../../etc/passwd", "flush/______etc_passwd"},
    {"b\xc3\xbc"
     "cher.example",
     "flush/b__cher_example"},
};

static void names_the_log_after_its_site(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        struct flusher *flusher = flusher_make();
        struct fail why;

        ROW_INT(names[i].site, log_add(flusher, names[i].site, "ABC1", &why), 0);
        ROW_TEXT(names[i].site, content(flusher, names[i].path), "ABC1\n");
        unlink(names[i].path);
        rmdir("flush");
        flusher_done(flusher);
    }
}

static void adds_a_message_once_in_a_row(void **state)
{
    struct flusher *flusher = flusher_make();
    struct fail why;

    (void)state;
    assert_int_equal(log_add(flusher, "x.test", "ABC1", &why), 0);
    assert_int_equal(log_add(flusher, "x.test", "ABC1", &why), 0);
    assert_int_equal(log_add(flusher, "x.test", "ABC2", &why), 0);
    assert_int_equal(log_add(flusher, "x.test", "ABC1", &why), 0);
    assert_string_equal(content(flusher, "flush/x_test"), "ABC1\nABC2\nABC1\n");
    flusher_done(flusher);
}

static void refuses_what_is_no_id_or_site(void **state)
{
    struct flusher *flusher = flusher_make();
    struct fail why;

    (void)state;
    assert_int_equal(log_add(flusher, "x.test", "../ABC", &why), -1);
    assert_int_equal(log_add(flusher, "x.test", "", &why), -1);
    assert_int_equal(log_add(flusher, "", "ABC1", &why), -1);
    assert_int_equal(log_send(flusher, "", &why), -1);
    assert_false(is_there("flush/x_test"));
    flusher_done(flusher);
}

/* Deferred ones move and are due; what is gone, unfinished or nonsense is left. */
static void retries_what_waits_and_forgets_it(void **state)
{
    struct flusher *flusher = flusher_make();
    struct fail why;
    struct stat st;

    (void)state;
    defer("ABC1", 0700);
    defer("ABC2", 0600);
    assert_int_equal(log_add(flusher, "x.test", "ABC1", &why), 0);
    assert_int_equal(log_add(flusher, "x.test", "ABC2", &why), 0);
    assert_int_equal(log_add(flusher, "x.test", "ABC1", &why), 0);
    assert_int_equal(log_add(flusher, "x.test", "GONE", &why), 0);
    assert_int_equal(log_send(flusher, "X.test", &why), 0);
    assert_true(flusher->moved);
    assert_string_equal(content(flusher, "flush/x_test"), "");
    assert_int_equal(lstat("incoming/ABC1", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0740);
    assert_true(st.st_mtime <= time(NULL));
    assert_true(is_there("deferred/ABC2"));
    flusher_done(flusher);
}

static void a_site_without_log_is_no_failure(void **state)
{
    struct flusher *flusher = flusher_make();
    struct fail why;

    (void)state;
    assert_int_equal(log_send(flusher, "x.test", &why), 0);
    assert_false(flusher->moved);
    flusher_done(flusher);
}

static void set_age(const char *path, time_t age)
{
    const struct timeval then = {.tv_sec = time(NULL) - age};

    assert_int_equal(utimes(path, (const struct timeval[]){then, then}), 0);
}

/* Defaults: refresh after 12 hours, purge after 7 days. */
static void refreshes_old_logs_and_purges_empty_ones(void **state)
{
    struct flusher *flusher = flusher_make();
    struct fail why;

    (void)state;
    defer("ABC1", 0700);
    defer("ABC2", 0700);
    assert_int_equal(log_add(flusher, "old.test", "ABC1", &why), 0);
    assert_int_equal(log_add(flusher, "new.test", "ABC2", &why), 0);
    assert_int_equal(log_add(flusher, "used.test", "ABC9", &why), 0);
    assert_int_equal(log_add(flusher, "empty.test", "ABC9", &why), 0);
    assert_int_equal(truncate("flush/used_test", 0), 0);
    assert_int_equal(truncate("flush/empty_test", 0), 0);
    set_age("flush/old_test", DAY);
    set_age("flush/used_test", 6 * DAY);
    set_age("flush/empty_test", 8 * DAY);
    log_refresh_all(flusher);
    assert_true(is_there("incoming/ABC1"));
    assert_true(is_there("deferred/ABC2"));
    assert_string_equal(content(flusher, "flush/old_test"), "");
    assert_true(is_there("flush/used_test"));
    assert_false(is_there("flush/empty_test"));
    flusher_done(flusher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(names_the_log_after_its_site),
        sandbox_test(adds_a_message_once_in_a_row),
        sandbox_test(refuses_what_is_no_id_or_site),
        sandbox_test(retries_what_waits_and_forgets_it),
        sandbox_test(a_site_without_log_is_no_failure),
        sandbox_test(refreshes_old_logs_and_purges_empty_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
