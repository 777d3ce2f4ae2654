/* What lines from Dovecot say, and how values are written into lines to it. */
#include "sasl/dovecot_line.h"

#include "sasl/security.h"

#include <limits.h>

enum { ESCAPE = 1 };

static const struct {
    char letter, byte;
} escapes[] = {{'0', '\0'}, {'1', ESCAPE}, {'t', '\t'}, {'r', '\r'}, {'n', '\n'}};

bool dovecot_parameter(struct str *rest, struct str *ret)
{
    if (rest->n == 0)
        return false;
    *rest = str_tail(*rest, 1); /* the TAB before it */
    *ret = str_head(*rest, str_find(*rest, '\t'));
    *rest = str_tail(*rest, ret->n);
    return true;
}

bool dovecot_line_parse(struct str line, struct dovecot_line *ret)
{
    static const struct {
        const char *text;
        enum dovecot_word word;
        bool answers;
    } words[] = {
        {"VERSION", DOVECOT_VERSION, false}, {"MECH", DOVECOT_MECH, false},
        {"DONE", DOVECOT_DONE, false},       {"OK", DOVECOT_OK, true},
        {"FAIL", DOVECOT_FAIL, true},        {"CONT", DOVECOT_CONT, true},
    };
    struct str word = str_head(line, str_find(line, '\t')), number;
    unsigned long long id;

    *ret = (struct dovecot_line){.parameters = str_tail(line, word.n)};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!str_is(word, words[i].text))
            continue;
        ret->word = words[i].word;
        if (!words[i].answers)
            return true;
        if (!dovecot_parameter(&ret->parameters, &number) ||
            !str_number(number, ULONG_MAX, &id))
            return false;
        ret->id = (unsigned long)id;
    }
    return true;
}

static char unescaped(char letter)
{
    for (size_t i = 0; i < COUNT(escapes); i++)
        if (letter == escapes[i].letter)
            return escapes[i].byte ? escapes[i].byte : ESCAPE;
    return letter;
}

static const char *text_of(struct str value, struct arena *arena)
{
    char *text = arena_copy_str(arena, value);
    size_t n = 0;

    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == ESCAPE && i + 1 < value.n)
            text[n++] = unescaped(value.p[++i]);
        else
            text[n++] = value.p[i] ? value.p[i] : ESCAPE;
    text[n] = '\0';
    return text;
}

const char *dovecot_value(struct str parameters, const char *name, struct arena *arena)
{
    struct str parameter;

    while (dovecot_parameter(&parameters, &parameter)) {
        size_t n = str_find(parameter, '=');

        if (n < parameter.n && str_is(str_head(parameter, n), name))
            return text_of(str_tail(parameter, n + 1), arena);
    }
    return NULL;
}

bool dovecot_has(struct str parameters, const char *name)
{
    struct str parameter;

    while (dovecot_parameter(&parameters, &parameter))
        if (str_is(parameter, name))
            return true;
    return false;
}

int dovecot_security(struct str parameters)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {
        {"plaintext", SECURITY_PLAINTEXT},
        {"active", SECURITY_ACTIVE},
        {"dictionary", SECURITY_DICTIONARY},
        {"anonymous", SECURITY_ANONYMOUS},
        {"forward-secrecy", SECURITY_FORWARD_SECRECY},
        {"mutual-auth", SECURITY_MUTUAL_AUTH},
    };
    struct str parameter;
    unsigned bits = 0;

    while (dovecot_parameter(&parameters, &parameter)) {
        if (str_is(parameter, "private"))
            return -1;
        for (size_t i = 0; i < COUNT(words); i++)
            if (str_is(parameter, words[i].word))
                bits |= words[i].bit;
    }
    return (int)bits;
}

void dovecot_add_value(struct buf *out, const char *value)
{
    for (; *value; value++) {
        char letter = '\0';

        for (size_t i = 0; i < COUNT(escapes); i++)
            if (*value == escapes[i].byte)
                letter = escapes[i].letter;
        if (letter)
            buf_add_char(out, ESCAPE);
        buf_add_char(out, letter ? letter : *value);
    }
}
