/*
 * One entry a client, in a keyed hash table, since clients choose their
 * addresses. Memory is bounded by expiry: an entry lives no longer than two
 * windows after the client's last event and last connection.
 */
#include "anvil/counters.h"

#include "util/map.h"
#include "util/memory.h"

struct window {
    int64_t start_ms;
    int count; /* 0 = no window */
};

struct entry {
    int connections;
    struct window windows[CLIENT_EVENTS];
};

struct mark {
    char client[256];
    int count;
    struct timeval when;
};

struct counters {
    const struct clock *clock;
    int64_t window_ms;
    struct map *entries;
    struct mark rates[CLIENT_EVENTS], connections, size;
};

struct counters *counters_new(const struct clock *clock, int64_t window_ms)
{
    struct counters *counters = MEMORY_NEW(struct counters);

    *counters =
        (struct counters){.clock = clock, .window_ms = window_ms, .entries = map_new()};
    return counters;
}

void counters_free(struct counters *counters)
{
    if (!counters)
        return;
    map_free(counters->entries, free);
    free(counters);
}

static void raise_mark(struct counters *counters, struct mark *mark, struct str client,
                       int count)
{
    size_t n = client.n < sizeof mark->client ? client.n : sizeof mark->client - 1;

    if (count <= mark->count)
        return;
    mark->count = count;
    mark->when = clock_wall(counters->clock);
    memcpy(mark->client, client.p, n);
    mark->client[n] = 0;
}

static struct entry *find_or_add(struct counters *counters, struct str client)
{
    struct entry *entry = map_get(counters->entries, client);

    if (entry)
        return entry;
    entry = MEMORY_NEW(struct entry);
    map_set(counters->entries, client, entry);
    raise_mark(counters, &counters->size, STR(""), (int)map_count(counters->entries));
    return entry;
}

static bool is_over(const struct counters *counters, const struct window *window)
{
    return window->count == 0 ||
           clock_ms(counters->clock) - window->start_ms >= counters->window_ms;
}

void counters_add(struct counters *counters, struct str client, enum client_event event,
                  int *ret_rate, int *ret_connections)
{
    struct entry *entry = find_or_add(counters, client);
    struct window *window = &entry->windows[event];

    if (is_over(counters, window))
        *window = (struct window){.start_ms = clock_ms(counters->clock)};
    window->count++;
    raise_mark(counters, &counters->rates[event], client, window->count);
    if (event == CLIENT_CONNECT) {
        entry->connections++;
        raise_mark(counters, &counters->connections, client, entry->connections);
    }
    *ret_rate = window->count;
    *ret_connections = entry->connections;
}

int counters_rate(const struct counters *counters, struct str client,
                  enum client_event event)
{
    const struct entry *entry = map_get(counters->entries, client);

    return entry && !is_over(counters, &entry->windows[event])
               ? entry->windows[event].count
               : 0;
}

void counters_disconnect(struct counters *counters, struct str client)
{
    struct entry *entry = map_get(counters->entries, client);

    if (entry && entry->connections > 0)
        entry->connections--;
}

static void expire(void *context, struct str client, void *value)
{
    struct counters *counters = context;
    struct entry *entry = value;

    if (entry->connections > 0)
        return;
    for (int event = 0; event < CLIENT_EVENTS; event++)
        if (!is_over(counters, &entry->windows[event]))
            return;
    map_remove(counters->entries, client);
    free(entry);
}

void counters_expire(struct counters *counters)
{
    map_each(counters->entries, expire, counters);
}

static struct peak peak_of(const struct mark *mark)
{
    return (struct peak){mark->count ? mark->client : NULL, mark->count, mark->when};
}

struct peak counters_peak_rate(const struct counters *counters, enum client_event event)
{
    return peak_of(&counters->rates[event]);
}

struct peak counters_peak_connections(const struct counters *counters)
{
    return peak_of(&counters->connections);
}

struct peak counters_peak_size(const struct counters *counters)
{
    return peak_of(&counters->size);
}

void counters_reset_peaks(struct counters *counters)
{
    for (int event = 0; event < CLIENT_EVENTS; event++)
        counters->rates[event] = (struct mark){0};
    counters->connections = counters->size = (struct mark){0};
}
