/* Other table types in the place of hash and btree, for systems that leave Berkeley DB.
 */
#ifndef TABLE_REDIRECT_H
#define TABLE_REDIRECT_H

#include "conf/conf.h"
#include "table/table.h"

/* The type to use for "type:path", called name, or NULL: as it is. conf may have
 * texts only. */
const char *redirect_type(struct tables *tables, const struct conf *conf,
                          const char *name, struct str type);

/*
 * May this be non_bdb_custom_mapping? Not a table behind "proxy:": proxymap asks it too,
 * and would wait for itself.
 */
int redirect_check_mapping(const char *mapping, struct fail *why) MUST_CHECK;

/* The socket of the service that makes indexes anew, or NULL where it may not. */
const char *redirect_reindexer(const struct conf *conf);

/* Have that service make the index for "hash:/etc/x". 0, or -1. */
int redirect_make_index(const char *service, const char *name,
                        struct fail *why) MUST_CHECK;

#endif
