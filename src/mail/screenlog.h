/*
 * Log lines of postscreen. As those of maillog.h they are parsed by others, are built
 * here and nowhere else, and have golden tests (tests/unit/mail/test_screenlog.c).
 *
 * client is "[192.0.2.1]:4321"; so is server. after: the command that came last, or
 * CONNECT.
 */
#ifndef MAIL_SCREENLOG_H
#define MAIL_SCREENLOG_H

#include "mail/maillog.h"

void screenlog_connect(const char *client, const char *server);
void screenlog_disconnect(const char *client);
/* Passed on to smtpd: a client that is new, or one that was here before. */
void screenlog_pass(const char *client, bool is_new);
/* postscreen_access_list has decided; plain = the words of before respectful_logging. */
void screenlog_listed(const char *client, bool allowed, bool plain);
void screenlog_veto(const char *client, bool plain);

void screenlog_rank(const char *client, int rank);
/* size bytes, ahead their beginning, came that many seconds after the client. */
void screenlog_pregreet(const char *client, size_t size, struct str ahead,
                        double seconds);
/* greeted: in tests after, or before, the SMTP handshake. */
void screenlog_hangup(const char *client, bool greeted, double seconds);
void screenlog_bare_newline(const char *client, struct str line);
void screenlog_pipelining(const char *client, const char *after, struct str ahead);
void screenlog_not_smtp(const char *client, const char *after, struct str line);
/* which: "TIME", "COUNT", "LENGTH". */
void screenlog_limit(const char *client, const char *which, const char *after);
void screenlog_no_recipients(const char *client, const char *command);

/* "NOQUEUE: reject: RCPT from ..."; sender and recipient in external form. */
void screenlog_reject(const char *client, const char *reply,
                      const struct maillog_context *context);
/* "NOQUEUE: reject: CONNECT from [192.0.2.1]:4321: too many connections" */
void screenlog_refused(const char *client, const char *reason);
/* "reject: connect from [192.0.2.1]:4321: all screening ports busy" */
void screenlog_busy(const char *client);
void screenlog_stress(bool begins, size_t connections);
void screenlog_discarding(const char *address, unsigned port, const char *keywords);
void screenlog_replaced(const char *client, struct str command, struct str by);

#endif
