/*
 * Requests to verify, and what a probe looks like.
 */
#include "queue/verify.h"

#include "mail/address.h"
#include "mail/date.h"
#include "queue/envelope.h"
#include "queue/record.h"
#include "queue/submit.h"
#include "util/clock.h"

#include <stdio.h>

struct ipc_client *verify_client(const struct conf *conf)
{
    char path[300];

    snprintf(path, sizeof(path), "private/%s", conf->address_verify_service_name);
    return ipc_client_new(path, "verify", conf->ipc_timeout * 1000L);
}

int verify_ask(struct ipc_client *verify, const char *address, struct arena *arena,
               struct verify_answer *ret, struct fail *why)
{
    const struct verify_query query = {.address = address};
    const struct ipc_exchange exchange = {"query", &verify_query_message, &query,
                                          &verify_answer_message, ret};

    return ipc_call(verify, &exchange, arena, why);
}

int verify_tell(struct ipc_client *verify, const char *address, enum verify_status status,
                const char *text, struct fail *why)
{
    const struct verify_update update = {address, status, text};
    struct arena *arena = arena_new("verify");
    struct status_reply reply;
    const struct ipc_exchange exchange = {"update", &verify_update_message, &update,
                                          &status_reply_message, &reply};
    int result = ipc_call(verify, &exchange, arena, why);

    if (result == 0 && reply.status != 0)
        result = fail_set(why, "verify: %s", reply.reason);
    arena_free(arena);
    return result;
}

/* compat: the digits are behind the local part, without a sign between. */
const char *verify_sender(const char *internal, int ttl, time_t now, int periods_ago,
                          struct arena *arena)
{
    static const char digits[] = "0123456789bcdfghjklmnpqrstvwxyz";
    enum { BASE = sizeof digits - 1 };
    struct address parts = address_split(str_of(internal));
    char suffix[16], *p = suffix + sizeof suffix - 1;

    if (ttl <= 0 || *internal == '\0')
        return internal;
    *p = '\0';
    for (long period = (long)now / ttl - periods_ago; period > 0; period /= BASE)
        *--p = digits[period % BASE];
    return arena_printf(arena, "%.*s%s%s%.*s", STR_ARG(parts.local), p,
                        parts.has_domain ? "@" : "", STR_ARG(parts.domain));
}

static void add_content(struct submission *s, const struct conf *conf, const char *id,
                        const char *sender, const char *address, struct arena *arena)
{
    struct buf date;

    buf_init(&date, 100);
    date_add_header(&date, clock_wall(&clock_system).tv_sec);
    submit_printf(s, RECORD_LINE, "Received: by %s (%s)", conf->myhostname,
                  conf->mail_name);
    submit_printf(s, RECORD_LINE, "\tid %s; %s", id, buf_text(&date));
    submit_printf(s, RECORD_LINE, "Date: %s", buf_text(&date));
    submit_printf(s, RECORD_LINE, "From: <%s>", address_external(arena, str_of(sender)));
    submit_printf(s, RECORD_LINE, "To: <%s>", address_external(arena, str_of(address)));
    submit_printf(s, RECORD_LINE, "Subject: address verification probe");
    buf_done(&date);
}

int verify_probe(struct ipc_client *cleanup, const struct conf *conf, const char *sender,
                 const char *address, struct arena *arena, struct fail *why)
{
    const char *id;
    struct submission *s = submit_open(cleanup, SUBMIT_MAP | SUBMIT_NO_BCC,
                                       conf->message_size_limit, arena, &id, why);
    struct timeval now = clock_wall(&clock_system);
    struct submit_done done;

    if (!s)
        return -1;
    submit_printf(s, RECORD_TIME, "%ld %ld", (long)now.tv_sec, (long)now.tv_usec);
    submit_attribute(s, "log_message_origin", "local");
    submit_attribute(s, "rewrite_context", "local");
    submit_printf(s, RECORD_ATTRIBUTE, "trace_flags=%d", TRACE_PROBE_MTA);
    submit_record(s, RECORD_SENDER, str_of(sender));
    submit_record(s, RECORD_RECIPIENT, str_of(address));
    submit_record(s, RECORD_CONTENT, STR(""));
    add_content(s, conf, id, sender, address, arena);
    submit_record(s, RECORD_EXTRACTED, STR(""));
    submit_record(s, RECORD_END, STR(""));
    done = submit_close(s, arena);
    if (done.status == SUBMIT_OK)
        return 0;
    return fail_set(why, "probe for <%s>: %s", address,
                    *done.reason ? done.reason : submit_status_text((int)done.status));
}
