/* Notices: one datagram, one queue id. */
#include "ipc/notice.h"

#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

static void carries_queue_ids(void **state)
{
    char directory[] = "/tmp/test-notice-XXXXXX", path[64], id[20];
    struct fail why;
    int to, from;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/n", directory);
    from = notice_sender(100, &why);
    assert_true(from >= 0);
    assert_int_equal(notice_send(from, path, "ABC", &why), -1);
    to = notice_open(path, &why);
    assert_true(to >= 0);
    assert_int_equal(notice_receive(to, id, sizeof(id), &why), 0);
    assert_int_equal(notice_send(from, path, "1E240F1206", &why), 0);
    assert_int_equal(notice_send(from, path, "ABC", &why), 0);
    assert_int_equal(notice_receive(to, id, sizeof(id), &why), 1);
    assert_string_equal(id, "1E240F1206");
    assert_int_equal(notice_receive(to, id, sizeof(id), &why), 1);
    assert_string_equal(id, "ABC");
    assert_int_equal(notice_receive(to, id, sizeof(id), &why), 0);

    /* longer than any id: names nothing */
    assert_int_equal(notice_send(from, path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &why), 0);
    assert_int_equal(notice_receive(to, id, sizeof(id), &why), 1);
    assert_string_equal(id, "");

    /* a receiver that comes back takes the path over */
    close(to);
    assert_int_equal(notice_send(from, path, "ABC", &why), -1);
    to = notice_open(path, &why);
    assert_int_equal(notice_send(from, path, "ABC", &why), 0);
    close(to);
    close(from);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(carries_queue_ids)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
