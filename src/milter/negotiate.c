/*
 * The beginning of the talk with a filter: which version of the protocol, which changes
 * it may ask for, which events it wants to hear of, and which of them it answers.
 */
#include "milter/filter.h"
#include "milter/wire.h"

#include "net/endpoint.h"
#include "util/clock.h"

#include <sys/socket.h>

/* What each version offers: changes (SMFIF_) and protocol bits (SMFIP_). Version 5 was
 * never released. */
static const struct {
    const char *word;
    uint32_t version, actions, protocol;
} versions[] = {
    {"2", 2, 0x1ff, 0x7f},
    {"3", 3, 0x1ff, 0x17f},
    {"4", 4, 0x1ff, 0x37f},
    {"6", 6, 0x1ff, 0x1fffff},
};

enum { NO_HEADER_REPLY = 0x80 };

/* "6", or with words behind it; false = nobody understands it. */
static bool parse_protocol(struct milter *milter)
{
    struct str rest = str_of(milter->protocol_text), word;

    milter->version = 0;
    milter->protocol = 0;
    while ((word = str_word(&rest, ", \t\r\n")).n) {
        size_t i = 0;

        while (i < COUNT(versions) && !str_is(word, versions[i].word))
            i++;
        if (i < COUNT(versions)) {
            milter->version = versions[i].version;
            milter->actions = versions[i].actions;
            milter->protocol |= versions[i].protocol;
        } else if (str_is(word, "no_header_reply")) {
            milter->protocol |= NO_HEADER_REPLY;
        } else {
            return false;
        }
    }
    return milter->version != 0;
}

/* Lists of macros may follow: what the filter wants to know in place of what main.cf has.
 */
static bool take_lists(struct milter *milter, struct str rest)
{
    uint32_t stage;
    struct str names;

    while (rest.n) {
        if (!wire_take_number(&rest, &stage) || !wire_take_text(&rest, &names))
            return false;
        if (stage < STAGE_UNKNOWN && !macros_replace(milter, stage, names))
            return false;
    }
    return true;
}

static void agree(struct milter *milter, struct str data)
{
    uint32_t version, actions, protocol, offered = milter->protocol;

    if (!wire_take_number(&data, &version) || !wire_take_number(&data, &actions) ||
        !wire_take_number(&data, &protocol)) {
        (void)filter_failed(milter, "input packet too short for network long");
    } else if (version > milter->version) {
        (void)filter_failed(milter,
                            "protocol version %u conflict with MTA protocol version %u",
                            version, milter->version);
    } else if (actions & ~milter->actions) {
        (void)filter_failed(milter,
                            "request mask 0x%x conflict with MTA request mask 0x%x",
                            actions, milter->actions);
    } else if (!take_lists(milter, data)) {
        (void)filter_failed(milter,
                            "a malformed list of macros in the initial handshake");
    } else {
        milter->version = version;
        milter->actions = actions;
        milter->protocol = protocol & offered;
        if (strstr(milter->protocol_text, "no_header_reply"))
            milter->protocol |= NO_HEADER_REPLY;
        milter->state = FILTER_TALKING;
    }
}

void negotiate_over(struct milter *milter)
{
    struct buf *out = &milter->of->out;
    struct fail why;
    size_t begun;

    buf_reset(out);
    begun = wire_begin(out, 'O');
    wire_add_number(out, milter->version);
    wire_add_number(out, milter->actions);
    wire_add_number(out, milter->protocol);
    wire_end(out, begun);
    stream_write_str(milter->stream, buf_str(out));
    if (stream_flush(milter->stream) != STREAM_OK)
        (void)filter_failed(milter, "write error in initial handshake");
    else if (wire_read(milter->stream, &milter->packet, &why) < 0)
        (void)filter_failed(milter, "can't read SMFIC_OPTNEG reply %s", why.text);
    else if (milter->packet.p[0] != 'O')
        (void)filter_failed(milter, "unexpected reply \"%c\" in initial handshake",
                            milter->packet.p[0]);
    else
        agree(milter, str_tail(buf_str(&milter->packet), 1));
}

void negotiate(struct milter *milter)
{
    const int64_t timeout_ms = milter->connect_timeout * 1000L;
    struct fail why;
    int fd;

    if (!parse_protocol(milter)) {
        filter_warn(milter, "bad protocol information: %s", milter->protocol_text);
        (void)filter_misconfigured(milter);
        return;
    }
    macros_read(milter->of);
    fd = endpoint_connect(milter->name, timeout_ms, &why);
    if (fd < 0) {
        (void)filter_unreachable(milter, &why);
        return;
    }
    milter->stream = stream_new(fd, 0);
    stream_set_deadline(milter->stream, clock_ms(&clock_system) + timeout_ms);
    negotiate_over(milter);
}
