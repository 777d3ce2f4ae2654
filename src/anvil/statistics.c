/* Words of the statistics lines. */
#include "anvil/statistics.h"

#include "util/log.h"

#include <time.h>

static const char *const event_words[CLIENT_EVENTS] = {
    [CLIENT_CONNECT] = "connection",  [CLIENT_MESSAGE] = "message",
    [CLIENT_RECIPIENT] = "recipient", [CLIENT_NEW_TLS] = "newtls",
    [CLIENT_AUTH] = "auth",
};

static void add_when(struct buf *out, struct timeval when)
{
    char text[32] = "";
    struct tm tm;

    if (localtime_r(&when.tv_sec, &tm))
        strftime(text, sizeof text, "%b %e %H:%M:%S", &tm);
    buf_printf(out, " at %s", text);
}

void statistics_add_rate(struct buf *out, const char *what, struct peak peak, int window)
{
    buf_printf(out, "statistics: max %s rate %d/%ds for (%s)", what, peak.count, window,
               peak.client);
    add_when(out, peak.when);
}

static void log_connections(const struct counters *counters)
{
    struct peak peak = counters_peak_connections(counters);
    struct buf line;

    if (!peak.client)
        return;
    buf_init(&line, 1000);
    buf_printf(&line, "statistics: max connection count %d for (%s)", peak.count,
               peak.client);
    add_when(&line, peak.when);
    log_info("%s", buf_text(&line));
    buf_done(&line);
}

static void log_rate(const struct counters *counters, enum client_event event, int window)
{
    struct peak peak = counters_peak_rate(counters, event);
    struct buf line;

    if (!peak.client)
        return;
    buf_init(&line, 1000);
    statistics_add_rate(&line, event_words[event], peak, window);
    log_info("%s", buf_text(&line));
    buf_done(&line);
}

static void log_size(const struct counters *counters)
{
    struct peak peak = counters_peak_size(counters);
    struct buf line;

    if (!peak.client)
        return;
    buf_init(&line, 1000);
    buf_printf(&line, "statistics: max cache size %d", peak.count);
    add_when(&line, peak.when);
    log_info("%s", buf_text(&line));
    buf_done(&line);
}

void statistics_log(const struct counters *counters, int window)
{
    log_rate(counters, CLIENT_CONNECT, window);
    log_connections(counters);
    for (enum client_event event = CLIENT_CONNECT + 1; event < CLIENT_EVENTS; event++)
        log_rate(counters, event, window);
    log_size(counters);
}
