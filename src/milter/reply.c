/*
 * What filters say, and what it means for the filter and for the client. What breaks the
 * rules of the protocol ends the talk with that filter, and milter_default_action says
 * what becomes of the mail.
 */
#include "milter/filter.h"
#include "milter/wire.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>

enum { REPLY_MAX = 10000 };

static const char try_again[] = "451 4.7.1 Service unavailable - try again later";
static const char misconfigured[] =
    "451 4.3.5 Server configuration problem - try again later";

/* --- the end of a talk -------------------------------------------------------------- */

static void warn(struct milter *milter, const char *start, const char *format,
                 va_list args)
{
    struct buf text;

    buf_init(&text, (size_t)4 * WIRE_PACKET_MAX);
    buf_printf(&text, "%s %s: ", start, milter->name);
    buf_vprintf(&text, format, args);
    milter->of->host->warn(buf_text(&text));
    buf_done(&text);
}

void filter_warn(struct milter *milter, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    warn(milter, "milter", format, args);
    va_end(args);
}

/* The other process that has this connection hears of its end too. */
static void hang_up(struct milter *milter)
{
    if (milter->stream)
        (void)shutdown(stream_fd(milter->stream), SHUT_RDWR);
    stream_free(milter->stream);
    milter->stream = NULL;
}

struct milter_verdict filter_settle(struct milter *milter, enum milter_action action,
                                    const char *reply)
{
    hang_up(milter);
    milter->state = action == MILTER_CONTINUE ? FILTER_DONE : FILTER_VERDICT;
    milter->verdict = (struct milter_verdict){.action = action, .reply = reply};
    return milter->verdict;
}

struct milter_verdict filter_misconfigured(struct milter *milter)
{
    return filter_settle(milter, MILTER_REFUSE, misconfigured);
}

static struct milter_verdict take_default(struct milter *milter)
{
    static const struct {
        const char *word;
        enum milter_action action;
        const char *reply;
    } rows[] = {
        {"accept", MILTER_CONTINUE, NULL},
        {"quarantine", MILTER_HOLD, NULL},
        {"reject", MILTER_REFUSE, "550 5.5.0 Service unavailable"},
        {"shutdown", MILTER_HANG_UP, "421 4.7.1 Service unavailable - try again later"},
        {"tempfail", MILTER_REFUSE, try_again},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_is_nocase(str_of(milter->default_action), rows[i].word))
            return filter_settle(milter, rows[i].action, rows[i].reply);
    filter_warn(milter, "unrecognized default action: %s", milter->default_action);
    return filter_misconfigured(milter);
}

struct milter_verdict filter_failed(struct milter *milter, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    warn(milter, "milter", format, args);
    va_end(args);
    return take_default(milter);
}

static void warn_unreachable(struct milter *milter, const char *format, ...)
    PRINTF_LIKE(2, 3);
static void warn_unreachable(struct milter *milter, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    warn(milter, "connect to Milter service", format, args);
    va_end(args);
}

struct milter_verdict filter_unreachable(struct milter *milter, const struct fail *reason)
{
    errno = reason->code;
    if (reason->code)
        warn_unreachable(milter, "%m");
    else
        warn_unreachable(milter, "%s", reason->text);
    return take_default(milter);
}

/* --- verdicts ----------------------------------------------------------------------- */

/* In answer to these, a filter speaks of the client, not of a message. */
static bool is_about_client(enum milter_event event)
{
    return event == MILTER_CONNECT || event == MILTER_HELO;
}

static struct milter_verdict refuse(struct milter *milter, enum milter_event event,
                                    const char *reply)
{
    const struct milter_verdict verdict = {
        str_starts(str_of(reply), "421") ? MILTER_HANG_UP : MILTER_REFUSE, reply};

    return is_about_client(event) ? filter_settle(milter, verdict.action, reply)
                                  : verdict;
}

static struct milter_verdict accept_message(struct milter *milter,
                                            enum milter_event event)
{
    if (is_about_client(event))
        return filter_settle(milter, MILTER_CONTINUE, NULL);
    if (event != MILTER_UNKNOWN) /* there may be no message yet: the next one is seen */
        milter->state = FILTER_MESSAGE_ACCEPTED;
    return (struct milter_verdict){0};
}

static struct milter_verdict discard(struct milter *milter, enum milter_event event)
{
    if (is_about_client(event)) {
        filter_warn(milter, "DISCARD action is not allowed for connect or helo");
        return (struct milter_verdict){0};
    }
    if (event != MILTER_UNKNOWN)
        milter->state = FILTER_MESSAGE_ACCEPTED;
    return (struct milter_verdict){.action = MILTER_DISCARD};
}

/* "550", "550 text": 4xx or 5xx, the same in each line. */
static bool is_reply(struct str text)
{
    struct str code = str_head(text, 3);
    struct str rest = text, line;

    if (text.n < 3 || (code.p[0] != '4' && code.p[0] != '5') ||
        !isdigit((unsigned char)code.p[1]) || !isdigit((unsigned char)code.p[2]))
        return false;
    while (rest.n) {
        line = str_until(&rest, '\n');
        if (!str_eq(str_head(line, 3), code) ||
            (line.n > 3 && str_find_any(str_from(line.p + 3, 1), " -\r") == 1))
            return false;
    }
    return true;
}

/* Each line in a form that a client can't take for more than it is: without control
 * characters, of one code, "-" behind it in all but the last. */
static const char *tidy(struct arena *arena, struct str text)
{
    struct buf out;
    const char *reply;

    buf_init(&out, (size_t)2 * WIRE_PACKET_MAX);
    while (text.n) {
        struct str line = str_until(&text, '\n');

        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        for (size_t i = 0; i < line.n; i++)
            buf_add_char(&out, iscntrl((unsigned char)line.p[i]) ? '?' : line.p[i]);
        if (line.n > 3)
            out.p[out.n - line.n + 3] = text.n ? '-' : ' ';
        if (text.n)
            buf_add_text(&out, "\r\n");
    }
    reply = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return reply;
}

/* Its text was meant for printf: "%%" stands for "%". */
static struct str without_percents(struct arena *arena, struct str text)
{
    char *copy = arena_copy_str(arena, text);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '%' && i + 1 < text.n && text.p[i + 1] == '%')
            i++;
        copy[n++] = text.p[i];
    }
    return str_from(copy, n);
}

static struct milter_verdict take_reply(struct milter *milter, enum milter_event event,
                                        struct str data)
{
    struct arena *arena = milter->of->arena;
    struct str text;

    if (!wire_take_text(&data, &text))
        text = data; /* compat: some leave the zero byte out */
    text = without_percents(arena, text);
    if (text.n <= REPLY_MAX && is_reply(text))
        return refuse(milter, event, tidy(arena, text));
    filter_warn(milter, "malformed reply: %.*s", (int)(text.n > 200 ? 200 : text.n),
                text.p);
    return filter_misconfigured(milter);
}

/* --- changes ------------------------------------------------------------------------ */

/* 1 = was a change, and has been made; 0 = it is none, -1 = could not be made; -2 = it is
 * malformed. */
enum change { CHANGE_NONE, CHANGE_MADE, CHANGE_LOST, CHANGE_MALFORMED };

static enum change made(int result)
{
    return result < 0 ? CHANGE_LOST : CHANGE_MADE;
}

/* There is room in front of it: the zero byte behind the name. */
static struct str with_blank(struct milter *milter, struct str value)
{
    char *start = milter->packet.p + (value.p - milter->packet.p) - 1;

    *start = ' ';
    return str_from(start, value.n + 1);
}

static enum change change_header(struct milter *milter, const struct milter_edits *edits,
                                 struct fail *why)
{
    const char letter = milter->packet.p[0];
    struct str data = str_tail(buf_str(&milter->packet), 1);
    uint32_t index = 0;
    struct str name, value;

    if ((letter != 'h' && !wire_take_number(&data, &index)) ||
        !wire_take_text(&data, &name) || !wire_take_text(&data, &value))
        return CHANGE_MALFORMED;
    /* Without that bit, the blank behind the colon is ours to write. */
    if (!(milter->protocol & PROTOCOL_LEADING_SPACE) && (letter != 'm' || value.n))
        value = with_blank(milter, value);
    if (letter == 'h')
        return made(edits->add_header(edits->context, name, value, why));
    if (letter == 'i')
        return made(edits->insert_header(edits->context, index, name, value, why));
    return made(edits->change_header(edits->context, index, name, value, why));
}

static enum change change_envelope(const struct milter_edits *edits, char letter,
                                   struct str data, struct fail *why)
{
    struct str address, parameters = STR("");

    if (!wire_take_text(&data, &address) ||
        (data.n && letter != '+' && letter != '-' && !wire_take_text(&data, &parameters)))
        return CHANGE_MALFORMED;
    if (letter == 'e')
        return made(edits->change_sender(edits->context, address, parameters, why));
    if (letter == '-')
        return made(edits->delete_recipient(edits->context, address, why));
    return made(edits->add_recipient(edits->context, address, parameters, why));
}

static enum change take_change(struct milter *milter, const struct milter_edits *edits,
                               struct fail *why)
{
    const struct str packet = buf_str(&milter->packet), data = str_tail(packet, 1);

    switch (packet.p[0]) {
    case 'h':
    case 'i':
    case 'm':
        return change_header(milter, edits, why);
    case 'e':
    case '+':
    case '2':
    case '-':
        return change_envelope(edits, packet.p[0], data, why);
    case 'b':
        return made(edits->replace_body(edits->context, data, why));
    default:
        return CHANGE_NONE;
    }
}

/* --- one answer --------------------------------------------------------------------- */

static const struct {
    char letter;
    const char *name;
} replies[] = {
    {'a', "SMFIR_ACCEPT"},     {'c', "SMFIR_CONTINUE"}, {'d', "SMFIR_DISCARD"},
    {'r', "SMFIR_REJECT"},     {'t', "SMFIR_TEMPFAIL"}, {'4', "SMFIR_SHUTDOWN"},
    {'s', "SMFIR_SKIP"},       {'p', "SMFIR_PROGRESS"}, {'y', "SMFIR_REPLYCODE"},
    {'q', "SMFIR_QUARANTINE"},
};

static const char *reply_name(char letter)
{
    for (size_t i = 0; i < COUNT(replies); i++)
        if (replies[i].letter == letter)
            return replies[i].name;
    return "unknown filter reply";
}

static struct milter_verdict unexpected(struct milter *milter, enum milter_event event)
{
    return filter_failed(milter, "unexpected filter response (%s) after event %s",
                         reply_name(milter->packet.p[0]), event_name(event));
}

/* An answer that ends the event. */
static struct milter_verdict take_verdict(struct milter *milter, enum milter_event event,
                                          struct str data)
{
    const char letter = milter->packet.p[0];

    if (letter == 'y')
        return take_reply(milter, event, data);
    if (data.n && strchr("acdrt4s", letter))
        return filter_failed(milter, "reply %s was followed by %zu data bytes",
                             reply_name(letter), data.n);
    switch (letter) {
    case 'a':
        return accept_message(milter, event);
    case 's':
        milter->skipped = event;
        return (struct milter_verdict){0};
    case 'c':
        return (struct milter_verdict){0};
    case 'd':
        return discard(milter, event);
    case 'r':
        return refuse(milter, event, "550 5.7.1 Command rejected");
    case 't':
        return refuse(milter, event, try_again);
    case '4':
        return filter_settle(milter, MILTER_HANG_UP,
                             "421 4.7.0 Server closing connection");
    default:
        return unexpected(milter, event);
    }
}

static int malformed_change(struct milter *milter, struct milter_verdict *ret)
{
    *ret = filter_failed(milter, "a malformed request for a change (letter \"%c\")",
                         milter->packet.p[0]);
    return 0;
}

int reply_take(struct milter *milter, enum milter_event event,
               const struct milter_edits *edits, struct milter_verdict *ret,
               struct fail *why)
{
    bool held = false;
    struct fail reason;

    for (;;) {
        struct str packet;
        enum change change = CHANGE_NONE;

        filter_start_wait(milter, event);
        if (wire_read(milter->stream, &milter->packet, &reason) < 0) {
            *ret = filter_failed(milter, "can't read %s reply %s", event_name(event),
                                 reason.text);
            return 0;
        }
        packet = buf_str(&milter->packet);
        if (packet.p[0] == 'p')
            continue;
        if (edits && packet.p[0] == 'q') {
            held = true;
            continue;
        }
        if (edits)
            change = take_change(milter, edits, why);
        if (change == CHANGE_LOST) { /* what is still to come concerns no other message */
            (void)filter_settle(milter, MILTER_REFUSE, try_again);
            return -1;
        }
        if (change == CHANGE_MALFORMED)
            return malformed_change(milter, ret);
        if (change == CHANGE_NONE) {
            *ret = take_verdict(milter, event, str_tail(packet, 1));
            if (held && ret->action == MILTER_CONTINUE)
                ret->action = MILTER_HOLD;
            return 0;
        }
    }
}
