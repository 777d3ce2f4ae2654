#include "death.h"

#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>

/* A log daemon: a datagram socket at a path of its own. */
struct daemon {
    char directory[40], path[60];
    int fd;
};

static void listen_again(struct daemon *d)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", d->path);
    d->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(d->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static struct daemon start_daemon(void)
{
    struct daemon d = {.directory = "/tmp/test_log.XXXXXX"};

    assert_non_null(mkdtemp(d.directory));
    snprintf(d.path, sizeof(d.path), "%s/log", d.directory);
    listen_again(&d);
    return d;
}

static void stop_daemon(struct daemon *d)
{
    close(d->fd);
    unlink(d->path);
}

static void remove_daemon(struct daemon *d)
{
    stop_daemon(d);
    rmdir(d->directory);
}

/* The next datagram, or "" when there is none. */
static const char *next_line(const struct daemon *d, char line[4000])
{
    ssize_t n = recv(d->fd, line, 3999, 0);

    line[n > 0 ? n : 0] = '\0';
    return line;
}

static void check_form(const char *row, const char *got, const char *before_date,
                       const char *after_date)
{
    size_t n = strlen(before_date);
    char tail[500];

    ROW_INT(row, strncmp(got, before_date, n), 0);
    snprintf(tail, sizeof(tail), after_date, (int)getpid());
    ROW_TEXT(row, got + n + 15, tail); /* "Nov 20 12:34:56" */
}

static void writes_syslog_datagrams(void **state)
{
    struct daemon d = start_daemon();
    char line[4000];

    (void)state;
    log_open(&(struct log_options){
        .tag = "postfix/smtpd", .facility = LOG_MAIL, .syslog = d.path});
    assert_true(log_fd() > 2);
    log_info("connect from %s", "x[1.2.3.4]");
    check_form("info", next_line(&d, line), "<22>",
               " postfix/smtpd[%d]: connect from x[1.2.3.4]");
    log_warning("odd");
    check_form("warning", next_line(&d, line), "<20>",
               " postfix/smtpd[%d]: warning: odd");
    errno = ENOENT;
    log_error("file: %m");
    check_form("error", next_line(&d, line), "<19>",
               " postfix/smtpd[%d]: error: file: No such file or directory");
    assert_int_equal(errno, ENOENT);
    log_at(LOG_LEVEL_PANIC, "not %s", "ours");
    check_form("panic", next_line(&d, line), "<18>",
               " postfix/smtpd[%d]: panic: not ours");
    remove_daemon(&d);
}

static void writes_postlog_datagrams(void **state)
{
    struct daemon d = start_daemon();
    char line[4000];

    (void)state;
    log_open(&(struct log_options){.tag = "postfix/qmgr",
                                   .facility = LOG_MAIL,
                                   .syslog = "/dev/log",
                                   .postlog = d.path,
                                   .host = "mail"});
    log_info("removed");
    check_form("postlog", next_line(&d, line), "", " mail postfix/qmgr[%d]: removed");
    remove_daemon(&d);
}

static void finds_a_log_daemon_that_restarted(void **state)
{
    struct daemon d = start_daemon();
    char line[4000];

    (void)state;
    log_open(&(struct log_options){.tag = "t", .facility = LOG_MAIL, .syslog = d.path});
    stop_daemon(&d);
    listen_again(&d);
    log_info("back");
    assert_non_null(strstr(next_line(&d, line), ": back"));
    remove_daemon(&d);
}

static void counts_lines_that_nobody_took(void **state)
{
    struct daemon d = start_daemon();
    char line[4000];

    (void)state;
    log_open(&(struct log_options){.tag = "t", .facility = LOG_MAIL, .syslog = d.path});
    stop_daemon(&d);
    log_info("one");
    log_info("two");
    listen_again(&d);
    log_info("three");
    assert_non_null(
        strstr(next_line(&d, line), "warning: 2 log lines were lost before this one"));
    assert_non_null(strstr(next_line(&d, line), ": three"));
    assert_string_equal(next_line(&d, line), "");
    remove_daemon(&d);
}

static void waits_once_for_a_full_socket_then_counts(void **state)
{
    struct daemon d = start_daemon();
    char line[4000];
    int got = 0, told = 0;

    (void)state;
    log_open(&(struct log_options){.tag = "t", .facility = LOG_MAIL, .syslog = d.path});
    for (int i = 0; i < 20000; i++)
        log_info("line %d", i);
    while (next_line(&d, line)[0] != '\0')
        got++;
    assert_in_range(got, 1, 19999);
    log_info("last");
    sscanf(strstr(next_line(&d, line), "warning: "), "warning: %d", &told);
    assert_int_equal(got + told, 20000);
    remove_daemon(&d);
}

/* A reader that is only slow loses nothing. */
static void a_burst_waits_for_its_reader(void **state)
{
    struct daemon d = start_daemon();
    const struct timeval limit = {.tv_sec = 10};
    char line[4000];
    int got = 0;
    pid_t child;

    (void)state;
    log_open(&(struct log_options){.tag = "t", .facility = LOG_MAIL, .syslog = d.path});
    child = fork();
    if (child == 0) {
        for (int i = 0; i < 2000; i++)
            log_info("line %d", i);
        _exit(0);
    }
    fcntl(d.fd, F_SETFL, 0);
    setsockopt(d.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    while (got < 2000 && next_line(&d, line)[0] != '\0') {
        assert_null(strstr(line, "lost"));
        got++;
    }
    waitpid(child, NULL, 0);
    assert_int_equal(got, 2000);
    remove_daemon(&d);
}

static void falls_back_to_the_file_for_root(void **state)
{
    char directory[] = "/tmp/test_log.XXXXXX", file[60], line[500] = "";
    FILE *fp;

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root falls back to the file\n");
        skip();
    }
    assert_non_null(mkdtemp(directory));
    snprintf(file, sizeof(file), "%s/maillog", directory);
    log_open(&(struct log_options){.tag = "postfix/postsuper",
                                   .postlog = "/nonexistent/postlog",
                                   .fallback = file,
                                   .host = "mail"});
    log_info("Deleted: 1 message");
    fp = fopen(file, "r");
    assert_non_null(fp);
    assert_non_null(fgets(line, sizeof(line), fp));
    fclose(fp);
    check_form("file", line, "", " mail postfix/postsuper[%d]: Deleted: 1 message\n");
    unlink(file);
    rmdir(directory);
}

static const struct {
    const char *text, *shown;
} printables[] = {
    {"plain ~", "plain ~"},
    {"a\nb\tc\x7f", "a?b?c?"},
    {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
    {"\xc3x", "?x"},
    {"\xc2\x85x", "??x"}, /* a C1 control: NEL */
    {"\xff\xfe", "??"},
};

struct lines {
    enum log_level level;
    char text[4000];
};

static void keep(void *context, enum log_level level, const char *text)
{
    struct lines *lines = context;

    lines->level = level;
    snprintf(lines->text, sizeof(lines->text), "%s", text);
}

static void shows_only_printable_text(void **state)
{
    struct lines lines;

    (void)state;
    log_divert(keep, &lines);
    for (size_t i = 0; i < ROWS(printables); i++) {
        log_info("%s", printables[i].text);
        ROW_TEXT(printables[i].shown, lines.text, printables[i].shown);
        ROW_INT(printables[i].shown, lines.level, LOG_LEVEL_INFO);
    }
    log_divert(NULL, NULL);
}

static void cuts_lines_between_characters(void **state)
{
    struct lines lines;
    char text[3000];

    (void)state;
    log_divert(keep, &lines);
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_warning("%s", text);
    assert_int_equal(strlen(lines.text), 2000);
    assert_memory_equal(lines.text, "warning: xxx", 12);
    memcpy(text + 1998, "\xe2\x82\xac", 3);
    log_info("%s", text);
    assert_int_equal(strlen(lines.text), 1998);
    memcpy(text + 1997, "\xe2\x82\xacz", 4);
    log_info("%s", text);
    assert_int_equal(strlen(lines.text), 2000);
    assert_memory_equal(lines.text + 1997, "\xe2\x82\xac", 3);
    log_divert(NULL, NULL);
}

static void die(void)
{
    fatal_status(75, "no %s", "luck");
}
static void die_as_command(void)
{
    log_open(&(struct log_options){.tag = "postfix/postmap", .to_stderr = true});
    fatal("bad\nargument");
}
static void blunder(void)
{
    panic("never");
}

static void ends_the_process(void **state)
{
    char text[500], want[100];

    (void)state;
    snprintf(want, sizeof(want), "test_log: fatal: no luck\n");
    log_open(&(struct log_options){.tag = "test_log", .to_stderr = true});
    assert_int_equal(death_of(die, text, sizeof(text)), 75);
    assert_string_equal(text, want);
    assert_int_equal(death_of(die_as_command, text, sizeof(text)), 1);
    assert_string_equal(text, "postmap: fatal: bad?argument\n");
    assert_int_equal(death_of(blunder, text, sizeof(text)), -SIGABRT);
    assert_string_equal(text, "test_log: panic: never\n");
}

static void log_from_child(void)
{
    log_info("x");
}

static void knows_its_pid_after_a_fork(void **state)
{
    struct daemon d = start_daemon();
    char text[500], line[4000], own[20];

    (void)state;
    log_open(&(struct log_options){.tag = "t", .facility = LOG_MAIL, .syslog = d.path});
    assert_int_equal(death_of(log_from_child, text, sizeof(text)), 111);
    snprintf(own, sizeof(own), "[%d]", (int)getpid());
    assert_non_null(strstr(next_line(&d, line), "]: x"));
    assert_null(strstr(line, own));
    remove_daemon(&d);
}

static void is_verbose_when_told(void **state)
{
    (void)state;
    log_open(&(struct log_options){.tag = "t"});
    assert_false(log_verbose());
    log_open(&(struct log_options){.tag = "t", .verbose = 1});
    assert_true(log_verbose());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_syslog_datagrams),
        cmocka_unit_test(writes_postlog_datagrams),
        cmocka_unit_test(finds_a_log_daemon_that_restarted),
        cmocka_unit_test(counts_lines_that_nobody_took),
        cmocka_unit_test(waits_once_for_a_full_socket_then_counts),
        cmocka_unit_test(a_burst_waits_for_its_reader),
        cmocka_unit_test(falls_back_to_the_file_for_root),
        cmocka_unit_test(shows_only_printable_text),
        cmocka_unit_test(cuts_lines_between_characters),
        cmocka_unit_test(ends_the_process),
        cmocka_unit_test(knows_its_pid_after_a_fork),
        cmocka_unit_test(is_verbose_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
