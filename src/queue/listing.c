/*
 * From queue files and their logs to one list of messages.
 *
 * Nothing is locked: a message may be delivered while it is looked at. The
 * recipients that the defer log tells about come first, with its reasons; then
 * those of the bounce log, which the sender has not been told about yet; then those
 * that the file holds and no log.
 */
#include "queue/listing.h"

#include "mail/address.h"
#include "queue/envelope.h"
#include "queue/maildrop.h"
#include "queue/recipient_log.h"
#include "util/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 64 << 20 };

/* A message while it is put together; all in one arena. */
struct draft_entry {
    struct arena *arena;
    struct listing_message message;
    struct listing_recipient *recipients;
    size_t size;
};

static void add_recipient(struct draft_entry *entry, struct listing_recipient recipient)
{
    if (entry->message.n == entry->size) {
        size_t size = entry->size ? 2 * entry->size : 16;
        struct listing_recipient *bigger =
            arena_array(entry->arena, size, sizeof(*bigger));

        if (entry->message.n > 0)
            memcpy(bigger, entry->recipients, entry->message.n * sizeof(*bigger));
        entry->recipients = bigger;
        entry->size = size;
    }
    entry->recipients[entry->message.n++] = recipient;
    entry->message.recipients = entry->recipients;
}

static const char *show_sender(struct arena *arena, struct str sender)
{
    return sender.n == 0 ? "MAILER-DAEMON" : address_external(arena, sender);
}

/* --- queue files --- */

/* The recipients of a file, and which of them a log has told about. */
struct waiting {
    const struct envelope *envelope;
    bool *taken;
    const struct recipient *
        *ordered; /* by offset: pointers break their order in the file */
};

static int by_offset(const void *a, const void *b)
{
    const struct recipient *x = *(const struct recipient *const *)a;
    const struct recipient *y = *(const struct recipient *const *)b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void order_recipients(struct waiting *waiting, struct arena *arena)
{
    const struct envelope *envelope = waiting->envelope;

    waiting->taken = arena_array(arena, envelope->n, sizeof(*waiting->taken));
    waiting->ordered = arena_array(arena, envelope->n, sizeof(*waiting->ordered));
    for (size_t i = 0; i < envelope->n; i++)
        waiting->ordered[i] = &envelope->recipients[i];
    if (envelope->n)
        qsort(waiting->ordered, envelope->n, sizeof(*waiting->ordered), by_offset);
}

static const struct recipient *take_offset(struct waiting *waiting, long offset)
{
    const struct recipient key = {.offset = offset}, *wanted = &key;
    const size_t n = waiting->envelope->n;
    const struct recipient **found =
        n ? bsearch(&wanted, waiting->ordered, n, sizeof wanted, by_offset) : NULL;

    if (found == NULL)
        return NULL;
    waiting->taken[*found - waiting->envelope->recipients] = true;
    return *found;
}

/* A log that is shown. In bounce/, recipients are done and wait to be reported; in
 * defer/, those that are done meanwhile are left out. */
struct reasons {
    const char *log, *status, *action; /* for recipient_log_next */
    bool of_done; /* looked for only where somebody is done: most messages are spared */
};

static void add_reasons(struct draft_entry *entry, const struct spool *spool,
                        const struct reasons *reasons, struct waiting *waiting)
{
    char path[SPOOL_PATH_SIZE];
    struct recipient_log_entry told;
    struct str content;
    struct fail why;

    if (file_read(spool_path(spool, reasons->log, entry->message.id, path), LOG_BYTES_MAX,
                  entry->arena, &content, &why) < 0)
        return; /* most messages have none */
    while (recipient_log_next(&content, reasons->status, reasons->action, entry->arena,
                              &told)) {
        const struct recipient *r = take_offset(waiting, told.offset);
        const char *original = r ? r->original : told.original;

        if (r || told.offset == 0 || reasons->of_done)
            add_recipient(
                entry, (struct listing_recipient){
                           .address = told.recipient,
                           .original = address_external(entry->arena, str_of(original)),
                           .log = reasons->log,
                           .reason = told.reason});
    }
}

static void add_waiting(struct draft_entry *entry, const struct waiting *waiting)
{
    for (size_t i = 0; i < waiting->envelope->n; i++) {
        const struct recipient *r = &waiting->envelope->recipients[i];

        if (!waiting->taken[i])
            add_recipient(entry, (struct listing_recipient){
                                     address_external(entry->arena, str_of(r->address)),
                                     address_external(entry->arena, str_of(r->original)),
                                     "", ""});
    }
}

static int read_queue_file(struct draft_entry *entry, const struct spool *spool, int fd,
                           struct fail *why)
{
    static const struct reasons reasons[] = {
        {QUEUE_DEFER, "4.0.0", "delayed", false},
        {QUEUE_BOUNCE, "5.0.0", "failed", true},
    };
    struct envelope envelope;
    struct waiting waiting = {.envelope = &envelope};
    bool some_done;

    if (envelope_read(fd, SIZE_MAX, entry->arena, &envelope, why) < 0)
        return -1;
    entry->message.arrival = envelope.arrival.tv_sec;
    entry->message.size = envelope.size.content_bytes;
    entry->message.sender = show_sender(entry->arena, str_of(envelope.sender));
    order_recipients(&waiting, entry->arena);
    some_done = envelope.size.recipients > (long)envelope.n;
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (some_done || !reasons[i].of_done)
            add_reasons(entry, spool, &reasons[i], &waiting);
    add_waiting(entry, &waiting);
    return 0;
}

/* --- maildrop files --- */

static void take_submitted(struct draft_entry *entry, const struct record *record)
{
    struct str rest = record->data;
    unsigned long long seconds;

    switch (record->type) {
    case RECORD_TIME:
        if (str_number(str_word(&rest, " "), 99999999999ULL, &seconds))
            entry->message.arrival = (time_t)seconds;
        break;
    case RECORD_SENDER:
        entry->message.sender = show_sender(entry->arena, record->data);
        break;
    case RECORD_RECIPIENT:
        add_recipient(entry,
                      (struct listing_recipient){
                          address_external(entry->arena, record->data), "", "", ""});
        break;
    default:
        break;
    }
}

static int read_submission(struct draft_entry *entry, int fd, struct fail *why)
{
    struct maildrop_check check = {0};
    struct record_reader reader;
    struct record record;
    enum record_result result = RECORD_OK;

    entry->message.sender = "MAILER-DAEMON";
    record_reader_init(&reader, fd, 0);
    while (!maildrop_complete(&check) &&
           (result = record_read(&reader, &record, why)) == RECORD_OK) {
        bool in_content = check.segment == MAILDROP_CONTENT;

        /* postdrop puts a T in front, which no submitter may */
        if (record.type != RECORD_TIME &&
            maildrop_judge(&check, &record, false, why) == MAILDROP_REFUSE) {
            result = RECORD_CORRUPT;
            break;
        }
        if (!in_content)
            take_submitted(entry, &record);
    }
    record_reader_done(&reader);
    return result == RECORD_OK ? 0 : -1;
}

/* --- queues --- */

static int starts_with_size(int fd)
{
    char type = '\0';

    return pread(fd, &type, 1, 0) == 1 && type == RECORD_SIZE;
}

/* 1 = the entry is complete, 0 = there is nothing to show. */
static int read_message(struct draft_entry *entry, const struct spool *spool)
{
    const struct listing_message *m = &entry->message;
    struct fail why;
    struct stat st;
    int fd, result;

    if (spool_open(spool, m->queue, m->id, O_RDONLY, &fd, &why) <= 0)
        return 0;
    if (fstat(fd, &st) < 0 || !spool_is_ready(&st)) {
        close(fd);
        return 0;
    }
    entry->message.forced_expire = st.st_mode & SPOOL_BIT_EXPIRE;
    if (starts_with_size(fd)) {
        result = read_queue_file(entry, spool, fd, &why);
    } else {
        entry->message.size = st.st_size;
        result = read_submission(entry, fd, &why);
    }
    close(fd);
    return result == 0;
}

static int list_queue(const struct spool *spool, const char *queue,
                      int (*show)(void *context, const struct listing_message *message),
                      void *context, struct arena *arena, struct fail *why)
{
    struct spool_scan *scan = spool_scan_new(queue, 0, why);
    const char *id, *path;
    struct fail skipped;
    int more, result = 0;

    if (scan == NULL)
        return -1;
    while (result == 0 && (more = spool_scan_next(scan, &id, &path, &skipped)) != 0) {
        struct draft_entry entry = {.arena = arena, .message = {.queue = queue}};

        if (more < 0)
            continue;
        arena_reset(arena);
        entry.message.id = arena_copy(arena, id);
        if (read_message(&entry, spool))
            result = show(context, &entry.message);
    }
    spool_scan_free(scan);
    return result;
}

int listing_run(const struct spool *spool,
                int (*show)(void *context, const struct listing_message *message),
                void *context, struct fail *why)
{
    static const char *const queues[] = {QUEUE_MAILDROP, QUEUE_ACTIVE, QUEUE_INCOMING,
                                         QUEUE_DEFERRED, QUEUE_HOLD};
    struct arena *arena = arena_new("message");
    int result = 0;

    for (size_t i = 0; i < COUNT(queues) && result == 0; i++)
        result = list_queue(spool, queues[i], show, context, arena, why);
    arena_free(arena);
    return result;
}
