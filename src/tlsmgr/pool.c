/*
 * Random bytes for keys: the kernel's, with those of tls_random_source and of former
 * processes mixed in, so that a fault of one source alone gives nothing away.
 */
#include "tlsmgr/tlsmgr.h"

#include "net/connect.h"
#include "util/file.h"
#include "util/ids.h"
#include "util/log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = 1024, EGD_MS = 1000, EGD_MAX = 255 };

struct pool {
    unsigned char bytes[SIZE];
    size_t at; /* where the next byte is stirred in, or taken */
    const char *source_name, *exchange_name;
    int source, exchange; /* -1 = none */
    bool is_egd;
    size_t portion; /* bytes of the source at a time */
};

/* --- mixing ------------------------------------------------------------------------- */

static void stir(struct pool *pool, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        pool->bytes[pool->at] ^= p[i];
        pool->at = (pool->at + 1) % SIZE;
    }
}

static void kernel_bytes(void *p, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom((char *)p + done, n - done, 0);

        if (got < 0)
            panic("getrandom: %m");
        done += (size_t)got;
    }
}

void pool_take(struct pool *pool, void *p, size_t n)
{
    unsigned char *to = p, fresh;

    kernel_bytes(p, n);
    for (size_t i = 0; i < n; i++) {
        to[i] ^= pool->bytes[pool->at];
        kernel_bytes(&fresh, 1); /* what was taken is not taken again */
        pool->bytes[pool->at] ^= fresh;
        pool->at = (pool->at + 1) % SIZE;
    }
}

/* --- the source --------------------------------------------------------------------- */

static int open_source(struct pool *pool, struct fail *why)
{
    struct str name = str_of(pool->source_name);

    if (str_starts(name, "dev:"))
        return file_open(name.p + 4, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, why);
    pool->is_egd = str_starts(name, "egd:");
    if (pool->is_egd)
        return connect_unix(name.p + 4, EGD_MS, why);
    return fail_set(why, "it is neither dev:/path nor egd:/path");
}

/* The protocol of EGD: command 1 and a count; a count and bytes. */
static ssize_t ask_egd(const struct pool *pool, unsigned char *p, size_t n)
{
    const unsigned char question[] = {1, (unsigned char)n};
    struct pollfd answer = {pool->source, POLLIN, 0};
    unsigned char bytes[1 + EGD_MAX];
    ssize_t got;

    if (send(pool->source, question, sizeof question, MSG_NOSIGNAL | MSG_DONTWAIT) !=
            sizeof question ||
        poll(&answer, 1, EGD_MS) <= 0)
        return -1;
    got = recv(pool->source, bytes, 1 + n, MSG_DONTWAIT);
    if (got <= 1)
        return got;
    memcpy(p, bytes + 1, (size_t)got - 1);
    return got - 1;
}

void pool_reseed(struct pool *pool)
{
    unsigned char bytes[EGD_MAX];
    ssize_t n;

    if (pool->source < 0 || pool->portion == 0)
        return;
    n = pool->is_egd ? ask_egd(pool, bytes, pool->portion)
                     : read(pool->source, bytes, pool->portion);
    if (n > 0)
        stir(pool, bytes, (size_t)n);
    else
        log_warning("tls_random_source %s gives no random bytes", pool->source_name);
}

/* --- the exchange file -------------------------------------------------------------- */

static int open_file(const char *path, struct fail *why)
{
    struct stat found;
    int fd = file_open_safely(path, O_RDWR | O_CREAT, 0600, &found, why);

    if (fd >= 0 && !S_ISREG(found.st_mode)) {
        close(fd);
        return fail_set(why, "it is no file");
    }
    return fd;
}

/* As root, as whom what is made belongs to mail_owner. */
static int open_exchange(const struct conf *conf, struct arena *arena, struct fail *why)
{
    const char *path = conf->tls_random_exchange_name;
    struct user owner;
    struct fail restoring;
    int fd;

    if (geteuid() != 0)
        return open_file(path, why);
    if (user_by_name(conf->mail_owner, arena, &owner, why) <= 0 ||
        ids_become(owner.uid, owner.gid, why) < 0)
        return -1;
    fd = open_file(path, why);
    if (ids_restore(&restoring) < 0)
        fatal("%s", restoring.text);
    return fd;
}

static void read_exchange(struct pool *pool)
{
    unsigned char bytes[SIZE];
    ssize_t n = pool->exchange < 0 ? 0 : pread(pool->exchange, bytes, sizeof bytes, 0);

    if (n > 0)
        stir(pool, bytes, (size_t)n);
}

void pool_save(struct pool *pool)
{
    unsigned char bytes[SIZE];
    struct fail why;

    if (pool->exchange < 0)
        return;
    pool_take(pool, bytes, sizeof bytes);
    if (file_pwrite_all(pool->exchange, bytes, sizeof bytes, 0, &why) < 0)
        log_warning("tls_random_exchange_name %s: %s", pool->exchange_name, why.text);
}

/* --- all of it ---------------------------------------------------------------------- */

struct pool *pool_open(const struct conf *conf, struct arena *arena)
{
    struct pool *pool = ARENA_NEW(arena, struct pool);
    struct fail why;

    pool->source = -1;
    pool->source_name = conf->tls_random_source;
    pool->exchange_name = conf->tls_random_exchange_name;
    pool->portion = (size_t)conf->tls_random_bytes < EGD_MAX
                        ? (size_t)conf->tls_random_bytes
                        : EGD_MAX;
    kernel_bytes(pool->bytes, sizeof pool->bytes);
    if (*pool->source_name) {
        pool->source = open_source(pool, &why);
        if (pool->source < 0)
            log_warning("cannot use tls_random_source %s: %s", pool->source_name,
                        why.text);
    }
    pool->exchange = open_exchange(conf, arena, &why);
    if (pool->exchange < 0)
        log_warning("cannot use tls_random_exchange_name %s: %s", pool->exchange_name,
                    why.text);
    read_exchange(pool);
    pool_reseed(pool);
    pool_save(pool);
    return pool;
}
