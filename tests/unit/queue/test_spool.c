#include "sandbox.h"

#include "queue/spool.h"
#include "util/file.h"

#include <fcntl.h>
#include <time.h>

static void touch(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0700);

    assert_true(fd >= 0);
    close(fd);
}

static void paths_follow_the_hash_settings(void **state)
{
    static const struct {
        const char *names;
        int depth;
        const char *queue, *id, *path;
    } rows[] = {
        {"deferred, defer", 1, "deferred", "1E240F1206", "deferred/1/1E240F1206"},
        {"deferred, defer", 1, "defer", "1E240F1206", "defer/1/1E240F1206"},
        {"deferred, defer", 1, "active", "1E240F1206", "active/1E240F1206"},
        {"deferred\tincoming", 2, "incoming", "4SVLCh0sf8z7Qhl",
         "incoming/1/E/4SVLCh0sf8z7Qhl"},
        {"deferred", 0, "deferred", "1E240F1206", "deferred/1E240F1206"},
        {"deferred", -3, "deferred", "1E240F1206", "deferred/1E240F1206"},
        {"", 1, "deferred", "1E240F1206", "deferred/1E240F1206"},
        {"deferred", 99, "deferred", "ABC",
         "deferred/A/B/C/_/_/_/_/_/_/_/_/_/_/_/_/_/ABC"},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct spool spool;
        char path[SPOOL_PATH_SIZE];

        spool_init(&spool, rows[i].names, rows[i].depth, false);
        ROW_TEXT(rows[i].path, spool_path(&spool, rows[i].queue, rows[i].id, path),
                 rows[i].path);
    }
}

static void the_longest_path_fits(void **state)
{
    struct spool spool;
    char id[QUEUE_ID_SIZE], path[SPOOL_PATH_SIZE];

    (void)state;
    memset(id, 'A', QUEUE_ID_MAX);
    id[QUEUE_ID_MAX] = '\0';
    spool_init(&spool, "deferred", QUEUE_ID_DEPTH_MAX, false);
    spool_path(&spool, "deferred", id, path);
    assert_int_equal(strlen(path),
                     strlen("deferred/") + 2 * QUEUE_ID_DEPTH_MAX + QUEUE_ID_MAX);
}

static void moves_make_hash_directories(void **state)
{
    struct spool spool;
    struct fail why;
    struct stat st;
    const char *queue;

    (void)state;
    spool_init(&spool, "deferred", 2, false);
    touch("active/ABC");
    assert_int_equal(spool_move(&spool, "ABC", "active", "deferred", &why), 1);
    assert_int_equal(access("deferred/A/B/ABC", F_OK), 0);
    assert_int_equal(spool_find(&spool, "ABC", &queue, &st, &why), 1);
    ROW_TEXT("found", queue, "deferred");
    assert_int_equal(spool_move(&spool, "ABC", "active", "deferred", &why), 0);
    assert_int_equal(spool_move(&spool, "ABC", "deferred", "active", &why), 1);
    assert_int_equal(spool_remove(&spool, "active", "ABC", &why), 1);
    assert_int_equal(spool_remove(&spool, "active", "ABC", &why), 0);
    assert_int_equal(spool_find(&spool, "ABC", &queue, &st, &why), 0);
}

static void deferring_sets_the_time_of_the_next_attempt(void **state)
{
    struct spool spool;
    struct fail why;
    struct stat st;

    (void)state;
    spool_init(&spool, "deferred", 1, false);
    touch("active/ABC");
    assert_int_equal(spool_defer(&spool, "ABC", 2000000000, &why), 1);
    assert_int_equal(spool_stat(&spool, "deferred", "ABC", &st, &why), 1);
    assert_int_equal(st.st_mtime, 2000000000);
    assert_true(spool_is_ready(&st));
    assert_int_equal(spool_defer(&spool, "ABC", 2000000000, &why), 0);
}

static void only_regular_files_are_opened(void **state)
{
    struct spool spool;
    struct fail why;
    struct stat st;
    int fd = -7;

    (void)state;
    spool_init(&spool, "", 0, false);
    touch("target");
    assert_int_equal(mkfifo("active/F1F0", 0700), 0);
    assert_int_equal(symlink("../target", "active/5717"), 0);
    assert_int_equal(mkdir("active/D1D1", 0700), 0);
    assert_int_equal(spool_open(&spool, "active", "F1F0", O_RDONLY, &fd, &why), -1);
    assert_int_equal(spool_open(&spool, "active", "5717", O_RDONLY, &fd, &why), -1);
    assert_int_equal(spool_open(&spool, "active", "D1D1", O_RDONLY, &fd, &why), -1);
    assert_int_equal(spool_open(&spool, "active", "AAAA", O_RDONLY, &fd, &why), 0);
    assert_int_equal(fd, -7);
    assert_int_equal(spool_stat(&spool, "active", "F1F0", &st, &why), -1);
    touch("active/AAAA");
    assert_int_equal(spool_open(&spool, "active", "AAAA", O_RDONLY, &fd, &why), 1);
    close(fd);
}

static void only_owner_bits_rwx_mean_complete(void **state)
{
    static const struct {
        mode_t mode;
        bool ready;
    } rows[] = {
        {0700, true},  {0744, true},  {0710, true},  {0740, true},
        {0600, false}, {0400, false}, {0500, false}, {0000, false},
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct stat st = {.st_mode = S_IFREG | rows[i].mode};

        assert_int_equal(spool_is_ready(&st), rows[i].ready);
    }
    assert_false(spool_is_ready(&(struct stat){.st_mode = S_IFDIR | 0700}));
}

static void logs_are_made_and_removed_together(void **state)
{
    struct spool spool;
    struct fail why;
    int fd;

    (void)state;
    spool_init(&spool, "defer", 1, false);
    fd = spool_open_log(&spool, "defer", "ABC", &why);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    fd = spool_open_log(&spool, "defer", "ABC", &why);
    assert_int_equal(lseek(fd, 0, SEEK_END), 1);
    close(fd);
    assert_int_equal(access("defer/A/ABC", F_OK), 0);
    touch("bounce/ABC");
    assert_int_equal(spool_remove_logs(&spool, "ABC", &why), 2);
    assert_int_equal(spool_remove_logs(&spool, "ABC", &why), 0);
}

/* --- scanning --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All paths of a scan, sorted, separated by blanks. */
static void scan_all(const char *queue, int flags, char *ret, size_t size)
{
    struct fail why;
    struct spool_scan *scan = spool_scan_new(queue, flags, &why);
    char *paths[32];
    const char *name, *path;
    size_t n = 0;

    assert_non_null(scan);
    while (spool_scan_next(scan, &name, &path, &why) == 1) {
        assert_true(n < ROWS(paths));
        ROW_TEXT(path, name, strrchr(path, '/') + 1);
        paths[n++] = strdup(path);
    }
    spool_scan_free(scan);
    qsort(paths, n, sizeof(paths[0]), compare_names);
    ret[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        strncat(ret, paths[i], size - strlen(ret) - 1);
        strncat(ret, " ", size - strlen(ret) - 1);
        free(paths[i]);
    }
}

static void a_scan_shows_files_at_every_depth(void **state)
{
    char seen[1000];

    (void)state;
    assert_int_equal(mkdir("deferred/A", 0700) | mkdir("deferred/A/B", 0700), 0);
    assert_int_equal(mkdir("deferred/E", 0700) | mkdir("deferred/long", 0700), 0);
    touch("deferred/ABC1");
    touch("deferred/A/ABC2");
    touch("deferred/A/B/ABC3");
    touch("deferred/long/ABC4"); /* no hash directory: not ours */
    touch("deferred/F");         /* a file with the name of one */
    touch("deferred/123.456");
    assert_int_equal(mkfifo("deferred/FIF0", 0700), 0);
    assert_int_equal(symlink("ABC1", "deferred/5717"), 0);
    scan_all("deferred", 0, seen, sizeof(seen));
    ROW_TEXT("all", seen, "deferred/A/ABC2 deferred/A/B/ABC3 deferred/ABC1 deferred/F ");
    scan_all("deferred", SPOOL_SCAN_ODD_NAMES, seen, sizeof(seen));
    ROW_TEXT(
        "odd names too", seen,
        "deferred/123.456 deferred/A/ABC2 deferred/A/B/ABC3 deferred/ABC1 deferred/F ");
    scan_all("active", 0, seen, sizeof(seen));
    ROW_TEXT("empty", seen, "");
}

static void a_queue_that_is_not_there_cannot_be_scanned(void **state)
{
    struct fail why = {0};

    (void)state;
    assert_null(spool_scan_new("nowhere", 0, &why));
    assert_int_not_equal(why.code, 0);
    spool_scan_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_follow_the_hash_settings),
        cmocka_unit_test(the_longest_path_fits),
        sandbox_test(moves_make_hash_directories),
        sandbox_test(deferring_sets_the_time_of_the_next_attempt),
        sandbox_test(only_regular_files_are_opened),
        cmocka_unit_test(only_owner_bits_rwx_mean_complete),
        sandbox_test(logs_are_made_and_removed_together),
        sandbox_test(a_scan_shows_files_at_every_depth),
        sandbox_test(a_queue_that_is_not_there_cannot_be_scanned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
