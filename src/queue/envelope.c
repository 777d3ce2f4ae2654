/*
 * From the records of a queue file to a struct envelope.
 *
 * All information about a message stands before its recipients, in both
 * segments, unless the size record says SIZE_MIXED. So a reader that wants
 * only some recipients stops at the last it has room for, looks at what the
 * extracted segment says before its own recipients, and comes back later.
 */
#include "queue/envelope.h"

#include "util/file.h"

#include <stdio.h>

/* Types that may stand in each segment (formats 1.2); pointers never reach us. */
static const char envelope_types[] = "MTcFILSDRO/WVA>K<ionw";
static const char extracted_types[] = "EDRO/PreAFIL>Kionw";

struct parser {
    struct record_reader reader;
    struct arena *arena;
    struct envelope *envelope;
    size_t max_recipients, size; /* size = allocated */
    bool extracted;              /* in the extracted segment */
    bool full;                   /* no room for more recipients */
    bool again; /* all but the recipients is known from an earlier batch */
    bool saw_time, saw_sender;

    /* what stood before the next recipient */
    struct recipient pending;
    off_t pending_offset; /* of the first such record; 0 = none */
};

enum step { GO_ON, SEGMENT_ENDS, STOP_HERE, FAILED };

static enum step corrupt(const struct record *record, const char *what, struct fail *why)
{
    fail_set(why, "%s at offset %lld", what, (long long)record->offset);
    return FAILED;
}

/* --- values --- */

/* A decimal number, blanks around it, a minus sign allowed. */
static bool parse_long(struct str s, long *ret)
{
    bool negative;
    unsigned long long n;

    s = str_trim(s);
    negative = s.n > 0 && s.p[0] == '-';
    if (!str_number(str_tail(s, negative), 999999999999999999ULL, &n))
        return false;
    *ret = negative ? -(long)n : (long)n;
    return true;
}

static bool parse_int(struct str s, int *ret)
{
    long n;

    if (!parse_long(s, &n) || n < 0 || n > 0x7fffffff)
        return false;
    *ret = (int)n;
    return true;
}

static enum step take_time(struct parser *p, const struct record *record,
                           struct fail *why)
{
    struct str rest = record->data;
    struct str seconds = str_word(&rest, " ");
    struct str fraction = str_word(&rest, " ");
    long sec, usec = 0;

    if (p->saw_time) /* compat: the first one wins */
        return GO_ON;
    if (!parse_long(seconds, &sec) || sec < 0 || rest.n > 0 ||
        (fraction.n > 0 && (!parse_long(fraction, &usec) || usec < 0 || usec > 999999)))
        return corrupt(record, "malformed arrival time", why);
    p->envelope->arrival = (struct timeval){.tv_sec = sec, .tv_usec = usec};
    p->saw_time = true;
    return GO_ON;
}

static enum step take_created(struct parser *p, struct str value,
                              const struct record *record, struct fail *why)
{
    long created;

    if (!parse_long(value, &created) || created < 0)
        return corrupt(record, "malformed creation time", why);
    if (p->envelope->created == 0)
        p->envelope->created = created;
    return GO_ON;
}

/* --- attributes --- */

enum { TEXT_FIRST_WINS, TEXT_LAST_WINS };

static const struct {
    struct str name;
    size_t offset; /* of the const char * in struct envelope */
    int rule;
} text_attributes[] = {
/* clang-format off */
#define TEXT(name, rule) {STR(#name), offsetof(struct envelope, name), rule}
    TEXT(encoding, TEXT_LAST_WINS),
    TEXT(envelope_id, TEXT_LAST_WINS),
    TEXT(rewrite_context, TEXT_FIRST_WINS),
    TEXT(log_ident, TEXT_FIRST_WINS),
    TEXT(client_name, TEXT_FIRST_WINS),
    TEXT(client_address, TEXT_FIRST_WINS),
    TEXT(client_port, TEXT_FIRST_WINS),
    TEXT(protocol_name, TEXT_FIRST_WINS),
    TEXT(helo_name, TEXT_FIRST_WINS),
    TEXT(reverse_client_name, TEXT_FIRST_WINS),
    TEXT(client_address_type, TEXT_FIRST_WINS),
    TEXT(server_address, TEXT_FIRST_WINS),
    TEXT(server_port, TEXT_FIRST_WINS),
    TEXT(log_client_name, TEXT_FIRST_WINS),
    TEXT(log_client_address, TEXT_FIRST_WINS),
    TEXT(log_client_port, TEXT_FIRST_WINS),
    TEXT(log_protocol_name, TEXT_FIRST_WINS),
    TEXT(log_helo_name, TEXT_FIRST_WINS),
    TEXT(log_message_origin, TEXT_FIRST_WINS),
    TEXT(sasl_method, TEXT_FIRST_WINS),
    TEXT(sasl_username, TEXT_FIRST_WINS),
    TEXT(sasl_sender, TEXT_FIRST_WINS),
#undef TEXT
    /* clang-format on */
};

static const char **text_slot(struct envelope *envelope, size_t i)
{
    return (const char **)((char *)envelope + text_attributes[i].offset);
}

/* What belongs to the recipient that follows. */
static void begin_pending(struct parser *p, const struct record *record)
{
    if (p->pending_offset == 0)
        p->pending_offset = record->offset;
}

/* The recipient's own attributes; *ret_mine tells whether it was one. */
static enum step take_recipient_attribute(struct parser *p, struct str name,
                                          struct str value, const struct record *record,
                                          bool *ret_mine, struct fail *why)
{
    *ret_mine = true;
    if (str_is(name, "dsn_orig_rcpt")) {
        begin_pending(p, record);
        p->pending.dsn_orig_rcpt = arena_copy_str(p->arena, value);
        return GO_ON;
    }
    if (str_is(name, "notify_flags")) {
        begin_pending(p, record);
        return parse_int(value, &p->pending.notify)
                   ? GO_ON
                   : corrupt(record, "malformed attribute", why);
    }
    *ret_mine = false;
    return GO_ON;
}

static enum step take_number_attribute(struct parser *p, struct str name,
                                       struct str value, const struct record *record,
                                       struct fail *why)
{
    struct envelope *e = p->envelope;
    bool fine = true;

    if (str_is(name, "ret_flags")) {
        fine = parse_int(value, &e->ret);
    } else if (str_is(name, "trace_flags") && e->trace_offset == 0) {
        fine = parse_int(value, &e->trace_flags);
        e->trace_offset = record->offset;
    }
    return fine ? GO_ON : corrupt(record, "malformed attribute", why);
}

static enum step take_attribute(struct parser *p, const struct record *record,
                                struct fail *why)
{
    struct str name, value;
    enum step step;
    bool mine;

    if (!record_attribute(record->data, &name, &value))
        return corrupt(record, "malformed attribute", why);
    step = take_recipient_attribute(p, name, value, record, &mine, why);
    if (mine || p->again)
        return step;
    if (str_is(name, "create_time"))
        return take_created(p, value, record, why);
    for (size_t i = 0; i < COUNT(text_attributes); i++) {
        const char **slot = text_slot(p->envelope, i);

        if (!str_eq(name, text_attributes[i].name))
            continue;
        if (*slot == NULL || text_attributes[i].rule == TEXT_LAST_WINS)
            *slot = arena_copy_str(p->arena, value);
        return GO_ON;
    }
    return take_number_attribute(p, name, value, record, why);
}

/* --- recipients --- */

static void forget_pending(struct parser *p)
{
    p->pending = (struct recipient){.original = "", .dsn_orig_rcpt = ""};
    p->pending_offset = 0;
}

static void store_recipient(struct parser *p, const struct record *record)
{
    struct envelope *e = p->envelope;

    if (e->n == p->size) {
        size_t size = p->size ? 2 * p->size : 8;
        struct recipient *bigger;

        if (size > p->max_recipients)
            size = p->max_recipients;
        bigger = arena_array(p->arena, size, sizeof(*bigger));
        if (e->n > 0)
            memcpy(bigger, e->recipients, e->n * sizeof(*bigger));
        e->recipients = bigger;
        p->size = size;
    }
    p->pending.address = arena_copy_str(p->arena, record->data);
    p->pending.offset = record->offset;
    e->recipients[e->n++] = p->pending;
}

static enum step take_recipient(struct parser *p, const struct record *record)
{
    begin_pending(p, record);
    if (p->full) { /* only when mixed: go on for the other records */
        forget_pending(p);
        return GO_ON;
    }
    if (p->envelope->n == p->max_recipients) {
        p->full = true;
        p->envelope->next = p->pending_offset;
        p->envelope->next_extracted = p->extracted;
        forget_pending(p);
        return p->envelope->size.flags & SIZE_MIXED ? GO_ON : STOP_HERE;
    }
    store_recipient(p, record);
    forget_pending(p);
    return GO_ON;
}

/* --- records --- */

static enum step take_warn(struct parser *p, const struct record *record,
                           struct fail *why)
{
    long when;

    if (!parse_long(record->data, &when))
        return corrupt(record, "malformed warning time", why);
    p->envelope->warn_at = when;
    p->envelope->warn_offset = record->offset;
    return GO_ON;
}

static enum step take_sender(struct parser *p, const struct record *record,
                             struct fail *why)
{
    if (p->saw_sender)
        return corrupt(record, "second sender", why);
    p->envelope->sender = arena_copy_str(p->arena, record->data);
    p->saw_sender = true;
    return GO_ON;
}

/* Records that say something about the message. */
static enum step take_information(struct parser *p, const struct record *record,
                                  struct fail *why)
{
    struct envelope *e = p->envelope;

    switch (record->type) {
    case RECORD_TIME:
        return take_time(p, record, why);
    case RECORD_CREATED:
        return take_created(p, record->data, record, why);
    case RECORD_SENDER:
        return take_sender(p, record, why);
    case RECORD_WARN:
        return take_warn(p, record, why);
    case RECORD_FULL_NAME:
        e->full_name = arena_copy_str(p->arena, record->data);
        break;
    case RECORD_FILTER:
        e->filter = arena_copy_str(p->arena, record->data);
        break;
    case RECORD_REDIRECT:
        e->redirect = arena_copy_str(p->arena, record->data);
        break;
    case RECORD_VERP:
        e->verp = arena_copy_str(p->arena, record->data);
        break;
    default: /* pads, killed and legacy records */
        break;
    }
    return GO_ON;
}

static enum step take(struct parser *p, const struct record *record, struct fail *why)
{
    if (strchr(p->extracted ? extracted_types : envelope_types, record->type) == NULL)
        return corrupt(record, "record of a type that has no place here", why);
    if (!record_fits_envelope(record->data))
        return corrupt(record, "control characters in an envelope record, or too much",
                       why);
    switch (record->type) {
    case RECORD_CONTENT:
    case RECORD_END:
        forget_pending(p);
        return SEGMENT_ENDS;
    case RECORD_RECIPIENT:
        return take_recipient(p, record);
    case RECORD_DONE:
    case RECORD_CANCELLED:
        forget_pending(p);
        return GO_ON;
    case RECORD_ATTRIBUTE:
        return take_attribute(p, record, why);
    case RECORD_ORIGINAL:
        begin_pending(p, record);
        p->pending.original = arena_copy_str(p->arena, record->data);
        return GO_ON;
    default:
        return p->again ? GO_ON : take_information(p, record, why);
    }
}

/* --- segments --- */

/* Read one record; -1 also at the end of the file. */
static int next_record(struct parser *p, struct record *ret, struct fail *why)
{
    switch (record_read(&p->reader, ret, why)) {
    case RECORD_OK:
        return 0;
    case RECORD_EOF:
        return fail_set(why, "file ends before the message does");
    default:
        return -1;
    }
}

/* Take records until the segment ends or nothing more is wanted from it. */
static int read_segment(struct parser *p, struct fail *why)
{
    struct record record;

    for (;;) {
        if (next_record(p, &record, why) < 0)
            return -1;
        switch (take(p, &record, why)) {
        case GO_ON:
            break;
        case FAILED:
            return -1;
        default:
            return 0;
        }
    }
}

static int enter_extracted(struct parser *p, struct fail *why)
{
    const struct size_record *size = &p->envelope->size;
    struct record record;

    p->extracted = true;
    record_reader_seek(&p->reader, size->content_offset + size->content_bytes);
    if (next_record(p, &record, why) < 0)
        return -1;
    if (record.type != RECORD_EXTRACTED)
        return fail_set(why, "content does not end where the size record says");
    return 0;
}

/*
 * With a full batch and recipients last in each segment, read what the
 * extracted segment says before its own.
 */
static int read_extracted(struct parser *p, struct fail *why)
{
    struct envelope *e = p->envelope;
    const bool only_information = p->full && !(e->size.flags & SIZE_MIXED);
    const off_t next = e->next;

    if (enter_extracted(p, why) < 0)
        return -1;
    if (!only_information)
        return read_segment(p, why);
    p->full = false;
    p->max_recipients = e->n; /* so that the first one stops us */
    if (read_segment(p, why) < 0)
        return -1;
    e->next = next;
    e->next_extracted = false;
    return 0;
}

static int read_size(struct parser *p, struct fail *why)
{
    struct record record;

    if (next_record(p, &record, why) < 0)
        return -1;
    if (record.type != RECORD_SIZE)
        return fail_set(why, "file does not start with a size record");
    return size_record_parse(record.data, &p->envelope->size, why);
}

/* Texts that the file did not have. */
static void fill_in(struct envelope *e)
{
    const char **others[] = {&e->full_name, &e->filter, &e->redirect, &e->verp};

    for (size_t i = 0; i < COUNT(others); i++)
        if (*others[i] == NULL)
            *others[i] = "";
    if (e->rewrite_context == NULL)
        e->rewrite_context = "local";
    for (size_t i = 0; i < COUNT(text_attributes); i++)
        if (*text_slot(e, i) == NULL)
            *text_slot(e, i) = "";
    if (e->created == 0)
        e->created = e->arrival.tv_sec;
}

static int read_whole(struct parser *p, struct fail *why)
{
    if (read_size(p, why) < 0 || read_segment(p, why) < 0)
        return -1;
    if (!p->saw_time)
        return fail_set(why, "no arrival time");
    if (!p->saw_sender)
        return fail_set(why, "no sender");
    return read_extracted(p, why);
}

int envelope_read(int fd, size_t max_recipients, struct arena *arena,
                  struct envelope *ret, struct fail *why)
{
    struct envelope envelope = {0};
    struct parser p = {
        .arena = arena, .envelope = &envelope, .max_recipients = max_recipients};
    int result;

    forget_pending(&p);
    record_reader_init(&p.reader, fd, 0);
    result = read_whole(&p, why);
    record_reader_done(&p.reader);
    if (result < 0)
        return -1;
    fill_in(&envelope);
    *ret = envelope;
    return 0;
}

int envelope_read_more(int fd, size_t max_recipients, struct arena *arena,
                       struct envelope *envelope, struct fail *why)
{
    struct envelope next = *envelope;
    struct parser p = {.arena = arena,
                       .envelope = &next,
                       .max_recipients = max_recipients,
                       .extracted = envelope->next_extracted,
                       .again = true};
    int result;

    next.recipients = NULL;
    next.n = 0;
    next.next = 0;
    forget_pending(&p);
    record_reader_init(&p.reader, fd, envelope->next);
    result = read_segment(&p, why);
    if (result == 0 && !p.extracted && !p.full)
        result = read_extracted(&p, why);
    record_reader_done(&p.reader);
    if (result == 0)
        *envelope = next;
    return result;
}

/* --- changes in place --- */

int envelope_mark_done(int fd, off_t recipient_offset, struct fail *why)
{
    return record_retype(fd, recipient_offset, RECORD_RECIPIENT, RECORD_DONE, why);
}

int envelope_kill(int fd, off_t attribute_offset, struct fail *why)
{
    return record_retype(fd, attribute_offset, RECORD_ATTRIBUTE, RECORD_KILLED, why);
}

int envelope_mark_warned(int fd, off_t warn_offset, struct fail *why)
{
    struct record_reader reader;
    struct record record;
    enum record_result result;
    char data[16];

    record_reader_init(&reader, fd, warn_offset);
    reader.raw = true;
    result = record_read(&reader, &record, why);
    record_reader_done(&reader);
    if (result == RECORD_EOF ||
        (result == RECORD_OK &&
         (record.type != RECORD_WARN || record.data.n != sizeof(data) - 1)))
        return fail_set(why, "no warning time at offset %lld", (long long)warn_offset);
    if (result != RECORD_OK)
        return -1;
    snprintf(data, sizeof(data), "%15d", -1);
    return file_pwrite_all(fd, data, sizeof(data) - 1,
                           record.next - (off_t)sizeof(data) + 1, why);
}
