#include "unit.h"

#include "mail/date.h"

#include <stdlib.h>

static struct buf out;

static void in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    date_zone_reload();
    buf_reset(&out);
}

static const struct {
    const char *zone;
    time_t when;
    const char *header, *asctime, *log;
} dates[] = {
    {"UTC0", 1794042301, "Sat, 07 Nov 2026 09:05:01 +0000 (UTC)",
     "Sat Nov  7 09:05:01 2026", "Nov 07 09:05:01"},
    {"CET-1", 1794042301, "Sat, 07 Nov 2026 10:05:01 +0100 (CET)",
     "Sat Nov  7 10:05:01 2026", "Nov 07 10:05:01"},
    {"NST3:30", 0, "Wed, 31 Dec 1969 20:30:00 -0330 (NST)", "Wed Dec 31 20:30:00 1969",
     "Dec 31 20:30:00"},
    {"IST-5:30", 951782400, "Tue, 29 Feb 2000 05:30:00 +0530 (IST)",
     "Tue Feb 29 05:30:00 2000", "Feb 29 05:30:00"},
};

static void dates_are_written_in_local_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(dates); i++) {
        in_zone(dates[i].zone);
        date_add_header(&out, dates[i].when);
        ROW_EQ(dates[i].zone, buf_str(&out), dates[i].header);
        buf_reset(&out);
        date_add_asctime(&out, dates[i].when);
        ROW_EQ(dates[i].zone, buf_str(&out), dates[i].asctime);
        buf_reset(&out);
        date_add_log(&out, dates[i].when);
        ROW_EQ(dates[i].zone, buf_str(&out), dates[i].log);
    }
}

static void message_ids_use_universal_time(void **state)
{
    (void)state;
    in_zone("CET-1");
    date_add_utc_digits(&out, 1794042301);
    assert_string_equal(buf_text(&out), "20261107090501");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written_in_local_time),
        cmocka_unit_test(message_ids_use_universal_time),
    };
    buf_init(&out, 1000);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_done(&out);
    return failed;
}
