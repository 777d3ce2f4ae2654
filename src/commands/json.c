/* Writing JSON strings; the short escapes where JSON has them. */
#include "commands/json.h"

#include <string.h>

void json_put_text(FILE *to, struct str text)
{
    static const char escaped[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";

    putc('"', to);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        const char *at = c ? strchr(escaped, c) : NULL;

        if (at)
            fprintf(to, "\\%c", letters[at - escaped]);
        else if (c < ' ' || c == 0x7f)
            fprintf(to, "\\u%04X", c);
        else
            putc(c, to);
    }
    putc('"', to);
}

void json_put_pair(FILE *to, struct str key, struct str value)
{
    putc('{', to);
    json_put_text(to, key);
    fputs(": ", to);
    json_put_text(to, value);
    fputs("}\n", to);
}
