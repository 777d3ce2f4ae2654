/*
 * Counts of what clients do: how many connections a client has now, and how
 * often it connected, sent mail, named recipients, ... in the present window.
 *
 * A window begins with the first event and lasts window_ms; the first event
 * after its end begins the next one. A client is any text, such as
 * "smtp:192.0.2.1".
 */
#ifndef ANVIL_COUNTERS_H
#define ANVIL_COUNTERS_H

#include "ipc/messages.h"
#include "util/clock.h"
#include "util/str.h"

struct counters;

struct counters *counters_new(const struct clock *clock, int64_t window_ms);
void counters_free(struct counters *counters);

/* Count one event. *ret_rate: how many of them in this window, this one
 * included; *ret_connections: how many the client has open. */
void counters_add(struct counters *counters, struct str client, enum client_event event,
                  int *ret_rate, int *ret_connections);
/* How many of them there are in this window; nothing is counted. */
int counters_rate(const struct counters *counters, struct str client,
                  enum client_event event);
/* One connection fewer. */
void counters_disconnect(struct counters *counters, struct str client);

/* Forget clients that have no connection and whose windows are over. */
void counters_expire(struct counters *counters);

/* The highest marks since the last reset. client == NULL: nothing happened. */
struct peak {
    const char *client; /* lives until counters_reset_peaks */
    int count;
    struct timeval when;
};
struct peak counters_peak_rate(const struct counters *counters, enum client_event event);
struct peak counters_peak_connections(const struct counters *counters);
struct peak counters_peak_size(const struct counters *counters); /* client is "" */
void counters_reset_peaks(struct counters *counters);

#endif
