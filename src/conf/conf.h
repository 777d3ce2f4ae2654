/*
 * main.cf, evaluated: every parameter as a typed member of struct conf.
 *
 * The members are generated from params/ (build/gen/conf/params.gen.h), are
 * named as the parameters, and are written by conf/load.c only:
 * bool for yes/no, int for numbers and for times in seconds, long long for
 * sizes that may pass 2 GB, const char * for all else. A name that
 * starts with a digit gets an "n" before it.
 *
 * Libraries don't log: what the administrator should read is in
 * conf_warnings(), for the caller to log.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "conf/params.gen.h"
#include "util/attributes.h"
#include "util/fail.h"
#include "util/list.h"

#include <stdbool.h>
#include <stddef.h>

struct conf_options {
    const char
        *program; /* "smtpd": selects whose parameters must be valid; $process_name */
    const char *service;   /* the name in master.cf, $service_name; NULL = program */
    const char *directory; /* -c; NULL = as conf_directory says */
    const char *const
        *overrides; /* "name=value" from -o, last wins, NULL at the end; may be NULL */
    bool defaults_only; /* read no main.cf at all (postconf -d) */
    /* A value that cannot be is a warning and gives way to the default: for commands that
       must work when main.cf is broken (postfix stop). */
    bool lenient;
    /* Every program's parameters must be valid: for master, whose reload stands for all.
     */
    bool all_programs;
    /* Of conf_snapshot: take the settings from there instead of main.cf and conf.d; 0 =
       read the files. */
    int snapshot_fd;
    bool texts_only; /* evaluate nothing: no member is valid, only conf_text and
                        conf_expand (postconf, which shows what others can't use) */
};

/* Where main.cf lies: chosen, else $MAIL_CONFIG, else the default of this build. */
const char *conf_directory(const char *chosen);
const char *conf_default_directory(void);

/*
 * Read and evaluate. The result is freed with conf_free. NULL on failure: the
 * file cannot be read, does not parse, or a parameter that this program uses
 * ("used" in its record names program, or is "all") has a value that cannot be;
 * *why then names file and line. Other programs' parameters need not be valid;
 * those that are texts with macros are NULL.
 */
struct conf *conf_load(const struct conf_options *options, struct fail *why) MUST_CHECK;
void conf_free(struct conf *conf); /* NULL is fine */

/*
 * The settings of main.cf and conf.d as conf was loaded with them ("-o" is not among
 * them), in anonymous memory that nobody can change any more. The descriptor
 * (close-on-exec), or -1. For conf_options.snapshot_fd, in any process that inherits it.
 */
int conf_snapshot(const struct conf *conf, struct fail *why) MUST_CHECK;

/* Lines to log as warnings, such as a line of main.cf without "=". */
const struct texts *conf_warnings(const struct conf *conf);

/*
 * The value of any name: parameter, user-defined, or made at run time.
 * Expanded; NULL when the name is defined nowhere. A macro error also gives
 * NULL, with words in *why (which is left alone otherwise).
 */
const char *conf_text(const struct conf *conf, const char *name, struct fail *why);

/*
 * Parameters made from a service name: conf_service_int(conf, "relay",
 * "destination_concurrency_limit", ...) is $relay_destination_concurrency_limit
 * when set, else the default of the family <service>_destination_concurrency_limit.
 * A suffix that is no family is our bug. Times are in seconds.
 */
int conf_service_int(const struct conf *conf, const char *service, const char *suffix,
                     int *ret, struct fail *why) MUST_CHECK;
int conf_service_text(const struct conf *conf, const char *service, const char *suffix,
                      const char **ret, struct fail *why) MUST_CHECK;

/*
 * Expand macros in text as main.cf values are ("-o" arguments, table names).
 * The result lives as long as conf. NULL with *why on a macro error.
 */
const char *conf_expand(const struct conf *conf, const char *text,
                        struct fail *why) MUST_CHECK;

/* True when compatibility_level is below level ("3.6"). */
bool conf_level_below(const struct conf *conf, const char *level);
/* True when name is left to its default, and that is the one of before it changed: where
 * it decides about mail, the administrator is told. */
bool conf_has_old_default(const struct conf *conf, const char *name);

/* True when main.cf or -o sets name, so that its value is not the default. */
bool conf_is_set(const struct conf *conf, const char *name);

/* A time such as "300s", "2h", "1"; the unit of a bare number is unit, one of "smhdw".
 * False when bad. What follows the unit is ignored. */
bool conf_time(const char *text, char unit, int *ret_seconds);

#endif
