/*
 * Dovecot's auth service as a client sees it: one connection a process, made when it is
 * first needed and kept; at its start the server tells its mechanisms. Requests have
 * numbers. A connection that fails is closed, and a new one made for the next request;
 * a request is repeated once when the connection had been idle, since the server may
 * have been started anew meanwhile.
 */
#include "sasl/auth_type.h"
#include "sasl/dovecot_line.h"

#include "net/connect.h"
#include "net/endpoint.h"
#include "util/clock.h"
#include "util/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 16384,
    LINES_MAX = 1000, /* of a greeting, and of old answers before the one we wait for */
    MECHANISMS_MAX = 100,
};

struct mechanism {
    const char *name;
    unsigned security;
};

struct dovecot {
    struct auth_server *server;
    struct stream *stream; /* NULL = not connected */
    struct arena *arena;   /* as long as the connection */
    struct mechanism *mechanisms;
    size_t n;
    unsigned long last_id; /* of the connection */
};

/* What auth->state points to. */
struct exchange {
    unsigned long id;
};

static int dovecot_open(struct auth_server *server, struct fail *why)
{
    struct dovecot *dovecot = calloc(1, sizeof *dovecot);

    if (!dovecot)
        return fail_set(why, "out of memory");
    dovecot->server = server;
    dovecot->arena = arena_new("connection");
    server->state = dovecot;
    return 0;
}

static void disconnect(struct dovecot *dovecot)
{
    stream_free(dovecot->stream);
    dovecot->stream = NULL;
    arena_reset(dovecot->arena);
    dovecot->mechanisms = NULL;
    dovecot->n = 0;
    dovecot->last_id = 0;
}

static void dovecot_close(struct auth_server *server)
{
    struct dovecot *dovecot = server->state;

    disconnect(dovecot);
    arena_free(dovecot->arena);
    free(dovecot);
}

/* --- connecting ------------------------------------------------------------------- */

static int connect_path(const struct dovecot *dovecot, const char *path, struct fail *why)
{
    int fd = connect_unix(path, dovecot->server->settings->timeout_ms, why);

    if (fd < 0 && why->code) { /* the path is named already */
        errno = why->code;
        return fail_set(why, "%m");
    }
    return fd;
}

static int make_connection(struct dovecot *dovecot, struct fail *why)
{
    const char *path = dovecot->server->settings->path;
    struct str name = str_of(path);
    int fd =
        str_starts(name, "inet:")
            ? endpoint_connect(path, dovecot->server->settings->timeout_ms, why)
            : connect_path(dovecot, str_starts(name, "unix:") ? path + 5 : path, why);

    if (fd < 0)
        return fail_prefix(why, "SASL: Connect to Dovecot auth socket '%s' failed", path);
    dovecot->stream = stream_new(fd, LINE_MAX_BYTES + 2);
    stream_poll_first(dovecot->stream);
    return 0;
}

/* --- the greeting ----------------------------------------------------------------- */

static void set_deadline(const struct dovecot *dovecot)
{
    stream_set_deadline(dovecot->stream,
                        clock_ms(&clock_system) + dovecot->server->settings->timeout_ms);
}

static enum stream_result read_line(const struct dovecot *dovecot,
                                    struct dovecot_line *ret)
{
    struct str line;
    enum stream_result result =
        stream_read_line(dovecot->stream, LINE_MAX_BYTES, &line, NULL);

    if (result == STREAM_OK && !dovecot_line_parse(line, ret))
        result = STREAM_ERROR;
    return result;
}

/* Versions of one major number understand each other. */
static bool is_our_version(const struct dovecot_line *line)
{
    struct str rest = line->parameters, major;

    return dovecot_parameter(&rest, &major) && str_is(major, "1");
}

static void add_mechanism(struct dovecot *dovecot, const struct dovecot_line *line)
{
    struct str rest = line->parameters, name;
    int security;

    if (!dovecot_parameter(&rest, &name) || dovecot->n == MECHANISMS_MAX ||
        (security = dovecot_security(rest)) < 0)
        return;
    if (str_span(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") < name.n || name.n == 0)
        return; /* no client could be told */
    dovecot->mechanisms[dovecot->n++] =
        (struct mechanism){arena_copy_str(dovecot->arena, name), (unsigned)security};
}

static int read_greeting(struct dovecot *dovecot, struct fail *why)
{
    const char *path = dovecot->server->settings->path;
    struct dovecot_line line = {0};

    dovecot->mechanisms =
        arena_array(dovecot->arena, MECHANISMS_MAX, sizeof *dovecot->mechanisms);
    for (int i = 0; i < LINES_MAX; i++) {
        enum stream_result result = read_line(dovecot, &line);

        if (result != STREAM_OK)
            return fail_set(why, "SASL: %s: no greeting of an authentication server: %s",
                            path, stream_result_text(result));
        if (line.word == DOVECOT_VERSION && !is_our_version(&line))
            return fail_set(why, "SASL: %s: not version 1 of the protocol", path);
        if (line.word == DOVECOT_MECH)
            add_mechanism(dovecot, &line);
        else if (line.word == DOVECOT_DONE)
            return 0;
    }
    return fail_set(why, "SASL: %s: a greeting without end", path);
}

static int connect_and_greet(struct dovecot *dovecot, struct fail *why)
{
    disconnect(dovecot);
    if (make_connection(dovecot, why) < 0)
        return -1;
    set_deadline(dovecot);
    stream_printf(dovecot->stream, "VERSION\t1\t0\nCPID\t%ld\n", (long)getpid());
    if (stream_flush(dovecot->stream) != STREAM_OK) {
        (void)fail_set(why, "SASL: %s: lost connection", dovecot->server->settings->path);
    } else if (read_greeting(dovecot, why) == 0) {
        return 0;
    }
    disconnect(dovecot);
    return -1;
}

/* Has the server gone away while we were idle? Old answers do no harm: see read_answer.
 */
static bool is_dead(const struct dovecot *dovecot)
{
    struct str input;

    return stream_wait(dovecot->stream, 0) &&
           stream_peek(dovecot->stream, &input) != STREAM_OK;
}

static int ensure_connection(struct dovecot *dovecot, struct fail *why)
{
    if (dovecot->stream && !is_dead(dovecot))
        return 0;
    return connect_and_greet(dovecot, why);
}

static int dovecot_mechanisms(struct auth_server *server,
                              const struct auth_client_facts *facts, struct arena *arena,
                              struct texts *ret, struct fail *why)
{
    struct dovecot *dovecot = server->state;

    if (ensure_connection(dovecot, why) < 0)
        return -1;
    for (size_t i = 0; i < dovecot->n; i++)
        if (security_suits(facts->security, dovecot->mechanisms[i].security))
            texts_add(ret, arena, arena_copy(arena, dovecot->mechanisms[i].name));
    return 0;
}

/* --- requests --------------------------------------------------------------------- */

static enum auth_result lost(struct dovecot *dovecot, enum stream_result result,
                             struct auth_answer *ret)
{
    ret->reason = result == STREAM_TIMEOUT ? "Authentication server does not answer"
                                           : "Connection lost to authentication server";
    disconnect(dovecot);
    return AUTH_UNSURE;
}

/* Send what is pending, which has a password in it mostly. */
static enum stream_result send_request(struct dovecot *dovecot)
{
    enum stream_result result;

    set_deadline(dovecot);
    result = stream_flush(dovecot->stream);
    stream_wipe(dovecot->stream);
    return result;
}

static enum stream_result await_answer(const struct dovecot *dovecot, unsigned long id,
                                       struct dovecot_line *ret)
{
    for (int i = 0; i < LINES_MAX; i++) {
        enum stream_result result = read_line(dovecot, ret);

        if (result != STREAM_OK || (ret->word >= DOVECOT_OK && ret->id == id))
            return result;
    }
    return STREAM_ERROR;
}

static enum auth_result judge(struct auth *auth, const struct dovecot_line *line,
                              struct auth_answer *ret)
{
    struct str rest = line->parameters, challenge = STR_NONE;

    if (line->word == DOVECOT_CONT) {
        (void)dovecot_parameter(&rest, &challenge);
        ret->challenge = arena_copy_str(auth->arena, challenge);
        return AUTH_MORE;
    }
    ret->user = dovecot_value(rest, "user", auth->arena);
    ret->reason = dovecot_value(rest, "reason", auth->arena);
    if (line->word == DOVECOT_OK)
        return AUTH_PASSED;
    return dovecot_has(rest, "temp") ? AUTH_UNSURE : AUTH_FAILED;
}

static enum auth_result exchange(struct auth *auth, struct auth_answer *ret,
                                 enum stream_result *ret_result)
{
    struct dovecot *dovecot = auth->server->state;
    const struct exchange *at = auth->state;
    struct dovecot_line line = {0};
    enum auth_result answer;

    *ret_result = send_request(dovecot);
    if (*ret_result == STREAM_OK)
        *ret_result = await_answer(dovecot, at->id, &line);
    if (*ret_result != STREAM_OK)
        return lost(dovecot, *ret_result, ret);
    answer = judge(auth, &line, ret);
    stream_wipe(dovecot->stream);
    return answer;
}

static void put_parameter(struct stream *stream, const char *name, const char *value)
{
    struct buf text;

    buf_init(&text, LINE_MAX_BYTES);
    dovecot_add_value(&text, value);
    stream_printf(stream, "\t%s=%s", name, buf_text(&text));
    buf_done(&text);
}

/* The response comes last: Dovecot takes all behind it for a part of it. */
static void put_request(struct auth *auth, const char *mechanism,
                        const struct str *initial)
{
    struct dovecot *dovecot = auth->server->state;
    struct stream *stream = dovecot->stream;
    struct exchange *at = auth->state;

    at->id = ++dovecot->last_id;
    stream_printf(stream, "AUTH\t%lu\t%s", at->id, mechanism);
    put_parameter(stream, "service", auth->server->settings->service);
    stream_write_text(stream, "\tnologin");
    put_parameter(stream, "lip", auth->facts.server_address);
    put_parameter(stream, "rip", auth->facts.client_address);
    if (auth->facts.encrypted)
        stream_write_text(stream, "\tsecured");
    if (initial) {
        stream_write_text(stream, "\tresp=");
        stream_write_str(stream, *initial);
    }
    stream_write_text(stream, "\n");
}

static enum auth_result dovecot_begin(struct auth *auth, const char *mechanism,
                                      const struct str *initial, struct auth_answer *ret)
{
    struct dovecot *dovecot = auth->server->state;
    bool was_idle = dovecot->stream != NULL;
    enum stream_result result;
    enum auth_result answer;
    struct fail why;

    auth->state = ARENA_NEW(auth->arena, struct exchange);
    for (;;) {
        if (ensure_connection(dovecot, &why) < 0) {
            auth->server->settings->warn(why.text);
            return lost(dovecot, STREAM_ERROR, ret);
        }
        put_request(auth, mechanism, initial);
        answer = exchange(auth, ret, &result);
        if (!was_idle || (result != STREAM_EOF && result != STREAM_RESET))
            return answer;
        was_idle = false;
        *ret = (struct auth_answer){0};
    }
}

static enum auth_result dovecot_next(struct auth *auth, struct str response,
                                     struct auth_answer *ret)
{
    struct dovecot *dovecot = auth->server->state;
    const struct exchange *at = auth->state;
    enum stream_result result;

    if (!dovecot->stream)
        return lost(dovecot, STREAM_EOF, ret);
    stream_printf(dovecot->stream, "CONT\t%lu\t", at->id);
    stream_write_str(dovecot->stream, response);
    stream_write_text(dovecot->stream, "\n");
    return exchange(auth, ret, &result);
}

/* One that was given up is forgotten by the server in time; its answer is not ours. */
static void dovecot_end(struct auth *auth)
{
    (void)auth;
}

const struct auth_type auth_dovecot = {
    .name = "dovecot",
    .open = dovecot_open,
    .close = dovecot_close,
    .mechanisms = dovecot_mechanisms,
    .begin = dovecot_begin,
    .next = dovecot_next,
    .end = dovecot_end,
};
