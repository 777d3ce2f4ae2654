/* Input of fuzz targets as a stream and as a file. */
#include "fuzz.h"

#include "util/memory.h"
#include "util/stream.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct source {
    const uint8_t *data;
    size_t left, step;
};

static ssize_t read_source(void *state, void *p, size_t n)
{
    struct source *source = state;

    n = n < source->step ? n : source->step;
    n = n < source->left ? n : source->left;
    memcpy(p, source->data, n);
    source->data += n;
    source->left -= n;
    return (ssize_t)n;
}

static ssize_t forget(void *state, const void *p, size_t n)
{
    (void)state, (void)p;
    return (ssize_t)n;
}

struct stream *fuzz_stream(const uint8_t *data, size_t size, size_t step)
{
    static const struct stream_ops ops = {
        .read = read_source, .write = forget, .close = free};
    struct stream *stream = stream_new(open("/dev/null", O_RDWR | O_CLOEXEC), 0);
    struct source *source = MEMORY_NEW(struct source);

    *source = (struct source){data, size, step ? step : 1};
    stream_set_ops(stream, &ops, source);
    return stream;
}

int fuzz_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("input", MFD_CLOEXEC);

    HOLDS(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    HOLDS(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}
