/*
 * The catalogue of messages between our daemons. Servers dispatch on the
 * request name that stands before a request's fields (ipc_put_request).
 *
 *   client                        server            requests
 *   smtpd pickup bounce local     cleanup           submit
 *   smtpd qmgr local ...          trivial-rewrite   resolve
 *   qmgr                          delivery agents   deliver
 *   delivery agents               bounce, defer     append
 *   qmgr                          bounce, defer     flush, warn
 *   delivery agents smtpd ...     flush             add, send_site, send_id
 *   all that open proxy: tables   proxymap          lookup, entries
 *   postmap, caches               proxywrite        lookup, entries, update, delete
 *   smtpd                         anvil             count, disconnect
 *   smtpd                         verify            query
 *   delivery agents, cleanup      verify            update
 *   whoever answers first         "pass" services   (one passed, no answer)
 *   postscreen                    tlsproxy          begin
 *   smtpd tlsproxy                tlsmgr            keys
 *   smtpd smtp lmtp               tlsmgr            find, keep, forget
 *
 * showq's protocol is an outside interface and stands in showq/.
 */
#ifndef IPC_MESSAGES_H
#define IPC_MESSAGES_H

#include "ipc/message.h"

/* The last word on a request that has nothing else to say. */
#define STATUS_REPLY(F, m)                                                               \
    F(m, number, status) /* 0 = done; else the request's own meaning */                  \
    F(m, text, reason)   /* words, "" when done */
IPC_DECLARE(status_reply, STATUS_REPLY);

/* --- cleanup: submit one message -------------------------------------------
 *
 * submit -> submit_opened; then the client sends queue file records (the
 * framing of queue/record.h): envelope, M, content, X, extracted, E, or the
 * record 'a' to give the message up; after E comes submit_done. Giving up has
 * no answer. The connection is kept for the next message. queue/submit.h is
 * the client.
 */
enum submit_flags {
    SUBMIT_BOUNCE = 1 << 0, /* the sender is not waiting: bounce what can't be accepted */
    SUBMIT_MAP = 1 << 1,    /* canonical and virtual mapping, auto BCC */
    SUBMIT_FILTER = 1 << 2, /* header and body checks */
    SUBMIT_MILTER = 1 << 3, /* non-SMTP milters */
    SUBMIT_HOLD = 1 << 4,   /* put into the hold queue */
    SUBMIT_UTF8 = 1 << 5,   /* SMTPUTF8 was requested (RFC 6531) */
    SUBMIT_EXTRACT = 1 << 6,     /* take recipients from the header too (sendmail -t) */
    SUBMIT_NO_NOTICE = 1 << 7,   /* don't wake the queue manager */
    SUBMIT_NO_BCC = 1 << 8,      /* no automatic copies: bounces, forwards, notices */
    SUBMIT_AUTO_UTF8 = 1 << 9,   /* find out whether the message needs SMTPUTF8 */
    SUBMIT_REQUIRETLS = 1 << 10, /* REQUIRETLS was requested (RFC 8689) */
    SUBMIT_EDIT = 1 << 11,       /* milters that the client has come with the records */
};
#define SUBMIT(F, m)                                                                     \
    F(m, number, flags)                                                                  \
    F(m, number, size_limit) /* of the whole queue file; 0 = none */
IPC_DECLARE(submit, SUBMIT);

#define SUBMIT_OPENED(F, m)                                                              \
    F(m, number, status) /* enum submit_status */                                        \
    F(m, text, reason)                                                                   \
    F(m, text, queue_id)
IPC_DECLARE(submit_opened, SUBMIT_OPENED);

enum submit_status {
    SUBMIT_OK,
    SUBMIT_BAD_RECORD,    /* our bug or a bad maildrop file: 451 4.3.0 / corrupt */
    SUBMIT_WRITE_ERROR,   /* 451 4.3.0 queue file write error */
    SUBMIT_TOO_BIG,       /* 552 5.3.4 */
    SUBMIT_TOO_MANY_HOPS, /* 554 5.4.0 */
    SUBMIT_REJECTED,      /* 550 5.7.1 by content; reason holds "5.7.1 text" */
    SUBMIT_NO_RECIPIENT,  /* no recipient at all, also not in the header */
    SUBMIT_TRY_AGAIN, /* 451 4.x.x; reason holds "4.6.0 text" (alias limits, table errors)
                       */
    SUBMIT_REPLY,     /* a milter's: reason is a whole SMTP reply, "550 5.7.1 text" */
    SUBMIT_GONE,      /* never sent: cleanup could not be reached or went away */
};
#define SUBMIT_DONE(F, m)                                                                \
    F(m, number, status)                                                                 \
    F(m, text, reason) /* with an enhanced status code in front, or "" */                \
    F(m, number, size) /* of the message content */
IPC_DECLARE(submit_done, SUBMIT_DONE);

/* --- postdrop: submit one message with the rights of a user ---------------------
 *
 * postdrop speaks first (on its standard output: an outside interface); then records
 * come as for cleanup, and after E it answers status_reply with an enum submit_status.
 * The end of input before E gives the message up, without an answer.
 */
#define POSTDROP_OPENED(F, m)                                                            \
    F(m, text, protocol) /* "postdrop_protocol" */                                       \
    F(m, text, queue_id) /* of the file in maildrop, not of the later message */
IPC_DECLARE(postdrop_opened, POSTDROP_OPENED);

/* --- trivial-rewrite: where does mail for this address go? ------------------ */
enum resolve_class { /* address classes; also bits of resolved.flags */
                     RESOLVE_LOCAL = 1 << 0,
                     RESOLVE_VIRTUAL_ALIAS = 1 << 1,
                     RESOLVE_VIRTUAL_MAILBOX = 1 << 2,
                     RESOLVE_RELAY = 1 << 3,
                     RESOLVE_DEFAULT = 1 << 4,
                     RESOLVE_ROUTED = 1 << 5, /* user@domain with further routing inside:
                                                 not to be relayed */
                     RESOLVE_ERROR = 1 << 6,  /* the address is not valid */
                     RESOLVE_FAIL = 1 << 7,   /* a table lookup failed: try again later */
};
enum resolve_request_flags { RESOLVE_PROBE = 1 };
#define RESOLVE(F, m)                                                                    \
    F(m, number, flags)                                                                  \
    F(m, text, sender)                                                                   \
    F(m, text, address) /* internal (unquoted) form, standard form */
IPC_DECLARE(resolve, RESOLVE);

#define RESOLVED(F, m)                                                                   \
    F(m, number, flags)                                                                  \
    F(m, text, transport) /* "local", "smtp", "error": a service of master.cf */         \
    F(m, text, nexthop)                                                                  \
    F(m, text, recipient) /* internal form, after the resolver's last change */
IPC_DECLARE(resolved, RESOLVED);

/* --- qmgr to a delivery agent ------------------------------------------------
 *
 * deliver (with the open queue file as descriptor), then `recipients` times
 * deliver_recipient; the agent answers once with delivered. The descriptor
 * carries qmgr's exclusive lock; its file offset is shared: pread only.
 */
enum deliver_flags {
    DELIVER_LAST_TRY = 1 << 0, /* no further attempt will be made */
    DELIVER_TRACE = 1 << 1,    /* record in the trace log */
    DELIVER_PROBE = 1 << 2,    /* address verification: report, don't deliver */
    DELIVER_REUSE =
        1 << 3,            /* more mail for this destination waits: keep the connection */
    DELIVER_UTF8 = 1 << 4, /* SMTPUTF8 was asked for (RFC 6531) */
    DELIVER_UTF8_HEADER = 1 << 5, /* and the header needs it */
    DELIVER_TLS_NOT_REQUIRED =
        1 << 6, /* it may go without TLS, whatever main.cf wants (RFC 8689) */
};
#define DELIVER(F, m)                                                                    \
    F(m, number, flags)                                                                  \
    F(m, text, queue_name)                                                               \
    F(m, text, queue_id)                                                                 \
    F(m, number, data_offset) /* of the first content record */                          \
    F(m, number, data_size)   /* of the content, bytes */                                \
    F(m, text, transport)                                                                \
    F(m, text, nexthop)                                                                  \
    F(m, text, encoding) /* "7bit", "8bit" or "" */                                      \
    F(m, text, sender)                                                                   \
    F(m, text, envelope_id) /* RFC 3461, decoded */                                      \
    F(m, number, ret_flags)                                                              \
    F(m, number, trace_flags)                                                            \
    F(m, number, arrival_us) /* when the message came in: microseconds since 1970 */     \
    F(m, number, active_us)  /* when it entered the active queue */                      \
    F(m, number, agent_us)   /* when it was handed to this agent */                      \
    F(m, text, rewrite_context)                                                          \
    F(m, text, client_name)                                                              \
    F(m, text, client_address)                                                           \
    F(m, text, client_port)                                                              \
    F(m, text, client_protocol)                                                          \
    F(m, text, client_helo)                                                              \
    F(m, text, sasl_method)                                                              \
    F(m, text, sasl_username)                                                            \
    F(m, text, sasl_sender)                                                              \
    F(m, text, log_ident)                                                                \
    F(m, number, recipients)
IPC_DECLARE(deliver, DELIVER);

#define DELIVER_RECIPIENT(F, m)                                                          \
    F(m, text, address)  /* internal form */                                             \
    F(m, text, original) /* as it came in, before aliases; may be "" */                  \
    F(m, number, offset) /* of the R record in the queue file */                         \
    F(m, text, orcpt)    /* RFC 3461 ORCPT "rfc822;x", decoded, or "" */                 \
    F(m, number, notify) /* 1 never, 2 success, 4 failure, 8 delay; 0 not given */
IPC_DECLARE(deliver_recipient, DELIVER_RECIPIENT);

#define DELIVERED(F, m)                                                                  \
    F(m, number, deferred) /* recipients of the request that are still to do */          \
    F(m, number, unlogged) /* of these, how many are not in the defer log */             \
    F(m, text, status)     /* when the destination is in trouble: "4.4.1" ... */         \
    F(m, text, reason)     /* ... and why; "" = the destination is fine */
IPC_DECLARE(delivered, DELIVERED);

/* --- bounce, defer: the log of undelivered recipients of one message ---------- */
#define BOUNCE_APPEND(F, m)                                                              \
    F(m, text, queue_id)                                                                 \
    F(m, text, recipient)                                                                \
    F(m, text, original)                                                                 \
    F(m, number, offset)                                                                 \
    F(m, text, orcpt)                                                                    \
    F(m, number, notify)                                                                 \
    F(m, text, status)                                                                   \
    F(m, text, action)                                                                   \
    F(m, text, remote_mta)                                                               \
    F(m, text, diagnostic_type)                                                          \
    F(m, text, diagnostic)                                                               \
    F(m, text, reason)
IPC_DECLARE(bounce_append, BOUNCE_APPEND);

/*
 * bounce: flush sends the non-delivery report and removes the log. defer: warn
 * sends the delay warning and keeps the log. trace: trace sends the report of a
 * success or one that was asked for (trace_flags), and removes the log.
 */
#define BOUNCE_REPORT(F, m)                                                              \
    F(m, text, queue_name)                                                               \
    F(m, text, queue_id)                                                                 \
    F(m, text, encoding)                                                                 \
    F(m, number, utf8)                                                                   \
    F(m, text, sender)                                                                   \
    F(m, text, envelope_id)                                                              \
    F(m, number, ret_flags)                                                              \
    F(m, number, trace_flags)
IPC_DECLARE(bounce_report, BOUNCE_REPORT);
/* both answer status_reply: 0 = done (or nobody to tell) */

/* --- flush: which messages wait for a site ---------------------------------------
 *
 * add (site and queue_id), send_site (site), send_id (queue_id); all answer
 * status_reply. queue/flush.h is the client.
 */
#define FLUSH(F, m)                                                                      \
    F(m, text, site) /* "example.com" or "[192.0.2.1]" */                                \
    F(m, text, queue_id)
IPC_DECLARE(flush, FLUSH);

/* --- proxymap ------------------------------------------------------------------ */
enum lookup_status { LOOKUP_FOUND, LOOKUP_NONE, LOOKUP_RETRY, LOOKUP_DENIED };
#define LOOKUP(F, m)                                                                     \
    F(m, text, table) /* "unix:passwd.byname" */                                         \
    F(m, number, flags)                                                                  \
    F(m, text, key)
IPC_DECLARE(lookup, LOOKUP);
#define LOOKED_UP(F, m)                                                                  \
    F(m, number, status)                                                                 \
    F(m, text, value)
IPC_DECLARE(looked_up, LOOKED_UP);
/* "update" of proxywrite: store, in place of what is there; "delete": value is "". Both
 * answer looked_up without a value: LOOKUP_NONE = there was no such key. */
#define TABLE_CHANGE_ENTRY(F, m)                                                         \
    F(m, text, table)                                                                    \
    F(m, number, flags)                                                                  \
    F(m, text, key)                                                                      \
    F(m, text, value)
IPC_DECLARE(table_change_entry, TABLE_CHANGE_ENTRY);

/* "entries": what is in a table, page by page; page 0 looks, the others are of the same
 * look. Answers looked_up with "key LF value LF ..."; LOOKUP_NONE behind the last page.
 */
#define TABLE_PAGE(F, m)                                                                 \
    F(m, text, table)                                                                    \
    F(m, number, flags)                                                                  \
    F(m, number, page)
IPC_DECLARE(table_page, TABLE_PAGE);

/* --- anvil: what clients do, counted ---------------------------------------------- */
enum client_event {
    CLIENT_CONNECT,
    CLIENT_MESSAGE,
    CLIENT_RECIPIENT,
    CLIENT_NEW_TLS,
    CLIENT_AUTH,
    CLIENT_EVENTS, /* how many there are */
};
/* count: one more event; look: none, what is the rate? A connection lasts until
 * disconnect, which has no answer, or until the server's own connection to anvil ends. */
#define CLIENT_DID(F, m)                                                                 \
    F(m, text, client) /* "smtp:192.0.2.1": service and address block */                 \
    F(m, number, event)
IPC_DECLARE(client_did, CLIENT_DID);
#define CLIENT_COUNTS(F, m)                                                              \
    F(m, number, rate) /* of such events in $anvil_rate_time_unit */                     \
    F(m, number, connections)
IPC_DECLARE(client_counts, CLIENT_COUNTS);
#define CLIENT_GONE(F, m) F(m, text, client)
IPC_DECLARE(client_gone, CLIENT_GONE);

/* --- verify: can an address be delivered to? ---------------------------------------- */
enum verify_status { /* the numbers stand in the cache, which Postfix reads too */
                     VERIFY_DELIVERABLE,
                     VERIFY_DEFERRED, /* the last probe met trouble that may pass */
                     VERIFY_BOUNCED,
                     VERIFY_UNKNOWN, /* a probe is on its way */
};
#define VERIFY_QUERY(F, m) F(m, text, address)
IPC_DECLARE(verify_query, VERIFY_QUERY);
#define VERIFY_ANSWER(F, m)                                                              \
    F(m, number, status)                                                                 \
    F(m, text, text)    /* what the probe met */                                         \
    F(m, number, probe) /* 1 = who asked shall send a probe */
IPC_DECLARE(verify_answer, VERIFY_ANSWER);
/* update: what a probe met; answered by status_reply */
#define VERIFY_UPDATE(F, m)                                                              \
    F(m, text, address)                                                                  \
    F(m, number, status)                                                                 \
    F(m, text, text)
IPC_DECLARE(verify_update, VERIFY_UPDATE);

/* --- dnsblog: does a list in the DNS have an address? One question a request. */
#define DNSBLOG_QUERY(F, m)                                                              \
    F(m, text, domain)  /* of the list */                                                \
    F(m, text, address) /* "192.0.2.1", "2001:db8::1" */
IPC_DECLARE(dnsblog_query, DNSBLOG_QUERY);
#define DNSBLOG_ANSWER(F, m)                                                             \
    F(m, text, answers) /* "127.0.0.2 127.0.0.9"; "" = it does not */                    \
    F(m, number, known) /* 0 = could not find out */                                     \
    F(m, number, ttl)   /* how many seconds that holds; -1 = was not told */
IPC_DECLARE(dnsblog_answer, DNSBLOG_ANSWER);

/* --- services of type pass: a client that another program has met first ------------
 *
 * One of these, with the descriptor of the client's connection; then the sender
 * closes. Addresses are empty when the connection itself knows them; they are given
 * when a proxy in front of us has told them.
 */
#define PASSED(F, m)                                                                     \
    F(m, text, client_address) /* "192.0.2.1", "2001:db8::1" */                          \
    F(m, number, client_port)                                                            \
    F(m, text, server_address)                                                           \
    F(m, number, server_port)
IPC_DECLARE(passed, PASSED);

/* --- tlsproxy: TLS for a program that does not speak it -----------------------------
 *
 * begin comes with the descriptor of the connection to the peer (on its first byte); the
 * answer is a status_reply. Status 0: tlsproxy waits for the peer's handshake, so that
 * who asked can still say on its own copy of the descriptor that TLS may begin ("220"),
 * and then closes that. What follows the answer, in both directions, is what the peer
 * says and hears, in plain text, until either side ends it; a failed handshake is an end
 * of input, and tlsproxy has logged why. Any other status: no TLS can be had, tlsproxy
 * has let go of the peer, and nothing was said to it.
 */
enum tlsproxy_role { TLSPROXY_SERVER = 1 }; /* what tlsproxy is to the peer */
enum tlsproxy_flags {
    TLSPROXY_MANDATORY = 1 << 0, /* the stricter protocols and ciphers: TLS is demanded */
};
#define TLSPROXY_BEGIN(F, m)                                                             \
    F(m, number, role)                                                                   \
    F(m, number, flags)                                                                  \
    F(m, text, service)   /* of master.cf, that the peer has reached: "smtp" */          \
    F(m, text, peer_name) /* "unknown", when there is none */                            \
    F(m, text, peer_address)                                                             \
    F(m, number, peer_port)                                                              \
    F(m, number, handshake_s) /* time for the whole handshake */                         \
    F(m, number, silence_s)   /* the session may be silent for so long */
IPC_DECLARE(tlsproxy_begin, TLSPROXY_BEGIN);

/* --- tlsmgr: what processes with TLS share ------------------------------------------
 *
 * keys: those of session tickets. find: a session that was kept, or status 1. keep and
 * forget answer status_reply. Keys and sessions are in base 64; times are seconds since
 * 1970. tls/manager.h is the client.
 */
#define TLS_KEYS_WANTED(F, m) F(m, text, service) /* of master.cf, whose they are for */
IPC_DECLARE(tls_keys_wanted, TLS_KEYS_WANTED);
#define TLS_KEYS(F, m)                                                                   \
    F(m, text, key)           /* for new tickets: its name and secrets */                \
    F(m, number, issue_until) /* then ask again */                                       \
    F(m, number, expires)     /* tickets under it are good until then */                 \
    F(m, text, former)        /* the one before it, or "" */                             \
    F(m, number, former_expires)
IPC_DECLARE(tls_keys, TLS_KEYS);
#define TLS_SESSION(F, m)                                                                \
    F(m, text, cache) /* "smtpd", "smtp", "lmtp" */                                      \
    F(m, text, key)   /* what tells sessions apart, printable */                         \
    F(m, text, session)
IPC_DECLARE(tls_session_entry, TLS_SESSION);
#define TLS_SESSION_FOUND(F, m)                                                          \
    F(m, number, status)                                                                 \
    F(m, text, session)
IPC_DECLARE(tls_session_found, TLS_SESSION_FOUND);

/* To nbdb_reindexd: this table has no index under the type that took its type's place.
 * The answer is a status_reply. */
#define REINDEX(F, m) F(m, text, name) /* "hash:/etc/aliases", as main.cf has it */
IPC_DECLARE(reindex, REINDEX);

#endif
