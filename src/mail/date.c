/*
 * Decides how points in time are written in mail. Names of days and months
 * are English whatever the locale. localtime_r reads the zone file only once
 * a process, unlike localtime; date_zone_reload makes it look again.
 */
#include "mail/date.h"

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static struct tm local_time(time_t when)
{
    struct tm tm = {0};

    localtime_r(&when, &tm);
    return tm;
}

void date_add_header(struct buf *out, time_t when)
{
    struct tm tm = local_time(when);
    long minutes = tm.tm_gmtoff / 60;
    long distance = minutes < 0 ? -minutes : minutes;

    buf_printf(out, "%s, %02d %s %04d %02d:%02d:%02d %c%02ld%02ld (%s)", days[tm.tm_wday],
               tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
               tm.tm_sec, minutes < 0 ? '-' : '+', distance / 60, distance % 60,
               tm.tm_zone ? tm.tm_zone : "");
}

void date_add_asctime(struct buf *out, time_t when)
{
    struct tm tm = local_time(when);

    buf_printf(out, "%s %s %2d %02d:%02d:%02d %04d", days[tm.tm_wday], months[tm.tm_mon],
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
}

void date_add_utc_digits(struct buf *out, time_t when)
{
    struct tm tm = {0};

    gmtime_r(&when, &tm);
    buf_printf(out, "%04d%02d%02d%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void date_add_log(struct buf *out, time_t when)
{
    struct tm tm = local_time(when);

    buf_printf(out, "%s %02d %02d:%02d:%02d", months[tm.tm_mon], tm.tm_mday, tm.tm_hour,
               tm.tm_min, tm.tm_sec);
}

const char *date_log_text(struct arena *arena, time_t when)
{
    struct buf text;
    const char *copy;

    buf_init(&text, 100);
    date_add_log(&text, when);
    copy = arena_copy_str(arena, buf_str(&text));
    buf_done(&text);
    return copy;
}

void date_zone_reload(void)
{
    tzset();
}
