/* One word at a time; an unbalanced brace makes the rest of the list one word, which then
 * fails to open. */
#include "table/words.h"

struct str table_word(struct str *rest)
{
    struct str text = str_tail(*rest, str_span(*rest, ", \t\r\n"));
    size_t depth = 0, n = 0;

    for (; n < text.n && (depth > 0 || !strchr(", \t\r\n", text.p[n])); n++)
        if (text.p[n] == '{')
            depth++;
        else if (text.p[n] == '}' && depth > 0)
            depth--;
    *rest = str_tail(text, n);
    return str_head(text, n);
}
