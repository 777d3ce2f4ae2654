/* The showq protocol as postqueue reads it: whatever comes, each text that is shown is
 * bounded, and the result does not depend on the pieces that it comes in. */
#include "fuzz.h"

#include "queue/listing_wire.h"

struct sum {
    size_t messages, bytes;
};

static int note(void *context, const struct listing_message *m)
{
    struct sum *sum = context;

    sum->messages++;
    sum->bytes += strlen(m->queue) + strlen(m->id) + strlen(m->sender);
    for (size_t i = 0; i < m->n; i++)
        sum->bytes += strlen(m->recipients[i].address) + strlen(m->recipients[i].reason);
    return 0;
}

static int receive(const uint8_t *data, size_t size, size_t step, struct sum *sum)
{
    struct stream *s = fuzz_stream(data, size, step);
    struct fail why = {0};
    int result = listing_receive(s, note, sum, &why);

    HOLDS(result == 0 || why.text[0] != '\0');
    stream_free(s);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum whole = {0}, pieces = {0};

    HOLDS(receive(data, size, size + 1, &whole) == receive(data, size, 3, &pieces));
    HOLDS(whole.messages == pieces.messages && whole.bytes == pieces.bytes);
    HOLDS(whole.bytes <= size);
    return 0;
}
