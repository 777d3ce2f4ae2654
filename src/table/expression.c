/* Finding where a regular expression in a table ends. */
#include "table/expression.h"

#include <ctype.h>

int expression_take(struct str *rest, struct expression *ret, struct fail *why)
{
    struct str text = *rest;
    size_t end = 1, flags;

    if (text.n == 0 || isalnum((unsigned char)text.p[0]))
        return fail_set(why, "ignoring unrecognized request");
    while (end < text.n && text.p[end] != text.p[0])
        end += text.p[end] == '\\' && end + 1 < text.n ? 2 : 1;
    if (end >= text.n)
        return fail_set(why, "no closing regexp delimiter \"%c\": skipping this rule",
                        text.p[0]);
    ret->text = str_from(text.p + 1, end - 1);
    text = str_tail(text, end + 1);
    flags = str_find_any(text, " \t\r\n");
    ret->flags = str_head(text, flags);
    *rest = str_tail(text, flags);
    return 0;
}
