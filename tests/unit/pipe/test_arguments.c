/* The words of a command: one slot stays one slot, whatever mail says. */
#include "unit.h"

#include "pipe/arguments.h"

static struct conf conf = {.recipient_delimiter = "+",
                           .double_bounce_sender = "double-bounce"};
static struct process process = {.name = "p", .conf = &conf};

/* clang-format off */
static const struct {
    const char *argv;      /* words, one a line */
    unsigned flags;
    const char *recipients; /* one a line */
    const char *sender;
    const char *want;       /* words in <>, or "!" and why not */
} rows[] = {
    {"cmd\n-f\n$sender\n--\n$recipient", 0, "a@x.test", "s@y.test", "<cmd><-f><s@y.test><--><a@x.test>"},
    {"cmd\n$sender", 0, "a@x", "", "<cmd><MAILER-DAEMON>"},
    {"$user\n$extension\n${mailbox}\n$(domain)\n$nexthop", 0, "Joe+Ext@X.test", "", "<Joe><Ext><Joe+Ext><X.test><Next.Hop>"},
    {"$user\n$extension\n$mailbox\n$recipient", PIPE_FOLD_USER, "Joe+Ext@X.test", "", "<joe><ext><joe+ext><joe+ext@X.test>"},
    {"$domain\n$nexthop\n$recipient", PIPE_FOLD_HOST, "Joe@X.test", "", "<x.test><next.hop><Joe@x.test>"},
    {"$recipient\n$sender\n$user\n$mailbox", PIPE_QUOTE, "a b@x", "c d@y", "<\"a b\"@x><\"c d\"@y><a b><a b>"},
    {"$recipient\n$sender", 0, "a b@x", "c d@y", "<a b@x><c d@y>"},
    {"pre${user}post\nx$$y\n$size", 0, "a@x", "", "<preapost><x$y><4711>"},
    /* a word with something of the recipient comes once for each */
    {"c\n$recipient\n$sender\n-$user-$domain", 0, "a@x\nb@y", "s", "<c><a@x><b@y><s><-a-x><-b-y>"},
    /* an empty value is an empty word */
    {"c\n$extension\n[$sasl_method]\nd", 0, "a@x", "", "<c><><[]><d>"},
    {"c\n$user\nd", 0, "@x", "", "<c><><d>"},
    /* no value is looked at again */
    {"$recipient\n$user", 0, "${sender}+$(id)@x", "s", "<${sender}+$(id)@x><${sender}>"},
    {"$recipient", 0, "-oQ/tmp@x", "", "<-oQ/tmp@x>"},
    {"$user\n$domain", 0, "local", "", "<local><>"},
    {"$nosuch", 0, "a@x", "", "!unknown macro name: \"nosuch\""},
    {"${user?x}", 0, "a@x", "", "!unknown macro name: \"user?x\""},
    {"${user", 0, "a@x", "", "!\"${user\" is not closed"},
    {"100$", 0, "a@x", "", "!a \"$\" without a name behind it"},
};
/* clang-format on */

static const char *const *lines_of(const char *text, struct arena *arena)
{
    struct texts lines = {0};

    texts_split(&lines, arena, str_of(text), "\n");
    return lines.items;
}

static void words_are_expanded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct arena *arena = arena_new("test");
        struct settings settings = {.flags = rows[i].flags,
                                    .null_sender = "MAILER-DAEMON",
                                    .argv = lines_of(rows[i].argv, arena)};
        struct delivery_recipient recipients[2] = {0};
        struct delivery delivery = {.process = &process,
                                    .arena = arena,
                                    .recipients = recipients,
                                    .request = {.sender = rows[i].sender,
                                                .nexthop = "Next.Hop",
                                                .data_size = 4711,
                                                .sasl_method = ""}};
        struct texts got = {0};
        struct fail why;
        struct buf text;

        for (const char *const *line = lines_of(rows[i].recipients, arena); *line; line++)
            recipients[delivery.n++].address = *line;
        buf_init(&text, 1000);
        if (arguments_expand(&settings, &delivery, &got, &why) < 0)
            buf_printf(&text, "!%s", why.text);
        for (size_t j = 0; j < got.n && rows[i].want[0] != '!'; j++)
            buf_printf(&text, "<%s>", got.items[j]);
        ROW_EQ(rows[i].argv, buf_str(&text), rows[i].want);
        buf_done(&text);
        arena_free(arena);
    }
}

static void recipients_with_an_outcome_are_left_out(void **state)
{
    static const char *const argv[] = {"c", "$recipient", NULL};
    struct arena *arena = arena_new("test");
    struct settings settings = {.null_sender = "", .argv = argv};
    struct delivery_recipient recipients[] = {{.address = "a@x", .reported = true},
                                              {.address = "b@x"}};
    struct delivery delivery = {
        .process = &process, .arena = arena, .recipients = recipients, .n = 2};
    struct texts got = {0};
    struct fail why;

    (void)state;
    assert_int_equal(arguments_expand(&settings, &delivery, &got, &why), 0);
    assert_int_equal(got.n, 2);
    assert_string_equal(got.items[1], "b@x");
    assert_null(got.items[2]);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_expanded),
        cmocka_unit_test(recipients_with_an_outcome_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
