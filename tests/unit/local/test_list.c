/* Files of users that name destinations: what is read, and what is not even waited for.
 */
#include "unit.h"

#include "deliver/rights.h"
#include "local/local.h"
#include "queue/sandbox.h"

#include <fcntl.h>

struct place {
    struct process process;
    struct delivery delivery;
    struct attempt attempt;
    struct str content;
    struct stat st;
    struct fail why;
};

static int read_as(struct place *p, const char *path, uid_t uid, gid_t gid)
{
    int result;

    p->process.privileged = geteuid() == 0;
    p->delivery.process = &p->process;
    p->attempt.delivery = &p->delivery;
    if (!p->attempt.arena)
        p->attempt.arena = arena_new("test");
    p->content = STR_NONE;
    result = list_read(&p->attempt, path, (struct rights){uid, gid}, &p->content, &p->st,
                       &p->why);
    rights_give_back(&p->delivery);
    return result;
}

static int read_own(struct place *p, const char *path)
{
    return read_as(p, path, getuid(), getgid());
}

static void put_text(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void plain_files_are_read(void **state)
{
    struct place p = {0};

    (void)state;
    assert_int_equal(read_own(&p, "missing"), 0);
    assert_int_equal(read_own(&p, "missing/below"), 0);
    put_text("list", "joe\nann\n", 0664);
    assert_int_equal(read_own(&p, "list"), 1);
    ROW_EQ("list", p.content, "joe\nann\n");
    assert_int_equal(p.st.st_uid, getuid());
    put_text("list", "", 0600);
    assert_int_equal(read_own(&p, "list"), 1);
    assert_int_equal(p.content.n, 0);
    arena_free(p.attempt.arena);
}

static void refused(struct place *p, const char *path, const char *why)
{
    ROW_INT(why, read_own(p, path), -1);
    ROW_TEXT(path, p->why.text, why);
}

static void others_are_refused(void **state)
{
    struct place p = {0};

    (void)state;
    put_text("open", "joe\n", 0666);
    refused(&p, "open", "file open is world writable");
    put_text("list", "joe\n", 0600);
    assert_int_equal(symlink("list", "link"), 0);
    refused(&p, "link", "file link is not a regular file");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    refused(&p, "fifo", "file fifo is not a regular file");
    assert_int_equal(mkdir("folder", 0700), 0);
    refused(&p, "folder", "file folder is not a regular file");
    arena_free(p.attempt.arena);
}

static void the_reader_has_the_rights_of_the_user(void **state)
{
    struct place p = {0};

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can become others\n");
        skip();
    }
    assert_int_equal(chmod(".", 0755), 0);
    put_text("secret", "root only\n", 0600);
    assert_int_equal(read_as(&p, "secret", 12345, 12345), -1);
    assert_string_equal(p.why.text, "cannot open file secret: Permission denied");
    assert_int_equal(geteuid(), 0);
    assert_int_equal(chown("secret", 12345, 12345), 0);
    assert_int_equal(read_as(&p, "secret", 12345, 12345), 1);
    arena_free(p.attempt.arena);
}

#define file_test(f) cmocka_unit_test_setup_teardown(f, sandbox_enter, sandbox_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(plain_files_are_read),
        file_test(others_are_refused),
        file_test(the_reader_has_the_rights_of_the_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
