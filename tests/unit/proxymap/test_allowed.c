/* proxymap: main.cf decides which tables may be asked for. */
#include "unit.h"

#include "proxymap/allowed.h"
#include "util/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const site[] = {
    "smtpd_restriction_classes=mine, yours",
    "mine=check_client_access proxy:hash:/etc/postfix/mine",
    "yours=permit",
    NULL,
};

static struct texts collect(const char *value, struct arena *arena)
{
    struct conf_options options = {
        .program = "proxymap", .overrides = site, .defaults_only = true};
    struct texts found = {0};
    struct fail why;
    struct conf *conf = conf_load(&options, &why);

    if (!conf)
        fail_msg("%s", why.text);
    allowed_collect(conf, value, arena, &found);
    conf_free(conf);
    return found;
}

/* The names found, in order, with blanks between; the class's table is always last. */
static const struct {
    const char *value, *found;
} rows[] = {
    {"", ""},
    {"hash:/etc/aliases", ""},
    {"proxy:unix:passwd.byname hash:/etc/aliases", "unix:passwd.byname "},
    {"a, !proxy:hash:/x ,proxy:hash:/x", "hash:/x "},
    {"permit, check_client_access proxy:cidr:/c, reject", "cidr:/c "},
    {"check_x { proxy:pcre:/p, search_order = y }", "pcre:/p "},
    {"{ check_x { proxy:pcre:/p, y } }", "pcre:/p "},
    {"proxy:inline:{{a = b}}", "inline:{{a = b}} "},
    {"unionmap:{proxy:hash:/a,{proxy:hash:/b}}", "hash:/a hash:/b "},
    {"regexp:{{/^proxy:hash:x/ proxy:hash:/a}}", ""},
    {"proxy:unionmap:{hash:/a}", "unionmap:{hash:/a} "},
    {"someproxy:hash:/x xproxy:", ""},
};

static void proxied_tables_are_found_in_lists(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct texts found = collect(rows[i].value, arena);
        struct buf text;

        buf_init(&text, 1000);
        for (size_t j = 0; j + 1 < found.n; j++)
            buf_printf(&text, "%s ", found.items[j]);
        ROW_TEXT(rows[i].value, buf_text(&text), rows[i].found);
        ROW_TEXT(rows[i].value, found.items[found.n - 1], "hash:/etc/postfix/mine");
        buf_done(&text);
    }
    arena_free(arena);
}

static void lists_in_files_are_followed(void **state)
{
    struct arena *arena = arena_new("test");
    char path[] = "/tmp/allowed.XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    struct texts found;

    (void)state;
    fprintf(file, "example.com\nproxy:hash:/in/file\n");
    fclose(file);
    found = collect(path, arena);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.items[0], "hash:/in/file");
    unlink(path);
    found = collect(path, arena);
    assert_int_equal(found.n, 1);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proxied_tables_are_found_in_lists),
        cmocka_unit_test(lists_in_files_are_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
