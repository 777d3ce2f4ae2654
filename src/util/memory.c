/* Heap memory or the end of the process: the queue file is the truth, and master starts
 * anew. */
#include "util/memory.h"

#include "util/log.h"

void *memory_new(size_t count, size_t size, const char *what)
{
    void *p = calloc(count ? count : 1, size ? size : 1);

    if (p == NULL)
        fatal("out of memory: %zu times %zu bytes for %s", count, size, what);
    return p;
}
