/*
 * local(8): delivers to users of this machine, by aliases, .forward files,
 * commands and mailboxes.
 *
 * Reading order: main.c (requests), agent.c (what the process knows), attempt.c
 * (one recipient), address.c (one address), alias.c, forward.c, include.c and
 * items.c (what it stands for), mailbox.c, file.c, command.c, transport.c,
 * unknown.c (where the mail ends), leave.c (mail that goes on).
 */
#include "local/local.h"

#include "util/log.h"

static int deliver(struct client *client, struct fail *why)
{
    struct agent *agent = client->process->state;
    struct seen seen = {0};
    struct delivery delivery;

    if (delivery_receive(client, &delivery, why) < 0)
        return -1;
    for (size_t i = 0; i < delivery.n; i++)
        attempt_deliver(agent, &delivery, &delivery.recipients[i], &seen);
    map_free(seen.many, NULL);
    return delivery_finish(client, &delivery, why);
}

static int set_up(struct process *process, struct fail *why)
{
    struct agent *agent = ARENA_NEW(process->arena, struct agent);

    process->state = agent;
    return agent_init(agent, process, why);
}

/* compat: a newaliases holds for the very next message. */
static const char *outdated(struct process *process)
{
    const struct agent *agent = process->state;

    return tables_outdated(agent->tables);
}

/* A kept connection that nobody uses would keep a cleanup process from others. */
static bool let_go(struct process *process)
{
    struct agent *agent = process->state;

    ipc_client_close(agent->cleanup);
    ipc_client_close(agent->rewrite);
    return false;
}

static const struct request requests[] = {{"deliver", deliver}, {0}};

static const struct service local = {
    .name = "local",
    .kind = SERVICE_ONE_CLIENT,
    .flags = SERVICE_TAKES_FDS | SERVICE_NEEDS_ROOT,
    .before_jail = set_up,
    .between = let_go,
    .outdated = outdated,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&local, argc, argv);
}
