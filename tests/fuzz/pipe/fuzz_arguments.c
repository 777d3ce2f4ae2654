/*
 * A command of master.cf, a word a line, for a recipient whose address is the last line:
 * as many words come out as went in, whatever the address says.
 */
#include "fuzz.h"

#include "pipe/arguments.h"

static struct conf conf = {.recipient_delimiter = "+-", .double_bounce_sender = "d-b"};
static struct process process = {.name = "p", .conf = &conf};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new("fuzz");
    struct texts words = {0}, got = {0};
    struct delivery_recipient recipient = {0};
    struct delivery delivery = {
        .process = &process, .arena = arena, .recipients = &recipient, .n = 1};
    struct settings settings = {.flags = size % 8, .null_sender = "<>"};
    struct fail why;

    texts_split(&words, arena, INPUT(data, size < 20000 ? size : 20000), "\n");
    if (words.n > 1) {
        recipient.address = recipient.original = words.items[words.n - 1];
        delivery.request.sender = delivery.request.nexthop = recipient.address;
        delivery.request.queue_id = delivery.request.client_name = recipient.address;
        delivery.request.client_address = delivery.request.client_helo = "";
        delivery.request.client_port = delivery.request.client_protocol = "";
        delivery.request.envelope_id = delivery.request.sasl_method = "";
        delivery.request.sasl_sender = delivery.request.sasl_username = "";
        words.items[words.n - 1] = NULL;
        settings.argv = words.items;
        if (arguments_expand(&settings, &delivery, &got, &why) == 0)
            HOLDS(got.n == words.n - 1 && got.items[got.n] == NULL);
    }
    arena_free(arena);
    return 0;
}
