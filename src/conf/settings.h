/*
 * "name = value" lines: the text of main.cf and of -o options, before anything
 * is expanded or typed.
 */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/list.h"
#include "util/str.h"

#include <stdint.h>

struct setting {
    const char *name;
    const char *value;
    const char *path; /* of the file that says so; NULL = the command line */
    int line;         /* in that file; 0 = from the command line */
};

/* Sorted by name, each name once. Zeroed = empty. */
struct settings {
    struct setting *items;
    size_t n;
    uint64_t marks[4]; /* of the names; most names asked for are not set */
};

/* Split "name = value" (blanks around are dropped); -1 when it has no name or no "=". */
int setting_split(struct str line, struct str *ret_name, struct str *ret_value,
                  struct fail *why) MUST_CHECK;

/*
 * Read the main.cf at path; the last setting of a name wins. Worth a line in
 * warnings: a setting that has another value than an earlier one of its name,
 * and a first line that starts with white space. On failure *why names file
 * and line.
 */
int settings_read(const char *path, struct arena *arena, struct settings *ret,
                  struct texts *warnings, struct fail *why) MUST_CHECK;

/* The "name=value" texts of -o options, NULL at the end; list may be NULL. Last wins,
 * silently. */
int settings_of_options(const char *const *list, struct arena *arena,
                        struct settings *ret, struct fail *why) MUST_CHECK;

/* All of base and more; where both set a name, more wins. */
struct settings settings_merge(const struct settings *base, const struct settings *more,
                               struct arena *arena);

/* For who fills items, sorted and each name once, by other means: after the last. */
void settings_index(struct settings *settings);

const struct setting *settings_find(const struct settings *settings, struct str name);

#endif
