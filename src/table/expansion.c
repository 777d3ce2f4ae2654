/* Filling in templates, and joining results: see expansion.h. */
#include "table/expansion.h"

#include "table/match.h"
#include "table/parameters.h"
#include "table/type.h"

#include <ctype.h>

enum { RESULT_MAX = 1 << 20 };

int expansion_check(const char *template, const char *what, struct fail *why)
{
    for (const char *at = template; *at; at++)
        if (*at == '%' && (!*++at || !strchr("%sudSUD123456789", *at)))
            return fail_set(why, "bad %s: \"%s\": %% stands before something unknown",
                            what, template);
    return 0;
}

/* Label number n from the end, from 1; empty when there is none. */
static struct str label(struct str domain, int n)
{
    struct str part = STR_NONE;

    for (int i = 0; i < n; i++) {
        size_t dot = str_find_last(domain, '.');

        if (domain.n == 0)
            return STR_NONE;
        part = dot == domain.n ? domain : str_tail(domain, dot + 1);
        domain = dot == domain.n ? STR_NONE : str_head(domain, dot);
    }
    return part;
}

static struct str domain_of(struct str text)
{
    size_t at = str_find_last(text, '@');

    return at == text.n ? STR_NONE : str_tail(text, at + 1);
}

/* What stands for "%c"; empty when there is none. */
static struct str part(const struct expansion *expansion, char c)
{
    struct str from = expansion->value && islower((unsigned char)c) ? *expansion->value
                                                                    : expansion->key;

    switch (tolower((unsigned char)c)) {
    case 's':
        return from;
    case 'u':
        return str_head(from, str_find_last(from, '@'));
    case 'd':
        return domain_of(from);
    default:
        return label(domain_of(expansion->key), c - '0');
    }
}

static enum table_result add_part(const struct expansion *expansion, char c,
                                  struct buf *out, struct fail *why)
{
    struct str text = part(expansion, c);

    if (text.n == 0)
        return TABLE_NOT_FOUND;
    if (text.n > (out->max - out->n) / 3 - 1)
        return fail_set(why, "more than %zu bytes", out->max);
    if (expansion->quote)
        return expansion->quote(expansion->context, text, out, why);
    buf_add_str(out, text);
    return TABLE_FOUND;
}

enum table_result expansion_make(const struct expansion *expansion, struct buf *out,
                                 struct fail *why)
{
    for (const char *at = expansion->template; *at; at++) {
        enum table_result result = TABLE_FOUND;

        if (out->max - out->n < 10)
            return fail_set(why, "more than %zu bytes", out->max);
        if (*at != '%')
            buf_add_char(out, *at);
        else if (*++at == '%')
            buf_add_char(out, '%');
        else
            result = add_part(expansion, *at, out, why);
        if (result != TABLE_FOUND)
            return result;
    }
    return TABLE_FOUND;
}

/* --- results ----------------------------------------------------------------------- */

int database_rules_open(struct database_rules *rules, struct table *table,
                        const struct table_parameters *parameters, struct fail *why)
{
    const char *domain = table_text(parameters, "domain", "");

    rules->result_format = table_text(parameters, "result_format", "%s");
    if (*domain)
        rules->domain = match_list_open(table->tables, "domain", domain, 0);
    if (table_number(parameters, "expansion_limit", 0, &rules->expansion_limit, why) < 0)
        return -1;
    return expansion_check(rules->result_format, "result_format", why);
}

enum table_result database_wants(const struct database_rules *rules, struct str key,
                                 struct fail *why)
{
    struct str domain = domain_of(key);

    if (!rules->domain)
        return TABLE_FOUND;
    if (domain.n == 0 || key.p[0] == '@')
        return TABLE_NOT_FOUND;
    return (enum table_result)match_string(rules->domain, domain, why);
}

void results_init(struct results *results, const struct database_rules *rules,
                  struct str key)
{
    *results = (struct results){.rules = rules, .key = key};
    buf_init(&results->text, RESULT_MAX);
}

void results_restart(struct results *results)
{
    buf_reset(&results->text);
    results->n = 0;
}

void results_done(struct results *results)
{
    buf_done(&results->text);
}

int results_add(struct results *results, struct str value, struct fail *why)
{
    struct expansion expansion = {
        .template = results->rules->result_format, .key = results->key, .value = &value};
    size_t before = results->text.n;
    enum table_result result;

    if (value.n == 0)
        return 0;
    if (str_find(value, '\0') < value.n)
        return fail_set(why, "the value of \"%.*s\" holds a NUL byte",
                        STR_ARG(results->key));
    if (before > 0 && before + 1 < results->text.max)
        buf_add_char(&results->text, ',');
    result = expansion_make(&expansion, &results->text, why);
    if (result == TABLE_ERROR)
        return fail_prefix(why, "the value of \"%.*s\"", STR_ARG(results->key));
    if (result == TABLE_NOT_FOUND) {
        buf_cut(&results->text, before);
        return 0;
    }
    results->n++;
    if (results->rules->expansion_limit > 0 &&
        results->n > results->rules->expansion_limit)
        return fail_set(why, "Expansion limit exceeded for key '%.*s'",
                        STR_ARG(results->key));
    return 0;
}

enum table_result results_answer(const struct results *results, struct arena *arena,
                                 struct str *ret_value)
{
    return results->n == 0 ? TABLE_NOT_FOUND
                           : table_answer(arena, buf_str(&results->text), ret_value);
}
