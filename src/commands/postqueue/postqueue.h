/*
 * What the files of postqueue share: the two forms of a listing, as callbacks of
 * queue/listing.h. Both are read by programs, so every blank counts.
 */
#ifndef COMMANDS_POSTQUEUE_H
#define COMMANDS_POSTQUEUE_H

#include "queue/listing.h"

#include <stdio.h>

struct page {
    FILE *to;
    bool long_ids; /* $enable_long_queue_ids: wider columns */
    unsigned long long messages, bytes;
};

/* mailq: one message (the context is the page); what stands below all of them. */
int print_text(void *context, const struct listing_message *m);
void print_text_end(const struct page *page);

/* postqueue -j: one JSON object a line. */
int print_json(void *context, const struct listing_message *m);

#endif
