/* What a process is started with: arguments by the fields of its line, and no
 * environment but what is meant for it. */
#include "master/command.h"

#include "unit.h"

#include <stdlib.h>

static struct conf *conf_of(const char *import)
{
    static struct conf conf;

    conf = (struct conf){.daemon_directory = "/usr/lib/postfix/sbin",
                         .config_directory = "/etc/postfix",
                         .syslog_name = "postfix-a",
                         .myhostname = "mx.example.com",
                         .maillog_file = "",
                         .postlog_service_name = "postlog",
                         .import_environment = import};
    return &conf;
}

static const char *joined(const char *const *words, struct arena *arena)
{
    const char *text = words[0];

    for (size_t i = 1; words[i]; i++)
        text = arena_printf(arena, "%s %s", text, words[i]);
    return text;
}

static const struct {
    struct master_service line;
    size_t sockets;
    int verbose;
    bool stressed;
    const char *path, *argv;
} rows[] = {
    {{.name = "smtp", .type = MASTER_INET, .command = "smtpd", .process_limit = 100},
     .sockets = 2,
     .path = "/usr/lib/postfix/sbin/smtpd",
     .argv = "smtpd -n smtp -t inet -o stress= -s 2"},
    {{.name = "smtp", .type = MASTER_INET, .command = "smtpd", .process_limit = 1},
     .sockets = 1,
     .stressed = true,
     .path = "/usr/lib/postfix/sbin/smtpd",
     .argv = "smtpd -l -n smtp -t inet -o stress=yes"},
    {{.name = "cleanup",
      .type = MASTER_UNIX,
      .command = "cleanup",
      .unprivileged = true,
      .chroot = true},
     .sockets = 1,
     .verbose = 2,
     .path = "/usr/lib/postfix/sbin/cleanup",
     .argv = "cleanup -z -t unix -v -v -u -c"},
    {{.name = "postlog",
      .type = MASTER_UNIX_DGRAM,
      .command = "/opt/logger",
      .process_limit = 3},
     .sockets = 1,
     .path = "/opt/logger",
     .argv = "/opt/logger -n postlog -t unix-dgram"},
};

static void arguments_follow_from_the_fields(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct command_options options = {.conf = conf_of(""),
                                          .line = &rows[i].line,
                                          .sockets = rows[i].sockets,
                                          .verbose = rows[i].verbose,
                                          .stressed = rows[i].stressed};
        struct command command;

        command_make(&options, arena, &command);
        ROW_TEXT(rows[i].argv, command.path, rows[i].path);
        ROW_TEXT(rows[i].argv, joined(command.argv, arena), rows[i].argv);
    }
    arena_free(arena);
}

static void own_arguments_come_last(void **state)
{
    const char *words[] = {"-o", "a=b c", "last", NULL};
    struct master_service line = {
        .name = "x", .type = MASTER_UNIX, .command = "x", .process_limit = 5};
    struct command_options options = {.conf = conf_of(""), .line = &line, .sockets = 1};
    struct arena *arena = arena_new("test");
    struct command command;

    (void)state;
    line.args = (struct texts){.items = words, .n = 3};
    command_make(&options, arena, &command);
    assert_string_equal(joined(command.argv, arena), "x -t unix -o a=b c last");
    arena_free(arena);
}

static void environment_is_what_is_imported_and_ours(void **state)
{
    struct master_service line = {.name = "x", .type = MASTER_UNIX, .command = "x"};
    struct command_options options = {
        .conf = conf_of("MAIL_CONFIG GOOD NONE SET=1,{ SPACED=a b } SLOT=9"),
        .line = &line,
        .sockets = 1,
        .generation = 8,
        .slot = 12};
    struct arena *arena = arena_new("test");
    struct command command;

    (void)state;
    setenv("MAIL_CONFIG", "/elsewhere", 1);
    setenv("GOOD", "yes", 1);
    setenv("LD_PRELOAD_TEST", "no", 1);
    unsetenv("NONE");
    command_make(&options, arena, &command);
    assert_string_equal(
        joined(command.env, arena),
        "PATH=/usr/bin:/bin:/usr/sbin:/sbin GOOD=yes SET=1 SPACED=a b "
        "MAIL_CONFIG=/etc/postfix MAIL_LOGTAG=postfix-a GENERATION=10 SLOT=12");
    arena_free(arena);
}

static void with_a_log_file_children_are_told_who_writes_it(void **state)
{
    struct master_service line = {.name = "x", .type = MASTER_UNIX, .command = "x"};
    struct conf conf = *conf_of("");
    struct command_options options = {.conf = &conf, .line = &line, .sockets = 1};
    struct arena *arena = arena_new("test");
    struct command command;

    (void)state;
    conf.maillog_file = "/var/log/maillog";
    command_make(&options, arena, &command);
    assert_string_equal(
        joined(command.env, arena),
        "PATH=/usr/bin:/bin:/usr/sbin:/sbin MAIL_CONFIG=/etc/postfix "
        "MAIL_LOGTAG=postfix-a "
        "POSTLOG_SERVICE=postlog POSTLOG_HOSTNAME=mx GENERATION=0 SLOT=0");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_follow_from_the_fields),
        cmocka_unit_test(own_arguments_come_last),
        cmocka_unit_test(with_a_log_file_children_are_told_who_writes_it),
        cmocka_unit_test(environment_is_what_is_imported_and_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
