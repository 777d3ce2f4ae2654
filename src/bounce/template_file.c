/*
 * bounce_template_file: "failure_template = <<EOF", header lines, an empty line,
 * the text, "EOF". What is wrong with one template costs that template only; a
 * line that is no setting at all means that this is another kind of file.
 */
#include "bounce/template.h"

#include "conf/settings.h"
#include "mail/utf8.h"
#include "util/file.h"

enum { FILE_MAX = 1 << 20 };

/* The file while it is read. */
struct reading {
    const char *path;
    int line; /* the number of the last line taken */
    struct str rest;
    struct arena *arena;
    struct texts *warnings;
};

static void warn(struct reading *r, const char *text)
{
    texts_add(r->warnings, r->arena, text);
}

/* Files from other systems may have CR LF; the report's lines get their own ends. */
static struct str next_line(struct reading *r)
{
    struct str line = str_until(&r->rest, '\n');

    r->line++;
    return str_ends(line, "\r") ? str_head(line, line.n - 1) : line;
}

/* --- one template ---------------------------------------------------------------------
 */

static const struct {
    const char *label;
    size_t offset;
} headers[] = {
    {"Charset", offsetof(struct template, charset)},
    {"From", offsetof(struct template, from)},
    {"Subject", offsetof(struct template, subject)},
    {"Postmaster-Subject", offsetof(struct template, postmaster_subject)},
};

/* "Label: value"; false when the line is no header. */
static bool header_split(struct str line, struct str *ret_label, struct str *ret_value)
{
    size_t n = 0;

    while (n < line.n && line.p[n] > ' ' && line.p[n] < 127 && line.p[n] != ':')
        n++;
    *ret_label = str_head(line, n);
    *ret_value = str_trim_left(str_tail(line, n));
    if (n == 0 || ret_value->n == 0 || ret_value->p[0] != ':')
        return false;
    *ret_value = str_trim(str_tail(*ret_value, 1));
    return true;
}

/* "empty ... value": why a header cannot be had. */
struct fault {
    const char *what, *part;
};

static bool take_header(struct template *t, struct arena *arena, struct str label,
                        struct str value, struct fault *ret)
{
    *ret = (struct fault){value.n ? "non-ASCII" : "empty", "value"};
    if (value.n == 0 || !utf8_is_ascii(value))
        return false;
    *ret = (struct fault){"unknown", "label"};
    for (size_t i = 0; i < COUNT(headers); i++) {
        const char **member = (const char **)((char *)t + headers[i].offset);

        if (!str_is_nocase(label, headers[i].label))
            continue;
        ret->what = "inapplicable";
        if (*member)
            *member = arena_copy_str(arena, value);
        return *member != NULL;
    }
    return false;
}

/* Take the header lines from *rest; false when one is bad, which has been told. */
static bool take_headers(struct reading *r, struct template *t, struct str *rest)
{
    while (rest->n) {
        struct str after = *rest, label, value;
        struct str line = str_until(&after, '\n');
        struct fault fault;

        if (!header_split(line, &label, &value))
            return true;
        if (!take_header(t, r->arena, label, value, &fault)) {
            warn(r,
                 arena_printf(r->arena,
                              "%s: %s \"%.*s\" header %s in %s template -- ignoring "
                              "this template",
                              r->path, fault.what, STR_ARG(label), fault.part, t->name));
            return false;
        }
        *rest = after;
    }
    return true;
}

static void take_template(struct reading *r, struct template *ret, struct str text)
{
    struct template t = *ret;

    t.origin = r->path;
    if (!take_headers(r, &t, &text))
        return;
    while (text.n && text.p[0] == '\n')
        text = str_tail(text, 1);
    if (text.n == 0) {
        warn(r, arena_printf(r->arena,
                             "%s: missing message text in %s template -- ignoring this "
                             "template",
                             r->path, t.name));
        return;
    }
    if (!utf8_is_ascii(text) && str_is_nocase(str_of(t.charset), "us-ascii")) {
        warn(r, arena_printf(r->arena, "%s: 8-bit message text in %s template", r->path,
                             t.name));
        warn(r, "please specify a charset value other than us-ascii");
        warn(r, "-- ignoring this template for now");
        return;
    }
    t.body = arena_copy_str(r->arena, text);
    *ret = t;
}

/* --- the file -------------------------------------------------------------------------
 */

/* The lines up to the one that is marker; in "name = text", the text is one line. */
static struct str take_text(struct reading *r, struct str value)
{
    struct str marker = str_trim(str_tail(value, 2)), text;
    struct buf lines;
    bool ended = false;

    if (!str_starts(value, "<<"))
        return str_of(arena_printf(r->arena, "%.*s\n", STR_ARG(value)));
    buf_init(&lines, FILE_MAX);
    while (r->rest.n && !ended) {
        struct str line = next_line(r);

        ended = str_eq(line, marker);
        if (!ended) {
            buf_add_str(&lines, line);
            buf_add_char(&lines, '\n');
        }
    }
    if (!ended)
        warn(r, arena_printf(r->arena, "%s, line %d: missing \"%.*s\" end marker",
                             r->path, r->line, STR_ARG(marker)));
    text = str_of(arena_copy_str(r->arena, buf_str(&lines)));
    buf_done(&lines);
    return text;
}

static struct template *find(struct templates *templates, struct str name)
{
    static const struct str suffix = {"_template", 9};

    for (size_t i = 0; i < REPORT_KINDS && str_ends(name, suffix.p); i++)
        if (str_is(str_head(name, name.n - suffix.n), templates->of[i].name))
            return &templates->of[i];
    return NULL;
}

static int take_setting(struct reading *r, struct str line, struct templates *templates,
                        struct fail *why)
{
    const int at = r->line;
    struct template *template;
    struct str name, value, text;

    if (setting_split(line, &name, &value, why) < 0)
        return fail_prefix(why, "%s, line %d", r->path, at);
    text = take_text(r, value);
    template = find(templates, name);
    if (template)
        take_template(r, template, text);
    else
        warn(r, arena_printf(r->arena,
                             "%s, line %d: unknown template name: %.*s -- ignoring this "
                             "template",
                             r->path, at, STR_ARG(name)));
    return 0;
}

int templates_read(const char *path, struct arena *arena, struct templates *templates,
                   struct texts *warnings, struct fail *why)
{
    struct reading r = {.path = path, .arena = arena, .warnings = warnings};

    if (file_read(path, FILE_MAX, arena, &r.rest, why) < 0)
        return -1;
    while (r.rest.n) {
        struct str line = next_line(&r);
        struct str text = str_trim(line);

        if (text.n && text.p[0] != '#' && take_setting(&r, line, templates, why) < 0)
            return -1;
    }
    return 0;
}
