/*
 * The notice "a message is ready" from cleanup to the queue manager: one
 * datagram that carries the queue id, on public/qmgr-notice. Nothing is
 * scanned. The kernel keeps few datagrams (net.unix.max_dgram_qlen), so the
 * sender waits up to its time limit for room ($in_flow_delay: back-pressure);
 * a notice that is lost costs time, not mail, since the queue manager also
 * scans incoming/ at each start, each wake-up, and when it fell behind.
 */
#ifndef IPC_NOTICE_H
#define IPC_NOTICE_H

#include "util/attributes.h"
#include "util/fail.h"
#include "util/str.h"

#include <stddef.h>
#include <stdint.h>

#define NOTICE_PATH "public/qmgr-notice" /* relative to the queue directory */

/* Receiver: bind (replacing what an earlier process left) and return the non-blocking
 * socket, or -1. */
int notice_open(const char *path, struct fail *why) MUST_CHECK;
/* Next queue id into text[size], NUL-terminated: 1 = got one, 0 = none waits, -1 = error.
 */
int notice_receive(int fd, char *text, size_t size, struct fail *why) MUST_CHECK;

/* Sender: an unbound datagram socket with this send time limit, or -1. One for the life
 * of the process. */
int notice_sender(int64_t timeout_ms, struct fail *why) MUST_CHECK;
/* 0 = sent, -1 = nobody listens or no room in time (no reason to fail a message). */
int notice_send(int fd, const char *path, const char *queue_id, struct fail *why);

#endif
