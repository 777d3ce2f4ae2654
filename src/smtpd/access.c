/*
 * Carries out the actions of access(5). Those that refuse use the subject and the
 * class of what was looked up; those for the whole message are kept with the
 * transaction, also when this recipient is refused later, and told to cleanup.
 *
 * What is no action is a list of restrictions. A word that is neither refuses for
 * now, as anywhere.
 */
#include "smtpd/access.h"

#include "queue/record.h"
#include "smtpd/restriction_list.h"
#include "util/log.h"

/* An action at work. */
struct deed {
    struct judge *judge;
    const struct access_answer *answer;
    struct orders *orders;
    struct str rest; /* behind the action's name, trimmed */
};

/* --- refusing --------------------------------------------------------------------- */

/* "4.7.1 text", or one of both, or nothing. */
static enum verdict refuse_with(const struct deed *deed, int code, const char *fallback)
{
    struct status_split split = status_split(deed->rest, fallback);

    return refuse_access(deed->judge, code, split.status,
                         split.text.n
                             ? arena_copy_str(deed->judge->session->command, split.text)
                             : "Access denied");
}

static enum verdict act_reject(struct deed *deed)
{
    return refuse_with(deed, deed->judge->session->conf->access_map_reject_code, "5.7.1");
}

static enum verdict act_defer(struct deed *deed)
{
    return refuse_with(deed, deed->judge->session->conf->access_map_defer_code, "4.7.1");
}

static enum verdict remember_with(const struct deed *deed, struct refusal *later)
{
    struct status_split split = status_split(deed->rest, "4.7.1");
    const char *text = split.text.n
                           ? arena_copy_str(deed->judge->session->command, split.text)
                           : "Service unavailable";

    refuse_access(deed->judge, deed->judge->session->conf->access_map_defer_code,
                  split.status, text);
    return refuse_later(deed->judge, later);
}

static enum verdict act_defer_if_permit(struct deed *deed)
{
    return remember_with(deed, &deed->judge->if_permit);
}

static enum verdict act_defer_if_reject(struct deed *deed)
{
    return remember_with(deed, &deed->judge->if_reject);
}

static enum verdict act_nothing(struct deed *deed)
{
    (void)deed;
    return VERDICT_DUNNO;
}

/* --- for the log ------------------------------------------------------------------ */

static void log_deed(const struct deed *deed, const char *action, const char *text)
{
    restrict_log(deed->judge, action, text);
}

static const char *rest_text(const struct deed *deed)
{
    return arena_copy_str(deed->judge->session->command, deed->rest);
}

static enum verdict act_warn(struct deed *deed)
{
    log_deed(deed, "warn", rest_text(deed));
    return VERDICT_DUNNO;
}

static enum verdict act_info(struct deed *deed)
{
    log_deed(deed, "info", rest_text(deed));
    return VERDICT_DUNNO;
}

static enum verdict act_ok(struct deed *deed)
{
    const struct judge *judge = deed->judge;
    struct arena *command = judge->session->command;
    struct str rest = deed->answer->value;
    const char *action = arena_copy_str(command, str_word(&rest, " \t"));

    restrict_log_permit(judge, action, &judge->subject,
                        arena_printf(command, "from %s", deed->answer->table));
    return VERDICT_PERMIT;
}

/* "<x>: Sender address triggers HOLD action", or the words of the table. */
static void log_trigger(const struct deed *deed, const char *action, const char *what)
{
    const struct judge *judge = deed->judge;

    log_deed(deed, action,
             arena_printf(judge->session->command, "<%s>: %s %s", judge->subject.text,
                          judge->subject.class, what));
}

/* --- for the whole message -------------------------------------------------------- */

/* There is no message yet while a client is greeted. */
static bool has_message(const struct deed *deed, const char *action)
{
    if (deed->judge->session->transaction.open)
        return true;
    log_warning("access table %s: with smtpd_delay_reject=no, action %s is always "
                "skipped in Client host or Helo command restrictions",
                deed->answer->table, action);
    return false;
}

static bool is_fit(const struct deed *deed, bool fit, const char *need)
{
    if (!fit)
        log_warning("access table %s entry \"%s\" %s", deed->answer->table,
                    deed->answer->key, need);
    return fit;
}

static const char *keep(const struct deed *deed)
{
    return arena_copy_str(deed->judge->session->transaction.arena, deed->rest);
}

static enum verdict act_discard(struct deed *deed)
{
    if (!has_message(deed, "DISCARD"))
        return VERDICT_DUNNO;
    log_trigger(deed, "discard",
                deed->rest.n ? rest_text(deed) : "triggers DISCARD action");
    deed->orders->discard = true;
    return VERDICT_PERMIT;
}

static enum verdict act_hold(struct deed *deed)
{
    if (!has_message(deed, "HOLD") || deed->orders->hold)
        return VERDICT_DUNNO;
    log_trigger(deed, "hold", deed->rest.n ? rest_text(deed) : "triggers HOLD action");
    deed->orders->hold = true;
    return VERDICT_DUNNO;
}

static enum verdict act_filter(struct deed *deed)
{
    if (!has_message(deed, "FILTER") ||
        !is_fit(deed, deed->rest.n > 0, "has FILTER entry without value") ||
        !is_fit(deed, str_find(deed->rest, ':') < deed->rest.n,
                "requires transport:destination"))
        return VERDICT_DUNNO;
    deed->orders->filter = keep(deed);
    log_trigger(deed, "filter",
                arena_printf(deed->judge->session->command, "triggers FILTER %s",
                             deed->orders->filter));
    return VERDICT_DUNNO;
}

static bool takes_address(const struct deed *deed, const char *action)
{
    return has_message(deed, action) &&
           is_fit(deed, str_find(deed->rest, '@') < deed->rest.n,
                  "requires user@domain target");
}

static enum verdict act_redirect(struct deed *deed)
{
    if (!takes_address(deed, "REDIRECT"))
        return VERDICT_DUNNO;
    deed->orders->redirect = keep(deed);
    log_trigger(deed, "redirect",
                arena_printf(deed->judge->session->command, "triggers REDIRECT %s",
                             deed->orders->redirect));
    return VERDICT_DUNNO;
}

static enum verdict act_bcc(struct deed *deed)
{
    const char *copy;

    if (!takes_address(deed, "BCC"))
        return VERDICT_DUNNO;
    copy = keep(deed);
    texts_add(&deed->orders->copies, deed->judge->session->transaction.arena, copy);
    log_trigger(deed, "bcc",
                arena_printf(deed->judge->session->command, "triggers BCC %s", copy));
    return VERDICT_DUNNO;
}

static bool is_header(struct str text)
{
    size_t end = str_find_any(text, ": \t");

    return end > 0 && end < text.n && text.p[end] == ':';
}

/* compat: one for each recipient that is asked about, though it be the same. */
static enum verdict act_prepend(struct deed *deed)
{
    if (deed->judge->stage == STAGE_END_OF_DATA) {
        log_warning("access table %s: action PREPEND must be used before "
                    "smtpd_end_of_data_restrictions",
                    deed->answer->table);
        return VERDICT_DUNNO;
    }
    if (has_message(deed, "PREPEND") &&
        is_fit(deed, is_header(deed->rest), "requires header: text"))
        texts_add(&deed->orders->headers, deed->judge->session->transaction.arena,
                  keep(deed));
    return VERDICT_DUNNO;
}

void orders_send(struct session *session)
{
    struct orders *orders = &session->transaction.orders;
    struct submission *s = session->transaction.submission;

    if (orders->filter)
        submit_record(s, RECORD_FILTER, str_of(orders->filter));
    if (orders->redirect)
        submit_record(s, RECORD_REDIRECT, str_of(orders->redirect));
    for (size_t i = 0; i < orders->copies.n; i++)
        submit_record(s, RECORD_RECIPIENT, str_of(orders->copies.items[i]));
    if (orders->hold)
        submit_attribute(s, "hold", "yes");
    if (orders->discard)
        submit_attribute(s, "discard", "yes");
    orders->filter = orders->redirect = NULL;
    orders->copies.n = 0;
}

/* --- which action? ---------------------------------------------------------------- */

static const struct {
    const char *name;
    enum verdict (*act)(struct deed *deed);
} actions[] = {
    {"REJECT", act_reject},
    {"DEFER", act_defer},
    {"DEFER_IF_PERMIT", act_defer_if_permit},
    {"DEFER_IF_REJECT", act_defer_if_reject},
    {"OK", act_ok},
    {"DUNNO", act_nothing},
    {"DISCARD", act_discard},
    {"HOLD", act_hold},
    {"FILTER", act_filter},
    {"PREPEND", act_prepend},
    {"REDIRECT", act_redirect},
    {"BCC", act_bcc},
    {"WARN", act_warn},
    {"INFO", act_info},
};

/* "550 no": a reply code. All digits and nothing else is another way to say OK. */
static bool is_reply_code(struct str word, struct str rest, int *ret)
{
    unsigned long long code;

    if (word.n != 3 || rest.n == 0 || !str_number(word, 599, &code) || code < 400)
        return false;
    *ret = (int)code;
    return true;
}

static bool is_all_digits(struct str value)
{
    size_t i = 0;

    while (i < value.n && value.p[i] >= '0' && value.p[i] <= '9')
        i++;
    return i == value.n;
}

static enum verdict follow_restrictions(const struct deed *deed)
{
    struct judge *judge = deed->judge;
    struct session *session = judge->session;
    struct restriction_place place = {deed->answer->table, judge->stage};

    return restrict_walk(judge, restriction_list_parse(
                                    session->server, place,
                                    arena_copy_str(session->command, deed->answer->value),
                                    session->command));
}

enum verdict access_act(struct judge *judge, const struct access_answer *answer)
{
    struct deed deed = {judge, answer, &judge->session->transaction.orders,
                        answer->value};
    struct str word = str_word(&deed.rest, " \t");
    int code;

    if (word.n == 0) {
        log_warning("access table %s entry \"%s\" has empty value", answer->table,
                    answer->key);
        return VERDICT_DUNNO;
    }
    deed.rest = str_trim(deed.rest);
    for (size_t i = 0; i < COUNT(actions); i++)
        if (str_is_nocase(word, actions[i].name))
            return actions[i].act(&deed);
    if (is_reply_code(word, deed.rest, &code))
        return refuse_with(&deed, code, code / 100 == 4 ? "4.7.1" : "5.7.1");
    if (is_all_digits(answer->value))
        return act_ok(&deed);
    return follow_restrictions(&deed);
}
