/*
 * postdrop(1): puts one message of a local user into maildrop/. Set-gid, and
 * the only program that lets users write below the queue directory.
 *
 * Nothing of the caller is believed: environment, signals and limits are shed
 * first, the configuration directory is one that root has listed, every record is
 * judged by queue/maildrop.h, and the arrival time is our own. A file that was not
 * finished is removed, whatever ends us: the signals that would are not caught
 * but read, while waiting for input, so that there is no handler to race with.
 */
#include "commands/access.h"
#include "ipc/client.h"
#include "ipc/messages.h"
#include "queue/draft.h"
#include "queue/intake.h"
#include "queue/maildrop.h"
#include "queue/submit.h"
#include "util/log.h"
#include "util/stream.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TRIGGER_MS = 2000 };

/* The caller's two ends, and the signals that stop us. */
struct caller {
    int signals; /* signalfd */
    struct stream *stream;
};

struct drop {
    struct command command;
    struct caller caller;
    struct spool spool;
    struct draft draft;
    struct maildrop_check check;
    bool begun; /* a record was taken */
    int status; /* why the message is not taken; SUBMIT_BAD_RECORD unless more is known */
};

/* --- the caller's stream --- */

static ssize_t read_input(void *state, void *p, size_t n)
{
    const struct caller *caller = state;
    struct pollfd ready[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = caller->signals, .events = POLLIN}};

    while (poll(ready, COUNT(ready), -1) < 0)
        if (errno != EINTR)
            return -1;
    if (ready[1].revents) {
        errno = ECANCELED; /* EINTR would be tried again */
        return -1;
    }
    return read(STDIN_FILENO, p, n);
}

static ssize_t write_output(void *state, const void *p, size_t n)
{
    (void)state;
    return write(STDOUT_FILENO, p, n);
}

static void open_caller(struct caller *caller)
{
    static const struct stream_ops ops = {.read = read_input, .write = write_output};
    sigset_t stops;

    sigemptyset(&stops);
    sigaddset(&stops, SIGHUP);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGQUIT);
    sigaddset(&stops, SIGTERM);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    caller->signals = signalfd(-1, &stops, SFD_CLOEXEC);
    if (caller->signals < 0)
        fatal("signalfd: %m");
    caller->stream = stream_new(STDIN_FILENO, 0);
    stream_set_ops(caller->stream, &ops, caller);
}

/* --- the message --- */

static void start_file(struct drop *drop)
{
    const struct postdrop_opened opened = {.protocol = "postdrop_protocol",
                                           .queue_id = drop->draft.id};

    draft_printf(&drop->draft, RECORD_TIME, "%ld %ld", (long)drop->draft.created.tv_sec,
                 (long)drop->draft.created.tv_usec);
    ipc_put(drop->caller.stream, &postdrop_opened_message, &opened);
}

/* The sender is one that this user may use; -1 with the words to answer. */
static int check_sender(struct drop *drop, struct str sender, struct fail *why)
{
    int allowed = access_sender(&drop->command, sender, why);

    if (allowed == 1)
        return 0;
    drop->status = allowed < 0 ? SUBMIT_TRY_AGAIN : SUBMIT_REJECTED;
    return -1;
}

/* First of all records, it holds wishes: pickup looks for it there alone. */
static bool is_wishes(const struct drop *drop, const struct record *record)
{
    struct size_record size;

    return record->type == RECORD_SIZE && !drop->begun &&
           size_record_parse(record->data, &size, NULL) == 0;
}

/* Attributes with a warning; what else is left out, our own programs send. */
static void leave_out(const struct record *record)
{
    struct str name, value;

    if (record->type != RECORD_ATTRIBUTE)
        return;
    if (record_attribute(record->data, &name, &value))
        log_warning("uid=%ld: ignoring attribute record: %.*s", (long)getuid(),
                    STR_ARG(record->data));
}

/* The next record. 1 = taken, 0 = the input ended here, -1 = it is none, or no one's to
 * say. */
static int take_record(struct drop *drop, struct intake *intake, struct fail *why)
{
    struct record record;
    struct str input;

    stream_skip(drop->caller.stream, intake->taken);
    intake->taken = 0;
    if (stream_peek(drop->caller.stream, &input) == STREAM_EOF)
        return 0;
    if (intake_next(intake, &record, why) < 0)
        return -1;
    switch (maildrop_judge(&drop->check, &record, false, why)) {
    case MAILDROP_TAKE:
        if (record.type == RECORD_SENDER && check_sender(drop, record.data, why) < 0)
            return -1;
        draft_add(&drop->draft, record.type, record.data);
        break;
    case MAILDROP_DROP:
        if (is_wishes(drop, &record))
            draft_add(&drop->draft, record.type, record.data);
        else
            leave_out(&record);
        break;
    case MAILDROP_OVER: /* only what was put back can be */
    case MAILDROP_REFUSE:
        return -1;
    }
    drop->begun = true;
    return 1;
}

/* All of the message: 1, 0 when the caller gave it up, -1. */
static int take_message(struct drop *drop, struct fail *why)
{
    struct intake intake;
    int more = 1;

    intake_init(&intake, drop->caller.stream);
    while (more == 1 && !maildrop_complete(&drop->check)) {
        more = take_record(drop, &intake, why);
        if (draft_failed(&drop->draft)) /* a full disk is said at once */
            break;
    }
    intake_done(&intake);
    return more;
}

/* --- the answer --- */

static void answer(struct drop *drop, int status, const char *reason)
{
    const struct status_reply reply = {.status = status, .reason = reason};

    ipc_put(drop->caller.stream, &status_reply_message, &reply);
    if (stream_flush(drop->caller.stream) != STREAM_OK && log_verbose())
        log_info("the caller did not wait for the answer");
}

/* It is on stable storage or it is nowhere. */
static int finish(struct drop *drop)
{
    const struct conf *conf = drop->command.conf;
    struct fail why;
    int status;

    if (draft_finish(&drop->draft, SPOOL_MODE_MAILDROP, NULL, &why) < 0) {
        status = why.code == EFBIG ? SUBMIT_TOO_BIG : SUBMIT_WRITE_ERROR;
        log_warning("uid=%ld: %s", (long)getuid(),
                    why.code ? strerror(why.code) : why.text);
        answer(drop, status, submit_status_text(status));
        return 1;
    }
    /* When nobody listens, the next wakeup of pickup finds the file. */
    if (ipc_trigger(
            arena_printf(drop->command.arena, "public/%s", conf->pickup_service_name),
            "W", TRIGGER_MS, &why) < 0 &&
        log_verbose())
        log_info("%s", why.text);
    answer(drop, SUBMIT_OK, "");
    return 0;
}

static int drop_message(struct drop *drop)
{
    struct fail why;
    int taken;

    start_file(drop);
    if (stream_flush(drop->caller.stream) != STREAM_OK) {
        draft_abandon(&drop->draft);
        return 1;
    }
    taken = take_message(drop, &why);
    if (taken == 1)
        return finish(drop);
    draft_abandon(&drop->draft);
    if (taken == 0)
        return 0;
    answer(drop, drop->status, why.text);
    if (drop->status == SUBMIT_BAD_RECORD)
        fatal("uid=%ld: %s", (long)getuid(), why.text);
    return 1;
}

static void parse(struct command *command, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "c:rv")) != -1)
        switch (option) {
        case 'c':
            command->directory = optarg;
            break;
        case 'r': /* compat: once told that input is a stream of records */
            break;
        case 'v':
            command->verbose++;
            break;
        default:
            fatal("usage: postdrop [-c config_dir] [-v]");
        }
}

int main(int argc, char **argv)
{
    struct drop drop = {.status = SUBMIT_BAD_RECORD};
    struct fail why;

    command_shed_environment(&drop.command);
    command_start(&drop.command, "postdrop");
    parse(&drop.command, argc, argv);
    command_check_directory(&drop.command);
    command_configure(&drop.command);
    command_enter_queue(&drop.command);
    access_require(&drop.command, "authorized_submit_users",
                   drop.command.conf->authorized_submit_users, "submit mail");
    spool_init(&drop.spool, drop.command.conf->hash_queue_names,
               drop.command.conf->hash_queue_depth,
               drop.command.conf->enable_long_queue_ids);
    open_caller(&drop.caller);
    if (draft_create(&drop.draft, &drop.spool, QUEUE_MAILDROP, &why) < 0)
        fatal("%s", why.text);
    drop.draft.limit = drop.command.conf->message_size_limit;
    return drop_message(&drop);
}
