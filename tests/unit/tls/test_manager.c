/* tls/manager.c: keys from tlsmgr, and without it. */
#include "unit.h"

#include "conf/conf.h"
#include "tls/manager.h"
#include "util/clock.h"

static const struct conf conf = {.tlsmgr_service_name = "none", .ipc_timeout = 1};
static int warnings;

static void warn(const char *text)
{
    assert_non_null(strstr(text, "TLS sessions are not shared"));
    warnings++;
}

static struct tls_ticket_key made(unsigned char seed)
{
    struct tls_ticket_key key = {.expires = 0};

    memset(key.name, seed, sizeof key.name);
    memset(key.secret, seed + 1, sizeof key.secret);
    memset(key.mac, seed + 2, sizeof key.mac);
    return key;
}

static void a_key_in_a_message_is_the_key_or_is_none(void **state)
{
    static const char *const bad[] = {"", "AAAA", "no base 64", "===="};
    struct arena *arena = arena_new("test");
    struct tls_ticket_key key = made(7), read = {.expires = 0};
    const char *text = tls_ticket_key_text(&key, arena);

    (void)state;
    assert_true(tls_ticket_key_parse(text, &read));
    assert_memory_equal(&key, &read, sizeof key);
    for (size_t i = 0; i < ROWS(bad); i++)
        ROW_INT(bad[i], tls_ticket_key_parse(bad[i], &read), false);
    assert_false(tls_ticket_key_parse(arena_printf(arena, "%sAAAA", text), &read));
    arena_free(arena);
}

static struct tls_keys keys_of(struct arena *arena, int64_t now)
{
    struct tls_ticket_key current = made(10), former = made(20);

    return (struct tls_keys){.key = tls_ticket_key_text(&current, arena),
                             .issue_until = now + 100,
                             .expires = now + 200,
                             .former = tls_ticket_key_text(&former, arena),
                             .former_expires = now + 50};
}

static void keys_that_were_told_are_used(void **state)
{
    struct arena *arena = arena_new("test");
    struct tls_manager *manager = tls_manager_new(&conf, "smtp", 100, warn, arena);
    struct tls_keys keys = keys_of(arena, clock_wall(&clock_system).tv_sec);
    struct tls_keeper keeper;
    struct fail why;

    (void)state;
    warnings = 0;
    tls_manager_is_fed(manager);
    tls_manager_keeper(manager, true, NULL, &keeper);
    assert_int_equal(tls_manager_take(manager, &keys, &why), 0);
    assert_int_equal(keeper.ticket_key(keeper.context, NULL)->name[0], 10);
    assert_non_null(keeper.ticket_key(keeper.context, made(20).name));
    assert_null(keeper.ticket_key(keeper.context, made(30).name));
    keys.former_expires = 1;
    assert_int_equal(tls_manager_take(manager, &keys, &why), 0);
    assert_null(keeper.ticket_key(keeper.context, made(20).name));
    keys.key = "AAAA";
    assert_int_equal(tls_manager_take(manager, &keys, &why), -1);
    assert_int_equal(keeper.ticket_key(keeper.context, NULL)->name[0], 10);
    assert_int_equal(warnings, 0);
    tls_manager_free(manager);
    arena_free(arena);
}

static void without_tlsmgr_there_is_a_key_of_ones_own(void **state)
{
    struct arena *arena = arena_new("test");
    struct tls_manager *manager = tls_manager_new(&conf, "smtp", 100, warn, arena);
    struct tls_ticket_key first;
    struct tls_keeper keeper;
    struct buf session;

    (void)state;
    warnings = 0;
    tls_manager_keeper(manager, true, "smtp", &keeper);
    first = *keeper.ticket_key(keeper.context, NULL);
    assert_memory_equal(keeper.ticket_key(keeper.context, NULL), &first, sizeof first);
    assert_memory_equal(keeper.ticket_key(keeper.context, first.name), &first,
                        sizeof first);
    assert_null(keeper.ticket_key(keeper.context, made(1).name));
    buf_init(&session, 100);
    assert_false(keeper.find(keeper.context, "key", &session));
    keeper.keep(keeper.context, "key", STR("session"));
    assert_int_equal(warnings, 1); /* and not for each question */
    buf_done(&session);
    tls_manager_free(manager);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_in_a_message_is_the_key_or_is_none),
        cmocka_unit_test(keys_that_were_told_are_used),
        cmocka_unit_test(without_tlsmgr_there_is_a_key_of_ones_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
