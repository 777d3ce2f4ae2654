/*
 * A message on its way from the queue file to a server: what the server cannot
 * take is converted.
 */
#ifndef CLIENT_MESSAGE_H
#define CLIENT_MESSAGE_H

#include "client/content.h"
#include "deliver/deliver.h"

struct message {
    struct delivery *delivery;
    bool to_7bit; /* parts in 8bit and binary become quoted-printable */
};

/*
 * Write all lines of the message. 0 also when the server is gone, which shows
 * in content's stream; -1 when the queue file cannot be read, or is damaged
 * and was marked so.
 */
int message_write(const struct message *message, struct content *content,
                  struct fail *why) MUST_CHECK;

#endif
