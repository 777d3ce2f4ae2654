/*
 * The MIME engine: messages in, one event a line out. "p:", "m:", "n:" are headers of
 * the message, of a part, of a message inside; "/" the end of a header ("/!" when its
 * empty line is missing), "b:" body, "b-" body whose line goes on, "e:" an error.
 */
#include "mail/mime.h"

#include "unit.h"

#include <stdio.h>

static void on_header(void *context, enum mime_place place, struct str logical)
{
    struct buf *out = context;

    buf_printf(out, "%c:", "pmn"[place]);
    for (size_t i = 0; i < logical.n; i++)
        buf_add_char(out, logical.p[i] == '\n' ? '|' : logical.p[i]);
    buf_add_char(out, '\n');
}

static void on_header_end(void *context, enum mime_place place, bool missing_line,
                          struct str line)
{
    (void)place, (void)line;
    buf_add_text(context, missing_line ? "/!\n" : "/\n");
}

static void on_body(void *context, bool ends, struct str text)
{
    buf_printf(context, "b%c%.*s\n", ends ? ':' : '-', STR_ARG(text));
}

static void on_error(void *context, enum mime_error error, struct str text)
{
    buf_printf(context, "e:%d %.*s\n", error, STR_ARG(text));
}

static const struct mime_callbacks callbacks = {on_header, on_header_end, on_body,
                                                on_error};

static const struct mime_options plain = {
    .header_limit = 1000, .boundary_limit = 100, .nesting_limit = 2};

/* Lines of message end in LF; one that begins with '+' continues the line before. */
static void run(const struct mime_options *options, const char *message, struct buf *out)
{
    struct mime *mime = mime_new(options, &callbacks, out);
    struct str rest = str_of(message);

    while (rest.n) {
        struct str line = str_until(&rest, '\n');

        if (str_starts(line, "+"))
            line = str_tail(line, 1);
        mime_take(mime, !str_starts(rest, "+"), line);
    }
    mime_end(mime);
    mime_free(mime);
}

static const struct {
    const char *name, *message, *events;
} rows[] = {
    {"nothing", "", "/\n"},
    {"header and body", "A: 1\n b\nC : 2\n\ntext\n",
     "p:A: 1| b\np:C: 2\n/\nb:\nb:text\n"},
    {"only a header", "A: 1\n", "p:A: 1\n/\n"},
    {"no empty line", "A: 1\nno header\nB: 2\n", "p:A: 1\n/!\nb:no header\nb:B: 2\n"},
    {"long lines", "A: 1\n+2\n+3\n\nb\n+c\nd\n", "p:A: 123\n/\nb:\nb-b\nb:c\nb:d\n"},
    {"parts",
     "Content-Type: multipart/x; boundary=a\n\npre\n--a\nA: 1\n\none\n--a\n\ntwo\n--a--\n"
     "--a\nB: 2\n",
     "p:Content-Type: multipart/x; boundary=a\n/\nb:\nb:pre\nb:--a\nm:A: "
     "1\n/\nb:\nb:one\n"
     "b:--a\n/\nb:\nb:two\nb:--a--\nb:--a\nb:B: 2\n"},
    {"parts in parts",
     "Content-Type: multipart/x; boundary=a\n\n--a\nContent-Type: multipart/x;\n"
     " boundary=b\n\n--b\nB: 1\n\n--a\nA: 2\n\n--b\nC: 3\n",
     "p:Content-Type: multipart/x; boundary=a\n/\nb:\nb:--a\n"
     "m:Content-Type: multipart/x;| boundary=b\n/\nb:\nb:--b\nm:B: 1\n/\nb:\nb:--a\n"
     "m:A: 2\n/\nb:\nb:--b\nb:C: 3\n"},
    {"a part's header ends at a boundary",
     "Content-Type: multipart/x; boundary=a\n\n--a\nA: 1\n--a\nB: 1\nno\n--a--\n",
     "p:Content-Type: multipart/x; boundary=a\n/\nb:\nb:--a\nm:A: 1\n/!\nb:--a\nm:B: "
     "1\n/!\n"
     "b:no\nb:--a--\n"},
    {"a boundary that only begins right",
     "Content-Type: multipart/x; boundary=a\n\n--ab\nA: 1\n\n--b\nB: 2\n",
     "p:Content-Type: multipart/x; boundary=a\n/\nb:\nb:--ab\nm:A: 1\n/\nb:\nb:--b\n"
     "b:B: 2\n"},
    {"the boundary that is meant exactly wins",
     "Content-Type: multipart/x; boundary=ab\n\n--ab\n"
     "Content-Type: multipart/x; boundary=a\n\n--ab--\nA: 1\n",
     "p:Content-Type: multipart/x; boundary=ab\n/\nb:\nb:--ab\n"
     "m:Content-Type: multipart/x; boundary=a\n/\nb:\nb:--ab--\nb:A: 1\n"},
    {"a message inside", "Content-Type: message/rfc822\n\nA: 1\n\nB: 2\n",
     "p:Content-Type: message/rfc822\n/\nb:\nn:A: 1\n/\nb:\nb:B: 2\n"},
    {"a message inside without header", "Content-Type: message/rfc822\n\nno\nB: 2\n",
     "p:Content-Type: message/rfc822\n/\nb:\n/!\nb:no\nb:B: 2\n"},
    {"a digest",
     "Content-Type: multipart/digest; boundary=a\n\n--a\n\nA: 1\n\nB: 2\n--a\n"
     "Content-Type: text/plain\n\nC: 3\n",
     "p:Content-Type: multipart/digest; boundary=a\n/\nb:\nb:--a\n/\nb:\nn:A: 1\n/\nb:\n"
     "b:B: 2\nb:--a\nm:Content-Type: text/plain\n/\nb:\nb:C: 3\n"},
    {"the boundaries of all types count",
     "Content-Type: multipart/x; boundary=a\nContent-Type: text/plain\n\n--a\nA: 1\n",
     "p:Content-Type: multipart/x; boundary=a\np:Content-Type: text/plain\n/\nb:\nb:--a\n"
     "m:A: 1\n/\n"},
    {"the last type says what follows",
     "Content-Type: message/rfc822\nContent-Type: text/plain\n\nA: 1\n",
     "p:Content-Type: message/rfc822\np:Content-Type: text/plain\n/\nb:\nb:A: 1\n"},
    {"too deep, and not asked to tell",
     "Content-Type: multipart/x; boundary=a\n\n--a\nContent-Type: multipart/x; "
     "boundary=b\n"
     "\n--b\nContent-Type: multipart/x; boundary=c\n\n--c\n"
     "Content-Type: multipart/x; boundary=d\n\n--d\n"
     "Content-Type: multipart/x; boundary=e\n\n--e\nA: 1\n",
     "p:Content-Type: multipart/x; boundary=a\n/\nb:\nb:--a\n"
     "m:Content-Type: multipart/x; boundary=b\n/\nb:\nb:--b\n"
     "m:Content-Type: multipart/x; boundary=c\n/\nb:\nb:--c\n"
     "m:Content-Type: multipart/x; boundary=d\n/\nb:\nb:--d\n"
     "m:Content-Type: multipart/x; boundary=e\n/\nb:\nb:--e\nb:A: 1\n"},
};

static void structure_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct buf out;

        buf_init(&out, 10000);
        buf_add_text(&out, "");
        run(&plain, rows[i].message, &out);
        ROW_EQ(rows[i].name, buf_str(&out), rows[i].events);
        buf_done(&out);
    }
}

static const struct {
    unsigned report;
    const char *message, *error;
} errors[] = {
    {MIME_8BIT_HEADER, "A: \xe4\n\nb\n", "e:4 A: \xe4\n"},
    {MIME_8BIT_HEADER, "A: b\n\n\xe4\n", ""},
    {MIME_8BIT_BODY, "A: b\n\n\xe4\n", "e:8 \xe4\n"},
    {MIME_8BIT_BODY, "A: b\n\xe4\n", "e:8 \xe4\n"},
    {MIME_8BIT_BODY, "Content-Transfer-Encoding: 8bit\n\n\xe4\n", ""},
    {MIME_8BIT_BODY,
     "Content-Transfer-Encoding: 8bit\nContent-Transfer-Encoding: 7bit\n\n\xe4\n",
     "e:8 \xe4\n"},
    {MIME_8BIT_BODY, "Content-Transfer-Encoding: base64\n\n\xe4\n", ""},
    {MIME_BAD_ENCODING,
     "Content-Type: multipart/x; boundary=a\nContent-Transfer-Encoding: base64\n\n",
     "e:16 base64\n"},
    {MIME_BAD_ENCODING,
     "Content-Type: message/partial\nContent-Transfer-Encoding: 8bit\n\n", "e:16 8bit\n"},
    {MIME_BAD_ENCODING,
     "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n", ""},
    {MIME_BAD_ENCODING, "Content-Type: text/x\nContent-Transfer-Encoding: base64\n\n",
     ""},
    {MIME_HEADER_CUT,
     "A: 0123456789012345678901234567890123456789012345678901234567890123456789\n", ""},
    {0, "A: \xe4\nContent-Type: message/x\nContent-Transfer-Encoding: base64\n\n\xe4\n",
     ""},
};

/* Only the error events of out. */
static void only_errors(struct buf *out)
{
    struct buf all = *out;
    struct str rest = buf_str(&all);

    buf_init(out, 10000);
    buf_add_text(out, "");
    while (rest.n) {
        struct str line = str_until(&rest, '\n');

        if (str_starts(line, "e:"))
            buf_printf(out, "%.*s\n", STR_ARG(line));
    }
    buf_done(&all);
}

static void errors_are_reported_when_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(errors); i++) {
        struct mime_options options = plain;
        struct buf out;

        options.report = errors[i].report;
        buf_init(&out, 10000);
        run(&options, errors[i].message, &out);
        only_errors(&out);
        ROW_EQ(errors[i].message, buf_str(&out), errors[i].error);
        buf_done(&out);
    }
}

static void what_is_too_long_is_cut_and_reported(void **state)
{
    struct mime_options options = plain;
    struct buf message, out;

    (void)state;
    options.report = MIME_HEADER_CUT;
    buf_init(&message, 10000);
    buf_init(&out, 10000);
    buf_add_text(&message, "A: ");
    buf_add_repeat(&message, 'x', 2000);
    buf_add_text(&message, "\n\nb\n");
    run(&options, buf_text(&message), &out);
    assert_int_equal(out.n, (5 + 1000) + (2 + 1000 + 1) + 2 + 3 + 4);
    only_errors(&out);
    assert_int_equal(out.n, 5 + 1000);
    buf_done(&message);
    buf_done(&out);
}

static const struct {
    const char *message, *events;
} conversions[] = {
    {"Content-Transfer-Encoding: 8bit\nA: b\n\nh\xe4\n= \n",
     "p:A: b\np:Content-Transfer-Encoding: quoted-printable\n/\nb:\nb:h=E4\nb:=3D=20\n"},
    {"Content-Transfer-Encoding: 7bit\n\n\xe4\n",
     "p:Content-Transfer-Encoding: 7bit\n/\nb:\nb:\xe4\n"},
    {"A: b\n\n\xe4\n", "p:A: b\n/\nb:\nb:\xe4\n"},
    {"Content-Transfer-Encoding: binary\n\nh\xe4\n+\xe4\n",
     "p:Content-Transfer-Encoding: quoted-printable\n/\nb:\nb:h=E4=E4\n"},
    {"Content-Type: multipart/x; boundary=a=\nContent-Transfer-Encoding: 8bit\n\np\xe4\n"
     "--a=\nContent-Transfer-Encoding: 8bit\n\n\xe4\n--a=\n\n\xe4=\n--a=--\n",
     "p:Content-Type: multipart/x; boundary=a=\np:Content-Transfer-Encoding: "
     "7bit\n/\nb:\n"
     "b:p\xe4\nb:--a=\nm:Content-Transfer-Encoding: quoted-printable\n/\nb:\nb:=E4\n"
     "b:--a=\n/\nb:\nb:\xe4=\nb:--a=--\n"},
};

static void eight_bits_become_seven(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(conversions); i++) {
        struct mime_options options = plain;
        struct buf out;

        options.to_7bit = true;
        buf_init(&out, 10000);
        run(&options, conversions[i].message, &out);
        ROW_EQ(conversions[i].message, buf_str(&out), conversions[i].events);
        buf_done(&out);
    }
}

static void without_structure_all_is_body(void **state)
{
    struct mime_options options = plain;
    struct buf out;

    (void)state;
    options.whole = true;
    buf_init(&out, 10000);
    run(&options, "Content-Type: multipart/x; boundary=a\n\n--a\nA: 1\n", &out);
    ROW_EQ("whole", buf_str(&out),
           "p:Content-Type: multipart/x; boundary=a\n/\nb:\nb:--a\nb:A: 1\n");
    buf_done(&out);
}

/* Memory and time stay small whatever comes. */
static void bombs_do_no_harm(void **state)
{
    struct mime_options options = {
        .header_limit = 1000, .boundary_limit = 2048, .nesting_limit = 100};
    struct mime_callbacks quiet = {on_header, on_header_end, on_body, NULL};
    struct buf out;
    struct mime *mime;

    (void)state;
    buf_init(&out, 10000000);
    mime = mime_new(&options, &quiet, &out);
    for (int i = 0; i < 20000; i++) {
        char line[80];

        snprintf(line, sizeof(line), "Content-Type: multipart/x; boundary=b%d", i);
        mime_take(mime, true, str_of(line));
        mime_take(mime, true, STR(""));
        snprintf(line, sizeof(line), "--b%d", i);
        mime_take(mime, true, str_of(line));
        buf_reset(&out);
    }
    mime_take(mime, true, STR("--b0"));
    mime_take(mime, true, STR("A: 1"));
    mime_end(mime);
    ROW_EQ("after the bomb", buf_str(&out), "/!\nb:--b0\nm:A: 1\n/\n");
    mime_free(mime);
    buf_done(&out);
}

static void a_name_beyond_the_limit_makes_no_header(void **state)
{
    struct buf message, events;

    (void)state;
    buf_init(&message, 10000);
    buf_init(&events, 10000);
    buf_add_text(&message, "A: 1\n");
    buf_add_repeat(&message, 'x', plain.header_limit);
    buf_add_text(&message, ": 2\n\n");
    run(&plain, buf_text(&message), &events);
    assert_true(str_starts(buf_str(&events), "p:A: 1\n/!\nb:xxx"));
    buf_done(&message);
    buf_done(&events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structure_is_found),
        cmocka_unit_test(errors_are_reported_when_asked_for),
        cmocka_unit_test(what_is_too_long_is_cut_and_reported),
        cmocka_unit_test(eight_bits_become_seven),
        cmocka_unit_test(without_structure_all_is_body),
        cmocka_unit_test(a_name_beyond_the_limit_makes_no_header),
        cmocka_unit_test(bombs_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
