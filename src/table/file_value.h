/*
 * Values that are the content of files (postmap -F): an index holds it in base 64, other
 * tables hold the names.
 */
#ifndef TABLE_FILE_VALUE_H
#define TABLE_FILE_VALUE_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/str.h"

/* The content of the files in names (separated by blanks and commas), with a line end
 * between two. In arena. */
int file_value_read(struct str names, struct arena *arena, struct str *ret,
                    struct fail *why) MUST_CHECK;
/* As an index holds it. */
struct str file_value_encode(struct str content, struct arena *arena);
/* And back: -1 when value is no base 64. */
int file_value_decode(struct str value, struct arena *arena, struct str *ret,
                      struct fail *why) MUST_CHECK;

#endif
