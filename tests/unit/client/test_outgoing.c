/* client/outgoing.c: what becomes of addresses, headers and lines as they leave. */
#include "unit.h"

#include "client/outgoing.h"
#include "conf/conf.h"
#include "util/log.h"

static char log_text[4096];

static void note_line(void *context, enum log_level level, const char *text)
{
    (void)context, (void)level;
    strncat(log_text, text, sizeof log_text - strlen(log_text) - 2);
    strcat(log_text, "\n");
}

struct stage {
    struct conf *conf;
    struct arena *arena;
    struct tables *tables;
    struct outgoing outgoing;
};

static void begin(struct stage *stage, const char *const *overrides)
{
    struct conf_options options = {
        .program = "smtp", .overrides = overrides, .defaults_only = true};
    struct fail why;

    *stage = (struct stage){.arena = arena_new("test")};
    stage->conf = conf_load(&options, &why);
    assert_non_null(stage->conf);
    stage->tables = tables_new(stage->conf);
    if (outgoing_init(&stage->outgoing, stage->tables, stage->conf, false, stage->arena,
                      &why) < 0)
        fail_msg("%s", why.text);
    log_text[0] = '\0';
    log_divert(note_line, NULL);
}

static void end(struct stage *stage)
{
    log_divert(NULL, NULL);
    tables_free(stage->tables);
    conf_free(stage->conf);
    arena_free(stage->arena);
}

static int judge(struct stage *stage, bool header, enum mime_place place,
                 const char *text, struct outgoing_change *ret)
{
    struct outgoing_text what = {
        .queue_id = "ID", .header = header, .place = place, .text = str_of(text)};
    struct fail why;

    return outgoing_judge(&stage->outgoing, &what, stage->arena, ret, &why);
}

static const char *const mapped[] = {
    "myhostname=mx.my.test",
    "mydomain=my.test",
    "myorigin=my.test",
    "mydestination=my.test",
    "inet_interfaces=loopback-only",
    "recipient_delimiter=+",
    "smtp_generic_maps=inline:{{ann@my.test=out@map.test}, {bob=bob@outer.test}, "
    "{@dom.test=@new.test}, {two@my.test=a@x.test, b@x.test}, {loc@my.test=local}}",
    NULL,
};

static const struct {
    const char *address, *mapped;
} addresses[] = {
    {"", ""},
    {"ann@my.test", "out@map.test"},
    {"ann+x@my.test", "out@map.test"},
    {"bob@my.test", "bob@outer.test"},
    {"who@dom.test", "who@new.test"},
    {"who@elsewhere.test", "who@elsewhere.test"},
    {"two@my.test", "a@x.test"},
    {"loc@my.test", "local@my.test"},
};

static void addresses_are_mapped(void **state)
{
    struct stage stage;
    struct fail why;

    (void)state;
    begin(&stage, mapped);
    for (size_t i = 0; i < ROWS(addresses); i++)
        ROW_TEXT(
            addresses[i].address,
            outgoing_address(&stage.outgoing, addresses[i].address, stage.arena, &why),
            addresses[i].mapped);
    assert_string_equal(
        log_text, "warning: multi-valued smtp_generic_maps result for two@my.test\n");
    end(&stage);
}

static const struct {
    enum mime_place place;
    const char *header, *instead;
} headers[] = {
    {MIME_PRIMARY, "From: Ann <ann@my.test>", "From: Ann <out@map.test>"},
    {MIME_PRIMARY, "To: x@y.test,\n  bob@my.test", "To: x@y.test, bob@outer.test"},
    {MIME_PRIMARY, "To: x@y.test,\n  y@y.test", NULL},
    {MIME_PRIMARY, "X-Other: ann@my.test", NULL},
    {MIME_PRIMARY, "Subject: ann@my.test", NULL},
    {MIME_PART, "From: ann@my.test", NULL},
    {MIME_NESTED, "From: ann@my.test", NULL},
};

static void address_headers_of_the_message_itself_are_mapped(void **state)
{
    struct outgoing_change change;
    struct stage stage;

    (void)state;
    begin(&stage, mapped);
    assert_true(outgoing_has_content_rules(&stage.outgoing));
    for (size_t i = 0; i < ROWS(headers); i++) {
        ROW_INT(headers[i].header,
                judge(&stage, true, headers[i].place, headers[i].header, &change), 0);
        ROW_TEXT(headers[i].header, change.instead, headers[i].instead);
        ROW_INT(headers[i].header, change.drop, false);
    }
    end(&stage);
}

static const struct {
    const char *action;
    const char *before, *instead;
    bool drop;
    const char *log;
} actions[] = {
    {"DUNNO", NULL, NULL, false, ""},
    {"ignore", NULL, NULL, true, ""},
    {"STRIP why", NULL, NULL, true, "ID: strip: header Subject: x: why\n"},
    {"WARN", NULL, NULL, false, "ID: warning: header Subject: x\n"},
    {"INFO i", NULL, NULL, false, "ID: info: header Subject: x: i\n"},
    {"PREPEND X-Y: z", "X-Y: z", NULL, false, "ID: prepend: header Subject: x: X-Y: z\n"},
    {"REPLACE Subject: y", NULL, "Subject: y", false,
     "ID: replace: header Subject: x: Subject: y\n"},
    {"REPLACE y", NULL, NULL, false,
     "warning: bad REPLACE header text \"y\" in smtp_header_checks map -- need "
     "\"headername: headervalue\"\n"},
    {"REJECT no", NULL, NULL, false,
     "warning: unsupported command in smtp_header_checks map: REJECT no\n"},
};

static void checks_change_or_tell(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(actions); i++) {
        char setting[200];
        const char *overrides[] = {"inet_interfaces=loopback-only", setting, NULL};
        struct outgoing_change change;
        struct stage stage;

        snprintf(setting, sizeof setting, "smtp_header_checks=inline:{{Subject: x = %s}}",
                 actions[i].action);
        begin(&stage, overrides);
        ROW_INT(actions[i].action,
                judge(&stage, true, MIME_PRIMARY, "Subject: x", &change), 0);
        ROW_TEXT(actions[i].action, change.before, actions[i].before);
        ROW_TEXT(actions[i].action, change.instead, actions[i].instead);
        ROW_INT(actions[i].action, change.drop, actions[i].drop);
        ROW_TEXT(actions[i].action, log_text, actions[i].log);
        end(&stage);
    }
}

static void a_table_that_fails_is_no_no(void **state)
{
    static const char *const failing[] = {
        "inet_interfaces=loopback-only", "smtp_generic_maps=fail:x",
        "smtp_header_checks=fail:x", "smtp_body_checks=fail:x", NULL};
    struct outgoing_change change;
    struct stage stage;
    struct fail why;

    (void)state;
    begin(&stage, failing);
    assert_null(outgoing_address(&stage.outgoing, "a@b.test", stage.arena, &why));
    assert_int_equal(judge(&stage, true, MIME_PRIMARY, "To: x", &change), -1);
    assert_int_equal(judge(&stage, false, 0, "x", &change), -1);
    assert_int_equal(judge(&stage, false, 0, "", &change), 0);
    end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_mapped),
        cmocka_unit_test(address_headers_of_the_message_itself_are_mapped),
        cmocka_unit_test(checks_change_or_tell),
        cmocka_unit_test(a_table_that_fails_is_no_no),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
