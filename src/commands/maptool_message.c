/*
 * Header and body lines of a message as keys: how cleanup(8) would ask the
 * tables of header_checks and body_checks. A header is one key with its
 * continuation lines and the line ends between them.
 */
#include "commands/maptool.h"

#include "mail/header.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { HEADER_MAX = 1 << 20 };

struct message {
    struct maptool *tool;
    struct buf header; /* that is being put together */
    bool in_body, found;
};

static void end_header(struct message *message)
{
    if (message->header.n > 0 && (message->tool->parts & MAPTOOL_HEADER))
        message->found |= maptool_ask(message->tool, buf_str(&message->header), true);
    buf_reset(&message->header);
}

static void take_body(struct message *message, struct str line)
{
    if (message->tool->parts & MAPTOOL_BODY)
        message->found |= maptool_ask(message->tool, line, true);
}

static void take_line(struct message *message, struct str line)
{
    if (message->in_body) {
        take_body(message, line);
    } else if (header_is_continuation(line) && message->header.n > 0) {
        buf_add_char(&message->header, '\n');
        buf_add_str(&message->header, line);
    } else if (header_name_length(line) > 0) {
        end_header(message);
        buf_add_str(&message->header, line);
    } else {
        end_header(message);
        message->in_body = true;
        take_body(message, line);
    }
}

bool maptool_ask_message(struct maptool *tool)
{
    struct message message = {.tool = tool};
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    if (tool->parts & MAPTOOL_MIME)
        fatal("-m: MIME structure is not known yet");
    buf_init(&message.header, HEADER_MAX);
    while ((n = getline(&line, &size, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            n--;
        take_line(&message, str_from(line, (size_t)n));
    }
    end_header(&message);
    buf_done(&message.header);
    free(line);
    return message.found;
}
