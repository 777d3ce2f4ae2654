/*
 * The events: which packet tells a filter of each, whether it wants to hear of it, and
 * whether it answers.
 */
#include "milter/filter.h"
#include "milter/wire.h"

#include "util/clock.h"

#include <arpa/inet.h>

enum { GOODBYE_MS = 1000 };

static const struct {
    const char *name;
    char letter;
    enum macro_stage stage;
    uint32_t unwanted, unanswered; /* protocol bits; 0 = there is none */
    uint32_t since;                /* version of the protocol */
} events[MILTER_EVENTS] = {
    [MILTER_CONNECT] = {"SMFIC_CONNECT", 'C', STAGE_CONNECT, 0x1, 0x1000, 2},
    [MILTER_HELO] = {"SMFIC_HELO", 'H', STAGE_HELO, 0x2, 0x2000, 2},
    [MILTER_MAIL] = {"SMFIC_MAIL", 'M', STAGE_MAIL, 0x4, 0x4000, 2},
    [MILTER_RCPT] = {"SMFIC_RCPT", 'R', STAGE_RCPT, 0x8, 0x8000, 2},
    [MILTER_DATA] = {"SMFIC_DATA", 'T', STAGE_DATA, 0x200, 0x10000, 4},
    [MILTER_UNKNOWN] = {"SMFIC_UNKNOWN", 'U', STAGE_UNKNOWN, 0x100, 0x20000, 3},
    [MILTER_HEADER] = {"SMFIC_HEADER", 'L', STAGE_EOH, 0x20, 0x80, 2},
    [MILTER_EOH] = {"SMFIC_EOH", 'N', STAGE_EOH, 0x40, 0x40000, 2},
    [MILTER_BODY] = {"SMFIC_BODY", 'B', STAGE_END, 0x10, 0x80000, 2},
    [MILTER_END] = {"SMFIC_BODYEOB", 'E', STAGE_END, 0, 0, 2},
};

const char *event_name(enum milter_event event)
{
    return events[event].name;
}

bool milter_wants(const struct milter *milter, enum milter_event event)
{
    return milter->version >= events[event].since &&
           !(milter->protocol & events[event].unwanted) && milter->skipped != event;
}

bool milter_is_listening(const struct milter *milter)
{
    return milter->state == FILTER_TALKING || milter->state == FILTER_VERDICT;
}

/* --- one event, one filter ---------------------------------------------------------- */

/* Begin what is to be sent, with the macros. compat: those of the envelope are told also
 * when the event is not wanted. */
static bool begin(struct milter *milter, enum milter_event event)
{
    const bool wanted = milter_wants(milter, event);

    buf_reset(&milter->of->out);
    if (wanted || (event < MILTER_HEADER && milter->version >= events[event].since))
        macros_put(milter, events[event].stage, events[event].letter, &milter->of->out);
    return wanted;
}

/* compat: in the words of a failure to read. */
static struct milter_verdict lost(struct milter *milter, enum milter_event event,
                                  enum stream_result result)
{
    return filter_failed(milter, "can't read %s reply packet header: %s",
                         events[event].name, stream_result_text(result));
}

void filter_start_wait(struct milter *milter, enum milter_event event)
{
    const int seconds =
        event < MILTER_HEADER ? milter->command_timeout : milter->content_timeout;

    stream_set_deadline(milter->stream, clock_ms(&clock_system) + seconds * 1000L);
}

static void start_sending(struct milter *milter, enum milter_event event)
{
    filter_start_wait(milter, event);
    stream_write_str(milter->stream, buf_str(&milter->of->out));
}

static struct milter_verdict send_event(struct milter *milter, enum milter_event event,
                                        bool wanted)
{
    const bool answered = wanted && !(milter->protocol & events[event].unanswered);
    struct milter_verdict verdict = {0};
    struct fail why;
    enum stream_result result = STREAM_OK;

    if (milter->skipped != event)
        milter->skipped = MILTER_EVENTS;
    start_sending(milter, event);
    if (answered || event == MILTER_CONNECT)
        result = stream_flush(milter->stream);
    if (result != STREAM_OK)
        return lost(milter, event, result);
    if (answered && reply_take(milter, event, NULL, &verdict, &why) < 0)
        return filter_failed(milter, "%s", why.text);
    return verdict;
}

static struct milter_verdict tell(struct milter *milter, enum milter_event event,
                                  const struct str *words, size_t n)
{
    bool wanted;

    if (milter->state != FILTER_TALKING)
        return milter->state == FILTER_VERDICT ? milter->verdict
                                               : (struct milter_verdict){0};
    wanted = begin(milter, event);
    if (wanted) {
        size_t begun = wire_begin(&milter->of->out, events[event].letter);

        for (size_t i = 0; i < n; i++)
            wire_add_text(&milter->of->out, words[i]);
        wire_end(&milter->of->out, begun);
    }
    return send_event(milter, event, wanted);
}

static struct milter_verdict tell_connect(struct milter *milter,
                                          const struct milter_client *client)
{
    struct buf *out = &milter->of->out;
    bool wanted;

    if (milter->state == FILTER_UNUSED)
        negotiate(milter);
    if (milter->state != FILTER_TALKING)
        return milter->verdict;
    wanted = begin(milter, MILTER_CONNECT);
    if (wanted) {
        size_t begun = wire_begin(out, 'C');
        uint16_t port = htons(client->port);

        wire_add_text(out, str_of(client->name));
        buf_add_char(out, client->family);
        if (client->family != 'U') {
            buf_add(out, &port, sizeof port);
            wire_add_text(out, str_of(client->address));
        }
        wire_end(out, begun);
    }
    return send_event(milter, MILTER_CONNECT, wanted);
}

/* --- all filters -------------------------------------------------------------------- */

struct milter_verdict milters_connect(struct milters *milters,
                                      const struct milter_client *client)
{
    struct milter_verdict verdict = {0};

    for (struct milter *m = milters->first; m && verdict.action == MILTER_CONTINUE;
         m = m->next)
        verdict = tell_connect(m, client);
    return verdict;
}

struct milter_verdict milters_tell(struct milters *milters, enum milter_event event,
                                   const struct str *words, size_t n)
{
    struct milter_verdict verdict = {0};

    for (struct milter *m = milters->first; m && verdict.action == MILTER_CONTINUE;
         m = m->next)
        verdict = tell(m, event, words, n);
    return verdict;
}

bool milters_want_refused(const struct milters *milters)
{
    for (const struct milter *m = milters->first; m; m = m->next)
        if (m->state == FILTER_TALKING && (m->protocol & PROTOCOL_REFUSED_RECIPIENTS))
            return true;
    return false;
}

void milters_tell_refused(struct milters *milters, const struct str *words, size_t n)
{
    for (struct milter *m = milters->first; m; m = m->next)
        if (m->state == FILTER_TALKING && (m->protocol & PROTOCOL_REFUSED_RECIPIENTS))
            (void)tell(m, MILTER_RCPT, words, n);
}

/* A word that nobody answers. It goes out with the next event. */
static void say(struct milter *milter, char letter)
{
    buf_reset(&milter->of->out);
    wire_end(&milter->of->out, wire_begin(&milter->of->out, letter));
    filter_start_wait(milter, MILTER_DATA);
    stream_write_str(milter->stream, buf_str(&milter->of->out));
}

void milters_abort(struct milters *milters)
{
    for (struct milter *m = milters->first; m; m = m->next) {
        if (m->state != FILTER_TALKING && m->state != FILTER_MESSAGE_ACCEPTED)
            continue;
        m->state = FILTER_TALKING;
        m->skipped = MILTER_EVENTS;
        say(m, 'A');
    }
}

/* Who does not listen is not waited for. */
void milters_quit(struct milters *milters)
{
    for (struct milter *m = milters->first; m; m = m->next)
        if (m->stream) {
            say(m, 'Q');
            stream_set_deadline(m->stream, clock_ms(&clock_system) + GOODBYE_MS);
            (void)!stream_flush(m->stream);
        }
    milters_free(milters);
}

/* --- the content -------------------------------------------------------------------- */

struct milter_verdict milter_header(struct milter *milter, struct str name,
                                    struct str value)
{
    const bool keeps_space = milter->protocol & PROTOCOL_LEADING_SPACE;

    if (!keeps_space && value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
        value = str_tail(value, 1);
    return tell(milter, MILTER_HEADER, (const struct str[]){name, value}, 2);
}

struct milter_verdict milter_end_of_header(struct milter *milter)
{
    return tell(milter, MILTER_EOH, NULL, 0);
}

struct milter_verdict milter_body(struct milter *milter, struct str piece)
{
    const bool wanted = milter->state == FILTER_TALKING && begin(milter, MILTER_BODY);
    struct buf *out = &milter->of->out;
    size_t begun;

    if (!wanted)
        return tell(milter, MILTER_BODY, NULL, 0);
    begun = wire_begin(out, 'B');
    buf_add_str(out, piece);
    wire_end(out, begun);
    return send_event(milter, MILTER_BODY, true);
}

int milter_end(struct milter *milter, const struct milter_edits *edits,
               struct milter_verdict *ret, struct fail *why)
{
    struct milter_verdict verdict = milter->verdict;
    enum stream_result result;

    if (milter->state == FILTER_TALKING) {
        (void)begin(milter, MILTER_END);
        wire_end(&milter->of->out, wire_begin(&milter->of->out, 'E'));
        start_sending(milter, MILTER_END);
        result = stream_flush(milter->stream);
        if (result != STREAM_OK)
            verdict = lost(milter, MILTER_END, result);
        else if (reply_take(milter, MILTER_END, edits, &verdict, why) < 0)
            return -1;
        if (edits->end_of_edits(edits->context, milter->stream != NULL, why) < 0)
            return -1;
    }
    *ret = verdict;
    return 0;
}
