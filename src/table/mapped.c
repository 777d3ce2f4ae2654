/*
 * See mapped.h. A look at the file's size before each lookup would cost more than the
 * lookup itself, and leave a gap; a handler of the signal costs nothing until it is
 * needed.
 */
#include "table/mapped.h"

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* A handler of signals is told nothing but the address, and there is one for a signal, so
 * this is for all of the process, which has one thread; were it a part of each plug-in
 * that maps files, they would take it away from each other. */
static struct {
    struct sigaction before;
    volatile bool is_reading;
    uintptr_t from, n;
    sigjmp_buf out;
} guard;

static void on_bus_error(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (guard.is_reading && (uintptr_t)info->si_addr - guard.from < guard.n)
        siglongjmp(guard.out, 1);
    sigaction(number, &guard.before, NULL); /* not ours: it comes once more */
}

void mapped_prepare(void)
{
    /* the signal stays allowed: the jump does not bring the mask back */
    struct sigaction action = {.sa_sigaction = on_bus_error,
                               .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sigaction now;

    if (sigaction(SIGBUS, NULL, &now) < 0 ||
        ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_bus_error))
        return;
    guard.before = now;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

int mapped_read(const void *p, size_t n, mapped_reader *read, void *context)
{
    guard.from = (uintptr_t)p;
    guard.n = n;
    if (sigsetjmp(guard.out, 0) != 0) {
        guard.is_reading = false;
        return -1;
    }
    guard.is_reading = true;
    read(context);
    guard.is_reading = false;
    return 0;
}
