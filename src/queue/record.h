/*
 * Records: what queue files, maildrop files and the stream into cleanup are
 * made of. One type byte, the length in little-endian base 128, the data
 * (formats 1.1). Types keep the letter of the file format.
 */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "util/attributes.h"
#include "util/buf.h"
#include "util/fail.h"
#include "util/str.h"

#include <sys/types.h>

enum record_type {
    RECORD_SIZE = 'C',      /* first record: struct size_record */
    RECORD_TIME = 'T',      /* arrival: "seconds microseconds" */
    RECORD_CREATED = 'c',   /* obsolete form of A create_time */
    RECORD_FILTER = 'L',    /* in envelope segments: "transport:nexthop" */
    RECORD_FULL_NAME = 'F', /* of the sender */
    RECORD_INSPECTOR = 'I', /* unused */
    RECORD_SENDER = 'S',    /* internal form, unquoted; empty = null sender */
    RECORD_RECIPIENT = 'R', /* still to do */
    RECORD_DONE = 'D',      /* recipient that is delivered or bounced */
    RECORD_CANCELLED = '/', /* recipient that a milter removed */
    RECORD_ORIGINAL = 'O',  /* original recipient, precedes its R */
    RECORD_WARN = 'W',      /* when to send the delay warning, "%15ld"; -1 = sent */
    RECORD_VERP = 'V',      /* VERP delimiters, two characters */
    RECORD_REDIRECT = '>',  /* sole recipient instead of all others */
    RECORD_ATTRIBUTE = 'A', /* "name=value" */
    RECORD_KILLED = 'K',    /* was an attribute; ignored */
    RECORD_PAD = 'w',       /* ignored */
    RECORD_POINTER = 'p',   /* "%15ld": read on there; 0 = no jump */
    RECORD_RETURN_RECEIPT = 'r',
    RECORD_ERRORS_TO = 'e',
    RECORD_PRIORITY = 'P',     /* these three: legacy, ignored */
    RECORD_MILTER = 'm',       /* on the wire only: milter/milter.h, with a descriptor */
    RECORD_DSN_ORIGINAL = 'o', /* these four: on the wire only; files use A records */
    RECORD_DSN_NOTIFY = 'n',
    RECORD_DSN_ENVID = 'i',
    RECORD_DSN_RET = '<',
    RECORD_CONTENT = 'M',   /* end of envelope, start of content */
    RECORD_LINE = 'N',      /* text line; its line end is implied */
    RECORD_CHUNK = 'L',     /* in content: text that the next L or N continues */
    RECORD_EXTRACTED = 'X', /* end of content, start of the extracted segment */
    RECORD_END = 'E',       /* end of message; only a heap may follow */
};

enum {
    RECORD_DATA_MAX = 1 << 20, /* more than this is taken for corruption */
    /* The same in envelope segments. Whatever quoting makes of such a text, and the words
     * that a report adds, must fit into one value between daemons (IPC_VALUE_MAX). */
    RECORD_ENVELOPE_MAX = 8192,
    RECORD_HEADER_MAX = 6,     /* type byte and the longest length */
    RECORD_POINTER_BYTES = 17, /* a whole pointer record */
};

struct record {
    int type;
    struct str data;
    off_t offset; /* of its type byte */
    off_t next;   /* of what follows it, before any pointer is followed */
};

/*
 * Take one record from the front of *rest, which starts at file offset
 * `offset`. 1 = *ret is a record whose data points into *rest, and *rest is
 * behind it; 0 = the bytes end before the record does (also when *rest is empty); -1 = no
 * record can start like this. On 0 and -1 nothing is changed.
 */
int record_parse(struct str *rest, off_t offset, struct record *ret);

/* Bytes of the whole record that starts like head; 0 = head is too short to tell, -1 = no
 * record can start like this. */
ssize_t record_whole(struct str head);

/* What stands before the n bytes of a record's data; how many bytes that are. */
size_t record_header(char to[RECORD_HEADER_MAX], int type, size_t n);

/* Append one record to b. */
void record_add(struct buf *b, int type, struct str data);
void record_add_text(struct buf *b, int type, const char *text);
void record_printf(struct buf *b, int type, const char *format, ...) PRINTF_LIKE(3, 4);
void record_vprintf(struct buf *b, int type, const char *format, va_list args)
    PRINTF_LIKE(3, 0);
/* An A record. */
void record_add_attribute(struct buf *b, const char *name, const char *value);
void record_add_attribute_number(struct buf *b, const char *name, long value);

/*
 * Append a line of text: chunks of at most chunk_max bytes as L records, the
 * last as N. text has no line end.
 */
void record_add_line(struct buf *b, struct str text, size_t chunk_max);

/* Split "name=value"; false when there is no '=' or no name. */
bool record_attribute(struct str data, struct str *ret_name, struct str *ret_value);

/* The word of postcat(1) for a type, "recipient"; NULL when unknown. 'L' gives
 * "content_filter". */
const char *record_type_name(int type);

/* May this be the data of a record of an envelope? No NUL, CR or LF in it, which would be
 * more than one record to others, and at most RECORD_ENVELOPE_MAX bytes. */
bool record_fits_envelope(struct str data);

/* --- the first record of a queue file --- */
enum {
    SIZE_MIXED = 1,        /* flags: recipients stand mixed with other records */
    SIZE_NOTIFY_SHIFT = 1, /* flags: OR of all notify bits, shifted by this */
    SIZE_FLAGS = 0x1f,
    SIZE_SMTPUTF8 = 1, /* smtputf8: asked for by the client */
    SIZE_UTF8_HEADER = 2,
    SIZE_UTF8_SENDER = 4,
    SIZE_UTF8_RECIPIENT = 8,
    SIZE_TLS_NOT_REQUIRED = 16,
    SIZE_REQUIRETLS = 32,
    SIZE_RECORD_BYTES = 97, /* the whole record with six fields */
};
struct size_record {
    long content_bytes;  /* in the file, from the end of M to the start of X */
    long content_offset; /* of the first content record */
    long recipients;     /* at creation */
    long flags;
    long content_length; /* as told by SIZE= and in the log; 0 = content_bytes */
    long smtputf8;
};
void record_add_size(struct buf *b, const struct size_record *size);
/* 3 to 6 numbers; the first two above 0; no unknown flags. */
int size_record_parse(struct str data, struct size_record *ret,
                      struct fail *why) MUST_CHECK;

#endif
