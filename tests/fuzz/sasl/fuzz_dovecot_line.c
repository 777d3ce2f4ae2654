/* Lines from an authentication server: what they give lies within them, and what is
 * written as a value reads the same. */
#include "fuzz.h"

#include "sasl/dovecot_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = INPUT(data, size < 20000 ? size : 20000), rest, parameter;
    struct arena *arena = arena_new("fuzz");
    struct dovecot_line line;
    struct buf out;
    char *text = arena_copy_str(arena, input);
    const char *again;

    HOLDS(dovecot_line_parse(input, &line) || line.word >= DOVECOT_OK);
    rest = line.parameters;
    HOLDS(rest.n == 0 || (rest.p >= input.p && rest.p + rest.n <= input.p + input.n));
    while (dovecot_parameter(&rest, &parameter))
        HOLDS(str_find(parameter, '\t') == parameter.n);
    again = dovecot_value(line.parameters, "user", arena);
    HOLDS(!again || strlen(again) <= line.parameters.n);
    (void)dovecot_security(line.parameters);

    buf_init(&out, 50000);
    buf_add_text(&out, "\tuser=");
    dovecot_add_value(&out, text);
    HOLDS(str_find_any(str_tail(buf_str(&out), 1), "\t\r\n") == out.n - 1);
    again = dovecot_value(buf_str(&out), "user", arena);
    HOLDS(again && strcmp(again, text) == 0);
    buf_done(&out);
    arena_free(arena);
    return 0;
}
