/*
 * Changing a configuration file: line by line, so that what is not asked for
 * stays as it is, and in one step, so that nobody ever sees half of it.
 *
 * Two edits at once wait for each other: the file is locked, and read again
 * when another has replaced it meanwhile. A symbolic link stays one; the file
 * that it points to is replaced. Its mode stays.
 */
#include "commands/postconf/postconf.h"
#include "util/file.h"
#include "util/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_MAX = 16 * 1024 * 1024 };

/* The next physical line of *rest, with its line end. */
static struct str take_line(struct str *rest)
{
    size_t n = str_find(*rest, '\n');
    struct str line = str_head(*rest, n < rest->n ? n + 1 : n);

    *rest = str_tail(*rest, line.n);
    return line;
}

static bool is_comment(struct str line)
{
    struct str visible = str_trim(line);

    return visible.n == 0 || visible.p[0] == '#';
}

/* The parts of a logical line by the verdict on it; comments among them stay. */
static void copy_parts(struct str parts, enum verdict verdict, struct buf *out)
{
    while (parts.n > 0) {
        struct str line = take_line(&parts);

        if (!is_comment(line) && verdict == LINE_COMMENT_OUT)
            buf_add_char(out, '#');
        if (is_comment(line) || verdict == LINE_KEEP || verdict == LINE_COMMENT_OUT)
            buf_add_str(out, line);
    }
}

/* Add lines to the end of the file, where the last one may lack its line end. */
static void append(struct buf *out, const struct buf *lines)
{
    if (lines->n > 0 && out->n > 0 && out->p[out->n - 1] != '\n')
        buf_add_char(out, '\n');
    buf_add_str(out, buf_str(lines));
}

/* The new content of a file. */
static void rewrite_text(const struct rewrite *rewrite, struct str source,
                         struct arena *arena, struct buf *out)
{
    struct buf replacement;
    struct lines lines;
    struct line line;
    size_t done = 0;

    buf_init(&replacement, CONFIG_MAX);
    lines_start(&lines, source, arena);
    while (lines_next(&lines, &line)) {
        enum verdict verdict = LINE_KEEP;

        /* What was replaced late stands right before this line. */
        buf_add_str(out, str_from(source.p + done, line.start - done));
        buf_add_str(out, buf_str(&replacement));
        buf_reset(&replacement);
        if (!line.orphan)
            verdict = rewrite->decide(rewrite->context, &line, &replacement);
        if (!rewrite->late) {
            buf_add_str(out, buf_str(&replacement));
            buf_reset(&replacement);
        }
        copy_parts(str_from(source.p + line.start, line.end - line.start), verdict, out);
        done = line.end;
    }
    buf_add_str(out, str_tail(source, done));
    if (rewrite->finish)
        rewrite->finish(rewrite->context, &replacement);
    append(out, &replacement);
    buf_done(&replacement);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Open and lock the file that is at path once the lock is ours. */
static int open_locked(const char *path, struct stat *ret)
{
    struct fail why;

    for (;;) {
        struct stat now;
        int fd = file_open(path, O_RDONLY, 0, &why);

        if (fd < 0)
            fatal("open %s for reading: %s", path, strerror(why.code));
        if (file_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_FLOCK, true, &why) < 0)
            fatal("lock %s: %s", path, why.text);
        if (fstat(fd, ret) == 0 && stat(path, &now) == 0 && same_file(ret, &now))
            return fd;
        close(fd);
    }
}

void rewrite_file(const struct rewrite *rewrite, struct arena *arena)
{
    char *path = realpath(rewrite->path, NULL);
    struct stat before;
    struct str source;
    struct fail why;
    struct buf out;
    int fd = open_locked(path ? path : rewrite->path, &before);

    if (file_read(path, CONFIG_MAX, arena, &source, &why) < 0)
        fatal("%s", why.text);
    buf_init(&out, CONFIG_MAX);
    rewrite_text(rewrite, source, arena, &out);
    if (!str_eq(source, buf_str(&out)) &&
        file_replace(path, buf_str(&out), before.st_mode & 07777, &why) < 0)
        fatal("%s", why.text);
    buf_done(&out);
    close(fd);
    free(path);
}
