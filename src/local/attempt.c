/*
 * The delivery of one recipient: its leaves report outcomes, the recipient is
 * done when none of them is to be tried again.
 */
#include "local/local.h"

#include "queue/envelope.h"
#include "util/log.h"

#include <stdarg.h>

enum { FEW = 30 };

/* --- outcomes ----------------------------------------------------------------------- */

/*
 * A leaf is logged as a recipient of its own. The count of deferred recipients
 * is that of the request, and is settled by attempt_deliver.
 */
void attempt_report(struct attempt *attempt, const struct step *step,
                    const struct outcome *outcome)
{
    struct delivery *delivery = attempt->delivery;
    struct delivery_recipient leaf = *attempt->recipient;
    size_t before = delivery->deferred;

    leaf.address = step->address;
    leaf.original = step->original;
    leaf.notify = attempt->notify;
    leaf.part = true;
    delivery_report(delivery, &leaf, outcome);
    if (delivery->deferred > before)
        attempt->deferred = true;
    delivery->deferred = before;
}

void attempt_outcome(struct attempt *attempt, const struct step *step, const char *status,
                     const char *format, ...)
{
    struct outcome outcome;
    struct buf text;
    va_list args;

    buf_init(&text, 1 << 20);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    outcome = outcome_make(attempt->arena, status, "%s", buf_text(&text));
    buf_done(&text);
    attempt_report(attempt, step, &outcome);
}

const char *attempt_sender(const struct attempt *attempt, const struct step *step)
{
    return step->sender ? step->sender : attempt->delivery->request.sender;
}

/* RFC 3461 section 5.2.7.3: what aliases hide is not to be told. */
void attempt_expanded(struct attempt *attempt, const struct step *step)
{
    struct outcome outcome = outcome_make(attempt->arena, "2.0.0", "alias expanded");
    struct delivery_recipient expanded = *attempt->recipient;

    if (!(attempt->notify & NOTIFY_SUCCESS) || attempt_is_probe(attempt))
        return;
    expanded.address = step->address;
    expanded.original = step->original;
    delivery_trace(attempt->delivery, &expanded, &outcome,
                   step->owned ? "delivered" : "expanded");
    attempt->notify &= ~NOTIFY_SUCCESS;
    if (attempt->notify == 0)
        attempt->notify = NOTIFY_NEVER;
}

bool attempt_is_probe(const struct attempt *attempt)
{
    return attempt->delivery->request.flags & DELIVER_PROBE;
}

/* Remember key, up to the limit; false when it is there already. */
static bool note(struct attempt *attempt, struct str key)
{
    size_t limit = (size_t)attempt->agent->conf->duplicate_filter_limit;
    struct seen *seen = attempt->seen;
    size_t n = seen->few.n + (seen->many ? map_count(seen->many) : 0);

    if (texts_has(&seen->few, key, false) || (seen->many && map_get(seen->many, key)))
        return false;
    if (limit > 0 && n >= limit)
        return true;
    if (n < FEW) {
        texts_add(&seen->few, attempt->arena, arena_copy_str(attempt->arena, key));
        return true;
    }
    if (!seen->many)
        seen->many = map_new();
    map_set(seen->many, key, seen);
    return true;
}

bool attempt_is_first(struct attempt *attempt, const char *format, ...)
{
    struct buf key;
    va_list args;
    bool first;

    buf_init(&key, 1 << 20);
    va_start(args, format);
    buf_vprintf(&key, format, args);
    va_end(args);
    first = note(attempt, buf_str(&key));
    buf_done(&key);
    return first;
}

/* --- one recipient -------------------------------------------------------------------
 */

static const char *original_of(const struct delivery_recipient *recipient)
{
    return *recipient->original ? recipient->original : recipient->address;
}

/* The Delivered-To: lines are needed by all that an address can become. */
static bool read_header(struct attempt *attempt, const struct step *top)
{
    struct fail why;
    enum copy_result result = copy_delivered_to(attempt->delivery, &attempt->delivered_to,
                                                attempt->arena, &why);
    struct outcome outcome;

    if (result == COPY_DONE)
        return true;
    outcome = copy_read_failure(attempt->delivery, result, &why);
    attempt_report(attempt, top, &outcome);
    return false;
}

static void settle(struct attempt *attempt)
{
    attempt->recipient->reported = true;
    if (attempt->deferred)
        attempt->delivery->deferred++;
    else if (!attempt->passed_on)
        delivery_mark_done(attempt->delivery, attempt->recipient);
}

void attempt_deliver(struct agent *agent, struct delivery *delivery,
                     struct delivery_recipient *recipient, struct seen *seen)
{
    struct attempt attempt = {.agent = agent,
                              .delivery = delivery,
                              .recipient = recipient,
                              .arena = delivery->arena,
                              .seen = seen,
                              .notify = recipient->notify};
    struct step top = {.address = recipient->address,
                       .original = original_of(recipient),
                       .delivered_to = recipient->address,
                       .unmatched = ""};

    if (read_header(&attempt, &top))
        address_deliver(&attempt, &top);
    leave_finish(&attempt, &top);
    settle(&attempt);
}
