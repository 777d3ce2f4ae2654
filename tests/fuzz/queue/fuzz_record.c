/* Records: what is parsed is within the input, and written again it is the same. */
#include "fuzz.h"

#include "queue/id.h"
#include "queue/maildrop.h"
#include "queue/record.h"

static void judge(struct str rest)
{
    struct maildrop_check check = {0};
    struct record record;
    struct fail why;

    while (!check.ended && record_parse(&rest, 0, &record) == 1)
        if (maildrop_judge(&check, &record, false, &why) == MAILDROP_REFUSE)
            return;
    (void)maildrop_complete(&check);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = INPUT(data, size < 100000 ? size : 100000), rest = input;
    struct queue_id_parts id;
    struct record record;

    while (record_parse(&rest, 0, &record) == 1) {
        struct size_record parsed;
        struct str name, value;
        struct fail why;

        HOLDS(record.data.n <= input.n);
        HOLDS(rest.n < input.n);
        (void)record_attribute(record.data, &name, &value);
        (void)!size_record_parse(record.data, &parsed, &why);
    }
    judge(input);
    if (queue_id_valid(input))
        (void)queue_id_decode(input, &id);
    return 0;
}
