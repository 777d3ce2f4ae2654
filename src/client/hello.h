/* The start of a session: greeting, EHLO or LHLO, HELO. */
#ifndef CLIENT_HELLO_H
#define CLIENT_HELLO_H

#include "client/session.h"

/* SESSION_FINE = the server is ready for mail, and its features are known; else
 * *ret_failure is the outcome for recipients that no other host takes. */
enum session_end hello_say(struct session *session, const struct destination *destination,
                           struct outcome *ret_failure);

#endif
