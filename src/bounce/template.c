/* The words that users see in a report, and the parameters named in them. */
#include "bounce/template.h"

#include "conf/macro.h"
#include "mail/utf8.h"
#include "util/log.h"

#define COMMON                                                                           \
    .origin = "[built-in]", .charset = "us-ascii",                                       \
    .from = "Mail Delivery System <MAILER-DAEMON>"

static const struct template built_in[REPORT_KINDS] = {
    [REPORT_FAILURE] =
        {
            .name = "failure",
            COMMON,
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
            .name = "delay",
            COMMON,
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
            .name = "success",
            COMMON,
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
            .name = "verify",
            COMMON,
            .subject = "Mail Delivery Status Report",
            .body = "The mail system at $myhostname sends you the delivery report "
                    "that you\n"
                    "asked for.\n"
                    "\n"
                    "                   The mail system\n",
        },
};

void templates_built_in(struct templates *ret)
{
    memcpy(ret->of, built_in, sizeof built_in);
}

/* --- parameters ----------------------------------------------------------------------
 */

/* One expansion: where its names come from, and what is odd about their values. */
struct values {
    const struct template *template;
    const struct conf *conf;
    struct arena *arena;
    struct texts *warnings;
};

enum { COUNTED_MAX = 999 }; /* more of a unit than that is nothing to tell a person */

static const struct {
    const char *suffix;
    int seconds;
} units[] = {
    {"seconds", 1}, {"minutes", 60}, {"hours", 3600}, {"days", 86400}, {"weeks", 604800},
};

static const struct {
    const char *prefix;
    size_t offset;
} times[] = {
    {"delay_warning_time_", offsetof(struct conf, delay_warning_time)},
    {"maximal_queue_lifetime_", offsetof(struct conf, maximal_queue_lifetime)},
};

static void doubt(struct values *values, const char *result, const char *advice,
                  struct str name, const char *unit)
{
    struct arena *arena = values->arena;
    const char *kind = values->template->name;

    texts_add(values->warnings, arena,
              arena_printf(arena,
                           "%s: %s in %s template conversion of parameter \"%.*s\"",
                           values->template->origin, result, kind, STR_ARG(name)));
    texts_add(values->warnings, arena,
              arena_printf(arena, "please %s time unit \"%s\" of \"%.*s\" in %s template",
                           advice, unit, STR_ARG(name), kind));
    texts_add(values->warnings, arena, "for instructions see the bounce(5) manual");
}

static int count_time(struct values *values, struct str name, struct str suffix,
                      int seconds, const char **ret, struct fail *why)
{
    struct arena *arena = values->arena;

    for (size_t i = 0; i < COUNT(units); i++) {
        const int count = seconds / units[i].seconds;

        if (!str_is(suffix, units[i].suffix))
            continue;
        if (count > COUNTED_MAX)
            doubt(values, arena_printf(arena, "excessive result \"%d\"", count),
                  "increase", name, units[i].suffix);
        else if (count == 0 && seconds > 0)
            doubt(values, "zero result", "reduce", name, units[i].suffix);
        *ret = arena_printf(arena, "%d", count);
        return 0;
    }
    return fail_set(why, "unrecognized suffix \"%.*s\" in parameter \"%.*s\"",
                    STR_ARG(suffix), STR_ARG(name));
}

/* For people: in the letters of their language. A name that IDNA refuses stays as it is.
 */
static const char *readable_domain(struct values *values, const char *domain)
{
    const char *result = domain;
    struct fail why;
    struct buf out;

    buf_init(&out, 1 << 20);
    if (utf8_add_domain_unicode(&out, str_of(domain), &why) == 0)
        result = arena_copy_str(values->arena, buf_str(&out));
    buf_done(&out);
    return result;
}

/* So that the value, which is expanded already, stays as it is. */
static const char *without_macros(struct arena *arena, const char *value)
{
    struct buf out;
    const char *result;

    buf_init(&out, 4 << 20);
    for (const char *p = value; *p; p++) {
        buf_add_char(&out, *p);
        if (*p == '$')
            buf_add_char(&out, '$');
    }
    result = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return result;
}

static int value_of(void *context, struct str name, const char **ret, struct fail *why)
{
    struct values *values = context;
    const struct conf *conf = values->conf;
    const char *value;

    for (size_t i = 0; i < COUNT(times); i++)
        if (str_starts(name, times[i].prefix))
            return count_time(values, name, str_tail(name, strlen(times[i].prefix)),
                              *(const int *)((const char *)conf + times[i].offset), ret,
                              why);
    why->text[0] = '\0';
    value = conf_text(conf, arena_copy_str(values->arena, name), why);
    if (value == NULL)
        return why->text[0] ? -1 : 0;
    if (conf->smtputf8_enable && (str_is(name, "myhostname") || str_is(name, "mydomain")))
        value = readable_domain(values, value);
    *ret = strchr(value, '$') ? without_macros(values->arena, value) : value;
    return 0;
}

/* --- expansion -----------------------------------------------------------------------
 */

static int expand_lines(struct values *values, struct buf *out, struct fail *why)
{
    const struct template *template = values->template;
    struct str rest = str_of(template->body);

    while (rest.n) {
        const char *line = arena_copy_str(values->arena, str_until(&rest, '\n'));
        struct macro_source source = {
            .value = value_of, .context = values, .strict = true};

        if (macro_expand(line, &source, out, why) < 0)
            return fail_set(why, "%s: %s in %s template: %s", template->origin,
                            arena_printf(values->arena, "%s", why->text), template->name,
                            line);
        buf_add_char(out, '\n');
    }
    return 0;
}

int template_expand(const struct template *template, const struct conf *conf,
                    struct arena *arena, struct texts *warnings, const char **ret,
                    struct fail *why)
{
    struct values values = {template, conf, arena, warnings};
    struct buf out;
    int result;

    buf_init(&out, 8 << 20);
    result = expand_lines(&values, &out, why);
    if (result == 0)
        *ret = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return result;
}

const char *templates_text(struct templates *templates, enum report_kind kind,
                           const struct conf *conf, struct arena *arena)
{
    struct template *template = &templates->of[kind];
    struct texts warnings = {0};
    const char *text = "";
    struct fail why;

    if (template_expand(template, conf, arena, &warnings, &text, &why) < 0) {
        log_warning("%s -- ignoring this template", why.text);
        *template = built_in[kind];
        warnings = (struct texts){0};
        if (template_expand(template, conf, arena, &warnings, &text, &why) < 0)
            panic("%s", why.text);
    }
    for (size_t i = 0; i < warnings.n; i++)
        log_warning("%s", warnings.items[i]);
    return text;
}
