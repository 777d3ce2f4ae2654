#include "unit.h"

#include "mail/rewrite.h"

static const struct rewrite_settings settings = {
    .myorigin = "origin.test",
    .mydomain = "home.test",
    .remote_header_rewrite_domain = "",
    .append_at_myorigin = true,
    .append_dot_mydomain = true,
    .swap_bangpath = true,
    .allow_percent_hack = true,
};

/* All seen on a running Postfix with the same settings. */
static const struct {
    const char *address, *want;
} rows[] = {
    {"user", "user@origin.test"},
    {"user@host", "user@host.home.test"},
    {"user@dom.test", "user@dom.test"},
    {"user@dom.test.", "user@dom.test"},
    {"user@dom.test..", "user@dom.test.."},
    {"u@host.", "u@host"},
    {"u@host..", "u@host.."},
    {"u@.", "u@."},
    {"u@.host", "u@.host"},
    {"u@a..b", "u@a..b"},
    {"user@", "user@"},
    {"u@h@", "u@h@"},
    {"u%", "u@"},
    {"!u", "u@"},
    {"u!", "@u.home.test"},
    {"%u", "@u.home.test"},
    {"@host", "@host.home.test"},
    {"@", "@"},
    {"", ""},
    {"a!b", "b@a.home.test"},
    {"a!b!c", "b!c@a.home.test"},
    {"h!u%d", "u%d@h.home.test"},
    {"a%b%c", "a%b@c.home.test"},
    {"user%dom.test", "user@dom.test"},
    {"a%b@c.d", "a%b@c.d"},
    {"a!b@c.d", "a!b@c.d"},
    {"u@[1.2.3.4]", "u@[1.2.3.4]"},
    {"u@[1.2.3.4].", "u@[1.2.3.4]"},
    {"a@b@c.d", "a@b@c.d"},
    {"a b", "a b@origin.test"},
    {"..", "..@origin.test"},
    {"a.b.", "a.b.@origin.test"},
    {"User@Host.TEST", "User@Host.TEST"},
};

static void note(void *context, struct str domain, struct str appended)
{
    struct buf *notes = context;

    buf_printf(notes, "%.*s.%.*s ", STR_ARG(domain), STR_ARG(appended));
}

static void tells_of_completed_domains(void **state)
{
    struct rewrite_rules rules = rewrite_rules_local(&settings);
    struct buf out, notes;

    (void)state;
    buf_init(&out, 1000);
    buf_init(&notes, 1000);
    rules.completed = note;
    rules.context = &notes;
    rewrite_address(&rules, STR("joe@foo"), &out);
    rewrite_address(&rules, STR("joe"), &out);
    rewrite_address(&rules, STR("joe@dom.test"), &out);
    rewrite_address(&rules, STR("bar!joe"), &out);
    assert_string_equal(buf_text(&notes), "foo.home.test bar.home.test ");
    buf_done(&out);
    buf_done(&notes);
}

static void addresses_get_their_standard_form(void **state)
{
    struct rewrite_rules rules = rewrite_rules_local(&settings);
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(rows); i++) {
        buf_reset(&out);
        bool changed = rewrite_address(&rules, str_of(rows[i].address), &out);
        ROW_EQ(rows[i].address, buf_str(&out), rows[i].want);
        ROW_INT(rows[i].address, changed, strcmp(rows[i].address, rows[i].want) != 0);
    }
    buf_done(&out);
}

static void standard_form_is_final(void **state)
{
    struct rewrite_rules rules = rewrite_rules_local(&settings);
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (strcmp(rows[i].want, "u@host") == 0) /* its dot said that it is complete */
            continue;
        buf_reset(&out);
        assert_false(rewrite_address(&rules, str_of(rows[i].want), &out));
    }
    buf_done(&out);
}

static void what_was_quoted_has_no_route_in_it(void **state)
{
    struct rewrite_rules rules = rewrite_rules_local(&settings);
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    assert_true(
        rewrite_parts(&rules, (struct address){STR("a%b"), STR_NONE, false}, true, &out));
    assert_string_equal(buf_text(&out), "a%b@origin.test");
    buf_reset(&out);
    assert_true(
        rewrite_parts(&rules, (struct address){STR("a@b"), STR_NONE, false}, true, &out));
    assert_string_equal(buf_text(&out), "a@b@origin.test");
    buf_done(&out);
}

static void nothing_happens_without_permission(void **state)
{
    static const char *const same[] = {"user", "user@host", "a!b", "a%b"};
    struct rewrite_rules rules = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(same); i++) {
        buf_reset(&out);
        ROW_INT(same[i], rewrite_address(&rules, str_of(same[i]), &out), false);
        ROW_EQ(same[i], buf_str(&out), same[i]);
    }
    buf_done(&out);
}

static void remote_headers_have_their_own_domain(void **state)
{
    struct rewrite_settings remote = settings;
    struct rewrite_rules rules;
    struct buf out;

    (void)state;
    assert_false(rewrite_rules_remote(&remote, &rules));
    remote.remote_header_rewrite_domain = "domain.invalid";
    assert_true(rewrite_rules_remote(&remote, &rules));
    buf_init(&out, 1000);
    rewrite_address(&rules, STR("user"), &out);
    buf_add_char(&out, ' ');
    rewrite_address(&rules, STR("user@host"), &out);
    assert_string_equal(buf_text(&out), "user@domain.invalid user@host.domain.invalid");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_get_their_standard_form),
        cmocka_unit_test(tells_of_completed_domains),
        cmocka_unit_test(standard_form_is_final),
        cmocka_unit_test(what_was_quoted_has_no_route_in_it),
        cmocka_unit_test(nothing_happens_without_permission),
        cmocka_unit_test(remote_headers_have_their_own_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
