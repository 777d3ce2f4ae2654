/*
 * Editing main.cf: set (-e), remove (-X) or comment out (-#) parameters. Each
 * logical line that sets one is replaced as a whole; what is not there yet goes
 * to the end of the file.
 */
#include "commands/postconf/postconf.h"
#include "conf/settings.h"
#include "conf/state.h"
#include "util/log.h"

#include <string.h>

struct request {
    struct str name, value;
    int seen; /* lines of the file that set it */
};

struct edit {
    const struct run *run;
    struct request *requests;
    size_t n;
};

static struct request *find(const struct edit *edit, struct str name)
{
    for (size_t i = 0; i < edit->n; i++)
        if (str_eq(edit->requests[i].name, name))
            return &edit->requests[i];
    return NULL;
}

static void check_form(const char *text)
{
    if (strchr(text, '\n'))
        fatal("-e, -X, or -# accepts no multi-line input");
    if (str_starts(str_trim(str_of(text)), "#"))
        fatal("-e, -X, or -# accepts no comment input");
}

static void parse(struct edit *edit, const char *text)
{
    struct request request = {.name = str_trim(str_of(text))};
    struct request *other;
    struct fail why;

    check_form(text);
    if (edit->run->given['e'] &&
        setting_split(str_of(text), &request.name, &request.value, &why) < 0)
        fatal("%s", why.text);
    if (request.name.n == 0)
        fatal("-X or -# requires non-blank parameter names");
    other = find(edit, request.name);
    if (other && edit->run->given['e'])
        log_warning("ignoring earlier request: '%.*s = %.*s'", STR_ARG(other->name),
                    STR_ARG(other->value));
    if (other)
        *other = request;
    else
        edit->requests[edit->n++] = request;
}

static void add_line(const struct request *request, struct buf *out)
{
    buf_printf(out, "%.*s = %.*s\n", STR_ARG(request->name), STR_ARG(request->value));
}

static enum verdict decide(void *context, const struct line *line, struct buf *out)
{
    struct edit *edit = context;
    struct request *request =
        find(edit, str_head(line->text, str_find_any(line->text, "= \t\r\n\v\f")));

    if (request == NULL)
        return LINE_KEEP;
    if (request->seen++ == 1)
        log_warning("%s: multiple entries for \"%.*s\"", edit->run->main_path,
                    STR_ARG(request->name));
    if (edit->run->given['X'])
        return LINE_DROP;
    if (edit->run->given['#'])
        return LINE_COMMENT_OUT;
    add_line(request, out);
    return LINE_REPLACE;
}

static void finish(void *context, struct buf *out)
{
    const struct edit *edit = context;

    for (size_t i = 0; i < edit->n && edit->run->given['e']; i++)
        if (edit->requests[i].seen == 0)
            add_line(&edit->requests[i], out);
}

/* A file of conf.d that sets the same would make the edit look done in vain. */
static void warn_included(const struct edit *edit)
{
    const struct conf_options options = {.program = "postconf",
                                         .directory = edit->run->command.directory,
                                         .texts_only = true};
    struct conf *conf = conf_load(&options, NULL);

    for (size_t i = 0; conf && i < edit->n && !edit->run->given['q']; i++) {
        const struct setting *setting =
            state_setting(conf->state, edit->requests[i].name);

        if (setting && strcmp(setting->path, edit->run->main_path) != 0)
            log_warning("%s, line %d: %s is set here, which goes on to count",
                        setting->path, setting->line, setting->name);
    }
    conf_free(conf);
}

void edit_main(struct run *run, char **requests)
{
    struct edit edit = {.run = run};
    struct rewrite rewrite = {
        .path = run->main_path, .decide = decide, .finish = finish, .context = &edit};
    size_t n = 0;

    while (requests[n])
        n++;
    edit.requests = arena_array(run->command.arena, n, sizeof(*edit.requests));
    for (size_t i = 0; i < n; i++)
        parse(&edit, requests[i]);
    rewrite_file(&rewrite, run->command.arena);
    warn_included(&edit);
}
