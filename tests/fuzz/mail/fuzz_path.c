/* The address argument of MAIL and RCPT, in each strictness. */
#include "fuzz.h"

#include "mail/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = INPUT(data, size);

    for (unsigned flags = 0; flags < 8; flags++) {
        struct arena *arena = arena_new("fuzz");
        struct path path;
        struct fail why;

        if (path_parse(input, flags, arena, &path, &why) == 0) {
            HOLDS(memchr(path.address.p, 0, path.address.n) == NULL);
            HOLDS(path.address.p[path.address.n] == 0);
            HOLDS(path.address.n > 0 || (flags & PATH_NULL_OK));
            HOLDS(path.rest.n <= input.n);
        }
        arena_free(arena);
    }
    return 0;
}
