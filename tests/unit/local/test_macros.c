/* What $name stands for in forward_path, luser_relay and command_execution_directory. */
#include "unit.h"

#include "local/local.h"

static const struct user joe = {.name = "joe", .home = "/home/joe", .shell = "/bin/sh"};

/* clang-format off */
static const struct {
    const char *text, *address, *filter, *want;
} rows[] = {
    {"$home/.forward${recipient_delimiter}${extension}", "joe+Lists@x.test", NULL, "/home/joe/.forward+lists"},
    {"$home/.forward${recipient_delimiter}${extension}", "joe@x.test", NULL, "/home/joe/.forward"},
    {"$user|$local|$domain|$recipient|$shell", "Joe+A@X.test", NULL, "joe|Joe+A|X.test|Joe+A@X.test|/bin/sh"},
    {"${extension?with $extension}${extension:without}", "joe+a@x", NULL, "with a"},
    {"${extension?with $extension}${extension:without}", "joe@x", NULL, "without"},
    {"$nosuch.", "joe@x", NULL, "."},
    /* values are text, whatever they look like, and censored */
    {"$extension", "joe+$(id)$user@x", NULL, "$(id)$user"},
    {"$extension", "joe+$(id);`x`@x", "abcdefghijklmnopqrstuvwxyz", "__id___x_"},
    {"$user@other.test", "nosuch@x", NULL, "nosuch@other.test"},
    {"$extension", "joe+a/b@x", NULL, ""},
};
/* clang-format on */

static void names_stand_for_the_recipient(void **state)
{
    struct conf conf = {.recipient_delimiter = "+",
                        .double_bounce_sender = "double-bounce"};
    struct agent agent = {.conf = &conf};
    struct delivery delivery = {.request = {.queue_id = "ABC"}};

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct attempt attempt = {
            .agent = &agent, .delivery = &delivery, .arena = arena_new("test")};
        struct step step = {.address = rows[i].address, .original = ""};
        struct fail why;

        address_take_apart(&attempt, &step);
        ROW_TEXT(rows[i].text,
                 macros_expand(&attempt, &step, &joe, rows[i].text, rows[i].filter, &why),
                 rows[i].want);
        arena_free(attempt.arena);
    }
}

static void bad_macros_are_told(void **state)
{
    struct conf conf = {.recipient_delimiter = "", .double_bounce_sender = ""};
    struct agent agent = {.conf = &conf};
    struct attempt attempt = {.agent = &agent, .arena = arena_new("test")};
    struct step step = {.address = "joe@x", .original = ""};
    struct fail why = {0};

    (void)state;
    address_take_apart(&attempt, &step);
    assert_null(macros_expand(&attempt, &step, NULL, "${user", NULL, &why));
    assert_string_not_equal(why.text, "");
    arena_free(attempt.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_for_the_recipient),
        cmocka_unit_test(bad_macros_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
