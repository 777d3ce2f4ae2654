/* What servers of tables answer, taken apart; nothing here reads or waits. */
#ifndef TABLE_REPLIES_H
#define TABLE_REPLIES_H

#include "table/table.h"

/*
 * A line of tcp_table(5): "200 text" found, "500 text" not found, "400 text" error;
 * "%XX" in text is the byte XX. Anything else is an error.
 */
enum table_result tcp_reply(struct str line, struct arena *arena, struct str *ret_value,
                            struct fail *why) MUST_CHECK;
/* The same encoding the other way: what is not printable, blanks and "%" become %XX. */
struct str tcp_encode(struct str text, struct arena *arena);

/* What socketmap_table(5) has in its netstring: "OK value", "NOTFOUND ", "TEMP why",
 * "TIMEOUT why", "PERM why". */
enum table_result socketmap_reply(struct str reply, struct arena *arena,
                                  struct str *ret_value, struct fail *why) MUST_CHECK;

/* Read one netstring, "5:hello,", of at most max bytes; *ret lives in arena. */
struct stream;
int netstring_read(struct stream *stream, size_t max, struct arena *arena,
                   struct str *ret, struct fail *why) MUST_CHECK;

/* Read what memcached answers to "get key": 1 = its value, 0 = it has none, -1. */
struct memcache_limits {
    size_t line, data;
};
int memcache_read(struct stream *stream, struct str key,
                  const struct memcache_limits *limits, struct arena *arena,
                  struct str *ret, struct fail *why) MUST_CHECK;

#endif
