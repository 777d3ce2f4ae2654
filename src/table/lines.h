/*
 * Logical lines of tables in text form: a line, and the lines behind it that
 * begin with white space, joined without their line ends. Empty lines and
 * lines whose first visible byte is '#' are skipped, also between them.
 */
#ifndef TABLE_LINES_H
#define TABLE_LINES_H

#include "util/attributes.h"
#include "util/fail.h"
#include "util/str.h"

#include <sys/stat.h>

struct table_lines;

/* path "-" is standard input. NULL with why "open PATH: ..." on failure. */
struct table_lines *table_lines_open(const char *path, struct fail *why);
/* Takes over fd. */
struct table_lines *table_lines_of(int fd, const char *path);
void table_lines_free(struct table_lines *lines); /* NULL is fine */

/*
 * The next logical line, without white space at its end; lives until the
 * next call. 1 = got one, 0 = end, -1 = read error.
 */
int table_lines_next(struct table_lines *lines, struct str *ret,
                     struct fail *why) MUST_CHECK;
/* The number of the first physical line of what table_lines_next returned, from 1. */
long table_lines_number(const struct table_lines *lines);
const char *table_lines_path(const struct table_lines *lines);
/* fstat of the file as it was opened. */
const struct stat *table_lines_stat(const struct table_lines *lines);

/* An entry of postmap's input, texthash: and the like. */
struct table_entry {
    struct str key;    /* the first word, or a quoted string, with its quotes */
    struct str value;  /* the rest, trimmed */
    bool usable;       /* false: the line is to be skipped, warning tells why */
    char warning[400]; /* words for the administrator, or "" */
};

/* The next logical line as an entry; lives until the next call. 1 = got one (usable or
 * not), 0 = end, -1 = read error. */
int table_lines_entry(struct table_lines *lines, struct table_entry *ret,
                      struct fail *why) MUST_CHECK;

#endif
