#include "unit.h"

#include "dns/servers.h"

#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/test_servers.XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    close(fd);
    return fd < 0;
}

static int remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static struct dns_servers read_text(const char *text, struct arena *arena)
{
    struct dns_servers got = {0};
    struct fail why = {0};
    FILE *f = fopen(path, "w");

    fputs(text, f);
    fclose(f);
    if (dns_servers_read(path, arena, &got, &why) < 0)
        fail_msg("%s", why.text);
    return got;
}

static void reads_servers_domains_and_options(void **state)
{
    struct arena *arena = arena_new("test");
    char text[NETADDR_TEXT];
    struct dns_servers got = read_text("# a comment\n"
                                       "domain first.example\n"
                                       "nameserver 192.0.2.1\n"
                                       "nameserver\t2001:db8::53 \n"
                                       "nameserver no.numbers\n"
                                       "nameserver [127.0.0.1]:5353\n"
                                       "nameserver 192.0.2.4\n"
                                       " nameserver 192.0.2.5\n"
                                       "search a.example b.example\n"
                                       "options rotate timeout:3 attempts:4 ndots:2\r\n",
                                       arena);

    (void)state;
    assert_int_equal(got.n, 3);
    assert_string_equal(netaddr_text(&got.address[0], text), "192.0.2.1");
    assert_int_equal(got.address[0].port, 53);
    assert_string_equal(netaddr_text(&got.address[1], text), "2001:db8::53");
    assert_string_equal(netaddr_text(&got.address[2], text), "127.0.0.1");
    assert_int_equal(got.address[2].port, 5353);
    assert_int_equal(got.timeout_ms, 3000);
    assert_int_equal(got.attempts, 4);
    assert_int_equal(got.n_search, 2);
    assert_string_equal(got.search[1], "b.example");
    arena_free(arena);
}

static void limits_options_to_what_is_sane(void **state)
{
    struct arena *arena = arena_new("test");
    struct dns_servers got = read_text("options timeout:999 attempts:99\n", arena);

    (void)state;
    assert_int_equal(got.timeout_ms, 30000);
    assert_int_equal(got.attempts, 5);
    got = read_text("options timeout:0 attempts:x\n", arena);
    assert_int_equal(got.timeout_ms, 5000);
    assert_int_equal(got.attempts, 2);
    arena_free(arena);
}

static void nobody_named_means_the_server_on_this_machine(void **state)
{
    struct arena *arena = arena_new("test");
    struct dns_servers got = read_text("", arena);
    char text[NETADDR_TEXT];

    (void)state;
    assert_int_equal(got.n, 1);
    assert_string_equal(netaddr_text(&got.address[0], text), "127.0.0.1");
    assert_int_equal(dns_servers_read("/tmp/no/such/file", arena, &got, NULL), 0);
    assert_int_equal(got.n, 1);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_servers_domains_and_options),
        cmocka_unit_test(limits_options_to_what_is_sane),
        cmocka_unit_test(nobody_named_means_the_server_on_this_machine),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
