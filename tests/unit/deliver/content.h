/*
 * A delivery whose message has the given content: what copy, mailbox and
 * maildir read. No queue manager, no request.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include "deliver/copy.h"
#include "deliver/rights.h"
#include "queue/record.h"
#include "unit.h"
#include "util/file.h"

#include <sys/mman.h>
#include <unistd.h>

struct content {
    struct delivery delivery;
    struct process process;
    struct conf conf;
};

/* records: "N text" or "L text", NULL at the end; "X" is added unless cut is true. */
static void content_open(struct content *c, const char *const *records, bool cut)
{
    struct buf file;
    struct fail why;
    int fd = memfd_create("message", MFD_CLOEXEC);

    assert_true(fd >= 0);
    *c = (struct content){.conf = {.deliver_lock_attempts = 2, .stale_lock_time = 500}};
    buf_init(&file, 1 << 20);
    buf_add_text(&file, "head");
    for (; *records; records++)
        record_add_text(&file, (*records)[0], *records + 2);
    if (!cut)
        record_add_text(&file, RECORD_EXTRACTED, "");
    assert_int_equal(file_write_all(fd, file.p, file.n, &why), 0);
    c->process = (struct process){.name = "local",
                                  .program = "local",
                                  .conf = &c->conf,
                                  .privileged = geteuid() == 0};
    c->delivery = (struct delivery){.process = &c->process,
                                    .arena = arena_new("test"),
                                    .fd = fd,
                                    .request = {.queue_id = "ABC", .data_offset = 4}};
    buf_done(&file);
}

static void content_close(struct content *c)
{
    rights_give_back(&c->delivery);
    record_reader_done(&c->delivery.content);
    close(c->delivery.fd);
    arena_free(c->delivery.arena);
}

#endif
