/*
 * A queue directory of a test's own: made empty before each test, and the
 * working directory while it runs. Use as cmocka setup and teardown.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "unit.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int sandbox_remove_one(const char *path, const struct stat *st, int kind,
                              struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static int sandbox_leave(void **state)
{
    int result = chdir("/") | nftw(*state, sandbox_remove_one, 20, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return result;
}

static int sandbox_enter(void **state)
{
    static const char *const queues[] = {"incoming", "active",  "deferred",
                                         "hold",     "corrupt", "maildrop",
                                         "bounce",   "defer",   "trace"};
    char *path = strdup("/tmp/postern-queue-XXXXXX");

    if (mkdtemp(path) == NULL || chdir(path) < 0)
        return -1;
    *state = path;
    for (size_t i = 0; i < ROWS(queues); i++)
        if (mkdir(queues[i], 0700) < 0)
            return -1;
    return 0;
}

#define sandbox_test(f) cmocka_unit_test_setup_teardown(f, sandbox_enter, sandbox_leave)

#endif
