/*
 * Where the mail of a user goes who does not say otherwise: to another agent, a
 * command, a file below the home, or one in the spool. The first that the
 * administrator has set wins.
 */
#include "local/local.h"

#include "util/log.h"

/* --- the spool ------------------------------------------------------------------------
 */

/*
 * Who may make files in the spool directory: everybody, or a group that the
 * user is lent for that, or only root, who then gives the file away.
 */
static struct rights maker_in(const char *directory, struct rights owner)
{
    struct stat st;

    if (stat(directory, &st) < 0 || st.st_mode & S_IWOTH)
        return owner;
    if (st.st_mode & S_IWGRP)
        return (struct rights){.uid = owner.uid, .gid = st.st_gid};
    return (struct rights){.uid = 0, .gid = 0};
}

static struct outcome append(struct attempt *attempt, const struct user *user,
                             struct copy *copy, const char *path, struct rights maker)
{
    const struct agent *agent = attempt->agent;
    struct refusal refusal;
    const struct mailbox mailbox = {
        .path = path,
        .owner = rights_of(agent, user),
        .maker = maker,
        .locks = agent->mailbox_locks,
        .strict_owner = agent->conf->strict_mailbox_ownership,
        .size_limit = agent->conf->mailbox_size_limit,
        .durable = &agent->durable,
    };

    copy->flags |= COPY_MBOX;
    if (mailbox_append(&mailbox, copy, &refusal) == 0) {
        biff_notify(agent, user->name, refusal.offset);
        return outcome_make(attempt->arena, "2.0.0", "delivered to mailbox");
    }
    if (refusal.kind != COPY_NOT_WRITTEN)
        return copy_read_failure(attempt->delivery, refusal.kind, &refusal.why);
    return outcome_make(attempt->arena, refusal.status,
                        "cannot update mailbox %s for user %s. %s", path, user->name,
                        refusal.why.text);
}

static void deliver_to_file(struct attempt *attempt, const struct step *step,
                            const struct user *user)
{
    const struct conf *conf = attempt->agent->conf;
    struct copy copy = file_copy(attempt, step, PREPEND_FILE);
    struct rights maker = rights_of(attempt->agent, user);
    bool at_home = *conf->home_mailbox != '\0';
    struct str base = str_of(at_home ? conf->home_mailbox : conf->mail_spool_directory);
    bool maildir = str_ends(base, "/");
    struct outcome outcome;
    const char *path;

    if (at_home)
        path = arena_printf(attempt->arena, "%s/%s", user->home, base.p);
    else
        path = arena_printf(attempt->arena, "%s%s%s%s", base.p, maildir ? "" : "/",
                            user->name, maildir ? "/" : "");
    if (attempt_is_probe(attempt)) {
        outcome = outcome_make(attempt->arena, "2.0.0", "delivers to mailbox");
    } else if (maildir) {
        outcome = file_fill_maildir(attempt, user, &copy, path);
    } else {
        if (!at_home)
            maker = maker_in(base.p, maker);
        outcome = append(attempt, user, &copy, path, maker);
    }
    attempt_report(attempt, step, &outcome);
}

/* --- the order ------------------------------------------------------------------------
 */

void mailbox_deliver(struct attempt *attempt, const struct step *step,
                     const struct user *user)
{
    const struct agent *agent = attempt->agent;
    const struct conf *conf = agent->conf;
    const char *command;
    int found;

    if (!attempt_is_first(attempt, "mailbox %s", user->name) ||
        transport_deliver_by(attempt, step, agent->mailbox_transports,
                             conf->mailbox_transport))
        return;
    found = transport_ask(attempt, step, agent->mailbox_commands, &command);
    if (found < 0)
        return;
    if (found == 0)
        command = conf->mailbox_command;
    if (*command)
        command_deliver(attempt, step, user, command);
    else
        deliver_to_file(attempt, step, user);
}
