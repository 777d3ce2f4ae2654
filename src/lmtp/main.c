/*
 * lmtp(8): delivers to mail stores by LMTP (RFC 2033). All of it is in the client engine
 * (client/agent.h), which smtp(8) shares; the parameters are those named lmtp_*.
 */
#include "client/agent.h"

static const struct request requests[] = {{"deliver", agent_deliver}, {0}};

static const struct service lmtp = {
    .name = "lmtp",
    .kind = SERVICE_ONE_CLIENT,
    .flags = SERVICE_TAKES_FDS,
    .before_jail = agent_set_up_lmtp,
    .before_exit = agent_before_exit,
    .between = agent_between,
    .outdated = agent_outdated,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&lmtp, argc, argv);
}
