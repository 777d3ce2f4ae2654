/*
 * Reading rules, and finding the first that matches.
 *
 *     pattern result        !pattern result
 *     if pattern            if !pattern            endif
 *
 * The rules of a table are one array. An "if" that does not hold jumps to its
 * endif; an "if" without one jumps to the end.
 */
#include "table/rules.h"

#include "table/lines.h"
#include "util/buf.h"
#include "util/list.h"

#include <stdint.h>
#include <stdio.h>

enum rule_statement { RULE_RESULT, RULE_IF, RULE_ENDIF };

struct rule {
    enum rule_statement statement;
    bool negated;
    struct rule_pattern what;
    struct str result;
    long line;
    size_t skip; /* RULE_IF: index of the rule to go on with when it does not hold */
};

struct rules {
    const struct rule_kind *kind;
    const char *source;      /* file name, for warnings */
    struct list list;        /* of struct rule */
    struct rule_head *heads; /* of each, side by side: most rules are passed over fast */
    struct list open;        /* "if" rules without their endif so far */
};

enum { EXPANDED_MAX = 1 << 24 };

static void warn(struct table *table, const struct rule *rule, const char *text)
{
    struct rules *rules = table->state;

    table_warn(table, "%s %s, line %ld: %s", rules->kind->map, rules->source, rule->line,
               text);
}

/* --- "$1" in results ------------------------------------------------------------- */

/* Take "$n", "${n}", "$(n)" or "$$" at the start of *rest. The number, -1 for "$$", -2
 * when it is none of these. */
static int take_reference(struct str *rest)
{
    struct str text = str_tail(*rest, 1), digits;
    char close = 0;
    unsigned long long n;

    if (text.n > 0 && text.p[0] == '$') {
        *rest = str_tail(*rest, 2);
        return -1;
    }
    if (text.n > 0 && (text.p[0] == '{' || text.p[0] == '(')) {
        close = text.p[0] == '{' ? '}' : ')';
        text = str_tail(text, 1);
    }
    digits = str_head(text, str_span(text, "0123456789"));
    text = str_tail(text, digits.n);
    if (!str_number(digits, 99, &n) || (close && (text.n == 0 || text.p[0] != close)))
        return -2;
    *rest = str_tail(text, close ? 1 : 0);
    return (int)n;
}

/* The largest n of "$n" in result, 0 when there is none, or -1 when the syntax is bad;
 * "$0" is none that there is. */
static int largest_reference(struct str result)
{
    int largest = 0;

    while (str_find(result, '$') < result.n) {
        int n;

        result = str_tail(result, str_find(result, '$'));
        n = take_reference(&result);
        if (n == -2 || n == 0)
            return -1;
        largest = n > largest ? n : largest;
    }
    return largest;
}

static struct str expand(struct str result, struct str key,
                         const struct rule_groups *groups, struct arena *arena)
{
    struct buf out;
    struct str text;

    buf_init(&out, EXPANDED_MAX);
    while (result.n > 0) {
        size_t plain = str_find(result, '$');
        int n;

        buf_add_str(&out, str_head(result, plain));
        result = str_tail(result, plain);
        if (result.n == 0)
            break;
        n = take_reference(&result);
        if (n == -1)
            buf_add_char(&out, '$');
        else if (n >= 0 && (size_t)n < groups->n && groups->offsets[2 * n] != (size_t)-1)
            buf_add(&out, key.p + groups->offsets[2 * n],
                    groups->offsets[2 * n + 1] - groups->offsets[2 * n]);
    }
    text = str_from(arena_copy_str(arena, buf_str(&out)), out.n);
    buf_done(&out);
    return text;
}

/* --- reading ------------------------------------------------------------------------ */

/* May result stand behind a pattern with that many groups? Warns when not. */
static bool check_result(struct table *table, const struct rule *rule, unsigned groups)
{
    struct rules *rules = table->state;
    char text[100];
    int largest;

    if (!rules->kind->substitutes)
        return true;
    largest = largest_reference(rule->result);
    if (largest < 0)
        warn(table, rule, "bad replacement syntax: skipping this rule");
    else if (largest > 0 && rule->negated)
        warn(table, rule,
             "$number found in negative match replacement text: skipping this rule");
    else if (largest > 0 && (table->flags & TABLE_NO_SUBSTITUTION))
        warn(table, rule,
             "regular expression substitution is not allowed: skipping this rule");
    else if (largest > (int)groups) {
        snprintf(text, sizeof(text),
                 "out of range replacement index \"%d\": skipping this rule", largest);
        warn(table, rule, text);
    } else {
        return true;
    }
    return false;
}

/* "pattern result" or "if pattern": true when rule is complete. */
static bool read_pattern(struct table *table, struct str text, struct rule *rule)
{
    struct rules *rules = table->state;
    struct fail why;

    text = str_trim_left(text);
    if (text.n > 0 && text.p[0] == '!') {
        rule->negated = true;
        text = str_trim_left(str_tail(text, 1));
    }
    if (rules->kind->parse(table, &text, rule->statement == RULE_IF, &rule->what, &why) <
        0) {
        warn(table, rule, why.text);
        return false;
    }
    text = str_trim(text);
    if (rule->statement == RULE_IF) {
        if (text.n > 0)
            table_warn(
                table,
                "%s %s, line %ld: ignoring extra text after IF statement: \"%.*s\"",
                rules->kind->map, rules->source, rule->line, STR_ARG(text));
        return true;
    }
    if (text.n == 0 && rules->kind->no_result) {
        warn(table, rule, rules->kind->no_result);
        return false;
    }
    if (text.n == 0)
        warn(table, rule, "no replacement text: using empty string");
    rule->result = str_from(arena_copy_str(table->arena, text), text.n);
    return check_result(table, rule, rule->what.groups);
}

/* Is word the statement `name`, in any case, followed by a blank, '!' or the end? */
static bool starts_statement(struct str text, const char *name)
{
    size_t n = strlen(name);

    return str_starts_nocase(text, name) &&
           (text.n == n || strchr(" \t!", text.p[n]) != NULL);
}

static void add_rule(struct table *table, const struct rule *rule)
{
    struct rules *rules = table->state;
    struct rule *copy = ARENA_NEW(table->arena, struct rule);

    *copy = *rule;
    list_add(&rules->list, table->arena, copy);
    if (copy->statement == RULE_IF)
        list_add(&rules->open, table->arena, copy);
}

static void read_endif(struct table *table, struct str rest, struct rule *rule)
{
    struct rules *rules = table->state;

    if (str_trim(rest).n > 0) {
        warn(table, rule, "garbage after ENDIF: skipping this rule");
    } else if (rules->open.n == 0) {
        warn(table, rule, rules->kind->no_if);
    } else {
        rule->statement = RULE_ENDIF;
        ((struct rule *)rules->open.items[--rules->open.n])->skip = rules->list.n;
        add_rule(table, rule);
    }
}

static void read_rule(struct table *table, struct str text, long line)
{
    struct rule rule = {.line = line, .skip = SIZE_MAX};

    text = str_trim(text);
    if (starts_statement(text, "endif")) {
        read_endif(table, str_tail(text, strlen("endif")), &rule);
        return;
    }
    if (starts_statement(text, "if")) {
        rule.statement = RULE_IF;
        text = str_tail(text, strlen("if"));
    }
    if (read_pattern(table, text, &rule))
        add_rule(table, &rule);
    else if (rule.what.pattern && ((struct rules *)table->state)->kind->release)
        ((struct rules *)table->state)->kind->release(rule.what.pattern);
}

static int read_file(struct table *table, struct fail *why)
{
    struct table_lines *lines = table_lines_open(table->path, why);
    struct str line;
    int got;

    if (!lines)
        return -1;
    table->owner = table_lines_stat(lines)->st_uid;
    while ((got = table_lines_next(lines, &line, why)) > 0)
        read_rule(table, line, table_lines_number(lines));
    table_lines_free(lines);
    return got;
}

/* "{ {rule}, {rule} }": the rules stand in the table's name. */
static int read_inline(struct table *table, struct fail *why)
{
    struct rules *rules = table->state;
    struct str rest, word, text;
    long n = 0;

    if (!str_unbrace(str_of(table->path), &rest))
        return fail_set(why, "%s: missing '}' in \"%s\"", rules->kind->map, table->path);
    while (str_word_braced(&rest, ", \t\r\n", &word) && word.n > 0) {
        if (word.p[0] != '{')
            return fail_set(why, "%s: no '{' at start of text in \"%.*s\"",
                            rules->kind->map, STR_ARG(word));
        if (!str_unbrace(word, &text))
            return fail_set(why, "%s: syntax error after '}' in \"%.*s\"",
                            rules->kind->map, STR_ARG(word));
        read_rule(table, text, ++n);
    }
    return word.n > 0
               ? fail_set(why, "%s: missing '}' in \"%s\"", rules->kind->map, table->path)
               : 0;
}

size_t rules_count(const struct table *table)
{
    return ((const struct rules *)table->state)->list.n;
}

/* The first bytes of text, in small letters, as a number. */
static uint64_t number_of(struct str text)
{
    unsigned char bytes[sizeof(uint64_t)] = {0};
    uint64_t number;

    for (size_t i = 0; i < text.n && i < sizeof(bytes); i++)
        bytes[i] =
            (unsigned char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] + ('a' - 'A')
                                                                 : text.p[i]);
    memcpy(&number, bytes, sizeof(number));
    return number;
}

/* Of a rule that has nothing to do where it does not match; the others are always looked
 * at. */
static struct rule_head head_of(const struct rule *rule)
{
    struct rule_head head = rule->what.head;
    size_t n = rule->what.prefix.n;

    if (rule->negated || rule->statement != RULE_RESULT)
        return (struct rule_head){0};
    if (n > 0) {
        head.bits = number_of(rule->what.prefix);
        memset(&head.mask, 0xff, n < sizeof(head.mask) ? n : sizeof(head.mask));
    }
    return head;
}

int rules_open(struct table *table, const struct rule_kind *kind, struct fail *why)
{
    struct rules *rules = ARENA_NEW(table->arena, struct rules);
    int result;

    rules->kind = kind;
    rules->source = table->path;
    table->state = rules;
    result = table->path[0] == '{' ? read_inline(table, why) : read_file(table, why);
    for (size_t i = 0; result == 0 && i < rules->open.n; i++)
        warn(table, rules->open.items[i], "IF has no matching ENDIF");
    rules->heads = arena_array(table->arena, rules->list.n, sizeof(*rules->heads));
    for (size_t i = 0; i < rules->list.n; i++)
        rules->heads[i] = head_of(rules->list.items[i]);
    return result;
}

void rules_close(struct table *table)
{
    struct rules *rules = table->state;

    for (size_t i = 0; rules && rules->kind->release && i < rules->list.n; i++)
        if (((struct rule *)rules->list.items[i])->what.pattern)
            rules->kind->release(((struct rule *)rules->list.items[i])->what.pattern);
}

/* --- asking ---------------------------------------------------------------------------
 */

static bool may_match(struct str prefix, struct str key)
{
    if (key.n < prefix.n)
        return false;
    for (size_t i = 0; i < prefix.n; i++) {
        char c = key.p[i];

        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != prefix.p[i])
            return false;
    }
    return true;
}

/* One lookup. */
struct question {
    const struct rules *rules;
    struct str key;
    uint64_t head; /* the key as a number */
    void *shared;  /* of rule_kind.begin */
};

static enum table_result ask(const struct question *question, struct arena *arena,
                             struct str *ret_value, struct fail *why)
{
    const struct rules *rules = question->rules;
    struct str key = question->key;
    struct rule_groups groups;

    for (size_t i = 0; i < rules->list.n; i++) {
        const struct rule *rule = rules->list.items[i];
        int matches;
        bool holds;

        if (((question->head ^ rules->heads[i].bits) & rules->heads[i].mask) ||
            rule->statement == RULE_ENDIF)
            continue;
        groups.n = 0;
        matches = may_match(rule->what.prefix, key)
                      ? rules->kind->match(rule->what.pattern, key, question->shared,
                                           &groups, why)
                      : 0;
        if (matches < 0)
            return fail_prefix(why, "line %ld", rule->line);
        holds = matches != RULE_FOREIGN && !matches == rule->negated;
        if (holds && rule->statement == RULE_RESULT) {
            struct str result = rules->kind->substitutes
                                    ? expand(rule->result, key, &groups, arena)
                                    : rule->result;
            return table_answer(arena, result, ret_value);
        }
        if (!holds && rule->statement == RULE_IF) {
            if (rule->skip == SIZE_MAX)
                return TABLE_NOT_FOUND;
            i = rule->skip;
        }
    }
    return TABLE_NOT_FOUND;
}

enum table_result rules_lookup(struct table *table, struct str key, struct arena *arena,
                               struct str *ret_value, struct fail *why)
{
    const struct rules *rules = table->state;
    struct question question = {.rules = rules, .key = key, .head = number_of(key)};
    enum table_result result;

    if (rules->kind->begin) {
        question.shared = rules->kind->begin(key, arena, &question.head);
        if (!question.shared)
            return TABLE_NOT_FOUND;
    }
    result = ask(&question, arena, ret_value, why);
    if (rules->kind->end)
        rules->kind->end(question.shared);
    return result;
}
