/*
 * qmgr(8): decides when each recipient is delivered, and by which service. One
 * process on a loop; it waits for nobody.
 *
 * Reading order: main.c, scanner.c (finds messages), admit.c (takes them in),
 * message.c and refill.c (what is in memory), resolver.c (where does it go?), assign.c
 * (where does it go in the end?), transport.c, destination.c, peer.c, lineup.c,
 * feedback.c (who is next?), agent.c (the delivery), finish.c and reporter.c (the end).
 */
#include "ipc/notice.h"
#include "qmgr/manager.h"
#include "qmgr/scanner.h"
#include "util/log.h"

static void take_notice(void *context, int fd, int events)
{
    struct process *process = context;
    const struct manager *manager = process->state;
    char id[QUEUE_ID_SIZE];
    struct fail why;
    int got = notice_receive(fd, id, sizeof(id), &why);

    (void)events;
    if (got < 0)
        log_warning("%s", why.text);
    else if (got > 0)
        scanner_notice(manager->scanner, id);
}

static int begin(struct process *process, struct fail *why)
{
    struct manager *manager = manager_new(process->conf, process->loop, process->arena);
    int notices;

    process->state = manager;
    notices = notice_open(NOTICE_PATH, why);
    if (notices < 0 ||
        loop_watch(process->loop, notices, LOOP_READ, take_notice, process, why) < 0 ||
        scanner_recover(manager, why) < 0)
        return -1;
    manager->scanner = scanner_new(manager);
    return 0;
}

static void trigger(struct process *process, struct str bytes)
{
    const struct manager *manager = process->state;

    scanner_trigger(manager->scanner, bytes);
}

static void end(struct process *process)
{
    manager_free(process->state);
}

static int time_limit(const struct conf *conf)
{
    return conf->qmgr_daemon_timeout;
}

static const struct service qmgr = {
    .name = "qmgr",
    .kind = SERVICE_LOOP,
    .after_jail = begin,
    .before_exit = end,
    .trigger = trigger,
    .time_limit = time_limit,
    .flags = SERVICE_SOLE | SERVICE_FOREVER,
};

int main(int argc, char **argv)
{
    return service_run(&qmgr, argc, argv);
}
