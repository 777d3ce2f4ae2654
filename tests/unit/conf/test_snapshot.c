/* The settings of a good main.cf, kept for when it is broken. */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

static const char text[] = "myhostname = a.test\n"
                           "own = one\n"
                           "own = x = y\n"
                           "  z\n"
                           "empty =\n";

static int take(struct folder *folder)
{
    int fd;

    assert_non_null(folder_load(folder, text));
    fd = conf_snapshot(folder->conf, &folder->why);
    assert_true(fd >= 0);
    return fd;
}

static struct conf *load(struct folder *folder, int fd)
{
    const struct conf_options options = {
        .program = "smtpd", .directory = folder->path, .snapshot_fd = fd};

    conf_free(folder->conf);
    folder->conf = conf_load(&options, &folder->why);
    return folder->conf;
}

static void comes_back_when_the_file_is_broken(void **state)
{
    struct folder *folder = *state;
    int fd = take(folder);

    folder_write(folder, "main.cf", "nonsense\n");
    for (int i = 0; i < 2; i++) { /* each reader begins at the beginning */
        struct conf *conf = load(folder, fd);

        assert_non_null(conf);
        assert_string_equal(conf->myhostname, "a.test");
        assert_string_equal(conf_text(conf, "own", NULL), "x = y  z");
        assert_string_equal(conf_text(conf, "empty", NULL), "");
        assert_null(conf_text(conf, "nonsense", NULL));
        assert_false(conf_is_set(conf, "mydomain"));
    }
    close(fd);
}

static void comes_back_empty(void **state)
{
    struct folder *folder = *state;
    int fd;

    assert_non_null(folder_load(folder, ""));
    fd = conf_snapshot(folder->conf, &folder->why);
    assert_true(fd >= 0);
    assert_non_null(load(folder, fd));
    assert_false(conf_is_set(folder->conf, "myhostname"));
    close(fd);
}

static void names_the_line_of_a_bad_value(void **state)
{
    struct folder *folder = *state;
    const struct conf_options master = {.program = "master", .directory = folder->path};
    int fd;

    folder_write(folder, "main.cf", "own = 1\nsmtpd_timeout = soon\n");
    folder->conf = conf_load(&master, &folder->why);
    assert_non_null(folder->conf); /* it is no parameter of master's */
    fd = conf_snapshot(folder->conf, &folder->why);
    assert_null(load(folder, fd));
    assert_non_null(strstr(folder->why.text, "main.cf, line 2: "));
    close(fd);
}

static void all_programs_must_do_when_that_is_asked(void **state)
{
    struct folder *folder = *state;
    const struct conf_options all = {
        .program = "master", .directory = folder->path, .all_programs = true};

    folder_write(folder, "main.cf", "own = 1\nsmtpd_timeout = soon\n");
    assert_null(conf_load(&all, &folder->why));
    assert_non_null(strstr(folder->why.text, "main.cf, line 2: "));
    folder_write(folder, "main.cf", "own = 1\n");
    folder->conf = conf_load(&all, &folder->why);
    assert_non_null(folder->conf);
}

static void cannot_be_changed(void **state)
{
    struct folder *folder = *state;
    int fd = take(folder);

    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void refuses_what_is_cut(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cut[] = {{"p\0001\0n\0", 6}, {"p\0001\0n\0v", 7}, {"p", 1}, {"\0", 1}};
    struct folder *folder = *state;

    folder_write(folder, "main.cf", "");
    for (size_t i = 0; i < COUNT(cut); i++) {
        int fd = memfd_create("cut", MFD_CLOEXEC);

        assert_int_equal(write(fd, cut[i].bytes, cut[i].n), cut[i].n);
        assert_null(load(folder, fd));
        assert_string_equal(folder->why.text, "the snapshot of main.cf is cut short");
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(comes_back_when_the_file_is_broken),
        folder_test(comes_back_empty),
        folder_test(names_the_line_of_a_bad_value),
        folder_test(all_programs_must_do_when_that_is_asked),
        folder_test(cannot_be_changed),
        folder_test(refuses_what_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
