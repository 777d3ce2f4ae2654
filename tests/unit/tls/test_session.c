/* The plug-in, talking to itself: handshakes, what comes of them, and what goes wrong. */
#include "unit.h"

#include "tls/names.h"
#include "util/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LARGE = 1000000 };

/* Made once by openssl(1): a key with a certificate, signed by itself, for NAME. */
static char folder[] = "/tmp/tls.XXXXXX";

static const char *file(const char *name)
{
    static char paths[4][64];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void make_certificate(const char *name)
{
    char command[600];

    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
             "-nodes -days 2 -subj /CN=%s -addext subjectAltName=DNS:%s,DNS:also.test "
             "-keyout key -out %s.crt 2>/dev/null && cat key %s.crt > %s.pem",
             folder, name, name, name, name, name);
    assert_int_equal(system(command), 0);
}

/* A DNS name "mail.test\\0.evil.test" (CVE-2009-2408), and a subject of two lines. */
static void make_hostile(void)
{
    char command[600];

    snprintf(
        command, sizeof command,
        "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
        "-nodes -days 2 -subj \"/CN=$(printf 'mail\\ntest')\" -addext "
        "2.5.29.17=DER:30:16:82:14:6d:61:69:6c:2e:74:65:73:74:00:2e:65:76:69:6c:2e:"
        "74:65:73:74 -keyout key -out hostile.crt 2>/dev/null && cat key hostile.crt "
        "> hostile.pem",
        folder);
    assert_int_equal(system(command), 0);
}

static int make_all(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    make_hostile();
    make_certificate("mail.test");
    make_certificate("other.test");
    return 0;
}

static int remove_all(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static int complaints;
static struct str other_chain;

static void note(void *context, const char *text)
{
    (void)context, (void)text;
}

static void complain(void *context, const char *text)
{
    (void)context;
    assert_true(text[0] != '\0');
    complaints++;
}

static int find_chain(void *context, const char *server_name, struct str *ret)
{
    (void)context;
    if (strcmp(server_name, "broken.test") == 0)
        return -1;
    *ret = other_chain;
    return strcmp(server_name, "other.test") == 0;
}

/* One side: what it is made of, and a session of it. */
struct party {
    struct arena *arena;
    const struct tls_library *library;
    struct tls_settings settings;
    struct tls_terms terms;
    struct tls_context *context;
    struct stream *stream;
    struct tls_facts facts;
};

static void party_init(struct party *party, bool is_server)
{
    static const struct tls_pair none[TLS_PAIRS] = {
        {"RSA", "", ""}, {"DSA", "", ""}, {"ECDSA", "", ""}};
    struct fail why;

    *party = (struct party){
        .arena = arena_new("test"),
        .settings = {.is_server = is_server,
                     .CAfile = "",
                     .CApath = "",
                     .verify_depth = 5,
                     .dh_file = "",
                     .digest = "sha256",
                     .session_context = "test",
                     .ticket_seconds = 100,
                     .config_file = "none",
                     .config_section = ""},
        .terms = {.ciphers = "ALL", .listener = {note, complain, NULL}},
    };
    memcpy(party->settings.pairs, none, sizeof none);
    if (is_server)
        texts_add(&party->settings.chain_files, party->arena,
                  arena_copy(party->arena, file("mail.test.pem")));
    else
        party->settings.CAfile = arena_copy(party->arena, file("mail.test.crt"));
    party->library = tls_load(PLUGINS, party->arena, &why);
    if (!party->library)
        fail_msg("%s", why.text);
}

static enum tls_result party_start(struct party *party)
{
    struct fail why;

    party->context = party->library->context_new(&party->settings, party->arena, &why);
    if (!party->context)
        fail_msg("%s", why.text);
    return party->library->start(party->context, party->stream, &party->terms,
                                 party->arena, &party->facts);
}

static void party_done(struct party *party)
{
    stream_free(party->stream);
    party->library->context_free(party->context);
    arena_free(party->arena);
}

/* Two parties at the ends of a socket; the other one lives in a process of its own. */
static pid_t meet(struct party *server, void (*other)(struct party *client), int *ret_fd)
{
    int fds[2];
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    pid = fork();
    if (pid == 0) {
        struct party client;

        close(fds[0]);
        party_init(&client, false);
        client.stream = stream_new(fds[1], 0);
        stream_set_timeout(client.stream, 10000);
        other(&client);
        party_done(&client);
        _exit(0);
    }
    close(fds[1]);
    party_init(server, true);
    server->stream = stream_new(fds[0], 64); /* smaller than a record */
    stream_set_timeout(server->stream, 10000);
    *ret_fd = fds[0];
    return pid;
}

static void part(struct party *server, pid_t pid)
{
    int status;

    party_done(server);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void expect(bool fine)
{
    if (!fine)
        _exit(1);
}

/* --- a talk ------------------------------------------------------------------------- */

static void talk(struct party *client)
{
    struct str line;

    client->terms.server_name = "mail.test";
    expect(party_start(client) == TLS_DONE);
    expect(client->facts.is_trusted && client->facts.has_certificate);
    expect(strcmp(client->facts.subject_cn, "mail.test") == 0);
    expect(client->facts.names.n == 2);
    expect(strcmp(client->facts.names.items[1], "also.test") == 0);
    expect(strcmp(client->facts.protocol, "TLSv1.3") == 0);
    expect(strcmp(client->facts.server_signature, "ECDSA (prime256v1)") == 0);
    expect(strlen(client->facts.fingerprint) == 95);
    expect(strlen(client->facts.key_fingerprint) == 95);
    expect(stream_read_line(client->stream, 100, &line, NULL) == STREAM_OK);
    expect(str_is(line, "hello"));
    for (int i = 0; i < LARGE / 10; i++)
        stream_write_text(client->stream, "123456789\n");
    expect(stream_flush(client->stream) == STREAM_OK);
}

static void bytes_go_both_ways(void **state)
{
    struct party server;
    struct str line;
    int fd, lines = 0;
    pid_t pid = meet(&server, talk, &fd);

    (void)state;
    assert_int_equal(party_start(&server), TLS_DONE);
    assert_false(server.facts.has_certificate);
    assert_string_equal(server.facts.server_name, "mail.test");
    stream_write_text(server.stream, "hello\r\n");
    assert_int_equal(stream_flush(server.stream), STREAM_OK);
    assert_int_equal(stream_read_line(server.stream, 100, &line, NULL), STREAM_OK);
    assert_true(stream_wait(server.stream, 0)); /* the rest of the record is there */
    for (lines = 1; stream_read_line(server.stream, 100, &line, NULL) == STREAM_OK;
         lines++)
        assert_true(str_is(line, "123456789"));
    assert_int_equal(lines, LARGE / 10);
    assert_int_equal(stream_read_line(server.stream, 100, &line, NULL), STREAM_EOF);
    part(&server, pid);
}

static void talk_after_evil(struct party *client)
{
    struct str line;

    stream_write_text(client->stream, "STARTTLS\r\nEVIL\r\n");
    expect(stream_flush(client->stream) == STREAM_OK);
    expect(stream_read_line(client->stream, 100, &line, NULL) == STREAM_OK);
    expect(party_start(client) == TLS_DONE);
    stream_write_text(client->stream, "GOOD\r\n");
    expect(stream_flush(client->stream) == STREAM_OK);
}

static void what_came_ahead_is_dropped(void **state)
{
    struct party server;
    struct str line;
    int fd;
    pid_t pid = meet(&server, talk_after_evil, &fd);

    (void)state;
    assert_int_equal(stream_read_line(server.stream, 100, &line, NULL), STREAM_OK);
    assert_true(str_is(line, "STARTTLS"));
    assert_true(str_is(stream_buffered(server.stream), "EVIL\r\n"));
    stream_write_text(server.stream, "220\r\n");
    assert_int_equal(stream_flush(server.stream), STREAM_OK);
    assert_int_equal(party_start(&server), TLS_DONE);
    assert_int_equal(stream_read_line(server.stream, 100, &line, NULL), STREAM_OK);
    assert_true(str_is(line, "GOOD"));
    part(&server, pid);
}

static void meet_hostile(struct party *client)
{
    expect(party_start(client) == TLS_DONE);
    expect(client->facts.names.n == 1);
    expect(tls_certificate_matches(&client->facts, STR("mail.test"), true) == NULL);
    expect(tls_certificate_matches(&client->facts, STR(".evil.test"), true) == NULL);
    expect(strcmp(client->facts.subject_cn, "mail?test") == 0);
    expect(strcmp(client->facts.issuer_cn, "mail?test") == 0);
}

static void names_made_to_deceive(void **state)
{
    struct party server;
    int fd;
    pid_t pid = meet(&server, meet_hostile, &fd);

    (void)state;
    server.settings.chain_files.items[0] = arena_copy(server.arena, file("hostile.pem"));
    assert_int_equal(party_start(&server), TLS_DONE);
    part(&server, pid);
}

/* A record of 16 kB, byte by byte. */
static void drip_a_record(struct party *client)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    int fd = stream_fd(client->stream);

    expect(party_start(client) == TLS_DONE);
    expect(write(fd, "\x17\x03\x03\x40\x00", 5) == 5);
    for (int i = 0; i < 50 && send(fd, "x", 1, MSG_NOSIGNAL) == 1; i++)
        nanosleep(&pause, NULL);
}

/* With tls_fast_shutdown_enable = no. */
static void the_last_word_has_a_time_limit(void **state)
{
    struct party server;
    int64_t start;
    int fd;
    pid_t pid = meet(&server, drip_a_record, &fd);

    (void)state;
    server.settings.slow_shutdown = true;
    assert_int_equal(party_start(&server), TLS_DONE);
    start = clock_ms(&clock_system);
    stream_set_ops(server.stream, NULL, NULL);
    assert_in_range(clock_ms(&clock_system) - start, 500, 2500);
    part(&server, pid);
}

/* --- without waiting ---------------------------------------------------------------- */

/* Wait as the loop would, for a step that has moved nothing. */
static bool again(int fd, enum tls_step step)
{
    struct pollfd p = {fd, step == TLS_STEP_READ ? POLLIN : POLLOUT, 0};

    if (step != TLS_STEP_READ && step != TLS_STEP_WRITE)
        return false;
    assert_int_equal(poll(&p, 1, 10000), 1);
    return true;
}

static struct tls_session *engine_of(struct party *server, int fd)
{
    struct fail why;
    struct tls_session *session;

    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    server->context =
        server->library->context_new(&server->settings, server->arena, &why);
    assert_non_null(server->context);
    session = server->library->open(server->context, fd, &server->terms);
    assert_non_null(session);
    return session;
}

static enum tls_step shake_with(struct party *server, struct tls_session *session, int fd)
{
    enum tls_step step;

    do
        step = server->library->shake(session, server->arena, &server->facts);
    while (again(fd, step));
    return step;
}

/* Says more than the socket takes, and only then listens. */
static void talk_much(struct party *client)
{
    struct str line;
    int lines = 0;

    expect(party_start(client) == TLS_DONE);
    for (int i = 0; i < LARGE / 10; i++)
        stream_write_text(client->stream, "123456789\n");
    expect(stream_flush(client->stream) == STREAM_OK);
    while (stream_read_line(client->stream, 100, &line, NULL) == STREAM_OK)
        lines++;
    expect(lines == LARGE / 10);
    expect(stream_read_line(client->stream, 100, &line, NULL) == STREAM_EOF);
}

static void a_session_that_never_waits(void **state)
{
    static char all[LARGE];
    struct party server;
    struct tls_session *session;
    size_t n = 0, done;
    int fd;
    pid_t pid = meet(&server, talk_much, &fd);
    enum tls_step step;

    (void)state;
    session = engine_of(&server, fd);
    assert_int_equal(shake_with(&server, session, fd), TLS_STEP_DONE);
    assert_string_equal(server.facts.protocol, "TLSv1.3");
    while (n < LARGE) {
        step = server.library->read(session, all + n, LARGE - n, &done);
        if (step == TLS_STEP_DONE)
            n += done;
        else
            assert_true(again(fd, step));
    }
    for (n = 0; n < LARGE;) {
        step = server.library->write(session, all + n, LARGE - n, &done);
        if (step == TLS_STEP_DONE)
            n += done;
        else
            assert_true(again(fd, step));
    }
    assert_int_equal(server.library->goodbye(session), TLS_STEP_DONE);
    server.library->close(session);
    part(&server, pid);
}

/* --- names -------------------------------------------------------------------------- */

static void ask_for_other(struct party *client)
{
    client->terms.server_name = "other.test";
    expect(party_start(client) == TLS_DONE);
    expect(strcmp(client->facts.subject_cn, "other.test") == 0);
    expect(!client->facts.is_trusted);
    expect(strcmp(client->facts.why_not, "self-signed certificate") == 0);
}

static void ask_for_unknown(struct party *client)
{
    client->terms.server_name = "unknown.test";
    expect(party_start(client) == TLS_DONE);
    expect(strcmp(client->facts.subject_cn, "mail.test") == 0);
}

static void ask_for_odd(struct party *client)
{
    client->terms.server_name = "odd/../name";
    expect(party_start(client) == TLS_DONE);
}

static void ask_for_broken(struct party *client)
{
    client->terms.server_name = "broken.test";
    expect(party_start(client) == TLS_FAILED);
}

static const struct {
    void (*ask)(struct party *client);
    enum tls_result result;
    const char *server_name;
    bool has_server_name;
} names[] = {
    {ask_for_other, TLS_DONE, "other.test", true},
    {ask_for_unknown, TLS_DONE, "unknown.test", false},
    {ask_for_odd, TLS_DONE, "", false},
    {ask_for_broken, TLS_FAILED, NULL, false},
};

static void certificates_by_name(void **state)
{
    static char chain[10000];
    FILE *pem = fopen(file("other.test.pem"), "r");

    (void)state;
    other_chain = str_from(chain, fread(chain, 1, sizeof chain, pem));
    fclose(pem);
    for (size_t i = 0; i < ROWS(names); i++) {
        struct party server;
        int fd;
        pid_t pid = meet(&server, names[i].ask, &fd);

        server.terms.find_chain = find_chain;
        assert_int_equal(party_start(&server), names[i].result);
        if (names[i].server_name) {
            assert_string_equal(server.facts.server_name, names[i].server_name);
            assert_int_equal(server.facts.has_server_name, names[i].has_server_name);
        }
        part(&server, pid);
    }
}

/* --- what goes wrong ------------------------------------------------------------------
 */

static void hang_up(struct party *client)
{
    (void)client;
}

static void talk_nonsense(struct party *client)
{
    struct str unused;

    stream_write_text(client->stream, "this is no TLS at all\r\n");
    expect(stream_flush(client->stream) == STREAM_OK);
    (void)!stream_peek(client->stream, &unused);
}

static void a_handshake_that_fails_without_waiting(void **state)
{
    static const struct {
        const char *who;
        void (*other)(struct party *client);
        enum tls_step step;
        int complaints;
    } rows[] = {{"no TLS", talk_nonsense, TLS_STEP_FAILED, 1},
                {"hangs up", hang_up, TLS_STEP_END, 0}};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct party server;
        int fd;
        pid_t pid = meet(&server, rows[i].other, &fd);
        struct tls_session *session = engine_of(&server, fd);

        complaints = 0;
        ROW_INT(rows[i].who, shake_with(&server, session, fd), rows[i].step);
        ROW_INT(rows[i].who, complaints, rows[i].complaints);
        server.library->close(session);
        part(&server, pid);
    }
}

static void keep_silent(struct party *client)
{
    struct str unused;

    (void)!stream_peek(client->stream, &unused);
}

static void drip(struct party *client)
{
    for (int i = 0; i < 100; i++) {
        stream_write(client->stream,
                     "\x16\x03\x01\x3f\xff\x01\x00\x3f\xfb\x03\x03" + (i < 10 ? i : 10),
                     1);
        if (stream_flush(client->stream) != STREAM_OK)
            return;
        usleep(20000);
    }
}

static const struct {
    void (*client)(struct party *client);
    enum tls_result result;
    int complaints;
} failures[] = {
    {hang_up, TLS_LOST, 0},
    {talk_nonsense, TLS_FAILED, 1},
    {keep_silent, TLS_TIMEOUT, 0},
    {drip, TLS_TIMEOUT, 0},
};

static void a_handshake_that_fails_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(failures); i++) {
        struct party server;
        int fd;
        pid_t pid = meet(&server, failures[i].client, &fd);

        complaints = 0;
        stream_set_timeout(server.stream, 200);
        stream_set_deadline(server.stream, clock_ms(&clock_system) + 300);
        assert_int_equal(party_start(&server), failures[i].result);
        assert_int_equal(complaints, failures[i].complaints);
        part(&server, pid);
    }
}

/* --- settings that cannot be -----------------------------------------------------------
 */

static void without_chain(struct tls_settings *settings)
{
    settings->chain_files.n = 0;
}

static void with_missing_file(struct tls_settings *settings)
{
    settings->chain_files.items[0] = "/none";
}

static void with_certificate_only(struct tls_settings *settings)
{
    settings->chain_files.items[0] = file("mail.test.crt");
}

static void with_key_only(struct tls_settings *settings)
{
    settings->chain_files.items[0] = file("key");
}

static void with_two_that_do_not_match(struct tls_settings *settings)
{
    settings->chain_files.n = 0;
    settings->pairs[0].cert_file = file("mail.test.crt");
    settings->pairs[0].key_file = file("key"); /* of other.test, which came last */
}

static void with_missing_authorities(struct tls_settings *settings)
{
    settings->CAfile = "/none";
}

static void with_bad_digest(struct tls_settings *settings)
{
    settings->digest = "sha257";
}

static void with_bad_parameters(struct tls_settings *settings)
{
    settings->dh_file = file("mail.test.crt");
}

static const struct {
    void (*spoil)(struct tls_settings *settings);
    const char *words;
} mistakes[] = {
    {without_chain, "No server certs available"},
    {with_missing_file, "error opening chain file: /none: No such file or directory"},
    {with_certificate_only, "a certificate without its key in front of it"},
    {with_key_only, "a key without a certificate behind it"},
    {with_two_that_do_not_match, "cannot get RSA private key from file"},
    {with_missing_authorities, "CAfile=\"/none\": No such file or directory"},
    {with_bad_digest, "\"sha257\" is no digest"},
    {with_bad_parameters, "cannot load DH parameters"},
};

static void what_is_wrong_with_files_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(mistakes); i++) {
        struct party server;
        struct fail why = {0};

        party_init(&server, true);
        mistakes[i].spoil(&server.settings);
        assert_null(server.library->context_new(&server.settings, server.arena, &why));
        if (!strstr(why.text, mistakes[i].words))
            fail_msg("\"%s\" instead of \"%s\"", why.text, mistakes[i].words);
        party_done(&server);
    }
}

static const struct {
    const char *option;
    bool known;
} options[] = {
    {"NO_TICKET", true}, {"no_compression", true},
    {"0x4000", true},    {"ALL", true},
    {"foo", false},      {"0x", false},
    {"0xg", false},      {"1", false},
};

static void options_have_openssl_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(options); i++) {
        struct party server;
        struct fail why = {0};

        party_init(&server, true);
        texts_add(&server.settings.options, server.arena, options[i].option);
        server.context =
            server.library->context_new(&server.settings, server.arena, &why);
        ROW_INT(options[i].option, server.context != NULL, options[i].known);
        party_done(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(what_came_ahead_is_dropped),
        cmocka_unit_test(names_made_to_deceive),
        cmocka_unit_test(the_last_word_has_a_time_limit),
        cmocka_unit_test(a_session_that_never_waits),
        cmocka_unit_test(a_handshake_that_fails_without_waiting),
        cmocka_unit_test(certificates_by_name),
        cmocka_unit_test(a_handshake_that_fails_says_why),
        cmocka_unit_test(what_is_wrong_with_files_is_told),
        cmocka_unit_test(options_have_openssl_names),
    };

    return cmocka_run_group_tests(tests, make_all, remove_all);
}
