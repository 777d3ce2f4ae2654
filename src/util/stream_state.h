/*
 * What a stream holds, and what its files share; for stream*.c alone.
 */
#ifndef UTIL_STREAM_STATE_H
#define UTIL_STREAM_STATE_H

#include "util/stream.h"

enum { STREAM_FDS_MAX = 32 };

/* Of what kind the descriptor is, as far as is known. */
enum stream_kind { STREAM_UNKNOWN, STREAM_SOCKET, STREAM_OTHER };

/* One direction. */
struct stream_side {
    char *p; /* allocated at first use */
    size_t size;
    size_t start, end;         /* the bytes in use; start is 0 for output */
    enum stream_result result; /* what stays when not STREAM_OK */
    int64_t armed_ms;          /* limit that the kernel has; 0 = none */
};

struct stream {
    int fd;
    enum stream_kind kind;
    const struct stream_ops *ops;
    void *state;
    struct stream_side in, out;
    size_t scanned; /* bytes after in.start known to hold no LF */
    int64_t timeout_ms, deadline_ms;
    int code; /* errno of the last failure */
    bool poll_first, hung_up;
    bool waited; /* with success, so the next read need not poll first */
    bool accepts_fds;
    int fds[STREAM_FDS_MAX];
    size_t fds_n;
    struct stream_memory *memory;
};

/* Memory for `size` bytes, which need no zeroes. */
char *stream_allocate_buffer(size_t size);

/* How long the next wait may last; -1 = for ever, 0 = no longer. */
int64_t stream_wait_limit(const struct stream *s);
/* Does the kernel end a wait of this side after limit_ms, or little later? */
bool stream_is_armed(const struct stream_side *side, int64_t limit_ms);
/* Make sure that the next call on this side ends in time. Returns 0, or -1 with errno. */
int stream_prepare(struct stream *s, struct stream_side *side);
/* The same for operations, which may wait in either direction. */
int stream_prepare_ops(struct stream *s);
/* Remember what errno says of a call on this side, and return it. */
enum stream_result stream_failed(struct stream *s, struct stream_side *side);

#endif
