/* Logs of failed recipients, which other programs may have written. */
#include "fuzz.h"

#include "queue/recipient_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    struct str rest = INPUT(data, size);
    struct recipient_log_entry entry;
    size_t before = rest.n + 1;
    struct buf text;

    buf_init(&text, 64 << 20);
    while (recipient_log_next(&rest, "4.0.0", "delayed", arena, &entry)) {
        HOLDS(rest.n < before);
        before = rest.n;
        HOLDS(entry.recipient && entry.reason && entry.status && entry.action);
        buf_reset(&text);
        recipient_log_format(&text, &entry, true);
    }
    buf_done(&text);
    arena_free(arena);
    return 0;
}
