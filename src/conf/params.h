/*
 * The parameter catalogue as C sees it: one row a record of params/, in the
 * order of names. For load.c and postconf; others use struct conf.
 */
#ifndef CONF_PARAMS_H
#define CONF_PARAMS_H

#include "util/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The C type follows from it: bool, int (INT, TIME in seconds, CODE), long long (SIZE),
 * text. */
enum param_type {
    PARAM_BOOL,
    PARAM_INT,
    PARAM_TIME,
    PARAM_CODE, /* of an SMTP reply */
    PARAM_SIZE, /* may exceed 2 GB */
    PARAM_TEXT,
    PARAM_ENUM,
    PARAM_OPTIONS, /* words by commas or blanks */
    PARAM_TABLE,
    PARAM_TABLES,
    PARAM_MATCHLIST,
    PARAM_RESTRICTIONS,
    PARAM_PATH,
    PARAM_PATHS,
    PARAM_TRANSPORT, /* transport:nexthop */
    PARAM_NEXTHOP,
    PARAM_DOMAIN,
    PARAM_ADDRESS,
    PARAM_SERVICE,
};

enum param_flag {
    PARAM_RAW = 1,      /* macros are the program's, replaced at run time */
    PARAM_COMPUTED = 2, /* conf/computed.c makes the default */
    PARAM_READONLY = 4, /* main.cf cannot set it */
    PARAM_OBSOLETE = 8, /* still works; param_instead_of tells the newer way */
    PARAM_REMOVED = 16, /* of older versions; has no effect and no member */
    PARAM_NOT_BUILT = 32,
    PARAM_FAMILY = 64,  /* "<service>_x": a name for each service; no member */
    PARAM_MACROS = 128, /* in the default */
};

struct param {
    const char *name;
    const char *text; /* the default, not expanded */
    enum param_type type;
    unsigned flags;
    char unit;          /* of a bare number, when a time: one of "smhdw" */
    long long min, max; /* of numbers; of texts, min is the least length; max 0 = none */
    long long number;   /* the default of a bool or number, when it has no macros */
    size_t offset;      /* of its member in struct conf */
};

size_t params_count(void);
struct param param_at(size_t i);

/* The row of that name, or params_count(). */
size_t param_row(struct str name);
/* False when there is no such record. Removed ones and "<service>_x" are records, too. */
bool param_find(struct str name, struct param *ret);

/*
 * The family that makes "relay_destination_rate_delay" a parameter, for any
 * service name; *ret_service is the name's first part. False when there is none.
 */
bool param_family(struct str name, struct param *ret, struct str *ret_service);
/* The family "<service>_" suffix. */
bool param_family_of(const char *suffix, struct param *ret);

/*
 * The parameter to use in place of one that is obsolete; empty when there is none, as
 * the default does what is wanted. NULL when name is not obsolete.
 */
const char *param_instead_of(const char *name);

/* Does the program's own code read row i? The answer is "yes" for program NULL. */
uint64_t params_program(const char *program); /* its bit, 0 when unknown */
bool param_is_used(size_t i, uint64_t program);
/* The same for a name; of a name that only a service makes, its family counts. */
bool param_is_used_by(const char *name, uint64_t program);

#endif
