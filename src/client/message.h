/*
 * A message on its way from the queue file to a server: what the server cannot
 * take is converted, what main.cf wants changed is changed, and what master.cf
 * wants in front is put there.
 */
#ifndef CLIENT_MESSAGE_H
#define CLIENT_MESSAGE_H

#include "client/content.h"
#include "client/outgoing.h"
#include "deliver/copy.h"
#include "deliver/deliver.h"

struct message {
    struct delivery *delivery;
    const struct outgoing *outgoing; /* NULL = nothing is to be changed */
    unsigned front;                  /* COPY_ bits of lines to put in front */
    bool to_7bit;       /* parts in 8bit and binary become quoted-printable */
    const char *server; /* for texts: "mail.example[192.0.2.1]" */
};

/*
 * Write all lines of the message. 0 also when the server is gone, which shows
 * in content's stream; -1 when the queue file cannot be read, or is damaged
 * and was marked so, or a table cannot be read: *why is the reason to report.
 */
int message_write(const struct message *message, struct content *content,
                  struct fail *why) MUST_CHECK;

#endif
