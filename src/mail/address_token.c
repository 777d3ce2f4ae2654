/*
 * Decides where the tokens of address syntax begin and end. It is generous:
 * every byte belongs to some token or to the white space between them, marks
 * that are never closed end with the text, and nesting of comments is a
 * counter, not a recursion.
 */
#include "mail/address_token.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
    return c != '\0' && strchr("<>,:;@.", c) != NULL;
}

/* Where the token that opens at text.p[0] ends; nests = an inner opening mark counts. */
static size_t closed_length(struct str text, char open, char close, bool *ret_unfinished)
{
    int depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n) {
            i++;
        } else if (text.p[i] == close && (i > 0 || open != close)) {
            if (--depth <= 0) {
                *ret_unfinished = false;
                return i + 1;
            }
        } else if (text.p[i] == open && (i == 0 || open == '(')) {
            depth++;
        }
    }
    *ret_unfinished = true;
    return text.n;
}

static bool ends_atom(char c)
{
    return is_space(c) || is_special(c) || c == '"' || c == '(' || c == '[';
}

static size_t atom_length(struct str text)
{
    size_t i = 0;

    while (i < text.n && !ends_atom(text.p[i]))
        i += text.p[i] == '\\' && i + 1 < text.n ? 2 : 1;
    return i;
}

static struct address_token read_token(struct str text)
{
    struct address_token token = {.type = ADDRESS_TOKEN_ATOM};
    size_t n;

    switch (text.p[0]) {
    case '"':
        token.type = ADDRESS_TOKEN_QUOTED;
        n = closed_length(text, '"', '"', &token.unfinished);
        break;
    case '(':
        token.type = ADDRESS_TOKEN_COMMENT;
        n = closed_length(text, '(', ')', &token.unfinished);
        break;
    case '[':
        token.type = ADDRESS_TOKEN_LITERAL;
        n = closed_length(text, '[', ']', &token.unfinished);
        break;
    default:
        if (is_special(text.p[0])) {
            token.type = ADDRESS_TOKEN_SPECIAL;
            n = 1;
        } else {
            n = atom_length(text);
        }
    }
    token.text = str_head(text, n);
    return token;
}

struct address_tokens address_tokens_read(struct str text, size_t limit,
                                          struct arena *arena)
{
    struct address_tokens tokens = {0};
    size_t most = text.n < limit ? text.n : limit;
    bool space = false;

    tokens.items = arena_array(arena, most + 1, sizeof(*tokens.items));
    while (text.n > 0) {
        if (is_space(text.p[0])) {
            space = true;
            text = str_tail(text, 1);
            continue;
        }
        if (tokens.n >= limit) {
            tokens.truncated = true;
            break;
        }
        struct address_token *token = &tokens.items[tokens.n++];
        *token = read_token(text);
        token->space = space;
        text = str_tail(text, token->text.n);
        space = false;
    }
    return tokens;
}

bool address_token_is(const struct address_token *token, char special)
{
    return token->type == ADDRESS_TOKEN_SPECIAL && token->text.p[0] == special;
}

static char closing_mark(enum address_token_type type)
{
    switch (type) {
    case ADDRESS_TOKEN_QUOTED:
        return '"';
    case ADDRESS_TOKEN_LITERAL:
        return ']';
    case ADDRESS_TOKEN_COMMENT:
        return ')';
    default:
        return '\0';
    }
}

/* How many parentheses an unfinished comment lacks, and whether it ends in a lone
 * backslash. */
static size_t missing_marks(const struct address_token *token, bool *ret_backslash)
{
    size_t depth = 1;
    bool comment = token->type == ADDRESS_TOKEN_COMMENT;

    *ret_backslash = false;
    for (size_t i = 1; i < token->text.n; i++) {
        if (token->text.p[i] == '\\') {
            *ret_backslash = i + 1 == token->text.n;
            i++;
        } else if (comment && token->text.p[i] == '(') {
            depth++;
        } else if (comment && token->text.p[i] == ')') {
            depth--;
        }
    }
    return depth;
}

void address_token_add_raw(struct buf *out, const struct address_token *token)
{
    bool backslash;

    for (size_t i = 0; i < token->text.n; i++)
        if (token->text.p[i] != '\r' && token->text.p[i] != '\n')
            buf_add_char(out, token->text.p[i]);
    if (token->unfinished) {
        size_t missing = missing_marks(token, &backslash);
        if (backslash)
            buf_add_char(out, '\\');
        buf_add_repeat(out, closing_mark(token->type), missing);
    }
}

void address_token_add_value(struct buf *out, const struct address_token *token)
{
    struct str text = token->text;

    if (token->type == ADDRESS_TOKEN_LITERAL || token->type == ADDRESS_TOKEN_COMMENT) {
        address_token_add_raw(out, token);
        return;
    }
    if (token->type == ADDRESS_TOKEN_QUOTED) {
        text = str_tail(text, 1);
        if (!token->unfinished)
            text = str_head(text, text.n - 1);
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n)
            i++;
        if (text.p[i] != '\r' && text.p[i] != '\n')
            buf_add_char(out, text.p[i]);
    }
}
