/* Lines of Dovecot's authentication protocol. */
#include "sasl/dovecot_line.h"

#include "sasl/security.h"
#include "unit.h"

static const struct {
    const char *line;
    bool valid;
    enum dovecot_word word;
    unsigned long id;
    const char *parameters;
} lines[] = {
    {"VERSION\t1\t2", true, DOVECOT_VERSION, 0, "\t1\t2"},
    {"MECH\tPLAIN\tplaintext", true, DOVECOT_MECH, 0, "\tPLAIN\tplaintext"},
    {"SPID\t12", true, DOVECOT_OTHER, 0, "\t12"},
    {"DONE", true, DOVECOT_DONE, 0, ""},
    {"OK\t7\tuser=joe", true, DOVECOT_OK, 7, "\tuser=joe"},
    {"FAIL\t8", true, DOVECOT_FAIL, 8, ""},
    {"CONT\t9\tVXNlcm5hbWU6", true, DOVECOT_CONT, 9, "\tVXNlcm5hbWU6"},
    {"CONT\t9\t", true, DOVECOT_CONT, 9, "\t"},
    {"", true, DOVECOT_OTHER, 0, ""},
    {"OKAY\t1", true, DOVECOT_OTHER, 0, "\t1"},
    {"OK", false, DOVECOT_OK, 0, ""},
    {"OK\tuser=joe", false, DOVECOT_OK, 0, ""},
    {"OK\t-1\tuser=joe", false, DOVECOT_OK, 0, ""},
    {"FAIL\t", false, DOVECOT_FAIL, 0, ""},
    {"CONT\t99999999999999999999", false, DOVECOT_CONT, 0, ""},
};

static void takes_lines_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct dovecot_line got;

        ROW_INT(lines[i].line, dovecot_line_parse(str_of(lines[i].line), &got),
                lines[i].valid);
        if (!lines[i].valid)
            continue;
        ROW_INT(lines[i].line, got.word, lines[i].word);
        ROW_INT(lines[i].line, got.id, lines[i].id);
        ROW_EQ(lines[i].line, got.parameters, lines[i].parameters);
    }
}

static const struct {
    const char *parameters, *value;
} users[] = {
    {"\tuser=joe", "joe"},
    {"\treason=no\tuser=joe", "joe"},
    {"\tuser=", ""},
    {"\tuser", NULL},
    {"\tusers=joe", NULL},
    {"\tmaster_user=joe", NULL},
    {"", NULL},
    {"\tuser=a=b", "a=b"},
    {"\tuser=a\001tb\001nc\001rd\0011e", "a\tb\nc\rd\001e"},
    {"\tuser=a\0010b", "a\001b"},
    {"\tuser=a\001", "a\001"},
    {"\tuser=a\001xb", "axb"},
};

static void finds_values(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(users); i++)
        ROW_TEXT(users[i].parameters,
                 dovecot_value(str_of(users[i].parameters), "user", arena),
                 users[i].value);
    assert_true(dovecot_has(STR("\tuser=x\ttemp"), "temp"));
    assert_false(dovecot_has(STR("\tuser=temp\ttemp=1"), "temp"));
    arena_free(arena);
}

static const struct {
    const char *parameters;
    int security;
} mechanisms[] = {
    {"\tplaintext", SECURITY_PLAINTEXT},
    {"\tdictionary\tactive\tmutual-auth",
     SECURITY_DICTIONARY | SECURITY_ACTIVE | SECURITY_MUTUAL_AUTH},
    {"\tanonymous\tforward-secrecy", SECURITY_ANONYMOUS | SECURITY_FORWARD_SECRECY},
    {"\tsomething-new", 0},
    {"", 0},
    {"\tplaintext\tprivate", -1},
};

static void knows_what_mechanisms_are_like(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(mechanisms); i++)
        ROW_INT(mechanisms[i].parameters,
                dovecot_security(str_of(mechanisms[i].parameters)),
                mechanisms[i].security);
}

static void writes_values_that_end_where_they_should(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    dovecot_add_value(&out, "a\tb\nc\rd\001e=f");
    assert_true(str_is(buf_str(&out), "a\001tb\001nc\001rd\0011e=f"));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_lines_apart),
        cmocka_unit_test(finds_values),
        cmocka_unit_test(knows_what_mechanisms_are_like),
        cmocka_unit_test(writes_values_that_end_where_they_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
