/* smtpd/restrict.c: reading restriction lists. */
#include "unit.h"

#include "smtpd/restrict.h"

static const struct {
    enum stage stage;
    const char *value;
    const char *failure; /* NULL = good */
} lists[] = {
    {STAGE_RELAY,
     "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination", NULL},
    {STAGE_CLIENT, "", NULL},
    {STAGE_CLIENT, "sleep 1 reject_unknown_client permit", NULL},
    {STAGE_HELO, "warn_if_reject,reject_invalid_helo_hostname", NULL},
    {STAGE_CLIENT, "permit, permit_my_networks",
     "p: unknown restriction \"permit_my_networks\""},
    {STAGE_CLIENT, "sleep", "p: sleep needs an argument"},
};

static void lists_name_known_restrictions(void **state)
{
    struct process process = {.arena = arena_new("test")};
    struct server server = {.process = &process,
                            .tables = tables_new_with(&(struct tables_options){0})};

    (void)state;
    for (size_t i = 0; i < ROWS(lists); i++) {
        struct fail why = {0};
        struct restriction_list *list =
            restriction_list_parse(&server, "p", lists[i].stage, lists[i].value, &why);

        ROW_INT(lists[i].value, list != NULL, lists[i].failure == NULL);
        if (lists[i].failure)
            ROW_TEXT(lists[i].value, why.text, lists[i].failure);
    }
    tables_free(server.tables);
    arena_free(process.arena);
}

static void old_names_mean_the_new_function(void **state)
{
    (void)state;
    assert_ptr_equal(restriction_find("reject_unknown_client")->decide,
                     restriction_find("reject_unknown_client_hostname")->decide);
    assert_null(restriction_find("reject_maps_rbl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_name_known_restrictions),
        cmocka_unit_test(old_names_mean_the_new_function),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
