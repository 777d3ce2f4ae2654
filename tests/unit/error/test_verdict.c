/* error/verdict.c: the service decides, the reason explains. */
#include "unit.h"

#include "error/verdict.h"

static const struct {
    const char *reason;
    bool retry;
    enum outcome_result result;
    const char *status, *text;
} rows[] = {
    {"5.1.1 nobody here", false, OUTCOME_BOUNCED, "5.1.1", "nobody here"},
    {"plain words", false, OUTCOME_BOUNCED, "5.0.0", "plain words"},
    {"4.1.1 four", false, OUTCOME_BOUNCED, "5.0.0", "four"},
    {"2.0.0 strange", false, OUTCOME_BOUNCED, "5.0.0", "strange"},
    {"4.7.1 later please", true, OUTCOME_DEFERRED, "4.7.1", "later please"},
    {"just later", true, OUTCOME_DEFERRED, "4.0.0", "just later"},
    {"5.1.1 five", true, OUTCOME_DEFERRED, "4.0.0", "five"},
    {"", false, OUTCOME_BOUNCED, "5.0.0", "Address is undeliverable"},
    {"5.7.2", false, OUTCOME_BOUNCED, "5.7.2", "Address is undeliverable"},
};

static void the_class_of_the_status_follows_the_service(void **state)
{
    struct arena *arena = arena_new("test");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct outcome got = verdict_make(str_of(rows[i].reason), rows[i].retry, arena);

        ROW_INT(rows[i].reason, got.result, rows[i].result);
        ROW_TEXT(rows[i].reason, got.status, rows[i].status);
        ROW_TEXT(rows[i].reason, got.text, rows[i].text);
        ROW_TEXT(rows[i].reason, got.relay, "none");
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_class_of_the_status_follows_the_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
