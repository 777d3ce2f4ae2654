/* The client of cleanup, against a scripted server that reads records. */
#include "queue/submit.h"

#include "net/listen.h"
#include "queue/record.h"
#include "unit.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Read records up to E or 'a'; all that came, as "S=joe R=x E=" text. */
static int read_records(struct stream *s, struct buf *ret)
{
    struct str bytes;
    struct record record = {0};

    while (record.type != RECORD_END && record.type != 'a') {
        struct str rest;
        if (stream_peek(s, &bytes) != STREAM_OK)
            return -1;
        rest = bytes;
        if (record_parse(&rest, 0, &record) != 1)
            return -1; /* the script's records are short: one read has whole ones */
        buf_printf(ret, "%c=%.*s ", record.type, STR_ARG(record.data));
        stream_skip(s, bytes.n - rest.n);
    }
    return record.type == 'a';
}

/* Answers submissions; its verdict repeats what it was sent. Dies after E when the size
 * limit is 666, refuses when it is 13. */
static void cleanup_serve(int listener)
{
    struct stream *s = stream_new(listen_accept(listener, NULL, NULL), 0);
    struct arena *arena = arena_new("request");
    struct buf text;
    const char *name;
    struct submit ask;

    ipc_announce(s, "cleanup");
    if (stream_flush(s) != STREAM_OK)
        _exit(1);
    while (ipc_receive_request(s, arena, &name, NULL) == 1) {
        int given_up;

        if (ipc_receive(s, &submit_message, arena, &ask, NULL) < 0)
            _exit(2);
        ipc_put(s, &submit_opened_message,
                &(struct submit_opened){
                    .status = ask.size_limit == 13 ? SUBMIT_WRITE_ERROR : SUBMIT_OK,
                    .reason = ask.size_limit == 13 ? "disk full" : "",
                    .queue_id = "ABC123"});
        if (stream_flush(s) != STREAM_OK)
            _exit(3);
        if (ask.size_limit == 13)
            continue;
        buf_init(&text, 10000);
        given_up = read_records(s, &text);
        if (given_up < 0 || ask.size_limit == 666)
            _exit(ask.size_limit == 666 ? 0 : 4);
        if (!given_up) {
            ipc_put(s, &submit_done_message,
                    &(struct submit_done){.reason = buf_text(&text), .size = ask.flags});
            if (stream_flush(s) != STREAM_OK)
                _exit(5);
        }
        buf_done(&text);
        arena_reset(arena);
    }
    stream_free(s);
}

struct stage {
    char directory[40], path[64];
    pid_t pid;
    struct ipc_client *cleanup;
    struct arena *arena;
};

static void stage_set(struct stage *stage, int connections)
{
    struct fail why;
    int listener;

    strcpy(stage->directory, "/tmp/test-submit-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    snprintf(stage->path, sizeof(stage->path), "%s/s", stage->directory);
    listener = listen_unix(stage->path, 5, 0600, &why);
    stage->pid = fork();
    if (stage->pid == 0) {
        while (connections-- > 0)
            cleanup_serve(listener);
        _exit(0);
    }
    close(listener);
    stage->cleanup = ipc_client_new(stage->path, "cleanup", 5000);
    stage->arena = arena_new("test");
}

static void stage_strike(struct stage *stage)
{
    int status;

    ipc_client_free(stage->cleanup);
    arena_free(stage->arena);
    assert_int_equal(waitpid(stage->pid, &status, 0), stage->pid);
    assert_int_equal(status, 0);
    unlink(stage->path);
    rmdir(stage->directory);
}

static void carries_messages_over_one_connection(void **state)
{
    struct stage stage;
    struct fail why;

    (void)state;
    stage_set(&stage, 1);
    for (int i = 0; i < 3; i++) {
        const char *id = NULL;
        struct submission *s =
            submit_open(stage.cleanup, SUBMIT_MAP, 0, stage.arena, &id, &why);
        struct submit_done done;

        assert_non_null(s);
        assert_string_equal(id, "ABC123");
        submit_record(s, RECORD_SENDER, STR("joe"));
        submit_attribute(s, "encoding", "8bit");
        submit_attribute(s, "empty", "");
        submit_attribute(s, "none", NULL);
        submit_printf(s, RECORD_RECIPIENT, "r%d@x", i);
        submit_record(s, RECORD_END, STR_NONE);
        done = submit_close(s, stage.arena);
        assert_int_equal(done.status, SUBMIT_OK);
        assert_int_equal(done.size, SUBMIT_MAP);
        assert_string_equal(
            done.reason,
            arena_printf(stage.arena, "S=joe A=encoding=8bit R=r%d@x E= ", i));
    }
    stage_strike(&stage);
}

static void gives_up_and_goes_on(void **state)
{
    struct stage stage;
    const char *id;
    struct fail why;
    struct submission *s;

    (void)state;
    stage_set(&stage, 1);
    s = submit_open(stage.cleanup, 0, 0, stage.arena, &id, &why);
    submit_record(s, RECORD_SENDER, STR("joe"));
    submit_cancel(s);
    assert_null(submit_open(stage.cleanup, 0, 13, stage.arena, &id, &why));
    assert_string_equal(why.text, "disk full");
    stage_strike(&stage);
}

static void only_listed_kinds_of_mail_are_looked_at_for_utf8(void **state)
{
    (void)state;
    assert_int_equal(submit_auto_utf8("sendmail, verify", "sendmail"), SUBMIT_AUTO_UTF8);
    assert_int_equal(submit_auto_utf8("all", "smtpd"), SUBMIT_AUTO_UTF8);
    assert_int_equal(submit_auto_utf8("sendmail, verify", "smtpd"), 0);
    assert_int_equal(submit_auto_utf8("", "sendmail"), 0);
}

/* cleanup dies with the message read: the caller hears it, and nothing is repeated. */
static void tells_when_cleanup_is_gone(void **state)
{
    struct stage stage;
    const char *id;
    struct fail why;
    struct submission *s;

    (void)state;
    stage_set(&stage, 1);
    s = submit_open(stage.cleanup, 0, 666, stage.arena, &id, &why);
    submit_record(s, RECORD_END, STR_NONE);
    assert_int_equal(submit_close(s, stage.arena).status, SUBMIT_GONE);
    stage_strike(&stage);
}

/* --- through postdrop --- */

/* Play postdrop: say the first words, read up to `bytes` bytes, then run `then`. */
static struct submission *open_by_script(struct arena *arena, const char *then,
                                         struct fail *why)
{
    const char *script = arena_printf(arena,
                                      "printf 'protocol\\0postdrop_protocol\\0"
                                      "queue_id\\0ABC\\0\\0'; %s",
                                      then);
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const char *id = NULL;
    struct submission *s = submit_open_maildrop(argv, arena, &id, why);

    if (s)
        assert_string_equal(id, "ABC");
    return s;
}

static const struct {
    const char *name, *then;
    enum submit_status status;
    const char *reason;
} drops[] = {
    {"taken", "head -c 4 >/dev/null; printf 'status\\0000\\0reason\\0\\0\\0'", SUBMIT_OK,
     ""},
    {"refused", "printf 'status\\0003\\0reason\\0too big\\0\\0'", SUBMIT_TOO_BIG,
     "too big"},
    {"died", "exit 1", SUBMIT_GONE, ""},
    {"nonsense", "head -c 4 >/dev/null; echo hello", SUBMIT_GONE, ""},
};

static void hears_what_postdrop_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(drops); i++) {
        struct arena *arena = arena_new("test");
        struct fail why;
        struct submission *s = open_by_script(arena, drops[i].then, &why);
        struct submit_done done;

        assert_non_null(s);
        submit_record(s, RECORD_SENDER, STR_NONE);
        submit_record(s, RECORD_END, STR_NONE);
        done = submit_close(s, arena);
        ROW_INT(drops[i].name, done.status, drops[i].status);
        ROW_TEXT(drops[i].name, done.reason, drops[i].reason);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
        arena_free(arena);
    }
}

static void gives_up_what_postdrop_has(void **state)
{
    struct arena *arena = arena_new("test");
    struct fail why;
    struct submission *s = open_by_script(arena, "cat >/dev/null", &why);

    (void)state;
    assert_non_null(s);
    submit_record(s, RECORD_SENDER, STR("joe"));
    submit_cancel(s);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    arena_free(arena);
}

static void notices_that_postdrop_reads_no_more(void **state)
{
    struct arena *arena = arena_new("test");
    struct fail why;
    struct submission *s = open_by_script(
        arena, "printf 'status\\0003\\0reason\\0full\\0\\0'; exec <&- >&-", &why);
    char line[5000];
    struct submit_done done;

    (void)state;
    assert_non_null(s);
    memset(line, 'x', sizeof(line));
    for (int i = 0; i < 100000 && !submit_is_lost(s); i++)
        submit_record(s, RECORD_LINE, str_from(line, sizeof(line)));
    assert_true(submit_is_lost(s));
    submit_record(s, RECORD_END, STR_NONE);
    done = submit_close(s, arena);
    assert_int_equal(done.status, SUBMIT_TOO_BIG);
    assert_string_equal(done.reason, "full");
    arena_free(arena);
}

static void tells_when_postdrop_cannot_be_run(void **state)
{
    static const char *const missing[] = {"/nonexistent/postdrop", "-r", NULL},
                             *const silent[] = {"/bin/false", NULL};
    struct arena *arena = arena_new("test");
    const char *id;
    struct fail why;

    (void)state;
    assert_null(submit_open_maildrop(missing, arena, &id, &why));
    assert_non_null(strstr(why.text, "/nonexistent/postdrop"));
    assert_null(submit_open_maildrop(silent, arena, &id, &why));
    assert_non_null(strstr(why.text, "/bin/false"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_messages_over_one_connection),
        cmocka_unit_test(gives_up_and_goes_on),
        cmocka_unit_test(only_listed_kinds_of_mail_are_looked_at_for_utf8),
        cmocka_unit_test(tells_when_cleanup_is_gone),
        cmocka_unit_test(hears_what_postdrop_says),
        cmocka_unit_test(gives_up_what_postdrop_has),
        cmocka_unit_test(notices_that_postdrop_reads_no_more),
        cmocka_unit_test(tells_when_postdrop_cannot_be_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
