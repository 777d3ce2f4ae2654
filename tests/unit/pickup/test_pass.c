/* Files of maildrop on their way to a cleanup that writes down what it gets. */
#include "pickup/pickup.h"

#include "../queue/sandbox.h"
#include "ipc/messages.h"
#include "net/listen.h"
#include "queue/intake.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DIES = 100 }; /* instead of a status: cleanup goes away */

/* --- cleanup --- */

static void write_down(int fd, const struct record *record)
{
    char line[1000];
    int n =
        snprintf(line, sizeof(line), "%c %.*s\n", record->type, STR_ARG(record->data));
    struct fail why;

    if (file_write_all(fd, line, (size_t)n, &why) < 0)
        _exit(1);
}

/* Each message goes to the file "got"; ends with its client. */
static void cleanup_serve(int listener, int status)
{
    struct stream *s = stream_new(listen_accept(listener, NULL, NULL), 0);
    struct arena *arena = arena_new("request");
    struct submit ask;
    struct intake intake;
    struct record record;
    const char *name;
    int fd = open("got", O_WRONLY | O_CREAT | O_APPEND, 0600);

    ipc_announce(s, "cleanup");
    if (stream_flush(s) != STREAM_OK)
        _exit(2);
    while (ipc_receive_request(s, arena, &name, NULL) == 1 &&
           ipc_receive(s, &submit_message, arena, &ask, NULL) == 0) {
        dprintf(fd, "flags=%lld limit=%lld\n", ask.flags, ask.size_limit);
        ipc_put(s, &submit_opened_message,
                &(struct submit_opened){.reason = "", .queue_id = "NEW1"});
        if (stream_flush(s) != STREAM_OK || status == DIES)
            _exit(0);
        intake_init(&intake, s);
        do {
            if (intake_next(&intake, &record, NULL) < 0)
                _exit(3);
            write_down(fd, &record);
        } while (record.type != RECORD_END && record.type != 'a');
        intake_done(&intake);
        ipc_put(s, &submit_done_message,
                &(struct submit_done){.status = status, .reason = ""});
        if (record.type == RECORD_END && stream_flush(s) != STREAM_OK)
            _exit(4);
    }
    _exit(0);
}

/* --- the stage --- */

struct stage {
    struct conf *conf;
    struct picker picker;
    pid_t cleanup;
    struct buf log;
};

static void note_log(void *context, enum log_level level, const char *text)
{
    (void)level;
    buf_printf(context, "%s\n", text);
}

static void stage_set(struct stage *stage, int status)
{
    struct fail why;
    int listener;

    *stage = (struct stage){0};
    unlink("got");
    stage->conf = conf_load(
        &(struct conf_options){.program = "pickup", .defaults_only = true}, &why);
    assert_non_null(stage->conf);
    listener = listen_unix("cleanup", 5, 0600, &why);
    assert_true(listener >= 0);
    stage->cleanup = fork();
    if (stage->cleanup == 0)
        cleanup_serve(listener, status);
    close(listener);
    stage->picker = (struct picker){.conf = stage->conf,
                                    .cleanup = ipc_client_new("cleanup", "cleanup", 5000),
                                    .owner = geteuid() + 1,
                                    .style = {.external = true},
                                    .flags = SUBMIT_BOUNCE | SUBMIT_MAP | SUBMIT_MILTER,
                                    .arena = arena_new("message")};
    spool_init(&stage->picker.spool, "", 0, false);
    buf_init(&stage->log, 100000);
    log_divert(note_log, &stage->log);
}

static void stage_strike(struct stage *stage)
{
    int status;

    log_divert(NULL, NULL);
    ipc_client_free(stage->picker.cleanup);
    arena_free(stage->picker.arena);
    conf_free(stage->conf);
    buf_done(&stage->log);
    assert_int_equal(waitpid(stage->cleanup, &status, 0), stage->cleanup);
    assert_int_equal(status, 0);
    unlink("cleanup");
}

/* Pass a file with this content and owner's mode. */
static enum picked pass(struct stage *stage, struct str content, mode_t mode)
{
    enum picked result;
    struct fail why;
    struct stat st;
    int fd = open("maildrop/OLD1", O_RDWR | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(file_write_all(fd, content.p, content.n, &why), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(fstat(fd, &st), 0);
    result = picker_pass(&stage->picker, "OLD1", fd, &st);
    close(fd);
    return result;
}

static const char *got(struct stage *stage)
{
    struct str text;
    struct fail why;

    assert_int_equal(file_read("got", 1 << 20, stage->picker.arena, &text, &why), 0);
    return text.p;
}

/* --- tests --- */

#define SUBMITTED                                                                        \
    "T\0071 00002A\3a=bA\025rewrite_context=localF\3JoeS\3joe"                           \
    "A\015trace_flags=1A\017trace_flags=512R\3annM\0N\2hiX\0R\3bobE\0"

static void passes_what_a_user_may_say(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    assert_int_equal(pass(&stage, STR(SUBMITTED), 0744), PICKED_TAKEN);
    assert_non_null(strstr(got(&stage), "flags=11 limit=10240000\n"
                                        "T 1 2\n"
                                        "A rewrite_context=local\n"
                                        "F Joe\n"
                                        "S joe\n"
                                        "A trace_flags=512\n"
                                        "R ann\n"
                                        "M \n"
                                        "N Received: by "));
    assert_non_null(strstr(got(&stage), ", from userid "));
    assert_non_null(strstr(got(&stage), "\nN \tid NEW1; "));
    assert_non_null(strstr(got(&stage), "\nN hi\nX \nR bob\nE \n"));
    assert_null(strstr(got(&stage), "a=b"));
    assert_null(strstr(got(&stage), "trace_flags=1\n"));
    assert_string_equal(
        buf_text(&stage.log),
        arena_printf(stage.picker.arena, "NEW1: uid=%ld from=<joe>\n", (long)geteuid()));
    stage_strike(&stage);
}

static const struct {
    const char *name;
    struct str size;
    const char *flags;
} wishes[] = {
    {"none", STR(""), "flags=11 "},
    {"SMTPUTF8", STR("C\0131 1 0 0 0 1"), "flags=43 "},
    {"REQUIRETLS", STR("C\0141 1 0 0 0 32"), "flags=1035 "},
    {"what is the mail system's to say", STR("C\0141 1 0 0 0 30"), "flags=11 "},
};

static void passes_what_a_user_wishes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(wishes); i++) {
        struct stage stage;
        struct buf file;

        stage_set(&stage, SUBMIT_OK);
        buf_init(&file, 1000);
        buf_add_str(&file, STR("T\0011"));
        buf_add_str(&file, wishes[i].size);
        buf_add_str(&file, STR("S\3joeR\1aM\0N\2hiX\0E\0"));
        ROW_INT(wishes[i].name, pass(&stage, buf_str(&file), 0744), PICKED_TAKEN);
        ROW_INT(wishes[i].name, strncmp(got(&stage), wishes[i].flags, 9), 0);
        assert_non_null(strstr(got(&stage), "\nT 1 0\nS joe\n"));
        buf_done(&file);
        stage_strike(&stage);
    }
}

static void adds_the_content_filter(void **state)
{
    struct stage stage;
    struct conf with;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    with = *stage.conf;
    with.content_filter = "filter:there";
    stage.picker.conf = &with;
    assert_int_equal(pass(&stage, STR(SUBMITTED), 0744), PICKED_TAKEN);
    assert_non_null(strstr(got(&stage), "T 1 2\nL filter:there\n"));
    stage_strike(&stage);
}

#define REQUEUED                                                                         \
    "C\137"                                                                              \
    "             15             200               1               0              15"    \
    "               1"                                                                   \
    "T\0071 00002A\020create_time=1700"                                                  \
    "A\016client_name=xyL\3f:xS\3joeO\1aD\1aA\016dsn_orig_rcpt=O\1bR\1bM\0N\2hip\017"    \
    "              0X\0A\3a=bR\1cE\0"

/* The size tells that SMTPUTF8 was asked for; what was decided before is decided anew. */
static void passes_requeued_mail_with_what_only_we_may_say(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    stage.picker.owner = geteuid();
    assert_int_equal(pass(&stage, STR(REQUEUED), 0700), PICKED_TAKEN);
    assert_non_null(strstr(got(&stage), "flags=35 "));
    assert_non_null(strstr(got(&stage), "\nA client_name=xy\nS joe\n"
                                        "O b\nA dsn_orig_rcpt=\nR b\nM \nN Received: "));
    assert_non_null(strstr(got(&stage), "\nN hi\nX \nR c\nE \n"));
    assert_null(strstr(got(&stage), "\nL "));
    assert_null(strstr(got(&stage), "\nD "));
    assert_null(strstr(got(&stage), "a=b"));
    assert_non_null(strstr(buf_text(&stage.log), "from=<joe> orig_id=OLD1\n"));
    stage_strike(&stage);
}

/* What cleanup had written down when it ended. */
static bool was_given_up(void)
{
    struct arena *arena = arena_new("test");
    struct str text;
    struct fail why;
    bool result;

    assert_int_equal(file_read("got", 1 << 20, arena, &text, &why), 0);
    result = str_ends(text, "\na \n");
    arena_free(arena);
    return result;
}

#define SIZE                                                                             \
    "C\137"                                                                              \
    "             15             200               1               0              15"    \
    "               1"
#define TWO_DONE SIZE "T\0071 00002S\3joeA\016notify_flags=1O\1xD\1aO\1yD\1b"

static void put_bounce_log(const char *text)
{
    int fd = open("bounce/OLD1", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct fail why;

    assert_int_equal(file_write_all(fd, text, strlen(text), &why), 0);
    close(fd);
}

/* Who asked for no report takes that along, and is not known by the next one's name. */
static void forgets_what_was_said_of_a_recipient_that_is_done(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    stage.picker.owner = geteuid();
    assert_int_equal(pass(&stage, STR(TWO_DONE "R\1cM\0N\2hiX\0E\0"), 0700),
                     PICKED_TAKEN);
    assert_non_null(strstr(got(&stage), "\nS joe\nR c\nM \n"));
    stage_strike(&stage);
}

/* The bounce log knows of b, and nobody was told: it is to be done again. */
static void takes_back_a_failure_that_was_not_reported(void **state)
{
    const long offset = (long)(sizeof(TWO_DONE) - 1 - 3);
    struct stage stage;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    stage.picker.owner = geteuid();
    put_bounce_log(arena_printf(stage.picker.arena,
                                "recipient=b\noffset=%ld\nstatus=5.1.1\n"
                                "action=failed\nreason=no\n\n",
                                offset));
    assert_int_equal(pass(&stage, STR(TWO_DONE "M\0N\2hiX\0E\0"), 0700), PICKED_TAKEN);
    assert_non_null(strstr(got(&stage), "\nS joe\nO y\nR b\nM \n"));
    assert_int_equal(access("bounce/OLD1", F_OK), -1);
    stage_strike(&stage);
}

/* As the one before, far behind in a log of 70 MB, with noise that no piece holds whole.
 */
static void reads_a_log_of_any_size(void **state)
{
    const long offset = (long)(sizeof(TWO_DONE) - 1 - 3);
    struct stage stage;
    struct fail why;
    struct buf text;
    int fd;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    stage.picker.owner = geteuid();
    fd = open("bounce/OLD1", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    buf_init(&text, 4 << 20);
    for (int i = 0; text.n < 700000; i++)
        buf_printf(&text, "<x%d>: no\nrecipient=x%d\noffset=%d\nreason=no\n\n", i, i,
                   100000 + i);
    buf_add_repeat(&text, '?', 2500000);
    for (int i = 0; i < 22; i++)
        assert_int_equal(file_write_all(fd, text.p, text.n, &why), 0);
    buf_reset(&text);
    buf_printf(&text, "\n\nrecipient=b\noffset=%ld\nstatus=5.1.1\n\n", offset);
    assert_int_equal(file_write_all(fd, text.p, text.n, &why), 0);
    buf_done(&text);
    close(fd);
    assert_int_equal(pass(&stage, STR(TWO_DONE "M\0N\2hiX\0E\0"), 0700), PICKED_TAKEN);
    assert_non_null(strstr(got(&stage), "\nS joe\nO y\nR b\nM \n"));
    assert_int_equal(access("bounce/OLD1", F_OK), -1);
    stage_strike(&stage);
}

static void waits_while_a_sender_is_told(void **state)
{
    struct stage stage;
    struct fail why;
    int fd;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    stage.picker.owner = geteuid();
    put_bounce_log("");
    assert_int_equal(
        spool_claim_log(&stage.picker.spool, QUEUE_BOUNCE, "OLD1", &fd, &why), 1);
    assert_int_equal(pass(&stage, STR(TWO_DONE "R\1cM\0N\2hiX\0E\0"), 0700),
                     PICKED_LATER);
    assert_int_equal(access("bounce/OLD1", F_OK), 0);
    assert_string_equal(buf_text(&stage.log), "");
    close(fd);
    assert_int_equal(pass(&stage, STR(TWO_DONE "R\1cM\0N\2hiX\0E\0"), 0700),
                     PICKED_TAKEN);
    stage_strike(&stage);
}

static void is_over_when_nobody_is_left(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    stage.picker.owner = geteuid();
    assert_int_equal(pass(&stage, STR(TWO_DONE "M\0N\2hiX\0E\0"), 0700), PICKED_OVER);
    stage_strike(&stage);
    assert_int_equal(was_given_up(), 1);
}

/* A user's file does not become ours by what it says, nor by its mode. */
static void does_not_take_a_users_file_for_a_requeued_one(void **state)
{
    struct stage stage;

    (void)state;
    stage_set(&stage, SUBMIT_OK);
    assert_int_equal(pass(&stage, STR(REQUEUED), 0700), PICKED_CORRUPT);
    stage.picker.owner = geteuid();
    assert_int_equal(pass(&stage, STR(REQUEUED), 0744), PICKED_CORRUPT);
    ipc_client_close(stage.picker.cleanup);
    kill(stage.cleanup, SIGTERM); /* nobody came */
    waitpid(stage.cleanup, NULL, 0);
    stage.cleanup = fork();
    if (stage.cleanup == 0)
        _exit(0);
    stage_strike(&stage);
}

static const struct {
    const char *name;
    struct str content;
} bad[] = {
    {"no recipient", STR("T\0011S\3joeM\0N\2hiX\0E\0")},
    {"no sender", STR("T\0011R\3joeM\0N\2hiX\0E\0")},
    {"no end", STR("T\0011S\3joeR\1aM\0N\2hiX\0")},
    {"cut in a record", STR("T\0011S\3joeR\1aM\0N\020hiX\0")},
    {"a line break in an address", STR("T\0011S\3j\neR\1aM\0N\2hiX\0E\0")},
    {"a NUL in an address", STR("T\0011S\3joeR\2a\0M\0N\2hiX\0E\0")},
    {"a record of the mail system", STR("T\0011S\3joeD\1aR\1aM\0N\2hiX\0E\0")},
    {"an address in the text", STR("T\0011S\3joeR\1aM\0R\1bX\0E\0")},
};

static void gives_up_what_is_no_submission(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct stage stage;

        stage_set(&stage, SUBMIT_OK);
        ROW_INT(bad[i].name, pass(&stage, bad[i].content, 0744), PICKED_CORRUPT);
        ROW_INT(bad[i].name, strstr(buf_text(&stage.log), "maildrop/OLD1, uid=") != NULL,
                1);
        stage_strike(&stage);
        ROW_INT(bad[i].name, was_given_up(), 1);
    }
}

static const struct {
    const char *name;
    int status;
    enum picked result;
} verdicts[] = {
    {"taken", SUBMIT_OK, PICKED_TAKEN},
    {"bad record", SUBMIT_BAD_RECORD, PICKED_CORRUPT},
    {"no recipient", SUBMIT_NO_RECIPIENT, PICKED_CORRUPT},
    {"disk full", SUBMIT_WRITE_ERROR, PICKED_LATER},
    {"table error", SUBMIT_TRY_AGAIN, PICKED_LATER},
    {"gone", DIES, PICKED_NOBODY},
};

static void does_as_cleanup_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(verdicts); i++) {
        struct stage stage;

        stage_set(&stage, verdicts[i].status);
        ROW_INT(verdicts[i].name, pass(&stage, STR(SUBMITTED), 0744), verdicts[i].result);
        ROW_INT(verdicts[i].name, strstr(buf_text(&stage.log), "does not take") != NULL,
                verdicts[i].status != SUBMIT_OK);
        stage_strike(&stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(passes_what_a_user_may_say),
        sandbox_test(passes_what_a_user_wishes),
        sandbox_test(adds_the_content_filter),
        sandbox_test(passes_requeued_mail_with_what_only_we_may_say),
        sandbox_test(forgets_what_was_said_of_a_recipient_that_is_done),
        sandbox_test(takes_back_a_failure_that_was_not_reported),
        sandbox_test(reads_a_log_of_any_size),
        sandbox_test(waits_while_a_sender_is_told),
        sandbox_test(is_over_when_nobody_is_left),
        sandbox_test(does_not_take_a_users_file_for_a_requeued_one),
        sandbox_test(gives_up_what_is_no_submission),
        sandbox_test(does_as_cleanup_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
