#include "mail/mime_field.h"

#include "unit.h"

static const struct {
    const char *value;
    enum mime_type type;
    const char *boundary;
} types[] = {
    {"", MIME_TYPE_OTHER, ""},
    {"text/plain", MIME_TYPE_OTHER, ""},
    {"text/plain; boundary=a", MIME_TYPE_OTHER, ""},
    {"multipart/mixed; boundary=abc", MIME_TYPE_MULTIPART, "abc"},
    {"Multipart/Mixed ; Boundary = \"a b\"", MIME_TYPE_MULTIPART, "a b"},
    {"multipart/mixed;\n\tboundary=\"a\\\"b\"", MIME_TYPE_MULTIPART, "a\"b"},
    {"multipart/digest; boundary=x", MIME_TYPE_DIGEST, "x"},
    {"multipart/mixed", MIME_TYPE_MULTIPART, ""},
    {"multipart; boundary=a", MIME_TYPE_MULTIPART, "a"},
    {"multipart/mixed boundary=a", MIME_TYPE_MULTIPART, ""},
    {"multipart/mixed; boundary=", MIME_TYPE_MULTIPART, ""},
    {"multipart/mixed; boundary=\"\"", MIME_TYPE_MULTIPART, ""},
    {"multipart/mixed (co(mm\\)e)nt) ; charset=x (;boundary=no) ; boundary=yes",
     MIME_TYPE_MULTIPART, "yes"},
    {"multipart/mixed; boundary=one; boundary=two", MIME_TYPE_MULTIPART, "one"},
    {"multipart/mixed; foo bar; boundary=a", MIME_TYPE_MULTIPART, "a"},
    {"multipart/mixed; x=\"; boundary=no\"; boundary=a", MIME_TYPE_MULTIPART, "a"},
    {"multipart/mixed; boundary=a=b/c:d", MIME_TYPE_MULTIPART, "a=b/c:d"},
    {"multipart/mixed; boundary=\"open", MIME_TYPE_MULTIPART, "open"},
    {"multipart/mixed; boundary=\"a\n b\"", MIME_TYPE_MULTIPART, "a b"},
    {"multipart/mixed; boundary*0=a", MIME_TYPE_MULTIPART, ""},
    {"multipart/mixed; boundary=0123456789012345678901234567890123456789",
     MIME_TYPE_MULTIPART, "012345678901234567890123456789"},
    {"message/rfc822", MIME_TYPE_MESSAGE, ""},
    {"message/global", MIME_TYPE_MESSAGE, ""},
    {"message/partial; id=1", MIME_TYPE_MESSAGE_7BIT, ""},
    {"message/delivery-status", MIME_TYPE_MESSAGE_OTHER, ""},
    {"\"multipart\"/mixed; boundary=a", MIME_TYPE_OTHER, ""},
    {"(never closed multipart/mixed", MIME_TYPE_OTHER, ""},
    {"\\", MIME_TYPE_OTHER, ""},
};

static void types_and_their_boundaries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(types); i++) {
        struct buf boundary;

        buf_init(&boundary, 31);
        buf_add_text(&boundary, "before");
        ROW_INT(types[i].value, mime_type_parse(str_of(types[i].value), 30, &boundary),
                types[i].type);
        ROW_EQ(types[i].value, buf_str(&boundary), types[i].boundary);
        buf_done(&boundary);
    }
}

static const struct {
    const char *value;
    enum mime_encoding encoding;
} encodings[] = {
    {"7bit", MIME_ENCODING_7BIT},
    {"8BIT", MIME_ENCODING_8BIT},
    {" binary ", MIME_ENCODING_BINARY},
    {"quoted-printable", MIME_ENCODING_QUOTED},
    {"(a comment) base64", MIME_ENCODING_BASE64},
    {"\"8bit\"", MIME_ENCODING_NONE},
    {"8bits", MIME_ENCODING_NONE},
    {"8bit (said twice) 8bit", MIME_ENCODING_NONE},
    {"", MIME_ENCODING_NONE},
};

static void encodings_are_known_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(encodings); i++)
        ROW_INT(encodings[i].value, mime_encoding_parse(str_of(encodings[i].value)),
                encodings[i].encoding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_their_boundaries),
        cmocka_unit_test(encodings_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
