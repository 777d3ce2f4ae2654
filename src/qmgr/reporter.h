/*
 * Asks the services bounce, defer and trace to report on a message. A few
 * connections at a time; the rest waits its turn.
 */
#ifndef QMGR_REPORTER_H
#define QMGR_REPORTER_H

#include "qmgr/message.h"

struct reporter *reporter_new(struct manager *manager);
void reporter_free(struct reporter *reporter);

/*
 * service: "bounce"; request: "flush", "warn" or "trace". told(message, ...) is called
 * once, not before this returns; ok = the report is sent, or there was nobody to tell.
 */
void reporter_ask(struct reporter *reporter, const char *service, const char *request,
                  struct message *message,
                  void (*told)(struct message *message, bool ok));

#endif
