/* A submission as postdrop and pickup judge it: what is taken is a message with one
 * sender and recipients, without line breaks or NULs in its envelope. */
#include "fuzz.h"

#include "queue/maildrop.h"
#include "queue/reader.h"

#include <unistd.h>

/* What was taken so far. */
struct taken {
    size_t senders, recipients;
    bool in_content;
};

static void take(struct taken *taken, const struct record *record, bool trusted)
{
    HOLDS(record->type != 0);
    HOLDS(taken->in_content || record_fits_envelope(record->data));
    HOLDS(trusted || strchr("CcTWI/DpPreOK>w", record->type) == NULL);
    taken->senders += record->type == RECORD_SENDER;
    taken->recipients += record->type == RECORD_RECIPIENT;
    HOLDS(taken->senders <= 1);
    if (record->type == RECORD_CONTENT)
        taken->in_content = true;
    if (record->type == RECORD_EXTRACTED)
        taken->in_content = false;
}

static void judge(int fd, bool trusted)
{
    struct maildrop_check check = {0};
    struct record_reader reader;
    struct record record;
    struct taken taken = {0};
    struct fail why;

    record_reader_init(&reader, fd, 0);
    while (!maildrop_complete(&check) &&
           record_read(&reader, &record, &why) == RECORD_OK) {
        enum maildrop_verdict verdict = maildrop_judge(&check, &record, trusted, &why);

        if (verdict == MAILDROP_REFUSE)
            break;
        if (verdict == MAILDROP_TAKE)
            take(&taken, &record, trusted);
    }
    if (maildrop_complete(&check))
        HOLDS(taken.senders == 1 && taken.recipients > 0);
    record_reader_done(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = fuzz_file(data, size);

    judge(fd, false);
    judge(fd, true);
    close(fd);
    return 0;
}
