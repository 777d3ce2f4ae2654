/*
 * trivial-rewrite(8): tells where mail for an address goes. Standard-form
 * rewriting is no business of its any more: that is a function (mail/rewrite.h).
 *
 * How it is decided stands in route/, which "postfix explain" uses as well.
 */
#include "route/route.h"
#include "service/service.h"
#include "util/log.h"

static int answer_resolve(struct client *client, struct fail *why)
{
    struct router *router = client->process->state;
    struct resolve question;
    struct resolved answer = {0};
    struct fail reason;

    if (ipc_receive(client->stream, &resolve_message, client->arena, &question, why) < 0)
        return -1;
    tables_refresh_due(router->tables, clock_ms(&clock_system));
    if (router_resolve(router, &question, client->arena, &answer, &reason) < 0)
        log_warning("%s", reason.text);
    ipc_put(client->stream, &resolved_message, &answer);
    return 0;
}

static int open_tables(struct process *process, struct fail *why)
{
    struct router *router = ARENA_NEW(process->arena, struct router);

    process->state = router;
    return router_init(router, process->conf, process->arena, why);
}

static const struct request requests[] = {{"resolve", answer_resolve}, {0}};

static const struct service trivial_rewrite = {
    .name = "trivial-rewrite",
    .kind = SERVICE_MANY_CLIENTS,
    .before_jail = open_tables,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&trivial_rewrite, argc, argv);
}
