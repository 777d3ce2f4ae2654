/*
 * Reading logical lines through stdio: one physical line of look-ahead tells
 * whether the logical line goes on.
 */
#include "table/lines.h"

#include "util/buf.h"
#include "util/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOGICAL_LINE_MAX = 1 << 26 };

struct table_lines {
    FILE *file;
    char *path;
    struct stat st;
    char *next; /* physical line read ahead, from getline */
    size_t next_size;
    ssize_t next_n; /* < 0: none */
    long read;      /* physical lines read */
    long number;
    bool started;
    struct buf line;
};

#define BLANKS " \t\r\n\v\f"

struct table_lines *table_lines_of(int fd, const char *path)
{
    struct table_lines *lines = calloc(1, sizeof(*lines));

    if (!lines || !(lines->file = fdopen(fd, "r")) || !(lines->path = strdup(path)))
        abort();
    if (fstat(fd, &lines->st) < 0)
        memset(&lines->st, 0, sizeof(lines->st));
    buf_init(&lines->line, LOGICAL_LINE_MAX);
    return lines;
}

struct table_lines *table_lines_open(const char *path, struct fail *why)
{
    int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                    : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        fail_set(why, "open %s: %m", path);
        return NULL;
    }
    return table_lines_of(fd, path);
}

void table_lines_free(struct table_lines *lines)
{
    if (!lines)
        return;
    fclose(lines->file);
    free(lines->path);
    free(lines->next);
    buf_done(&lines->line);
    free(lines);
}

long table_lines_number(const struct table_lines *lines)
{
    return lines->number;
}
const char *table_lines_path(const struct table_lines *lines)
{
    return lines->path;
}
const struct stat *table_lines_stat(const struct table_lines *lines)
{
    return &lines->st;
}

/* Read ahead to the next physical line that is neither empty nor a comment. */
static void look_ahead(struct table_lines *lines)
{
    struct str text;

    do {
        lines->next_n = getline(&lines->next, &lines->next_size, lines->file);
        if (lines->next_n < 0)
            return;
        lines->read++;
        text = str_trim_left(str_from(lines->next, (size_t)lines->next_n));
    } while (text.n == 0 || text.p[0] == '#');
}

static void take(struct table_lines *lines)
{
    struct str text = str_from(lines->next, (size_t)lines->next_n);

    if (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    buf_add_str(&lines->line, text);
    look_ahead(lines);
}

int table_lines_next(struct table_lines *lines, struct str *ret, struct fail *why)
{
    buf_reset(&lines->line);
    if (!lines->started)
        look_ahead(lines);
    lines->started = true;
    if (lines->next_n >= 0) {
        lines->number = lines->read;
        take(lines);
        while (lines->next_n >= 0 && (lines->next[0] == ' ' || lines->next[0] == '\t'))
            take(lines);
    }
    if (ferror(lines->file))
        return fail_set(why, "read %s: %m", lines->path);
    if (lines->line.n == 0)
        return 0;
    *ret = str_trim_right(buf_str(&lines->line));
    if (ret->n < lines->line.n)
        lines->line.p[ret->n] = '\0';
    return 1;
}

/*
 * Length of the key at the start of line: a word, or a quoted string and what
 * is stuck to it. 0 when a quote is not closed.
 */
static size_t key_length(struct str line)
{
    bool quoted = false;

    if (line.n == 0 || line.p[0] != '"')
        return str_find_any(line, BLANKS);
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] == '\\' && i + 1 < line.n)
            i++;
        else if (line.p[i] == '"')
            quoted = !quoted;
        else if (!quoted && strchr(BLANKS, line.p[i]))
            return i;
    }
    return quoted ? 0 : line.n;
}

/* Split line into ret; false with words in ret->warning when it is no entry. */
static bool split(const struct table_lines *lines, struct str line,
                  struct table_entry *ret)
{
    size_t n = key_length(line);

    if (line.n > 0 && strchr(BLANKS, line.p[0])) {
        snprintf(ret->warning, sizeof(ret->warning),
                 "%s: logical line must not start with whitespace: \"%.30s%s\"",
                 lines->path, line.p, line.n > 30 ? "..." : "");
        return false;
    }
    if (n == 0 && line.n > 0) {
        snprintf(ret->warning, sizeof(ret->warning),
                 "%s, line %ld: unbalanced '\"' in '%.100s' -- ignoring this line",
                 lines->path, lines->number, line.p);
        return false;
    }
    ret->key = str_head(line, n);
    ret->value = str_trim(str_tail(line, n));
    if (ret->value.n > 0)
        return true;
    snprintf(ret->warning, sizeof(ret->warning),
             "%s, line %ld: expected format: key whitespace value", lines->path,
             lines->number);
    return false;
}

int table_lines_entry(struct table_lines *lines, struct table_entry *ret,
                      struct fail *why)
{
    struct str line;
    int got = table_lines_next(lines, &line, why);

    if (got <= 0)
        return got;
    *ret = (struct table_entry){0};
    line = str_head(line, str_find(line, '\0')); /* compat: text ends at a NUL */
    ret->usable = split(lines, line, ret);
    if (ret->usable && ret->key.n > 1 && ret->key.p[ret->key.n - 1] == ':')
        snprintf(
            ret->warning, sizeof(ret->warning),
            "%s, line %ld: record is in \"key: value\" format; is this an alias file?",
            lines->path, lines->number);
    return 1;
}
