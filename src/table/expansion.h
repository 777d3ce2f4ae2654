/*
 * Templates of questions and results: query, query_filter, search_base, key_format,
 * result_format of the types that ask databases.
 *
 *     %s      the key; in a result the value found
 *     %u %d   its part before and behind the last "@"; of what has no "@", %u is all
 *     %S %U %D  the same of the key, in a result too
 *     %1 ... %9  a label of the key's domain, %1 the last one ("com")
 *     %%      a percent sign
 *
 * A template that needs a part that is not there asks nothing, and gives no result.
 */
#ifndef TABLE_EXPANSION_H
#define TABLE_EXPANSION_H

#include "table/table.h"
#include "util/buf.h"

struct match_list;
struct table_parameters;

/* Is every "%" followed by one of the above? what: "query", for the words. */
int expansion_check(const char *template, const char *what, struct fail *why) MUST_CHECK;

/*
 * Append text to out in a form that cannot leave the place where the template has it.
 * NOT_FOUND: no text of the database can be equal, so nothing needs to be asked. out has
 * room for three times the text and three bytes.
 */
typedef enum table_result expansion_quote(void *context, struct str text, struct buf *out,
                                          struct fail *why);

/* How the parts of a template are put in. */
struct expansion {
    const char *template;
    struct str key;
    const struct str *value; /* NULL = a question; else the template is of a result */
    expansion_quote *quote;  /* NULL = as they are */
    void *context;
};

/*
 * Append the filled-in template to out. NOT_FOUND when a part is not there. ERROR also
 * when it gets longer than out may.
 */
enum table_result expansion_make(const struct expansion *expansion, struct buf *out,
                                 struct fail *why) MUST_CHECK;

/* --- what is common to the tables that use templates
 * --------------------------------------- */

struct database_rules {
    const char *result_format;
    int expansion_limit; /* 0 = none */
    struct match_list *domain;
};

/* The parameters result_format, expansion_limit, domain. */
int database_rules_open(struct database_rules *rules, struct table *table,
                        const struct table_parameters *parameters,
                        struct fail *why) MUST_CHECK;

/* With the parameter domain, only user@domain with such a domain is looked up: FOUND. */
enum table_result database_wants(const struct database_rules *rules, struct str key,
                                 struct fail *why) MUST_CHECK;

/* Results as they come, joined by commas. */
struct results {
    const struct database_rules *rules;
    struct str key;
    struct buf text;
    int n;
};

void results_init(struct results *results, const struct database_rules *rules,
                  struct str key);
void results_done(struct results *results);
void results_restart(struct results *results); /* forget what was added */
/* Add one value; an empty one, and one that result_format has no use for, is left out.
 * -1 when there are too many. */
int results_add(struct results *results, struct str value, struct fail *why) MUST_CHECK;
/* FOUND when there was any. */
enum table_result results_answer(const struct results *results, struct arena *arena,
                                 struct str *ret_value);

#endif
