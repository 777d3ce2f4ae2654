/* Words of lists of tables. */
#include "unit.h"

#include "table/words.h"
#include "util/buf.h"

static const struct {
    const char *list, *words;
} rows[] = {
    {"", ""},
    {" , ", ""},
    {"a, b c,,d\n e", "a|b|c|d|e|"},
    {"inline:{a=b, c=d} x", "inline:{a=b, c=d}|x|"},
    {"pcre:{{/a b/ c}, {/d/ e}},y", "pcre:{{/a b/ c}, {/d/ e}}|y|"},
    {"inline:{a=b, c d", "inline:{a=b, c d|"},
    {"a} b", "a}|b|"},
};

static void braces_keep_words_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct str rest = str_of(rows[i].list), word;
        struct buf got;

        buf_init(&got, 1000);
        buf_add_text(&got, "");
        while ((word = table_word(&rest)).n > 0)
            buf_printf(&got, "%.*s|", STR_ARG(word));
        ROW_EQ(rows[i].list, buf_str(&got), rows[i].words);
        buf_done(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(braces_keep_words_together)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
