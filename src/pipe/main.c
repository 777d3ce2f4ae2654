/*
 * pipe(8): delivers to a command that master.cf names, once for all recipients
 * of a request.
 *
 * Reading order: main.c (a request), settings.c (the line of master.cf),
 * arguments.c (the words of the command).
 */
#include "deliver/command.h"
#include "mail/address.h"
#include "pipe/arguments.h"
#include "util/log.h"

enum { OUTPUT_MAX = 2048 };

struct pipe_agent {
    struct settings settings;
    struct texts environment;
};

/* --- what keeps the command from running ------------------------------------------- */

static struct outcome misconfigured(struct delivery *delivery, const char *words)
{
    log_warning("master.cf: service %s: %s", delivery->process->name, words);
    return outcome_make(delivery->arena, "4.3.5", "mail system configuration error");
}

/* Recipients whom the message had reached before are returned alone. */
static enum copy_result stop_loops(struct delivery *delivery, struct fail *why)
{
    struct texts values = {0};
    enum copy_result result = copy_delivered_to(delivery, &values, delivery->arena, why);

    if (result != COPY_DONE)
        return result;
    for (size_t i = 0; i < delivery->n; i++) {
        const char *address = delivery->recipients[i].address;
        struct outcome outcome;

        if (!copy_was_delivered_to(&values, address, delivery->arena))
            continue;
        outcome = outcome_make(delivery->arena, "5.4.6", "mail forwarding loop for %s",
                               address_external(delivery->arena, str_of(address)));
        delivery_report(delivery, &delivery->recipients[i], &outcome);
    }
    return COPY_DONE;
}

/* True when all is fine; else *ret is what becomes of all recipients. */
static bool check(const struct settings *settings, struct delivery *delivery,
                  struct outcome *ret)
{
    static const struct {
        unsigned flag;
        char letter;
    } singles[] = {{COPY_DELIVERED_TO, 'D'}, {COPY_ORIGINAL_TO, 'O'}};
    enum copy_result result;
    struct fail why;

    for (size_t i = 0; i < COUNT(singles); i++)
        if (settings->copy & singles[i].flag && delivery->n > 1) {
            *ret = misconfigured(
                delivery, arena_printf(delivery->arena,
                                       "flag %c requires %s_destination_recipient_limit "
                                       "= 1",
                                       singles[i].letter, delivery->process->name));
            return false;
        }
    if (settings->size_limit > 0 && delivery->request.data_size > settings->size_limit) {
        *ret = outcome_make(delivery->arena, "5.2.3", "message too large");
        return false;
    }
    if (!(settings->copy & COPY_DELIVERED_TO))
        return true;
    result = stop_loops(delivery, &why);
    if (result != COPY_DONE)
        *ret = copy_read_failure(delivery, result, &why);
    return result == COPY_DONE;
}

static bool all_reported(const struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->n; i++)
        if (!delivery->recipients[i].reported)
            return false;
    return true;
}

/* --- the command
 * -------------------------------------------------------------------------- */

static struct outcome run(const struct pipe_agent *agent, struct delivery *delivery,
                          const char *const *argv)
{
    const struct settings *settings = &agent->settings;
    const struct child_options options = {
        .argv = argv,
        .env = agent->environment.items,
        .directory = settings->directory,
        .root = settings->root,
        .uid = settings->rights.uid,
        .gid = settings->rights.gid,
        .output_max = OUTPUT_MAX,
        .timeout_ms = settings->time_limit * 1000L,
    };
    const struct copy copy = {
        .delivery = delivery,
        .flags = settings->copy,
        .sender = delivery->request.sender,
        .null_sender = settings->null_sender,
        .original_to = delivery->recipients[0].original,
        .delivered_to = delivery->recipients[0].address,
        .line_end = settings->line_end,
    };
    struct outcome outcome = command_deliver_to(&options, &copy, argv[0]);

    if (outcome.result != OUTCOME_DELIVERED)
        return outcome;
    outcome = outcome_make(delivery->arena, "2.0.0", "delivered via %s service%s%s%s",
                           delivery->process->name, *outcome.text ? " (" : "",
                           outcome.text, *outcome.text ? ")" : "");
    outcome.action = settings->flags & PIPE_FINAL ? NULL : "relayed";
    return outcome;
}

static struct outcome deliver_to_rest(const struct pipe_agent *agent,
                                      struct delivery *delivery)
{
    struct texts argv = {0};
    struct fail why;

    if (delivery->request.flags & DELIVER_PROBE)
        return outcome_make(delivery->arena, "2.0.0", "delivers to command: %s",
                            agent->settings.argv[0]);
    if (arguments_expand(&agent->settings, delivery, &argv, &why) < 0)
        return misconfigured(delivery, why.text);
    return run(agent, delivery, argv.items);
}

static int deliver(struct client *client, struct fail *why)
{
    const struct pipe_agent *agent = client->process->state;
    struct delivery delivery;
    struct outcome outcome;

    if (delivery_receive(client, &delivery, why) < 0)
        return -1;
    if (check(&agent->settings, &delivery, &outcome) && !all_reported(&delivery))
        outcome = deliver_to_rest(agent, &delivery);
    if (!all_reported(&delivery))
        delivery_report_rest(&delivery, &outcome);
    return delivery_finish(client, &delivery, why);
}

/* --- the service
 * ------------------------------------------------------------------------- */

static int set_up(struct process *process, struct fail *why)
{
    struct pipe_agent *agent = ARENA_NEW(process->arena, struct pipe_agent);
    const struct conf *conf = process->conf;

    process->state = agent;
    command_environment(conf, process->arena, &agent->environment);
    delivery_open_filter(process, tables_new(conf), "pipe_delivery_status_filter",
                         conf->pipe_delivery_status_filter);
    return settings_parse(process->argv, conf, process->name, process->arena,
                          &agent->settings, why);
}

static const struct request requests[] = {{"deliver", deliver}, {0}};

static const struct service pipe_service = {
    .name = "pipe",
    .kind = SERVICE_ONE_CLIENT,
    .flags = SERVICE_TAKES_FDS | SERVICE_NEEDS_ROOT,
    .before_jail = set_up,
    .requests = requests,
};

int main(int argc, char **argv)
{
    return service_run(&pipe_service, argc, argv);
}
