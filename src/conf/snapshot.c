/*
 * Each setting is four texts that end in NUL: path, line, name, value; in the order of
 * struct settings. The reader is a process of the same build that master started, so
 * there is no version; one that was cut is an error all the same.
 */
#include "conf/snapshot.h"

#include "conf/state.h"
#include "util/buf.h"
#include "util/platform.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SNAPSHOT_MAX = 1 << 30, /* main.cf itself is limited; this is the net below it */
    TEXTS = 4,              /* of a setting */
};

static void put(struct buf *out, const char *text)
{
    buf_add(out, text, strlen(text) + 1);
}

int conf_snapshot(const struct conf *conf, struct fail *why)
{
    const struct settings *settings = &conf->state->file;
    struct buf out;
    int fd;

    buf_init(&out, SNAPSHOT_MAX);
    for (size_t i = 0; i < settings->n; i++) {
        const struct setting *item = &settings->items[i];

        put(&out, item->path);
        buf_printf(&out, "%d", item->line);
        buf_add_char(&out, '\0');
        put(&out, item->name);
        put(&out, item->value);
    }
    fd = platform_sealed_memory("main.cf", buf_str(&out), why);
    buf_done(&out);
    return fd;
}

/* Of the memory itself, since those who share fd share its position too. */
static int read_all(int fd, struct arena *arena, struct str *ret, struct fail *why)
{
    struct stat st;
    char *text;
    ssize_t got = 0;
    size_t n = 0;

    if (fstat(fd, &st) < 0)
        return fail_set(why, "%m");
    text = arena_array(arena, (size_t)st.st_size + 1, 1);
    do {
        n += got > 0 ? (size_t)got : 0;
        got = pread(fd, text + n, (size_t)st.st_size - n, (off_t)n);
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0)
        return fail_set(why, "%m");
    *ret = str_from(text, n);
    return 0;
}

/* How many settings text holds; -1 when the last one is not whole. */
static ssize_t count(struct str text)
{
    size_t texts = 0;

    for (size_t i = 0; i < text.n; i++)
        texts += text.p[i] == '\0';
    if (texts % TEXTS != 0 || (text.n > 0 && text.p[text.n - 1] != '\0'))
        return -1;
    return (ssize_t)(texts / TEXTS);
}

int snapshot_read(int fd, struct arena *arena, struct settings *ret, struct fail *why)
{
    struct settings settings = {0};
    struct str rest;
    ssize_t n;

    if (read_all(fd, arena, &rest, why) < 0)
        return fail_prefix(why, "read the snapshot of main.cf");
    n = count(rest);
    if (n < 0)
        return fail_set(why, "the snapshot of main.cf is cut short");
    settings.items = arena_array(arena, (size_t)n + 1, sizeof(settings.items[0]));
    while (rest.n > 0) {
        struct setting *item = &settings.items[settings.n++];

        item->path = str_until(&rest, '\0').p;
        item->line = atoi(str_until(&rest, '\0').p);
        item->name = str_until(&rest, '\0').p;
        item->value = str_until(&rest, '\0').p;
    }
    settings_index(&settings);
    *ret = settings;
    return 0;
}
