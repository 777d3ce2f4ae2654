/*
 * A time limit on all that is read and written. The library's own limits hold for the
 * beginning of an answer; the rest of one, and a TLS handshake, it awaits without end.
 *
 * So there is a layer of our own between its buffers, or TLS, and the socket. Each
 * connection has a time at which its present step must be over.
 */
#include "table/plugins/ldap/ldap.h"

#include "util/clock.h"
#include "util/wait.h"

#include <errno.h>
#include <sys/socket.h>

void ldap_deadline_set(struct ldap *ldap)
{
    ldap->until_ms = clock_ms(&clock_system) + ldap->timeout * 1000L;
    ldap->is_late = false;
}

/* 0 = the socket is ready; -1 with errno, which must not be one that means "again". */
static int await(Sockbuf_IO_Desc *layer, short events)
{
    struct ldap *ldap = layer->sbiod_pvt;
    int64_t left = ldap->until_ms - clock_ms(&clock_system);
    ber_socket_t fd = -1;
    int ready;

    if (ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &fd) < 0)
        return -1;
    ready = wait_one(fd, events, left > 0 ? left : 0);
    if (ready > 0)
        return 0;
    if (ready == 0) {
        ldap->is_late = true;
        errno = ETIMEDOUT;
    }
    return -1;
}

static ber_slen_t layer_read(Sockbuf_IO_Desc *layer, void *to, ber_len_t n)
{
    bool is_buffered = LBER_SBIOD_CTRL_NEXT(layer, LBER_SB_OPT_DATA_READY, NULL) > 0;

    if (!is_buffered && await(layer, POLLIN) < 0)
        return -1;
    return LBER_SBIOD_READ_NEXT(layer, to, n);
}

static ber_slen_t layer_write(Sockbuf_IO_Desc *layer, void *from, ber_len_t n)
{
    if (await(layer, POLLOUT) < 0)
        return -1;
    return LBER_SBIOD_WRITE_NEXT(layer, from, n);
}

static int layer_ctrl(Sockbuf_IO_Desc *layer, int option, void *value)
{
    return LBER_SBIOD_CTRL_NEXT(layer, option, value);
}

static int layer_setup(Sockbuf_IO_Desc *layer, void *ldap)
{
    layer->sbiod_pvt = ldap;
    return 0;
}

static int layer_nothing(Sockbuf_IO_Desc *layer)
{
    (void)layer;
    return 0;
}

static Sockbuf_IO layer_calls = {
    .sbi_setup = layer_setup,
    .sbi_remove = layer_nothing,
    .sbi_ctrl = layer_ctrl,
    .sbi_read = layer_read,
    .sbi_write = layer_write,
    .sbi_close = layer_nothing,
};

/* The library has connected. */
static int add_layer(LDAP *ld, Sockbuf *socket, LDAPURLDesc *url,
                     struct sockaddr *address, struct ldap_conncb *callback)
{
    struct ldap *ldap = callback->lc_arg;
    struct timeval limit = {.tv_sec = ldap->timeout};
    ber_socket_t fd = -1;

    (void)ld;
    (void)url;
    (void)address;
    /* a large question may take several writes, and poll speaks for the first */
    if (ber_sockbuf_ctrl(socket, LBER_SB_OPT_GET_FD, &fd) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return -1;
    ldap_deadline_set(ldap);
    /* above the socket and what is read ahead from it, below TLS */
    return ber_sockbuf_add_io(socket, &layer_calls, LBER_SBIOD_LEVEL_PROVIDER + 1, ldap);
}

static void no_more(LDAP *ld, Sockbuf *socket, struct ldap_conncb *callback)
{
    (void)ld;
    (void)socket;
    (void)callback;
}

int ldap_deadline_watch(struct ldap *ldap)
{
    ldap->on_connect =
        (struct ldap_conncb){.lc_add = add_layer, .lc_del = no_more, .lc_arg = ldap};
    return ldap_set_option(ldap->ld, LDAP_OPT_CONNECT_CB, &ldap->on_connect);
}
