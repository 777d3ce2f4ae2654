/*
 * discard(8): throws all mail away that it gets, as if it were delivered. The
 * next hop is the reason in the log, with a status in front if its class is 2.
 */
#include "deliver/deliver.h"

static struct outcome thrown_away(struct str reason, struct arena *arena)
{
    struct status_split split = status_split(reason, "2.0.0");
    const char *status = split.status[0] == '2' ? split.status : "2.0.0";
    struct outcome outcome = outcome_make(arena, status, "%.*s", STR_ARG(split.text));

    outcome.relay = "none";
    return outcome;
}

static int deliver(struct client *client, struct fail *why)
{
    struct delivery delivery;
    struct outcome outcome;

    if (delivery_receive(client, &delivery, why) < 0)
        return -1;
    outcome = thrown_away(str_of(delivery.request.nexthop), client->arena);
    delivery_report_rest(&delivery, &outcome);
    return delivery_finish(client, &delivery, why);
}

static const struct request requests[] = {{"deliver", deliver}, {0}};

static const struct service discard = {
    .name = "discard",
    .kind = SERVICE_ONE_CLIENT,
    .flags = SERVICE_TAKES_FDS,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&discard, argc, argv);
}
