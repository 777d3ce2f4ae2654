/*
 * Commands: what they see of the message in their environment, and what their
 * end says about the delivery (sysexits(3), or a status code in their output).
 */
#include "local/local.h"

#include "deliver/rights.h"
#include "util/child.h"
#include "util/log.h"

#include <ctype.h>
#include <sys/wait.h>

enum { OUTPUT_MAX = 2048 };

/* --- the environment
 * -------------------------------------------------------------------- */

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

static void export_plain(struct environment *e, const char *name, const char *value)
{
    if (*value)
        texts_add(&e->texts, e->attempt->arena,
                  arena_printf(e->attempt->arena, "%s=%s", name, value));
}

static void export_user(struct environment *e, const struct step *step,
                        const struct user *user)
{
    const char *name = step->alias || !user ? step->name : user->name;

    if (user) {
        export_plain(e, "HOME", user->home);
        export_plain(e, "SHELL", user->shell);
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

/* --- the end -------------------------------------------------------------------------
 */

/* The output as one line of text; "" when there was none. */
static struct str one_line(struct attempt *attempt, struct str output)
{
    char *text = arena_copy_str(attempt->arena, output);

    for (char *p = text; p < text + output.n; p++)
        if (isspace((unsigned char)*p))
            *p = ' ';
        else if (iscntrl((unsigned char)*p))
            *p = '?';
    return str_of(text);
}

static struct outcome died(struct attempt *attempt, const char *status, const char *how,
                           const char *command, struct str output)
{
    return outcome_make(attempt->arena, status, "%s: \"%s\"%s%.*s", how, command,
                        output.n ? ". Command output: " : "", STR_ARG(output));
}

/* An exit status other than 0. */
static struct outcome failed(struct attempt *attempt, int code, const char *command,
                             struct str output)
{
    const struct status_exit *known = status_of_exit(code);
    size_t n = status_length(output);
    struct outcome outcome;

    if (n) /* compat: a success that is none has no detail */
        outcome = outcome_make(attempt->arena,
                               *output.p == '2'
                                   ? "5.0.0"
                                   : arena_copy_str(attempt->arena, str_head(output, n)),
                               "%.*s", STR_ARG(str_trim_left(str_tail(output, n))));
    else if (known)
        outcome = outcome_make(attempt->arena, known->status, "%s%s%.*s", known->text,
                               output.n ? ". Command output: " : "", STR_ARG(output));
    else
        outcome = died(attempt, "5.3.0",
                       arena_printf(attempt->arena, "Command died with status %d", code),
                       command, output);
    outcome.diagnostic_type = "x-unix";
    outcome.diagnostic_text =
        known ? known->text
              : arena_printf(attempt->arena, "unknown mail system error %d", code);
    return outcome;
}

static struct outcome judge(struct attempt *attempt, const char *command,
                            const struct child_result *result)
{
    struct str output = one_line(attempt, result->output);

    if (result->timed_out)
        return died(attempt, "5.3.0", "Command time limit exceeded", command, output);
    if (WIFSIGNALED(result->status))
        return died(attempt, "4.3.0",
                    arena_printf(attempt->arena, "Command died with signal %d",
                                 WTERMSIG(result->status)),
                    command, output);
    if (WEXITSTATUS(result->status) != 0)
        return failed(attempt, WEXITSTATUS(result->status), command, output);
    return outcome_make(attempt->arena, "2.0.0", "delivered to command: %s", command);
}

/* --- running
 * ---------------------------------------------------------------------------- */

struct input {
    struct copy copy;
    enum copy_result result;
    struct fail why;
};

static int feed(void *context, struct stream *to)
{
    struct input *input = context;

    input->result = copy_message(&input->copy, to, &input->why);
    return input->result == COPY_DONE ? 0 : -1;
}

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
    struct input input = {.copy = file_copy(attempt, step, PREPEND_COMMAND)};
    struct child_result result;
    struct fail why;

    input.copy.flags |= COPY_FROM_LINE;
    rights_give_back(attempt->delivery);
    if (child_run(&options, feed, &input, attempt->arena, &result, &why) == 0)
        return judge(attempt, command, &result);
    if (input.result == COPY_NOT_READ || input.result == COPY_CORRUPT)
        return copy_read_failure(attempt->delivery, input.result, &input.why);
    log_warning("command \"%s\" for user id %u: %s", command, (unsigned)rights.uid,
                why.text);
    return outcome_make(attempt->arena, "4.3.0", "temporary failure. Command output: %s",
                        why.text);
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
