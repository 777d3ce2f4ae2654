/*
 * smtpd_upstream_proxy_protocol: a load balancer stands between the client and us, and
 * says in front of all else who the client is.
 */
#include "smtpd/caller.h"

#include "net/proxy_header.h"
#include "util/clock.h"
#include "util/log.h"

static int broken(enum stream_result result, struct fail *why)
{
    return fail_set(why, "%s",
                    result == STREAM_TIMEOUT    ? "timeout error"
                    : result == STREAM_TOO_LONG ? "protocol header is too long"
                                                : "missing protocol header");
}

static int read_bytes(struct stream *stream, struct proxy_header *ret, struct fail *why)
{
    char fixed[PROXY_FIXED], rest[PROXY_REST_MAX];
    struct str head = str_from(fixed, sizeof fixed);
    enum stream_result result = stream_read(stream, fixed, sizeof fixed);
    size_t n;

    if (result != STREAM_OK)
        return broken(result, why);
    if (proxy_header_rest(head, &n, why) < 0)
        return -1;
    result = stream_read(stream, rest, n);
    if (result != STREAM_OK)
        return broken(result, why);
    return proxy_header_binary(head, str_from(rest, n), ret, why);
}

static int read_header(struct stream *stream, struct proxy_header *ret, struct fail *why)
{
    struct str ahead, line;
    enum stream_result result = stream_peek(stream, &ahead);

    if (result != STREAM_OK)
        return broken(result, why);
    if (ahead.p[0] == '\r')
        return read_bytes(stream, ret, why);
    result = stream_read_line(stream, PROXY_LINE_MAX, &line, NULL);
    if (result != STREAM_OK)
        return broken(result, why);
    return proxy_header_line(line, ret, why);
}

static bool is_wanted(const struct session *session, struct fail *why)
{
    const char *protocol = session->conf->smtpd_upstream_proxy_protocol;

    if (*protocol && strcmp(protocol, "haproxy") != 0)
        (void)fail_set(why, "unknown smtpd_upstream_proxy_protocol: %s", protocol);
    return *protocol;
}

bool caller_is_told(struct session *session)
{
    struct proxy_header header;
    struct fail why = {0};
    int result = -1;

    if (session->server->process->stand_alone || !is_wanted(session, &why))
        return true;
    if (*why.text) {
        log_warning("%s", why.text);
        return false;
    }
    stream_set_deadline(session->stream,
                        clock_ms(&clock_system) +
                            session->conf->smtpd_upstream_proxy_timeout * 1000L);
    result = read_header(session->stream, &header, &why);
    stream_set_deadline(session->stream, 0);
    if (result < 0) {
        log_warning("haproxy read: %s", why.text);
        return false;
    }
    if (header.is_told) {
        session->peer = header.client;
        session->own = header.server;
    }
    return true;
}
