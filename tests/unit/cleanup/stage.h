/*
 * One message through cleanup, without a socket: records in as short texts,
 * the queue file out as text, one record a line ("S joe@example.com").
 */
#ifndef STAGE_H
#define STAGE_H

#include "queue/sandbox.h"

#include "cleanup/cleanup.h"
#include "queue/reader.h"
#include "util/file.h"
#include "util/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

struct stage {
    struct texts settings; /* "name=value" */
    struct conf *conf;
    struct cleaner cleaner;
    struct arena *arena;
    struct buf file; /* what the queue file holds */
    struct buf log;  /* lines that were logged */
    struct submit_done done;
    struct size_record size;
};

static void stage_log(void *context, enum log_level level, const char *text)
{
    struct stage *s = context;

    (void)level;
    buf_printf(&s->log, "%s\n", text);
}

static void stage_setting(struct stage *s, const char *name, const char *value)
{
    texts_add(&s->settings, s->arena, arena_printf(s->arena, "%s=%s", name, value));
}

/* A site example.com; more settings before stage_start. */
static void stage_set(struct stage *s)
{
    setenv("TZ", "UTC", 1);
    *s = (struct stage){.arena = arena_new("test")};
    stage_setting(s, "compatibility_level", "3.6");
    stage_setting(s, "myhostname", "mail.example.com");
    stage_setting(s, "mydomain", "example.com");
    stage_setting(s, "myorigin", "example.com");
    stage_setting(s, "mydestination", "example.com, mail.example.com");
    stage_setting(s, "shlib_directory", PLUGINS);
    stage_setting(s, "inet_interfaces", "127.0.0.1");
    stage_setting(s, "inet_protocols", "ipv4");
    stage_setting(s, "recipient_delimiter", "+");
    buf_init(&s->file, 1 << 24);
    buf_init(&s->log, 1 << 24);
    log_divert(stage_log, s);
}

static void stage_start(struct stage *s)
{
    struct conf_options options = {
        .program = "cleanup", .overrides = s->settings.items, .defaults_only = true};
    struct fail why;

    s->conf = conf_load(&options, &why);
    if (!s->conf || cleaner_init(&s->cleaner, s->conf, s->arena, &why) < 0)
        fail_msg("%s", why.text);
}

static void stage_strike(struct stage *s)
{
    cleaner_done(&s->cleaner);
    conf_free(s->conf);
    log_divert(NULL, NULL);
    arena_free(s->arena);
    buf_done(&s->file);
    buf_done(&s->log);
}

/* Open the one file of a queue, and remove its name. */
static int stage_open(const char *queue)
{
    DIR *dir = opendir(queue);
    int fd = -1;

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        fd = openat(dirfd(dir), e->d_name, O_RDONLY);
        assert_int_equal(unlinkat(dirfd(dir), e->d_name, 0), 0);
    }
    closedir(dir);
    assert_true(fd >= 0);
    return fd;
}

/* The queue file as text; its size record in s->size. */
static void stage_read(struct stage *s, const char *queue)
{
    struct record_reader reader;
    struct record record;
    struct fail why;
    int fd = stage_open(queue);
    bool more = true;

    record_reader_init(&reader, fd, 0);
    while (more && record_read(&reader, &record, &why) == RECORD_OK) {
        if (record.type == RECORD_SIZE)
            assert_int_equal(size_record_parse(record.data, &s->size, &why), 0);
        else
            buf_printf(&s->file, "%c %.*s\n", record.type, STR_ARG(record.data));
        more = record.type != RECORD_END;
    }
    record_reader_done(&reader);
    close(fd);
}

#define HEAD "T 1700000000 5", "A rewrite_context=local"

/* Records as texts "S joe", the last one NULL. */
static void stage_send(struct stage *s, int flags, const char *const *records)
{
    struct message m;
    struct fail why;

    buf_reset(&s->file);
    buf_reset(&s->log);
    if (message_open(&m, &s->cleaner, &(struct submit){.flags = flags}, s->arena, &why) <
        0)
        fail_msg("%s", why.text);
    for (; *records; records++)
        message_record(&m, (*records)[0], str_tail(str_of(*records), 2));
    s->done = message_close(&m);
}

static int files_in(const char *queue)
{
    DIR *dir = opendir(queue);
    int n = 0;

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

#endif
