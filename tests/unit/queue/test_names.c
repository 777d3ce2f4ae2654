/* Many writers under a clock that stands still for a while: no name is given twice while
 * its file is there. NAMES=1000000 in the environment: how many are made. */
#include "sandbox.h"

#include "queue/draft.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

enum { WRITERS = 16, KEPT = 32, NAMES = 4000, TICK_US = 10000 };

/* In place of libc's: ten milliseconds are one instant, as on a coarse clock. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    tv->tv_sec = now.tv_sec;
    tv->tv_usec = now.tv_nsec / 1000 / TICK_US * TICK_US;
    return 0;
}

struct kept {
    struct draft draft;
    unsigned mark; /* what its writer wrote into it */
};

/* cmocka's assertions would let a child go on as if it were the parent. */
static void need(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "writer %ld: could not %s\n", (long)getpid(), what);
    _exit(1);
}

static void make(struct kept *kept, struct spool *spool, unsigned mark)
{
    struct fail why;

    need(draft_create(&kept->draft, spool, QUEUE_INCOMING, &why) == 0, "create");
    kept->mark = mark;
    need(pwrite(kept->draft.fd, &mark, sizeof mark, 0) == sizeof mark, "write");
}

/* Under its name there is the file that was made, as it was made; then remove it. */
static void check_and_remove(struct kept *kept, const struct spool *spool)
{
    unsigned mark = 0;
    struct fail why;
    int fd;

    need(spool_open(spool, QUEUE_INCOMING, kept->draft.id, O_RDONLY, &fd, &why) == 1,
         "open");
    need(pread(fd, &mark, sizeof mark, 0) == sizeof mark, "read");
    need(mark == kept->mark, "find its own words");
    close(fd);
    draft_abandon(&kept->draft);
}

/* Files come and go in any order, so that inodes are used again at once. */
static int write_many(unsigned writer, unsigned n, bool long_ids)
{
    struct kept kept[KEPT];
    struct spool spool;
    unsigned seed = writer, made = 0;

    spool_init(&spool, "", 0, long_ids);
    while (made < KEPT)
        make(&kept[made], &spool, writer << 24 | made), made++;
    for (; made < n; made++) {
        struct kept *next = &kept[(unsigned)rand_r(&seed) % KEPT];

        check_and_remove(next, &spool);
        make(next, &spool, writer << 24 | made);
    }
    for (size_t i = 0; i < KEPT; i++)
        check_and_remove(&kept[i], &spool);
    return 0;
}

static void all_write(bool long_ids)
{
    const char *wanted = getenv("NAMES");
    unsigned n = (unsigned)(wanted ? atoi(wanted) : NAMES) / 2 / WRITERS;
    int status;

    for (unsigned i = 0; i < WRITERS; i++)
        if (fork() == 0)
            _exit(write_many(i, n, long_ids));
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(rmdir("incoming"), 0); /* nothing is left */
    assert_int_equal(mkdir("incoming", 0700), 0);
}

static void no_short_name_is_given_twice(void **state)
{
    (void)state;
    all_write(false);
}

static void no_long_name_is_given_twice(void **state)
{
    (void)state;
    all_write(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sandbox_test(no_short_name_is_given_twice),
        sandbox_test(no_long_name_is_given_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
