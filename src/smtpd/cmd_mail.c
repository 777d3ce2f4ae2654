/*
 * MAIL FROM (RFC 5321 section 4.1.1.2) with SIZE (RFC 1870) and BODY (RFC 6152):
 * begins a transaction. Nothing is queued before the first accepted recipient.
 */
#include "mail/path.h"
#include "smtpd/address.h"
#include "smtpd/restrict.h"
#include "smtpd/session.h"
#include "util/log.h"

#include <sys/statvfs.h>

/* Free space must hold the largest message one and a half times, and queue_minfree
 * besides. */
static bool storage_is_short(const struct session *session, long long size)
{
    const struct conf *conf = session->conf;
    struct statvfs fs;
    unsigned long long free_bytes, largest = (unsigned long long)conf->message_size_limit;

    if (statvfs(".", &fs) < 0)
        return false; /* the write itself will tell */
    free_bytes = (unsigned long long)fs.f_bavail * fs.f_frsize;
    return free_bytes < (unsigned long long)conf->queue_minfree ||
           free_bytes / 3 * 2 < largest || free_bytes < (unsigned long long)size;
}

/* SIZE=n; returns false when it was refused. */
static bool option_size(struct session *session, struct str value)
{
    unsigned long long size;

    if (!str_number(value, INT64_MAX, &size)) {
        session_reply(session, REPLY_BAD_SIZE);
        return false;
    }
    session->transaction.size = (long long)size;
    return true;
}

static bool option_body(struct session *session, struct str value)
{
    if (str_is_nocase(value, "8BITMIME"))
        session->transaction.encoding = "8bit";
    else if (str_is_nocase(value, "7BIT"))
        session->transaction.encoding = "7bit";
    else
        return false;
    return true;
}

/* The ESMTP parameters after the path; false when one was refused and answered. */
static bool take_options(struct session *session, struct str options)
{
    for (struct str word; (word = str_word(&options, " \t")).n;) {
        struct str value = word;
        struct str name = str_until(&value, '=');

        if (str_is_nocase(name, "SIZE") && value.n) {
            if (!option_size(session, value))
                return false;
        } else if (!str_is_nocase(name, "BODY") || !option_body(session, value)) {
            session_reply(session, REPLY_UNSUPPORTED,
                          arena_copy_str(session->command, word));
            return false;
        }
    }
    return true;
}

/* Limits that SIZE= already shows to be broken. */
static bool too_big(struct session *session)
{
    long long size = session->transaction.size, limit = session->conf->message_size_limit;

    if (limit > 0 && size > limit)
        session_reply(session, REPLY_SIZE_FIXED_LIMIT);
    else if (storage_is_short(session, size))
        session_reply(session, REPLY_NO_STORAGE);
    else
        return false;
    return true;
}

void answer_mail(struct session *session, struct str argument)
{
    struct transaction *transaction = &session->transaction;
    struct path path;

    transaction_reset(session);
    if (!str_starts_nocase(argument, "FROM:")) {
        session_reply(session, REPLY_MAIL_SYNTAX);
        return;
    }
    if (!smtp_address(session, "MAIL", str_tail(argument, 5), PATH_NULL_OK, &path)) {
        session_reply(session, REPLY_BAD_SENDER);
        return;
    }
    if (!take_options(session, path.rest) || too_big(session)) {
        transaction_reset(session);
        return;
    }
    transaction->sender = arena_copy_str(transaction->arena, path.address);
    transaction->open = true;
    if (!session->conf->smtpd_delay_reject && restrict_stage(session, STAGE_SENDER)) {
        transaction_reset(session);
        return;
    }
    transaction->arrival = clock_wall(&clock_system);
    session_reply(session, REPLY_SENDER_OK);
}
