/*
 * Alias lines as tokens: words, quoted strings, comments, [literals] and single
 * special bytes. Enough of RFC 5322 to find the colon and the commas, and to
 * write values the way Postfix's index holds them.
 */
#include "table/alias_text.h"

#include "util/buf.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,
    TOKEN_QUOTED,
    TOKEN_COMMENT,
    TOKEN_LITERAL,
    TOKEN_SPECIAL
};

struct token {
    enum token_kind kind;
    struct str text;  /* as written, with quotes and parentheses */
    bool after_blank; /* white space stood before it */
};

enum { ALIAS_BYTES_MAX = 1 << 26 };

#define BLANKS   " \t\r\n\v\f"
#define SPECIALS "<>@,;:"

/* --- tokens ---------------------------------------------------------------------- */

/* Length of text that starts with an opening byte and runs to close; all of it when that
 * is missing. */
static size_t enclosed(struct str text, char open, char close)
{
    size_t depth = 0, i = 0;

    for (; i < text.n; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n)
            i++;
        else if (text.p[i] == close && i > 0 && (open == close || --depth == 0))
            return i + 1;
        else if (text.p[i] == open)
            depth++;
    }
    return text.n;
}

static size_t word_length(struct str text)
{
    size_t i = 0;

    while (i < text.n && !strchr(BLANKS SPECIALS "\"([", text.p[i]))
        i += text.p[i] == '\\' && i + 1 < text.n ? 2 : 1;
    return i ? i : 1;
}

static struct token take_token(struct str *rest)
{
    struct str text = str_tail(*rest, str_span(*rest, BLANKS));
    struct token token = {.after_blank = text.n < rest->n};
    size_t n = 0;

    if (text.n == 0) {
        token.kind = TOKEN_END;
    } else if (text.p[0] == '"') {
        token.kind = TOKEN_QUOTED;
        n = enclosed(text, '"', '"');
    } else if (text.p[0] == '(') {
        token.kind = TOKEN_COMMENT;
        n = enclosed(text, '(', ')');
    } else if (text.p[0] == '[') {
        token.kind = TOKEN_LITERAL;
        n = enclosed(text, '[', ']');
    } else if (strchr(SPECIALS, text.p[0])) {
        token.kind = TOKEN_SPECIAL;
        n = 1;
    } else {
        token.kind = TOKEN_WORD;
        n = word_length(text);
    }
    token.text = str_head(text, n);
    *rest = str_tail(text, n);
    return token;
}

static bool is_special(const struct token *token, char c)
{
    return token->kind == TOKEN_SPECIAL && token->text.p[0] == c;
}

/* Without backslashes and without quotes around. */
static void add_plain(struct buf *out, const struct token *token)
{
    struct str text = token->text;

    if (token->kind == TOKEN_QUOTED)
        text = str_from(text.p + 1,
                        text.n - (text.n > 1 && text.p[text.n - 1] == '"' ? 2 : 1));
    for (size_t i = 0; i < text.n; i++) {
        if (token->kind != TOKEN_COMMENT && text.p[i] == '\\' && i + 1 < text.n)
            i++;
        buf_add_char(out, text.p[i]);
    }
}

/* --- "name: value" ------------------------------------------------------------------ */

/* Everything up to the colon, joined by single spaces. */
static int read_name(struct str *rest, struct buf *name, struct fail *why)
{
    for (;;) {
        struct token token = take_token(rest);

        if (is_special(&token, ':') && name->n > 0)
            return 0;
        if (is_special(&token, '@') || is_special(&token, '<'))
            return fail_set(why, "name must be local");
        if (token.kind == TOKEN_END || token.kind == TOKEN_SPECIAL)
            return fail_set(why, "need name:value pair");
        if (name->n > 0)
            buf_add_char(name, ' ');
        add_plain(name, &token);
    }
}

/* Is there a space between these two in the index? */
static bool apart(const struct token *before, const struct token *token)
{
    bool words = before->kind != TOKEN_SPECIAL && token->kind != TOKEN_SPECIAL;

    if (is_special(before, ','))
        return true;
    if (is_special(token, '<'))
        return before->kind != TOKEN_SPECIAL;
    return words && (token->after_blank || before->kind == TOKEN_COMMENT ||
                     token->kind == TOKEN_COMMENT);
}

static void read_value(struct str rest, struct buf *value)
{
    struct token before = {.kind = TOKEN_END}, token;

    while ((token = take_token(&rest)).kind != TOKEN_END) {
        if (before.kind != TOKEN_END && apart(&before, &token))
            buf_add_char(value, ' ');
        if (token.kind == TOKEN_WORD)
            add_plain(value, &token);
        else
            buf_add_str(value, token.text);
        before = token;
    }
    if (is_special(&before, ','))
        buf_add_char(value, ' ');
}

int alias_line_split(struct str line, struct arena *arena, struct str *ret_name,
                     struct str *ret_value, struct fail *why)
{
    struct str rest = line;
    struct buf name, value;
    int result;

    buf_init(&name, ALIAS_BYTES_MAX);
    buf_init(&value, ALIAS_BYTES_MAX);
    result = read_name(&rest, &name, why);
    if (result == 0) {
        read_value(rest, &value);
        if (value.n == 0)
            result = fail_set(why, "need name:value pair");
    }
    if (result == 0) {
        *ret_name = str_from(arena_copy_str(arena, buf_str(&name)), name.n);
        *ret_value = str_from(arena_copy_str(arena, buf_str(&value)), value.n);
    }
    buf_done(&name);
    buf_done(&value);
    return result;
}

/* --- items of a value ------------------------------------------------------------------
 */

struct str alias_item(struct str *rest)
{
    const char *start = NULL, *end = NULL;
    bool angle = false;

    for (;;) {
        struct token token = take_token(rest);

        if (token.kind == TOKEN_END || (is_special(&token, ',') && !angle)) {
            if (start || token.kind == TOKEN_END)
                return str_from(start, (size_t)(end - start));
            continue;
        }
        angle = is_special(&token, '<') || (angle && !is_special(&token, '>'));
        start = start ? start : token.text.p;
        end = token.text.p + token.text.n;
    }
}

struct str alias_unquoted(struct str item, struct arena *arena)
{
    struct str rest = item;
    struct token token = take_token(&rest);
    struct buf out;
    struct str text;

    if (token.kind != TOKEN_QUOTED || take_token(&rest).kind != TOKEN_END)
        return item;
    buf_init(&out, ALIAS_BYTES_MAX);
    add_plain(&out, &token);
    text = str_from(arena_copy_str(arena, buf_str(&out)), out.n);
    buf_done(&out);
    return text;
}
