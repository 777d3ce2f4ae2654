#include "unit.h"

#include "queue/maildrop.h"

/*
 * Each row is a submission, one record a text ("S joe"), and what becomes of each:
 * t taken, d dropped, o over, r refused. Judging ends at the first r.
 */
static const struct {
    const char *name;
    bool trusted;
    const char *records[20];
    const char *verdicts;
    bool complete;
} rows[] = {
    {"as sendmail writes it",
     false,
     {"A rewrite_context=local", "F Joe", "S joe", "A encoding=8bit", "A notify_flags=4",
      "R ann", "M ", "N text", "L half", "N ", "X ", "E "},
     "tttttttttttt",
     true},
    {"recipients extracted",
     false,
     {"S ", "M ", "X ", "A notify_flags=1", "R ann", "E "},
     "tttttt",
     true},
    {"only what users may say",
     false,
     {"A client_name=trusted", "A log_client_name=x", "A create_time=1",
      "A sasl_username=root", "A trace_flags=256", "A trace_flags=512",
      "A trace_flags=1536", "A trace_flags=8192", "C x", "i x", "n 1"},
     "dddddttdddd",
     false},
    {"no sender", false, {"R ann", "M "}, "tr", false},
    {"no recipient", false, {"S joe", "M ", "X ", "E "}, "tttr", false},
    {"second sender", false, {"S joe", "S ann"}, "tr", false},
    {"filter", false, {"S joe", "L smtp:evil"}, "tr", false},
    {"redirect", false, {"S joe", "> evil"}, "tr", false},
    {"pointer", false, {"S joe", "p               0"}, "tr", false},
    {"pointer in content",
     false,
     {"S joe", "R a", "M ", "p               0"},
     "tttr",
     false},
    {"warning time", false, {"S joe", "W 1"}, "tr", false},
    {"done recipient", false, {"S joe", "D ann"}, "tr", false},
    {"original recipient", false, {"S joe", "O ann"}, "tr", false},
    {"line end in an address", false, {"S joe\nR x"}, "r", false},
    {"line end in a recipient", false, {"S joe", "R a\rb"}, "tr", false},
    {"malformed attribute", false, {"A x"}, "r", false},
    {"VERP delimiters of three", false, {"V +=-"}, "r", false},
    {"VERP delimiters", false, {"V +="}, "t", false},
    {"after the end", false, {"S ", "R a", "M ", "X ", "E ", "N x"}, "tttttr", true},
    {"end before content", false, {"S ", "R a", "E "}, "ttr", false},
    {"any bytes in content",
     false,
     {"S ", "R a", "M ", "N a\r\nb", "X ", "E "},
     "tttttt",
     true},
    {"a queue file put back",
     true,
     {"C x", "T 1", "A create_time=1", "A client_name=c", "S joe", "W 1", "O ann",
      "R ann", "D bob", "M ", "N text", "p               0", "w x", "X ", "L smtp:f",
      "> r", "A encoding=8bit", "A notify_flags=2", "E "},
     "ddtttdttdttddtdddtt",
     true},
    {"one that is over", true, {"S joe", "D ann", "M ", "X ", "E "}, "tdtto", false},
    {"one that never began", true, {"S joe", "M ", "X ", "E "}, "tttr", false},
    {"not even then", true, {"S joe", "? x"}, "tr", false},
};

static void every_record_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct maildrop_check check = {0};
        char got[ROWS(rows[i].records) + 1] = "";
        size_t n = 0;

        for (; rows[i].records[n] && strchr(got, 'r') == NULL; n++) {
            struct record record = {.type = rows[i].records[n][0],
                                    .data = str_of(rows[i].records[n] + 2)};
            struct fail why = {0};

            got[n] = "tdor"[maildrop_judge(&check, &record, rows[i].trusted, &why)];
            assert_int_equal(got[n] == 'r', why.text[0] != '\0');
        }
        ROW_TEXT(rows[i].name, got, rows[i].verdicts);
        ROW_INT(rows[i].name, maildrop_complete(&check), rows[i].complete);
    }
}

static void a_record_of_type_0_is_refused(void **state)
{
    struct maildrop_check check = {0};
    struct record record = {.type = 0};
    struct fail why;

    (void)state;
    assert_int_equal(maildrop_judge(&check, &record, false, &why), MAILDROP_REFUSE);
    record = (struct record){.type = 'S', .data = STR("joe\0x")};
    assert_int_equal(maildrop_judge(&check, &record, false, &why), MAILDROP_REFUSE);
}

/* What is too long for a message between daemons would stop the queue manager. */
static void envelope_records_have_a_limit(void **state)
{
    static char text[RECORD_ENVELOPE_MAX + 1] = "encoding=";
    static const int types[] = {RECORD_SENDER, RECORD_RECIPIENT, RECORD_FULL_NAME,
                                RECORD_ATTRIBUTE};

    (void)state;
    memset(text + strlen(text), 'x', sizeof text - strlen(text));
    for (size_t i = 0; i < ROWS(types); i++) {
        struct maildrop_check check = {0};
        struct record record = {.type = types[i], .data = {text, sizeof text - 1}};
        struct fail why;

        assert_int_equal(maildrop_judge(&check, &record, false, &why), MAILDROP_TAKE);
        check = (struct maildrop_check){0};
        record.data.n++;
        assert_int_equal(maildrop_judge(&check, &record, false, &why), MAILDROP_REFUSE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_is_judged),
        cmocka_unit_test(a_record_of_type_0_is_refused),
        cmocka_unit_test(envelope_records_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
