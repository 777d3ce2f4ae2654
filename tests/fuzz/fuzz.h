/*
 * What fuzz targets share. A target is one file tests/fuzz/<folder>/fuzz_<name>.c
 * that defines LLVMFuzzerTestOneInput (libFuzzer's entry point): it feeds the
 * bytes to one parser and checks what must hold for any input. It aborts when
 * that does not hold.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "util/str.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT(data, size) ((struct str){(const char *)(data), (size)})

/* What must hold for every input. */
#define HOLDS(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,            \
                    #condition);                                                         \
            abort();                                                                     \
        }                                                                                \
    } while (0)

/* A stream that reads data in pieces of step bytes and forgets what is written to it. */
struct stream;
struct stream *fuzz_stream(const uint8_t *data, size_t size, size_t step);
/* A file in memory that holds data; the descriptor is the caller's. */
int fuzz_file(const uint8_t *data, size_t size);

#endif
