/*
 * Parses the paths of MAIL and RCPT, and asks trivial-rewrite for the class
 * of an address. Whether the class is acceptable is for restrict.c.
 */
#include "smtpd/address.h"

#include "ipc/answers.h"
#include "util/clock.h"
#include "util/log.h"

bool smtp_address(struct session *session, const char *verb, struct str text,
                  unsigned flags, struct path *ret)
{
    struct fail why;

    if (path_parse(text, flags, session->command, ret, &why) == 0 &&
        address_check(ret->address, &why) == 0)
        return true;
    log_warning("Illegal address syntax from %s in %s command: %s", session->client_text,
                verb, arena_copy_str(session->command, str_trim(text)));
    return false;
}

unsigned envelope_path_flags(const struct session *session)
{
    return session->conf->strict_rfc821_envelopes ? PATH_STRICT : 0;
}

const char *standard_form(struct session *session, const char *address)
{
    struct buf form;
    const char *result;

    buf_init(&form, 2 * ADDRESS_MAX + IPC_NAME_MAX);
    rewrite_address(&session->server->rules, str_of(address), &form);
    result = arena_copy_str(session->command, buf_str(&form));
    buf_done(&form);
    return result;
}

/* trivial-rewrite's answer, a new one or one of the last second. */
static int ask(struct session *session, const struct resolve *question,
               struct resolved *ret, struct fail *why)
{
    struct answers *answers = session->server->answers;
    struct arena *arena = session->command;
    struct str key = str_of(arena_printf(
        arena, "%s\n%s", question->sender ? question->sender : "", question->address));
    const struct resolved *known = answers_find(answers, key, clock_ms(&clock_system));
    struct ipc_exchange exchange = {"resolve", &resolve_message, question,
                                    &resolved_message, ret};

    if (known) {
        *ret = (struct resolved){
            .flags = known->flags,
            .transport = arena_copy(arena, known->transport),
            .nexthop = arena_copy(arena, known->nexthop),
            .recipient = arena_copy(arena, known->recipient),
        };
        return 0;
    }
    if (ipc_call(session->server->rewrite, &exchange, arena, why) < 0)
        return -1;
    answers_keep(answers, key, ret, clock_ms(&clock_system));
    return 0;
}

int resolve_address(struct session *session, const char *address, struct resolved *ret,
                    struct fail *why)
{
    struct resolve question = {
        .sender = session->transaction.sender,
        .address = standard_form(session, address),
    };

    if (ask(session, &question, ret, why) < 0)
        return -1;
    if (ret->flags & RESOLVE_FAIL)
        return fail_set(why, "the resolver could not look up %s", address);
    return 0;
}
