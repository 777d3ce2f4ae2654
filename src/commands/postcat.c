/*
 * postcat(1): shows queue files in words.
 *
 * A file is printed record by record. Which segment a record belongs to
 * decides whether it is shown and how: envelope records by name, message text
 * as it is. The message itself is split into header and body at its first
 * line that is neither a header nor the continuation of one.
 */
#include "commands/command.h"
#include "mail/header.h"
#include "queue/reader.h"
#include "queue/spool.h"
#include "util/file.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum part { ENVELOPE = 1, HEADER = 2, BODY = 4, EVERYTHING = ENVELOPE | HEADER | BODY };

struct options {
    int parts;
    bool decimal, offset, raw, names; /* -d -o -r -v */
    bool file_names;                  /* -f: in front of each line */
    bool queue;                       /* -q: arguments are queue ids */
    off_t start;                      /* -s */
};

/* Where the printing of one file stands. */
struct page {
    const struct options *options;
    const char *path;
    enum part part;
    bool extracted;
    bool banners; /* the envelope was asked for */
    bool header_seen;
    bool in_line; /* what was printed last is a line without its end */
};

/* --- lines --- */

static void print_file_name(const struct page *page)
{
    if (page->options->file_names && !page->in_line)
        printf("%s: ", page->path);
}

static void prefix(const struct page *page, const struct record *record)
{
    print_file_name(page);
    if (page->options->offset)
        printf("%9lld ", (long long)record->offset);
    if (page->options->decimal)
        printf("%3d ", record->type);
}

static void banner(const struct page *page, const struct record *record,
                   const char *words)
{
    if (!page->banners)
        return;
    if (record)
        prefix(page, record);
    else
        print_file_name(page);
    printf("*** %s %s ***\n", words, page->path);
}

static void print_data(struct str data)
{
    fwrite(data.p, 1, data.n, stdout);
}

static void print_named(const struct page *page, const struct record *record,
                        const char *name, struct str data)
{
    prefix(page, record);
    printf("%s: ", name);
    print_data(data);
    putchar('\n');
}

/* As print_named, for seconds since 1970; what is no such number is shown as it is. */
static void print_time(const struct page *page, const struct record *record,
                       const char *name, struct str data)
{
    struct str rest = data;
    struct str word = str_word(&rest, " ");
    bool negative =
        word.n > 0 && word.p[0] == '-'; /* W is -1 once the warning was sent */
    unsigned long long seconds;
    char text[64];
    struct tm tm;
    time_t when;

    if (!str_number(str_tail(word, negative), 99999999999ULL, &seconds)) {
        print_named(page, record, name, data);
        return;
    }
    when = negative ? -(time_t)seconds : (time_t)seconds;
    localtime_r(&when, &tm);
    strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm);
    print_named(page, record, name, str_of(text));
}

/* --- records of the envelope --- */

static void print_attribute(const struct page *page, const struct record *record)
{
    struct str name, value;

    if (record_attribute(record->data, &name, &value) && str_is(name, "create_time"))
        print_time(page, record, "create_time", value);
    else
        print_named(page, record, "named_attribute", record->data);
}

static void print_envelope(const struct page *page, const struct record *record)
{
    const char *name = record_type_name(record->type);

    if (!(page->options->parts & ENVELOPE))
        return;
    switch (record->type) {
    case RECORD_TIME:
    case RECORD_CREATED:
    case RECORD_WARN:
        print_time(page, record, name, record->data);
        break;
    case RECORD_ATTRIBUTE:
        print_attribute(page, record);
        break;
    default:
        print_named(page, record, name ? name : "unknown_record_type", record->data);
    }
}

/* --- message text --- */

/* Does the line leave the header? The empty line between them counts as body. */
static bool ends_header(struct page *page, const struct record *record)
{
    bool first = !page->header_seen;

    page->header_seen = true;
    if (header_name_length(record->data) > 0)
        return false;
    return first || !header_is_continuation(record->data);
}

static void print_text(struct page *page, const struct record *record)
{
    const struct options *options = page->options;
    const bool one_a_line = options->offset || options->names; /* compat: not with -d */

    if (page->part == HEADER && ends_header(page, record))
        page->part = BODY;
    if (!(options->parts & page->part))
        return;
    prefix(page, record);
    if (options->names)
        fputs(record->type == RECORD_LINE ? "regular_text: " : "unterminated_text: ",
              stdout);
    print_data(record->data);
    page->in_line = record->type != RECORD_LINE && !one_a_line;
    if (!page->in_line)
        putchar('\n');
}

static void print_record(struct page *page, const struct record *record)
{
    switch (record->type) {
    case RECORD_CONTENT:
        banner(page, record, "MESSAGE CONTENTS");
        page->part = HEADER;
        break;
    case RECORD_EXTRACTED:
        banner(page, record, "HEADER EXTRACTED");
        page->part = ENVELOPE;
        page->extracted = true;
        break;
    case RECORD_END:
        banner(page, record, "MESSAGE FILE END");
        break;
    case RECORD_LINE:
        print_text(page, record);
        break;
    default:
        if (page->part != ENVELOPE && record->type == RECORD_CHUNK)
            print_text(page, record);
        else if (page->part == ENVELOPE || record->type == RECORD_POINTER)
            print_envelope(page, record);
    }
}

/* --- files --- */

/* A queue file starts with its size, a maildrop file with its time. */
static bool looks_like_queue_file(const struct record *record)
{
    return record->type == RECORD_SIZE || record->type == RECORD_TIME;
}

static void print_file(const struct options *options, const char *path, int fd)
{
    struct page page = {.options = options,
                        .path = path,
                        .part = ENVELOPE,
                        .banners = options->parts & ENVELOPE};
    struct record_reader reader;
    struct record record;
    struct fail why = {0};
    enum record_result result;

    record_reader_init(&reader, fd, options->start);
    reader.raw = options->raw;
    for (bool first = true; (result = record_read(&reader, &record, &why)) == RECORD_OK;
         first = false) {
        if (first && options->start == 0) {
            if (!looks_like_queue_file(&record)) {
                log_warning("%s: input is not a valid queue file", path);
                break;
            }
            banner(&page, NULL, "ENVELOPE RECORDS");
        }
        print_record(&page, &record);
        if (record.type == RECORD_END && page.extracted)
            break;
    }
    record_reader_done(&reader);
    fflush(stdout);
    if (result == RECORD_CORRUPT || result == RECORD_FAILED) {
        log_warning("%s: %s", path, why.text);
        fatal("record read error");
    }
}

static void print_path(const struct options *options, const char *path)
{
    struct fail why;
    int fd = file_open(path, O_RDONLY, 0, &why);

    if (fd < 0)
        fatal("%s", why.text);
    print_file(options, path, fd);
    close(fd);
}

/* Pipes know no offsets: print a copy. */
static void print_stdin(const struct options *options)
{
    int fd = memfd_create("stdin", MFD_CLOEXEC);
    struct fail why;
    char chunk[16384];
    ssize_t got;

    if (fd < 0)
        fatal("create a copy of the input: %s", strerror(errno));
    while ((got = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0)
        if (file_write_all(fd, chunk, (size_t)got, &why) < 0)
            fatal("%s", why.text);
    if (got < 0)
        fatal("read stdin: %s", strerror(errno));
    print_file(options, "stdin", fd);
    close(fd);
}

static void print_id(const struct options *options, const struct spool *spool,
                     const char *id)
{
    char path[SPOOL_PATH_SIZE];
    const char *queue;
    struct fail why = {0};
    struct stat st;
    int fd, found;

    if (!queue_id_valid(str_of(id)))
        fatal("bad mail queue ID: %s", id);
    found = spool_find(spool, id, &queue, &st, &why);
    if (found > 0)
        found = spool_open(spool, queue, id, O_RDONLY, &fd, &why);
    if (found <= 0)
        fatal("open queue file %s: %s", id, strerror(found == 0 ? ENOENT : why.code));
    print_file(options, spool_path(spool, queue, id, path), fd);
    close(fd);
}

/* --- start --- */

static void usage(void)
{
    fatal("usage: postcat [-bdefhnoqrv] [-c config_dir] [-s offset] [file ...]");
}

static struct options parse(struct command *command, int argc, char **argv)
{
    struct options options = {0};
    unsigned long long start;
    int option;

    while ((option = getopt(argc, argv, "bc:defhnoqrs:v")) != -1)
        switch (option) {
        case 'b':
            options.parts |= BODY;
            break;
        case 'c':
            command->directory = optarg;
            break;
        case 'd':
            options.decimal = true;
            break;
        case 'e':
            options.parts |= ENVELOPE;
            break;
        case 'f':
            options.file_names = true;
            break;
        case 'h':
            options.parts |= HEADER;
            break;
        case 'n': /* compat: known, without a meaning */
            break;
        case 'o':
            options.offset = true;
            break;
        case 'q':
            options.queue = true;
            break;
        case 'r':
            options.raw = true;
            break;
        case 's':
            if (!str_number(str_of(optarg), INT64_MAX, &start))
                fatal("bad offset: %s", optarg);
            options.start = (off_t)start;
            break;
        case 'v':
            options.names = true;
            command->verbose++;
            break;
        default:
            usage();
        }
    if (options.parts == 0)
        options.parts = EVERYTHING;
    return options;
}

int main(int argc, char **argv)
{
    struct command command = {.unlogged = true};
    struct options options;
    struct spool spool;

    command_start(&command, "postcat");
    options = parse(&command, argc, argv);
    command_configure(&command);
    spool_init(&spool, command.conf->hash_queue_names, command.conf->hash_queue_depth,
               command.conf->enable_long_queue_ids);
    if (options.queue)
        command_enter_queue(&command);
    if (optind == argc && !options.queue)
        print_stdin(&options);
    for (int i = optind; i < argc; i++) {
        if (options.queue)
            print_id(&options, &spool, argv[i]);
        else
            print_path(&options, argv[i]);
    }
    return command_output_is_whole() ? 0 : 1;
}
