/*
 * The showq protocol: a listing as a stream of attributes (formats 6.6). An
 * outside interface: monitoring programs connect to public/showq, send nothing and
 * read "name NUL value NUL ..." to the end; an empty name ends a message, and one
 * with nothing before it ends the listing.
 */
#ifndef QUEUE_LISTING_WIRE_H
#define QUEUE_LISTING_WIRE_H

#include "queue/listing.h"
#include "util/stream.h"

/* The protocol's name; one message; the end of the listing. Nothing is flushed. */
void listing_put_start(struct stream *s);
void listing_put(struct stream *s, const struct listing_message *message);
void listing_put_end(struct stream *s);

/*
 * Read a whole listing and call show for each message, as listing_run does. 0; -1: show
 * ended it (why untouched), or what came is no listing.
 */
int listing_receive(struct stream *s,
                    int (*show)(void *context, const struct listing_message *message),
                    void *context, struct fail *why) MUST_CHECK;

#endif
