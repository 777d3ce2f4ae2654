/* Messages between daemons: a compromised one may say anything. */
#include "fuzz.h"

#include "ipc/messages.h"
#include "util/stream.h"

static void over_memory(struct str input)
{
    struct arena *arena = arena_new("fuzz");
    struct str rest = input;
    struct deliver deliver;
    struct fail why;
    ssize_t n = ipc_length(input);

    HOLDS(n <= (ssize_t)input.n);
    (void)!ipc_decode_announcement(&rest, "qmgr", &why);
    if (ipc_decode(&rest, &deliver_message, arena, &deliver, &why) == 0)
        HOLDS(deliver.queue_id && deliver.sender && rest.n < input.n);
    arena_free(arena);
}

static void over_stream(const uint8_t *data, size_t size, size_t step)
{
    struct arena *arena = arena_new("fuzz");
    struct stream *stream = fuzz_stream(data, size, step);
    struct bounce_append entry;
    const char *request;
    struct fail why;

    while (ipc_receive_request(stream, arena, &request, &why) == 1 &&
           ipc_receive(stream, &bounce_append_message, arena, &entry, &why) == 0)
        HOLDS(entry.recipient && entry.reason);
    stream_free(stream);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    over_memory(INPUT(data, size));
    over_stream(data, size, 100000);
    over_stream(data, size, 1);
    return 0;
}
