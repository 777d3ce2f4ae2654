/* Connecting and listening together: each needs the other. */
#include "unit.h"

#include "net/connect.h"
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct netaddr loopback(uint16_t port)
{
    struct netaddr address;

    assert_true(netaddr_parse(STR("127.0.0.1"), &address));
    address.port = port;
    return address;
}

static void inet_ends_meet_and_are_closed_on_exec(void **state)
{
    struct netaddr address = loopback(0), peer, seen;
    struct fail why = {0};
    int listener = listen_inet(&address, 5, &why), ours, theirs;

    (void)state;
    assert_true(listener >= 0);
    netaddr_of_own_end(listener, &address);
    ours = connect_inet(&address, NULL, 1000, &why);
    assert_true(ours >= 0);
    theirs = listen_accept(listener, &peer, &why);
    assert_true(theirs >= 0);
    netaddr_of_own_end(ours, &seen);
    assert_int_equal(peer.port, seen.port);
    netaddr_of_peer(ours, &seen);
    assert_int_equal(seen.port, address.port);
    assert_true(fcntl(ours, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(theirs, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    assert_false(fcntl(ours, F_GETFL) & O_NONBLOCK);
    close(ours);
    close(theirs);
    close(listener);
}

static void connects_from_the_source_address_asked_for(void **state)
{
    struct netaddr address = loopback(0), source, peer;
    struct fail why = {0};
    int listener = listen_inet(&address, 5, &why), ours, theirs;

    (void)state;
    netaddr_of_own_end(listener, &address);
    assert_true(netaddr_parse(STR("127.0.0.9"), &source));
    ours = connect_inet(&address, &source, 1000, &why);
    assert_true(ours >= 0);
    theirs = listen_accept(listener, &peer, &why);
    assert_true(netaddr_equal(&peer, &source));
    close(ours);
    close(theirs);
    assert_true(netaddr_parse(STR("192.0.2.1"), &source)); /* not ours */
    assert_int_equal(connect_inet(&address, &source, 1000, &why), -1);
    assert_non_null(strstr(why.text, "bind 192.0.2.1"));
    close(listener);
}

static void refused_connections_say_why(void **state)
{
    struct netaddr address = loopback(0);
    struct fail why = {0};
    int listener = listen_inet(&address, 5, &why);

    (void)state;
    netaddr_of_own_end(listener, &address);
    close(listener);
    assert_int_equal(connect_inet(&address, NULL, 1000, &why), -1);
    assert_int_equal(why.code, ECONNREFUSED);
    assert_string_equal(why.text, "Connection refused");
}

/* Nobody accepts, and the backlog is full: the handshake is not answered. */
static void a_connection_that_is_not_made_times_out(void **state)
{
    struct netaddr address = loopback(0);
    struct fail why = {0};
    int listener = listen_inet(&address, 0, &why), fds[8], n = 0;

    (void)state;
    netaddr_of_own_end(listener, &address);
    while (n < 8 && (fds[n] = connect_inet(&address, NULL, 50, &why)) >= 0)
        n++;
    assert_true(n < 8);
    assert_int_equal(why.code, ETIMEDOUT);
    assert_string_equal(why.text, "Connection timed out");
    while (n > 0)
        close(fds[--n]);
    close(listener);
}

static void a_port_in_use_is_an_error(void **state)
{
    struct netaddr address = loopback(0);
    struct fail why = {0};
    int listener = listen_inet(&address, 5, &why);

    (void)state;
    netaddr_of_own_end(listener, &address);
    assert_int_equal(listen_inet(&address, 5, &why), -1);
    assert_int_equal(why.code, EADDRINUSE);
    assert_non_null(strstr(why.text, "127.0.0.1 port"));
    close(listener);
}

static char directory[] = "/tmp/test_connect.XXXXXX";
static char path[64];

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/socket", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static void unix_sockets_replace_stale_ones_and_have_exact_modes(void **state)
{
    struct fail why = {0};
    struct stat st;
    int listener = listen_unix(path, 5, 0666, &why), ours;

    (void)state;
    assert_true(listener >= 0);
    close(listener); /* as a process that died: the name stays */
    assert_int_equal(connect_unix(path, 100, &why), -1);
    assert_int_equal(why.code, ECONNREFUSED);
    assert_non_null(strstr(why.text, path));
    listener = listen_unix(path, 5, 0666, &why);
    assert_true(listener >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0666);
    ours = connect_unix(path, 100, &why);
    assert_true(ours >= 0);
    close(ours);
    close(listener);
    unlink(path);
}

static void a_stale_fifo_is_replaced(void **state)
{
    struct fail why = {0};
    struct stat st;
    int listener;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    listener = listen_unix(path, 5, 0666, &why);
    assert_true(listener >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    close(listener);
    unlink(path);
}

static void nothing_but_a_socket_is_removed(void **state)
{
    struct fail why = {0};
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    (void)state;
    close(fd);
    assert_int_equal(listen_unix(path, 5, 0666, &why), -1);
    assert_non_null(strstr(why.text, "not a socket"));
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
}

static void datagrams_arrive(void **state)
{
    struct fail why = {0};
    int server = listen_unix_datagram(path, 0622, &why), client;
    char got[8];

    (void)state;
    assert_true(server >= 0);
    client = connect_unix_datagram(path, &why);
    assert_true(client >= 0);
    assert_int_equal(send(client, "hello", 5, 0), 5);
    assert_int_equal(recv(server, got, sizeof got, 0), 5);
    close(client);
    close(server);
    unlink(path);
}

static void over_long_paths_are_refused(void **state)
{
    char longer[200];
    struct fail why = {0};

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(listen_unix(longer, 5, 0666, &why), -1);
    assert_int_equal(connect_unix(longer, 5, &why), -1);
    assert_int_equal(why.code, ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inet_ends_meet_and_are_closed_on_exec),
        cmocka_unit_test(connects_from_the_source_address_asked_for),
        cmocka_unit_test(refused_connections_say_why),
        cmocka_unit_test(a_connection_that_is_not_made_times_out),
        cmocka_unit_test(a_port_in_use_is_an_error),
        cmocka_unit_test(unix_sockets_replace_stale_ones_and_have_exact_modes),
        cmocka_unit_test(a_stale_fifo_is_replaced),
        cmocka_unit_test(nothing_but_a_socket_is_removed),
        cmocka_unit_test(datagrams_arrive),
        cmocka_unit_test(over_long_paths_are_refused),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
