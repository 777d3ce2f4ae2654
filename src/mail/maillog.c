/*
 * Decides how every log line about mail reads. Tools parse these lines
 * (statistics, ban lists), so a change here is a change of an interface; the
 * golden rows stand in tests/unit/mail/test_maillog.c.
 */
#include "mail/maillog.h"

#include "mail/address.h"
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    MAILLOG_MAX = 1 << 20, /* far beyond any line; the log itself cuts at 2000 */
    CONTENT_SHOWN = 200,   /* of a header or line that a check met */
};

static const char *id_or_noqueue(const char *queue_id)
{
    return queue_id && queue_id[0] ? queue_id : "NOQUEUE";
}

static void add_address(struct buf *out, struct maillog_style style, const char *address)
{
    if (style.external)
        address_add_external(out, str_of(address));
    else
        buf_add_text(out, address);
}

static void add_field(struct buf *out, const char *label, struct maillog_style style,
                      const char *address)
{
    buf_printf(out, "%s=<", label);
    add_address(out, style, address);
    buf_add_char(out, '>');
}

/* Log a line that was built in *out, and release it. */
static void emit(struct buf *out)
{
    log_info("%s", buf_text(out));
    buf_done(out);
}

/* --- delivery --- */

/* To the nearest, halves to even, as printf rounds. */
static long long rounded(double number)
{
    long long whole = (long long)number;
    double rest = number - (double)whole;

    return whole + (rest > 0.5 || (rest == 0.5 && whole % 2 == 1));
}

/* number >= 0 with so many places (6 at most), less the zeros at the end. */
static void add_decimal(struct buf *out, double number, int places)
{
    long long scale = 1, whole, part;

    for (int i = 0; i < places; i++)
        scale *= 10;
    whole = rounded(number * (double)scale);
    part = whole % scale;
    buf_printf(out, "%lld", whole / scale);
    if (part == 0)
        return;
    while (part % 10 == 0) {
        part /= 10;
        scale /= 10;
    }
    buf_add_char(out, '.');
    for (scale /= 10; scale > 0; scale /= 10)
        buf_add_char(out, (char)('0' + part / scale % 10));
}

void maillog_add_delay(struct buf *out, double seconds, int decimals)
{
    int places = seconds >= 9.95 ? 0 : seconds >= 0.995 ? 1 : 2;

    if (seconds < 0.0)
        seconds = 0.0;
    /* Below 0.1 more places would be needed for two significant digits. */
    for (double limit = 0.0995; places >= 2 && places < 6 && seconds < limit; limit /= 10)
        places++;
    if (places > decimals)
        places = decimals;
    add_decimal(out, seconds, places);
}

static bool is_set(struct timeval time)
{
    return time.tv_sec != 0 || time.tv_usec != 0;
}

static double between(struct timeval from, struct timeval to)
{
    if (!is_set(from) || !is_set(to))
        return 0;
    return (double)(to.tv_sec - from.tv_sec) +
           (double)(to.tv_usec - from.tv_usec) / 1000000.0;
}

static void add_delays(struct buf *out, int decimals, const struct maillog_times *t)
{
    /* A station that was not reached takes the time of the next one, so that its part is
     * 0. */
    struct timeval active = is_set(t->active) ? t->active : t->arrival;
    struct timeval agent = is_set(t->agent) ? t->agent : t->done;
    struct timeval connected = is_set(t->connected) ? t->connected : agent;

    buf_add_text(out, ", delay=");
    maillog_add_delay(out, between(t->arrival, t->done), decimals);
    buf_add_text(out, ", delays=");
    maillog_add_delay(out, between(t->arrival, active), decimals);
    buf_add_char(out, '/');
    maillog_add_delay(out, between(active, agent), decimals);
    buf_add_char(out, '/');
    maillog_add_delay(out, between(agent, connected), decimals);
    buf_add_char(out, '/');
    maillog_add_delay(out, between(connected, t->done), decimals);
}

void maillog_add_delivery(struct buf *out, struct maillog_style style,
                          const struct maillog_delivery *d)
{
    buf_printf(out, "%s: ", id_or_noqueue(d->queue_id));
    add_field(out, "to", style, d->recipient);
    if (d->orig_to && d->orig_to[0] &&
        !str_eq_nocase(str_of(d->orig_to), str_of(d->recipient)))
        add_field(out, ", orig_to", style, d->orig_to);
    buf_printf(out, ", relay=%s", d->relay);
    if (d->conn_use > 1)
        buf_printf(out, ", conn_use=%d", d->conn_use);
    add_delays(out, style.delay_decimals, &d->times);
    if (d->tls && d->tls[0])
        buf_printf(out, ", tls=%s", d->tls);
    buf_printf(out, ", dsn=%s, status=%s (%s)", d->status, d->verdict, d->text);
}

void maillog_delivery(struct maillog_style style, const struct maillog_delivery *d)
{
    struct buf out;

    buf_init(&out, MAILLOG_MAX);
    maillog_add_delivery(&out, style, d);
    emit(&out);
}

const char *maillog_verdict(enum outcome_result result)
{
    switch (result) {
    case OUTCOME_DELIVERED:
        return "sent";
    case OUTCOME_DEFERRED:
        return "deferred";
    default:
        return "bounced";
    }
}

/* --- smtpd and other intake --- */

void maillog_connect(const char *client)
{
    log_info("connect from %s", client);
}

void maillog_disconnect(const char *client, const char *counts)
{
    log_info("disconnect from %s %s", client, counts);
}

void maillog_lost(const char *reason, const char *stage, long long bytes,
                  const char *client)
{
    if (bytes < 0)
        log_info("%s after %s from %s", reason, stage, client);
    else
        log_info("%s after %s (%lld bytes) from %s", reason, stage, bytes, client);
}

void maillog_add_tls(struct buf *out, const struct maillog_tls *tls)
{
    buf_printf(out, "%s TLS connection established %s %s: %s", tls->trust, tls->direction,
               tls->peer, tls->words);
}

void maillog_tls(const struct maillog_tls *tls)
{
    struct buf line;

    buf_init(&line, 20000);
    maillog_add_tls(&line, tls);
    log_info("%s", buf_text(&line));
    buf_done(&line);
}

void maillog_tls_failed(const char *step, const char *direction, const char *peer,
                        const char *reason)
{
    log_info("%s error %s %s: %s", step, direction, peer, reason);
}

void maillog_tls_abort(const char *client, const char *reason)
{
    log_info("NOQUEUE: abort: TLS from %s: %s", client, reason);
}

void maillog_add_escaped(struct buf *out, struct str s)
{
    static const char letters[] = "\aa\bb\tt\nn\vv\ff\rr\\\\";

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        const char *letter = c ? strchr(letters, c) : NULL;

        if (letter && (letter - letters) % 2 == 0)
            buf_printf(out, "\\%c", letter[1]);
        else if (c >= ' ' && c < 127)
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "\\%03o", c);
    }
}

void maillog_add_pipelining(struct buf *out, const char *stage, const char *client,
                            struct str ahead)
{
    buf_printf(out, "improper command pipelining after %s from %s: ", stage, client);
    maillog_add_escaped(out, str_head(ahead, 100));
}

void maillog_pipelining(const char *stage, const char *client, struct str ahead)
{
    struct buf line;

    buf_init(&line, 4000);
    maillog_add_pipelining(&line, stage, client, ahead);
    log_info("%s", buf_text(&line));
    buf_done(&line);
}

void maillog_not_smtp(const char *client, struct str line)
{
    struct buf text;

    buf_init(&text, 4000);
    buf_printf(&text, "non-SMTP command from %s: ", client);
    maillog_add_escaped(&text, str_head(line, 100));
    log_warning("%s", buf_text(&text));
    buf_done(&text);
}

void maillog_auth_failed(const char *client, const char *mechanism, const char *reason,
                         const char *user)
{
    log_warning("%s: SASL %.100s authentication failed: %s, sasl_username=%.100s", client,
                mechanism, reason, user ? user : "(unavailable)");
}

void maillog_auth_aborted(const char *client, const char *mechanism)
{
    log_warning("%s: SASL %.100s authentication aborted", client, mechanism);
}

static void add_known(struct buf *out, const char *label, const char *value)
{
    if (value && value[0])
        buf_printf(out, "%s=%s", label, value);
}

void maillog_add_client(struct buf *out, const struct maillog_client *c)
{
    buf_printf(out, "%s: client=%s", id_or_noqueue(c->queue_id), c->client);
    add_known(out, ", sasl_method", c->sasl_method);
    add_known(out, ", sasl_username", c->sasl_username);
    add_known(out, ", sasl_sender", c->sasl_sender);
    add_known(out, ", orig_queue_id", c->orig_queue_id);
    add_known(out, ", orig_client", c->orig_client);
}

void maillog_client(const struct maillog_client *c)
{
    struct buf out;

    buf_init(&out, MAILLOG_MAX);
    maillog_add_client(&out, c);
    emit(&out);
}

static void add_context(struct buf *out, struct maillog_style style,
                        const struct maillog_context *context)
{
    if (context->sender)
        add_field(out, " from", style, context->sender);
    if (context->recipient)
        add_field(out, " to", style, context->recipient);
    add_known(out, " proto", context->proto);
    if (context->helo)
        buf_printf(out, " helo=<%s>", context->helo);
    add_known(out, " sasl_method", context->sasl_method);
    add_known(out, " sasl_username", context->sasl_username);
    add_known(out, " sasl_sender", context->sasl_sender);
}

void maillog_action(struct maillog_style style, const char *queue_id, const char *action,
                    const char *where, const char *text,
                    const struct maillog_context *context)
{
    struct buf out;

    buf_init(&out, MAILLOG_MAX);
    buf_printf(&out, "%s: %s: %s: %s;", id_or_noqueue(queue_id), action, where, text);
    add_context(&out, style, context);
    emit(&out);
}

/* --- old defaults --- */

void maillog_old_default(const char *format, ...)
{
    struct buf out;
    va_list args;

    buf_init(&out, MAILLOG_MAX);
    buf_add_text(&out, "using backwards-compatible default setting ");
    va_start(args, format);
    buf_vprintf(&out, format, args);
    va_end(args);
    emit(&out);
}

/* --- pickup, cleanup --- */

void maillog_pickup(struct maillog_style style, const char *queue_id, long uid,
                    const char *sender, const char *orig_id)
{
    struct buf out;

    buf_init(&out, MAILLOG_MAX);
    buf_printf(&out, "%s: uid=%ld ", queue_id, uid);
    add_field(&out, "from", style, sender);
    add_known(&out, " orig_id", orig_id);
    emit(&out);
}

void maillog_message_id(const char *queue_id, bool resent, const char *id)
{
    log_info("%s: %smessage-id=%s", queue_id, resent ? "resent-" : "", id ? id : "<>");
}

void maillog_content(struct maillog_style style, const struct maillog_content *c)
{
    struct buf out;

    buf_init(&out, MAILLOG_MAX);
    buf_printf(&out, "%s: %s: %s ", c->queue_id, c->action, c->part);
    for (size_t i = 0; i < c->text.n && i < CONTENT_SHOWN; i++)
        buf_add_char(&out, c->text.p[i] ? c->text.p[i] : '?');
    buf_printf(&out, " from %s;", c->origin);
    add_context(&out, style, c->context);
    if (c->words && c->words[0])
        buf_printf(&out, ": %s", c->words);
    emit(&out);
}

void maillog_too_many_hops(const char *queue_id)
{
    log_warning("%s: message rejected: hopcount exceeded", queue_id);
}

void maillog_canceled(const char *queue_id)
{
    log_info("%s: removed (canceled)", queue_id);
}

/* --- queue manager --- */

void maillog_active(struct maillog_style style, const char *queue_id, const char *sender,
                    long long size, long recipients)
{
    struct buf out;

    buf_init(&out, MAILLOG_MAX);
    buf_printf(&out, "%s: ", queue_id);
    add_field(&out, "from", style, sender);
    buf_printf(&out, ", size=%lld, nrcpt=%ld (queue active)", size, recipients);
    emit(&out);
}

void maillog_removed(const char *queue_id)
{
    log_info("%s: removed", queue_id);
}

void maillog_expired(struct maillog_style style, const char *queue_id, const char *sender,
                     bool forced)
{
    struct buf out;

    buf_init(&out, MAILLOG_MAX);
    buf_printf(&out, "%s: ", queue_id);
    add_field(&out, "from", style, sender);
    buf_printf(&out, ", status=%sexpired, returned to sender", forced ? "force-" : "");
    emit(&out);
}

void maillog_skipped(const char *queue_id)
{
    log_info("%s: skipped, still being delivered", queue_id);
}

/* --- bounce --- */

void maillog_notice(const char *queue_id, enum maillog_notice notice,
                    const char *new_queue_id)
{
    static const char *const names[] = {
        [MAILLOG_SENDER_FAILURE] = "sender non-delivery notification",
        [MAILLOG_POSTMASTER_FAILURE] = "postmaster non-delivery notification",
        [MAILLOG_SENDER_DELAY] = "sender delay notification",
        [MAILLOG_POSTMASTER_DELAY] = "postmaster delay notification",
        [MAILLOG_SENDER_SUCCESS] = "sender delivery status notification",
    };

    log_info("%s: %s: %s", queue_id, names[notice], new_queue_id);
}

void maillog_notice_discarded(const char *queue_id)
{
    log_warning("%s: undeliverable postmaster notification discarded", queue_id);
}
