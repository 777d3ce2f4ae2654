/*
 * Policy servers (check_policy_service): programs that are asked what to do about a
 * client or a message, and answer with an action of access(5).
 *
 * A request is "name=value" lines and an empty line; so is the answer, of which
 * "action=" counts. A server keeps its connection over many requests; one that is in
 * trouble closes it without an answer.
 */
#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

#include "smtpd/server.h"

struct policy_service;

/*
 * The server that text names: "inet:host:port" or "unix:path", and after it
 * "name=value" or "{ name = value }" for what shall be other than
 * smtpd_policy_service_name says. Lists that name a server in the same words share the
 * connection. Lives as long as the process. NULL: why tells what is wrong.
 */
struct policy_service *policy_service_find(struct server *server, const char *text,
                                           struct fail *why);

const char *policy_service_endpoint(const struct policy_service *service);
/* policy_context, for the request. */
const char *policy_service_context(const struct policy_service *service);
const char *policy_service_default_action(const struct policy_service *service);

/*
 * Send the request, with its empty line, and return the action that the server wants, in
 * arena; it may be empty. NULL: there is no answer, also after all tries; the log has it.
 */
const char *policy_service_ask(struct policy_service *service, struct str request,
                               struct arena *arena);

/* Read one answer. The connection is of no more use after -1; why->code is 0 when no
 * system call failed. */
int policy_reply_read(struct stream *stream, struct arena *arena, const char **ret_action,
                      struct fail *why) MUST_CHECK;

#endif
