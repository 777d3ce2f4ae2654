/*
 * Services of type pass: their clients were met by another program of ours first
 * (postscreen), which hands the connection over with SCM_RIGHTS. Only the mail owner
 * gets at the socket, and still the descriptor is looked at: it must be a connection.
 */
#include "service/state.h"

#include "ipc/messages.h"

#include <sys/socket.h>
#include <unistd.h>

/* An address that was told, else the one that the socket has. */
static int address_of(const char *text, long long port, struct netaddr *ret,
                      struct fail *why)
{
    struct netaddr told;

    if (text[0] == '\0')
        return 0;
    if (!netaddr_parse(str_of(text), &told) || port < 0 || port > UINT16_MAX)
        return fail_set(why, "bad address: %.100s, port %lld", text, port);
    told.port = (uint16_t)port;
    *ret = told;
    return 0;
}

static int look_at(int fd, const struct passed *passed, struct passed_client *ret,
                   struct fail *why)
{
    int type = 0;
    socklen_t length = sizeof(type);

    if (fd < 0)
        return fail_set(why, "no descriptor came along");
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM)
        return fail_set(why, "the descriptor is no connection");
    netaddr_of_peer(fd, &ret->peer);
    netaddr_of_own_end(fd, &ret->local);
    return address_of(passed->client_address, passed->client_port, &ret->peer, why) < 0 ||
                   address_of(passed->server_address, passed->server_port, &ret->local,
                              why) < 0
               ? -1
               : 0;
}

int pass_receive(struct process *process, int fd, struct passed_client *ret,
                 struct fail *why)
{
    struct arena *arena = process->own->request_arena;
    struct stream *from = stream_new(fd, 0);
    struct passed_client come = {.fd = -1};
    struct passed passed;
    int status;

    stream_set_timeout(from, (int64_t)process->conf->trigger_timeout * 1000);
    stream_accept_fds(from);
    status = ipc_receive(from, &passed_message, arena, &passed, why);
    if (status == 0) {
        come.fd = stream_take_fd(from);
        status = look_at(come.fd, &passed, &come, why);
    }
    stream_free(from);
    arena_reset(arena);
    if (status == 0)
        *ret = come;
    else if (come.fd >= 0)
        close(come.fd);
    return status < 0 ? fail_prefix(why, "client that was passed on") : 0;
}
