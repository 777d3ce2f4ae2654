/*
 * Header and body lines of a message as keys: how cleanup(8) would ask the
 * tables of header_checks and body_checks. A header is one key with its
 * continuation lines and the line ends between them.
 */
#include "commands/maptool.h"

#include "mail/mime.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_LINE_MAX = 1 << 26 };

struct message {
    struct maptool *tool;
    struct buf line; /* of the body, that is being put together */
    bool found;
};

static void take_header(void *context, enum mime_place place, struct str logical)
{
    struct message *message = context;

    (void)place;
    if (message->tool->parts & MAPTOOL_HEADER)
        message->found |= maptool_ask(message->tool, logical, true);
}

static void take_header_end(void *context, enum mime_place place, bool missing_line,
                            struct str line)
{
    (void)context, (void)place, (void)missing_line, (void)line;
}

static void take_body(void *context, bool ends, struct str text)
{
    struct message *message = context;

    if (!(message->tool->parts & MAPTOOL_BODY))
        return;
    buf_add_str(&message->line, text);
    if (!ends)
        return;
    message->found |= maptool_ask(message->tool, buf_str(&message->line), true);
    buf_reset(&message->line);
}

static struct mime *new_mime(struct message *message)
{
    static const struct mime_callbacks callbacks = {
        .header = take_header, .header_end = take_header_end, .body = take_body};
    const struct conf *conf = message->tool->command.conf;
    struct mime_options options = {
        .whole = !(message->tool->parts & MAPTOOL_MIME),
        .header_limit = (size_t)conf->header_size_limit,
        .boundary_limit = (size_t)conf->mime_boundary_length_limit,
        .nesting_limit = (size_t)conf->mime_nesting_limit,
    };

    return mime_new(&options, &callbacks, message);
}

bool maptool_ask_message(struct maptool *tool)
{
    struct message message = {.tool = tool};
    struct mime *mime = new_mime(&message);
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    buf_init(&message.line, BODY_LINE_MAX);
    while ((n = getline(&line, &size, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            n--;
        mime_take(mime, true, str_from(line, (size_t)n));
    }
    if (ferror(stdin))
        fatal("read standard input: %m");
    mime_end(mime);
    mime_free(mime);
    buf_done(&message.line);
    free(line);
    return message.found;
}
