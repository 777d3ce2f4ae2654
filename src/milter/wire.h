/*
 * Packets of the milter protocol: four bytes of length in network order, a letter that
 * says what it is, and data: numbers of four bytes, and texts that end in a zero byte.
 */
#ifndef MILTER_WIRE_H
#define MILTER_WIRE_H

#include "util/stream.h"

enum { WIRE_PACKET_MAX = 1100000 }; /* filters may send a body in pieces of a megabyte */

/* Append a packet to b: begin, what it holds, end. */
size_t wire_begin(struct buf *b, char letter);
void wire_add_text(struct buf *b, struct str text); /* up to its first zero byte */
void wire_add_number(struct buf *b, uint32_t number);
void wire_end(struct buf *b, size_t begun);

/* Read one into *ret: the letter is its first byte, so that it is never empty. */
int wire_read(struct stream *stream, struct buf *ret, struct fail *why) MUST_CHECK;

/* Take from the front of *rest; false when it does not hold one. */
bool wire_take_number(struct str *rest, uint32_t *ret);
bool wire_take_text(struct str *rest, struct str *ret);

#endif
