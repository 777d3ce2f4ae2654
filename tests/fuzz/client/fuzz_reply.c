/* Replies of a hostile SMTP server: bounded, printable, the same in any pieces. */
#include "fuzz.h"

#include "client/reply.h"

static void check(const struct reply *reply)
{
    HOLDS(reply->code == 0 || (reply->code >= 200 && reply->code <= 599));
    HOLDS(reply->text != NULL && strlen(reply->text) <= REPLY_TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    struct stream *whole = fuzz_stream(data, size, 1 << 20);
    struct stream *piecemeal = fuzz_stream(data, size, 1);
    struct reply a, b;
    enum stream_result result;

    do {
        result = reply_read(whole, arena, NULL, &a);
        HOLDS(reply_read(piecemeal, arena, NULL, &b) == result);
        if (result != STREAM_OK)
            break;
        check(&a);
        HOLDS(a.code == b.code && strcmp(a.text, b.text) == 0);
        (void)reply_line(&a, arena);
    } while (true);
    stream_free(whole);
    stream_free(piecemeal);
    arena_free(arena);
    return 0;
}
