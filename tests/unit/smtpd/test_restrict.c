/* smtpd/restriction_list.c: reading restriction lists. */
#include "unit.h"

#include "smtpd/restriction_list.h"

static const struct {
    enum stage stage;
    const char *value;
    const char *fault; /* of the last item; NULL = all are good */
} lists[] = {
    {STAGE_RELAY,
     "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination", NULL},
    {STAGE_CLIENT, "", NULL},
    {STAGE_CLIENT, "sleep 1 reject_unknown_client permit", NULL},
    {STAGE_HELO, "warn_if_reject,reject_invalid_helo_hostname", NULL},
    {STAGE_CLIENT, "permit, permit_my_networks",
     "p: unknown smtpd restriction: \"permit_my_networks\""},
    {STAGE_CLIENT, "permit, check_address_map x:y",
     "p: not for this list: \"check_address_map\""},
    {STAGE_CLIENT, "Permit, sleep", "p: argument missing behind \"sleep\""},
};

static void what_is_wrong_with_a_list_stands_in_its_item(void **state)
{
    struct process process = {.arena = arena_new("test")};
    struct server server = {
        .process = &process,
        .tables = tables_new_with(&(struct tables_options){.places = {PLUGINS, NULL}})};

    (void)state;
    for (size_t i = 0; i < ROWS(lists); i++) {
        struct restriction_list *list = restriction_list_parse(
            &server, (struct restriction_place){"p", lists[i].stage}, lists[i].value,
            process.arena);

        for (size_t j = 0; j + 1 < list->n; j++)
            assert_null(list->items[j].fault);
        if (lists[i].fault)
            ROW_TEXT(lists[i].value, list->items[list->n - 1].fault, lists[i].fault);
        else if (list->n)
            assert_null(list->items[list->n - 1].fault);
    }
    tables_free(server.tables);
    arena_free(process.arena);
}

static void old_names_mean_the_new_function(void **state)
{
    (void)state;
    assert_ptr_equal(restriction_find("reject_unknown_client")->decide,
                     restriction_find("reject_unknown_client_hostname")->decide);
    assert_null(restriction_find("reject_maps"));
}

static void a_class_that_names_itself_refuses_for_now(void **state)
{
    struct restriction_class class = {.name = "loop"};
    struct process process = {.arena = arena_new("test")};
    struct server server = {.process = &process, .classes = &class, .n_classes = 1};
    struct session session = {.server = &server, .command = arena_new("command")};
    struct judge judge = {.session = &session};

    (void)state;
    class.list = restriction_list_parse(
        &server, (struct restriction_place){"loop", STAGE_RECIPIENT}, "loop, permit",
        process.arena);
    assert_int_equal(restrict_walk(&judge, class.list), VERDICT_REJECT);
    assert_int_equal(judge.refusal.code, 451);
    assert_int_equal(judge.depth, 0);
    arena_free(session.command);
    arena_free(process.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_a_list_stands_in_its_item),
        cmocka_unit_test(a_class_that_names_itself_refuses_for_now),
        cmocka_unit_test(old_names_mean_the_new_function),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
