/*
 * The two ends of a delivery request: taking it from the queue manager, with
 * the open queue file, and answering it. And the message's content, read without
 * moving the file position, which all processes with this file share.
 */
#include "deliver/deliver.h"

#include "deliver/logs.h"
#include "deliver/rights.h"
#include "queue/reader.h"
#include "queue/spool.h"
#include "util/log.h"

#include <sys/stat.h>
#include <unistd.h>

enum { RECIPIENTS_MAX = 1 << 20 }; /* of one request; more is a bug of the sender */

static int receive_recipients(struct client *client, struct delivery *delivery,
                              struct fail *why)
{
    long long n = delivery->request.recipients;

    if (n <= 0 || n > RECIPIENTS_MAX)
        return fail_set(why, "request to deliver to %lld recipients", n);
    delivery->n = (size_t)n;
    delivery->recipients =
        arena_array(client->arena, delivery->n, sizeof *delivery->recipients);
    for (size_t i = 0; i < delivery->n; i++) {
        struct deliver_recipient told;

        if (ipc_receive(client->stream, &deliver_recipient_message, client->arena, &told,
                        why) < 0)
            return -1;
        delivery->recipients[i] = (struct delivery_recipient){
            .address = told.address,
            .original = told.original,
            .orcpt = told.orcpt,
            .offset = told.offset,
            .notify = (int)told.notify,
        };
    }
    return 0;
}

int delivery_receive(struct client *client, struct delivery *ret, struct fail *why)
{
    struct delivery delivery = {.process = client->process, .arena = client->arena};
    struct timeval now;

    if (ipc_receive(client->stream, &deliver_message, client->arena, &delivery.request,
                    why) < 0 ||
        receive_recipients(client, &delivery, why) < 0)
        return -1;
    delivery.fd = stream_take_fd(client->stream);
    if (delivery.fd < 0)
        return fail_set(why, "%s: request to deliver without a queue file",
                        delivery.request.queue_id);
    now = clock_wall(&clock_system);
    delivery.started_us = (int64_t)now.tv_sec * 1000000 + now.tv_usec;
    *ret = delivery;
    return 0;
}

void delivery_destination_trouble(struct delivery *delivery, const char *status,
                                  const char *reason)
{
    delivery->trouble_status = arena_copy(delivery->arena, status);
    delivery->trouble = arena_copy(delivery->arena, reason);
}

/* An agent that forgets somebody has a bug, but the mail is not to suffer from it. */
static void report_forgotten(struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->n; i++) {
        struct outcome outcome;

        if (delivery->recipients[i].reported)
            continue;
        log_warning("%s: %s left recipient <%s> without an outcome",
                    delivery->request.queue_id, delivery->process->name,
                    delivery->recipients[i].address);
        outcome = outcome_make(delivery->arena, "4.3.0", "internal software error");
        delivery_report(delivery, &delivery->recipients[i], &outcome);
    }
}

int delivery_finish(struct client *client, struct delivery *delivery, struct fail *why)
{
    struct delivered answer;

    (void)why;
    report_forgotten(delivery);
    answer = (struct delivered){
        .deferred = (long long)delivery->deferred,
        .unlogged = (long long)(delivery->unlogged < delivery->deferred
                                    ? delivery->unlogged
                                    : delivery->deferred), /* parts count one by one */
        .status = delivery->trouble_status,
        .reason = delivery->trouble,
    };
    logs_close(delivery);
    record_reader_done(&delivery->content);
    rights_give_back(delivery);
    close(delivery->fd);
    delivery->fd = -1;
    ipc_put(client->stream, &delivered_message, &answer);
    return 0;
}

/* 1 = take it, 0 = the content is over, -1 = it does not belong here. */
static int judge(const struct record *record, struct fail *why)
{
    switch (record->type) {
    case RECORD_LINE:
    case RECORD_CHUNK:
        return 1;
    case RECORD_EXTRACTED:
        return 0;
    default:
        return fail_set(why, "record of type %d in the message content at offset %lld",
                        record->type, (long long)record->offset);
    }
}

static int read_content(struct record_reader *reader,
                        int (*line)(void *context, struct str text, bool ends),
                        void *context, struct fail *why)
{
    struct record record;

    for (;;) {
        enum record_result result = record_read(reader, &record, why);
        int wanted;

        if (result == RECORD_EOF)
            return fail_set(why, "the message content has no end");
        if (result != RECORD_OK)
            return -1;
        if (record.type == RECORD_PAD)
            continue;
        wanted = judge(&record, why);
        if (wanted <= 0)
            return wanted;
        if (line(context, record.data, record.type == RECORD_LINE) != 0)
            return 1;
    }
}

/*
 * A message is often read twice, for its Delivered-To: lines and to be copied:
 * what fits into the reader's window costs one read.
 */
static struct record_reader *reader_of(struct delivery *delivery)
{
    struct record_reader *reader = &delivery->content;
    struct record_reader fresh;

    record_reader_init(&fresh, delivery->fd, delivery->request.data_offset);
    if (reader->window.max == 0)
        *reader = fresh;
    record_reader_seek(reader, fresh.next);
    reader->jumps_left = fresh.jumps_left;
    return reader;
}

int delivery_content(struct delivery *delivery,
                     int (*line)(void *context, struct str text, bool ends),
                     void *context, struct fail *why)
{
    int result = read_content(reader_of(delivery), line, context, why);

    return result < 0 ? fail_prefix(why, "queue file %s", delivery->request.queue_id)
                      : result;
}

void delivery_mark_corrupt(struct delivery *delivery)
{
    if (fchmod(delivery->fd, SPOOL_MODE_CORRUPT) < 0)
        log_warning("%s: mark the queue file as corrupt: %m", delivery->request.queue_id);
}
