/* tlsmgr/tickets.c: how keys follow one another. */
#include "unit.h"

#include "tls/manager.h"
#include "tlsmgr/tlsmgr.h"

#include <stdlib.h>
#include <unistd.h>

enum { LIFE = 100, START = 1000000 };

static const struct conf conf = {.tls_random_source = "",
                                 .tls_random_exchange_name = "/tmp/test_tickets.prng",
                                 .mail_owner = "nobody"};

static struct tls_ticket_key key_of(const char *text)
{
    struct tls_ticket_key key = {.expires = 0};

    assert_true(tls_ticket_key_parse(text, &key));
    return key;
}

static const struct {
    const char *what;
    int64_t now;
    bool is_new, has_former;
    int64_t issue_until, former_expires;
} steps[] = {
    {"the first", START, true, false, START + LIFE, 0},
    {"still", START + LIFE - 1, false, false, START + LIFE, 0},
    {"the second", START + LIFE, true, true, START + 2 * LIFE, START + 2 * LIFE},
    {"the first is over", START + 2 * LIFE - 1, false, true, START + 2 * LIFE,
     START + 2 * LIFE},
    {"after a long rest", START + 10 * LIFE, true, false, START + 11 * LIFE, 0},
    {"the clock is set back", START, true, true, START + LIFE, START + 12 * LIFE},
};

static void keys_are_changed(void **state)
{
    struct arena *arena = arena_new("test");
    struct tickets *tickets = tickets_new(pool_open(&conf, arena), LIFE, arena);
    struct tls_ticket_key last = {.expires = 0};

    (void)state;
    for (size_t i = 0; i < ROWS(steps); i++) {
        struct tls_keys keys;
        struct tls_ticket_key key;

        tickets_get(tickets, steps[i].now, arena, &keys);
        key = key_of(keys.key);
        ROW_INT(steps[i].what, memcmp(key.secret, last.secret, sizeof key.secret) != 0,
                steps[i].is_new);
        ROW_INT(steps[i].what, keys.issue_until, steps[i].issue_until);
        ROW_INT(steps[i].what, keys.expires, steps[i].issue_until + LIFE);
        ROW_INT(steps[i].what, *keys.former != '\0', steps[i].has_former);
        if (steps[i].has_former)
            ROW_INT(steps[i].what, keys.former_expires, steps[i].former_expires);
        if (steps[i].has_former && steps[i].is_new)
            ROW_INT(steps[i].what,
                    memcmp(key_of(keys.former).secret, last.secret, sizeof last.secret),
                    0);
        last = key;
    }
    unlink(conf.tls_random_exchange_name);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
