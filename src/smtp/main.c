/*
 * smtp(8): delivers to other hosts by SMTP. All of it is in the client engine
 * (client/agent.h), which lmtp(8) shares; the parameters are those named smtp_*.
 */
#include "client/agent.h"

static const struct request requests[] = {{"deliver", agent_deliver}, {0}};

static const struct service smtp = {
    .name = "smtp",
    .kind = SERVICE_ONE_CLIENT,
    .flags = SERVICE_TAKES_FDS,
    .before_jail = agent_set_up_smtp,
    .before_exit = agent_before_exit,
    .between = agent_between,
    .outdated = agent_outdated,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&smtp, argc, argv);
}
