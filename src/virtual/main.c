/*
 * virtual(8): delivers to mailboxes of users that have no account. No aliases,
 * no .forward, no commands: tables name the file and the ids that own it, and a
 * recipient that no table knows is returned.
 *
 * Reading order: main.c (a request, a recipient), destination.c (the tables).
 */
#include "deliver/maildir.h"
#include "mail/utf8.h"
#include "util/log.h"
#include "virtual/destination.h"

struct virtual
{
    struct directory directory;
    struct durable durable;
    unsigned locks;
};

/* --- one recipient ------------------------------------------------------------------ */

/* Only a full mailbox is the recipient's affair; all else may yet be mended. */
static struct outcome refused(struct delivery *delivery, const struct refusal *refusal,
                              const char *what)
{
    struct outcome outcome =
        outcome_make(delivery->arena, refusal->status, "%s%s", what, refusal->why.text);

    if (outcome.result == OUTCOME_BOUNCED && strcmp(refusal->status, "5.2.2") != 0)
        outcome_soften(&outcome);
    return outcome;
}

static struct outcome to_maildir(struct delivery *delivery, const struct copy *copy,
                                 const struct destination *to)
{
    const struct virtual *self = delivery->process->state;
    const struct conf *conf = delivery->process->conf;
    const struct maildir maildir = {
        .path = to->path,
        .owner = to->owner,
        .hostname = conf->myhostname,
        .size_limit = conf->virtual_mailbox_limit,
        .durable = &self->durable,
    };
    struct refusal refusal;

    if (maildir_deliver(&maildir, copy, &refusal) == 0)
        return outcome_make(delivery->arena, "2.0.0", "delivered to maildir");
    if (refusal.kind != COPY_NOT_WRITTEN)
        return copy_read_failure(delivery, refusal.kind, &refusal.why);
    return refused(delivery, &refusal, "maildir delivery failed: ");
}

static struct outcome to_mbox(struct delivery *delivery, struct copy *copy,
                              const struct destination *to)
{
    const struct virtual *self = delivery->process->state;
    const struct conf *conf = delivery->process->conf;
    const struct mailbox mailbox = {
        .path = to->path,
        .owner = to->owner,
        .maker = to->owner,
        .locks = self->locks,
        .strict_owner = conf->strict_mailbox_ownership,
        .size_limit = conf->virtual_mailbox_limit,
        .durable = &self->durable,
    };
    struct refusal refusal;

    copy->flags |= COPY_MBOX;
    if (mailbox_append(&mailbox, copy, &refusal) == 0)
        return outcome_make(delivery->arena, "2.0.0", "delivered to mailbox");
    if (refusal.kind != COPY_NOT_WRITTEN)
        return copy_read_failure(delivery, refusal.kind, &refusal.why);
    return refused(
        delivery, &refusal,
        arena_printf(delivery->arena, "delivery failed to mailbox %s: ", to->path));
}

static struct outcome to_file(struct delivery *delivery,
                              const struct delivery_recipient *recipient,
                              const struct destination *to)
{
    const struct conf *conf = delivery->process->conf;
    bool maildir = str_ends(str_of(to->path), "/");
    struct copy copy = {
        .delivery = delivery,
        .flags = COPY_RETURN_PATH | COPY_DELIVERED_TO |
                 (conf->enable_original_recipient ? COPY_ORIGINAL_TO : 0),
        .sender = delivery->request.sender,
        .original_to = recipient->original,
        .delivered_to = recipient->address,
    };

    if (delivery->request.flags & DELIVER_PROBE)
        return outcome_make(delivery->arena, "2.0.0", "delivers to %s",
                            maildir ? "maildir" : "mailbox");
    return maildir ? to_maildir(delivery, &copy, to) : to_mbox(delivery, &copy, to);
}

static struct outcome unknown(struct delivery *delivery, const char *address)
{
    struct outcome outcome;
    struct buf folded;

    buf_init(&folded, 1 << 16);
    utf8_add_folded(&folded, str_of(address), delivery->process->conf->smtputf8_enable);
    outcome =
        outcome_make(delivery->arena, "5.1.1", "unknown user: \"%s\"", buf_text(&folded));
    buf_done(&folded);
    return outcome;
}

static struct outcome deliver_to(struct delivery *delivery,
                                 const struct delivery_recipient *recipient)
{
    const struct virtual *self = delivery->process->state;
    struct destination to;
    const char *defer;
    struct fail why;

    switch (directory_find(&self->directory, recipient->address, delivery->arena, &to,
                           &defer, &why)) {
    case FOUND:
        return to_file(delivery, recipient, &to);
    case NOT_FOUND:
        return unknown(delivery, recipient->address);
    default:
        log_warning("%s", why.text);
        return outcome_from_text(delivery->arena, str_of(defer), "4.3.0");
    }
}

/* --- the service ----------------------------------------------------------------------
 */

static int deliver(struct client *client, struct fail *why)
{
    struct delivery delivery;

    if (delivery_receive(client, &delivery, why) < 0)
        return -1;
    for (size_t i = 0; i < delivery.n; i++) {
        struct outcome outcome = deliver_to(&delivery, &delivery.recipients[i]);

        delivery_report(&delivery, &delivery.recipients[i], &outcome);
    }
    return delivery_finish(client, &delivery, why);
}

static void warn(void *context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

static int set_up(struct process *process, struct fail *why)
{
    struct virtual *self = ARENA_NEW(process->arena, struct virtual);
    const struct conf *conf = process->conf;

    process->state = self;
    if (*conf->virtual_mailbox_base != '/')
        return fail_set(why, "virtual_mailbox_base must be set to an absolute path: all "
                             "mailboxes are below it");
    if (mailbox_check_limit("virtual_mailbox_limit", conf->virtual_mailbox_limit,
                            conf->message_size_limit, why) < 0 ||
        mailbox_locks_parse("virtual_mailbox_lock", conf->virtual_mailbox_lock,
                            &self->locks, why) < 0)
        return -1;
    directory_init(&self->directory, conf);
    delivery_open_filter(process, self->directory.tables,
                         "virtual_delivery_status_filter",
                         conf->virtual_delivery_status_filter);
    tables_each_warning(self->directory.tables, warn, NULL);
    durable_init(&self->durable, conf->queue_directory);
    return 0;
}

static const char *outdated(struct process *process)
{
    const struct virtual *self = process->state;

    return tables_outdated(self->directory.tables);
}

static const struct request requests[] = {{"deliver", deliver}, {0}};

static const struct service virtual_service = {
    .name = "virtual",
    .kind = SERVICE_ONE_CLIENT,
    .flags = SERVICE_TAKES_FDS | SERVICE_NEEDS_ROOT,
    .before_jail = set_up,
    .outdated = outdated,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&virtual_service, argc, argv);
}
