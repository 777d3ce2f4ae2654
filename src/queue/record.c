/*
 * The framing of records and the two kinds with a layout of their own: the
 * size record and attributes. Which record may stand where is decided by
 * those who read whole files (envelope.c, maildrop.c).
 */
#include "queue/record.h"

#include "util/format.h"

#include <stdio.h>

enum {
    LENGTH_BITS = 32, /* longest length that readers take */
    LENGTH_BYTES = (LENGTH_BITS + 6) / 7,
};

/* --- framing --- */

/* Decode a length. 1 = *ret and *ret_bytes are set, 0 = bytes are missing, -1 = too
 * large. */
static int parse_length(struct str s, size_t *ret, size_t *ret_bytes)
{
    unsigned long long length = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char byte = (unsigned char)s.p[i];

        if (i == LENGTH_BYTES)
            return -1;
        length |= (unsigned long long)(byte & 0x7f) << (7 * i);
        if (length > RECORD_DATA_MAX)
            return -1;
        if ((byte & 0x80) == 0) {
            *ret = (size_t)length;
            *ret_bytes = i + 1;
            return 1;
        }
    }
    return s.n >= LENGTH_BYTES ? -1 : 0;
}

int record_parse(struct str *rest, off_t offset, struct record *ret)
{
    size_t length, bytes;
    int known;

    if (rest->n == 0)
        return 0;
    if (rest->p[0] == '\0')
        return -1; /* no type: a hole in the file, or worse */
    known = parse_length(str_tail(*rest, 1), &length, &bytes);
    if (known <= 0)
        return known;
    if (rest->n - 1 - bytes < length)
        return 0;
    *ret = (struct record){
        .type = (unsigned char)rest->p[0],
        .data = {rest->p + 1 + bytes, length},
        .offset = offset,
        .next = offset + 1 + (off_t)bytes + (off_t)length,
    };
    *rest = str_tail(*rest, 1 + bytes + length);
    return 1;
}

ssize_t record_whole(struct str head)
{
    size_t length, bytes;
    int known;

    if (head.n == 0)
        return 0;
    if (head.p[0] == '\0')
        return -1;
    known = parse_length(str_tail(head, 1), &length, &bytes);
    return known <= 0 ? known : (ssize_t)(1 + bytes + length);
}

size_t record_header(char to[RECORD_HEADER_MAX], int type, size_t n)
{
    size_t at = 0;

    to[at++] = (char)type;
    for (; n > 0x7f; n >>= 7)
        to[at++] = (char)(n | 0x80);
    to[at++] = (char)n;
    return at;
}

/* Where the data of a record of n bytes goes; finish_record says that it is there. */
static char *start_record(struct buf *b, int type, size_t n)
{
    char header[RECORD_HEADER_MAX];
    size_t bytes = record_header(header, type, n);
    char *p = buf_reserve(b, bytes + n);

    memcpy(p, header, bytes);
    return p + bytes;
}

static void finish_record(struct buf *b, const char *end)
{
    buf_added(b, (size_t)(end - (b->p + b->n)));
}

void record_add(struct buf *b, int type, struct str data)
{
    char *p = start_record(b, type, data.n);

    if (data.n > 0)
        memcpy(p, data.p, data.n);
    finish_record(b, p + data.n);
}

void record_add_text(struct buf *b, int type, const char *text)
{
    record_add(b, type, str_of(text));
}

void record_vprintf(struct buf *b, int type, const char *format, va_list args)
{
    char short_text[200];
    struct buf data;
    va_list again;
    int n;

    va_copy(again, args);
    n = format_va(short_text, sizeof(short_text), format, args);
    if (n >= 0 && (size_t)n < sizeof(short_text)) {
        record_add(b, type, str_from(short_text, (size_t)n));
    } else {
        buf_init(&data, RECORD_DATA_MAX);
        buf_vprintf(&data, format, again);
        record_add(b, type, buf_str(&data));
        buf_done(&data);
    }
    va_end(again);
}

void record_printf(struct buf *b, int type, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    record_vprintf(b, type, format, args);
    va_end(args);
}

void record_add_line(struct buf *b, struct str text, size_t chunk_max)
{
    while (text.n > chunk_max) {
        record_add(b, RECORD_CHUNK, str_head(text, chunk_max));
        text = str_tail(text, chunk_max);
    }
    record_add(b, RECORD_LINE, text);
}

/* --- attributes --- */

void record_add_attribute(struct buf *b, const char *name, const char *value)
{
    size_t name_bytes = strlen(name), value_bytes = strlen(value);
    char *p = start_record(b, RECORD_ATTRIBUTE, name_bytes + 1 + value_bytes);

    memcpy(p, name, name_bytes);
    p[name_bytes] = '=';
    memcpy(p + name_bytes + 1, value, value_bytes);
    finish_record(b, p + name_bytes + 1 + value_bytes);
}

void record_add_attribute_number(struct buf *b, const char *name, long value)
{
    char text[24];

    format_text(text, sizeof(text), "%ld", value);
    record_add_attribute(b, name, text);
}

bool record_attribute(struct str data, struct str *ret_name, struct str *ret_value)
{
    size_t equals = str_find(data, '=');

    if (equals == 0 || equals == data.n)
        return false;
    *ret_name = str_head(data, equals);
    *ret_value = str_tail(data, equals + 1);
    return true;
}

bool record_fits_envelope(struct str data)
{
    if (data.n > RECORD_ENVELOPE_MAX)
        return false;
    for (size_t i = 0; i < data.n; i++)
        if (data.p[i] == '\0' || data.p[i] == '\r' || data.p[i] == '\n')
            return false;
    return true;
}

/* --- names for people --- */

static const struct {
    int type;
    const char *name;
} names[] = {
    {RECORD_SIZE, "message_size"},
    {RECORD_TIME, "message_arrival_time"},
    {RECORD_CREATED, "create_time"},
    {RECORD_FULL_NAME, "sender_fullname"},
    {RECORD_INSPECTOR, "content_inspector"},
    {RECORD_FILTER, "content_filter"},
    {RECORD_SENDER, "sender"},
    {RECORD_RECIPIENT, "recipient"},
    {RECORD_DONE, "done_recipient"},
    {RECORD_CANCELLED, "canceled_recipient"},
    {RECORD_ORIGINAL, "original_recipient"},
    {RECORD_WARN, "warning_message_time"},
    {RECORD_ATTRIBUTE, "named_attribute"},
    {RECORD_POINTER, "pointer_record"},
    {RECORD_KILLED, "killed_record"},
    {RECORD_PAD, "padding"},
    {RECORD_VERP, "verp_delimiters"},
    {RECORD_REDIRECT, "redirect_to"},
    {RECORD_RETURN_RECEIPT, "return_receipt"},
    {RECORD_ERRORS_TO, "errors_to"},
    {RECORD_PRIORITY, "priority"},
    {RECORD_DSN_ORIGINAL, "dsn_original_recipient"},
    {RECORD_DSN_NOTIFY, "dsn_notify_flags"},
    {RECORD_DSN_ENVID, "dsn_envelope_id"},
    {RECORD_DSN_RET, "dsn_return_flags"},
    {RECORD_CONTENT, "message_content"},
    {RECORD_LINE, "regular_text"},
    {RECORD_EXTRACTED, "extracted_info"},
    {RECORD_END, "message_end"},
};

const char *record_type_name(int type)
{
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].type == type)
            return names[i].name;
    return NULL;
}

/* --- the size record --- */

void record_add_size(struct buf *b, const struct size_record *size)
{
    record_printf(b, RECORD_SIZE, "%15ld %15ld %15ld %15ld %15ld %15ld",
                  size->content_bytes, size->content_offset, size->recipients,
                  size->flags, size->content_length, size->smtputf8);
}

int size_record_parse(struct str data, struct size_record *ret, struct fail *why)
{
    struct size_record size = {0};
    long *const fields[] = {&size.content_bytes, &size.content_offset, &size.recipients,
                            &size.flags,         &size.content_length, &size.smtputf8};
    struct str rest = data, word;
    size_t count = 0;

    while ((word = str_word(&rest, " ")).n > 0) {
        unsigned long long number;

        if (count == COUNT(fields))
            return fail_set(why, "size record with more than %zu fields", count);
        if (!str_number(word, 999999999999999ULL, &number))
            return fail_set(why, "size record with a bad field \"%.*s\"", STR_ARG(word));
        *fields[count++] = (long)number;
    }
    if (count < 3)
        return fail_set(why, "size record with only %zu fields", count);
    if (size.content_bytes == 0 || size.content_offset == 0)
        return fail_set(why, "size record without content");
    if (size.flags & ~(long)SIZE_FLAGS)
        return fail_set(why, "size record with unknown flags %ld", size.flags);
    *ret = size;
    return 0;
}
