/* Opening Berkeley DB files without its habits: no DB_CONFIG from wherever we are, names
 * absolute. */
#ifndef TABLE_BERKELEY_H
#define TABLE_BERKELEY_H

#include "util/attributes.h"
#include "util/fail.h"

#include <db.h>
#include <stdbool.h>

struct berkeley {
    DB_ENV *env; /* private to this table */
    DB *db;
    int fd; /* the library's own descriptor of the file, for locks and fstat; never closed
               here */
};

/* path may be relative. type: DB_HASH or DB_BTREE; flags: of DB->open. why->code is the
 * errno. */
int berkeley_open(const char *path, DBTYPE type, u_int32_t flags, size_t cache,
                  struct berkeley *ret, struct fail *why) MUST_CHECK;
/* 0, or -1 with words when what was written may not have arrived. A zeroed struct is
 * fine. */
int berkeley_close(struct berkeley *berkeley, struct fail *why) MUST_CHECK;

extern const struct table_writer_type berkeley_hash_writer, berkeley_btree_writer;

#endif
