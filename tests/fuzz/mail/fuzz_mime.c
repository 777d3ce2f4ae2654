/* MIME structure in any pieces, and conversion to 7 bits: both end, and nothing
 * multiplies. */
#include "fuzz.h"

#include "mail/mime.h"
#include "util/buf.h"

struct sum {
    size_t headers, body;
};

static void on_header(void *context, enum mime_place place, struct str logical)
{
    struct sum *sum = context;

    (void)place;
    HOLDS(logical.n > 0);
    sum->headers++;
}

static void on_header_end(void *context, enum mime_place place, bool missing,
                          struct str line)
{
    (void)context, (void)place, (void)missing, (void)line;
}

static void on_body(void *context, bool ends, struct str text)
{
    struct sum *sum = context;

    sum->body += text.n + ends;
}

static void on_error(void *context, enum mime_error error, struct str text)
{
    (void)context, (void)text;
    HOLDS(mime_error_text(error) != NULL);
}

static struct sum run(struct str input, bool to_7bit, size_t chunk)
{
    static const struct mime_callbacks callbacks = {on_header, on_header_end, on_body,
                                                    on_error};
    const struct mime_options options = {.to_7bit = to_7bit,
                                         .report = 31,
                                         .header_limit = 1000,
                                         .boundary_limit = 70,
                                         .nesting_limit = 5};
    struct sum sum = {0};
    struct mime *mime = mime_new(&options, &callbacks, &sum);

    while (input.n) {
        struct str line = str_until(&input, '\n');

        for (; line.n > chunk; line = str_tail(line, chunk))
            mime_take(mime, false, str_head(line, chunk));
        mime_take(mime, true, line);
    }
    mime_end(mime);
    mime_free(mime);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum whole = run(INPUT(data, size), false, 2048);

    /* Where lines are broken may decide what is a header, but never loses text. */
    HOLDS(whole.body <= 2 * size + 2 && whole.headers <= size);
    run(INPUT(data, size), false, 3);
    run(INPUT(data, size), true, 2048);
    return 0;
}
