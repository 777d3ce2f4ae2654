/*
 * What travels between us and a filter. A filter is trusted less than we are: lengths
 * are checked before they are believed.
 */
#include "milter/wire.h"

#include <arpa/inet.h>
#include <errno.h>

size_t wire_begin(struct buf *b, char letter)
{
    size_t begun = b->n;

    buf_add(b, "\0\0\0\0", 4);
    buf_add_char(b, letter);
    return begun;
}

void wire_add_text(struct buf *b, struct str text)
{
    buf_add_str(b, str_head(text, str_find(text, '\0')));
    buf_add_char(b, '\0');
}

void wire_add_number(struct buf *b, uint32_t number)
{
    uint32_t wire = htonl(number);

    buf_add(b, &wire, sizeof wire);
}

void wire_end(struct buf *b, size_t begun)
{
    uint32_t wire = htonl((uint32_t)(b->n - begun - sizeof wire));

    memcpy(b->p + begun, &wire, sizeof wire);
}

static int broken(struct stream *stream, enum stream_result result, const char *part,
                  struct fail *why)
{
    switch (result) {
    case STREAM_EOF:
        return fail_set(why, "%s: the filter has closed the connection", part);
    case STREAM_TIMEOUT:
        errno = ETIMEDOUT;
        break;
    case STREAM_RESET:
        errno = EPIPE;
        break;
    default:
        errno = stream_errno(stream);
    }
    return fail_set(why, "%s: %m", part);
}

int wire_read(struct stream *stream, struct buf *ret, struct fail *why)
{
    enum stream_result result;
    uint32_t wire;
    size_t n;

    result = stream_read(stream, &wire, sizeof wire);
    if (result != STREAM_OK)
        return broken(stream, result, "packet header", why);
    n = ntohl(wire);
    if (n == 0 || n > WIRE_PACKET_MAX)
        return fail_set(why, "bad packet length: %zu", n);
    buf_reset(ret);
    result = stream_read(stream, buf_reserve(ret, n), n);
    if (result != STREAM_OK)
        return broken(stream, result, "packet data", why);
    buf_added(ret, n);
    return 0;
}

bool wire_take_number(struct str *rest, uint32_t *ret)
{
    uint32_t wire;

    if (rest->n < sizeof wire)
        return false;
    memcpy(&wire, rest->p, sizeof wire);
    *ret = ntohl(wire);
    *rest = str_tail(*rest, sizeof wire);
    return true;
}

bool wire_take_text(struct str *rest, struct str *ret)
{
    size_t end = str_find(*rest, '\0');

    if (end == rest->n)
        return false;
    *ret = str_head(*rest, end);
    *rest = str_tail(*rest, end + 1);
    return true;
}
