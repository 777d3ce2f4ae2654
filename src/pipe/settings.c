/*
 * Attributes come in any order and end with argv=, which takes all the words
 * that follow. A service that is not told whose rights to use, or told root's or
 * the mail system's, does not start.
 */
#include "pipe/settings.h"

#include "deliver/command.h"
#include "service/rights.h"

#include <ctype.h>

struct parser {
    const struct conf *conf;
    struct arena *arena;
    struct settings settings;
    bool has_user;
    struct fail *why;
};

/* --- flags= ----------------------------------------------------------------------- */

static int parse_flags(struct parser *p, const char *value)
{
    static const struct {
        char letter;
        unsigned copy, flags;
    } letters[] = {
        {'B', COPY_BLANK_LINE, 0},  {'D', COPY_DELIVERED_TO, 0}, {'F', COPY_FROM_LINE, 0},
        {'O', COPY_ORIGINAL_TO, 0}, {'R', COPY_RETURN_PATH, 0},  {'X', 0, PIPE_FINAL},
        {'h', 0, PIPE_FOLD_HOST},   {'q', 0, PIPE_QUOTE},        {'u', 0, PIPE_FOLD_USER},
        {'.', COPY_DOUBLE_DOTS, 0}, {'>', COPY_QUOTE_FROM, 0},
    };

    for (; *value; value++) {
        size_t i = 0;

        while (i < COUNT(letters) && letters[i].letter != *value)
            i++;
        if (i == COUNT(letters))
            return fail_set(p->why, "flags=: there is no flag \"%c\"", *value);
        p->settings.copy |= letters[i].copy;
        p->settings.flags |= letters[i].flags;
    }
    return 0;
}

static int parse_user(struct parser *p, const char *value)
{
    struct service_rights rights;

    if (service_rights_parse(value, p->conf, p->arena, &rights, p->why) < 0)
        return -1;
    p->settings.rights = (struct rights){rights.uid, rights.gid};
    p->has_user = true;
    return 0;
}

/* --- the others ------------------------------------------------------------------------
 */

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* One escape behind a backslash, as in C; advances *p past it. */
static char unescape(const char **p)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    char c = *(*p)++;
    const char *known = strchr(from, c);
    int value = 0;

    if (known)
        return to[known - from];
    if (c == 'x') {
        for (int i = 0; i < 2 && isxdigit((unsigned char)**p); i++)
            value = value * 16 + hex_digit(*(*p)++);
        return (char)value;
    }
    if (c < '0' || c > '7')
        return c;
    value = c - '0';
    for (int i = 0; i < 2 && **p >= '0' && **p <= '7'; i++)
        value = value * 8 + *(*p)++ - '0';
    return (char)value;
}

static int parse_line_end(struct parser *p, const char *value)
{
    struct buf out;

    buf_init(&out, 1000);
    buf_add_text(&out, "");
    while (*value && out.n < 100) {
        char c = *value++;

        buf_add_char(&out, c == '\\' && *value ? unescape(&value) : c);
    }
    p->settings.line_end = arena_copy_str(p->arena, buf_str(&out));
    buf_done(&out);
    return 0;
}

static int parse_size(struct parser *p, const char *value)
{
    unsigned long long size;

    if (!str_number(str_of(value), INT64_MAX, &size))
        return fail_set(p->why, "size=%s: no number of bytes", value);
    p->settings.size_limit = (long long)size;
    return 0;
}

static int parse_root(struct parser *p, const char *value)
{
    p->settings.root = value;
    return 0;
}

static int parse_directory(struct parser *p, const char *value)
{
    p->settings.directory = value;
    return 0;
}

static int parse_null_sender(struct parser *p, const char *value)
{
    p->settings.null_sender = value;
    return 0;
}

static int parse_attribute(struct parser *p, const char *word)
{
    static const struct {
        const char *name;
        int (*parse)(struct parser *p, const char *value);
    } attributes[] = {
        {"flags=", parse_flags},
        {"user=", parse_user},
        {"eol=", parse_line_end},
        {"size=", parse_size},
        {"chroot=", parse_root},
        {"directory=", parse_directory},
        {"null_sender=", parse_null_sender},
    };

    for (size_t i = 0; i < COUNT(attributes); i++)
        if (str_starts_nocase(str_of(word), attributes[i].name))
            return attributes[i].parse(p, word + strlen(attributes[i].name));
    return fail_set(p->why, "unknown attribute \"%s\"", word);
}

static int parse(struct parser *p, const char *const *words)
{
    for (; *words; words++) {
        if (str_starts_nocase(str_of(*words), "argv="))
            p->settings.argv = command_words(words, p->arena);
        if (p->settings.argv)
            return *p->settings.argv ? 0 : fail_set(p->why, "argv= names no command");
        if (parse_attribute(p, *words) < 0)
            return -1;
    }
    return fail_set(p->why, "argv= is missing: the command to run");
}

int settings_parse(const char *const *words, const struct conf *conf, const char *service,
                   struct arena *arena, struct settings *ret, struct fail *why)
{
    struct parser p = {
        .conf = conf,
        .arena = arena,
        .settings = {.null_sender = "MAILER-DAEMON"},
        .why = why,
    };

    if (parse(&p, words) < 0)
        return fail_prefix(why, "master.cf: service %s", service);
    if (!p.has_user)
        return fail_set(why,
                        "master.cf: service %s: user= is missing: whose rights the "
                        "command has",
                        service);
    if (conf_service_int(conf, service, "time_limit", &p.settings.time_limit, why) < 0)
        return -1;
    *ret = p.settings;
    return 0;
}
