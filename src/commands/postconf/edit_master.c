/*
 * Editing master.cf: whole entries (-M with -e, -X, -#), their fields (-F -e),
 * and the parameters that they set for themselves (-P with -e, -X).
 *
 * Entries are found by their first two words, so that an entry which is broken
 * otherwise can be replaced or removed, and stands in nobody else's way.
 */
#include "commands/postconf/postconf.h"
#include "conf/settings.h"
#include "util/log.h"

#include <string.h>

#define BLANKS " \t\r\n\v\f"

enum { ENTRY_MAX = 4 * 1024 * 1024 };

struct request {
    struct pattern pattern;
    const char *value;           /* of -e; NULL for -X and -# */
    struct master_service entry; /* of -M -e */
    int field;                   /* of -F */
};

struct edit {
    const struct run *run;
    struct request *requests;
    size_t n;
};

/* --- requests ----------------------------------------------------------------- */

static void fail_form(const struct run *run)
{
    if (run->mode == 'M')
        fatal("-Me, -MX or -M# requires service_name/type");
    if (run->mode == 'F')
        fatal("-Fe or -FX requires service_name/type/field_name");
    fatal("-Pe or -PX requires service_name/type/parameter");
}

static void parse_entry(const struct run *run, const char *text, struct request *request)
{
    struct fail why;

    if (master_cf_parse_entry(str_of(request->value), run->command.arena, &request->entry,
                              NULL, &why) < 0)
        fatal("%s: \"%s\"", why.text, text);
}

static void parse_field(struct request *request)
{
    struct str name = request->pattern.part[2];
    struct str value = str_of(request->value), word = value;

    request->field = 0;
    while (request->field <= MASTER_FIELDS &&
           !str_is(name, master_field_text(request->field)))
        request->field++;
    if (request->field > MASTER_FIELDS)
        fatal("invalid service attribute name: \"%.*s\"", STR_ARG(name));
    if (request->field < MASTER_FIELDS) /* one word, or the columns would shift */
        word = str_head(value, str_find_any(value, BLANKS));
    if (value.n == 0 || word.n < value.n)
        fatal("invalid %s field \"%s\"", master_field_text(request->field),
              request->value);
}

static void parse(struct edit *edit, const char *text)
{
    const struct run *run = edit->run;
    struct request *request = &edit->requests[edit->n++];
    struct str name = str_of(text), value;
    struct fail why;

    if (strchr(text, '\n'))
        fatal("-Me, -Fe, -Pe, -X, or -# accept no multi-line input");
    if (run->given['e']) {
        if (setting_split(str_of(text), &name, &value, &why) < 0)
            fatal("%s", why.text);
        request->value = arena_copy_str(run->command.arena, value);
    }
    if (!pattern_parse(arena_copy_str(run->command.arena, name), &request->pattern) ||
        request->pattern.n != (run->mode == 'M' ? 2 : 3))
        fail_form(run);
    request->pattern.text = text;
    if (run->mode == 'M' && run->given['e'])
        parse_entry(run, text, request);
    if (run->mode == 'F')
        parse_field(request);
    if (run->mode == 'P' && request->value &&
        request->value[strcspn(request->value, BLANKS)] != '\0')
        fatal("-Pe does not accept whitespace in parameter value");
}

/* --- changing an entry ----------------------------------------------------------- */

/* Set field of the entry and read it again, which checks it. */
static void set_field(const struct run *run, struct master_service *service,
                      const struct request *request)
{
    struct fail why;
    struct buf text;

    buf_init(&text, ENTRY_MAX);
    if (request->field < MASTER_FIELDS) {
        service->as_written[request->field] = request->value;
        add_service(&text, service, false);
    } else {
        for (int i = 0; i < MASTER_FIELDS; i++)
            buf_printf(&text, "%s ", service->as_written[i]);
        buf_add_text(&text, request->value);
    }
    if (master_cf_parse_entry(buf_str(&text), run->command.arena, service, NULL, &why) <
        0)
        fatal("%s in \"%s\"", why.text, request->pattern.text);
    buf_done(&text);
}

static void add_option(struct texts *args, struct arena *arena, struct str name,
                       const char *value)
{
    texts_add(args, arena, "-o");
    texts_add(args, arena, arena_printf(arena, "%.*s=%s", STR_ARG(name), value));
}

/*
 * Take the "-o" that stands at args->items[*i]; *i moves to its last part.
 * True when it sets name.
 */
static bool take_option(const struct texts *args, size_t *i, struct str name,
                        const char **ret)
{
    struct str other, value;

    *ret = args->items[*i] + 2;
    if (**ret == '\0' && *i + 1 < args->n)
        *ret = args->items[++*i];
    return setting_split(str_of(*ret), &other, &value, NULL) == 0 && str_eq(other, name);
}

/* Set (or with value NULL remove) a parameter among the options of the entry. */
static void set_parameter(struct master_service *service, struct arena *arena,
                          struct str name, const char *value)
{
    const struct texts *args = &service->args;
    struct texts changed = {0};
    bool options = true;
    const char *text;

    for (size_t i = 0; i < args->n; i++) {
        if (options && args->items[i][0] != '-') {
            options = false;
            if (value)
                add_option(&changed, arena, name, value);
            value = NULL;
        }
        if (!options || strncmp(args->items[i], "-o", 2) != 0) {
            texts_add(&changed, arena, args->items[i]);
        } else if (!take_option(args, &i, name, &text)) {
            texts_add(&changed, arena, "-o");
            texts_add(&changed, arena, text);
        } else if (value) {
            add_option(&changed, arena, name, value);
            value = NULL;
        }
    }
    if (value)
        add_option(&changed, arena, name, value);
    service->args = changed;
}

/* Do all that is asked for this entry. */
static void change(struct edit *edit, struct master_service *service)
{
    const struct run *run = edit->run;

    for (size_t i = 0; i < edit->n; i++) {
        struct request *request = &edit->requests[i];

        if (!pattern_matches(&request->pattern, service))
            continue;
        request->pattern.matched = true;
        if (run->mode == 'F')
            set_field(run, service, request);
        else
            set_parameter(service, run->command.arena, request->pattern.part[2],
                          request->value);
    }
}

static void add_entry(const struct master_service *service, struct buf *out)
{
    add_service(out, service, true);
    buf_add_char(out, '\n');
}

/* --- lines of the file -------------------------------------------------------------- */

/* The request for the entry that begins with these words, or NULL. */
static struct request *find_entry(const struct edit *edit, const struct line *line)
{
    struct str rest = line->first;
    struct str name = str_word(&rest, BLANKS), type = str_word(&rest, BLANKS);

    if (type.n == 0)
        fatal("%s, line %d: specify service name and type on the same line",
              edit->run->master_path, line->number);
    for (size_t i = 0; i < edit->n; i++)
        if (pattern_matches_words(&edit->requests[i].pattern, name, type))
            return &edit->requests[i];
    return NULL;
}

static enum verdict decide_parts(void *context, const struct line *line, struct buf *out)
{
    struct edit *edit = context;
    struct master_service service;
    struct texts doubts = {0};
    struct fail why;

    if (find_entry(edit, line) == NULL)
        return LINE_KEEP;
    if (master_cf_parse_entry(line->text, edit->run->command.arena, &service, &doubts,
                              &why) < 0)
        fatal("%s, line %d: %s: \"%.*s\"", edit->run->master_path, line->number, why.text,
              STR_ARG(line->text));
    for (size_t i = 0; i < doubts.n; i++)
        log_warning("%s, line %d: %s", edit->run->master_path, line->number,
                    doubts.items[i]);
    change(edit, &service);
    add_entry(&service, out);
    return LINE_REPLACE;
}

static enum verdict decide_entry(void *context, const struct line *line, struct buf *out)
{
    struct edit *edit = context;
    struct request *request = find_entry(edit, line);

    if (request == NULL)
        return LINE_KEEP;
    if (edit->run->given['#'])
        return LINE_COMMENT_OUT;
    if (edit->run->given['X'] || request->pattern.matched)
        return LINE_DROP;
    request->pattern.matched = true;
    add_entry(&request->entry, out);
    return LINE_REPLACE;
}

static void append_entries(void *context, struct buf *out)
{
    const struct edit *edit = context;

    for (size_t i = 0; i < edit->n && edit->run->given['e']; i++)
        if (!edit->requests[i].pattern.matched)
            add_entry(&edit->requests[i].entry, out);
}

void edit_master(struct run *run, char **requests)
{
    struct edit edit = {.run = run};
    struct rewrite rewrite = {
        .path = run->master_path,
        .decide = run->mode == 'M' ? decide_entry : decide_parts,
        .finish = run->mode == 'M' ? append_entries : NULL,
        .context = &edit,
        .late = run->mode != 'M', /* compat: where the reference puts a changed entry */
    };
    size_t n = 0;

    while (requests[n])
        n++;
    edit.requests = arena_array(run->command.arena, n, sizeof(*edit.requests));
    for (size_t i = 0; i < n; i++)
        parse(&edit, requests[i]);
    rewrite_file(&rewrite, run->command.arena);
    for (size_t i = 0; i < n && run->mode != 'M'; i++)
        if (!edit.requests[i].pattern.matched)
            log_warning("unmatched service_name/type: \"%s\"",
                        edit.requests[i].pattern.text);
}
