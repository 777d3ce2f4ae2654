#include "death.h"

#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct place {
    char directory[40], path[80], other[80];
    struct arena *arena;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    strcpy(place->directory, "/tmp/test_file.XXXXXX");
    if (mkdtemp(place->directory) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/file", place->directory);
    snprintf(place->other, sizeof(place->other), "%s/other", place->directory);
    place->arena = arena_new("test");
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    unlink(place->path);
    unlink(place->other);
    rmdir(place->directory);
    arena_free(place->arena);
    free(place);
    return 0;
}

static void replaces_whole_files(void **state)
{
    struct place *place = *state;
    struct fail why;
    struct str got;
    struct stat st;

    assert_int_equal(file_replace(place->path, STR("one\n"), 0600, &why), 0);
    assert_int_equal(file_replace(place->path, STR("two\0two\n"), 0640, &why), 0);
    assert_int_equal(file_read(place->path, 8, place->arena, &got, &why), 0);
    assert_int_equal(got.n, 8);
    assert_memory_equal(got.p, "two\0two\n", 9);
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(file_replace("/nonexistent/file", STR("x"), 0600, &why), -1);
    assert_int_equal(why.code, ENOENT);
}

static void leaves_nothing_beside_the_replaced_file(void **state)
{
    struct place *place = *state;
    struct fail why;

    assert_int_equal(mkdir(place->other, 0700), 0);
    /* a directory is in the way */
    assert_int_equal(file_replace(place->other, STR("x"), 0600, &why), -1);
    assert_int_equal(rmdir(place->other), 0);
    assert_int_equal(rmdir(place->directory), 0); /* empty */
    assert_int_equal(mkdir(place->directory, 0700), 0);
}

static void refuses_files_beyond_the_limit(void **state)
{
    struct place *place = *state;
    struct fail why;
    struct str got = STR("kept");

    assert_int_equal(file_replace(place->path, STR("12345"), 0600, &why), 0);
    assert_int_equal(file_read(place->path, 4, place->arena, &got, &why), -1);
    assert_non_null(strstr(why.text, "larger than 4 bytes"));
    ROW_EQ("untouched", got, "kept");
    assert_int_equal(file_read(place->path, SIZE_MAX, place->arena, &got, &why), 0);
    ROW_EQ("no limit", got, "12345");
    assert_int_equal(file_read("/proc/self/status", 100000, place->arena, &got, &why), 0);
    assert_true(got.n > 100);
    assert_int_equal(file_read(place->directory, 9, place->arena, &got, &why), -1);
    assert_int_equal(file_read("/nonexistent", 9, place->arena, &got, &why), -1);
}

static void writes_at_positions(void **state)
{
    struct place *place = *state;
    struct fail why;
    struct str got;
    int fd = file_open(place->path, O_RDWR | O_CREAT, 0600, &why);

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(file_write_all(fd, "abcdef", 6, &why), 0);
    assert_int_equal(file_pwrite_all(fd, "XY", 2, 2, &why), 0);
    close(fd);
    assert_int_equal(file_write_all(fd, "x", 1, &why), -1);
    assert_int_equal(why.code, EBADF);
    assert_int_equal(file_read(place->path, 100, place->arena, &got, &why), 0);
    ROW_EQ("content", got, "abXYef");
}

static void makes_directories(void **state)
{
    struct place *place = *state;
    struct fail why;
    char path[120];
    struct stat st;

    snprintf(path, sizeof(path), "%s//a/b/", place->other);
    assert_int_equal(file_make_directories(path, 0700, &why), 0);
    assert_int_equal(file_make_directories(path, 0700, &why), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(file_sync_directory(path, &why), 0);
    assert_int_equal(file_sync_parent(path, &why), 0);
    rmdir(path);
    *strrchr(path, 'b') = '\0';
    rmdir(path);
    rmdir(place->other);
    assert_int_equal(file_replace(place->path, STR(""), 0600, &why), 0);
    snprintf(path, sizeof(path), "%s/below", place->path);
    assert_int_equal(file_make_directories(path, 0700, &why), -1);
    assert_int_equal(why.code, ENOTDIR);
}

static const char *locked_path;

/* Exit status: what a second process gets. */
static void try_both_locks(void)
{
    struct fail why;
    int fd = open(locked_path, O_RDWR);
    int a = file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, &why);
    int b = file_lock_within(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FCNTL, 2, 1, &why);

    dprintf(STDERR_FILENO, "%s", why.text);
    _exit(10 * a + b);
}

static void locks_against_other_processes(void **state)
{
    struct place *place = *state;
    struct fail why;
    char text[500];
    int fd = file_open(place->path, O_RDWR | O_CREAT, 0600, &why);

    locked_path = place->path;
    assert_int_equal(file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, false, &why), 0);
    assert_int_equal(death_of(try_both_locks, text, sizeof(text)), 10);
    assert_int_equal(file_lock(fd, FILE_LOCK_SHARED, FILE_LOCK_FCNTL, true, &why), 0);
    assert_int_equal(death_of(try_both_locks, text, sizeof(text)), 11);
    assert_string_equal(text,
                        "unable to set exclusive lock: Resource temporarily unavailable");
    assert_int_equal(file_lock(fd, FILE_UNLOCK, FILE_LOCK_FLOCK, false, &why), 0);
    assert_int_equal(file_lock(fd, FILE_UNLOCK, FILE_LOCK_FCNTL, false, &why), 0);
    assert_int_equal(death_of(try_both_locks, text, sizeof(text)), 0);
    close(fd);
    assert_int_equal(file_lock(fd, FILE_LOCK_SHARED, FILE_LOCK_FLOCK, true, &why), -1);
}

/* Open place->path as a mailbox would be. */
static int open_mailbox(const struct place *place, struct stat *st, struct fail *why)
{
    return file_open_safely(place->path, O_WRONLY | O_APPEND | O_CREAT, 0600, st, why);
}

static void creates_and_opens_plain_files(void **state)
{
    struct place *place = *state;
    struct fail why;
    struct stat st;

    for (int i = 0; i < 2; i++) {
        int fd = open_mailbox(place, &st, &why);

        assert_true(fd >= 0);
        assert_true(S_ISREG(st.st_mode));
        assert_int_equal(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND), O_APPEND);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
    }
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_size, 2);
    assert_int_equal(file_open_safely(place->other, O_WRONLY, 0600, &st, &why), -1);
    assert_int_equal(why.code, ENOENT);
    assert_string_equal(why.text, "cannot open file: No such file or directory");
    assert_int_equal(
        file_open_safely(place->path, O_WRONLY | O_CREAT | O_EXCL, 0600, &st, &why), -1);
    assert_int_equal(why.code, EEXIST);
}

static void refuses_prepared_links(void **state)
{
    struct place *place = *state;
    struct fail why;
    struct stat st;

    assert_int_equal(file_replace(place->other, STR("victim"), 0600, &why), 0);
    assert_int_equal(link(place->other, place->path), 0);
    assert_int_equal(open_mailbox(place, &st, &why), -1);
    assert_non_null(strstr(why.text, "has 2 hard links"));
    unlink(place->path);
    assert_int_equal(symlink(place->other, place->path), 0);
    if (geteuid() == 0)
        assert_int_equal(lchown(place->path, 12345, 12345), 0);
    else
        assert_int_equal(chmod(place->directory, 0770), 0);
    assert_int_equal(open_mailbox(place, &st, &why), -1);
    assert_non_null(strstr(why.text, "symbolic link"));
    unlink(place->other); /* a dangling link must not create its target either */
    assert_int_equal(open_mailbox(place, &st, &why), -1);
    assert_int_equal(access(place->other, F_OK), -1);
}

static void follows_links_that_root_vouches_for(void **state)
{
    struct place *place = *state;
    struct fail why;
    struct stat st;
    int fd;

    if (geteuid() != 0) {
        print_message("skipped: only root can make root's links\n");
        skip();
    }
    assert_int_equal(file_replace(place->other, STR("x"), 0600, &why), 0);
    assert_int_equal(symlink(place->other, place->path), 0);
    fd = open_mailbox(place, &st, &why);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chmod(place->directory, 01777), 0);
    assert_int_equal(open_mailbox(place, &st, &why), -1);
}

static void does_not_hang_on_fifos_nor_take_directories(void **state)
{
    struct place *place = *state;
    struct fail why;
    struct stat st;

    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_equal(open_mailbox(place, &st, &why), -1); /* no reader */
    assert_int_equal(why.code, ENXIO);
    unlink(place->path);
    assert_int_equal(mkdir(place->path, 0700), 0);
    assert_int_equal(file_open_safely(place->path, O_RDONLY, 0, &st, &why), -1);
    rmdir(place->path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(replaces_whole_files),
        TEST(leaves_nothing_beside_the_replaced_file),
        TEST(refuses_files_beyond_the_limit),
        TEST(writes_at_positions),
        TEST(makes_directories),
        TEST(locks_against_other_processes),
        TEST(creates_and_opens_plain_files),
        TEST(refuses_prepared_links),
        TEST(follows_links_that_root_vouches_for),
        TEST(does_not_hang_on_fifos_nor_take_directories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
