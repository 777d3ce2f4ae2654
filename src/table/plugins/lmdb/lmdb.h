/* LMDB files without the library's own locks: what reading and writing share. */
#ifndef TABLE_LMDB_H
#define TABLE_LMDB_H

#include "table/aside.h"
#include "util/attributes.h"

#include <lmdb.h>

/* -1 with the words for the library's or the system's error. */
int lmdb_fail(struct fail *why, int error);
/* The library's descriptor of the file, for locks and fstat; never closed here. */
int lmdb_fd(MDB_env *env);
/* Of the file; one that is shorter has been cut. */
size_t lmdb_bytes_used(MDB_env *env);
/* 0 or an error. map_size: 0 = what the file says. */
int lmdb_open_env(const char *path, unsigned flags, size_t map_size, MDB_env **ret);
/* Begin a transaction, with the file as it is now mapped whole. 0 or an error. */
int lmdb_begin(MDB_env *env, unsigned flags, MDB_txn **ret);

extern const struct table_writer_type lmdb_writer;

#endif
