/*
 * Reading files that a library has mapped into memory. Where such a file is cut short, or
 * copied over, there is no page behind an address any more, and the kernel ends the
 * process that looks there with SIGBUS; here that becomes a failure of one lookup.
 */
#ifndef TABLE_MAPPED_H
#define TABLE_MAPPED_H

#include "util/attributes.h"

#include <stddef.h>

/* To be called when a file is mapped. */
void mapped_prepare(void);

typedef void mapped_reader(void *context);

/*
 * Call read, which looks at the n bytes at p. 0 = it has returned; -1 = part of them is
 * not there, and read was left wherever it was: it must hold no memory, lock or
 * descriptor. Not from within read.
 */
int mapped_read(const void *p, size_t n, mapped_reader *read, void *context) MUST_CHECK;

#endif
