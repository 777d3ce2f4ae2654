/*
 * MAIL FROM (RFC 5321 section 4.1.1.2): begins a transaction. Nothing is
 * queued before the first accepted recipient, unless smtpd_delay_open_until_valid_rcpt
 * wants log lines to have a queue id earlier.
 */
#include "mail/path.h"
#include "smtpd/address.h"
#include "smtpd/envelope.h"
#include "smtpd/filters.h"
#include "smtpd/limits.h"
#include "smtpd/old_default.h"
#include "smtpd/options.h"
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
    if (free_bytes >= (unsigned long long)conf->queue_minfree &&
        free_bytes / 3 * 2 >= largest && free_bytes >= (unsigned long long)size)
        return false;
    log_warning(
        "not enough free space in mail queue: %llu bytes < 1.5*message size limit "
        "or queue_minfree",
        free_bytes);
    return true;
}

/* Limits that SIZE= already shows to be broken. */
static bool too_big(struct session *session, const char *sender, long long size)
{
    long long limit = session->conf->message_size_limit;

    if (limit > 0 && size > limit)
        session_refuse(session, sender, REPLY_SIZE_FIXED_LIMIT);
    else if (storage_is_short(session, size))
        session_refuse(session, NULL, REPLY_NO_STORAGE); /* compat: without from= */
    else
        return false;
    return true;
}

void answer_mail(struct session *session, struct str argument)
{
    struct transaction *transaction = &session->transaction;
    struct path path;
    struct options options;
    int local;

    transaction_reset(session);
    if (!str_starts_nocase(argument, "FROM:") || str_trim(str_tail(argument, 5)).n == 0) {
        session_reply(session, REPLY_MAIL_SYNTAX);
        return;
    }
    if (limits_exceeded(session, CLIENT_MESSAGE))
        return;
    if (!smtp_address(session, "MAIL", str_tail(argument, 5),
                      envelope_path_flags(session) | PATH_NULL_OK, &path)) {
        session_reply(session, REPLY_BAD_SENDER);
        return;
    }
    if (!options_take(session, OPTION_MAIL, path.rest, &options) ||
        too_big(session, arena_copy_str(session->command, path.address), options.size) ||
        (local = restrict_is_rewrite_client(session)) < 0) {
        transaction_reset(session);
        return;
    }
    transaction->is_local = local;
    transaction->sender = arena_copy_str(transaction->arena, path.address);
    old_default_takes(session, "sender", transaction->sender);
    transaction->encoding = options.encoding;
    transaction->ret = options.ret;
    transaction->envelope_id = options.envelope_id;
    transaction->size = options.size;
    if (options.sasl_sender && strcmp(options.sasl_sender, "<>") != 0)
        transaction->sasl_sender = options.sasl_sender;
    transaction->open = true;
    if ((!session->conf->smtpd_delay_reject && restrict_stage(session, STAGE_SENDER)) ||
        filters_refuse_sender(session, path.rest)) {
        transaction_reset(session);
        return;
    }
    transaction->arrival = clock_wall(&clock_system);
    transaction->number = session->server->transactions++;
    if (!session->conf->smtpd_delay_open_until_valid_rcpt && !envelope_open(session)) {
        transaction_reset(session);
        return;
    }
    session_reply(session, REPLY_SENDER_OK);
}
