/*
 * What is said to clients: our own replies and those of restrictions, on their way
 * through soft_bounce, smtpd_reject_filter_maps and smtpd_reject_footer. Nothing that
 * a client or a table wrote makes a second line of a reply.
 */
#include "smtpd/reply_macros.h"
#include "smtpd/session.h"
#include "util/format.h"
#include "util/log.h"
#include "util/wait.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    int code;
    const char *status, *text;
    enum trouble trouble;
} replies[] = {
#define REPLY(name, code, status, trouble, text) {code, status, text, TROUBLE_##trouble},
#include "smtpd/replies.def"
#undef REPLY
};

/* A reply on its way. */
struct saying {
    int code;
    char status[STATUS_MAX]; /* "" = none */
    const char *text;
};

/* Clients that keep making mistakes get their answers slowly. */
static void slow_down(struct session *session)
{
    const struct conf *conf = session->conf;

    if (session->errors < (unsigned)conf->smtpd_soft_error_limit ||
        conf->smtpd_error_sleep_time == 0)
        return;
    session_start_request(session); /* the answers so far have time of their own */
    if (stream_flush(session->stream) == STREAM_OK)
        (void)!wait_any(NULL, 0, conf->smtpd_error_sleep_time * 1000L);
}

static void put(struct session *session, const char *line)
{
    transcript_out(&session->transcript, str_of(line));
    stream_write_text(session->stream, line);
    stream_write_text(session->stream, "\r\n");
}

void session_reply_line(struct session *session, int code, bool last, const char *text)
{
    put(session, arena_printf(session->command, "%d%c%s", code, last ? ' ' : '-', text));
}

/* --- the administrator's words ---------------------------------------------------- */

/* The reply in one line, as tables know it. */
static char *whole(struct session *session, const struct saying *saying)
{
    return arena_printf(session->command, "%d %s%s%s", saying->code, saying->status,
                        *saying->status ? " " : "", saying->text);
}

static bool look_up(struct session *session, const struct maps *maps,
                    const struct saying *saying, struct str *ret)
{
    struct fail why;
    enum table_result result;

    if (maps_empty(maps))
        return false;
    result = maps_lookup(maps, str_of(whole(session, saying)), MAPS_ALL, session->command,
                         ret, &why);
    if (result == TABLE_ERROR)
        log_warning("%s: the reply stays as it is", why.text);
    return result == TABLE_FOUND;
}

/* smtpd_reject_filter_maps: another refusal in place of this one, never an acceptance. */
static void filter(struct session *session, struct saying *saying)
{
    const char *id = session->transaction.queue_id, *before = whole(session, saying);
    struct str rest, word;
    struct status_split split;
    unsigned long long code;

    if (!look_up(session, session->server->reject_filter_maps, saying, &rest))
        return;
    word = str_word(&rest, " ");
    if (word.n != 3 || !str_number(word, 599, &code) || code < 400 ||
        str_trim(rest).n == 0) {
        log_warning(
            "smtpd_reject_filter_maps: the answer for \"%s\" is no reply of 400 to "
            "599 with text: the reply stays as it is",
            before);
        return;
    }
    split = status_split(str_trim(rest), "");
    saying->code = (int)code;
    memcpy(saying->status, split.status, sizeof saying->status);
    if (*saying->status)
        status_set_class(saying->status, word.p[0]);
    saying->text = arena_copy_str(session->command, split.text);
    log_info("%s: reject filter in: %s", id ? id : "NOQUEUE", before);
    log_info("%s: reject filter out: %s", id ? id : "NOQUEUE", whole(session, saying));
}

/* The words that follow a refusal, with their macros; "" = none. */
static struct str footer_of(struct session *session, const struct saying *saying)
{
    struct str footer = str_of(session->conf->smtpd_reject_footer);

    (void)look_up(session, session->server->reject_footer_maps, saying, &footer);
    return footer;
}

/* One line of them, macros replaced, or NULL. */
static const char *fill_in(struct session *session, struct str form)
{
    const struct reply_macros macros = {.session = session};
    const char *line = NULL;
    struct buf text;
    struct fail why;

    buf_init(&text, IPC_VALUE_MAX);
    if (reply_macros_expand(&macros, arena_copy_str(session->command, form), &text,
                            &why) == 0)
        line = arena_copy_str(session->command, buf_str(&text));
    else
        log_warning("smtpd_reject_footer: %s: left out", why.text);
    buf_done(&text);
    return line;
}

/* --- lines ------------------------------------------------------------------------ */

static void put_line(struct session *session, const struct saying *saying, bool last,
                     struct str text)
{
    char *line =
        arena_printf(session->command, "%d%c%s%s%.*s", saying->code, last ? ' ' : '-',
                     saying->status, *saying->status ? " " : "", STR_ARG(text));

    for (char *p = line; *p; p++)
        if (*p == '\r' || *p == '\n')
            *p = '?';
    put(session, line);
}

/* The text up to "\n" (two characters), which is stepped over. */
static struct str take_line(struct str *rest, bool *ret_last)
{
    struct str line;

    for (size_t i = 0; i + 1 < rest->n; i++)
        if (rest->p[i] == '\\' && rest->p[i + 1] == 'n') {
            line = str_head(*rest, i);
            *rest = str_tail(*rest, i + 2);
            *ret_last = false;
            return line;
        }
    line = *rest;
    *ret_last = true;
    return line;
}

/* "\c" at the start of a footer joins it to the reply. Lines end where the form says, not
 * where a value does. A form with a fault is left out as a whole. */
static void put_with_footer(struct session *session, const struct saying *saying,
                            struct str form)
{
    const bool joined = str_starts(form, "\\c");
    struct texts lines = {0};
    bool last = form.n == 0;

    form = str_tail(form, joined ? strlen("\\c") : 0);
    while (!last) {
        const char *line = fill_in(session, take_line(&form, &last));

        if (line == NULL) {
            lines.n = 0;
            break;
        }
        if (joined && lines.n == 0)
            line = arena_printf(session->command, "%s%s", saying->text, line);
        texts_add(&lines, session->command, line);
    }
    if (!joined || lines.n == 0)
        put_line(session, saying, lines.n == 0, str_of(saying->text));
    for (size_t i = 0; i < lines.n; i++)
        put_line(session, saying, i + 1 == lines.n, str_of(lines.items[i]));
}

/* --- replies ---------------------------------------------------------------------- */

bool reply_refuses(int code, const char *status, const char *text)
{
    if (code >= 400 && code <= 599)
        return true;
    log_warning("SMTP reply code configuration error: %d %s %s", code, status, text);
    return false;
}

void reply_soften(const struct session *session, int *code, char *status)
{
    if (!session->conf->soft_bounce || *code / 100 != 5)
        return;
    *code -= 100;
    if (*status)
        status_set_class(status, '4');
}

/* Other words of a filter don't let a client stay that has to go. */
static void hang_up_after(struct session *session, int code)
{
    if (code == 421 || code == 521)
        session->quit = true;
}

void session_reply_text(struct session *session, int code, const char *status,
                        const char *text)
{
    struct saying saying = {.code = code, .text = text};
    struct str footer = STR_NONE;

    format_text(saying.status, sizeof saying.status, "%s", status);
    reply_soften(session, &saying.code, saying.status);
    hang_up_after(session, saying.code);
    if (saying.code >= 400) {
        session->failed = true;
        slow_down(session);
        filter(session, &saying);
        hang_up_after(session, saying.code);
        footer = footer_of(session, &saying);
    }
    put_with_footer(session, &saying, footer);
}

/* "550 5.7.1 text" in its parts. */
static struct saying parse_line(struct session *session, struct str line)
{
    struct status_split split = status_split(str_tail(line, 4), "");
    struct saying saying = {.text = arena_copy_str(session->command, split.text)};

    saying.code = (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
    memcpy(saying.status, split.status, sizeof saying.status);
    return saying;
}

void session_reply_verbatim(struct session *session, const char *reply)
{
    struct str rest = str_of(reply);
    struct saying saying = parse_line(session, str_until(&rest, '\n'));

    if (rest.n == 0) {
        session_reply_text(session, saying.code, saying.status, saying.text);
        return;
    }
    session->failed = true;
    slow_down(session);
    for (rest = str_of(reply); rest.n;) {
        struct str line = str_trim_right(str_until(&rest, '\n'));

        saying = parse_line(session, line);
        reply_soften(session, &saying.code, saying.status);
        put_line(session, &saying, rest.n == 0, str_of(saying.text));
    }
    hang_up_after(session, saying.code);
}

void session_reply(struct session *session, enum reply reply, ...)
{
    va_list args;

    session_trouble(session, replies[reply].trouble);
    va_start(args, reply);
    session_reply_text(session, replies[reply].code, replies[reply].status,
                       arena_vprintf(session->command, replies[reply].text, args));
    va_end(args);
}

void session_refuse(struct session *session, const char *sender, enum reply reply)
{
    struct maillog_context context = session_log_context(session, NULL);
    int code = replies[reply].code;
    char status[STATUS_MAX];

    format_text(status, sizeof status, "%s", replies[reply].status);
    reply_soften(session, &code, status);
    context.sender = sender;
    maillog_action(
        session->server->log_style, NULL, "reject",
        arena_printf(session->command, "%s from %s", session->where,
                     session->client_text),
        arena_printf(session->command, "%d %s %s", code, status, replies[reply].text),
        &context);
    session_reply(session, reply);
}
