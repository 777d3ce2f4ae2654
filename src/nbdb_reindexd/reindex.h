#ifndef NBDB_REINDEXD_REINDEX_H
#define NBDB_REINDEXD_REINDEX_H

#include "conf/conf.h"
#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"

/* trust.c: may path ("/etc/aliases", with /etc/aliases.db) be indexed anew? */
int trust_check(const struct conf *conf, const char *path, struct arena *arena,
                struct fail *why) MUST_CHECK;

#endif
