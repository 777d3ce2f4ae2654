/*
 * Queue files of any content: read to the end or refused, recipients lie in
 * the file, and no text holds what could break a line.
 */
#include "fuzz.h"

#include "queue/envelope.h"

#include <unistd.h>

static void check_recipients(const struct envelope *envelope, size_t size)
{
    for (size_t i = 0; i < envelope->n; i++) {
        HOLDS(envelope->recipients[i].offset > 0);
        HOLDS((size_t)envelope->recipients[i].offset < size);
        HOLDS(strpbrk(envelope->recipients[i].address, "\r\n") == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    struct envelope envelope;
    struct fail why = {0};
    int fd = fuzz_file(data, size);

    if (envelope_read(fd, 2, arena, &envelope, &why) == 0) {
        int rounds = 0;

        HOLDS(strpbrk(envelope.sender, "\r\n") == NULL);
        check_recipients(&envelope, size);
        while (envelope.next != 0 && rounds++ < 100000) {
            if (envelope_read_more(fd, 2, arena, &envelope, &why) < 0)
                break;
            check_recipients(&envelope, size);
        }
    }
    close(fd);
    arena_free(arena);
    return 0;
}
