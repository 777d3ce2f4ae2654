/*
 * pcre:file - Perl-compatible expressions by PCRE2, compiled to machine code
 * where that works. Without flags they ignore case and "." matches a newline.
 *
 * compat: "." is one byte, also of UTF-8, and only ASCII letters ignore case.
 *
 * An expression that meets the match limit says nothing about the key: that is
 * an error, so that a filter does not fail open (reliability: exhaustion).
 */
#include "table/expression.h"
#include "table/rules.h"
#include "util/log.h"

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

struct pattern {
    pcre2_code *code;
    unsigned runs;
    bool may_compile, is_machine_code;
};

/*
 * Machine code costs more to make than ten runs without, and that of many
 * patterns does not fit into the processor's cache: only what is run often gets it.
 */
enum { RUNS_BEFORE = 20, COMPILED_MAX = 300 };

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
                           struct rule_pattern *ret, struct fail *why)
{
    struct expression expression;
    uint32_t flags = 0;
    PCRE2_UCHAR words[200];
    PCRE2_SIZE at;
    struct pattern *pattern;
    pcre2_code *code;
    int error;

    (void)is_if;
    if (expression_take(rest, &expression, why) < 0 ||
        options_of(expression.flags, &flags, why) < 0)
        return -1;
    code = pcre2_compile((PCRE2_SPTR)expression.text.p, expression.text.n, flags, &error,
                         &at, NULL);
    if (!code) {
        pcre2_get_error_message(error, words, sizeof(words));
        return fail_set(why, "error in regex at offset %zu: %s", at, (const char *)words);
    }
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &ret->groups);
    pattern = ARENA_NEW(table->arena, struct pattern);
    *pattern =
        (struct pattern){.code = code, .may_compile = rules_count(table) < COMPILED_MAX};
    ret->pattern = pattern;
    if (!(flags & (PCRE2_MULTILINE | PCRE2_EXTENDED)))
        ret->prefix = expression_prefix(expression.text, table->arena);
    return 0;
}

enum { GROUPS_MAX = 100 };

static void *pcre_begin(struct str key, struct arena *arena, uint64_t *ret_head)
{
    pcre2_match_data *data = pcre2_match_data_create(GROUPS_MAX, NULL);

    (void)key;
    (void)arena;
    (void)ret_head;
    if (!data)
        panic("out of memory");
    return data;
}

static void pcre_end(void *shared)
{
    pcre2_match_data_free(shared);
}

static void compile(struct pattern *pattern)
{
    size_t size = 0;

    pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE); /* failure: interpreted */
    pcre2_pattern_info(pattern->code, PCRE2_INFO_JITSIZE, &size);
    pattern->is_machine_code = size > 0;
}

static int run(struct pattern *pattern, struct str key, pcre2_match_data *data)
{
    PCRE2_SPTR text = (PCRE2_SPTR)(key.n ? key.p : "");
    int n = PCRE2_ERROR_JIT_STACKLIMIT;

    if (pattern->may_compile && ++pattern->runs == RUNS_BEFORE)
        compile(pattern);
    if (pattern->is_machine_code)
        n = pcre2_jit_match(pattern->code, text, key.n, 0, 0, data, NULL);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT) /* it has little; the interpreter has no end */
        n = pcre2_match(pattern->code, text, key.n, 0, PCRE2_NO_JIT, data, NULL);
    return n;
}

static int pcre_rule_match(void *pattern, struct str key, void *shared,
                           struct rule_groups *ret_groups, struct fail *why)
{
    int n = run(pattern, key, shared);
    PCRE2_UCHAR words[200];

    if (n == PCRE2_ERROR_NOMATCH)
        return 0;
    if (n == PCRE2_ERROR_MATCHLIMIT)
        return fail_set(why, "match limit exceeded");
    if (n < 0) {
        pcre2_get_error_message(n, words, sizeof(words));
        return fail_set(why, "%s", (const char *)words);
    }
    if (n == 0) /* more groups than there is room for */
        n = GROUPS_MAX;
    memcpy(ret_groups->offsets, pcre2_get_ovector_pointer(shared),
           2 * (size_t)n * sizeof(ret_groups->offsets[0]));
    ret_groups->n = (size_t)n;
    return 1;
}

static void pcre_rule_release(void *pattern)
{
    pcre2_code_free(((struct pattern *)pattern)->code);
}

static const struct rule_kind pcre_rules = {
    .map = "pcre map",
    .parse = pcre_rule_parse,
    .begin = pcre_begin,
    .end = pcre_end,
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
