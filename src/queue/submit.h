/*
 * Client of cleanup(8): hands a message to the queue, record by record.
 * Used by smtpd, pickup, bounce and local. See ipc/messages.h, "submit".
 *
 *     submit_open -> submit_record... (ending with E) -> submit_close
 *
 * The connection is kept for the next message. Programs that run with the
 * rights of a user (sendmail, smtpd on standard input) begin with
 * submit_open_maildrop instead; the rest is the same.
 */
#ifndef QUEUE_SUBMIT_H
#define QUEUE_SUBMIT_H

#include "ipc/client.h"
#include "ipc/messages.h"

struct submission; /* one message on its way */

/* Ask for a queue file. *ret_id lives in arena. NULL with words when cleanup can't take
 * it now. */
struct submission *submit_open(struct ipc_client *cleanup, int flags,
                               long long size_limit, struct arena *arena,
                               const char **ret_id, struct fail *why);

/*
 * The same by way of postdrop(1), which puts the message into maildrop/. argv: its path
 * and options, NULL at the end; it gets our environment and our standard error. There is
 * no time limit: postdrop waits for the disk only.
 */
struct submission *submit_open_maildrop(const char *const *argv, struct arena *arena,
                                        const char **ret_id, struct fail *why);

/* SUBMIT_AUTO_UTF8 when $smtputf8_autodetect_classes names source ("sendmail") or "all",
 * else 0. */
int submit_auto_utf8(const char *classes, const char *source);

/* One record; type letters as in queue/record.h. Errors stick and show at submit_close.
 */
void submit_record(struct submission *s, int type, struct str data);
void submit_printf(struct submission *s, int type, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* One record to cleanup, and with it a descriptor, which stays the caller's. */
void submit_descriptor(struct submission *s, int type, struct str data, int fd);
/* "name=value" as an A record; nothing when value is NULL or "". */
void submit_attribute(struct submission *s, const char *name, const char *value);

/* True once the other end takes no more: go on with the E record and hear why. */
bool submit_is_lost(const struct submission *s);

/* After the E record: the verdict. reason and size live in arena; status SUBMIT_GONE when
 * cleanup vanished. */
struct submit_done submit_close(struct submission *s, struct arena *arena);
/* Give the message up; the queue file is removed. */
void submit_cancel(struct submission *s);

/* Words for a status that came without a reason. */
const char *submit_status_text(int status);

#endif
