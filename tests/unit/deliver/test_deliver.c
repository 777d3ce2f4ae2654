/*
 * A request over a socket pair, with a real queue file, answered in the process
 * of the test; the services bounce, defer and trace are children that note what
 * they are told in a file, or refuse.
 */
#include "deliver/filter.h"
#include "queue/message.h"
#include "queue/sandbox.h"

#include "net/listen.h"
#include "queue/spool.h"
#include "util/log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* --- what surrounds an agent --------------------------------------------------- */

static struct conf conf = {.bounce_service_name = "bounce",
                           .defer_service_name = "defer",
                           .trace_service_name = "trace",
                           .info_log_address_format = "external",
                           .delay_logging_resolution_limit = 2,
                           .ipc_timeout = 5};
static struct process process = {.name = "local", .program = "local", .conf = &conf};

static char log_text[8192];

static void note_line(void *context, enum log_level level, const char *text)
{
    (void)context, (void)level;
    strncat(log_text, text, sizeof(log_text) - strlen(log_text) - 2);
    strcat(log_text, "\n");
}

/* Is this in the log? Its delays differ from run to run: '*' stands for them. */
static bool logged(const char *start, const char *end)
{
    const char *p = strstr(log_text, start);

    return p && strstr(p, end);
}

/* One log service: notes "recipient status action reason" of each entry in NAME.txt. */
static void keep_log(const char *name, int listener, bool refuses)
{
    struct arena *arena = arena_new("test");
    char path[40];
    FILE *out;

    snprintf(path, sizeof(path), "%s.txt", name);
    out = fopen(path, "a");
    for (;;) {
        struct stream *s = stream_new(accept(listener, NULL, NULL), 0);
        struct bounce_append entry;
        struct fail why;
        const char *request;

        ipc_announce(s, "bounce");
        if (stream_flush(s) != STREAM_OK)
            _exit(1);
        while (ipc_receive_request(s, arena, &request, &why) == 1 &&
               ipc_receive(s, &bounce_append_message, arena, &entry, &why) == 0) {
            struct status_reply answer = {.status = refuses, .reason = "disk full"};

            fprintf(out, "%s %s %s %s\n", entry.recipient, entry.status, entry.action,
                    entry.reason);
            fflush(out);
            ipc_put(s, &status_reply_message, &answer);
            if (stream_flush(s) != STREAM_OK)
                _exit(1);
        }
        stream_free(s);
    }
}

static pid_t start_log(const char *name, bool refuses)
{
    char path[40];
    struct fail why;
    int listener;
    pid_t pid;

    snprintf(path, sizeof(path), "private/%s", name);
    listener = listen_unix(path, 5, 0600, &why);
    assert_true(listener >= 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        keep_log(name, listener, refuses);
    }
    close(listener);
    return pid;
}

static void stop_log(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static const char *told(const char *name)
{
    static char text[1000];
    char path[40];
    FILE *in;

    snprintf(path, sizeof(path), "%s.txt", name);
    in = fopen(path, "r");
    if (!in)
        return "";
    text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
    fclose(in);
    return text;
}

/* --- a request ----------------------------------------------------------------- */

static const char *const envelope_records[] = {
    "T 1700000000", "S joe@example.com", "R a@x.test", "O B@y.test",
    "R b@x.test",   "R c@x.test",        NULL,
};
static const char *const no_records[] = {NULL};

struct stage {
    struct client client; /* the agent's end */
    struct stream *manager;
    struct arena *arena;
    struct envelope envelope;
    int file;
    struct delivery delivery;
};

static void send_request(struct stage *stage, const struct deliver *more)
{
    struct deliver request = *more;

    request.queue_name = "active";
    request.queue_id = "ABC123";
    request.data_offset = stage->envelope.size.content_offset;
    request.arrival_us = 1700000000000000;
    request.recipients = (long long)stage->envelope.n;
    ipc_put(stage->manager, &deliver_message, &request);
    for (size_t i = 0; i < stage->envelope.n; i++) {
        const struct recipient *r = &stage->envelope.recipients[i];

        ipc_put(stage->manager, &deliver_recipient_message,
                &(struct deliver_recipient){.address = r->address,
                                            .original = r->original,
                                            .offset = r->offset,
                                            .orcpt = r->dsn_orig_rcpt,
                                            .notify = i == 0 ? NOTIFY_SUCCESS : 0});
    }
}

static void begin(struct stage *stage, const struct deliver *request)
{
    struct fail why;
    int pair[2];

    *stage = (struct stage){.arena = arena_new("test")};
    log_text[0] = '\0';
    log_divert(note_line, NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    stage->manager = stream_new(pair[0], 0);
    stage->client = (struct client){
        .process = &process, .stream = stream_new(pair[1], 0), .arena = stage->arena};
    stream_accept_fds(stage->client.stream);
    stage->file = message_of(0, envelope_records, no_records);
    assert_int_equal(
        envelope_read(stage->file, SIZE_MAX, stage->arena, &stage->envelope, &why), 0);
    send_request(stage, request);
    assert_int_equal(stream_flush_with_fd(stage->manager, stage->file), STREAM_OK);
    if (delivery_receive(&stage->client, &stage->delivery, &why) < 0)
        fail_msg("%s", why.text);
}

static void end(struct stage *stage)
{
    log_divert(NULL, NULL);
    stream_free(stage->manager);
    stream_free(stage->client.stream);
    close(stage->file);
    arena_free(stage->arena);
}

static struct delivered finish(struct stage *stage)
{
    struct delivered answer;
    struct fail why;

    assert_int_equal(delivery_finish(&stage->client, &stage->delivery, &why), 0);
    assert_int_equal(stream_flush(stage->client.stream), STREAM_OK);
    assert_int_equal(
        ipc_receive(stage->manager, &delivered_message, stage->arena, &answer, &why), 0);
    return answer;
}

static void report(struct stage *stage, size_t i, const char *status, const char *text)
{
    struct outcome outcome = outcome_make(stage->arena, status, "%s", text);

    delivery_report(&stage->delivery, &stage->delivery.recipients[i], &outcome);
}

static size_t recipients_left(struct stage *stage)
{
    struct envelope now;
    struct fail why;

    assert_int_equal(envelope_read(stage->file, SIZE_MAX, stage->arena, &now, &why), 0);
    return now.n;
}

static int enter(void **state)
{
    conf.soft_bounce = false;
    return sandbox_enter(state) || mkdir("private", 0700);
}
#define agent_test(f) cmocka_unit_test_setup_teardown(f, enter, sandbox_leave)

/* --- tests --------------------------------------------------------------------- */

static void the_request_arrives_whole(void **state)
{
    struct stage stage;

    (void)state;
    begin(&stage, &(struct deliver){.sender = "joe@example.com", .nexthop = "x.test"});
    assert_string_equal(stage.delivery.request.sender, "joe@example.com");
    assert_string_equal(stage.delivery.request.nexthop, "x.test");
    assert_int_equal(stage.delivery.n, 3);
    assert_string_equal(stage.delivery.recipients[1].original, "B@y.test");
    assert_int_equal(stage.delivery.recipients[0].notify, NOTIFY_SUCCESS);
    assert_true(stage.delivery.fd >= 0 && stage.delivery.fd != stage.file);
    report(&stage, 0, "2.0.0", "ok");
    report(&stage, 1, "2.0.0", "ok");
    report(&stage, 2, "2.0.0", "ok");
    (void)finish(&stage);
    end(&stage);
}

static void each_outcome_has_its_log_and_mark(void **state)
{
    pid_t bounce = start_log("bounce", false), defer = start_log("defer", false),
          trace = start_log("trace", false);
    struct delivered answer;
    struct stage stage;

    (void)state;
    begin(&stage, &(struct deliver){.sender = "joe@example.com"});
    report(&stage, 0, "2.0.0", "delivered to mailbox");
    report(&stage, 1, "5.1.1", "unknown user: \"b\"");
    report(&stage, 2, "4.2.0", "mailbox is locked");
    answer = finish(&stage);
    assert_int_equal(answer.deferred, 1);
    assert_string_equal(answer.reason, "");
    assert_int_equal(recipients_left(&stage), 1);
    assert_string_equal(
        told("trace"),
        "a@x.test 2.0.0 delivered delivery via local: delivered to mailbox\n");
    assert_string_equal(told("bounce"), "b@x.test 5.1.1 failed unknown user: \"b\"\n");
    assert_string_equal(told("defer"), "c@x.test 4.2.0 delayed mailbox is locked\n");
    assert_true(logged("ABC123: to=<a@x.test>, relay=local, delay=",
                       ", dsn=2.0.0, status=sent (delivered to mailbox)\n"));
    assert_true(logged("ABC123: to=<b@x.test>, orig_to=<B@y.test>, relay=local",
                       ", dsn=5.1.1, status=bounced (unknown user: \"b\")\n"));
    assert_true(logged("ABC123: to=<c@x.test>, relay=local",
                       ", dsn=4.2.0, status=deferred (mailbox is locked)\n"));
    end(&stage);
    stop_log(bounce);
    stop_log(defer);
    stop_log(trace);
}

static void soft_bounce_defers_what_would_bounce(void **state)
{
    pid_t defer = start_log("defer", false);
    struct stage stage;

    (void)state;
    conf.soft_bounce = true;
    begin(&stage, &(struct deliver){.sender = ""});
    report(&stage, 0, "5.1.1", "unknown user");
    delivery_report_rest(&stage.delivery, &(struct outcome){.result = OUTCOME_DEFERRED,
                                                            .status = "4.4.1",
                                                            .text = "no answer",
                                                            .relay = "none"});
    assert_int_equal(finish(&stage).deferred, 3);
    assert_int_equal(recipients_left(&stage), 3);
    assert_true(logged("to=<a@x.test>", "dsn=4.1.1, status=SOFTBOUNCE (unknown user)\n"));
    assert_true(logged("to=<c@x.test>, relay=none,", "status=deferred (no answer)\n"));
    assert_non_null(strstr(told("defer"), "a@x.test 4.1.1 delayed unknown user\n"));
    end(&stage);
    stop_log(defer);
}

static void a_bounce_that_cannot_be_logged_is_deferred(void **state)
{
    pid_t bounce = start_log("bounce", true), defer = start_log("defer", false);
    struct stage stage;

    (void)state;
    begin(&stage, &(struct deliver){.sender = "joe@example.com"});
    for (size_t i = 0; i < 3; i++)
        report(&stage, i, "5.1.1", "unknown user");
    assert_int_equal(finish(&stage).deferred, 3);
    assert_int_equal(recipients_left(&stage), 3);
    assert_true(logged("warning: ABC123: log of recipient <a@x.test>: disk full", "\n"));
    assert_true(
        logged("to=<a@x.test>", "status=deferred (bounce or trace service failure)\n"));
    end(&stage);
    stop_log(bounce);
    stop_log(defer);
}

static void a_probe_ends_whatever_the_answer(void **state)
{
    pid_t trace = start_log("trace", false);
    struct stage stage;

    (void)state;
    begin(&stage,
          &(struct deliver){.flags = DELIVER_PROBE, .trace_flags = TRACE_PROBE_USER});
    report(&stage, 0, "2.0.0", "delivers to mailbox");
    report(&stage, 1, "5.1.1", "unknown user");
    report(&stage, 2, "4.2.0", "locked");
    assert_int_equal(finish(&stage).deferred, 0);
    assert_int_equal(recipients_left(&stage), 0);
    assert_string_equal(
        told("trace"),
        "a@x.test 2.0.0 deliverable delivery via local: delivers to mailbox\n"
        "b@x.test 5.1.1 undeliverable delivery via local: unknown user\n"
        "c@x.test 4.2.0 undeliverable delivery via local: locked\n");
    assert_true(logged("to=<a@x.test>", "status=deliverable (delivers to mailbox)\n"));
    assert_true(logged("to=<c@x.test>", "status=undeliverable (locked)\n"));
    end(&stage);
    stop_log(trace);
}

static void a_forgotten_recipient_is_deferred(void **state)
{
    pid_t defer = start_log("defer", false);
    struct stage stage;

    (void)state;
    begin(&stage, &(struct deliver){.trace_flags = 0});
    stage.delivery.recipients[0].notify = 0;
    report(&stage, 0, "2.0.0", "ok");
    delivery_destination_trouble(&stage.delivery, "4.4.1", "connection refused");
    {
        struct delivered answer = finish(&stage);

        assert_int_equal(answer.deferred, 2);
        assert_string_equal(answer.status, "4.4.1");
        assert_string_equal(answer.reason, "connection refused");
    }
    assert_true(logged("warning: ABC123: local left recipient <b@x.test>", "\n"));
    assert_int_equal(recipients_left(&stage), 2);
    end(&stage);
    stop_log(defer);
}

static void good_news_go_to_who_was_warned(void **state)
{
    pid_t trace = start_log("trace", false);
    struct stage stage;

    (void)state;
    begin(&stage, &(struct deliver){.trace_flags = TRACE_DELAY_CLEARED});
    stage.delivery.recipients[0].notify = NOTIFY_NEVER;
    for (size_t i = 0; i < 3; i++)
        report(&stage, i, "2.0.0", "ok");
    (void)finish(&stage);
    assert_string_equal(told("trace"),
                        "b@x.test 2.0.0 delivered delivery via local: ok\n"
                        "c@x.test 2.0.0 delivered delivery via local: ok\n");
    end(&stage);
    stop_log(trace);
}

static const struct {
    const char *status, *text, *filtered, *new_text;
    enum outcome_result result;
} filtered[] = {
    {"5.1.1", "no such user", "4.1.1", "ask again", OUTCOME_DEFERRED},
    {"4.2.2", "full", "5.2.2", "full", OUTCOME_BOUNCED},
    {"2.0.0", "fine", "2.6.0", "very fine", OUTCOME_DELIVERED},
    {"2.0.0", "better not", "2.0.0", "better not", OUTCOME_DELIVERED},
    {"5.0.0", "rescue me", "5.0.0", "rescue me", OUTCOME_BOUNCED},
    {"5.0.0", "mumble", "5.0.0", "mumble", OUTCOME_BOUNCED},
    {"5.0.0", "other", "5.0.0", "other", OUTCOME_BOUNCED},
};

static void the_administrator_has_the_last_word(void **state)
{
    static const char table[] =
        "inline:{ {5.1.1 no such user = 4.1.1 ask again} {4.2.2 full = 5.2.2} "
        "{2.0.0 fine = 2.6.0 very fine} {2.0.0 better not = 4.0.0 no} "
        "{5.0.0 rescue me = 2.0.0 yes} {5.0.0 mumble = no code} }";
    const struct tables_options options = {.places = {PLUGINS, NULL}};
    struct tables *tables = tables_new_with(&options);
    struct arena *arena = arena_new("test");
    struct process agent = {.name = "local", .conf = &conf};
    struct delivery delivery = {.process = &agent, .arena = arena};

    (void)state;
    log_text[0] = '\0';
    log_divert(note_line, NULL);
    delivery_open_filter(&agent, tables, "local_delivery_status_filter", table);
    for (size_t i = 0; i < ROWS(filtered); i++) {
        struct outcome before =
            outcome_make(arena, filtered[i].status, "%s", filtered[i].text);
        struct outcome after = delivery_filter(&delivery, &before);

        ROW_TEXT(filtered[i].text, after.status, filtered[i].filtered);
        ROW_TEXT(filtered[i].text, after.text, filtered[i].new_text);
        ROW_INT(filtered[i].text, after.result, filtered[i].result);
    }
    log_divert(NULL, NULL);
    assert_true(logged("warning: local_delivery_status_filter: \"4.0.0 no\" cannot "
                       "replace \"2.0.0 better not\"",
                       "\n"));
    assert_true(logged(
        "warning: local_delivery_status_filter: no status code in \"no code\"\n", ""));
    tables_free(tables);
    arena_free(arena);
}

/* --- content ------------------------------------------------------------------- */

static int collect(void *context, struct str text, bool ends)
{
    buf_add_str(context, text);
    buf_add_text(context, ends ? "|" : "+");
    return 0;
}

static int give_up(void *context, struct str text, bool ends)
{
    (void)context, (void)text, (void)ends;
    return 1;
}

static const struct {
    const char *name;
    struct str file;
    off_t offset;
    int result;
    const char *text, *why;
} contents[] = {
    {"lines and chunks",
     {WORKED_EXAMPLE, sizeof(WORKED_EXAMPLE) - 1},
     189,
     0,
     "Subject: t||yyyy+z|",
     ""},
    {"a pad between", STR("N\1aw\2xxN\1bX\0E\0"), 0, 0, "a|b|", ""},
    {"no end", STR("N\1a"), 0, -1, "a|", "queue file Q: the message content has no end"},
    {"a foreign record", STR("N\1aR\1bX\0"), 0, -1, "a|",
     "queue file Q: record of type 82 in the message content at offset 3"},
};

static void content_comes_line_by_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(contents); i++) {
        struct delivery delivery = {
            .request = {.queue_id = "Q", .data_offset = contents[i].offset},
            .fd = file_of(contents[i].file)};
        struct fail why = {0};
        struct buf text;

        buf_init(&text, 1000);
        ROW_INT(contents[i].name, delivery_content(&delivery, collect, &text, &why),
                contents[i].result);
        ROW_EQ(contents[i].name, buf_str(&text), contents[i].text);
        ROW_TEXT(contents[i].name, why.text, contents[i].why);
        buf_done(&text);
        record_reader_done(&delivery.content);
        close(delivery.fd);
    }
}

static void a_reader_may_give_up(void **state)
{
    struct delivery delivery = {
        .request = {.queue_id = "Q", .data_offset = 189},
        .fd = file_of(str_from(WORKED_EXAMPLE, sizeof(WORKED_EXAMPLE) - 1))};
    struct fail why;

    (void)state;
    assert_int_equal(delivery_content(&delivery, give_up, NULL, &why), 1);
    record_reader_done(&delivery.content);
    close(delivery.fd);
}

static void a_corrupt_file_is_marked_by_its_mode(void **state)
{
    struct delivery delivery = {.request = {.queue_id = "Q"}};
    struct stat st;

    (void)state;
    delivery.fd = open("active/Q", O_RDWR | O_CREAT, 0700);
    delivery_mark_corrupt(&delivery);
    assert_int_equal(fstat(delivery.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, SPOOL_MODE_CORRUPT);
    close(delivery.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        agent_test(the_request_arrives_whole),
        agent_test(each_outcome_has_its_log_and_mark),
        agent_test(soft_bounce_defers_what_would_bounce),
        agent_test(a_bounce_that_cannot_be_logged_is_deferred),
        agent_test(a_probe_ends_whatever_the_answer),
        agent_test(a_forgotten_recipient_is_deferred),
        agent_test(good_news_go_to_who_was_warned),
        cmocka_unit_test(the_administrator_has_the_last_word),
        cmocka_unit_test(content_comes_line_by_line),
        cmocka_unit_test(a_reader_may_give_up),
        agent_test(a_corrupt_file_is_marked_by_its_mode),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
