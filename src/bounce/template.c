/* The words that users see in a report, and the parameters named in them. */
#include "bounce/bounce.h"

static const struct template templates[] = {
    [REPORT_FAILURE] =
        {
            .from = "Mail Delivery System <MAILER-DAEMON>",
            .subject = "Undelivered Mail Returned to Sender",
            .postmaster_subject = "Postmaster Copy: Undelivered Mail",
            .body =
                "The mail system at $myhostname is sorry: your message could not be\n"
                "delivered to one or more of its recipients. It is returned below, with\n"
                "the reason for each of them.\n"
                "\n"
                "If the reasons do not tell you what to do, please send this report to\n"
                "postmaster at that host. You can leave out your own words.\n"
                "\n"
                "                   The mail system\n",
        },
    [REPORT_DELAY] =
        {
            .from = "Mail Delivery System <MAILER-DAEMON>",
            .subject = "Delayed Mail (still being retried)",
            .postmaster_subject = "Postmaster Warning: Delayed Mail",
            .body = "############################################################\n"
                    "# THIS IS A WARNING ONLY. THERE IS NO NEED TO SEND IT AGAIN #\n"
                    "############################################################\n"
                    "\n"
                    "The mail system at $myhostname has tried to deliver your message "
                    "for more\n"
                    "than $delay_warning_time_hours hour(s), without success so far. It "
                    "will go\n"
                    "on trying until the message is $maximal_queue_lifetime_days day(s) "
                    "old.\n"
                    "\n"
                    "If the reasons below do not tell you what to do, please send this "
                    "report to\n"
                    "postmaster at that host. You can leave out your own words.\n"
                    "\n"
                    "                   The mail system\n",
        },
    [REPORT_SUCCESS] =
        {
            .from = "Mail Delivery System <MAILER-DAEMON>",
            .subject = "Successful Mail Delivery Report",
            .body = "The mail system at $myhostname has done what you asked it to "
                    "tell you of:\n"
                    "your message was delivered, or passed on, for the recipients "
                    "below. From\n"
                    "systems that it was passed on to, you may still hear of "
                    "failures.\n"
                    "\n"
                    "                   The mail system\n",
        },
    [REPORT_TRACE] =
        {
            .from = "Mail Delivery System <MAILER-DAEMON>",
            .subject = "Mail Delivery Status Report",
            .body = "The mail system at $myhostname sends you the delivery report "
                    "that you\n"
                    "asked for.\n"
                    "\n"
                    "                   The mail system\n",
        },
};

const struct template *template_of(enum report_kind kind)
{
    return &templates[kind];
}

static const struct {
    const char *suffix;
    int seconds;
} units[] = {
    {"_seconds", 1},  {"_minutes", 60},   {"_hours", 3600},
    {"_days", 86400}, {"_weeks", 604800},
};

/* "$delay_warning_time_hours": the parameter without its suffix, counted in hours,
 * rounded up. */
static bool add_in_units(struct buf *out, struct str name, const struct conf *conf,
                         struct arena *arena)
{
    for (size_t i = 0; i < COUNT(units); i++) {
        struct str base = str_head(name, name.n - strlen(units[i].suffix));
        const char *value;
        int seconds;

        if (!str_ends(name, units[i].suffix))
            continue;
        value = conf_text(conf, arena_copy_str(arena, base), NULL);
        if (!value || !conf_time(value, 's', &seconds))
            return false;
        buf_printf(out, "%d", (seconds + units[i].seconds - 1) / units[i].seconds);
        return true;
    }
    return false;
}

static void add_value(struct buf *out, struct str name, const struct conf *conf,
                      struct arena *arena)
{
    const char *value;

    if (add_in_units(out, name, conf, arena))
        return;
    value = conf_text(conf, arena_copy_str(arena, name), NULL);
    buf_add_text(out, value ? value : "");
}

const char *template_expand(const char *body, const struct conf *conf,
                            struct arena *arena)
{
    struct str rest = str_of(body);
    struct buf out;
    const char *result;

    buf_init(&out, 1 << 20);
    while (rest.n) {
        size_t at = str_find(rest, '$');
        size_t n;

        buf_add_str(&out, str_head(rest, at));
        rest = str_tail(rest, at + 1);
        n = str_span(rest,
                     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        if (n)
            add_value(&out, str_head(rest, n), conf, arena);
        rest = str_tail(rest, n);
    }
    result = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return result;
}
