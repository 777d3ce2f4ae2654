/*
 * cleanup(8): takes new mail from clients, puts its envelope and header in
 * order, and makes it a file of the incoming queue. When a client has its
 * answer, the message is on stable storage.
 *
 * Reading order: main.c (the request), queue/intake.c (records from a client),
 * message.c (one message from opening to verdict), envelope.c, recipient.c,
 * rewrite.c and alias.c (addresses), content.c (the MIME engine's client),
 * checks.c (header and body checks), header.c (what each header means),
 * complete.c (headers that are missing), notify.c (what senders hear).
 */
#include "cleanup/cleanup.h"
#include "queue/intake.h"
#include "util/log.h"

enum { RECORD_GIVE_UP = 'a' }; /* on the wire only */

/* Refused before anything was sent. */
static int refuse(struct client *client, const struct fail *reason)
{
    log_warning("%s", reason->text);
    ipc_put(client->stream, &submit_opened_message,
            &(struct submit_opened){
                .status = SUBMIT_WRITE_ERROR, .reason = reason->text, .queue_id = ""});
    return 0;
}

/* All records up to the last one: 1 = E came, 0 = the client gave up, -1 = it is gone. */
static int take_records(struct stream *stream, struct message *m, struct fail *why)
{
    struct intake intake;
    struct record record = {0};
    int result = 0;

    intake_init(&intake, stream);
    while (result == 0 && record.type != RECORD_GIVE_UP && record.type != RECORD_END) {
        result = intake_next(&intake, &record, why);
        if (result == 0 && record.type == RECORD_MILTER)
            filter_take(m, record.data, stream_take_fd(stream));
        else if (result == 0 && record.type != RECORD_GIVE_UP)
            message_record(m, record.type, record.data);
    }
    intake_done(&intake);
    return result < 0 ? -1 : record.type == RECORD_END;
}

static int submit(struct client *client, struct fail *why)
{
    struct submit ask;
    struct message m;
    struct cleaner *cleaner = client->process->state;
    struct fail reason;
    int result;

    if (ipc_receive(client->stream, &submit_message, client->arena, &ask, why) < 0)
        return -1;
    if (message_open(&m, cleaner, &ask, client->arena, &reason) < 0)
        return refuse(client, &reason);
    ipc_put(client->stream, &submit_opened_message,
            &(struct submit_opened){.reason = "", .queue_id = m.draft.id});
    if (stream_flush(client->stream) != STREAM_OK) {
        message_abandon(&m);
        return -1;
    }
    if (ask.flags & SUBMIT_EDIT)
        stream_accept_fds(client->stream);
    result = take_records(client->stream, &m, why);
    /* a client that waited too long and went has the message still: it is not ours */
    if (result == 1 && !stream_is_hung_up(client->stream)) {
        struct submit_done done = message_close(&m);

        ipc_put(client->stream, &submit_done_message, &done);
    } else {
        message_abandon(&m);
    }
    return result < 0 ? -1 : 0;
}

static void warn(void *context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

static int set_up(struct process *process, struct fail *why)
{
    struct cleaner *cleaner = ARENA_NEW(process->arena, struct cleaner);

    process->state = cleaner;
    if (cleaner_init(cleaner, process->conf, process->arena, why) < 0)
        return -1;
    tables_each_warning(cleaner->tables, warn, NULL);
    if (process->conf->daemon_table_open_error_is_fatal &&
        tables_open_failure(cleaner->tables))
        return fail_set(why, "%s", tables_open_failure(cleaner->tables));
    return 0;
}

static const char *outdated(struct process *process)
{
    const struct cleaner *cleaner = process->state;

    return tables_outdated(cleaner->tables);
}

static const struct request requests[] = {{"submit", submit}, {0}};

static const struct service cleanup = {
    .name = "cleanup",
    .kind = SERVICE_ONE_CLIENT,
    .before_jail = set_up,
    .outdated = outdated,
    .requests = requests,
    .flags = SERVICE_UNLIMITED,
};

int main(int argc, char **argv)
{
    return service_run(&cleanup, argc, argv);
}
