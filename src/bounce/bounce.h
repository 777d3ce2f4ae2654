/*
 * Logs of undeliverable recipients, and the reports made from them (RFC 3464).
 */
#ifndef BOUNCE_BOUNCE_H
#define BOUNCE_BOUNCE_H

#include "bounce/template.h"
#include "ipc/client.h"
#include "ipc/messages.h"
#include "mail/maillog.h"
#include "queue/envelope.h"
#include "queue/recipient_log.h"
#include "queue/spool.h"
#include "service/service.h"
#include "table/match.h"

struct bouncer {
    struct process *process;
    const struct conf *conf;
    struct spool spool;
    struct ipc_client *cleanup;
    const char *queue;   /* where this service's logs are: "bounce", "defer", "trace" */
    struct texts notify; /* notify_classes */
    struct templates templates;

    struct tables *tables; /* of defer only: the sites that flush remembers mail for */
    struct match_list *fast_flush_domains;
    bool old_relay_domains; /* fast_flush_domains are those of an old default */
    struct ipc_client *flush;
};

/* --- log.c: one log for each message ------------------------------------------- */

struct failed_recipients {
    struct recipient_log_entry *entries;
    size_t n;
};

/* Append one recipient, synced when this returns 0. */
int log_append(struct bouncer *bouncer, const struct bounce_append *failed,
               struct arena *arena, struct fail *why) MUST_CHECK;
/*
 * Nobody else may report on this message until fd is closed; -1 when somebody does.
 * Two queue managers ask when one was told to end while it waited for the first
 * report. *ret_fd is -1 when there is no log.
 */
int log_claim(struct bouncer *bouncer, const char *queue_id, int *ret_fd,
              struct fail *why) MUST_CHECK;
/* All that the log of this message holds; none when there is no log. */
int log_read(struct bouncer *bouncer, const char *queue_id, struct arena *arena,
             struct failed_recipients *ret, struct fail *why) MUST_CHECK;

/* --- site.c: who waits for its mail ----------------------------------------------- */

/* Tell flush that the message waits for the recipient's site, if fast_flush_domains has
 * it. It is a hint: what goes wrong is only logged. */
void site_remember(struct bouncer *bouncer, const struct bounce_append *delayed);

/* --- message_id.c ------------------------------------------------------------------- */

/* The message's id, "<a@b>", from the content that begins at this offset of its queue
 * file; "" when it has none that can be repeated. In arena. */
const char *message_id(int fd, off_t content, struct arena *arena);

/* --- show.c ------------------------------------------------------------------------- */

/* The templates in use, for postconf -b and -t. */
void show_templates(struct client *client);

/* --- report.c: the message --------------------------------------------------------- */

struct report {
    enum report_kind kind;
    const struct bounce_report *about; /* the message that could not be delivered */
    struct failed_recipients failed;   /* those to tell of */
    const char *to;                    /* internal form */
    const char *sender; /* envelope sender of the report: "" or double-bounce */
    bool to_postmaster; /* a copy: other subject, no explanation, headers only */
    bool whole;         /* the whole original, whatever its size (double bounces) */
};

/* Queue the report. *ret_id lives in arena. */
int report_send(struct bouncer *bouncer, const struct report *report, struct arena *arena,
                const char **ret_id, struct fail *why) MUST_CHECK;

/* --- notify.c: who is told ------------------------------------------------------------
 */

/* The report on undeliverable recipients; removes the log when all is queued. */
int notify_failure(struct bouncer *bouncer, const struct bounce_report *about,
                   struct arena *arena, struct fail *why) MUST_CHECK;
/* The warning that delivery is late; keeps the log. */
int notify_delay(struct bouncer *bouncer, const struct bounce_report *about,
                 struct arena *arena, struct fail *why) MUST_CHECK;

/* What became of recipients whose sender wanted to know in any case; removes the log. */
int notify_trace(struct bouncer *bouncer, const struct bounce_report *about,
                 struct arena *arena, struct fail *why) MUST_CHECK;

#endif
