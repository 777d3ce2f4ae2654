/*
 * Who is told of a failure or a delay: the sender, when there is one and the
 * recipients' NOTIFY allows it (RFC 3461 section 4.1), and the postmaster for
 * the classes in notify_classes. A report on a report goes to the postmaster,
 * from double-bounce; a report on that one goes nowhere, and so the loop ends.
 */
#include "bounce/bounce.h"
#include "mail/address.h"
#include "util/log.h"

#include <fcntl.h>
#include <unistd.h>

static bool is_told(int notify, int want)
{
    return notify == 0 || (notify & want);
}

/* Those recipients whose NOTIFY asks for a report of this kind. */
static struct failed_recipients to_tell(const struct failed_recipients *all, int want,
                                        struct arena *arena)
{
    struct failed_recipients some = {
        .entries = arena_array(arena, all->n ? all->n : 1, sizeof *some.entries),
    };

    for (size_t i = 0; i < all->n; i++)
        if (is_told(all->entries[i].notify, want))
            some.entries[some.n++] = all->entries[i];
    return some;
}

static bool is_double_bounce(const struct bouncer *bouncer, const char *sender)
{
    return str_is_nocase(address_split(str_of(sender)).local,
                         bouncer->conf->double_bounce_sender);
}

static bool wants_notice(const struct bouncer *bouncer, const char *class)
{
    return texts_has(&bouncer->notify, str_of(class), true);
}

static const char *double_bounce_address(const struct bouncer *bouncer,
                                         struct arena *arena)
{
    return arena_printf(arena, "%s@%s", bouncer->conf->double_bounce_sender,
                        bouncer->conf->myhostname);
}

static int send_report(struct bouncer *bouncer, const struct report *report,
                       enum maillog_notice notice, struct arena *arena, struct fail *why)
{
    const char *id;

    if (report_send(bouncer, report, arena, &id, why) < 0)
        return fail_prefix(why, "%s: notification", report->about->queue_id);
    maillog_notice(report->about->queue_id, notice, id);
    return 0;
}

static const enum maillog_notice sender_notices[] = {
    [REPORT_FAILURE] = MAILLOG_SENDER_FAILURE,
    [REPORT_DELAY] = MAILLOG_SENDER_DELAY,
    [REPORT_SUCCESS] = MAILLOG_SENDER_SUCCESS,
    [REPORT_TRACE] = MAILLOG_SENDER_SUCCESS,
};

static int tell_sender(struct bouncer *bouncer, enum report_kind kind,
                       const struct bounce_report *about, struct failed_recipients failed,
                       struct arena *arena, struct fail *why)
{
    struct report report = {.kind = kind,
                            .about = about,
                            .failed = failed,
                            .to = about->sender,
                            .sender = ""};

    return send_report(bouncer, &report, sender_notices[kind], arena, why);
}

/* report: its kind, subject, recipient and extent are the caller's. */
static int tell_postmaster(struct bouncer *bouncer, struct report report,
                           struct arena *arena, struct fail *why)
{
    report.sender = double_bounce_address(bouncer, arena);
    report.to_postmaster = true;
    return send_report(bouncer, &report,
                       report.kind == REPORT_FAILURE ? MAILLOG_POSTMASTER_FAILURE
                                                     : MAILLOG_POSTMASTER_DELAY,
                       arena, why);
}

/* Nobody sent this message, so nobody but the postmaster could be told. */
static int tell_of_double_bounce(struct bouncer *bouncer,
                                 const struct bounce_report *about,
                                 struct failed_recipients failed, struct arena *arena,
                                 struct fail *why)
{
    if (!wants_notice(bouncer, "2bounce") && !wants_notice(bouncer, "bounce"))
        return 0;
    return tell_postmaster(bouncer,
                           (struct report){.kind = REPORT_FAILURE,
                                           .about = about,
                                           .failed = failed,
                                           .to = bouncer->conf->n2bounce_notice_recipient,
                                           .whole = true},
                           arena, why);
}

/* What recipients' NOTIFY says is for the sender; the postmaster hears of all. */
static int tell_of_failure(struct bouncer *bouncer, const struct bounce_report *about,
                           struct failed_recipients all, struct arena *arena,
                           struct fail *why)
{
    struct failed_recipients failed = to_tell(&all, NOTIFY_FAILURE, arena);

    if (is_double_bounce(bouncer, about->sender)) {
        maillog_notice_discarded(about->queue_id);
        return 0;
    }
    if (*about->sender == '\0')
        return tell_of_double_bounce(bouncer, about, all, arena, why);
    if (failed.n && tell_sender(bouncer, REPORT_FAILURE, about, failed, arena, why) < 0)
        return -1;
    if (wants_notice(bouncer, "bounce"))
        return tell_postmaster(
            bouncer,
            (struct report){.kind = REPORT_FAILURE,
                            .about = about,
                            .failed = all,
                            .to = bouncer->conf->bounce_notice_recipient},
            arena, why);
    return 0;
}

static int report_failure(struct bouncer *bouncer, const struct bounce_report *about,
                          struct arena *arena, struct fail *why)
{
    struct failed_recipients all;

    if (log_read(bouncer, about->queue_id, arena, &all, why) < 0)
        return -1;
    if (all.n && tell_of_failure(bouncer, about, all, arena, why) < 0)
        return -1;
    /* Only now: until the report is queued, the log is all that knows. */
    return spool_remove(&bouncer->spool, bouncer->queue, about->queue_id, why) < 0 ? -1
                                                                                   : 0;
}

/* A report that ends with the removal of the log is sent by one process at a time. */
static int claimed(struct bouncer *bouncer, const struct bounce_report *about,
                   int report(struct bouncer *, const struct bounce_report *,
                              struct arena *, struct fail *),
                   struct arena *arena, struct fail *why)
{
    int fd, result;

    if (log_claim(bouncer, about->queue_id, &fd, why) < 0)
        return -1;
    result = report(bouncer, about, arena, why);
    if (fd >= 0)
        close(fd);
    return result;
}

int notify_failure(struct bouncer *bouncer, const struct bounce_report *about,
                   struct arena *arena, struct fail *why)
{
    return claimed(bouncer, about, report_failure, arena, why);
}

int notify_delay(struct bouncer *bouncer, const struct bounce_report *about,
                 struct arena *arena, struct fail *why)
{
    struct failed_recipients all, late;

    if (log_read(bouncer, about->queue_id, arena, &all, why) < 0)
        return -1;
    late = to_tell(&all, NOTIFY_DELAY, arena);
    if (all.n == 0 || *about->sender == '\0' || is_double_bounce(bouncer, about->sender))
        return 0;
    if (late.n && tell_sender(bouncer, REPORT_DELAY, about, late, arena, why) < 0)
        return -1;
    if (wants_notice(bouncer, "delay"))
        return tell_postmaster(
            bouncer,
            (struct report){.kind = REPORT_DELAY,
                            .about = about,
                            .failed = all,
                            .to = bouncer->conf->delay_notice_recipient},
            arena, why);
    return 0;
}

/* A message that stays in the queue would bring a report at every attempt. */
static void stop_tracing(struct bouncer *bouncer, const struct bounce_report *about,
                         struct arena *arena)
{
    struct envelope envelope;
    struct fail why;
    int fd;

    if (spool_open(&bouncer->spool, about->queue_name, about->queue_id, O_RDWR, &fd,
                   &why) != 1)
        return;
    if (envelope_read(fd, 0, arena, &envelope, &why) == 0 && envelope.trace_offset > 0 &&
        envelope_kill(fd, envelope.trace_offset, &why) < 0)
        log_warning("%s: %s", about->queue_id, why.text);
    close(fd);
}

static int report_trace(struct bouncer *bouncer, const struct bounce_report *about,
                        struct arena *arena, struct fail *why)
{
    bool asked = about->trace_flags & (TRACE_PROBE_USER | TRACE_RECORD);
    struct failed_recipients all;

    if (log_read(bouncer, about->queue_id, arena, &all, why) < 0)
        return -1;
    if (all.n && *about->sender && !is_double_bounce(bouncer, about->sender) &&
        tell_sender(bouncer, asked ? REPORT_TRACE : REPORT_SUCCESS, about, all, arena,
                    why) < 0)
        return -1;
    if (about->trace_flags & TRACE_RECORD)
        stop_tracing(bouncer, about, arena);
    return spool_remove(&bouncer->spool, bouncer->queue, about->queue_id, why) < 0 ? -1
                                                                                   : 0;
}

int notify_trace(struct bouncer *bouncer, const struct bounce_report *about,
                 struct arena *arena, struct fail *why)
{
    return claimed(bouncer, about, report_trace, arena, why);
}
