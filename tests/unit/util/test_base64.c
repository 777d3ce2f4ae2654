/* Base 64: the vectors of RFC 4648 section 10, and what is no base 64. */
#include "util/base64.h"

#include "unit.h"

static const struct {
    const char *bytes, *text;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xff\xfe\xfd", "//79"},
    {"\xfb\xef\xbe", "++++"},
};

static void encodes_and_decodes(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ROWS(vectors); i++) {
        buf_reset(&out);
        base64_encode(&out, str_of(vectors[i].bytes));
        ROW_EQ(vectors[i].text, buf_str(&out), vectors[i].text);
        buf_reset(&out);
        assert_true(base64_decode(&out, str_of(vectors[i].text)));
        ROW_EQ(vectors[i].text, buf_str(&out), vectors[i].bytes);
    }
    buf_done(&out);
}

static void refuses_what_is_none(void **state)
{
    static const char *const bad[] = {"Z",        "Zg",     "Zg=",    "====", "=",
                                      "Z===",     "Zh==",   "Zm9=",   "Zm9-", "Zm 9",
                                      "Zg==Zg==", "Zm9v\n", "Zm9vYg="};
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    buf_add_text(&out, "before");
    for (size_t i = 0; i < ROWS(bad); i++) {
        if (base64_decode(&out, str_of(bad[i])))
            fail_msg("row \"%s\" was taken", bad[i]);
        ROW_EQ(bad[i], buf_str(&out), "before");
    }
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes),
        cmocka_unit_test(refuses_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
