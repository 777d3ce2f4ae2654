/*
 * Answers of policy servers: what an answer says does not depend on how its bytes come,
 * and what is taken for an action stands in it, behind "action=" at the start of a line.
 */
#include "fuzz.h"

#include "smtpd/policy.h"
#include "util/stream.h"

static const char *read_reply(const uint8_t *data, size_t size, size_t step,
                              struct arena *arena)
{
    struct stream *stream = fuzz_stream(data, size, step);
    const char *action = NULL;
    struct fail why;

    if (policy_reply_read(stream, arena, &action, &why) < 0)
        HOLDS(action == NULL && *why.text != '\0');
    else
        HOLDS(action != NULL && str_find_any(str_of(action), "\n") == strlen(action));
    stream_free(stream);
    return action;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    const char *whole = read_reply(data, size, 1 << 20, arena);
    const char *piecemeal = read_reply(data, size, 1, arena);

    HOLDS((whole == NULL) == (piecemeal == NULL));
    HOLDS(whole == NULL || strcmp(whole, piecemeal) == 0);
    HOLDS(whole == NULL || size >= strlen("action=\n\n") + strlen(whole));
    arena_free(arena);
    return 0;
}
