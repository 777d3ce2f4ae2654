/*
 * Text files of logical lines: main.cf, master.cf, and the sources of lookup
 * tables.
 *
 * A line that starts with white space continues the line before it. Empty
 * lines, and lines whose first visible byte is "#", count as not there, also
 * inside a logical line.
 */
#ifndef CONF_LINES_H
#define CONF_LINES_H

#include "util/arena.h"
#include "util/str.h"

#include <stdbool.h>

/* Where a reader is. Set up with lines_start; nothing to release. */
struct lines {
    struct str source;
    size_t at;  /* next byte */
    int number; /* of the physical line that starts there, from 1 */
    struct arena *arena;
};

struct line {
    struct str
        text; /* without line ends; continuations joined as they are, blanks included */
    struct str first; /* its first physical line, without line end */
    int number;       /* of that line */
    size_t start;     /* offset in source of its first byte ... */
    size_t end;       /* ... and after the line end of its last part */
    bool orphan;      /* starts with white space, yet continues nothing */
};

/* source stays the caller's and must outlive the lines; joined lines are copied to arena.
 */
void lines_start(struct lines *lines, struct str source, struct arena *arena);

/* The next logical line; false at the end. */
bool lines_next(struct lines *lines, struct line *ret);

#endif
