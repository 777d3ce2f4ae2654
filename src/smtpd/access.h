/*
 * access(5): what a table wants done, in words such as "REJECT go away", and
 * what such words have asked for the message as a whole.
 */
#ifndef SMTPD_ACCESS_H
#define SMTPD_ACCESS_H

#include "smtpd/restrict.h"

/* What was found where. */
struct access_answer {
    const char *table; /* "hash:/etc/postfix/access", for warnings */
    const char *key;
    struct str value;
};

/*
 * Carry it out: refuse, permit, remember something for the message
 * (transaction.orders), or go through the restrictions that it names.
 */
enum verdict access_act(struct judge *judge, const struct access_answer *answer);

/*
 * Look up a host: its name and parent domains (NULL = not), then its address (NULL =
 * not); subject is who is refused for it. False: the table has neither; *ret is
 * untouched.
 */
struct access_host {
    const char *name, *address;
    struct subject subject;
};
bool access_check_host(struct judge *judge, const struct argument *argument,
                       const struct access_host *host, enum verdict *ret);

/* What the table says of the first of these keys that it has. */
enum verdict access_check_keys(struct judge *judge, const struct argument *argument,
                               const struct texts *keys, const struct subject *subject);

/* Tell cleanup what has been ordered since the last call; before the content, and
 * again behind it. */
void orders_send(struct session *session);

#endif
