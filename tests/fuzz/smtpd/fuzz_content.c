/*
 * Message data: the end is found at the same place, with the same records,
 * however the bytes come; under the strict rules no lone dot gets through.
 */
#include "fuzz.h"

#include "smtpd/content.h"
#include "util/buf.h"

static void record(void *context, int type, struct str data)
{
    struct buf *out = context;

    buf_add_char(out, (char)type);
    buf_add_str(out, data);
    buf_add_char(out, '\n');
}

static struct content run(const uint8_t *data, size_t size, size_t step,
                          enum bare_newline policy, struct buf *out)
{
    const struct content_rules rules = {.line_max = 100,
                                        .limit = 100000,
                                        .bare_newline = policy,
                                        .record = record,
                                        .context = out};
    struct stream *stream = fuzz_stream(data, size, step);
    struct content content = content_read(stream, &rules);

    stream_free(stream);
    return content;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum bare_newline policies[] = {BARE_NEWLINE_ALLOW,
                                                 BARE_NEWLINE_NORMALIZE,
                                                 BARE_NEWLINE_NOTE, BARE_NEWLINE_REJECT};

    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        struct buf whole, piecemeal;
        struct content a, b;

        buf_init(&whole, 64 << 20);
        buf_init(&piecemeal, 64 << 20);
        a = run(data, size, 1 << 20, policies[i], &whole);
        b = run(data, size, 1, policies[i], &piecemeal);
        HOLDS(a.result == b.result && a.bytes == b.bytes && a.bare_lf == b.bare_lf);
        HOLDS(str_eq(buf_str(&whole), buf_str(&piecemeal)));
        buf_done(&whole);
        buf_done(&piecemeal);
    }
    return 0;
}
