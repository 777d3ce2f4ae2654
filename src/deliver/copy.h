/*
 * The content of a message on its way to a mailbox or a command: the lines that
 * a delivery puts in front of it, and what the form of the destination asks for.
 * And the check of Delivered-To: lines that ends forwarding loops.
 */
#ifndef DELIVER_COPY_H
#define DELIVER_COPY_H

#include "deliver/deliver.h"

enum copy_flags {
    COPY_FROM_LINE = 1 << 0,    /* "From sender  date", first of all */
    COPY_RETURN_PATH = 1 << 1,  /* "Return-Path: <sender>" */
    COPY_ORIGINAL_TO = 1 << 2,  /* "X-Original-To: ", when the original is known */
    COPY_DELIVERED_TO = 1 << 3, /* "Delivered-To: " */
    COPY_QUOTE_FROM = 1 << 4,   /* '>' before each line that begins "From " */
    COPY_DOUBLE_DOTS = 1 << 5,  /* '.' before each line that begins with one */
    COPY_BLANK_LINE = 1 << 6,   /* an empty line behind all */
    COPY_MBOX = COPY_FROM_LINE | COPY_QUOTE_FROM | COPY_BLANK_LINE,
};

struct copy {
    struct delivery *delivery;
    unsigned flags;
    const char *sender;       /* internal form; "" = null sender */
    const char *null_sender;  /* shown in Return-Path for it; NULL = "" */
    const char *original_to;  /* internal form */
    const char *delivered_to; /* internal form */
    const char *line_end;     /* NULL = LF */
};

enum copy_result {
    COPY_DONE,
    COPY_NOT_WRITTEN, /* the destination took it not; *why is the stream's errno, in words
                       */
    COPY_NOT_READ,    /* the queue file can't be read: try again later */
    COPY_CORRUPT,     /* the queue file holds no message */
};

/* Write headers and content to `to`, and flush it. */
enum copy_result copy_message(const struct copy *copy, struct stream *to,
                              struct fail *why) MUST_CHECK;

/*
 * As copy_message, straight to an open file. room: bytes that it may take (< 0 =
 * no limit); with more, *why->code is EFBIG.
 */
enum copy_result copy_to_file(const struct copy *copy, int fd, long long room,
                              struct fail *why) MUST_CHECK;

/*
 * The values of all Delivered-To: lines of the message's header, sorted, in arena.
 * Returns COPY_DONE, COPY_NOT_READ or COPY_CORRUPT.
 */
enum copy_result copy_delivered_to(struct delivery *delivery, struct texts *ret,
                                   struct arena *arena, struct fail *why) MUST_CHECK;

/* Is address (internal form) among the values of copy_delivered_to? */
bool copy_was_delivered_to(const struct texts *values, const char *address,
                           struct arena *arena);

/* What becomes of the recipient when copy_message failed to read: deferred; a corrupt
 * file is marked, so that the queue manager moves it to corrupt/. */
struct outcome copy_read_failure(struct delivery *delivery, enum copy_result result,
                                 const struct fail *why);

#endif
