/* What main.cf and master.cf say, in the form in which deliveries need it. */
#include "local/local.h"

#include "conf/mail_settings.h"
#include "deliver/command.h"
#include "table/site.h"
#include "util/log.h"

/* --- words of main.cf ----------------------------------------------------------- */

struct word {
    const char *name;
    unsigned bit;
};

/* The words of a parameter as bits; those that others use (canonical, virtual) have bit
 * 0. */
static int parse_words(const char *parameter, const char *value, const struct word *words,
                       unsigned *ret, struct fail *why)
{
    struct str rest = str_of(value), word;
    unsigned bits = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        const struct word *w = words;

        while (w->name && !str_is_nocase(word, w->name))
            w++;
        if (!w->name)
            return fail_set(why, "%s: unknown word \"%.*s\"", parameter, STR_ARG(word));
        bits |= w->bit;
    }
    *ret = bits;
    return 0;
}

static int parse_settings(struct agent *agent, struct fail *why)
{
    static const struct word origins[] = {{"alias", FROM_ALIAS},
                                          {"forward", FROM_FORWARD},
                                          {"include", FROM_INCLUDE},
                                          {"canonical", 0},
                                          {"virtual", 0},
                                          {"generic", 0},
                                          {0}};
    static const struct word kinds[] = {{"command", PREPEND_COMMAND},
                                        {"file", PREPEND_FILE},
                                        {"forward", PREPEND_FORWARD},
                                        {0}};
    const struct conf *conf = agent->conf;

    if (parse_words("allow_mail_to_commands", conf->allow_mail_to_commands, origins,
                    &agent->commands_from, why) < 0 ||
        parse_words("allow_mail_to_files", conf->allow_mail_to_files, origins,
                    &agent->files_from, why) < 0 ||
        parse_words("propagate_unmatched_extensions",
                    conf->propagate_unmatched_extensions, origins, &agent->extends,
                    why) < 0 ||
        parse_words("prepend_delivered_header", conf->prepend_delivered_header, kinds,
                    &agent->prepend, why) < 0 ||
        mailbox_locks_parse("mailbox_delivery_lock", conf->mailbox_delivery_lock,
                            &agent->mailbox_locks, why) < 0)
        return -1;
    return mailbox_check_limit("mailbox_size_limit", conf->mailbox_size_limit,
                               conf->message_size_limit, why);
}

static int find_users(struct agent *agent, struct fail *why)
{
    const char *name = agent->conf->default_privs;
    int found = user_by_name(name, agent->process->arena, &agent->nobody, why);
    struct user owner;

    if (found < 0)
        return -1;
    if (found == 0)
        return fail_set(why, "default_privs: there is no user \"%s\"", name);
    if (agent->nobody.uid == 0 || agent->nobody.gid == 0)
        return fail_set(why,
                        "default_privs: \"%s\" is as mighty as root; name a user that "
                        "owns nothing",
                        name);
    found = user_by_name(agent->conf->mail_owner, agent->process->arena, &owner, why);
    if (found > 0)
        agent->mail_owner = owner.uid;
    else if (found == 0)
        fail_set(why, "mail_owner: there is no user \"%s\"", agent->conf->mail_owner);
    return found > 0 ? 0 : -1;
}

/* --- tables and services ----------------------------------------------------------- */

static void warn(void *context, const char *text)
{
    (void)context;
    log_warning("%s", text);
}

/* What names files, commands and transports never has $1 in it, and is read by us. */
static struct maps *open_maps(struct agent *agent, const char *name, const char *value)
{
    return maps_open(agent->tables, name, value, TABLE_NO_SUBSTITUTION | TABLE_DIRECT);
}

static int open_tables(struct agent *agent, struct fail *why)
{
    const struct conf *conf = agent->conf;

    agent->tables = tables_new(conf);
    agent->aliases = open_maps(agent, "alias_maps", conf->alias_maps);
    site_tell_completed(agent->tables, conf, &agent->rules);
    agent->mailbox_transports =
        open_maps(agent, "mailbox_transport_maps", conf->mailbox_transport_maps);
    agent->mailbox_commands =
        open_maps(agent, "mailbox_command_maps", conf->mailbox_command_maps);
    agent->fallback_transports =
        open_maps(agent, "fallback_transport_maps", conf->fallback_transport_maps);
    delivery_open_filter(agent->process, agent->tables, "local_delivery_status_filter",
                         conf->local_delivery_status_filter);
    tables_each_warning(agent->tables, warn, NULL);
    if (tables_open_failure(agent->tables) && conf->daemon_table_open_error_is_fatal)
        return fail_set(why, "%s", tables_open_failure(agent->tables));
    return 0;
}

int agent_init(struct agent *agent, struct process *process, struct fail *why)
{
    const struct conf *conf = process->conf;
    int64_t timeout_ms = conf->ipc_timeout * 1000L;
    const struct rewrite_settings settings = conf_rewrite_settings(conf);

    *agent = (struct agent){.process = process, .conf = conf};
    agent->rules = rewrite_rules_local(&settings);
    agent->cleanup = ipc_client_new(
        arena_printf(process->arena, "public/%s", conf->cleanup_service_name), "cleanup",
        timeout_ms);
    agent->rewrite = ipc_client_new(
        arena_printf(process->arena, "private/%s", conf->rewrite_service_name),
        "trivial-rewrite", timeout_ms);
    agent->users = users_new();
    durable_init(&agent->durable, conf->queue_directory);
    command_environment(conf, process->arena, &agent->environment);
    agent->biff = conf->biff ? biff_open() : -1;
    if (parse_settings(agent, why) < 0 || find_users(agent, why) < 0)
        return -1;
    return open_tables(agent, why);
}

struct rights rights_of(const struct agent *agent, const struct user *user)
{
    const struct user *whose = user ? user : &agent->nobody;

    return (struct rights){.uid = whose->uid, .gid = whose->gid};
}
