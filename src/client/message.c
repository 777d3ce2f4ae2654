/*
 * Most messages pass as they are, line by line. Only when something in them
 * has to change, their structure is followed (mail/mime.h).
 */
#include "client/message.h"

#include "mail/address.h"
#include "util/log.h"

/* --- as it is ------------------------------------------------------------------------
 */

static int pass_line(void *context, struct str text, bool ends)
{
    struct content *content = context;

    content_line(content, text, ends);
    return stream_output_result(content->stream) != STREAM_OK; /* nobody listens */
}

/* --- with changes ----------------------------------------------------------------------
 */

struct writer {
    const struct message *message;
    struct content *content;
    struct mime *mime;
    bool in_line;      /* a body line of which the end is still to come */
    bool skips;        /* ... and is not sent */
    long long checked; /* body bytes shown to body_checks */
    bool failed;       /* a rule could not be looked up: nothing more is written */
};

static void put_lines(struct writer *writer, struct str text)
{
    while (text.n > 0)
        content_line(writer->content, str_until(&text, '\n'), true);
}

static void table_failed(struct writer *writer, const char *what, const struct fail *why)
{
    log_warning("%s", why->text);
    log_warning("%s: %s lookup error", writer->message->delivery->request.queue_id, what);
    writer->failed = true;
}

static void put_header(struct writer *writer, struct str logical,
                       const struct outgoing_change *change)
{
    if (change->before)
        put_lines(writer, str_of(change->before));
    if (!change->drop)
        put_lines(writer, change->instead ? str_of(change->instead) : logical);
}

static int judge(const struct writer *writer, struct outgoing_text *text,
                 struct outgoing_change *ret, struct fail *why)
{
    const struct message *message = writer->message;

    text->queue_id = message->delivery->request.queue_id;
    return outgoing_judge(message->outgoing, text, message->delivery->arena, ret, why);
}

static void on_header(void *context, enum mime_place place, struct str logical)
{
    struct writer *writer = context;
    const struct message *message = writer->message;
    struct outgoing_text text = {.header = true, .place = place, .text = logical};
    struct outgoing_change change = {0};
    struct fail why;

    writer->checked = 0;
    if (writer->failed)
        return;
    if (message->outgoing && judge(writer, &text, &change, &why) < 0)
        table_failed(writer, "smtp header checks", &why);
    else
        put_header(writer, logical, &change);
}

/* A header that no empty line ends has none in what we send either: cleanup adds it. */
static void on_header_end(void *context, enum mime_place place, bool missing_line,
                          struct str line)
{
    (void)context, (void)place, (void)missing_line, (void)line;
}

/* Body lines are looked at by their start, if that is within body_checks_size_limit. */
static bool is_checked(struct writer *writer, struct str text)
{
    const struct message *message = writer->message;
    bool checked =
        message->outgoing && !writer->in_line &&
        writer->checked < message->delivery->process->conf->body_checks_size_limit;

    writer->checked += (long long)text.n;
    return checked;
}

/* text: a line or its first piece. */
static void put_body(struct writer *writer, bool ends, struct str text,
                     const struct outgoing_change *change)
{
    if (change->before)
        put_lines(writer, str_of(change->before));
    if (change->instead)
        put_lines(writer, str_of(change->instead));
    writer->skips = !ends && (change->drop || change->instead);
    if (!change->drop && !change->instead)
        content_line(writer->content, text, ends);
}

static void on_body(void *context, bool ends, struct str text)
{
    struct writer *writer = context;
    struct outgoing_text line = {.text = text};
    struct outgoing_change change = {0};
    struct fail why;

    if (writer->failed)
        return;
    if (is_checked(writer, text) && judge(writer, &line, &change, &why) < 0)
        table_failed(writer, "smtp body checks", &why);
    else if (!writer->in_line)
        put_body(writer, ends, text, &change);
    else if (!writer->skips)
        content_line(writer->content, text, ends);
    writer->in_line = !ends;
}

static int take_line(void *context, struct str text, bool ends)
{
    struct writer *writer = context;

    mime_take(writer->mime, ends, text);
    return writer->failed || stream_output_result(writer->content->stream) != STREAM_OK;
}

static int write_changed(const struct message *message, struct content *content,
                         struct fail *why)
{
    static const struct mime_callbacks callbacks = {
        .header = on_header, .header_end = on_header_end, .body = on_body};
    const struct conf *conf = message->delivery->process->conf;
    struct writer writer = {.message = message, .content = content};
    struct mime_options options = {
        .to_7bit = message->to_7bit,
        .header_limit = (size_t)conf->header_size_limit,
        .boundary_limit = (size_t)conf->mime_boundary_length_limit,
        .nesting_limit = (size_t)conf->mime_nesting_limit,
    };
    int result;

    writer.mime = mime_new(&options, &callbacks, &writer);
    result = delivery_content(message->delivery, take_line, &writer, why);
    if (result == 0)
        mime_end(writer.mime);
    mime_free(writer.mime);
    if (writer.failed) {
        (void)fail_set(why, "local data error while talking to %s", message->server);
        return 1;
    }
    return result < 0 ? -1 : 0;
}

/* --- in front
 * ---------------------------------------------------------------------------- */

static void put_address(struct content *content, const char *name, const char *address,
                        bool angle)
{
    struct buf line;

    buf_init(&line, 1 << 16);
    buf_printf(&line, "%s: %s", name, angle ? "<" : "");
    address_add_external(&line, str_of(address));
    buf_add_text(&line, angle ? ">" : "");
    content_line(content, buf_str(&line), true);
    buf_done(&line);
}

/* Those of one recipient: with several, nothing but the sender can be told. */
static void put_front(const struct message *message, struct content *content)
{
    const struct delivery *delivery = message->delivery;
    const struct delivery_recipient *recipient = &delivery->recipients[0];

    if (message->front & COPY_RETURN_PATH)
        put_address(content, "Return-Path", delivery->request.sender, true);
    if (message->front & COPY_ORIGINAL_TO)
        put_address(content, "X-Original-To",
                    recipient->original[0] ? recipient->original : recipient->address,
                    false);
    if (message->front & COPY_DELIVERED_TO)
        put_address(content, "Delivered-To", recipient->address, false);
}

/* The queue file could not be read, or holds something else than a message. */
static int unreadable(const struct message *message, struct fail *why)
{
    log_warning("%s", why->text);
    if (why->code == 0) /* not an I/O error */
        delivery_mark_corrupt(message->delivery);
    return fail_set(why, "queue file read error");
}

int message_write(const struct message *message, struct content *content,
                  struct fail *why)
{
    int result;

    put_front(message, content);
    if (message->to_7bit || message->outgoing)
        result = write_changed(message, content, why);
    else
        result =
            delivery_content(message->delivery, pass_line, content, why) < 0 ? -1 : 0;
    if (result < 0)
        return unreadable(message, why);
    return result > 0 ? -1 : 0;
}
