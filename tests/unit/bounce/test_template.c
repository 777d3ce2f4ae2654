/* bounce/template.c, template_file.c: the words that users see, and where they come from.
 */
#include "unit.h"

#include "bounce/template.h"
#include "util/file.h"

#include <stdlib.h>
#include <unistd.h>

static struct conf *configuration(void)
{
    static const char *const overrides[] = {"myhostname=mx.xn--bcher-kva.test",
                                            "delay_warning_time=90m",
                                            "maximal_queue_lifetime=5d",
                                            "smtputf8_enable=yes",
                                            "mail_name=my$$x",
                                            NULL};
    struct conf_options options = {
        .program = "bounce", .overrides = overrides, .defaults_only = true};
    struct fail why;
    struct conf *conf = conf_load(&options, &why);

    assert_non_null(conf);
    return conf;
}

static const struct {
    const char *body, *expanded;
    size_t warnings;
} rows[] = {
    {"", "", 0},
    {"host $myhostname.\n",
     "host mx.b\xc3\xbc"
     "cher.test.\n",
     0},
    {"a\n\n  b\n.\n", "a\n\n  b\n.\n", 0},
    {"no end", "no end\n", 0},
    {"$$x $mail_name\n", "$x my$x\n", 0},
    {"$delay_warning_time_hours hours, $delay_warning_time_minutes min\n",
     "1 hours, 90 min\n", 0},
    {"${maximal_queue_lifetime_days}\n", "5\n", 0},
    {"$maximal_queue_lifetime_weeks\n", "0\n", 3},
    {"$maximal_queue_lifetime_minutes\n", "7200\n", 3},
    {"${nosuch?x}${mail_name?{yes}:{no}}\n", "yes\n", 0},
};

static void names_are_replaced_and_times_take_units(void **state)
{
    struct conf *conf = configuration();
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct template template = {
            .name = "failure", .origin = "x", .body = rows[i].body};
        struct texts warnings = {0};
        const char *text = NULL;
        struct fail why;

        ROW_INT(rows[i].body,
                template_expand(&template, conf, arena, &warnings, &text, &why) == 0,
                true);
        ROW_TEXT(rows[i].body, text, rows[i].expanded);
        ROW_INT(rows[i].body, warnings.n == rows[i].warnings, true);
    }
    arena_free(arena);
    conf_free(conf);
}

static const struct {
    const char *body, *words;
} faults[] = {
    {"a\nb $nosuch c\nd\n", "x: undefined $nosuch in failure template: b $nosuch c"},
    {"$bounce_queue_lifetime_days\n",
     "x: undefined $bounce_queue_lifetime_days in failure template: "
     "$bounce_queue_lifetime_days"},
    {"$delay_warning_time_years\n", "x: unrecognized suffix \"years\" in parameter "
                                    "\"delay_warning_time_years\" in failure "
                                    "template: $delay_warning_time_years"},
};

static void a_body_that_cannot_be_gives_way_to_the_built_in_one(void **state)
{
    struct conf *conf = configuration();
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(faults); i++) {
        struct templates templates;
        struct texts warnings = {0};
        const char *text = NULL;
        struct fail why;

        templates_built_in(&templates);
        templates.of[REPORT_FAILURE].origin = "x";
        templates.of[REPORT_FAILURE].body = faults[i].body;
        ROW_INT(faults[i].body,
                template_expand(&templates.of[REPORT_FAILURE], conf, arena, &warnings,
                                &text, &why) < 0,
                true);
        ROW_TEXT(faults[i].body, why.text, faults[i].words);
        text = templates_text(&templates, REPORT_FAILURE, conf, arena);
        assert_non_null(strstr(text, "could not be\n"));
        assert_string_equal(templates.of[REPORT_FAILURE].origin, "[built-in]");
    }
    arena_free(arena);
    conf_free(conf);
}

#define BUILT_IN "Undelivered Mail Returned to Sender"

static const struct {
    const char *file;
    const char *subject; /* of the failure template, afterwards */
    const char *body;    /* NULL: the built-in one */
    const char *warning; /* the first */
} files[] = {
    {"", BUILT_IN, NULL, NULL},
    {"# x\n\n \n", BUILT_IN, NULL, NULL},
    {"failure_template = <<EOF\nSubject: a\n\nbody\n  b\nEOF\n", "a", "body\n  b\n",
     NULL},
    {"failure_template=<< X Y \nsubject :  a \n\n\nb\nX\nX Y\n", "a", "b\nX\n", NULL},
    {"failure_template = <<EOF\r\nSubject: a\r\n\r\nbody\r\nEOF\r\n", "a", "body\n",
     NULL},
    {"failure_template = <<EOF\n\nbody\nEOF\n", BUILT_IN, "body\n", NULL},
    {"failure_template = <<EOF\nSubject: a\nno header\n\nb\nEOF\n", "a",
     "no header\n\nb\n", NULL},
    {"failure_template = <<EOF\nSubject: a\n folded\nEOF\n", "a", " folded\n", NULL},
    {"failure_template = <<E\nSubject: a\n\n1\nE\nfailure_template = <<E\n\n2\nE\n", "a",
     "2\n", NULL},
    {"failure_template = text\n", BUILT_IN, "text\n", NULL},
    {"failure_template = <<EOF\nSubject: a\n\nbody\n", "a", "body\n",
     "FILE, line 4: missing \"EOF\" end marker"},
    {"failure_template = <<EOF\nSubject: a\nEOF\n", BUILT_IN, NULL,
     "FILE: missing message text in failure template -- ignoring this template"},
    {"failure_template = <<EOF\nSubject:\n\nb\nEOF\n", BUILT_IN, NULL,
     "FILE: empty \"Subject\" header value in failure template -- ignoring this "
     "template"},
    {"failure_template = <<EOF\nSubject: \xc3\xbc\n\nb\nEOF\n", BUILT_IN, NULL,
     "FILE: non-ASCII \"Subject\" header value in failure template -- ignoring this "
     "template"},
    {"failure_template = <<EOF\nX-Y: z\n\nb\nEOF\n", BUILT_IN, NULL,
     "FILE: unknown \"X-Y\" header label in failure template -- ignoring this template"},
    {"verify_template = <<EOF\nPostmaster-Subject: z\n\nb\nEOF\n", BUILT_IN, NULL,
     "FILE: inapplicable \"Postmaster-Subject\" header label in verify template -- "
     "ignoring "
     "this template"},
    {"failure_template = <<EOF\n\n\xc3\xbc\nEOF\n", BUILT_IN, NULL,
     "FILE: 8-bit message text in failure template"},
    {"failure_template = <<EOF\nCharset: utf-8\n\n\xc3\xbc\nEOF\n", BUILT_IN,
     "\xc3\xbc\n", NULL},
    {"other_template = <<EOF\n\nb\nEOF\n", BUILT_IN, NULL,
     "FILE, line 1: unknown template name: other_template -- ignoring this template"},
    {"failure template\n", NULL, NULL, NULL},
    {" = <<EOF\nEOF\n", NULL, NULL, NULL},
};

/* The row's file is read; its name in texts becomes FILE. */
static void check_file(size_t row, const char *path, struct arena *arena)
{
    const char *name = files[row].file;
    struct templates got, usual;
    struct texts warnings = {0};
    struct fail why;
    int result;

    templates_built_in(&got);
    templates_built_in(&usual);
    assert_int_equal(file_replace(path, str_of(files[row].file), 0600, &why), 0);
    result = templates_read(path, arena, &got, &warnings, &why);
    ROW_INT(name, (result == 0) == (files[row].subject != NULL), true);
    if (result < 0) {
        ROW_INT(name, str_starts(str_of(why.text), path), true);
        return;
    }
    ROW_TEXT(name, got.of[REPORT_FAILURE].subject, files[row].subject);
    ROW_TEXT(name, got.of[REPORT_FAILURE].body,
             files[row].body ? files[row].body : usual.of[REPORT_FAILURE].body);
    ROW_INT(name, (warnings.n > 0) == (files[row].warning != NULL), true);
    if (warnings.n && str_starts(str_of(files[row].warning), "FILE"))
        ROW_TEXT(name, warnings.items[0] + strlen(path), files[row].warning + 4);
}

static void files_give_what_they_have_and_the_rest_is_built_in(void **state)
{
    struct arena *arena = arena_new("test");
    char path[] = "/tmp/templatesXXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < ROWS(files); i++)
        check_file(i, path, arena);
    unlink(path);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_replaced_and_times_take_units),
        cmocka_unit_test(a_body_that_cannot_be_gives_way_to_the_built_in_one),
        cmocka_unit_test(files_give_what_they_have_and_the_rest_is_built_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
