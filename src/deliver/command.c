/*
 * The words of failures are an interface: people grep for them, and mailing list
 * software reads them in reports.
 */
#include "deliver/command.h"

#include "conf/environment.h"
#include "deliver/rights.h"
#include "util/log.h"

#include <ctype.h>
#include <stdlib.h>
#include <sys/wait.h>

/* --- the environment -------------------------------------------------------------------
 */

static bool has_path(const struct texts *environment)
{
    for (size_t i = 0; i < environment->n; i++)
        if (str_starts(str_of(environment->items[i]), "PATH="))
            return true;
    return false;
}

void command_environment(const struct conf *conf, struct arena *arena, struct texts *ret)
{
    environment_add(conf->export_environment, arena, ret);
    if (!has_path(ret))
        texts_add(ret, arena, "PATH=/usr/bin:/bin");
}

const char *const *command_words(const char *const *words, struct arena *arena)
{
    const char *first = *words++ + sizeof("argv=") - 1;
    struct texts argv = {0};

    if (*first)
        texts_add(&argv, arena, first);
    for (; *words; words++)
        texts_add(&argv, arena, *words);
    if (argv.n == 0)
        texts_add(&argv, arena, NULL);
    return argv.items;
}

/* --- the end ---------------------------------------------------------------------------
 */

/* The output as one line. */
static struct str one_line(struct arena *arena, struct str output)
{
    char *text = arena_copy_str(arena, output);

    for (char *p = text; p < text + output.n; p++)
        if (isspace((unsigned char)*p))
            *p = ' ';
        else if (iscntrl((unsigned char)*p))
            *p = '?';
    return str_of(text);
}

static struct outcome died(struct arena *arena, const char *status, const char *how,
                           const char *name, struct str output)
{
    return outcome_make(arena, status, "%s: \"%s\"%s%.*s", how, name,
                        output.n ? ". Command output: " : "", STR_ARG(output));
}

/* What a report shows as the command's own words. */
static const char *diagnostic(struct arena *arena, int code, struct str output)
{
    const struct status_exit *known = status_of_exit(code);

    if (output.n)
        return arena_copy_str(arena, str_trim(output));
    return known ? known->text
                 : arena_printf(arena, "unknown mail system error %d", code);
}

/* An exit status other than 0. */
static struct outcome failed(struct arena *arena, int code, const char *name,
                             struct str output)
{
    const struct status_exit *known = status_of_exit(code);
    size_t n = status_length(output);
    struct str words = n ? str_trim_left(str_tail(output, n)) : output;
    struct outcome outcome;

    if (n) /* compat: a success that is none has no detail */
        outcome = outcome_make(
            arena,
            *output.p == '2' ? "5.0.0" : arena_copy_str(arena, str_head(output, n)),
            "%.*s", STR_ARG(words));
    else if (known)
        outcome = outcome_make(arena, known->status, "%s%s%.*s", known->text,
                               words.n ? ". Command output: " : "", STR_ARG(words));
    else
        outcome =
            died(arena, "5.3.0", arena_printf(arena, "Command died with status %d", code),
                 name, words);
    outcome.diagnostic_type = "x-unix";
    outcome.diagnostic_text = diagnostic(arena, code, words);
    return outcome;
}

static struct outcome judge(struct arena *arena, const char *name,
                            const struct child_result *result)
{
    struct str output = one_line(arena, result->output);

    if (result->timed_out)
        return died(arena, "5.3.0", "Command time limit exceeded", name, output);
    if (WIFSIGNALED(result->status))
        return died(
            arena, "4.3.0",
            arena_printf(arena, "Command died with signal %d", WTERMSIG(result->status)),
            name, output);
    if (WEXITSTATUS(result->status) != 0)
        return failed(arena, WEXITSTATUS(result->status), name, output);
    return outcome_make(arena, "2.0.0", "%.*s", STR_ARG(str_trim(output)));
}

/* --- running -------------------------------------------------------------------------
 */

struct input {
    const struct copy *copy;
    enum copy_result result;
    struct fail why;
};

static int feed(void *context, struct stream *to)
{
    struct input *input = context;

    input->result = copy_message(input->copy, to, &input->why);
    return input->result == COPY_DONE ? 0 : -1;
}

struct outcome command_deliver_to(const struct child_options *options,
                                  const struct copy *copy, const char *name)
{
    struct delivery *delivery = copy->delivery;
    struct input input = {.copy = copy};
    struct child_result result;
    struct fail why;

    rights_give_back(delivery);
    if (child_run(options, feed, &input, delivery->arena, &result, &why) == 0)
        return judge(delivery->arena, name, &result);
    if (input.result == COPY_NOT_READ || input.result == COPY_CORRUPT)
        return copy_read_failure(delivery, input.result, &input.why);
    log_warning("command \"%s\" for user id %u: %s", name, (unsigned)options->uid,
                why.text);
    /* compat: what is wrong with a directory of ours is not for senders to read. */
    return outcome_make(delivery->arena, "4.3.0", "temporary failure%s%s",
                        str_starts(str_of(why.text), "execute ") ? ". Command output: "
                                                                 : "",
                        str_starts(str_of(why.text), "execute ") ? why.text : "");
}
