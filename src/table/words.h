/* Splitting lists that may hold "type:{ ... }": braces keep what is inside together. */
#ifndef TABLE_WORDS_H
#define TABLE_WORDS_H

#include "util/str.h"

/* Take the next word from *rest, separated by commas and white space outside braces.
 * Empty at the end. */
struct str table_word(struct str *rest);

#endif
