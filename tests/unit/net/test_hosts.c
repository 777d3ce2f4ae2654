#include "unit.h"

#include "net/hosts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/test_hosts.XXXXXX";

struct fake {
    int64_t now_ms;
};

static int64_t fake_ms(const struct clock *clock)
{
    return ((struct fake *)clock->state)->now_ms;
}

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

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const char content[] = "# the usual\n"
                              "127.0.0.1\tlocalhost\n"
                              "192.0.2.1 Mail.Example mail # a comment\n"
                              "\n"
                              "192.0.2.2 mail.example\r\n"
                              "bad.address name\n"
                              "192.0.2.3\n"
                              "2001:db8::1 mail.example v6";

static void finds_names_aliases_and_addresses(void **state)
{
    struct hosts *hosts = hosts_new(path, &clock_system);
    struct arena *arena = arena_new("test");
    struct netaddrs got = {0};
    struct netaddr address;
    const char *name = NULL;
    char text[NETADDR_TEXT];

    (void)state;
    write_file(content);
    assert_int_equal(hosts_by_name(hosts, "MAIL.example", arena, &got, NULL), 1);
    assert_int_equal(got.n, 3);
    assert_string_equal(netaddr_text(&got.items[0], text), "192.0.2.1");
    assert_string_equal(netaddr_text(&got.items[1], text), "192.0.2.2");
    assert_string_equal(netaddr_text(&got.items[2], text), "2001:db8::1");
    assert_int_equal(hosts_by_name(hosts, "mail", arena, &got, NULL), 1);
    assert_int_equal(got.n, 1);
    assert_int_equal(hosts_by_name(hosts, "comment", arena, &got, NULL), 0);
    assert_int_equal(hosts_by_name(hosts, "name", arena, &got, NULL), 0);
    assert_true(netaddr_parse(STR("192.0.2.1"), &address));
    assert_int_equal(hosts_by_address(hosts, &address, arena, &name, NULL), 1);
    assert_string_equal(name, "Mail.Example");
    assert_true(netaddr_parse(STR("192.0.2.3"), &address));
    assert_int_equal(hosts_by_address(hosts, &address, arena, &name, NULL), 0);
    arena_free(arena);
    hosts_free(hosts);
}

static void reads_the_file_again_when_it_changed(void **state)
{
    struct fake fake = {1000};
    struct clock clock = {.monotonic_ms = fake_ms, .state = &fake};
    struct hosts *hosts = hosts_new(path, &clock);
    struct arena *arena = arena_new("test");
    struct netaddrs got;

    (void)state;
    write_file("192.0.2.1 one\n");
    assert_int_equal(hosts_by_name(hosts, "one", arena, &got, NULL), 1);
    write_file("192.0.2.1 another\n");
    assert_int_equal(hosts_by_name(hosts, "another", arena, &got, NULL),
                     0); /* not yet looked */
    fake.now_ms += 1000;
    assert_int_equal(hosts_by_name(hosts, "another", arena, &got, NULL), 1);
    assert_int_equal(hosts_by_name(hosts, "one", arena, &got, NULL), 0);
    unlink(path);
    fake.now_ms += 1000;
    assert_int_equal(hosts_by_name(hosts, "another", arena, &got, NULL), 0);
    arena_free(arena);
    hosts_free(hosts);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    struct hosts *hosts = hosts_new("/tmp", &clock_system); /* a directory */
    struct arena *arena = arena_new("test");
    struct netaddrs got;
    struct fail why = {0};

    (void)state;
    assert_int_equal(hosts_by_name(hosts, "any", arena, &got, &why), -1);
    assert_true(why.text[0] != '\0');
    arena_free(arena);
    hosts_free(hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_names_aliases_and_addresses),
        cmocka_unit_test(reads_the_file_again_when_it_changed),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
