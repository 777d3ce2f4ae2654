/*
 * Lines of an alias file, aliases(5): "name: value, value".
 *
 * The name loses its quotes; the value is written out in one form, whatever
 * white space it had: the bytes in the index are those of Postfix's postalias.
 */
#ifndef TABLE_ALIAS_TEXT_H
#define TABLE_ALIAS_TEXT_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/str.h"

/* Split a logical line. Results in arena. -1 with words ("need name:value pair") when it
 * is no alias. */
int alias_line_split(struct str line, struct arena *arena, struct str *ret_name,
                     struct str *ret_value, struct fail *why) MUST_CHECK;

/*
 * Take the next item of an alias value, a .forward or an :include: file from
 * *rest: they are separated by commas outside quotes, comments and <>. The
 * item is trimmed, comments stay. Empty items are skipped; empty at the end.
 */
struct str alias_item(struct str *rest);

/*
 * The item without its quotes, when it is one quoted string as a whole:
 * "|/bin/cmd arg" with the quotes around it. Else as it is. In arena.
 */
struct str alias_unquoted(struct str item, struct arena *arena);

#endif
