/*
 * master.cf: which services master offers, and how their daemons are started.
 *
 * A logical line has seven fields, a command and its arguments:
 *
 *     name type private unpriv chroot wakeup maxproc command args...
 *
 * "-" in fields 3 to 7 means the default. An argument "{ text }" is one
 * argument, without its outer braces and the blanks inside them; after "-o"
 * among the options, "{ name = value }" becomes "name=value".
 */
#ifndef CONF_MASTER_CF_H
#define CONF_MASTER_CF_H

#include "util/arena.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/list.h"

#include <stdbool.h>

struct conf;

enum master_type {
    MASTER_INET,
    MASTER_UNIX,
    MASTER_FIFO,
    MASTER_PASS,
    MASTER_UNIX_DGRAM,
};

/* The fields before the command, as written in the file. */
enum master_field {
    MASTER_NAME,
    MASTER_TYPE,
    MASTER_PRIVATE,
    MASTER_UNPRIVILEGED,
    MASTER_CHROOT,
    MASTER_WAKEUP,
    MASTER_PROCESS_LIMIT,
    MASTER_FIELDS,
};

struct master_service {
    const char *name; /* "smtp", "127.0.0.1:2525", "cleanup" */
    enum master_type type;
    bool private;        /* its socket lies in private/, not in public/; false for inet */
    bool unprivileged;   /* runs as $mail_owner */
    bool chroot;         /* runs in $queue_directory */
    int wakeup;          /* seconds between wake-ups; 0 = none */
    bool wakeup_if_used; /* "300?": no wake-up before the first use */
    int process_limit;   /* 0 = no limit */
    const char *command; /* program name in $daemon_directory */
    struct texts args;   /* after the command; a NULL ends it once one is there */
    int line;            /* where the entry starts in master.cf */
    const char *as_written[MASTER_FIELDS];
    const char *command_as_written; /* command and arguments, line breaks as blanks */
};

struct master_cf {
    const char *path;
    struct master_service *services; /* in file order; of duplicates only the last */
    size_t n;
    struct texts warnings; /* for the caller to log, such as duplicates */
    struct texts notices;  /* likewise: defaults of an old compatibility_level in use */
};

/*
 * Read the file at path for those who show or edit it: every entry, duplicates
 * too, with "-" fields taken as "no" or 0 where main.cf has the default. Braces
 * that do not match, and options without a name, are worth a warning only.
 */
int master_cf_parse(const char *path, struct arena *arena, struct master_cf *ret,
                    struct fail *why) MUST_CHECK;

/*
 * As a line of the file would be read; line number 0. For postconf -M name/type=...
 * What is worth a warning only is added to doubts, or a failure when that is NULL.
 */
int master_cf_parse_entry(struct str text, struct arena *arena,
                          struct master_service *ret, struct texts *doubts,
                          struct fail *why) MUST_CHECK;

/*
 * Read the file at path to run what it says. Defaults that depend on parameters (chroot,
 * process limit) come from conf; of entries with one name and type the last wins. On
 * failure *why says "master.cf: line N: what". Everything lives in arena.
 */
int master_cf_read(const char *path, const struct conf *conf, struct arena *arena,
                   struct master_cf *ret, struct fail *why) MUST_CHECK;

/* The service of that name and type, or NULL. */
const struct master_service *master_cf_find(const struct master_cf *master,
                                            const char *name, enum master_type type);

/* "inet", "unix", ... and back; false when text names no type. */
const char *master_type_text(enum master_type type);
bool master_type_of(const char *text, enum master_type *ret);

/* "service", "type", ... as postconf -F names them; MASTER_FIELDS is "command". */
const char *master_field_text(int field);

#endif
