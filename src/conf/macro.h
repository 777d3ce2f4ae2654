/*
 * The macro language of main.cf values.
 *
 *     $name ${name} $(name)       the value of name, itself expanded; undefined is empty
 *     ${name?text} ${name:text}   text when the value is not empty; when it is empty
 *     ${name?{text}:{text}}       either; braces keep blanks and braces inside
 *     ${{a} == {b} ? {x} : {y}}   compare; also != < <= > >=, as numbers when both are
 *     ${{a} <level {b} ...}       compare as levels: up to three numbers with dots;
 *                                 "level" may follow each operator
 *     ${domain_to_ascii{text}}    a function of expanded text
 *     $$                          a dollar sign
 *
 * A comparison without branches is "true" or empty. Whether a name is empty is
 * decided on its value before expansion. Nesting of names and
 * braces ends at 100 levels.
 */
#ifndef CONF_MACRO_H
#define CONF_MACRO_H

#include "util/attributes.h"
#include "util/buf.h"
#include "util/fail.h"
#include "util/str.h"

#include <stdbool.h>

struct macro_source {
    /*
     * The value of name as written, not yet expanded, or NULL when it has none.
     * It must stay as long as the expansion runs. On failure: -1 with *why.
     */
    int (*value)(void *context, struct str name, const char **ret, struct fail *why);
    void *context;
    int depth; /* of names and braces, now; 0 at first */
    /*
     * Only find the names: value is called for each name in every branch, taken or
     * not, its answer is not followed, and nothing useful is appended.
     */
    bool names_only;
    bool strict; /* $name without a value is a failure; ${name?text} still is not */
    /* After a failure: the name whose value is at fault; empty when text itself is. */
    struct str culprit;
};

/* Append text to out with its macros replaced. out is undefined on failure. */
int macro_expand(const char *text, struct macro_source *source, struct buf *out,
                 struct fail *why) MUST_CHECK;

/* Compare levels, "3.6" with "3.10": *ret < 0, 0, > 0. -1 when one is malformed. */
int macro_compare_levels(struct str a, struct str b, int *ret,
                         struct fail *why) MUST_CHECK;

#endif
