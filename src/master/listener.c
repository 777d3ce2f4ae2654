/*
 * Opening sockets. Only sockets that an earlier master left behind are
 * replaced (net/listen.h): anything else that stands in private/ or public/
 * is somebody's, and an error.
 */
#include "master/listener.h"

#include "net/connect.h"
#include "net/endpoint.h"
#include "net/interfaces.h"
#include "net/listen.h"
#include "net/protocols.h"
#include "util/arena.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SOCKET_MODE = 0666, /* the directory decides who gets there */
    BACKLOG_LEAST = 128,
    BACKLOG_UNLIMITED = 1024,
    POKE_MS = 100, /* own sockets: connecting is instant or the backlog is full */
};

static int backlog(const struct master_service *line)
{
    if (line->process_limit == 0)
        return BACKLOG_UNLIMITED;
    return line->process_limit > BACKLOG_LEAST ? line->process_limit : BACKLOG_LEAST;
}

static void *allocate(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);

    if (p == NULL)
        fatal("out of memory: listening sockets");
    return p;
}

/* --- which addresses ---------------------------------------------------------- */

/* With inet_interfaces = all, one socket for each protocol and not for each address. */
static void wildcards(int protocols, struct arena *arena, struct netaddrs *ret)
{
    ret->items = arena_array(arena, 2, sizeof(*ret->items));
    ret->n = 0;
    if (protocols & PROTOCOL_IPV4)
        ret->items[ret->n++] = (struct netaddr){.family = NETADDR_IPV4};
    if (protocols & PROTOCOL_IPV6)
        ret->items[ret->n++] = (struct netaddr){.family = NETADDR_IPV6};
}

static int own_addresses(const struct conf *conf, int protocols, struct arena *arena,
                         struct netaddrs *ret, struct fail *why)
{
    struct interfaces interfaces;

    if (str_is_nocase(str_trim(str_of(conf->inet_interfaces)), "all")) {
        wildcards(protocols, arena, ret);
        return 0;
    }
    if (interfaces_select(conf->inet_interfaces, protocols, arena, &interfaces, why) < 0)
        return fail_prefix(why, "inet_interfaces");
    *ret = (struct netaddrs){interfaces.addresses, interfaces.n};
    return 0;
}

/* All addresses of "port", "host:port", "[address]:port", with the port filled in. */
static int wanted_addresses(const struct master_service *line, const struct conf *conf,
                            struct arena *arena, struct netaddrs *ret, struct fail *why)
{
    struct endpoint endpoint;
    int protocols, found;
    uint16_t port;

    if (endpoint_parse(str_of(line->name), ENDPOINT_ALONE_IS_PORT, arena, &endpoint,
                       why) < 0 ||
        endpoint_port(endpoint.port, conf->known_tcp_ports, &port, why) < 0 ||
        protocols_parse(str_of(conf->inet_protocols), &protocols, why) < 0)
        return -1;
    if (endpoint.host[0] == '\0') {
        if (own_addresses(conf, protocols, arena, ret, why) < 0)
            return -1;
    } else {
        found = endpoint_addresses(endpoint.host, port, protocols, arena, ret, why);
        if (found <= 0)
            return found < 0 ? -1 : fail_set(why, "host not found: %s", endpoint.host);
    }
    for (size_t i = 0; i < ret->n; i++)
        ret->items[i].port = port;
    return ret->n > 0 ? 0 : fail_set(why, "no address to listen at");
}

/* --- opening -------------------------------------------------------------------- */

static int open_addresses(struct listener *l, const struct netaddrs *wanted, int queue,
                          struct fail *why)
{
    char port[8];

    l->fds = allocate(wanted->n, sizeof(*l->fds));
    l->addresses = allocate(wanted->n, sizeof(*l->addresses));
    snprintf(port, sizeof(port), "%u", wanted->items[0].port);
    l->port = strdup(port);
    for (l->n = 0; l->n < wanted->n; l->n++) {
        const struct netaddr *address = &wanted->items[l->n];
        int fd = listen_inet(address, queue, why);

        if (fd < 0)
            return -1;
        l->fds[l->n] = fd;
        l->addresses[l->n] = *address;
    }
    return 0;
}

static int open_inet(struct listener *l, const struct master_service *line,
                     const struct conf *conf, struct fail *why)
{
    struct arena *arena = arena_new("addresses");
    struct netaddrs wanted = {0};
    int status = wanted_addresses(line, conf, arena, &wanted, why);

    if (status < 0)
        fail_prefix(why, "service %s", line->name);
    else
        status = open_addresses(l, &wanted, backlog(line), why);
    arena_free(arena);
    return status;
}

/* Open for both ends, so that the service never sees end of input. */
static int open_fifo(const char *path, struct fail *why)
{
    struct stat st;
    int fd;

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) /* of another master.cf */
        (void)!unlink(path);
    if (mkfifo(path, 0600) < 0 && errno != EEXIST)
        return fail_set(why, "create fifo %s: %m", path);
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_set(why, "open fifo %s: %m", path);
    if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)) {
        close(fd);
        return fail_set(why, "%s is no fifo", path);
    }
    if (fchmod(fd, 0622) < 0) {
        close(fd);
        return fail_set(why, "change mode of %s: %m", path);
    }
    return fd;
}

static int open_local(struct listener *l, const struct master_service *line,
                      struct fail *why)
{
    int fd;

    if (asprintf(&l->path, "%s/%s", line->private ? "private" : "public", line->name) < 0)
        fatal("out of memory: listening sockets");
    if (line->type == MASTER_FIFO)
        fd = open_fifo(l->path, why);
    else if (line->type == MASTER_UNIX_DGRAM)
        fd = listen_unix_datagram(l->path, SOCKET_MODE, why);
    else
        fd = listen_unix(l->path, backlog(line), SOCKET_MODE, why);
    if (fd < 0)
        return -1;
    l->fds = allocate(1, sizeof(*l->fds));
    l->fds[0] = fd;
    l->n = 1;
    return 0;
}

int listener_open(struct listener *listener, const struct master_service *line,
                  const struct conf *conf, struct fail *why)
{
    int status;

    *listener = (struct listener){0};
    status = line->type == MASTER_INET ? open_inet(listener, line, conf, why)
                                       : open_local(listener, line, why);
    if (status < 0)
        listener_close(listener);
    return status;
}

void listener_close(struct listener *listener)
{
    for (size_t i = 0; i < listener->n; i++)
        close(listener->fds[i]);
    free(listener->fds);
    free(listener->addresses);
    free(listener->path);
    free(listener->port);
    *listener = (struct listener){0};
}

void listener_remove(struct listener *listener)
{
    if (listener->path)
        unlink(listener->path);
    listener_close(listener);
}

bool listener_is_current(const struct listener *listener,
                         const struct master_service *line, const struct conf *conf)
{
    struct arena *arena;
    struct netaddrs wanted = {0};
    bool same;

    if (line->type != MASTER_INET)
        return true;
    arena = arena_new("addresses");
    same = wanted_addresses(line, conf, arena, &wanted, NULL) == 0 &&
           wanted.n == listener->n;
    for (size_t i = 0; same && i < wanted.n; i++)
        same = netaddr_equal(&wanted.items[i], &listener->addresses[i]) &&
               wanted.items[i].port == listener->addresses[i].port;
    arena_free(arena);
    return same;
}

/* Opened anew: the processes share the flags of the first descriptor, and could make it
 * wait. */
static int open_fifo_to_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

void listener_poke(const struct listener *listener, enum master_type type, char byte)
{
    int fd;

    if (type == MASTER_FIFO) {
        fd = open_fifo_to_write(listener->path);
    } else if (type == MASTER_INET) {
        struct netaddr to = listener->addresses[0];

        if (netaddr_is_any(&to))
            to.bytes[to.family == NETADDR_IPV4 ? 3 : 15] = 1; /* loopback */
        if (to.family == NETADDR_IPV4 && to.bytes[0] == 0)
            to.bytes[0] = 127;
        fd = connect_inet(&to, NULL, POKE_MS, NULL);
    } else if (type == MASTER_UNIX_DGRAM) {
        fd = connect_unix_datagram(listener->path, NULL);
    } else {
        fd = connect_unix(listener->path, POKE_MS, NULL);
    }
    if (fd < 0)
        return;
    if (write(fd, &byte, 1) < 0 && log_verbose())
        log_info("wake up %s: %m", listener->path ? listener->path : listener->port);
    close(fd);
}
