#include "unit.h"

#include "mail/header.h"

#include <stdlib.h>

static const struct {
    const char *line;
    size_t n;
} lines[] = {
    {"To: x", 2},
    {"To:x", 2},
    {"To : x", 2},
    {"To\t:", 2},
    {":", 0},
    {": x", 0},
    {"", 0},
    {"To", 0},
    {"To x: y", 0},
    {" To: x", 0},
    {"T\xc3\xb6: x", 0},
    {"X-A_b.c: y", 7},
    {"From x@y Mon", 0},
    {">From: x", 5},
};

static void header_lines_are_recognised(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++)
        ROW_INT(lines[i].line, header_name_length(str_of(lines[i].line)), lines[i].n);
}

static void parts_of_a_header_are_found(void **state)
{
    struct str logical = STR("To : \t a@b,\n\tc@d");
    struct buf out;

    (void)state;
    ROW_EQ("name", header_name(logical), "To");
    ROW_EQ("body", header_body(logical), "a@b,\n\tc@d");
    buf_init(&out, 1000);
    header_add_unfolded(&out, header_body(logical));
    assert_string_equal(buf_text(&out), "a@b,\tc@d");
    buf_done(&out);
    assert_true(header_is_continuation(STR("\tx")));
    assert_false(header_is_continuation(STR("")));
}

static const struct {
    const char *name;
    enum header_id id;
    unsigned flags;
} kinds[] = {
    {"to", HEADER_TO, HEADER_ADDRESS | HEADER_RECIPIENT | HEADER_EXTRACT},
    {"APPARENTLY-TO", HEADER_APPARENTLY_TO, HEADER_ADDRESS | HEADER_RECIPIENT},
    {"From", HEADER_FROM, HEADER_ADDRESS | HEADER_SENDER},
    {"Resent-From", HEADER_RESENT_FROM, HEADER_ADDRESS | HEADER_SENDER | HEADER_RESENT},
    {"Content-Type", HEADER_CONTENT_TYPE, HEADER_MIME},
    {"message-id", HEADER_MESSAGE_ID, 0},
    {"T", HEADER_OTHER, 0},
    {"Too", HEADER_OTHER, 0},
    {"", HEADER_OTHER, 0},
    {"X-To", HEADER_OTHER, 0},
};

static void kinds_are_known_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(kinds); i++) {
        const struct header_kind *kind = header_kind(str_of(kinds[i].name));
        ROW_INT(kinds[i].name, kind->id, kinds[i].id);
        ROW_INT(kinds[i].name, kind->flags, kinds[i].flags);
    }
}

static void received_lines_end_in_a_stamp(void **state)
{
    struct header_stamp stamp = {.by = "mx.test",
                                 .with = "ESMTPS",
                                 .software = "(Postfix)",
                                 .queue_id = "ABC",
                                 .recipient = "joe@x",
                                 .when = 1794042301};
    struct buf out;

    (void)state;
    setenv("TZ", "UTC0", 1);
    buf_init(&out, 1000);
    header_add_stamp(&out, &stamp);
    assert_string_equal(buf_text(&out), "by mx.test (Postfix) with ESMTPS id ABC\n\tfor "
                                        "<joe@x>; Sat, 07 Nov 2026 09:05:01 +0000 (UTC)");
    stamp.recipient = NULL;
    buf_reset(&out);
    header_add_stamp(&out, &stamp);
    assert_string_equal(buf_text(&out),
                        "by mx.test (Postfix) with ESMTPS id ABC;\n\tSat, 07 "
                        "Nov 2026 09:05:01 +0000 (UTC)");
    stamp.software = "(Postfix, from userid 1000)";
    buf_reset(&out);
    header_add_received_local(&out, &stamp);
    assert_string_equal(
        buf_text(&out),
        "Received: by mx.test (Postfix, from userid 1000)\n\tid ABC; Sat, 07 "
        "Nov 2026 09:05:01 +0000 (UTC)");
    buf_reset(&out);
    header_add(&out, "Subject", STR("hello"));
    assert_string_equal(buf_text(&out), "Subject: hello");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_lines_are_recognised),
        cmocka_unit_test(parts_of_a_header_are_found),
        cmocka_unit_test(kinds_are_known_by_name),
        cmocka_unit_test(received_lines_end_in_a_stamp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
