/* Sockets of services: where they are, who may connect, what stands in their way. */
#include "master/listener.h"

#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

/* As master does, work in the queue directory. */
static int enter_queue(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/postern-listener-XXXXXX");
    return mkdtemp(directory) == NULL || chdir(directory) < 0 ||
           mkdir("private", 0700) < 0 || mkdir("public", 0755) < 0;
}

static int leave_queue(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    return chdir("/") < 0 || system(command) != 0;
}

static const struct conf *conf_of(const char *interfaces)
{
    static struct conf conf;

    conf = (struct conf){.inet_interfaces = interfaces, .inet_protocols = "ipv4"};
    return &conf;
}

static const struct {
    struct master_service line;
    const char *path;
    mode_t mode;
} local[] = {
    {{.name = "cleanup", .type = MASTER_UNIX}, "public/cleanup", S_IFSOCK | 0666},
    {{.name = "a", .type = MASTER_UNIX, .private = true}, "private/a", S_IFSOCK | 0666},
    {{.name = "p", .type = MASTER_PASS, .private = true}, "private/p", S_IFSOCK | 0666},
    {{.name = "log", .type = MASTER_UNIX_DGRAM}, "public/log", S_IFSOCK | 0666},
    {{.name = "f", .type = MASTER_FIFO}, "public/f", S_IFIFO | 0622},
};

static void local_services_are_named_and_can_be_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(local); i++)
        for (int again = 0; again < 2; again++) { /* over what the first left */
            struct listener listener;
            struct pollfd p;
            struct fail why;
            struct stat st;

            if (listener_open(&listener, &local[i].line, conf_of("all"), &why) < 0)
                fail_msg("row \"%s\": %s", local[i].path, why.text);
            ROW_INT(local[i].path, listener.n, 1);
            assert_int_equal(stat(local[i].path, &st), 0);
            ROW_INT(local[i].path, st.st_mode, local[i].mode);
            assert_int_equal(fcntl(listener.fds[0], F_GETFD), FD_CLOEXEC);
            listener_poke(&listener, local[i].line.type, 'W');
            p = (struct pollfd){.fd = listener.fds[0], .events = POLLIN};
            ROW_INT(local[i].path, poll(&p, 1, 5000), 1);
            if (again)
                listener_remove(&listener);
            else
                listener_close(&listener);
        }
    for (size_t i = 0; i < ROWS(local); i++)
        assert_int_equal(access(local[i].path, F_OK), -1);
}

static void what_is_no_socket_stays(void **state)
{
    struct master_service line = {.name = "x", .type = MASTER_UNIX};
    struct listener listener;
    struct fail why;
    int fd = open("public/x", O_CREAT | O_WRONLY, 0600);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(listener_open(&listener, &line, conf_of("all"), &why), -1);
    assert_non_null(strstr(why.text, "public/x"));
    assert_int_equal(access("public/x", F_OK), 0);
    line.type = MASTER_FIFO;
    assert_int_equal(listener_open(&listener, &line, conf_of("all"), &why), -1);
    assert_string_equal(why.text, "public/x is no fifo");
    /* nor is a link followed, to whatever */
    assert_int_equal(unlink("public/x"), 0);
    assert_int_equal(mkfifo("elsewhere", 0600), 0);
    assert_int_equal(symlink("../elsewhere", "public/x"), 0);
    assert_int_equal(listener_open(&listener, &line, conf_of("all"), &why), -1);
}

static void network_services_follow_the_configuration(void **state)
{
    struct master_service line = {.type = MASTER_INET};
    struct listener listener;
    struct fail why;
    char port[8], with_host[24];

    (void)state;
    snprintf(port, sizeof(port), "%d",
             20000 + (int)getpid() % 12000); /* most likely free */
    snprintf(with_host, sizeof(with_host), "127.0.0.1:%s", port);
    line.name = with_host;
    if (listener_open(&listener, &line, conf_of("127.0.0.2"), &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(listener.n, 1);
    assert_string_equal(listener.port, port);
    assert_null(listener.path);
    assert_true(listener_is_current(&listener, &line, conf_of("127.0.0.3")));
    listener_close(&listener);

    line.name = port;
    if (listener_open(&listener, &line, conf_of("127.0.0.1, 127.0.0.2"), &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(listener.n, 2);
    assert_true(listener_is_current(&listener, &line, conf_of("127.0.0.1, 127.0.0.2")));
    assert_false(listener_is_current(&listener, &line, conf_of("127.0.0.1")));
    assert_false(listener_is_current(&listener, &line, conf_of("127.0.0.1, 127.0.0.3")));
    listener_close(&listener);

    line.name = "no-such-port";
    assert_int_equal(listener_open(&listener, &line, conf_of("all"), &why), -1);
    assert_non_null(strstr(why.text, "no-such-port"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(local_services_are_named_and_can_be_reached,
                                        enter_queue, leave_queue),
        cmocka_unit_test_setup_teardown(what_is_no_socket_stays, enter_queue,
                                        leave_queue),
        cmocka_unit_test(network_services_follow_the_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
