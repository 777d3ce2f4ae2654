/* "/file/name" in aliases, .forward and :include: files: an mbox, or a Maildir with a
 * slash at its end. */
#include "local/local.h"

static struct outcome refused(struct attempt *attempt, const struct refusal *refusal,
                              const char *what)
{
    if (refusal->kind != COPY_NOT_WRITTEN)
        return copy_read_failure(attempt->delivery, refusal->kind, &refusal->why);
    return outcome_make(attempt->arena, refusal->status, "%s: %s", what,
                        refusal->why.text);
}

static struct outcome append(struct attempt *attempt, const struct step *step,
                             struct copy *copy, const char *path)
{
    const struct agent *agent = attempt->agent;
    struct rights owner = rights_of(agent, step->rights);
    const struct mailbox mailbox = {
        .path = path,
        .owner = owner,
        .maker = owner,
        .locks = agent->mailbox_locks,
        .lock_file_optional = true,
        .never_a_program = true,
        .size_limit = agent->conf->mailbox_size_limit,
        .durable = &agent->durable,
    };
    struct refusal refusal;

    copy->flags |= COPY_MBOX;
    if (mailbox_append(&mailbox, copy, &refusal) == 0)
        return outcome_make(attempt->arena, "2.0.0", "delivered to file: %s", path);
    return refused(
        attempt, &refusal,
        arena_printf(attempt->arena, "cannot append message to file %s", path));
}

struct outcome file_fill_maildir(struct attempt *attempt, const struct user *user,
                                 const struct copy *copy, const char *path)
{
    const struct agent *agent = attempt->agent;
    const struct maildir maildir = {
        .path = path,
        .owner = rights_of(agent, user),
        .hostname = agent->conf->myhostname,
        .size_limit = agent->conf->mailbox_size_limit,
        .durable = &agent->durable,
    };
    struct refusal refusal;

    if (maildir_deliver(&maildir, copy, &refusal) == 0)
        return outcome_make(attempt->arena, "2.0.0", "delivered to maildir");
    return refused(attempt, &refusal, "maildir delivery failed");
}

struct copy file_copy(const struct attempt *attempt, const struct step *step,
                      enum prepend kind)
{
    const struct conf *conf = attempt->agent->conf;

    return (struct copy){
        .delivery = attempt->delivery,
        .flags = COPY_RETURN_PATH |
                 (attempt->agent->prepend & kind ? COPY_DELIVERED_TO : 0) |
                 (conf->enable_original_recipient ? COPY_ORIGINAL_TO : 0),
        .sender = attempt_sender(attempt, step),
        .original_to = step->original,
        .delivered_to = step->delivered_to,
    };
}

void file_deliver(struct attempt *attempt, const struct step *step, const char *path)
{
    struct copy copy = file_copy(attempt, step, PREPEND_FILE);
    struct outcome outcome;

    if (!attempt_is_first(attempt, "file %u %s",
                          (unsigned)rights_of(attempt->agent, step->rights).uid, path))
        return;
    if (attempt_is_probe(attempt))
        outcome = outcome_make(attempt->arena, "2.0.0", "delivers to file: %s", path);
    else if (str_ends(str_of(path), "/"))
        outcome = file_fill_maildir(attempt, step->rights, &copy, path);
    else
        outcome = append(attempt, step, &copy, path);
    attempt_report(attempt, step, &outcome);
}
