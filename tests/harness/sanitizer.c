/*
 * Linked into programs that are built with SAN=address: they leave it to their end to
 * free what they have, which is no leak. (Unit tests free all, and are looked at.) No
 * environment variable would reach daemons and set-gid commands.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
