/*
 * header_checks, mime_header_checks, nested_header_checks, body_checks: tables
 * that look at each header or line and say what to do with it, or with the
 * whole message.
 *
 * A header is looked up as a whole, with its folds; of a body, each line that
 * is not empty. What a table says is one action word and its argument; what
 * makes no sense is warned about and changes nothing.
 */
#include "cleanup/cleanup.h"

#include "mail/status.h"
#include "util/log.h"

/* One match. */
struct match {
    struct message *m;
    enum check_class class;
    struct str text;      /* what was looked up */
    const char *argument; /* after the action, "" = none */
    struct str *ret_text; /* what is to be written instead */
    bool keep;
};

static bool is_header(const struct match *match)
{
    return match->class != CHECK_BODY;
}

static bool is_of_milter(const struct match *match)
{
    return match->class == CHECK_MILTER;
}

static void log_action(const struct match *match, const char *action, const char *words)
{
    struct message *m = match->m;

    if (is_of_milter(match))
        action = arena_printf(m->scratch, "milter-header-%s", action);
    maillog_content(m->cleaner->style, &(struct maillog_content){
                                           .queue_id = m->draft.id,
                                           .action = action,
                                           .part = is_header(match) ? "header" : "body",
                                           .text = match->text,
                                           .origin = m->origin,
                                           .context = &m->client,
                                           .words = words});
}

static const char *param(const struct match *match)
{
    return maps_param(match->m->cleaner->checks[match->class]);
}

/* --- the actions
 * ------------------------------------------------------------------------ */

static void act_nothing(struct match *match)
{
    (void)match;
}

static void act_reject(struct match *match)
{
    struct message *m = match->m;
    struct status_split split = status_split(str_of(match->argument), "5.7.1");
    const char *reason;

    if (split.text.n == 0)
        split.text = STR("message content rejected");
    reason = arena_printf(m->arena, "%s %.*s", split.status, STR_ARG(split.text));
    log_action(match, "reject", reason);
    message_fail(m, split.status[0] == '4' ? SUBMIT_TRY_AGAIN : SUBMIT_REJECTED, reason);
    m->unchecked = true;
}

static void act_discard(struct match *match)
{
    log_action(match, "discard", match->argument);
    match->m->discarded = match->m->unchecked = true;
}

static void act_hold(struct match *match)
{
    if (!(match->m->flags & SUBMIT_HOLD))
        log_action(match, "hold", match->argument);
    match->m->flags |= SUBMIT_HOLD;
}

static void act_warn(struct match *match)
{
    log_action(match, "warning", match->argument);
}

static void act_info(struct match *match)
{
    log_action(match, "info", match->argument);
}

static void act_ignore(struct match *match)
{
    match->keep = false;
}

static void act_strip(struct match *match)
{
    log_action(match, "strip", match->argument);
    match->keep = false;
}

static void unknown_action(const struct match *match, const char *action)
{
    log_warning("unknown command in %s map: %s", param(match), action);
}

static void act_pass(struct match *match)
{
    if (is_of_milter(match)) {
        unknown_action(match, "PASS");
        return;
    }
    log_action(match, "pass", match->argument);
    match->m->unchecked = true;
    match->m->flags &= ~SUBMIT_MILTER;
}

/* Text that is to become a line or a header: in the header it must be one. */
static bool is_fit(const struct match *match, const char *action)
{
    if (!is_header(match) || header_name_length(str_of(match->argument)))
        return true;
    log_warning("bad %s header text \"%s\" in %s map -- need \"headername: headervalue\"",
                action, match->argument, param(match));
    return false;
}

static void act_replace(struct match *match)
{
    if (!is_fit(match, "REPLACE"))
        return;
    log_action(match, "replace", match->argument);
    *match->ret_text = str_of(match->argument);
}

static void act_prepend(struct match *match)
{
    if (!is_fit(match, "PREPEND"))
        return;
    log_action(match, "prepend", match->argument);
    if (is_of_milter(match)) {
        log_warning("the milter_header_checks PREPEND action is not implemented");
        return;
    }
    content_add_header(match->m, str_of(match->argument));
}

static void act_filter(struct match *match)
{
    if (!strchr(match->argument, ':') || !record_fits_envelope(str_of(match->argument))) {
        log_warning("bad FILTER command %s in %s -- need transport:destination",
                    match->argument, param(match));
        return;
    }
    log_action(match, "filter", match->argument);
    match->m->filter = arena_copy(match->m->arena, match->argument);
}

static bool is_address(const struct match *match, const char *action, const char *what)
{
    struct str address = str_of(match->argument);

    if (str_find(address, '@') < address.n && str_find_any(address, " \t") == address.n &&
        record_fits_envelope(address))
        return true;
    log_warning("bad %s %s \"%s\" in %s map -- need user@domain", action, what,
                match->argument, param(match));
    return false;
}

/* compat: from here on nothing is checked. */
static void act_redirect(struct match *match)
{
    if (!is_address(match, "REDIRECT", "target"))
        return;
    log_action(match, "redirect", match->argument);
    match->m->redirect = arena_copy(match->m->arena, match->argument);
    match->m->unchecked = true;
}

static void act_bcc(struct match *match)
{
    if (!is_address(match, "BCC", "address"))
        return;
    log_action(match, "bcc", match->argument);
    texts_add(&match->m->copies, match->m->arena,
              arena_copy(match->m->arena, match->argument));
}

static const struct {
    const char *name;
    void (*act)(struct match *match);
} actions[] = {
    {"BCC", act_bcc},         {"DISCARD", act_discard},   {"DUNNO", act_nothing},
    {"FILTER", act_filter},   {"HOLD", act_hold},         {"IGNORE", act_ignore},
    {"INFO", act_info},       {"OK", act_nothing},        {"PASS", act_pass},
    {"PREPEND", act_prepend}, {"REDIRECT", act_redirect}, {"REJECT", act_reject},
    {"REPLACE", act_replace}, {"STRIP", act_strip},       {"WARN", act_warn},
};

/* --- looking up
 * -------------------------------------------------------------------------- */

static void act(struct match *match, struct str value)
{
    struct str rest = value;
    struct str word = str_word(&rest, " \t");

    match->argument = arena_copy_str(match->m->scratch, str_trim(rest));
    for (size_t i = 0; i < COUNT(actions); i++)
        if (str_is_nocase(word, actions[i].name)) {
            actions[i].act(match);
            return;
        }
    unknown_action(match, arena_copy_str(match->m->scratch, value));
}

static void lookup_failed(struct message *m, const struct maps *maps,
                          const struct fail *why)
{
    log_warning("%s", why->text);
    log_warning("%s: %s map lookup problem -- message not accepted, try again later",
                m->draft.id, maps_param(maps));
    message_fail(m, SUBMIT_WRITE_ERROR, NULL);
}

bool checks_pass(struct message *m, enum check_class class, struct str *text)
{
    const struct maps *maps = m->cleaner->checks[class];
    struct match match = {
        .m = m, .class = class, .text = *text, .ret_text = text, .keep = true};
    struct str value;
    struct fail why;

    if (maps_empty(maps) ||
        (class != CHECK_MILTER && (m->unchecked || !(m->flags & SUBMIT_FILTER))))
        return true;
    switch (maps_lookup(maps, *text, MAPS_ALL, m->scratch, &value, &why)) {
    case TABLE_FOUND:
        act(&match, value);
        break;
    case TABLE_ERROR:
        lookup_failed(m, maps, &why);
        break;
    case TABLE_NOT_FOUND:
        break;
    }
    return match.keep;
}
