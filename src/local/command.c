/*
 * Commands: whose rights they run with, and what they see of the message in their
 * environment.
 */
#include "local/local.h"

#include "deliver/command.h"
#include "util/log.h"

enum { OUTPUT_MAX = 2048 };

/* --- the environment -----------------------------------------------------------------
 */

struct environment {
    struct attempt *attempt;
    struct texts texts;
};

/* Addresses may hold anything; what a shell could take for more than text becomes '_'. */
static void export_censored(struct environment *e, const char *name, const char *value)
{
    const char *good = e->attempt->agent->conf->command_expansion_filter;
    char *text = arena_printf(e->attempt->arena, "%s=%s", name, value);

    for (char *p = text + strlen(name) + 1; *p; p++)
        if (!strchr(good, *p))
            *p = '_';
    texts_add(&e->texts, e->attempt->arena, text);
}

static void export_known(struct environment *e, const char *name, const char *value)
{
    if (value && *value)
        export_censored(e, name, value);
}

static void export_user(struct environment *e, const struct step *step,
                        const struct user *user)
{
    const char *name = step->alias || !user ? step->name : user->name;

    if (user) {
        export_known(e, "HOME", user->home);
        export_known(e, "SHELL", user->shell);
    }
    export_known(e, "LOGNAME", name);
    export_known(e, "USER", name);
}

static const char *const *make_environment(struct attempt *attempt,
                                           const struct step *step,
                                           const struct user *user)
{
    const struct deliver *request = &attempt->delivery->request;
    struct environment e = {.attempt = attempt};

    for (size_t i = 0; i < attempt->agent->environment.n; i++)
        texts_add(&e.texts, attempt->arena, attempt->agent->environment.items[i]);
    export_user(&e, step, user);
    export_censored(&e, "SENDER", attempt_sender(attempt, step));
    export_known(&e, "RECIPIENT", step->address);
    export_known(&e, "ORIGINAL_RECIPIENT", step->original);
    export_known(&e, "LOCAL", step->local);
    export_known(&e, "DOMAIN", step->domain);
    export_known(&e, "EXTENSION", step->extension);
    export_known(&e, "ENVID", request->envelope_id);
    export_known(&e, "CLIENT_ADDRESS", request->client_address);
    export_known(&e, "CLIENT_HELO", request->client_helo);
    export_known(&e, "CLIENT_HOSTNAME", request->client_name);
    export_known(&e, "CLIENT_PROTOCOL", request->client_protocol);
    export_known(&e, "SASL_METHOD", request->sasl_method);
    export_known(&e, "SASL_SENDER", request->sasl_sender);
    export_known(&e, "SASL_USERNAME", request->sasl_username);
    return e.texts.items;
}

/* --- running -------------------------------------------------------------------------
 */

/* Root's mail may start a command with root's environment, but not as root. */
static struct rights command_rights(const struct attempt *attempt,
                                    const struct user *user)
{
    return rights_of(attempt->agent, user && user->uid == 0 ? NULL : user);
}

static struct outcome run(struct attempt *attempt, const struct step *step,
                          const struct user *user, const char *command,
                          const char *directory)
{
    const struct conf *conf = attempt->agent->conf;
    struct rights rights = command_rights(attempt, user);
    const struct child_options options = {
        .command = command,
        .shell = conf->local_command_shell,
        .env = make_environment(attempt, step, user),
        .directory = *directory ? directory : NULL,
        .uid = rights.uid,
        .gid = rights.gid,
        .output_max = OUTPUT_MAX,
        .timeout_ms = conf->command_time_limit * 1000L,
    };
    struct copy copy = file_copy(attempt, step, PREPEND_COMMAND);
    struct outcome outcome;

    copy.flags |= COPY_FROM_LINE;
    outcome = command_deliver_to(&options, &copy, command);
    if (outcome.result == OUTCOME_DELIVERED)
        outcome =
            outcome_make(attempt->arena, "2.0.0", "delivered to command: %s", command);
    return outcome;
}

void command_deliver(struct attempt *attempt, const struct step *step,
                     const struct user *user, const char *command)
{
    const struct conf *conf = attempt->agent->conf;
    const char *directory;
    struct outcome outcome;
    struct fail why;

    if (!attempt_is_first(attempt, "command %u %s",
                          (unsigned)command_rights(attempt, user).uid, command))
        return;
    if (attempt_is_probe(attempt)) {
        attempt_outcome(attempt, step, "2.0.0", "delivers to command: %s", command);
        return;
    }
    directory = macros_expand(attempt, step, user, conf->command_execution_directory,
                              conf->execution_directory_expansion_filter, &why);
    if (!directory) {
        log_warning("command_execution_directory: %s", why.text);
        attempt_outcome(attempt, step, "4.3.5", "mail system configuration error");
        return;
    }
    outcome = run(attempt, step, user, command, directory);
    attempt_report(attempt, step, &outcome);
}
