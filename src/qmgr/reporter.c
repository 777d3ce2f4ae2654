/*
 * Reports are rare, or come in crowds when a big destination fails. Each has
 * a connection of its own, for the services have one process a client.
 */
#include "qmgr/reporter.h"

#include "ipc/channel.h"
#include "ipc/messages.h"
#include "util/log.h"
#include "util/memory.h"

#include <stdio.h>

enum { AT_ONCE = 20 };

struct report {
    struct report *next;
    struct reporter *reporter;
    struct message *message;
    const char *service, *request;
    void (*told)(struct message *message, bool ok);
    struct channel *channel;
    struct loop_timer *failed; /* connecting failed; told from the loop */
    bool repeated;
};

struct reporter {
    struct manager *manager;
    struct report *waiting, **last;
    struct report *running;
    size_t n; /* running */
};

struct reporter *reporter_new(struct manager *manager)
{
    struct reporter *reporter = MEMORY_NEW(struct reporter);

    reporter->manager = manager;
    reporter->last = &reporter->waiting;
    return reporter;
}

static void report_free(struct report *report)
{
    channel_close(report->channel);
    loop_cancel(report->reporter->manager->loop, report->failed);
    free(report);
}

static void free_all(struct report *report)
{
    while (report) {
        struct report *next = report->next;

        report_free(report);
        report = next;
    }
}

void reporter_free(struct reporter *reporter)
{
    if (!reporter)
        return;
    free_all(reporter->waiting);
    free_all(reporter->running);
    free(reporter);
}

static void run(struct reporter *reporter);

static void end(struct report *report, bool ok)
{
    struct reporter *reporter = report->reporter;
    struct message *message = report->message;
    void (*told)(struct message *, bool) = report->told;
    struct report **p = &reporter->running;

    while (*p != report)
        p = &(*p)->next;
    *p = report->next;
    reporter->n--;
    report_free(report);
    told(message, ok);
    run(reporter);
}

static void answered(void *context, struct str bytes)
{
    struct report *report = context;
    struct arena *arena = arena_new("answer");
    struct status_reply answer;
    struct fail why;
    bool ok = ipc_decode(&bytes, &status_reply_message, arena, &answer, &why) == 0 &&
              answer.status == 0;

    arena_free(arena);
    end(report, ok); /* the service has logged what went wrong */
}

static int begin(struct report *report, struct fail *why);

static void gone(void *context, bool unread, const char *reason)
{
    struct report *report = context;
    struct fail why;

    report->channel = NULL;
    if (unread && !report->repeated) {
        report->repeated = true;
        if (begin(report, &why) == 0)
            return;
        reason = why.text;
    }
    log_warning("%s: service %s: %s", report->message->id, report->service, reason);
    end(report, false);
}

static const struct channel_owner channel_owner = {.message = answered, .gone = gone};

static int begin(struct report *report, struct fail *why)
{
    const struct message *message = report->message;
    const struct envelope *envelope = &message->envelope;
    struct bounce_report about = {
        .queue_name = QUEUE_ACTIVE,
        .queue_id = message->id,
        .encoding = envelope->encoding,
        .utf8 = envelope->size.smtputf8,
        .sender = envelope->sender,
        .envelope_id = envelope->envelope_id,
        .ret_flags = envelope->ret,
        .trace_flags = envelope->trace_flags,
    };
    char path[200];

    snprintf(path, sizeof(path), "private/%s", report->service);
    report->channel =
        channel_open(message->manager->loop, path, "bounce", &channel_owner, report, why);
    if (!report->channel)
        return -1;
    ipc_add_request(channel_output(report->channel), report->request,
                    &bounce_report_message, &about);
    channel_send(report->channel, -1);
    return 0;
}

static void connecting_failed(void *context)
{
    struct report *report = context;

    report->failed = NULL;
    end(report, false);
}

static void run(struct reporter *reporter)
{
    while (reporter->waiting && reporter->n < AT_ONCE) {
        struct report *report = reporter->waiting;
        struct fail why;

        reporter->waiting = report->next;
        if (!reporter->waiting)
            reporter->last = &reporter->waiting;
        report->next = reporter->running;
        reporter->running = report;
        reporter->n++;
        if (begin(report, &why) == 0)
            continue;
        log_warning("%s: connect to service %s: %s", report->message->id, report->service,
                    why.text);
        report->failed =
            loop_timer(reporter->manager->loop, 0, connecting_failed, report);
    }
}

void reporter_ask(struct reporter *reporter, const char *service, const char *request,
                  struct message *message, void (*told)(struct message *message, bool ok))
{
    struct report *report = MEMORY_NEW(struct report);

    *report = (struct report){.reporter = reporter,
                              .message = message,
                              .service = service,
                              .request = request,
                              .told = told};
    *reporter->last = report;
    reporter->last = &report->next;
    run(reporter);
}
