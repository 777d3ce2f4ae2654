/* From main.cf to struct conf: where values come from, and what is refused. */
#include "folder.h"

static void takes_defaults(void **state)
{
    struct folder *folder = *state;
    struct conf *conf = folder_load(folder, "");

    assert_non_null(conf);
    assert_int_equal(conf->smtpd_recipient_limit, 1000);
    assert_int_equal(conf->smtpd_timeout, 300);
    assert_int_equal(conf->message_size_limit, 10240000);
    assert_true(conf->smtpd_delay_reject);
    assert_string_equal(conf->mail_name, "Postfix");
    assert_string_equal(conf->n2bounce_notice_recipient, "postmaster");
    assert_int_equal(conf_warnings(conf)->n, 0);
}

static void takes_what_main_cf_says(void **state)
{
    struct folder *folder = *state;
    struct conf *conf = folder_load(folder, "smtpd_recipient_limit = 7\n"
                                            "smtpd_timeout=5m\n"
                                            "smtpd_delay_reject  =  no\n"
                                            "myhostname = host.example.com\n"
                                            "smtpd_banner = $myhostname ${own?x$own}\n"
                                            "own = z\n"
                                            "  w\n");

    assert_non_null(conf);
    assert_int_equal(conf->smtpd_recipient_limit, 7);
    assert_int_equal(conf->smtpd_timeout, 300);
    assert_false(conf->smtpd_delay_reject);
    assert_string_equal(conf->smtpd_banner, "host.example.com xz  w");
    assert_string_equal(conf->mydomain, "example.com");
    assert_true(conf_is_set(conf, "own"));
    assert_false(conf_is_set(conf, "mydomain"));
}

static void takes_options_before_main_cf(void **state)
{
    static const char *const overrides[] = {
        "smtpd_recipient_limit=8", "{ smtpd_banner = a b }", "stress=yes",
        "mail_name=one",           "mail_name = two",        NULL};
    struct folder *folder = *state;
    struct conf *conf = folder_load_with(
        folder, "smtpd_recipient_limit = 7\nsmtpd_banner = c\n", "smtpd", overrides);

    assert_non_null(conf);
    assert_int_equal(conf->smtpd_recipient_limit, 8);
    assert_string_equal(conf->smtpd_banner, "a b");
    assert_string_equal(conf->mail_name, "two");
    assert_int_equal(conf->smtpd_timeout, 10); /* ${stress?{10}:{300}}s */
    assert_int_equal(conf->smtpd_hard_error_limit, 1);
}

static void takes_defaults_for_bad_values_when_lenient(void **state)
{
    struct folder *folder = *state;
    struct conf_options options = {
        .program = "postfix", .directory = folder->path, .lenient = true};
    struct conf *conf;

    folder_write(folder, "main.cf",
                 "max_idle = soon\nqueue_directory = /queue\nmail_name = ${none\n"
                 "default_process_limit = many\n");
    conf = conf_load(&options, &folder->why);
    assert_non_null(conf);
    assert_int_equal(conf->max_idle, 100);
    assert_int_equal(conf->default_process_limit, 100);
    assert_string_equal(conf->queue_directory, "/queue");
    assert_true(conf_warnings(conf)->n >= 2);
    assert_non_null(strstr(conf_warnings(conf)->items[0], "/main.cf, line "));
    conf_free(conf);
    options.lenient = false;
    assert_null(conf_load(&options, &folder->why));
}

static void needs_no_place_for_words(void **state)
{
    struct folder *folder = *state;
    struct conf_options options = {
        .program = "smtpd", .directory = folder->path, .lenient = true};

    folder_write(folder, "main.cf", "line_length_limit = many\n");
    folder->conf = conf_load(&options, NULL);
    assert_int_equal(folder->conf->line_length_limit, 2048);
    assert_int_equal(conf_warnings(folder->conf)->n, 1);
    conf_free(folder->conf);
    options.lenient = false;
    folder->conf = conf_load(&options, NULL);
    assert_null(folder->conf);
}

static void takes_nothing_else_for_defaults_only(void **state)
{
    struct folder *folder = *state;
    struct conf *conf;

    folder_write(folder, "main.cf", "mail_name = other\n");
    conf = conf_load(&(struct conf_options){.program = "smtpd",
                                            .directory = folder->path,
                                            .defaults_only = true},
                     &folder->why);
    assert_non_null(conf);
    assert_string_equal(conf->mail_name, "Postfix");
    conf_free(conf);
}

static void expands_nothing_in_raw_parameters(void **state)
{
    struct folder *folder = *state;
    struct conf *conf =
        folder_load_with(folder, "luser_relay = $user@${nosuch\n", "local", NULL);

    assert_non_null(conf);
    assert_string_equal(conf->luser_relay, "$user@${nosuch");
}

static void sets_no_read_only_parameters(void **state)
{
    struct folder *folder = *state;
    struct conf *conf = folder_load(folder, "process_name = x\nservice_name = y\n");

    assert_non_null(conf);
    assert_string_equal(conf_text(conf, "process_name", &folder->why), "smtpd");
    assert_string_equal(conf_text(conf, "service_name", &folder->why), "unit");
}

static const struct {
    const char *main_cf;
    const char *complaint;
} refused[] = {
    {"junk\n", "main.cf, line 1: missing '=' after attribute name: \"junk\""},
    {"a = b\n\n# c\njunk here\n",
     "main.cf, line 4: missing '=' after attribute name: \"junk here\""},
    {"= x\n", "main.cf, line 1: missing attribute name: \"= x\""},
    {"a b = c\n", "main.cf, line 1: missing '=' after attribute name: \"a b = c\""},
    {"\nsmtpd_recipient_limit = x\n",
     "main.cf, line 2: bad numerical configuration: smtpd_recipient_limit = x"},
    {"smtpd_timeout =\n 5x\n",
     "main.cf, line 1: parameter smtpd_timeout: bad time value or unit: 5x"},
    {"smtpd_delay_reject = maybe\n",
     "main.cf, line 1: bad boolean configuration: smtpd_delay_reject = maybe"},
    {"smtpd_recipient_limit = -1\n",
     "main.cf, line 1: invalid smtpd_recipient_limit parameter value -1 < 0"},
    {"a = 1\nsmtpd_banner = ${a\n", "main.cf, line 2: parameter smtpd_banner: truncated "
                                    "macro reference: \"${a\""},
    {"mydomain = $mydomain\n", "main.cf, line 1: parameter mydomain: unreasonable macro "
                               "call nesting: \"mydomain\""},
    {"a = ${b\nc = $a\nsmtpd_banner = $c\n",
     "main.cf, line 1: parameter a: truncated macro reference: \"${b\""},
    {"inet_protocols = ipx\nmynetworks_style = host\n",
     "mynetworks: unknown inet_protocols value \"ipx\" in \"ipx\""},
    {"a = b\nmyhostname =\n", "main.cf, line 2: bad string length 0 < 1: myhostname = "},
    {"myhostname = mail..name.test\n",
     "main.cf, line 1: parameter myhostname: bad parameter value: mail..name.test: "
     "a dot too many"},
    {"myhostname = a.test.\n", "main.cf, line 1: parameter myhostname: bad parameter "
                               "value: a.test.: a dot too many"},
    {"myhostname = [192.0.2.1]\n",
     "main.cf, line 1: parameter myhostname: bad parameter value: [192.0.2.1]: "
     "invalid character 91 (decimal)"},
    {"myhostname = 192.0.2.1\n",
     "main.cf, line 1: parameter myhostname: bad parameter value: 192.0.2.1: "
     "a number is no name"},
    {"myhostname = -x.test\n",
     "main.cf, line 1: parameter myhostname: bad parameter value: -x.test: "
     "misplaced hyphen"},
    {"myhostname = b\303\274ro.test\n",
     "main.cf, line 1: parameter myhostname: bad parameter value: b\303\274ro.test: "
     "invalid character 195 (decimal)"},
    {"myhostname = x.test\nmydomain =\n",
     "main.cf, line 2: bad string length 0 < 1: mydomain = "},
    {"myhostname = x.test\nmydomain = two words\n",
     "main.cf, line 2: parameter mydomain: bad parameter value: two words: "
     "invalid character 32 (decimal)"},
    {"myorigin =\n", "main.cf, line 1: bad string length 0 < 1: myorigin = "},
    {"mynetworks_style = planet\n", "unknown mynetworks_style value \"planet\""},
};

static void refuses_with_file_and_line(void **state)
{
    struct folder *folder = *state;

    for (size_t i = 0; i < ROWS(refused); i++) {
        if (folder_load(folder, refused[i].main_cf))
            fail_msg("row \"%s\" is taken", refused[i].main_cf);
        ROW_TEXT(refused[i].main_cf, folder_complaint(folder), refused[i].complaint);
    }
}

static void refuses_a_bad_option(void **state)
{
    static const char *const no_equals[] = {"smtpd_timeout", NULL};
    static const char *const bad_value[] = {"smtpd_timeout=x", NULL};
    struct folder *folder = *state;

    assert_null(folder_load_with(folder, "", "smtpd", no_equals));
    assert_string_equal(
        folder->why.text,
        "-o smtpd_timeout: missing '=' after attribute name: \"smtpd_timeout\"");
    assert_null(folder_load_with(folder, "", "smtpd", bad_value));
    assert_string_equal(folder->why.text,
                        "parameter smtpd_timeout: bad time value or unit: x");
}

static void ignores_what_other_programs_use(void **state)
{
    struct folder *folder = *state;

    assert_non_null(folder_load_with(
        folder, "smtpd_recipient_limit = x\nsmtpd_banner = ${a\n", "bounce", NULL));
    assert_int_equal(folder->conf->smtpd_recipient_limit, 1000);
    assert_null(folder->conf->smtpd_banner);
}

static void evaluates_nothing_for_texts_only(void **state)
{
    struct folder *folder = *state;
    struct conf *conf;

    folder_write(folder, "main.cf", "smtpd_timeout = x\nmydomain = $a\na = b\n");
    conf = conf_load(&(struct conf_options){.program = "postconf",
                                            .directory = folder->path,
                                            .texts_only = true},
                     &folder->why);
    assert_non_null(conf);
    assert_string_equal(conf_text(conf, "smtpd_timeout", &folder->why), "x");
    assert_string_equal(conf_text(conf, "mydomain", &folder->why), "b");
    conf_free(conf);
}

static void warns_of_doubtful_lines(void **state)
{
    struct folder *folder = *state;
    const struct texts *warnings;

    assert_non_null(folder_load(folder, "  early = 1\na = 1\nb = 2\na = 3\n"));
    warnings = conf_warnings(folder->conf);
    assert_int_equal(warnings->n, 2);
    assert_non_null(strstr(warnings->items[0],
                           "/main.cf, line 1: logical line must not start with "
                           "whitespace: \"  early = 1\""));
    assert_non_null(
        strstr(warnings->items[1], "/main.cf, line 4: overriding earlier entry: a=1"));
    assert_string_equal(conf_text(folder->conf, "a", &folder->why), "3");
    assert_null(conf_text(folder->conf, "early", &folder->why));
}

static void says_which_file_is_missing(void **state)
{
    struct folder *folder = *state;
    struct conf_options options = {.program = "smtpd", .directory = "/nonexistent"};

    assert_null(conf_load(&options, &folder->why));
    assert_non_null(strstr(folder->why.text, "/nonexistent/main.cf"));
    assert_non_null(strstr(folder->why.text, "No such file or directory"));
}

static void finds_the_directory(void **state)
{
    struct folder *folder = *state;
    struct conf_options options = {.program = "smtpd"};

    folder_write(folder, "main.cf", "");
    setenv("MAIL_CONFIG", folder->path, 1);
    folder->conf = conf_load(&options, &folder->why);
    unsetenv("MAIL_CONFIG");
    assert_non_null(folder->conf);
    assert_string_equal(folder->conf->config_directory, folder->path);
}

static void knows_parameters_of_services(void **state)
{
    struct folder *folder = *state;
    struct conf *conf =
        folder_load_with(folder,
                         "relay_destination_concurrency_limit = 3\n"
                         "default_destination_concurrency_limit = 5\n"
                         "slow_destination_rate_delay = 1m\n"
                         "bad_destination_concurrency_limit = many\n"
                         "a_destination_concurrency_negative_feedback = 1/$b\nb = 2\n",
                         "qmgr", NULL);
    struct fail *why = &folder->why;
    const char *text;
    int n;

    assert_non_null(conf);
    assert_int_equal(
        conf_service_int(conf, "relay", "destination_concurrency_limit", &n, why), 0);
    assert_int_equal(n, 3);
    assert_int_equal(
        conf_service_int(conf, "smtp", "destination_concurrency_limit", &n, why), 0);
    assert_int_equal(n, 5);
    assert_int_equal(conf_service_int(conf, "slow", "destination_rate_delay", &n, why),
                     0);
    assert_int_equal(n, 60);
    assert_int_equal(conf_service_text(conf, "a",
                                       "destination_concurrency_negative_feedback", &text,
                                       why),
                     0);
    assert_string_equal(text, "1/2");
    assert_int_equal(
        conf_service_int(conf, "bad", "destination_concurrency_limit", &n, why), -1);
    assert_string_equal(folder_complaint(folder),
                        "main.cf, line 4: bad numerical configuration: "
                        "bad_destination_concurrency_limit = "
                        "many");
    assert_int_equal(conf_service_int(conf, "relay", "no_such_family", &n, why), -1);
}

static void expands_other_texts(void **state)
{
    struct folder *folder = *state;
    struct conf *conf = folder_load(folder, "a = b\n");

    assert_string_equal(conf_expand(conf, "hash:/$a/c", &folder->why), "hash:/b/c");
    assert_string_equal(conf_expand(conf, "plain", &folder->why), "plain");
    assert_null(conf_expand(conf, "${a", &folder->why));
    assert_null(conf_text(conf, "nosuch", &folder->why));
}

static void has_defaults_by_level(void **state)
{
    struct folder *folder = *state;
    struct conf *conf = folder_load(folder, "");

    assert_true(conf_level_below(conf, "1"));
    assert_true(conf->append_dot_mydomain);
    assert_false(conf->smtputf8_enable);
    assert_true(conf_has_old_default(conf, "append_dot_mydomain"));
    assert_true(conf_has_old_default(conf, "smtpd_relay_restrictions"));
    assert_true(conf_has_old_default(conf, "smtpd_relay_before_recipient_restrictions"));
    assert_false(conf_has_old_default(conf, "append_at_myorigin"));
    assert_false(conf_has_old_default(conf, "x_no_such_name"));
    conf = folder_load(folder, "compatibility_level = 1\nrelay_domains =\n");
    assert_false(conf_has_old_default(conf, "append_dot_mydomain"));
    assert_false(conf_has_old_default(conf, "relay_domains"));
    assert_true(conf_has_old_default(conf, "mynetworks_style"));
    conf = folder_load(folder, "compatibility_level = 3.6\n");
    assert_false(conf_level_below(conf, "3.6"));
    assert_true(conf_level_below(conf, "3.10"));
    assert_false(conf->append_dot_mydomain);
    assert_int_equal(conf->default_process_limit, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(takes_defaults),
        folder_test(takes_what_main_cf_says),
        folder_test(takes_options_before_main_cf),
        folder_test(takes_defaults_for_bad_values_when_lenient),
        folder_test(needs_no_place_for_words),
        folder_test(takes_nothing_else_for_defaults_only),
        folder_test(expands_nothing_in_raw_parameters),
        folder_test(sets_no_read_only_parameters),
        folder_test(refuses_with_file_and_line),
        folder_test(refuses_a_bad_option),
        folder_test(ignores_what_other_programs_use),
        folder_test(evaluates_nothing_for_texts_only),
        folder_test(warns_of_doubtful_lines),
        folder_test(says_which_file_is_missing),
        folder_test(finds_the_directory),
        folder_test(knows_parameters_of_services),
        folder_test(expands_other_texts),
        folder_test(has_defaults_by_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
