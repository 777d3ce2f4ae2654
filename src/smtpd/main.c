/*
 * smtpd(8): takes mail from the network (RFC 5321) and hands it to cleanup(8).
 *
 * Reading order: main.c, server.c (what the process knows), session.c (the
 * command loop), commands.c (what may be said when), cmd_*.c (each command),
 * restrict.c and restrict_*.c (who may do what), envelope.c and content.c (the
 * message on its way to cleanup).
 */
#include "smtpd/session.h"

static const struct service smtpd = {
    .name = "smtpd",
    .kind = SERVICE_ONE_CLIENT,
    .before_jail = server_before_jail,
    .after_jail = server_after_jail,
    .between = server_between,
    .outdated = server_outdated,
    .serve = session_serve,
    .flags = SERVICE_STAND_ALONE,
};

int main(int argc, char **argv)
{
    return service_run(&smtpd, argc, argv);
}
