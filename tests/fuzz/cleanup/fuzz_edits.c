/*
 * What filters want changed in a message: whatever they say, the message is refused, or
 * its file is one that the queue manager can read, with as many recipients as its first
 * record tells. The first byte chooses the message, and whether there are two filters.
 */
#include "fuzz.h"

#include "cleanup/cleanup.h"
#include "queue/reader.h"
#include "util/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const messages[][12] = {
    {"N Subject: x", "N X-Two: 1", "N X-Two: 2", "N  folded", "N ", "N body", "L of ",
     "N lines"},
    {"N Subject: x"},
    {NULL},
    {"N "},
    {"N Subject: x", "N text without an empty line"},
    {"N Content-Type: multipart/mixed; boundary=b", "N ", "N --b", "N X-Part: 1", "N ",
     "N part", "N --b--"},
    {"N Received: from x by y; z", "N Received: second", "N ", "N x"},
    {"N TLS-Required: no", "L Subject: in", "N pieces", "N "},
};

static const char *const settings[] = {
    "compatibility_level=3.6",
    "myhostname=mail.example.test",
    "mydomain=example.test",
    "myorigin=example.test",
    "mydestination=example.test",
    "inet_interfaces=127.0.0.1",
    "inet_protocols=ipv4",
    "virtual_alias_maps=inline:{{alias@example.test=ann@example.test, bob@example.test}}",
    "milter_header_checks=inline:{{X-A: r=REDIRECT x@y.test} {X-A: b=BCC x@y.test} {X-A: "
    "i=IGNORE} {X-A: h=HOLD} {X-A: p=REPLACE X-B: c}}",
    NULL,
};

static void hear_nothing(void *context, enum log_level level, const char *text)
{
    (void)context, (void)level, (void)text;
}

/* --- where it happens --------------------------------------------------------------- */

static char folder[] = "/dev/shm/edits.XXXXXX";
static const char *const queues[] = {"incoming", "hold", "bounce", "defer", "trace"};

static int home, place; /* where the fuzzer has its files; and cleanup */

static void leave(void)
{
    for (size_t i = 0; i < COUNT(queues); i++)
        (void)unlinkat(place, queues[i], AT_REMOVEDIR);
    (void)rmdir(folder);
}

static void enter(void)
{
    home = open(".", O_DIRECTORY | O_CLOEXEC);
    HOLDS(home >= 0 && mkdtemp(folder));
    place = open(folder, O_DIRECTORY | O_CLOEXEC);
    HOLDS(place >= 0 && atexit(leave) == 0);
    for (size_t i = 0; i < COUNT(queues); i++)
        HOLDS(mkdirat(place, queues[i], 0700) == 0);
}

static struct cleaner *cleaner_of_site(void)
{
    static struct cleaner cleaner;
    static struct arena *arena;
    struct conf_options options = {.program = "cleanup",
                                   .overrides = (const char **)settings,
                                   .defaults_only = true};
    struct fail why;

    if (arena)
        return &cleaner;
    log_divert(hear_nothing, NULL);
    enter();
    arena = arena_new("fuzz");
    HOLDS(cleaner_init(&cleaner, conf_load(&options, &why), arena, &why) == 0);
    return &cleaner;
}

/* Open the one file of a queue, and remove its name; -1 = there is none. */
static int open_only(const char *queue)
{
    DIR *dir = opendir(queue);
    int fd = -1;

    HOLDS(dir != NULL);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        HOLDS(fd < 0);
        fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC);
        HOLDS(fd >= 0 && unlinkat(dirfd(dir), e->d_name, 0) == 0);
    }
    closedir(dir);
    return fd;
}

/* --- one message -------------------------------------------------------------------- */

static void put(struct message *m, const char *record)
{
    message_record(m, record[0], str_of(record + 2));
}

static void put_all(struct message *m, const char *const *content)
{
    static const char *const envelope[] = {"T 1700000000 5", "S ann@example.test",
                                           "R joe@example.test", "R alias@example.test",
                                           "M "};

    for (size_t i = 0; i < COUNT(envelope); i++)
        put(m, envelope[i]);
    for (; *content; content++)
        put(m, *content);
    put(m, "X ");
}

/* A filter that says these bytes. */
static void add_filter(struct message *m, const uint8_t *data, size_t size)
{
    static const char text[] = "inet:fuzz:1\0accept\0"
                               "10\0"
                               "0\0"
                               "0\0"
                               "0";
    struct fail why;

    HOLDS(milters_take_over(m->filters, str_from(text, sizeof text),
                            fuzz_stream(data, size, 1 << 20), &why) == 0);
}

static void check_file(int fd, const struct size_record *size)
{
    struct arena *arena = arena_new("fuzz");
    struct record_reader reader;
    struct record record = {0};
    struct envelope envelope;
    struct fail why;

    HOLDS(envelope_read(fd, SIZE_MAX, arena, &envelope, &why) == 0);
    HOLDS(envelope.n == (size_t)size->recipients);
    record_reader_init(&reader, fd, 0);
    while (record.type != RECORD_CONTENT)
        HOLDS(record_read(&reader, &record, &why) == RECORD_OK);
    HOLDS(reader.next == size->content_offset);
    while (record.type != RECORD_EXTRACTED) {
        HOLDS(record_read(&reader, &record, &why) == RECORD_OK);
        HOLDS(record.type == RECORD_LINE || record.type == RECORD_CHUNK ||
              record.type == RECORD_EXTRACTED);
    }
    while (record.type != RECORD_END)
        HOLDS(record_read(&reader, &record, &why) == RECORD_OK);
    record_reader_done(&reader);
    arena_free(arena);
    close(fd);
}

static void try(struct cleaner *cleaner, const uint8_t *data, size_t size)
{
    const struct submit ask = {.flags = SUBMIT_MAP | SUBMIT_FILTER | SUBMIT_MILTER |
                                        SUBMIT_EDIT | SUBMIT_NO_NOTICE,
                               .size_limit = 100000};
    const bool two = data[0] & 0x80;
    const size_t first = two ? (size - 1) / 2 : size - 1;
    struct arena *arena = arena_new("fuzz");
    struct submit_done done;
    struct message m;
    struct fail why;
    int fd, held;

    HOLDS(message_open(&m, cleaner, &ask, arena, &why) == 0);
    put_all(&m, messages[data[0] % COUNT(messages)]);
    add_filter(&m, data + 1, first);
    if (two)
        add_filter(&m, data + 1 + first, size - 1 - first);
    put(&m, "E ");
    done = message_close(&m);
    fd = open_only("incoming");
    held = open_only("hold");
    HOLDS(fd < 0 || held < 0);
    HOLDS((fd >= 0 || held >= 0) == (done.status == SUBMIT_OK && !m.discarded));
    if (fd >= 0 || held >= 0)
        check_file(fd >= 0 ? fd : held, &m.size);
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cleaner *cleaner = cleaner_of_site();

    if (size == 0)
        return 0;
    HOLDS(fchdir(place) == 0);
    try(cleaner, data, size);
    HOLDS(fchdir(home) == 0);
    return 0;
}
