/*
 * The macro language: a parser that expands as it reads.
 *
 * Only the branch that is taken is expanded, so that names in the other one
 * need not even be well-formed. Recursion runs along the braces of one text
 * and along names; DEPTH_MAX bounds both together. Where a form is odd, the result is
 * what the reference prints (tests/unit/conf/test_macro.c has the rows).
 */
#include "conf/macro.h"

#include "mail/utf8.h"

#include <ctype.h>

enum {
    DEPTH_MAX = 100,        /* nesting of names and braces */
    VALUE_MAX = 1024 * 1024 /* bytes of an operand or argument */
};

/* One expansion: where names come from, and where the result goes. */
struct expansion {
    struct macro_source *source;
    struct buf *out;
    struct fail *why;
};

static int expand(struct expansion *x, struct str text);

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static struct str name_at(struct str text)
{
    size_t n = 0;

    while (n < text.n && is_name_byte(text.p[n]))
        n++;
    return str_head(text, n);
}

/* Length of the group that text starts with, both brackets included; 0 when it is not
 * closed. */
static size_t group_length(struct str text, char open, char close)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == open)
            depth++;
        else if (text.p[i] == close && --depth == 0)
            return i + 1;
    }
    return 0;
}

static int expected(struct fail *why, const char *what, struct str before, struct str at)
{
    struct str tail = before.n > 14 ? str_tail(before, before.n - 14) : before;

    return fail_set(why, "%s at: \"...%.*s>>>%.*s\"", what, STR_ARG(tail), STR_ARG(at));
}

/* What stood before at, within whole. */
static struct str before(struct str whole, struct str at)
{
    return str_head(whole, whole.n - at.n);
}

/* Take "{text}" from *rest, which starts with "{"; the text is not trimmed. */
static int take_braced(struct str whole, struct str *rest, struct str *ret,
                       struct fail *why)
{
    size_t n = group_length(*rest, '{', '}');

    if (n == 0)
        return expected(why, "no matching \"}\"", before(whole, *rest), *rest);
    *ret = str_from(rest->p + 1, n - 2);
    *rest = str_tail(*rest, n);
    return 0;
}

/* --- names ----------------------------------------------------------------- */

/* The source may expand other names to find this one (computed defaults): that nests,
 * too. */
static int lookup(struct expansion *x, struct str name, const char **ret)
{
    int result;

    if (x->source->depth > DEPTH_MAX)
        return fail_set(x->why, "unreasonable macro call nesting: \"%.*s\"",
                        STR_ARG(name));
    x->source->depth++;
    result = x->source->value(x->source->context, name, ret, x->why);
    x->source->depth--;
    if (x->source->names_only)
        *ret = NULL;
    return result;
}

static int expand_name(struct expansion *x, struct str name)
{
    const char *value = NULL;
    int result;

    if (lookup(x, name, &value) < 0)
        return -1;
    if (value == NULL && x->source->strict)
        return fail_set(x->why, "undefined $%.*s", STR_ARG(name));
    if (value == NULL)
        return 0;
    result = expand(x, str_of(value));
    if (result < 0 && x->source->culprit.n == 0)
        x->source->culprit = name;
    return result;
}

/* --- branches -------------------------------------------------------------- */

/*
 * rest is what follows a condition: "?text", ":text", or "?{text}:{text}". Find
 * the branch for `yes`.
 */
static int choose_branch(struct str whole, struct str rest, bool yes, struct str *ret,
                         struct fail *why)
{
    struct str text = str_trim_left(rest), branch;
    char kind = text.p[0];

    *ret = STR_NONE;
    text = str_tail(text, 1);
    rest = str_trim_left(text);
    if (rest.n == 0 || rest.p[0] != '{') { /* all that follows, blanks included */
        if (yes == (kind == '?'))
            *ret = text;
        return 0;
    }
    if (take_braced(whole, &rest, &branch, why) < 0)
        return -1;
    if (yes == (kind == '?'))
        *ret = branch;
    rest = str_trim_left(rest);
    if (rest.n == 0)
        return 0;
    if (kind == ':')
        return expected(why, "unexpected input", before(whole, rest), rest);
    if (rest.p[0] != ':')
        return expected(why, "\":\" expected", before(whole, rest), rest);
    text = rest;
    branch = *ret;
    if (choose_branch(whole, text, yes, &text, why) < 0)
        return -1;
    *ret = yes ? branch : text;
    return 0;
}

/* Expand the branch for `yes`; when only names are asked for, the other one as well. */
static int expand_branch(struct expansion *x, struct str whole, struct str rest, bool yes)
{
    struct str branch;

    yes = yes || x->source->names_only;
    if (choose_branch(whole, rest, yes, &branch, x->why) < 0 || expand(x, branch) < 0)
        return -1;
    if (!x->source->names_only)
        return 0;
    if (choose_branch(whole, rest, false, &branch, x->why) < 0)
        return -1;
    return expand(x, branch);
}

/* --- comparisons ----------------------------------------------------------- */

enum comparison { LESS = 1, EQUAL = 2, MORE = 4 };

static const struct {
    const char *text;
    int accepts;
} operators[] = {
    {"==", EQUAL},        {"!=", LESS | MORE}, {"<=", LESS | EQUAL},
    {">=", MORE | EQUAL}, {"<", LESS},         {">", MORE},
};

static int take_operator(struct str whole, struct str *rest, int *ret_accepts,
                         bool *ret_level, struct fail *why)
{
    struct str suffix;

    for (size_t i = 0; i < COUNT(operators); i++) {
        if (!str_starts(*rest, operators[i].text))
            continue;
        *rest = str_tail(*rest, strlen(operators[i].text));
        suffix = name_at(*rest);
        if (suffix.n > 0 && !str_is(suffix, "level"))
            return expected(why, "bad operator suffix", before(whole, *rest), *rest);
        *ret_accepts = operators[i].accepts;
        *ret_level = suffix.n > 0;
        *rest = str_trim_left(str_tail(*rest, suffix.n));
        return 0;
    }
    return expected(why,
                    "\"==\" or \"!=\" or \"<\" or \"<=\" or \">=\" or \">\" expected",
                    before(whole, *rest), *rest);
}

static struct str without_zeros(struct str digits)
{
    size_t n = str_span(digits, "0");

    return str_tail(digits, n < digits.n ? n : digits.n - (digits.n > 0));
}

static bool is_number(struct str s)
{
    return s.n > 0 && str_span(s, "0123456789") == s.n;
}

/* As numbers of any length when both are, else as text. */
static int compare(struct str a, struct str b)
{
    if (is_number(a) && is_number(b)) {
        a = without_zeros(a);
        b = without_zeros(b);
        if (a.n != b.n)
            return a.n < b.n ? -1 : 1;
    }
    return str_compare(a, b);
}

static bool level_of(struct str text, unsigned long long ret[3])
{
    for (int i = 0; i < 3; i++) {
        struct str part = str_until(&text, '.');

        if (part.n == 0 && i > 0 && text.n == 0)
            ret[i] = 0;
        else if (!str_number(part, 1000000, &ret[i]))
            return false;
    }
    return text.n == 0;
}

int macro_compare_levels(struct str a, struct str b, int *ret, struct fail *why)
{
    unsigned long long x[3], y[3];

    if (!level_of(a, x) || str_ends(a, "."))
        return fail_set(why, "malformed compatibility level syntax: \"%.*s\"",
                        STR_ARG(a));
    if (!level_of(b, y) || str_ends(b, "."))
        return fail_set(why, "malformed compatibility level syntax: \"%.*s\"",
                        STR_ARG(b));
    *ret = 0;
    for (int i = 0; i < 3 && *ret == 0; i++)
        *ret = x[i] < y[i] ? -1 : x[i] > y[i];
    return 0;
}

/* Expand text into a buffer of its own, which the caller releases. */
static int expand_apart(struct expansion *x, struct str text, struct buf *ret)
{
    struct expansion apart = {.source = x->source, .out = ret, .why = x->why};

    buf_init(ret, VALUE_MAX);
    return expand(&apart, text);
}

static int decide(struct expansion *x, struct str left, struct str right, int accepts,
                  bool level, bool *ret)
{
    struct buf a = {0}, b = {0};
    int order = 0;
    int result = -1;

    if (expand_apart(x, left, &a) < 0 || expand_apart(x, right, &b) < 0)
        goto out;
    if (!level || x->source->names_only)
        order = compare(buf_str(&a), buf_str(&b));
    else if (macro_compare_levels(buf_str(&a), buf_str(&b), &order, x->why) < 0)
        goto out;
    *ret = (accepts & (order < 0 ? LESS : order > 0 ? MORE : EQUAL)) != 0;
    result = 0;
out:
    buf_done(&a);
    buf_done(&b);
    return result;
}

/* "{a} == {b} ..." */
static int expand_comparison(struct expansion *x, struct str body)
{
    struct str rest = body, left, right;
    int accepts = 0;
    bool level = false, yes;

    if (take_braced(body, &rest, &left, x->why) < 0)
        return -1;
    rest = str_trim_left(rest);
    if (take_operator(body, &rest, &accepts, &level, x->why) < 0)
        return -1;
    if (rest.n == 0 || rest.p[0] != '{')
        return expected(x->why, "\"{\" expected", before(body, rest), rest);
    if (take_braced(body, &rest, &right, x->why) < 0)
        return -1;
    rest = str_trim_left(rest);
    if (rest.n > 0 && rest.p[0] != '?' && rest.p[0] != ':')
        return expected(x->why, "\"?\" or \":\" expected", before(body, rest), rest);
    if (decide(x, left, right, accepts, level, &yes) < 0)
        return -1;
    if (rest.n > 0)
        return expand_branch(x, body, rest, yes);
    if (yes)
        buf_add_text(x->out, "true");
    return 0;
}

/* --- functions ------------------------------------------------------------- */

static int expand_function(struct expansion *x, struct str name, struct str body,
                           struct str rest)
{
    struct str argument;
    struct buf value = {0};
    int result = -1;

    if (!str_is(name, "domain_to_ascii"))
        return fail_set(x->why, "unknown function: \"%.*s\"", STR_ARG(name));
    if (take_braced(body, &rest, &argument, x->why) < 0)
        return -1;
    rest = str_trim_left(rest);
    if (rest.n > 0)
        return expected(x->why, "unexpected input", before(body, rest), rest);
    if (expand_apart(x, argument, &value) == 0)
        result = x->source->names_only
                     ? 0
                     : utf8_add_domain_ascii(x->out, buf_str(&value), x->why);
    buf_done(&value);
    return result;
}

/* --- the parser ------------------------------------------------------------ */

/* What stands between the brackets of ${...} or $(...). */
static int expand_body(struct expansion *x, struct str whole, struct str body)
{
    struct str name, rest;
    const char *value = NULL;

    body = str_trim_left(body);
    if (body.n > 0 && body.p[0] == '{')
        return expand_comparison(x, body);
    name = name_at(body);
    if (name.n == 0)
        return fail_set(x->why, "empty macro name: \"%.*s\"", STR_ARG(whole));
    rest = str_trim_left(str_tail(body, name.n));
    if (rest.n == 0)
        return expand_name(x, name);
    if (rest.p[0] == '{')
        return expand_function(x, name, body, rest);
    if (rest.p[0] != '?' && rest.p[0] != ':')
        return expected(x->why, "attribute name syntax error", name, rest);
    if (lookup(x, name, &value) < 0)
        return -1;
    return expand_branch(x, body, rest, value && *value);
}

/* One reference; *rest is what follows its "$", and then what follows all of it. */
static int expand_reference(struct expansion *x, struct str whole, struct str *rest)
{
    char open = rest->n > 0 ? rest->p[0] : '\0';
    struct str name;
    size_t n;

    if (open == '$') {
        buf_add_char(x->out, '$');
        *rest = str_tail(*rest, 1);
        return 0;
    }
    if (open == '{' || open == '(') {
        n = group_length(*rest, open, open == '{' ? '}' : ')');
        if (n == 0)
            return fail_set(x->why, "truncated macro reference: \"%.*s\"",
                            STR_ARG(whole));
        name = str_from(rest->p + 1, n - 2);
        *rest = str_tail(*rest, n);
        return expand_body(x, whole, name);
    }
    name = name_at(*rest);
    if (name.n == 0)
        return fail_set(x->why, "empty macro name: \"%.*s\"", STR_ARG(whole));
    *rest = str_tail(*rest, name.n);
    return expand_name(x, name);
}

static int expand(struct expansion *x, struct str text)
{
    struct str rest = text;
    int result = 0;

    if (x->source->depth > DEPTH_MAX)
        return fail_set(x->why, "unreasonable macro call nesting: \"%.*s\"",
                        STR_ARG(text));
    x->source->depth++;
    while (result == 0) {
        size_t n = str_find(rest, '$');

        buf_add_str(x->out, str_head(rest, n));
        if (n == rest.n)
            break;
        rest = str_tail(rest, n + 1);
        result = expand_reference(x, text, &rest);
    }
    x->source->depth--;
    return result;
}

int macro_expand(const char *text, struct macro_source *source, struct buf *out,
                 struct fail *why)
{
    struct expansion x = {.source = source, .out = out, .why = why};

    if (source->depth == 0)
        source->culprit = STR_NONE;
    return expand(&x, str_of(text));
}
