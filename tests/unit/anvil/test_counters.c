/* anvil: windows, open connections, peaks, and that clients are forgotten. */
#include "unit.h"

#include "anvil/counters.h"
#include "anvil/statistics.h"

#include <stdlib.h>

static int64_t now_ms;

static int64_t test_monotonic(const struct clock *clock)
{
    (void)clock;
    return now_ms;
}

static struct timeval test_wall(const struct clock *clock)
{
    (void)clock;
    return (struct timeval){.tv_sec = 1700000000 + now_ms / 1000};
}

static const struct clock test_clock = {.monotonic_ms = test_monotonic,
                                        .wall = test_wall};

/* Events in order, with the time since the start and the counts afterwards. */
static const struct {
    const char *row;
    int64_t at_ms;
    const char *client;
    enum client_event event;
    int rate, connections;
} events[] = {
    {"first connection", 0, "smtp:192.0.2.1", CLIENT_CONNECT, 1, 1},
    {"second", 10, "smtp:192.0.2.1", CLIENT_CONNECT, 2, 2},
    {"another client", 20, "smtp:192.0.2.2", CLIENT_CONNECT, 1, 1},
    {"another service", 20, "submission:192.0.2.1", CLIENT_CONNECT, 1, 1},
    {"another kind of event", 30, "smtp:192.0.2.1", CLIENT_MESSAGE, 1, 2},
    {"the end of the window", 59999, "smtp:192.0.2.1", CLIENT_CONNECT, 3, 3},
    {"a new window", 60000, "smtp:192.0.2.1", CLIENT_CONNECT, 1, 4},
    {"each kind has its window", 60020, "smtp:192.0.2.1", CLIENT_MESSAGE, 2, 4},
};

static void counts_in_windows(void **state)
{
    struct counters *counters = counters_new(&test_clock, 60000);

    (void)state;
    for (size_t i = 0; i < ROWS(events); i++) {
        int rate, connections;

        now_ms = events[i].at_ms;
        counters_add(counters, str_of(events[i].client), events[i].event, &rate,
                     &connections);
        ROW_INT(events[i].client,
                counters_rate(counters, str_of(events[i].client), events[i].event), rate);
        ROW_INT(events[i].row, rate, events[i].rate);
        ROW_INT(events[i].row, connections, events[i].connections);
    }
    counters_free(counters);
}

static int connect_once(struct counters *counters, const char *client)
{
    int rate, connections;

    counters_add(counters, str_of(client), CLIENT_CONNECT, &rate, &connections);
    return connections;
}

static void a_disconnect_takes_one_connection_back(void **state)
{
    struct counters *counters = counters_new(&test_clock, 60000);

    (void)state;
    now_ms = 0;
    assert_int_equal(connect_once(counters, "a"), 1);
    assert_int_equal(connect_once(counters, "a"), 2);
    counters_disconnect(counters, STR("a"));
    assert_int_equal(connect_once(counters, "a"), 2);
    counters_disconnect(counters, STR("never seen"));
    for (int i = 0; i < 5; i++)
        counters_disconnect(counters, STR("a"));
    assert_int_equal(connect_once(counters, "a"), 1);
    counters_free(counters);
}

static void forgets_who_is_gone_and_quiet(void **state)
{
    struct counters *counters = counters_new(&test_clock, 60000);

    (void)state;
    now_ms = 0;
    connect_once(counters, "gone");
    connect_once(counters, "here");
    counters_disconnect(counters, STR("gone"));
    counters_expire(counters);
    counters_reset_peaks(counters);
    connect_once(counters, "third");
    assert_int_equal(counters_peak_size(counters).count, 3);
    now_ms = 60000;
    counters_expire(counters);
    counters_reset_peaks(counters);
    connect_once(counters, "fourth"); /* with "here" and "third", which are connected */
    assert_int_equal(counters_peak_size(counters).count, 3);
    counters_free(counters);
}

static void tells_the_peaks(void **state)
{
    struct counters *counters = counters_new(&test_clock, 60000);
    struct buf line;

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    assert_null(counters_peak_rate(counters, CLIENT_CONNECT).client);
    now_ms = 1000;
    connect_once(counters, "smtp:192.0.2.1");
    connect_once(counters, "smtp:192.0.2.1");
    now_ms = 9000;
    connect_once(counters, "smtp:192.0.2.7");
    assert_int_equal(counters_peak_connections(counters).count, 2);
    buf_init(&line, 1000);
    statistics_add_rate(&line, "connection", counters_peak_rate(counters, CLIENT_CONNECT),
                        60);
    assert_string_equal(buf_text(&line), "statistics: max connection rate 2/60s for "
                                         "(smtp:192.0.2.1) at Nov 14 22:13:21");
    buf_done(&line);
    counters_free(counters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_in_windows),
        cmocka_unit_test(a_disconnect_takes_one_connection_back),
        cmocka_unit_test(forgets_who_is_gone_and_quiet),
        cmocka_unit_test(tells_the_peaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
