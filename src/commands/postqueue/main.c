/*
 * postqueue(1): shows the queue to users, and asks for deliveries now. Set-gid,
 * which opens the sockets of public/ to it and nothing else: the queue itself is
 * read by showq. Only root may look for itself, when the mail system is down.
 */
#include "commands/access.h"
#include "commands/postqueue/postqueue.h"
#include "ipc/client.h"
#include "mail/address.h"
#include "net/connect.h"
#include "queue/flush.h"
#include "queue/listing_wire.h"
#include "table/match.h"
#include "util/ids.h"
#include "util/log.h"

#include <errno.h>
#include <sysexits.h>
#include <unistd.h>

enum mode { MODE_NONE, MODE_TEXT, MODE_JSON, MODE_FLUSH, MODE_SITE, MODE_ID };

struct request {
    enum mode mode;
    const char *argument; /* of -s and -i */
};

static void require(const struct command *command, const char *param, const char *list,
                    const char *act)
{
    if (strcmp(list, "static:anyone") != 0 && !access_owns_queue(command))
        access_require(command, param, list, act);
}

/* --- looking --- */

typedef int printer(void *page, const struct listing_message *message);

/* As $mail_owner: what is in the files is not for root's eyes. */
static void read_queue(const struct command *command, struct page *page, printer *print)
{
    const struct conf *conf = command->conf;
    struct spool spool;
    struct user owner;
    struct fail why = {0};

    if (user_by_name(conf->mail_owner, command->arena, &owner, &why) != 1)
        fatal_status(EX_UNAVAILABLE, "mail_owner: unknown user \"%s\"", conf->mail_owner);
    if (ids_drop(owner.name, owner.uid, owner.gid, &why) < 0)
        fatal_status(EX_UNAVAILABLE, "%s", why.text);
    spool_init(&spool, conf->hash_queue_names, conf->hash_queue_depth,
               conf->enable_long_queue_ids);
    if (listing_run(&spool, print, page, &why) < 0 && why.text[0])
        fatal_status(EX_UNAVAILABLE, "%s", why.text);
}

static void read_showq(const struct command *command, int fd, struct page *page,
                       printer *print)
{
    struct stream *s = stream_new(fd, 0);
    struct fail why = {0};

    stream_set_timeout(s, command->conf->ipc_timeout * 1000L);
    if (listing_receive(s, print, page, &why) < 0 && why.text[0])
        fatal_status(EX_UNAVAILABLE, "%s", why.text);
    stream_free(s);
}

static void show_queue(const struct command *command, printer *print, struct page *page)
{
    const struct conf *conf = command->conf;
    struct fail why;
    int fd;

    require(command, "authorized_mailq_users", conf->authorized_mailq_users,
            "view the mail queue");
    fd = connect_unix(arena_printf(command->arena, "public/%s", conf->showq_service_name),
                      -1, &why);
    if (fd >= 0) {
        read_showq(command, fd, page, print);
        return;
    }
    if (geteuid() != 0)
        fatal_status(EX_UNAVAILABLE,
                     "Queue report unavailable - mail system is down (Connect to the "
                     "Postfix showq service: %s)",
                     strerror(why.code));
    log_warning("Mail system is down -- accessing queue directly (Connect to the Postfix "
                "showq service: %s)",
                strerror(why.code));
    read_queue(command, page, print);
}

static int show(const struct command *command, enum mode mode)
{
    struct page page = {.to = stdout, .long_ids = command->conf->enable_long_queue_ids};

    show_queue(command, mode == MODE_JSON ? print_json : print_text, &page);
    if (mode == MODE_TEXT)
        print_text_end(&page);
    return command_output_is_whole() ? 0 : EX_IOERR;
}

/* --- delivering now --- */

static NO_RETURN void is_down(const struct fail *why)
{
    if (why->text[0] && log_verbose())
        log_info("%s", why->text);
    fatal_status(EX_UNAVAILABLE, "Cannot flush mail queue - mail system is down");
}

static NO_RETURN void is_not_remembering(const struct command *command,
                                         const struct fail *why)
{
    if (why->code == ENOENT || why->code == ECONNREFUSED)
        log_warning("connect to public/%s: %s", command->conf->flush_service_name,
                    strerror(why->code));
    else
        log_warning("%s", why->text);
    is_down(why);
}

static void deliver_all(const struct command *command)
{
    struct fail why;

    /* qmgr: forget dead destinations, ignore time stamps, scan deferred and incoming */
    if (ipc_trigger(
            arena_printf(command->arena, "public/%s", command->conf->queue_service_name),
            "FADI", command->conf->trigger_timeout * 1000L, &why) < 0)
        is_down(&why);
}

static bool site_is_valid(const char *site)
{
    struct str name = str_of(site);

    if (site[0] == '[')
        return address_literal_is_valid(name);
    return address_domain_is_valid(name);
}

/* Only for the sites of this list is it remembered which messages wait for them. */
static bool site_is_remembered(const struct command *command, const char *site)
{
    const struct conf *conf = command->conf;
    struct tables *tables = tables_new(conf);
    struct fail why;
    int found = match_domain(
        match_list_open(tables, "fast_flush_domains", conf->fast_flush_domains,
                        match_parent_flag(conf->parent_domain_matches_subdomains,
                                          "fast_flush_domains")),
        str_of(site), &why);

    if (found < 0)
        fatal_status(EX_UNAVAILABLE, "%s", why.text);
    tables_free(tables);
    return found;
}

static void deliver_site(const struct command *command, const char *site)
{
    struct fail why;

    if (!site_is_valid(site))
        fatal_status(EX_UNAVAILABLE,
                     "Cannot flush mail queue - invalid destination: \"%s\"", site);
    if (!site_is_remembered(command, site))
        fatal_status(EX_UNAVAILABLE,
                     "Flush service is not configured for destination \"%s\"", site);
    if (flush_site(command->conf, site, &why) < 0)
        is_not_remembering(command, &why);
}

static void deliver_id(const struct command *command, const char *id)
{
    struct fail why;

    if (!queue_id_valid(str_of(id)))
        fatal_status(EX_UNAVAILABLE, "Cannot flush queue ID - invalid name: \"%s\"", id);
    if (flush_id(command->conf, id, &why) < 0)
        is_not_remembering(command, &why);
}

static int deliver(const struct command *command, const struct request *request)
{
    require(command, "authorized_flush_users", command->conf->authorized_flush_users,
            "flush the mail queue");
    if (request->mode == MODE_FLUSH)
        deliver_all(command);
    else if (request->mode == MODE_SITE)
        deliver_site(command, request->argument);
    else
        deliver_id(command, request->argument);
    return 0;
}

/* --- start --- */

static NO_RETURN void usage(void)
{
    fatal_status(EX_UNAVAILABLE, "usage: postqueue -f | postqueue -i queueid | postqueue "
                                 "-j | postqueue -p | postqueue -s site");
}

static void take(struct request *request, enum mode mode)
{
    if (request->mode != MODE_NONE)
        usage();
    *request = (struct request){.mode = mode, .argument = optarg};
}

static void parse(struct command *command, struct request *request, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "c:fi:jps:v")) != -1)
        switch (option) {
        case 'c':
            command->directory = optarg;
            break;
        case 'f':
            take(request, MODE_FLUSH);
            break;
        case 'i':
            take(request, MODE_ID);
            break;
        case 'j':
            take(request, MODE_JSON);
            break;
        case 'p':
            take(request, MODE_TEXT);
            break;
        case 's':
            take(request, MODE_SITE);
            break;
        case 'v':
            command->verbose++;
            break;
        default:
            usage();
        }
    if (request->mode == MODE_NONE || optind < argc)
        usage();
}

int main(int argc, char **argv)
{
    struct command command = {.failure_status = EX_UNAVAILABLE};
    struct request request = {0};

    command_shed_environment(&command);
    command_start(&command, "postqueue");
    parse(&command, &request, argc, argv);
    command_check_directory(&command);
    command_configure(&command);
    command_enter_queue(&command);
    if (request.mode == MODE_TEXT || request.mode == MODE_JSON)
        return show(&command, request.mode);
    return deliver(&command, &request);
}
