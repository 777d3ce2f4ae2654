/*
 * How policy servers are reached: which, within what limits, over a connection that is
 * made at the first question and kept. What they are asked is in restrict_policy.c; what
 * is done with the answer in access.c.
 */
#include "smtpd/policy.h"

#include "conf/value.h"
#include "net/endpoint.h"
#include "util/log.h"
#include "util/wait.h"

#include <errno.h>
#include <stddef.h>

enum {
    LINE_MAX_BYTES = 10000, /* of an answer */
    LINES_MAX = 100,
    BUFFER = 16384,
};

struct policy_service {
    struct policy_service *next;
    const char *text; /* as the lists have it */
    const char *endpoint;
    const char *default_action, *context;
    int timeout, max_idle, max_ttl, retry_delay; /* seconds */
    int request_limit;                           /* 0 = none */
    int try_limit;
    struct stream *stream; /* NULL = not connected */
    int64_t opened_ms, used_ms;
    int requests; /* over this connection */
};

/* --- options ---------------------------------------------------------------------- */

/* Types and bounds are those of smtpd_policy_service_NAME. */
static const struct {
    const char *name;
    size_t offset;
} options[] = {
    {"default_action", offsetof(struct policy_service, default_action)},
    {"max_idle", offsetof(struct policy_service, max_idle)},
    {"max_ttl", offsetof(struct policy_service, max_ttl)},
    {"policy_context", offsetof(struct policy_service, context)},
    {"request_limit", offsetof(struct policy_service, request_limit)},
    {"retry_delay", offsetof(struct policy_service, retry_delay)},
    {"timeout", offsetof(struct policy_service, timeout)},
    {"try_limit", offsetof(struct policy_service, try_limit)},
};

static int set(void *member, const char *name, const char *text, struct arena *arena,
               struct fail *why)
{
    const char *whole = arena_printf(arena, "smtpd_policy_service_%s", name);
    struct param param;
    union value value;

    if (!param_find(str_of(whole), &param))
        return fail_set(why, "%s is no parameter", whole);
    if (value_parse(&param, name, text, &value, why) < 0)
        return -1;
    if (param.type == PARAM_TEXT)
        *(const char **)member = value.text;
    else
        *(int *)member = (int)value.number;
    return 0;
}

/* "timeout=10s" */
static int parse_option(struct policy_service *service, const char *word,
                        struct arena *arena, struct fail *why)
{
    struct str value = str_of(word);
    struct str name = str_trim(str_until(&value, '='));

    if (!strchr(word, '='))
        return fail_set(why, "\"%s\" is no name=value", word);
    for (size_t i = 0; i < COUNT(options); i++)
        if (str_is(name, options[i].name))
            return set((char *)service + options[i].offset, options[i].name,
                       arena_copy_str(arena, str_trim(value)), arena, why);
    return fail_set(why, "unknown option \"%.*s\"", STR_ARG(name));
}

static int parse_endpoint(const char *text, struct arena *arena, struct fail *why)
{
    struct endpoint where;
    uint16_t port;

    if (!str_starts(str_of(text), "inet:") && !str_starts(str_of(text), "unix:"))
        return fail_set(why, "\"%s\" is neither inet:host:port nor unix:path", text);
    if (endpoint_parse(str_of(text), ENDPOINT_ALONE_IS_PORT, arena, &where, why) < 0)
        return -1;
    return where.kind == ENDPOINT_UNIX ? 0 : endpoint_port(where.port, NULL, &port, why);
}

static struct policy_service *parse(const struct conf *conf, const char *text,
                                    struct arena *arena, struct fail *why)
{
    struct policy_service *service = ARENA_NEW(arena, struct policy_service);
    struct texts words = {0};

    *service = (struct policy_service){
        .text = arena_copy(arena, text),
        .default_action = conf->smtpd_policy_service_default_action,
        .context = conf->smtpd_policy_service_policy_context,
        .timeout = conf->smtpd_policy_service_timeout,
        .max_idle = conf->smtpd_policy_service_max_idle,
        .max_ttl = conf->smtpd_policy_service_max_ttl,
        .retry_delay = conf->smtpd_policy_service_retry_delay,
        .request_limit = conf->smtpd_policy_service_request_limit,
        .try_limit = conf->smtpd_policy_service_try_limit,
    };
    texts_split_braced(&words, arena, str_of(text), ", \t\r\n");
    if (words.n == 0) {
        (void)fail_set(why, "no server is named");
        return NULL;
    }
    service->endpoint = words.items[0];
    if (parse_endpoint(service->endpoint, arena, why) < 0)
        return NULL;
    for (size_t i = 1; i < words.n; i++)
        if (parse_option(service, words.items[i], arena, why) < 0)
            return NULL;
    return service;
}

struct policy_service *policy_service_find(struct server *server, const char *text,
                                           struct fail *why)
{
    struct policy_service *service = server->policies;

    while (service && strcmp(service->text, text) != 0)
        service = service->next;
    if (service)
        return service;
    service = parse(server->conf, text, server->process->arena, why);
    if (service) {
        service->next = server->policies;
        server->policies = service;
    }
    return service;
}

const char *policy_service_endpoint(const struct policy_service *service)
{
    return service->endpoint;
}

const char *policy_service_context(const struct policy_service *service)
{
    return service->context;
}

const char *policy_service_default_action(const struct policy_service *service)
{
    return service->default_action;
}

/* --- one question ----------------------------------------------------------------- */

static int broken(struct stream *stream, enum stream_result result, bool begun,
                  struct fail *why)
{
    switch (result) {
    case STREAM_TOO_LONG:
        return fail_set(why, "a line of the answer is too long");
    case STREAM_EOF:
        return begun ? fail_set(why, "the answer breaks off")
                     : fail_set(why, "closed the connection instead of an answer");
    case STREAM_TIMEOUT:
        errno = ETIMEDOUT;
        return fail_set(why, "%m");
    case STREAM_RESET:
        errno = ECONNRESET;
        return fail_set(why, "%m");
    default:
        errno = stream_errno(stream);
        return fail_set(why, "%m");
    }
}

int policy_reply_read(struct stream *stream, struct arena *arena, const char **ret_action,
                      struct fail *why)
{
    const char *action = NULL;
    enum stream_result result;
    struct str line;

    for (int n = 0; n < LINES_MAX; n++) {
        result = stream_read_line(stream, LINE_MAX_BYTES, &line, NULL);
        if (result != STREAM_OK)
            return broken(stream, result, n > 0 || stream_buffered(stream).n > 0, why);
        if (line.n == 0 && !action)
            return fail_set(why, "the answer has no action");
        if (line.n == 0) {
            *ret_action = action;
            return 0;
        }
        if (!action && str_starts(line, "action="))
            action = arena_copy_str(arena, str_tail(line, strlen("action=")));
    }
    return fail_set(why, "the answer has too many lines");
}

static void disconnect(struct policy_service *service)
{
    stream_free(service->stream);
    service->stream = NULL;
}

/* What waits to be read before anything was asked is the end of the connection, or
 * nothing that one may believe. */
static bool is_of_use(struct policy_service *service)
{
    int64_t now = clock_ms(&clock_system);

    return now - service->used_ms < service->max_idle * 1000L &&
           now - service->opened_ms < service->max_ttl * 1000L &&
           (service->request_limit == 0 || service->requests < service->request_limit) &&
           !stream_wait(service->stream, 0);
}

static int connect_service(struct policy_service *service, struct fail *why)
{
    int fd = endpoint_connect(service->endpoint, service->timeout * 1000L, why);

    if (fd < 0)
        return -1;
    service->stream = stream_new(fd, BUFFER);
    service->opened_ms = clock_ms(&clock_system);
    service->requests = 0;
    return 0;
}

static int attempt(struct policy_service *service, struct str request,
                   struct arena *arena, const char **ret_action, struct fail *why)
{
    enum stream_result result;

    if (service->stream && !is_of_use(service))
        disconnect(service);
    if (!service->stream && connect_service(service, why) < 0)
        return -1;
    stream_set_deadline(service->stream,
                        clock_ms(&clock_system) + service->timeout * 1000L);
    stream_write_str(service->stream, request);
    result = stream_flush(service->stream);
    if (result != STREAM_OK)
        (void)broken(service->stream, result, false, why);
    else if (policy_reply_read(service->stream, arena, ret_action, why) == 0) {
        service->requests++;
        service->used_ms = clock_ms(&clock_system);
        return 0;
    }
    disconnect(service);
    return -1;
}

/* compat: a server that was just restarted is nothing to tell of, if it is back at the
 * next try. */
static bool may_pass(const struct fail *why)
{
    return why->code == 0 || why->code == ENOENT || why->code == EPIPE ||
           why->code == ECONNRESET;
}

const char *policy_service_ask(struct policy_service *service, struct str request,
                               struct arena *arena)
{
    const char *action;
    struct fail why;

    for (int try = 1;; try++) {
        if (attempt(service, request, arena, &action, &why) == 0)
            return action;
        if (try >= service->try_limit || !may_pass(&why))
            log_warning("problem talking to server %s: %s",
                        service->endpoint + strlen("inet:"), why.text);
        if (try >= service->try_limit)
            return NULL;
        (void)!wait_any(NULL, 0, service->retry_delay * 1000L);
    }
}
