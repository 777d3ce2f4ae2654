/*
 * The bodies of the messages that messages.h declares: one line each, so that
 * every program links one copy of each field table.
 */
#include "ipc/messages.h"

IPC_DEFINE(status_reply, STATUS_REPLY);
IPC_DEFINE(submit, SUBMIT);
IPC_DEFINE(submit_opened, SUBMIT_OPENED);
IPC_DEFINE(submit_done, SUBMIT_DONE);
IPC_DEFINE(postdrop_opened, POSTDROP_OPENED);
IPC_DEFINE(resolve, RESOLVE);
IPC_DEFINE(resolved, RESOLVED);
IPC_DEFINE(deliver, DELIVER);
IPC_DEFINE(deliver_recipient, DELIVER_RECIPIENT);
IPC_DEFINE(delivered, DELIVERED);
IPC_DEFINE(bounce_append, BOUNCE_APPEND);
IPC_DEFINE(bounce_report, BOUNCE_REPORT);
IPC_DEFINE(flush, FLUSH);
IPC_DEFINE(lookup, LOOKUP);
IPC_DEFINE(looked_up, LOOKED_UP);
IPC_DEFINE(table_change_entry, TABLE_CHANGE_ENTRY);
IPC_DEFINE(table_page, TABLE_PAGE);
IPC_DEFINE(client_did, CLIENT_DID);
IPC_DEFINE(client_counts, CLIENT_COUNTS);
IPC_DEFINE(client_gone, CLIENT_GONE);
IPC_DEFINE(passed, PASSED);
IPC_DEFINE(tlsproxy_begin, TLSPROXY_BEGIN);
IPC_DEFINE(tls_keys_wanted, TLS_KEYS_WANTED);
IPC_DEFINE(tls_keys, TLS_KEYS);
IPC_DEFINE(tls_session_entry, TLS_SESSION);
IPC_DEFINE(tls_session_found, TLS_SESSION_FOUND);
IPC_DEFINE(reindex, REINDEX);
IPC_DEFINE(verify_query, VERIFY_QUERY);
IPC_DEFINE(verify_answer, VERIFY_ANSWER);
IPC_DEFINE(verify_update, VERIFY_UPDATE);
IPC_DEFINE(dnsblog_query, DNSBLOG_QUERY);
IPC_DEFINE(dnsblog_answer, DNSBLOG_ANSWER);
