/*
 * What "postfix check" knows of the configuration: main.cf, master.cf, and each table and
 * restriction list that they name, with the place in a file for each finding.
 *
 * An error is what makes a daemon fail, mail wait or strangers relay; a warning is what
 * is most likely a slip. The first makes the command fail.
 */
#ifndef POSTFIX_LINT_H
#define POSTFIX_LINT_H

#include "conf/conf.h"
#include "conf/master_cf.h"
#include "conf/params.h"
#include "table/table.h"
#include "util/arena.h"
#include "util/map.h"

#include <stdbool.h>

struct source {
    const char *path;
    struct str text;
};

/* Bytes of a file; a finding stands at its start. No source: a default, told of as the
 * first line of main.cf. */
struct span {
    const struct source *source;
    size_t start, end;
};

/* An entry of master.cf. */
struct entry {
    struct master_service service;
    struct span span;
};

struct lint {
    struct arena *arena;
    struct source main, master;
    struct source *included; /* conf.d, where main.cf wants it (main_cf_include) */
    size_t n_included;
    struct conf *conf;   /* texts only: nothing need be valid */
    struct map *spans;   /* setting of main.cf to the span of its value */
    struct map *used;    /* names that something refers to */
    struct map *options; /* names that an -o of any entry sets */
    struct map *routed;  /* services that transport tables name */
    struct map *said;    /* findings, so that each is told once */
    struct entry *entries;
    size_t n_entries;
    struct tables *tables;
    bool brief;
    int errors;
};

/* Values as one daemon sees them: main.cf, and over it the -o options of its entry. */
struct scope {
    struct lint *lint;
    const struct entry *entry; /* NULL = main.cf alone */
    const struct conf *conf;
};

/*
 * Look at everything below directory; the number of errors told of. brief: only at what
 * would keep daemons from starting, values and entries that cannot be, and not at files
 * and tables, without which they can.
 */
int lint_configuration(const char *directory, bool brief, struct arena *arena);

/* --- findings --- */

void lint_error(struct lint *lint, struct span at, const char *format, ...)
    PRINTF_LIKE(3, 4);
void lint_warn(struct lint *lint, struct span at, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* --- lint_place.c --- */

/* The nth (from 0) appearance of word in span, outside of comments; without one, span. */
struct span span_word(struct span span, struct str word, int nth);
/* Line and column, from 1. */
void span_position(struct span span, int *ret_line, int *ret_column);
/* Where the value of name is set in this scope. */
struct span scope_span(const struct scope *scope, const char *name);
/* The nth appearance of word in it, or in the values that it refers to. */
struct span scope_word(const struct scope *scope, const char *name, struct str word,
                       int nth);
/* Does this very scope set name (an entry by -o)? */
bool scope_sets(const struct scope *scope, const char *name);
/* Its expanded value; "" when that fails. */
const char *scope_text(const struct scope *scope, const char *name);

/* --- lint_names.c: what names there are --- */

/* ", did you mean "x"?" for the candidate that is nearest to name, or "". */
struct nearest {
    struct str name;
    const char *best;
    size_t distance;
};
struct nearest nearest_to(struct str name);
void nearest_try(struct nearest *nearest, const char *candidate);
const char *nearest_words(const struct nearest *nearest, struct arena *arena);

void lint_names(struct lint *lint);

/* --- what is looked at in each scope --- */

void lint_values(const struct scope *scope);       /* lint_values.c: types, files */
void lint_tables(const struct scope *scope);       /* lint_tables.c */
void lint_restrictions(const struct scope *scope); /* lint_restrictions.c */
void lint_routes(const struct scope *scope);       /* lint_routes.c: transports, ports */

/* --- once --- */

void lint_entries(struct lint *lint); /* lint_master.c: read them, before all else */
void lint_master(struct lint *lint);  /* their programs, ports, users */
void lint_classes(struct lint *lint); /* lint_routes.c: domains in two classes */

/* The value of a table or list parameter: each table opened. */
void lint_table(const struct scope *scope, const char *name, struct str word);
/* Is there a service of that name (and type; NULL = any but inet)? */
bool lint_service(const struct lint *lint, struct str name);
void lint_no_service(const struct scope *scope, const char *param, struct span at,
                     struct str name);
/* "host:port" or "[host]:port": its port must be a number or a known name. */
void lint_port(const struct scope *scope, struct span at, struct str host_port);

#endif
