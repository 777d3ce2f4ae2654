/*
 * pcre:file - Perl-compatible expressions by PCRE2, compiled to machine code
 * where that works. Without flags they ignore case and "." matches a newline.
 *
 * An expression that meets the match limit says nothing about the key: that is
 * an error, so that a filter does not fail open (reliability: exhaustion).
 */
#include "table/expression.h"
#include "table/rules.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static const struct {
    char letter;
    uint32_t option;
} options[] = {
    {'i', PCRE2_CASELESS}, {'m', PCRE2_MULTILINE},
    {'s', PCRE2_DOTALL},   {'x', PCRE2_EXTENDED},
    {'A', PCRE2_ANCHORED}, {'E', PCRE2_DOLLAR_ENDONLY},
    {'U', PCRE2_UNGREEDY}, {'X', 0 /* was "extra", on by default in PCRE2 */},
};

static int options_of(struct str letters, uint32_t *ret, struct fail *why)
{
    uint32_t flags = PCRE2_CASELESS | PCRE2_DOTALL;

    for (size_t i = 0; i < letters.n; i++) {
        size_t n = 0;

        while (n < COUNT(options) && options[n].letter != letters.p[i])
            n++;
        if (n == COUNT(options))
            return fail_set(why, "unknown regexp option \"%c\": skipping this rule",
                            letters.p[i]);
        flags ^= options[n].option;
    }
    *ret = flags;
    return 0;
}

static int pcre_rule_parse(struct table *table, struct str *rest, bool is_if,
                           void **ret_pattern, unsigned *ret_groups, struct fail *why)
{
    struct expression expression;
    uint32_t flags = 0, groups;
    PCRE2_UCHAR words[200];
    PCRE2_SIZE at;
    pcre2_code *code;
    int error;

    (void)is_if;
    if (expression_take(rest, &expression, why) < 0 ||
        options_of(expression.flags, &flags, why) < 0)
        return -1;
    if (table_options(table)->smtputf8 && !(table->flags & TABLE_NO_UTF8))
        flags |= PCRE2_UTF;
    code = pcre2_compile((PCRE2_SPTR)expression.text.p, expression.text.n, flags, &error,
                         &at, NULL);
    if (!code) {
        pcre2_get_error_message(error, words, sizeof(words));
        return fail_set(why, "error in regex at offset %zu: %s", at, (const char *)words);
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* failure: interpreted */
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    *ret_pattern = code;
    *ret_groups = groups;
    return 0;
}

static int pcre_rule_match(const void *pattern, struct str key,
                           struct rule_groups *ret_groups, struct fail *why)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(pattern, NULL);
    PCRE2_UCHAR words[200];
    int n;

    if (!data)
        return fail_set(why, "out of memory");
    n = pcre2_match(pattern, (PCRE2_SPTR)(key.n ? key.p : ""), key.n, 0, 0, data, NULL);
    for (int i = 0; i < 2 * n && i < 200; i++)
        ret_groups->offsets[i] = pcre2_get_ovector_pointer(data)[i];
    ret_groups->n = n > 0 ? (size_t)n : 0;
    pcre2_match_data_free(data);
    if (n > 0)
        return 1;
    if (n == PCRE2_ERROR_NOMATCH)
        return 0;
    if (n == PCRE2_ERROR_MATCHLIMIT)
        return fail_set(why, "match limit exceeded");
    pcre2_get_error_message(n, words, sizeof(words));
    return fail_set(why, "%s", (const char *)words);
}

static void pcre_rule_release(void *pattern)
{
    pcre2_code_free(pattern);
}

static const struct rule_kind pcre_rules = {
    .map = "pcre map",
    .parse = pcre_rule_parse,
    .match = pcre_rule_match,
    .release = pcre_rule_release,
    .substitutes = true,
    .no_if = "ignoring ENDIF without matching IF",
};

static int pcre_open(struct table *table, struct fail *why)
{
    return rules_open(table, &pcre_rules, why);
}

static const struct table_type table_pcre = {
    .name = "pcre",
    .traits = TABLE_SUBSTITUTES,
    .open = pcre_open,
    .lookup = rules_lookup,
    .close = rules_close,
};

TABLE_PLUGIN(&table_pcre);
