/*
 * postsuper(1): maintenance of the queue by the superuser, as $mail_owner.
 *
 * actions.c does what is asked for single messages or for ALL; structure.c
 * repairs the queue as a whole. Signals are not handled but blocked, and
 * asked for between two files, so that no file is left half way.
 */
#include "commands/postsuper/postsuper.h"

#include "util/ids.h"
#include "util/log.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Directories that may be named, and those that -s and -p look at when none is. */
static const char *const known_directories[] = {
    QUEUE_MAILDROP, QUEUE_INCOMING, QUEUE_ACTIVE, QUEUE_DEFERRED, QUEUE_HOLD,
    QUEUE_BOUNCE,   QUEUE_DEFER,    QUEUE_TRACE,  QUEUE_FLUSH,    NULL,
};

static void usage(void)
{
    fatal("usage: postsuper [-psv] [-c config_dir] [-d|-e|-f|-h|-H|-r queue_id|-|ALL] "
          "[directory ...]");
}

static void add_order(struct run *run, enum action action, const char *id)
{
    run->orders[run->n++] = (struct order){.action = action, .id = id};
    run->wanted[action == ACTION_EXPIRE_RELEASE ? ACTION_EXPIRE : action] = true;
    run->wanted[ACTION_RELEASE] |= action == ACTION_EXPIRE_RELEASE;
}

static void parse(struct run *run, int argc, char **argv)
{
    static const char letters[] = "rdehHf"; /* in the order of enum action */
    int option;

    run->orders = arena_array(run->command.arena, (size_t)argc, sizeof(*run->orders));
    while ((option = getopt(argc, argv, "c:d:e:f:h:H:pr:sSv")) != -1)
        switch (option) {
        case 'c':
            run->command.directory = optarg;
            break;
        case 'p':
            run->purge = true;
            break;
        case 's':
        case 'S':
            run->structure = true;
            break;
        case 'v':
            run->command.verbose++;
            break;
        case '?':
            usage();
            break;
        default:
            add_order(run, (enum action)(strchr(letters, option) - letters), optarg);
        }
    run->directories = (const char *const *)argv + optind;
}

static void check_directories(const struct run *run)
{
    for (size_t i = 0; run->directories[i]; i++) {
        bool known = false;

        for (size_t k = 0; known_directories[k]; k++)
            known |= strcmp(run->directories[i], known_directories[k]) == 0;
        if (!known)
            fatal("invalid directory name: %s", run->directories[i]);
    }
}

/* The queue belongs to the mail system's user, and so do we from here on. */
static void become_owner(const struct run *run)
{
    const char *owner = run->command.conf->mail_owner;
    struct user user;
    struct fail why;
    int found = user_by_name(owner, run->command.arena, &user, &why);

    if (found < 0)
        fatal("%s", why.text);
    if (found == 0)
        fatal("mail_owner: unknown user \"%s\"", owner);
    if (ids_drop(user.name, user.uid, user.gid, &why) < 0)
        fatal("%s", why.text);
}

static void block_signals(struct run *run)
{
    static const int stops[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

    sigemptyset(&run->stops);
    for (size_t i = 0; i < COUNT(stops); i++)
        if (signal(stops[i], SIG_DFL) == SIG_IGN) /* nohup: stays ignored */
            signal(stops[i], SIG_IGN);
        else
            sigaddset(&run->stops, stops[i]);
    sigprocmask(SIG_BLOCK, &run->stops, NULL);
}

void run_stop_when_told(const struct run *run, bool incomplete)
{
    const struct timespec now = {0};

    if (sigtimedwait(&run->stops, NULL, &now) < 0)
        return;
    if (incomplete)
        log_warning("OPERATION INCOMPLETE -- RERUN COMMAND TO FIX THE QUEUE FIRST");
    order_totals(run);
    exit(1);
}

int main(int argc, char **argv)
{
    struct run run = {0};

    command_start(&run.command, "postsuper");
    if (getuid() != 0)
        fatal("use of this command is reserved for the superuser");
    parse(&run, argc, argv);
    check_directories(&run);
    command_configure(&run.command);
    spool_init(&run.spool, run.command.conf->hash_queue_names,
               run.command.conf->hash_queue_depth,
               run.command.conf->enable_long_queue_ids);
    command_enter_queue(&run.command);
    become_owner(&run);
    block_signals(&run);

    /* The structure first: orders find files by their names. Without any request, -s is
     * meant. */
    if (run.structure || run.purge || run.n == 0) {
        run.structure |= run.n == 0 && !run.purge;
        structure_run(&run, run.directories[0] && run.n == 0 ? run.directories
                                                             : known_directories);
    }
    for (size_t i = 0; i < run.n; i++)
        order_run(&run, &run.orders[i]);
    order_totals(&run);
    return 0;
}
