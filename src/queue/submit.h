/*
 * Client of cleanup(8): hands a message to the queue, record by record.
 * Used by smtpd, pickup, bounce and local. See ipc/messages.h, "submit".
 *
 *     submit_open -> submit_record... (ending with E) -> submit_close
 *
 * The connection is kept for the next message.
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

/* One record; type letters as in queue/record.h. Errors stick and show at submit_close.
 */
void submit_record(struct submission *s, int type, struct str data);
void submit_printf(struct submission *s, int type, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* "name=value" as an A record; nothing when value is NULL or "". */
void submit_attribute(struct submission *s, const char *name, const char *value);

/* After the E record: the verdict. reason and size live in arena; status SUBMIT_GONE when
 * cleanup vanished. */
struct submit_done submit_close(struct submission *s, struct arena *arena);
/* Give the message up; the queue file is removed. */
void submit_cancel(struct submission *s);

#endif
