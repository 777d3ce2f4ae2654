/*
 * A buffered, two-way stream over a descriptor, with a deadline on each wait.
 *
 * One system call a read and one a write: sockets get SO_RCVTIMEO and
 * SO_SNDTIMEO, set again only when the time limit changes by more than it may
 * drift, and for output only when it has to wait; other descriptors are polled first.
 * Output is kept until stream_flush or until the buffer is full; reading does NOT flush:
 * the caller decides when a batch ends (SMTP pipelining, RFC 2920).
 *
 * After any result but STREAM_OK and STREAM_TOO_LONG the stream is broken in
 * that direction and repeats the result. TLS replaces the operations below.
 *
 * Descriptors are blocking (not O_NONBLOCK). Nothing here raises SIGPIPE on a
 * socket; a program that writes to pipes ignores that signal.
 */
#ifndef UTIL_STREAM_H
#define UTIL_STREAM_H

#include "util/attributes.h"
#include "util/buf.h"
#include "util/fail.h"

#include <stdint.h>
#include <sys/types.h>

enum stream_result {
    STREAM_OK,
    STREAM_EOF,      /* peer closed */
    STREAM_TIMEOUT,  /* time limit or deadline passed */
    STREAM_RESET,    /* ECONNRESET or EPIPE: what we sent last was not read */
    STREAM_TOO_LONG, /* line longer than the limit; its first part is in the result */
    STREAM_ERROR,    /* other failure, see stream_errno */
};

/* "lost connection", "timeout", ... for log lines. */
const char *stream_result_text(enum stream_result result);

struct stream;

/* How bytes move; each returns bytes moved, 0 at end of input, or -1 with errno (EAGAIN =
 * time passed). */
struct stream_ops {
    ssize_t (*read)(void *state, void *p, size_t n);
    ssize_t (*write)(void *state, const void *p, size_t n);
    void (*close)(void *state); /* may be NULL */
    /* Has it input that needs no reading of the descriptor? May be NULL. */
    bool (*has_input)(void *state);
    /* It moves bytes by stream_raw_read and stream_raw_write, which wait in time; else
     * the limits are put on the descriptor before each call. */
    bool waits;
};

/* Take over fd (closed by stream_free). size = bytes of each buffer; 0 = 16384. */
struct stream *stream_new(int fd, size_t size);
void stream_free(struct stream *s); /* does not flush; NULL is fine */
int stream_fd(const struct stream *s);
/* Give the descriptor back and free the rest; buffered input is lost. */
int stream_detach(struct stream *s);

/* Replace the way bytes move (TLS); input that was buffered is dropped (CVE-2011-0411),
 * and the way before is closed. NULL = plain again. */
void stream_set_ops(struct stream *s, const struct stream_ops *ops, void *state);

/* Time limit of each wait from now on, in milliseconds; < 0 = none (the start value). */
void stream_set_timeout(struct stream *s, int64_t timeout_ms);
/* Besides, all waiting ends when clock_system reaches this; 0 = no deadline. */
void stream_set_deadline(struct stream *s, int64_t monotonic_ms);

/*
 * For a UNIX socket on which one waits for answers: poll(2) before each read.
 * A reader that sleeps in recv is woken also when the peer takes what was sent
 * (there is room to write again), for nothing; a wake-up costs ten times a call.
 */
void stream_poll_first(struct stream *s);
/* Had the peer closed its end when input was last waited for? Its last words may still
 * have to be read, but nobody waits for an answer. Known for those that poll first. */
bool stream_is_hung_up(const struct stream *s);

/*
 * Move bytes on the descriptor itself, below buffers and operations, once and within the
 * limits that are set: for operations that speak a protocol of their own (TLS). Results
 * as of read and write; EAGAIN = no time is left.
 */
ssize_t stream_raw_read(struct stream *s, void *p, size_t n);
ssize_t stream_raw_write(struct stream *s, const void *p, size_t n);

/* --- input --- */
/*
 * Read up to and including LF. *ret is the line without its LF and without
 * one CR before it; it points into the buffer and lives until the next call
 * on s. *ret_bare_lf (may be NULL) tells that no CR stood before the LF.
 * A line of more than max (> 0) bytes gives STREAM_TOO_LONG with its first max
 * bytes; the rest comes with the next calls. At EOF a last unfinished line is dropped.
 */
enum stream_result stream_read_line(struct stream *s, size_t max, struct str *ret,
                                    bool *ret_bare_lf) MUST_CHECK;
/* Exactly n bytes into p. */
enum stream_result stream_read(struct stream *s, void *p, size_t n) MUST_CHECK;
/* Wait until some input is buffered, and show all of it without taking it. */
enum stream_result stream_peek(struct stream *s, struct str *ret) MUST_CHECK;
/*
 * Wait for input for at most timeout_ms, outside the limits set for reads, and
 * without harm when none comes. True = input, its end or a failure is there to read.
 */
bool stream_wait(struct stream *s, int64_t timeout_ms);
/* Take n bytes of what is buffered. */
void stream_skip(struct stream *s, size_t n);
/* What is buffered now, without waiting. */
struct str stream_buffered(const struct stream *s);
void stream_purge_input(struct stream *s);
/* Clear what buffers still hold of input that was taken and output that was written: they
 * were secrets. The result of the last stream_read_line goes with it. */
void stream_wipe(struct stream *s);

/* --- output --- */
/* Append to the output buffer; written out when full. Errors stick and show at
 * stream_flush. */
void stream_write(struct stream *s, const void *p, size_t n);
void stream_write_str(struct stream *s, struct str text);
void stream_write_text(struct stream *s, const char *text);
void stream_printf(struct stream *s, const char *format, ...) PRINTF_LIKE(2, 3);
enum stream_result stream_flush(struct stream *s) MUST_CHECK;
size_t stream_pending(const struct stream *s); /* bytes not yet written out */
/* What writing has met so far, without writing anything now. */
enum stream_result stream_output_result(const struct stream *s);

/* --- descriptors over UNIX sockets --- */
/* Flush, then send the pending output plus fd in one sendmsg; the caller keeps fd. */
enum stream_result stream_flush_with_fd(struct stream *s, int fd) MUST_CHECK;
/* From now on take descriptors that arrive with input (recvmsg). */
void stream_accept_fds(struct stream *s);
/* For those who read fd themselves: one recv with flags, whose descriptors s keeps. */
ssize_t stream_receive(struct stream *s, int fd, void *p, size_t n, int flags);
/* The oldest descriptor that arrived and was not taken, or -1. The caller owns it. */
int stream_take_fd(struct stream *s);

int stream_errno(const struct stream *s);

/* A stream over memory for tests: input is copied; output is collected and read by
 * stream_memory_output. */
struct stream *stream_memory(struct str input);
struct str stream_memory_output(const struct stream *s);

#endif
