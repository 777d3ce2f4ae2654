/*
 * error(8): returns or defers all mail that it gets. The service name in
 * master.cf decides which: "error" returns, "retry" defers; the next hop is
 * the reason that senders read. verdict.c makes the outcome.
 */
#include "deliver/deliver.h"
#include "error/verdict.h"

#include <string.h>

static bool is_retry(const struct process *process)
{
    return strcmp(process->name, "retry") == 0;
}

/* compat: another name is refused, so that a slip of the pen bounces no mail. */
static int check_name(struct process *process, struct fail *why)
{
    if (is_retry(process) || strcmp(process->name, "error") == 0)
        return 0;
    return fail_set(why,
                    "master.cf: the service of the error program is named \"%s\": name "
                    "it \"error\" to return mail, or \"retry\" to keep it",
                    process->name);
}

static int deliver(struct client *client, struct fail *why)
{
    struct delivery delivery;
    struct outcome outcome;

    if (delivery_receive(client, &delivery, why) < 0)
        return -1;
    outcome = verdict_make(str_of(delivery.request.nexthop), is_retry(client->process),
                           client->arena);
    delivery_report_rest(&delivery, &outcome);
    return delivery_finish(client, &delivery, why);
}

static const struct request requests[] = {{"deliver", deliver}, {0}};

static const struct service error_service = {
    .name = "error",
    .kind = SERVICE_ONE_CLIENT,
    .flags = SERVICE_TAKES_FDS,
    .after_jail = check_name,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&error_service, argc, argv);
}
