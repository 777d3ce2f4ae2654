/*
 * regexp:file - POSIX regular expressions, tried in order; "/re/ result $1".
 * Without flags they are extended and ignore case; each flag letter turns one
 * habit round: i case, m "." and "^$" by line, x extended.
 */
#include "table/expression.h"
#include "table/repetition.h"
#include "table/rules.h"
#include "table/types.h"

#include <regex.h>
#include <stdlib.h>

enum { MATCHES_MAX = 100 };

static int flags_of(struct str letters, int *ret, struct fail *why)
{
    int flags = REG_EXTENDED | REG_ICASE;

    for (size_t i = 0; i < letters.n; i++)
        if (letters.p[i] == 'i')
            flags ^= REG_ICASE;
        else if (letters.p[i] == 'm')
            flags ^= REG_NEWLINE;
        else if (letters.p[i] == 'x')
            flags ^= REG_EXTENDED;
        else
            return fail_set(why, "unknown regexp option \"%c\": skipping this rule",
                            letters.p[i]);
    *ret = flags;
    return 0;
}

static int regexp_rule_parse(struct table *table, struct str *rest, bool is_if,
                             struct rule_pattern *ret, struct fail *why)
{
    regex_t *regex = ARENA_NEW(table->arena, regex_t);
    struct expression expression;
    const char *text;
    char words[200];
    int flags = 0, error;

    (void)is_if;
    if (expression_take(rest, &expression, why) < 0 ||
        flags_of(expression.flags, &flags, why) < 0)
        return -1;
    text = arena_copy_str(table->arena, expression.text);
    if (repetition_is_too_much(text, flags & REG_EXTENDED))
        return fail_set(why, "too many repetitions of repetitions: skipping this rule");
    error = regcomp(regex, text, flags);
    if (error) {
        regerror(error, regex, words, sizeof(words));
        return fail_set(why, "%s", words);
    }
    ret->pattern = regex;
    ret->groups = (unsigned)regex->re_nsub;
    if (!(flags & REG_NEWLINE))
        ret->prefix = expression_prefix(expression.text, table->arena);
    return 0;
}

static int regexp_rule_match(void *pattern, struct str key, void *shared,
                             struct rule_groups *ret_groups, struct fail *why)
{
    const regex_t *regex = pattern;
    regmatch_t matches[MATCHES_MAX];
    char words[200];
    int error;

    (void)shared;
    /* The key may be a view into something longer. */
    matches[0].rm_so = 0;
    matches[0].rm_eo = (regoff_t)key.n;
    error = regexec(regex, key.n ? key.p : "", MATCHES_MAX, matches, REG_STARTEND);
    if (error == REG_NOMATCH)
        return 0;
    if (error) {
        regerror(error, regex, words, sizeof(words));
        return fail_set(why, "%s", words);
    }
    for (size_t i = 0; i < MATCHES_MAX && i <= regex->re_nsub; i++) {
        ret_groups->offsets[2 * i] = (size_t)matches[i].rm_so;
        ret_groups->offsets[2 * i + 1] = (size_t)matches[i].rm_eo;
        ret_groups->n = i + 1;
    }
    return 1;
}

static void regexp_rule_release(void *pattern)
{
    regfree(pattern);
}

static const struct rule_kind regexp_rules = {
    .map = "regexp map",
    .parse = regexp_rule_parse,
    .match = regexp_rule_match,
    .release = regexp_rule_release,
    .substitutes = true,
    .no_if = "ignoring ENDIF without matching IF",
};

static int regexp_open(struct table *table, struct fail *why)
{
    return rules_open(table, &regexp_rules, why);
}

const struct table_type table_regexp = {
    .name = "regexp",
    .traits = TABLE_SUBSTITUTES,
    .open = regexp_open,
    .lookup = rules_lookup,
    .close = rules_close,
};
