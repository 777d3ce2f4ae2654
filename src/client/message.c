/*
 * Most messages pass as they are, line by line. Only when something in them
 * has to change, their structure is followed (mail/mime.h).
 */
#include "client/message.h"

#include "mail/mime.h"

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

struct change {
    const struct message *message;
    struct content *content;
    struct mime *mime;
};

static void put_header(void *context, enum mime_place place, struct str logical)
{
    struct change *change = context;

    (void)place;
    while (logical.n > 0)
        content_line(change->content, str_until(&logical, '\n'), true);
}

/* A header that no empty line ends has none in what we send either: cleanup adds it. */
static void end_header(void *context, enum mime_place place, bool missing_line,
                       struct str line)
{
    (void)context, (void)place, (void)missing_line, (void)line;
}

static void put_body(void *context, bool ends, struct str text)
{
    struct change *change = context;

    content_line(change->content, text, ends);
}

static int take_line(void *context, struct str text, bool ends)
{
    struct change *change = context;

    mime_take(change->mime, ends, text);
    return stream_output_result(change->content->stream) != STREAM_OK;
}

static int write_changed(const struct message *message, struct content *content,
                         struct fail *why)
{
    static const struct mime_callbacks callbacks = {
        .header = put_header, .header_end = end_header, .body = put_body};
    const struct conf *conf = message->delivery->process->conf;
    struct change change = {.message = message, .content = content};
    struct mime_options options = {
        .to_7bit = message->to_7bit,
        .header_limit = (size_t)conf->header_size_limit,
        .boundary_limit = (size_t)conf->mime_boundary_length_limit,
        .nesting_limit = (size_t)conf->mime_nesting_limit,
    };
    int result;

    change.mime = mime_new(&options, &callbacks, &change);
    result = delivery_content(message->delivery, take_line, &change, why);
    if (result == 0)
        mime_end(change.mime);
    mime_free(change.mime);
    return result;
}

int message_write(const struct message *message, struct content *content,
                  struct fail *why)
{
    int result = message->to_7bit
                     ? write_changed(message, content, why)
                     : delivery_content(message->delivery, pass_line, content, why);

    if (result < 0 && why->code == 0) /* not an I/O error */
        delivery_mark_corrupt(message->delivery);
    return result < 0 ? -1 : 0;
}
