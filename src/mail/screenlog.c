/* The words of postscreen's log lines; see screenlog.h. */
#include "mail/screenlog.h"

#include "util/log.h"

enum { SHOWN = 100 }; /* bytes of what a client said */

void screenlog_connect(const char *client, const char *server)
{
    log_info("CONNECT from %s to %s", client, server);
}

void screenlog_disconnect(const char *client)
{
    log_info("DISCONNECT %s", client);
}

void screenlog_pass(const char *client, bool is_new)
{
    log_info("PASS %s %s", is_new ? "NEW" : "OLD", client);
}

void screenlog_listed(const char *client, bool allowed, bool plain)
{
    const char *word = plain ? (allowed ? "WHITELISTED" : "BLACKLISTED")
                             : (allowed ? "ALLOWLISTED" : "DENYLISTED");

    log_info("%s %s", word, client);
}

void screenlog_veto(const char *client, bool plain)
{
    log_info("%s VETO %s", plain ? "WHITELIST" : "ALLOWLIST", client);
}

void screenlog_rank(const char *client, int rank)
{
    log_info("DNSBL rank %d for %s", rank, client);
}

/* Log what buf has, and release it. */
static void finish(struct buf *line)
{
    log_info("%s", buf_text(line));
    buf_done(line);
}

void screenlog_pregreet(const char *client, size_t size, struct str ahead, double seconds)
{
    struct buf line;

    buf_init(&line, 4000);
    buf_printf(&line, "PREGREET %zu after ", size);
    maillog_add_delay(&line, seconds, 2);
    buf_printf(&line, " from %s: ", client);
    maillog_add_escaped(&line, str_head(ahead, SHOWN));
    finish(&line);
}

void screenlog_hangup(const char *client, bool greeted, double seconds)
{
    struct buf line;

    buf_init(&line, 4000);
    buf_add_text(&line, "HANGUP after ");
    maillog_add_delay(&line, seconds, 2);
    buf_printf(&line, " from %s in tests %s SMTP handshake", client,
               greeted ? "after" : "before");
    finish(&line);
}

void screenlog_bare_newline(const char *client, struct str line)
{
    log_info("BARE NEWLINE from %s after %.*s", client, STR_ARG(str_head(line, SHOWN)));
}

void screenlog_pipelining(const char *client, const char *after, struct str ahead)
{
    struct buf line;

    buf_init(&line, 4000);
    buf_printf(&line, "COMMAND PIPELINING from %s after %s: ", client, after);
    maillog_add_escaped(&line, str_head(ahead, SHOWN));
    finish(&line);
}

void screenlog_not_smtp(const char *client, const char *after, struct str line)
{
    log_info("NON-SMTP COMMAND from %s after %s: %.*s", client, after,
             STR_ARG(str_head(line, SHOWN)));
}

void screenlog_limit(const char *client, const char *which, const char *after)
{
    log_info("COMMAND %s LIMIT from %s after %s", which, client, after);
}

void screenlog_no_recipients(const char *client, const char *command)
{
    log_info("%s without valid RCPT from %s", command, client);
}

void screenlog_reject(const char *client, const char *reply,
                      const struct maillog_context *context)
{
    log_info("NOQUEUE: reject: RCPT from %s: %s; from=<%s>, to=<%s>, proto=%s, helo=<%s>",
             client, reply, context->sender, context->recipient, context->proto,
             context->helo);
}

void screenlog_refused(const char *client, const char *reason)
{
    log_info("NOQUEUE: reject: CONNECT from %s: %s", client, reason);
}

void screenlog_busy(const char *client)
{
    log_info("reject: connect from %s: all screening ports busy", client);
}

void screenlog_stress(bool begins, size_t connections)
{
    log_info("%s STRESS mode with %zu connections", begins ? "entering" : "leaving",
             connections);
}

/* compat: no colon before the port */
void screenlog_discarding(const char *address, unsigned port, const char *keywords)
{
    log_info("[%s]%u: discarding EHLO keywords:%s", address, port, keywords);
}

void screenlog_replaced(const char *client, struct str command, struct str by)
{
    log_info("%s: replacing command \"%.*s\" with \"%.*s\"", client,
             STR_ARG(str_head(command, SHOWN)), STR_ARG(str_head(by, SHOWN)));
}
