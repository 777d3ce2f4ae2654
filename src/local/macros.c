/*
 * The macros that stand for a recipient in forward_path, luser_relay and
 * command_execution_directory. Values come from mail, so they are censored, and
 * never looked at for macros again.
 */
#include "local/local.h"

#include "conf/macro.h"

struct source {
    const struct attempt *attempt;
    const struct step *step;
    const struct user *user;
    const char *filter;
};

static const char *value_of(const struct source *s, struct str name)
{
    const struct step *step = s->step;
    const struct {
        const char *name, *value;
    } values[] = {
        {"user", step->name},
        {"home", s->user ? s->user->home : ""},
        {"shell", s->user ? s->user->shell : ""},
        {"recipient", step->address},
        {"original_recipient", step->original},
        {"extension", step->extension},
        {"domain", step->domain},
        {"local", step->local},
    };

    for (size_t i = 0; i < COUNT(values); i++)
        if (str_is(name, values[i].name))
            return values[i].value;
    /* compat: the delimiter that stands in the address, not those that could */
    if (str_is(name, "recipient_delimiter"))
        return arena_copy_str(s->attempt->arena, str_head(str_of(step->suffix), 1));
    return NULL;
}

static int censored_value(void *context, struct str name, const char **ret,
                          struct fail *why)
{
    const struct source *s = context;
    const char *value = value_of(s, name);
    struct buf out;

    (void)why;
    *ret = NULL;
    if (!value)
        return 0;
    buf_init(&out, 1 << 16);
    buf_add_text(&out, "");
    for (; *value; value++) {
        char c = s->filter && !strchr(s->filter, *value) ? '_' : *value;

        if (c == '$')
            buf_add_char(&out, c);
        buf_add_char(&out, c);
    }
    *ret = arena_copy_str(s->attempt->arena, buf_str(&out));
    buf_done(&out);
    return 0;
}

const char *macros_expand(const struct attempt *attempt, const struct step *step,
                          const struct user *user, const char *text, const char *filter,
                          struct fail *why)
{
    struct source s = {attempt, step, user, filter};
    struct macro_source source = {.value = censored_value, .context = &s};
    const char *result = NULL;
    struct buf out;

    buf_init(&out, 1 << 16);
    buf_add_text(&out, "");
    if (macro_expand(text, &source, &out, why) == 0)
        result = arena_copy_str(attempt->arena, buf_str(&out));
    buf_done(&out);
    return result;
}
