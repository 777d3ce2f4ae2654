/*
 * The one place where message content turns into SMTP bytes. Everything here
 * is about a single danger: that content is taken for "end of data" by us, by
 * the next server, or by one behind it.
 */
#include "client/content.h"

void content_init(struct content *content, struct stream *stream, int line_length_limit)
{
    *content = (struct content){.stream = stream, .limit = (size_t)line_length_limit};
}

/* Add bytes that hold no line end, breaking the line where it would be too long. */
static void add(struct content *content, struct str text)
{
    while (content->limit > 0 && text.n > content->limit - content->column) {
        size_t room = content->limit - content->column;

        stream_write_str(content->stream, str_head(text, room));
        stream_write(content->stream, "\r\n ", 3);
        content->column = 1;
        content->broken = true;
        text = str_tail(text, room);
    }
    stream_write_str(content->stream, text);
    content->column += text.n;
}

void content_line(struct content *content, struct str text, bool ends)
{
    if (content->column == 0 && text.n > 0 && text.p[0] == '.')
        stream_write(content->stream, ".", 1);
    while (text.n > 0) {
        size_t n = str_find(text, '\n');

        add(content, str_head(text, n));
        if (n < text.n)
            add(content, STR(" "));
        text = str_tail(text, n + 1);
    }
    if (ends) {
        stream_write(content->stream, "\r\n", 2);
        content->column = 0;
    }
}

void content_end(struct content *content)
{
    if (content->column > 0)
        stream_write(content->stream, "\r\n", 2);
    content->column = 0;
    stream_write(content->stream, ".\r\n", 3);
}
