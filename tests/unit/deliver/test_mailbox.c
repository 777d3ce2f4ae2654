/* Deliveries to files: mbox and Maildir, over real files, with what others put in the
 * way. */
#include "deliver/content.h"

#include "deliver/maildir.h"
#include "queue/sandbox.h"
#include "util/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

static const char *const message[] = {"N Subject: t", "N ", "N From me", NULL};

static const struct durable durable;

struct place {
    struct content content;
    struct copy copy;
    struct mailbox mailbox;
    struct maildir maildir;
    struct refusal refusal;
};

static void ignore_line(void *context, enum log_level level, const char *text)
{
    (void)context, (void)level, (void)text;
}

static void open_place(struct place *p)
{
    struct rights mine = {getuid(), getgid()};

    *p = (struct place){
        .copy = {.delivery = &p->content.delivery,
                 .flags = COPY_QUOTE_FROM | COPY_BLANK_LINE,
                 .sender = ""},
        .mailbox = {.path = "box",
                    .owner = mine,
                    .maker = mine,
                    .locks = MAILBOX_FCNTL | MAILBOX_FLOCK | MAILBOX_DOTLOCK,
                    .strict_owner = true,
                    .durable = &durable},
        .maildir = {.path = "Maildir/",
                    .owner = mine,
                    .hostname = "host.test",
                    .durable = &durable},
    };
    content_open(&p->content, message, false);
    log_divert(ignore_line, NULL);
}

static void close_place(struct place *p)
{
    log_divert(NULL, NULL);
    content_close(&p->content);
}

static const char *text_of(const char *path)
{
    static char text[1000];
    FILE *in = fopen(path, "r");

    if (!in)
        return NULL;
    text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
    fclose(in);
    return text;
}

static void put_text(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

/* --- mbox ------------------------------------------------------------------------- */

static void a_mailbox_is_made_and_grows(void **state)
{
    struct place p;
    struct stat st;

    (void)state;
    open_place(&p);
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), 0);
    assert_string_equal(text_of("box"), "Subject: t\n\n>From me\n\n");
    assert_int_equal(stat("box", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), 0);
    assert_string_equal(text_of("box"),
                        "Subject: t\n\n>From me\n\nSubject: t\n\n>From me\n\n");
    assert_int_equal(access("box.lock", F_OK), -1);
    close_place(&p);
}

/* What a killed writer left must not swallow the next message. */
static void a_piece_of_a_message_is_set_apart(void **state)
{
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"torn he", "torn he\n\nSubject: t\n\n>From me\n\n"},
        {"torn\n", "torn\nSubject: t\n\n>From me\n\n"},
    };
    struct place p;

    (void)state;
    open_place(&p);
    for (size_t i = 0; i < ROWS(rows); i++) {
        put_text("box", rows[i].before);
        ROW_INT(rows[i].before, mailbox_append(&p.mailbox, &p.copy, &p.refusal), 0);
        ROW_TEXT(rows[i].before, text_of("box"), rows[i].after);
    }
    close_place(&p);
}

static void refused(struct place *p, const char *row, const char *status, const char *why)
{
    ROW_INT(row, mailbox_append(&p->mailbox, &p->copy, &p->refusal), -1);
    ROW_INT(row, p->refusal.kind, COPY_NOT_WRITTEN);
    ROW_TEXT(row, p->refusal.status, status);
    ROW_TEXT(row, p->refusal.why.text, why);
    assert_int_equal(access("box.lock", F_OK), -1);
}

static void what_others_prepared_is_left_alone(void **state)
{
    struct place p;
    struct stat st;

    (void)state;
    open_place(&p);
    put_text("victim", "secret");
    assert_int_equal(link("victim", "box"), 0);
    refused(&p, "hard link", "5.2.0", "file has 2 hard links");
    unlink("box");
    assert_int_equal(chmod(".", 01777), 0);
    assert_int_equal(symlink("victim", "box"), 0);
    refused(&p, "symbolic link", "5.2.0", "file is a symbolic link");
    unlink("victim");
    refused(&p, "dangling link", "5.2.0", "cannot open file: No such file or directory");
    assert_int_equal(access("victim", F_OK), -1);
    unlink("box");
    assert_int_equal(mkfifo("box", 0600), 0);
    refused(&p, "fifo", "5.2.0", "cannot open file: No such device or address");
    unlink("box");
    assert_int_equal(mkdir("box", 0700), 0);
    refused(&p, "folder", "5.2.0", "cannot open file: Is a directory");
    rmdir("box");
    p.mailbox.owner.uid++;
    p.mailbox.maker = (struct rights){getuid(), getgid()};
    put_text("box", "theirs\n");
    refused(&p, "foreign owner", "4.2.0", "destination box is not owned by recipient");
    assert_int_equal(stat("box", &st), 0);
    assert_int_equal(st.st_uid, getuid());
    assert_string_equal(text_of("box"), "theirs\n");
    close_place(&p);
}

static void a_failed_write_leaves_the_old_length(void **state)
{
    struct place p;

    (void)state;
    open_place(&p);
    put_text("box", "before\n");
    p.mailbox.size_limit = 12;
    refused(&p, "limit", "5.2.2", "error writing message: File too large");
    assert_string_equal(text_of("box"), "before\n");
    p.mailbox.size_limit = 0;
    content_close(&p.content);
    content_open(&p.content, message, true);
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), -1);
    assert_int_equal(p.refusal.kind, COPY_CORRUPT);
    assert_string_equal(text_of("box"), "before\n");
    close_place(&p);
}

static void lock_files_are_respected_and_old_ones_removed(void **state)
{
    struct timeval old[2] = {{1000000000, 0}, {1000000000, 0}};
    struct place p;

    (void)state;
    open_place(&p);
    put_text("box.lock", "");
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), -1);
    assert_string_equal(p.refusal.status, "4.2.0");
    assert_string_equal(p.refusal.why.text,
                        "unable to create lock file box.lock: File exists");
    assert_int_equal(access("box.lock", F_OK), 0);
    assert_int_equal(utimes("box.lock", old), 0);
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), 0);
    assert_int_equal(access("box.lock", F_OK), -1);
    close_place(&p);
}

static void a_lock_file_may_be_done_without(void **state)
{
    struct place p;

    (void)state;
    open_place(&p);
    p.mailbox.path = "missing/box";
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), -1);
    assert_string_equal(
        p.refusal.why.text,
        "unable to create lock file missing/box.lock: No such file or directory");
    p.mailbox.lock_file_optional = true;
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), -1);
    assert_string_equal(p.refusal.why.text,
                        "cannot create file exclusively: No such file or directory");
    close_place(&p);
}

static void a_lock_of_another_process_defers(void **state)
{
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct place p;
    int fd, ready[2];
    pid_t pid;
    char byte;

    (void)state;
    open_place(&p);
    put_text("box", "");
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        fd = open("box", O_RDWR | O_CLOEXEC);
        if (fd < 0 || fcntl(fd, F_SETLK, &range) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    refused(&p, "fcntl", "4.2.0",
            "unable to lock for exclusive access: Resource temporarily unavailable");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_string_equal(text_of("box"), "");
    close(ready[0]);
    close(ready[1]);
    close_place(&p);
}

static void a_new_file_goes_to_its_owner(void **state)
{
    struct place p;
    struct stat st;

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can give files away\n");
        skip();
    }
    open_place(&p);
    p.mailbox.owner = (struct rights){12345, 12346};
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), 0);
    assert_int_equal(stat("box", &st), 0);
    assert_int_equal(st.st_uid, 12345);
    assert_int_equal(st.st_gid, 12346);
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), 0);
    p.mailbox.maker = p.mailbox.owner;
    refused(&p, "folder of another", "5.2.0",
            "unable to create lock file box.lock: Permission denied");
    rights_give_back(&p.content.delivery);
    assert_int_equal(geteuid(), 0);
    assert_int_equal(getegid(), 0);
    assert_int_equal(chmod(".", 0777), 0);
    assert_int_equal(mailbox_append(&p.mailbox, &p.copy, &p.refusal), 0);
    close_place(&p);
}

static void lock_words_are_checked(void **state)
{
    struct fail why;
    unsigned locks;

    (void)state;
    assert_int_equal(mailbox_locks_parse("p", " fcntl, dotlock", &locks, &why), 0);
    assert_int_equal(locks, MAILBOX_FCNTL | MAILBOX_DOTLOCK);
    assert_int_equal(mailbox_locks_parse("p", "", &locks, &why), 0);
    assert_int_equal(locks, 0);
    assert_int_equal(mailbox_locks_parse("p", "flock,bogus", &locks, &why), -1);
    assert_string_equal(why.text, "p: \"bogus\" is none of flock, fcntl, dotlock");
}

/* --- Maildir ---------------------------------------------------------------------- */

/* The only entry of a folder; "" when it is empty. */
static const char *only_entry(const char *folder)
{
    static char name[300];
    DIR *dir = opendir(folder);
    struct dirent *entry;

    assert_non_null(dir);
    name[0] = '\0';
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.') {
            assert_string_equal(name, "");
            snprintf(name, sizeof(name), "%s", entry->d_name);
        }
    closedir(dir);
    return name;
}

static void a_maildir_is_made_and_gets_a_file(void **state)
{
    unsigned long seconds, device, inode, fraction;
    struct place p;
    struct stat st;
    char path[400], host[100];

    (void)state;
    open_place(&p);
    p.copy.flags = 0;
    assert_int_equal(maildir_deliver(&p.maildir, &p.copy, &p.refusal), 0);
    assert_string_equal(only_entry("Maildir/tmp"), "");
    snprintf(path, sizeof(path), "Maildir/new/%s", only_entry("Maildir/new"));
    assert_string_equal(text_of(path), "Subject: t\n\nFrom me\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sscanf(path, "Maildir/new/%lu.V%lxI%lxM%lu.%99s", &seconds, &device,
                            &inode, &fraction, host),
                     5);
    assert_int_equal(device, st.st_dev);
    assert_int_equal(inode, st.st_ino);
    assert_string_equal(host, "host.test");
    assert_int_equal(stat("Maildir/cur", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    close_place(&p);
}

static void a_maildir_that_refuses_is_left_clean(void **state)
{
    struct place p;

    (void)state;
    open_place(&p);
    p.maildir.size_limit = 5;
    assert_int_equal(maildir_deliver(&p.maildir, &p.copy, &p.refusal), -1);
    assert_string_equal(p.refusal.status, "5.2.2");
    assert_string_equal(only_entry("Maildir/tmp"), "");
    assert_string_equal(only_entry("Maildir/new"), "");
    put_text("file", "");
    p.maildir.path = "file/";
    assert_int_equal(maildir_deliver(&p.maildir, &p.copy, &p.refusal), -1);
    assert_string_equal(p.refusal.status, "5.2.0");
    assert_true(str_ends(str_of(p.refusal.why.text), ".host.test: Not a directory"));
    assert_true(str_starts(str_of(p.refusal.why.text), "create maildir file file/tmp/"));
    close_place(&p);
}

static void errors_of_the_machine_are_not_the_recipients(void **state)
{
    (void)state;
    assert_string_equal(refusal_status(EDQUOT), "5.2.2");
    assert_string_equal(refusal_status(ENOSPC), "4.3.0");
    assert_string_equal(refusal_status(EROFS), "4.3.0");
    assert_string_equal(refusal_status(EACCES), "5.2.0");
}

#define file_test(f) cmocka_unit_test_setup_teardown(f, sandbox_enter, sandbox_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_mailbox_is_made_and_grows),
        file_test(a_piece_of_a_message_is_set_apart),
        file_test(what_others_prepared_is_left_alone),
        file_test(a_failed_write_leaves_the_old_length),
        file_test(lock_files_are_respected_and_old_ones_removed),
        file_test(a_lock_file_may_be_done_without),
        file_test(a_lock_of_another_process_defers),
        file_test(a_new_file_goes_to_its_owner),
        cmocka_unit_test(lock_words_are_checked),
        file_test(a_maildir_is_made_and_gets_a_file),
        file_test(a_maildir_that_refuses_is_left_clean),
        cmocka_unit_test(errors_of_the_machine_are_not_the_recipients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
