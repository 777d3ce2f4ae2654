/*
 * How a parameter or a service looks in print.
 *
 * Folded lines break at blanks; in the arguments of a service each "-o
 * name=value" has a line of its own. compat: parameters fill 80 columns,
 * entries of services 79.
 */
#include "commands/postconf/postconf.h"

#include "commands/json.h"
#include "util/str.h"

#include <stdio.h>

#define BLANKS " \t\r\n\v\f"

enum { WIDTH = 80, ENTRY_WIDTH = 79, INDENT = 4, OUTPUT_MAX = 64 * 1024 * 1024 };

/* A line that grows word by word. */
struct growth {
    struct buf *out;
    size_t start; /* of the line in out */
    size_t width; /* of folded lines; 0 = no folding */
    bool fresh;   /* no blank goes before the next word */
};

static struct growth growth_at_end(struct buf *out, size_t width)
{
    size_t newline = str_find_last(buf_str(out), '\n');

    return (struct growth){
        .out = out,
        .start = newline == out->n ? 0 : newline + 1,
        .width = width,
        .fresh = out->n == 0,
    };
}

static void new_line(struct growth *line)
{
    buf_add_char(line->out, '\n');
    line->start = line->out->n;
    line->fresh = true;
    buf_add_repeat(line->out, ' ', INDENT);
}

/* measure: the length that counts when a line is full. */
static void add_measured(struct growth *line, struct str word, size_t measure)
{
    if (!line->fresh && line->width > 0 &&
        line->out->n - line->start + 1 + measure > line->width)
        new_line(line);
    if (!line->fresh)
        buf_add_char(line->out, ' ');
    buf_add_str(line->out, word);
    line->fresh = false;
}

static void add_word(struct growth *line, struct str word)
{
    add_measured(line, word, word.n);
}

void print_pair(const char *key, struct str value)
{
    json_put_pair(stdout, str_of(key), value);
}

void print_origin(const struct setting *setting, const char *otherwise)
{
    if (setting && setting->path)
        printf("%s:%d: ", setting->path, setting->line);
    else
        printf("%s: ", setting ? "command line" : otherwise);
}

static void print_value_json(const char *prefix, const char *name, const char *value)
{
    struct str rest = str_of(value), word;
    struct buf key, text;
    struct growth line;

    buf_init(&key, OUTPUT_MAX);
    buf_init(&text, OUTPUT_MAX);
    line = growth_at_end(&text, 0);
    while ((word = str_word(&rest, BLANKS)).n > 0)
        add_word(&line, word);
    buf_printf(&key, "%s%s", prefix, name);
    print_pair(buf_text(&key), buf_str(&text));
    buf_done(&text);
    buf_done(&key);
}

void print_value(const struct run *run, const char *prefix, const char *name,
                 const char *value)
{
    struct str rest = str_of(value), word;
    struct growth line;
    struct buf out;

    if (run->given['j']) {
        print_value_json(prefix, name, value);
        return;
    }
    buf_init(&out, OUTPUT_MAX);
    if (!run->given['h'])
        buf_printf(&out, "%s%s%s", prefix, name, run->given['H'] ? "" : " =");
    line = growth_at_end(&out, run->given['f'] ? WIDTH : 0);
    if (!run->given['H'])
        while ((word = str_word(&rest, BLANKS)).n > 0)
            add_word(&line, word);
    buf_add_char(&out, '\n');
    fwrite(buf_text(&out), 1, out.n, stdout);
    buf_done(&out);
}

/* --- services --- */

/* Would the text be read as one argument, and as itself? */
static bool reads_back(struct str text)
{
    struct str rest = text, word;

    return str_word_braced(&rest, BLANKS, &word) && word.n > 0 && word.n == text.n &&
           word.p[0] != '{';
}

/*
 * An argument in the form that reads back as the same argument. compat: the
 * first one that is no option has braces only when it needs them, others also
 * when braces inside would do.
 */
static void format_argument(struct buf *ret, struct str text, bool first)
{
    const bool braces =
        !reads_back(text) || (!first && str_find_any(text, BLANKS) < text.n);

    buf_reset(ret);
    buf_printf(ret, braces ? "{%.*s}" : "%.*s", STR_ARG(text));
}

/* "-o name=value" or "-oname=value" at args[*i]; *i moves to its last part. */
static void add_option_o(struct growth *line, const struct texts *args, size_t *i,
                         struct buf *word)
{
    const char *value = args->items[*i] + 2;

    add_word(line, STR("-o"));
    if (*value == '\0' && *i + 1 < args->n)
        value = args->items[++*i];
    else if (*value == '\0')
        return;
    format_argument(word, str_of(value), false);
    buf_add_char(line->out, ' ');
    buf_add_str(line->out, buf_str(word));
}

static void add_arguments(struct growth *line, const struct texts *args)
{
    bool own_line = false, options = true;
    struct buf word;

    buf_init(&word, OUTPUT_MAX);
    for (size_t i = 0; i < args->n; i++) {
        struct str argument = str_of(args->items[i]);
        const bool was_option = options;
        bool is_o;

        options = options && str_starts(argument, "-");
        is_o = options && str_starts(argument, "-o");
        if (line->width > 0 && (is_o || own_line))
            new_line(line);
        own_line = is_o; /* what follows it begins a line of its own, too */
        if (is_o)
            add_option_o(line, args, &i, &word);
        else {
            format_argument(&word, argument, was_option && !options);
            /* compat: its braces do not count */
            add_measured(line, buf_str(&word), argument.n);
        }
    }
    buf_done(&word);
}

void add_command(struct buf *out, const struct master_service *service, bool fold)
{
    struct growth line;

    buf_add_text(out, service->command);
    line = growth_at_end(out, fold ? ENTRY_WIDTH : 0);
    add_arguments(&line, &service->args);
}

/* Fill up to the next column; a field that is too wide pushes the others to the right. */
void add_service(struct buf *out, const struct master_service *service, bool fold)
{
    static const size_t widths[MASTER_FIELDS] = {10, 5, 7, 7, 7, 7, 7};
    const size_t start = growth_at_end(out, 0).start;
    size_t column = 0;

    for (int i = 0; i < MASTER_FIELDS; i++) {
        column += widths[i] + 1;
        buf_printf(out, "%s ", service->as_written[i]);
        if (out->n - start < column)
            buf_add_repeat(out, ' ', column - (out->n - start));
    }
    add_command(out, service, fold);
}
