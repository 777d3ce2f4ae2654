/*
 * Queue files of tests: the worked example of the format's description, and
 * a maker for others. The files live in memory.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "unit.h"

#include "queue/envelope.h"
#include "util/file.h"

#include <sys/mman.h>
#include <unistd.h>

/* The example of formats 1.1, byte for byte: a message to al@x.test of two and a half
 * lines. */
#define WORKED_EXAMPLE                                                                   \
    "C\x5f"                                                                              \
    "             23             189               1               0              23"    \
    "               0"                                                                   \
    "T\x11"                                                                              \
    "1700000000 123456"                                                                  \
    "A\x16"                                                                              \
    "create_time=1700000000"                                                             \
    "A\x15"                                                                              \
    "rewrite_context=local"                                                              \
    "S\0"                                                                                \
    "O\x09"                                                                              \
    "al@x.test"                                                                          \
    "R\x09"                                                                              \
    "al@x.test"                                                                          \
    "M\0"                                                                                \
    "N\x0a"                                                                              \
    "Subject: t"                                                                         \
    "N\0"                                                                                \
    "L\x04"                                                                              \
    "yyyy"                                                                               \
    "N\x01"                                                                              \
    "z"                                                                                  \
    "X\0"                                                                                \
    "E\0"

/* A file in memory that holds these bytes; the caller closes it. */
__attribute__((unused)) static int file_of(struct str bytes)
{
    struct fail why;
    int fd = memfd_create("message", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, bytes.p, bytes.n, &why), 0);
    return fd;
}

/*
 * A whole queue file from short texts "S joe", "A name=value", one record
 * each, in two lists that end with NULL. C, M, the content, X and E are added.
 */
__attribute__((unused)) static int message_of(long flags, const char *const *envelope,
                                              const char *const *extracted)
{
    struct buf head, file;
    struct size_record size = {.content_bytes = 6, .flags = flags};
    int fd;

    buf_init(&head, 1 << 20);
    buf_init(&file, 1 << 20);
    for (; *envelope; envelope++) {
        record_add_text(&head, (*envelope)[0], *envelope + 2);
        size.recipients +=
            (*envelope)[0] == RECORD_RECIPIENT || (*envelope)[0] == RECORD_DONE;
    }
    for (const char *const *p = extracted; *p; p++)
        size.recipients += (*p)[0] == RECORD_RECIPIENT || (*p)[0] == RECORD_DONE;
    record_add_text(&head, RECORD_CONTENT, "");
    size.content_offset = (long)(SIZE_RECORD_BYTES + head.n);
    record_add_size(&file, &size);
    buf_add_str(&file, buf_str(&head));
    record_add_text(&file, RECORD_LINE, "text");
    record_add_text(&file, RECORD_EXTRACTED, "");
    for (; *extracted; extracted++)
        record_add_text(&file, (*extracted)[0], *extracted + 2);
    record_add_text(&file, RECORD_END, "");
    fd = file_of(buf_str(&file));
    buf_done(&head);
    buf_done(&file);
    return fd;
}

#endif
