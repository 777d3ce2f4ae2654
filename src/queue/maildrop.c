/*
 * The rules of a submission, record by record.
 *
 * What is not on a list is not taken. Attributes that only the mail system
 * may set (client names, creation time, filters) are dropped silently from a
 * submission of a user: they are harmless there, but would be believed later.
 */
#include "queue/maildrop.h"

#include "queue/envelope.h"

/* Types that postdrop takes in each segment (formats 1.2); C is left out, T is postdrop's
 * own. */
static const char *const allowed[] = {
    [MAILDROP_ENVELOPE] = "MFSRVATCin",
    [MAILDROP_CONTENT] = "XLN",
    [MAILDROP_EXTRACTED] = "EAR",
};

/* Types that may come from a queue file that postsuper -r put back. */
static const char *const requeued[] = {
    [MAILDROP_ENVELOPE] = "MTcFILSDRO/WVA>K<ionwCpPre",
    [MAILDROP_CONTENT] = "XLNwp",
    [MAILDROP_EXTRACTED] = "EDRO/PreAFIL>Kionwp",
};

static const char *const user_attributes[] = {
    "encoding",     "envelope_id",   "ret_flags",
    "notify_flags", "dsn_orig_rcpt", "rewrite_context",
};

static enum maildrop_verdict refuse(struct fail *why, const char *what,
                                    const struct record *record)
{
    fail_set(why, "%s (record type %d)", what, record->type);
    return MAILDROP_REFUSE;
}

/* May a user ask for this tracing? A report on delivery, or a probe; no daemon's flags.
 */
static bool user_may_trace(struct str value)
{
    unsigned long long flags;

    return str_number(value, 0x7fffffff, &flags) && flags > 0 &&
           (flags & ~(unsigned long long)(TRACE_PROBE_USER | TRACE_RECORD)) == 0;
}

static bool is_dsn_attribute(struct str name)
{
    return str_is(name, "notify_flags") || str_is(name, "dsn_orig_rcpt");
}

static enum maildrop_verdict judge_attribute(const struct maildrop_check *check,
                                             const struct record *record, bool trusted,
                                             struct fail *why)
{
    struct str name, value;

    if (!record_attribute(record->data, &name, &value))
        return refuse(why, "malformed attribute", record);
    if (trusted)
        return check->segment == MAILDROP_EXTRACTED && !is_dsn_attribute(name)
                   ? MAILDROP_DROP
                   : MAILDROP_TAKE;
    if (str_is(name, "trace_flags"))
        return user_may_trace(value) ? MAILDROP_TAKE : MAILDROP_DROP;
    for (size_t i = 0; i < COUNT(user_attributes); i++)
        if (str_is(name, user_attributes[i]))
            return MAILDROP_TAKE;
    return MAILDROP_DROP;
}

/* Of a requeued file: is it something that cleanup makes anew, or that is over? */
static bool is_stale(const struct record *record)
{
    return strchr("CcTWL>KpwPreI/", record->type) != NULL;
}

static enum maildrop_verdict judge_envelope(struct maildrop_check *check,
                                            const struct record *record, bool trusted,
                                            struct fail *why)
{
    if (!record_fits_envelope(record->data))
        return refuse(why, "control characters in an envelope record, or too much",
                      record);
    switch (record->type) {
    case RECORD_CONTENT:
        if (!check->sender)
            return refuse(why, "no sender before the message", record);
        check->segment = MAILDROP_CONTENT;
        return MAILDROP_TAKE;
    case RECORD_END:
        if (!check->recipient)
            return check->done ? MAILDROP_OVER : refuse(why, "no recipient", record);
        check->ended = true;
        return MAILDROP_TAKE;
    case RECORD_SENDER:
        if (check->sender)
            return refuse(why, "second sender", record);
        check->sender = true;
        return MAILDROP_TAKE;
    case RECORD_RECIPIENT:
        check->recipient = true;
        return MAILDROP_TAKE;
    case RECORD_DONE:
        check->done = true;
        return MAILDROP_DROP;
    case RECORD_ATTRIBUTE:
        return judge_attribute(check, record, trusted, why);
    case RECORD_VERP:
        return record->data.n == 2 ? MAILDROP_TAKE
                                   : refuse(why, "bad delimiters", record);
    case RECORD_DSN_ENVID:
    case RECORD_DSN_NOTIFY:
    case RECORD_SIZE:
        return MAILDROP_DROP;
    default:
        return is_stale(record) ? MAILDROP_DROP : MAILDROP_TAKE;
    }
}

enum maildrop_verdict maildrop_judge(struct maildrop_check *check,
                                     const struct record *record, bool trusted,
                                     struct fail *why)
{
    if (check->ended)
        return refuse(why, "record after the end", record);
    if (record->type <= 0 || record->type > 127 ||
        strchr((trusted ? requeued : allowed)[check->segment], record->type) == NULL)
        return refuse(why, "record of a type that has no place here", record);
    if (check->segment != MAILDROP_CONTENT)
        return judge_envelope(check, record, trusted, why);
    if (record->type == RECORD_EXTRACTED)
        check->segment = MAILDROP_EXTRACTED;
    return record->type == RECORD_PAD || record->type == RECORD_POINTER ? MAILDROP_DROP
                                                                        : MAILDROP_TAKE;
}

bool maildrop_complete(const struct maildrop_check *check)
{
    return check->ended;
}
