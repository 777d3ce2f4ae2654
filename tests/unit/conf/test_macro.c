/*
 * Rows of expressions and what they come to, as the reference has it. Only the
 * words of the complaints are ours, and that numbers may have any length.
 */
#include "unit.h"

#include "conf/macro.h"
#include "util/arena.h"

/* What the rows refer to. */
static const struct {
    const char *name, *value;
} values[] = {
    {"x", "X"},       {"y", "Y"},         {"z", "Z"},    {"_u", "U"},
    {"9n", "N"},      {"empty", ""},      {"r1", "$r2"}, {"r2", "${x}2"},
    {"r0", "$empty"}, {"self", "a$self"}, {"c1", "$c2"}, {"c2", "$c1"},
};

static int value_of(void *context, struct str name, const char **ret, struct fail *why)
{
    (void)context;
    if (str_is(name, "broken"))
        return fail_set(why, "broken on purpose");
    *ret = NULL;
    for (size_t i = 0; i < ROWS(values); i++)
        if (str_is(name, values[i].name))
            *ret = values[i].value;
    return 0;
}

/* clang-format off */
static const struct {
    const char *text, *result;
} expansions[] = {
    {"$x", "X"},
    {"${x}", "X"},
    {"$(x)", "X"},
    {"$x$y", "XY"},
    {"$x.y", "X.y"},
    {"$xy", ""},
    {"${x}y", "Xy"},
    {"a$x b", "aX b"},
    {"$x-$y", "X-Y"},
    {"$_u", "U"},
    {"$9n", "N"},
    {"$$", "$"},
    {"$$x", "$x"},
    {"$$$x", "$X"},
    {"$$$$", "$$"},
    {"a$$b", "a$b"},
    {"$empty", ""},
    {"[$undef]", "[]"},
    {"[${undef}]", "[]"},
    {"${x?a}", "a"},
    {"${x:a}", ""},
    {"${empty?a}", ""},
    {"${empty:a}", "a"},
    {"${undef?a}", ""},
    {"${undef:a}", "a"},
    {"${x?{a}}", "a"},
    {"${x:{a}}", ""},
    {"${empty:{a b}}", "a b"},
    {"${x?{a}:{b}}", "a"},
    {"${empty?{a}:{b}}", "b"},
    {"${x?a:b}", "a:b"},
    {"${x?a:{b}}", "a:{b}"},
    {"${x?{a}:b}", "a"},
    {"${ x }", "X"},
    {"${x ?a}", "a"},
    {"${x? a}", " a"},
    {"${x? {a} : {b} }", "a"},
    {"${x?{ a }:{ b }}", " a "},
    {"[${x? a }]", "[ a ]"},
    {"[${x?{ a }}]", "[ a ]"},
    {"${x ? {a} : {b}}", "a"},
    {"${x?$y}", "Y"},
    {"${x?{$y}:{$z}}", "Y"},
    {"${x?{${y?{1}:{2}}}:{3}}", "1"},
    {"${x?${y}}", "Y"},
    {"${x?a}b}", "ab}"},
    {"${{a} == {a} ? {t} : {f}}", "t"},
    {"${{a} == {b} ? {t} : {f}}", "f"},
    {"${{a} != {b} ? {t} : {f}}", "t"},
    {"${{a} < {b} ? {t} : {f}}", "t"},
    {"${{a} <= {a} ? {t} : {f}}", "t"},
    {"${{b} > {a} ? {t} : {f}}", "t"},
    {"${{b} >= {c} ? {t} : {f}}", "f"},
    {"${{10} < {9} ? {t} : {f}}", "f"},
    {"${{10} == {010} ? {t} : {f}}", "t"},
    {"${{10} > {9} ? {t} : {f}}", "t"},
    {"${{10a} < {9} ? {t} : {f}}", "t"},
    {"${{-1} < {0} ? {t} : {f}}", "t"},
    {"${{} == {} ? {t} : {f}}", "t"},
    {"${{} < {1} ? {t} : {f}}", "t"},
    {"${{99999999999999999999} > {99999999999999999998}?{t}:{f}}", "t"},
    {"${{+1} == {1}?{t}:{f}}", "f"},
    {"${{ 1} == {1}?{t}:{f}}", "f"},
    {"${{1.0} == {1}?{t}:{f}}", "f"},
    {"${{0x10} == {16}?{t}:{f}}", "f"},
    {"${{00} == {0}?{t}:{f}}", "t"},
    {"${{$x} == {X} ? {t} : {f}}", "t"},
    {"${{$x}=={X}?{t}:{f}}", "t"},
    {"${{$x}=={X}?t:f}", "t:f"},
    {"${{$x}=={X}?t}", "t"},
    {"${{$x}=={Y}:f}", "f"},
    {"${{$x}=={X}:f}", ""},
    {"${{$x} == {X}}", "true"},
    {"[${{$x} == {Y}}]", "[]"},
    {"${{a b} == {a b} ? {t} : {f}}", "t"},
    {"${{a } == {a} ? {t} : {f}}", "f"},
    {"${{ a } == {a} ? {t} : {f}}", "f"},
    {"${{3.6} <level {3.10} ? {t} : {f}}", "t"},
    {"${{3.6} <level {3.6} ? {t} : {f}}", "f"},
    {"${{3.6} <=level {3.6} ? {t} : {f}}", "t"},
    {"${{3.6} ==level {3.6.0} ? {t} : {f}}", "t"},
    {"${{3} ==level {3.0} ? {t} : {f}}", "t"},
    {"${{3.6} >level {3.5.9} ? {t} : {f}}", "t"},
    {"${{3.6} >=level {4} ? {t} : {f}}", "f"},
    {"${{3.6} !=level {3.7} ? {t} : {f}}", "t"},
    {"${{a} == {a} ? {t}}", "t"},
    {"${{a} == {b} ? {t}}", ""},
    {"${{a} == {a} : {f}}", ""},
    {"[${{a} == {b} : {f}}]", "[f]"},
    {"$(x?a)", "a"},
    {"$(x?{a}:{b})", "a"},
    {"$(x:a)", ""},
    {"${x?}", ""},
    {"[${x?}]", "[]"},
    {"[${x:}]", "[]"},
    {"[${x?:}]", "[:]"},
    {"[${x?{}:{}}]", "[]"},
    {"$r1", "X2"},
    {"${self?a}", "a"},
    {"${r1?a}", "a"},
    {"${r0?a}", "a"},
    {"$r2", "X2"},
    {"${domain_to_ascii{x}}", "x"},
    {"${x?{a}:{b}}${x?{c}:{d}}", "ac"},
    {"{$x}", "{X}"},
    {"{a", "{a"},
    {"a}", "a}"},
    {"}", "}"},
    {"{", "{"},
    {"${{{a}} == {{a}} ? {{t}} : {f}}", "{t}"},
    {"${{$undef} == {} ? {t} : {f}}", "t"},
    {"${{${x?{1}:{2}}} == {1} ? {t} : {f}}", "t"},
    {"${x?{a}:{$undef}}", "a"},
    {"${x:$y}", ""},
    {"${y?{$x${y}}}", "XY"},
    {"", ""},
    {"no macros", "no macros"},
    {"${domain_to_ascii{b\xc3\xbc""cher.example}}", "xn--bcher-kva.example"},
    {"${domain_to_ascii{$x.example}}", "x.example"},
};

static const struct {
    const char *text, *words;
} failures[] = {
    {"${{3.6} < level {3.7} ? {t} : {f}}", "\"{\" expected at: \"...{3.6} < >>>level {3.7} ? {t} : {f}\""},
    {"${{a} <level {3} ? {t} : {f}}", "malformed compatibility level syntax: \"a\""},
    {"${{3.} <level {3} ? {t} : {f}}", "malformed compatibility level syntax: \"3.\""},
    {"${{3.6.1.2} <level {3} ? {t} : {f}}", "malformed compatibility level syntax: \"3.6.1.2\""},
    {"${{} <level {3} ? {t} : {f}}", "malformed compatibility level syntax: \"\""},
    {"${{3.6} <Level {3} ? {t} : {f}}", "bad operator suffix at: \"...{3.6} <>>>Level {3} ? {t} : {f}\""},
    {"${{3.6} <foo {3} ? {t} : {f}}", "bad operator suffix at: \"...{3.6} <>>>foo {3} ? {t} : {f}\""},
    {"${{ 3.6 } <level {3} ? {t} : {f}}", "malformed compatibility level syntax: \" 3.6 \""},
    {"${{a} = {b}}", "\"==\" or \"!=\" or \"<\" or \"<=\" or \">=\" or \">\" expected at: \"...{a} >>>= {b}\""},
    {"${{a}}", "\"==\" or \"!=\" or \"<\" or \"<=\" or \">=\" or \">\" expected at: \"...{a}>>>\""},
    {"${{a} == b}", "\"{\" expected at: \"...{a} == >>>b\""},
    {"${{a} == {b} x}", "\"?\" or \":\" expected at: \"...{a} == {b} >>>x\""},
    {"${{a} == {b} ? {c} d}", "\":\" expected at: \"... == {b} ? {c} >>>d\""},
    {"${{a} == {b} ? {c} : {d} e}", "unexpected input at: \"...} ? {c} : {d} >>>e\""},
    {"${{a == {b}}", "truncated macro reference: \"${{a == {b}}\""},
    {"${{a} == {b", "truncated macro reference: \"${{a} == {b\""},
    {"${x", "truncated macro reference: \"${x\""},
    {"$(x", "truncated macro reference: \"$(x\""},
    {"${", "truncated macro reference: \"${\""},
    {"$(", "truncated macro reference: \"$(\""},
    {"$", "empty macro name: \"$\""},
    {"a$", "empty macro name: \"a$\""},
    {"${}", "empty macro name: \"${}\""},
    {"$()", "empty macro name: \"$()\""},
    {"$ x", "empty macro name: \"$ x\""},
    {"$-", "empty macro name: \"$-\""},
    {"${-}", "empty macro name: \"${-}\""},
    {"${x-y}", "attribute name syntax error at: \"...x>>>-y\""},
    {"${x{a}}", "unknown function: \"x\""},
    {"${x!}", "attribute name syntax error at: \"...x>>>!\""},
    {"${x)", "truncated macro reference: \"${x)\""},
    {"$(x}", "truncated macro reference: \"$(x}\""},
    {"${x?{a}", "truncated macro reference: \"${x?{a}\""},
    {"${x?{a}b}", "\":\" expected at: \"...x?{a}>>>b\""},
    {"${x?{a}:{b}c}", "unexpected input at: \"...x?{a}:{b}>>>c\""},
    {"${x:{a}:{b}}", "unexpected input at: \"...x:{a}>>>:{b}\""},
    {"${x?{a}{b}}", "\":\" expected at: \"...x?{a}>>>{b}\""},
    {"$self", "unreasonable macro call nesting: \"self\""},
    {"$c1", "unreasonable macro call nesting: \"c1\""},
    {"${nofunc{x}}", "unknown function: \"nofunc\""},
    {"$broken", "broken on purpose"},
    {"${broken?x}", "broken on purpose"},
    {"${domain_to_ascii{a}b}", "unexpected input at: \"...in_to_ascii{a}>>>b\""},
};
/* clang-format on */

static int expand(const char *text, struct buf *out, struct fail *why)
{
    struct macro_source source = {.value = value_of};

    buf_reset(out);
    return macro_expand(text, &source, out, why);
}

static void expands_as_the_reference_does(void **state)
{
    struct fail why;
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    for (size_t i = 0; i < ROWS(expansions); i++) {
        if (expand(expansions[i].text, &out, &why) < 0)
            fail_msg("row \"%s\": %s", expansions[i].text, why.text);
        ROW_EQ(expansions[i].text, buf_str(&out), expansions[i].result);
    }
    buf_done(&out);
}

static void says_what_is_wrong_and_where(void **state)
{
    struct fail why;
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    for (size_t i = 0; i < ROWS(failures); i++) {
        if (expand(failures[i].text, &out, &why) == 0)
            fail_msg("row \"%s\" expands", failures[i].text);
        ROW_TEXT(failures[i].text, why.text, failures[i].words);
    }
    buf_done(&out);
}

static void ends_what_never_ends(void **state)
{
    static const char *const endless[] = {"$self", "$c1", "${x?$c2}", "${{$c1} == {a}}"};
    struct fail why;
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    for (size_t i = 0; i < ROWS(endless); i++) {
        ROW_INT(endless[i], expand(endless[i], &out, &why), -1);
        ROW_INT(endless[i],
                str_starts(str_of(why.text), "unreasonable macro call nesting"), 1);
    }
    buf_done(&out);
}

/* "${x?${x?...end...}}", that many times. */
static void add_nested(struct buf *text, int times)
{
    buf_init(text, 1000000);
    for (int i = 0; i < times; i++)
        buf_add_text(text, "${x?");
    buf_add_text(text, "end");
    buf_add_repeat(text, '}', (size_t)times);
}

static void nests_braces_to_a_limit(void **state)
{
    struct fail why;
    struct buf out, text;

    (void)state;
    buf_init(&out, 10000);
    add_nested(&text, 90);
    assert_int_equal(expand(buf_text(&text), &out, &why), 0);
    assert_string_equal(buf_text(&out), "end");
    buf_done(&text);
    add_nested(&text, 100000);
    assert_int_equal(expand(buf_text(&text), &out, &why), -1);
    assert_true(str_starts(str_of(why.text), "unreasonable macro call nesting"));
    buf_done(&text);
    buf_done(&out);
}

/* --- names --------------------------------------------------------------------- */

static const struct {
    const char *text, *names;
} references[] = {
    {"plain", ""},
    {"$x ${y} $(z)", "x y z "},
    {"$x$x", "x x "},
    {"${x?$y}", "x y "},
    {"${x:$y}", "x y "},
    {"${x?{$y}:{$z}}", "x y z "},
    {"${{$a} == {$b} ? {$c} : {$d}}", "a b c d "},
    {"${{$a} <level {3} ? {$c} : {$d}}", "a c d "},
    {"${domain_to_ascii{$a}}", "a "},
    {"$$x", ""},
    {"$r1", "r1 "}, /* values are not followed */
};

static int note_name(void *context, struct str name, const char **ret, struct fail *why)
{
    (void)why;
    buf_printf(context, "%.*s ", STR_ARG(name));
    *ret = "$more";
    return 0;
}

static void finds_names_in_every_branch(void **state)
{
    struct buf names, ignored;
    struct fail why;

    (void)state;
    buf_init(&names, 10000);
    buf_init(&ignored, 10000);
    for (size_t i = 0; i < ROWS(references); i++) {
        struct macro_source source = {
            .value = note_name, .context = &names, .names_only = true};

        buf_reset(&names);
        ROW_INT(references[i].text,
                macro_expand(references[i].text, &source, &ignored, &why), 0);
        ROW_EQ(references[i].text, buf_str(&names), references[i].names);
    }
    buf_done(&names);
    buf_done(&ignored);
}

/* --- levels --------------------------------------------------------------------- */

static const struct {
    const char *a, *b;
    int order;
} levels[] = {
    {"3.6", "3.10", -1}, {"3.6", "3.6", 0}, {"3.6", "3.6.0", 0},  {"3", "3.0.0", 0},
    {"4", "3.11.9", 1},  {"0", "1", -1},    {"3.5.9", "3.6", -1}, {"010", "10", 0},
};

static void compares_levels(void **state)
{
    static const char *const malformed[] = {"",
                                            "x",
                                            "3.",
                                            ".3",
                                            "3..1",
                                            "3.a",
                                            " 3",
                                            "3.6.1.2",
                                            "-1",
                                            "3.6 ",
                                            "99999999999999999999"};
    int order;

    (void)state;
    for (size_t i = 0; i < ROWS(levels); i++) {
        struct str a = str_of(levels[i].a), b = str_of(levels[i].b);

        ROW_INT(levels[i].a, macro_compare_levels(a, b, &order, NULL), 0);
        ROW_INT(levels[i].a, (order > 0) - (order < 0), levels[i].order);
        ROW_INT(levels[i].b, macro_compare_levels(b, a, &order, NULL), 0);
        ROW_INT(levels[i].b, (order > 0) - (order < 0), -levels[i].order);
    }
    for (size_t i = 0; i < ROWS(malformed); i++)
        ROW_INT(malformed[i],
                macro_compare_levels(str_of(malformed[i]), STR("1"), &order, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expands_as_the_reference_does),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(ends_what_never_ends),
        cmocka_unit_test(nests_braces_to_a_limit),
        cmocka_unit_test(finds_names_in_every_branch),
        cmocka_unit_test(compares_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
