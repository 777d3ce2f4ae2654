/* The command line that master makes. */
#include "service/options.h"

#include "unit.h"

static const struct {
    const char *line, *name, *type, *overrides, *words, *failure;
    unsigned sockets, flags;
} rows[] = {
    {"smtpd", "smtpd", "unix", "", "", NULL, 1, 0},
    {"smtpd -n submission -t inet -u -c -s 2 -o a=b -o c=", "submission", "inet",
     "a=b|c=|", "", NULL, 2, 3},
    {"pipe -l -n maildrop -t unix -v flags=DRhu user=x argv=/bin/x -o y", "maildrop",
     "unix", "", "flags=DRhu|user=x|argv=/bin/x|-o|y|", NULL, 1, 4 | 16},
    {"smtp -z -v -v", "smtpd", "unix", "", "", NULL, 1, 8 | 16},
    {"smtpd -S", "smtpd", "unix", "", "", NULL, 1, 32},
    {"smtpd -q", NULL, NULL, NULL, NULL, "unknown option -q", 0, 0},
    {"smtpd -o", NULL, NULL, NULL, NULL, "option -o needs a value", 0, 0},
    {"smtpd -s many", NULL, NULL, NULL, NULL, "option -s: bad number of sockets \"many\"",
     0, 0},
};

static const char *joined(const struct texts *texts, struct arena *arena)
{
    const char *all = "";

    for (size_t i = 0; i < texts->n; i++)
        all = arena_printf(arena, "%s%s|", all, texts->items[i]);
    return all;
}

static unsigned flags_of(const struct service_options *o)
{
    return (o->drop ? 1 : 0) | (o->jail ? 2 : 0) | (o->sole ? 4 : 0) |
           (o->unlimited ? 8 : 0) | (o->verbose ? 16 : 0) | (o->stand_alone ? 32 : 0);
}

static void reads_what_master_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *arena = arena_new("test");
        struct texts line = {0};
        struct service_options o;
        struct fail why = {0};
        int result;

        texts_split(&line, arena, str_of(rows[i].line), " ");
        result = service_options_parse((int)line.n, (char **)line.items, "smtpd", arena,
                                       &o, &why);
        ROW_INT(rows[i].line, result, rows[i].failure ? -1 : 0);
        if (result < 0) {
            ROW_TEXT(rows[i].line, why.text, rows[i].failure);
        } else {
            ROW_TEXT(rows[i].line, o.name, rows[i].name);
            ROW_TEXT(rows[i].line, o.type, rows[i].type);
            ROW_TEXT(rows[i].line, joined(&o.overrides, arena), rows[i].overrides);
            ROW_TEXT(rows[i].line, joined(&o.words, arena), rows[i].words);
            ROW_INT(rows[i].line, o.sockets, rows[i].sockets);
            ROW_INT(rows[i].line, flags_of(&o), rows[i].flags);
        }
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_what_master_writes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
