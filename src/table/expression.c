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

/* Is there a "|" outside of all parentheses, or might there be? */
static bool has_alternatives(struct str text)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\\')
            i++;
        else if (text.p[i] == '(')
            depth++;
        else if (text.p[i] == ')' && depth > 0)
            depth--;
        else if (text.p[i] == '[')
            depth += 1000; /* a set may hold parentheses: nothing behind it is trusted */
        else if (text.p[i] == '|' && (depth == 0 || depth >= 1000))
            return true;
    return false;
}

struct str expression_prefix(struct str text, struct arena *arena)
{
    char *prefix;
    size_t n = 0;

    if (text.n == 0 || text.p[0] != '^' || has_alternatives(text))
        return STR_NONE;
    text = str_tail(text, 1);
    while (n < text.n && (unsigned char)text.p[n] < 0x80 &&
           !strchr("\\^$.[](){}|?*+", text.p[n]))
        n++;
    /* what stands before one of these may be there or not */
    if (n > 0 && n < text.n && strchr("\\?*{", text.p[n]))
        n--;
    prefix = arena_copy_str(arena, str_head(text, n));
    for (size_t i = 0; i < n; i++)
        prefix[i] = (char)tolower((unsigned char)prefix[i]);
    return str_from(prefix, n);
}
