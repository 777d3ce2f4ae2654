/*
 * master(8): one process that offers the services of master.cf and sees to it
 * that somebody answers them. All state is in struct master; the event loop
 * drives it.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include "conf/conf.h"
#include "conf/master_cf.h"
#include "util/loop.h"
#include "util/map.h"

#include <sys/types.h>

struct entry;

/* One reading of main.cf and master.cf. */
struct settings {
    struct conf *conf;
    struct arena *arena; /* of master_cf */
    struct master_cf master_cf;
    int snapshot; /* descriptor of conf_snapshot, which processes fall back to */
};

struct master {
    const char *config_directory;
    const char *program_path; /* for the log */
    int verbose;              /* number of -v, passed on */
    struct settings settings;
    unsigned generation; /* counts readings of the configuration */
    struct loop *loop;
    struct entry *entries;
    struct map *children; /* struct child by pid; see children.h */
    int signals;          /* descriptor */
    bool stopping;
};

#endif
