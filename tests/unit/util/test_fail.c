#include "unit.h"

#include "util/fail.h"

#include <errno.h>

static void tells_the_errno_of_the_caller(void **state)
{
    struct fail why;

    (void)state;
    errno = ENOENT;
    assert_int_equal(fail_set(&why, "open %s: %m", "main.cf"), -1);
    assert_string_equal(why.text, "open main.cf: No such file or directory");
    assert_int_equal(why.code, ENOENT);
    assert_int_equal(errno, ENOENT);
}

static void has_no_code_without_percent_m(void **state)
{
    static const char *const formats[] = {"bad", "100%%", "50%%m of all"};

    (void)state;
    for (size_t i = 0; i < ROWS(formats); i++) {
        struct fail why = {.code = 7};

        errno = EPERM;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
        fail_set(&why, formats[i]);
#pragma GCC diagnostic pop
        ROW_INT(formats[i], why.code, 0);
    }
}

static void puts_words_before(void **state)
{
    struct fail why;

    (void)state;
    errno = EACCES;
    fail_set(&why, "%m");
    assert_int_equal(fail_prefix(&why, "file %d", 3), -1);
    assert_string_equal(why.text, "file 3: Permission denied");
    assert_int_equal(why.code, EACCES);
}

static void may_quote_itself(void **state)
{
    struct fail why;

    (void)state;
    fail_set(&why, "one");
    fail_set(&why, "%s and two", why.text);
    assert_string_equal(why.text, "one and two");
}

static void cuts_long_texts(void **state)
{
    struct fail why;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    fail_set(&why, "%s", text);
    assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
    fail_prefix(&why, "%s", text);
    assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

static void accepts_that_nobody_asks_why(void **state)
{
    (void)state;
    assert_int_equal(fail_set(NULL, "x"), -1);
    assert_int_equal(fail_prefix(NULL, "x"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_errno_of_the_caller),
        cmocka_unit_test(has_no_code_without_percent_m),
        cmocka_unit_test(puts_words_before),
        cmocka_unit_test(may_quote_itself),
        cmocka_unit_test(cuts_long_texts),
        cmocka_unit_test(accepts_that_nobody_asks_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
