/*
 * Reads Content-Type and Content-Transfer-Encoding: tokens, quoted strings and
 * comments of RFC 2045 and 5322, without recursion.
 */
#include "mail/mime_field.h"

#include "util/attributes.h"

enum kind { KIND_END, KIND_TOKEN, KIND_QUOTED, KIND_SPECIAL };

struct word {
    enum kind kind;
    struct str text; /* as written, without quotes */
};

/* Behind a comment that starts at rest->p[0], and the comments in it. */
static void skip_comment(struct str *rest)
{
    size_t depth = 0, i = 0;

    for (; i < rest->n; i++) {
        char c = rest->p[i];

        if (c == '\\' && i + 1 < rest->n)
            i++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            break;
    }
    *rest = str_tail(*rest, i + 1);
}

static struct str take_quoted(struct str *rest)
{
    size_t i = 1;
    struct str text;

    while (i < rest->n && rest->p[i] != '"')
        i += rest->p[i] == '\\' && i + 1 < rest->n ? 2 : 1;
    text = str_tail(str_head(*rest, i), 1);
    *rest = str_tail(*rest, i + 1);
    return text;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* compat: '=', '/' and ':' inside a value don't end it, though RFC 2045 wants quotes
 * then. */
static struct word next_word(struct str *rest, bool in_value)
{
    const char *ends = in_value ? "\"(),;<>@ \t\r\n" : "\"(),/:;<=>?@[\\] \t\r\n";
    struct word word = {KIND_TOKEN, STR_NONE};

    while (rest->n && (is_white(rest->p[0]) || rest->p[0] == '(')) {
        if (rest->p[0] == '(')
            skip_comment(rest);
        else
            *rest = str_tail(*rest, 1);
    }
    if (rest->n == 0)
        return (struct word){KIND_END, STR_NONE};
    if (rest->p[0] == '"')
        return (struct word){KIND_QUOTED, take_quoted(rest)};
    word.text = str_head(*rest, str_find_any(*rest, ends));
    if (word.text.n == 0)
        word = (struct word){KIND_SPECIAL, str_head(*rest, 1)};
    *rest = str_tail(*rest, word.text.n);
    return word;
}

/* --- Content-Type
 * ------------------------------------------------------------------------ */

static bool is_special(struct word word, char c)
{
    return word.kind == KIND_SPECIAL && word.text.p[0] == c;
}

static enum mime_type type_of(struct str type, struct str subtype)
{
    if (str_is_nocase(type, "multipart"))
        return str_is_nocase(subtype, "digest") ? MIME_TYPE_DIGEST : MIME_TYPE_MULTIPART;
    if (!str_is_nocase(type, "message"))
        return MIME_TYPE_OTHER;
    if (str_is_nocase(subtype, "rfc822") || str_is_nocase(subtype, "global"))
        return MIME_TYPE_MESSAGE;
    return str_is_nocase(subtype, "partial") || str_is_nocase(subtype, "external-body")
               ? MIME_TYPE_MESSAGE_7BIT
               : MIME_TYPE_MESSAGE_OTHER;
}

static void add_unquoted(struct buf *out, struct word word, size_t limit)
{
    for (size_t i = 0; i < word.text.n && out->n < limit; i++) {
        if (word.kind == KIND_QUOTED && word.text.p[i] == '\\' && i + 1 < word.text.n)
            i++;
        if (word.text.p[i] != '\n' && word.text.p[i] != '\r')
            buf_add_char(out, word.text.p[i]);
    }
}

/* The first boundary among the parameters. */
static void find_boundary(struct str rest, size_t limit, struct buf *ret)
{
    struct word word;

    while ((word = next_word(&rest, false)).kind != KIND_END) {
        if (!is_special(word, ';'))
            continue;
        word = next_word(&rest, false);
        if (word.kind != KIND_TOKEN || !str_is_nocase(word.text, "boundary") ||
            !is_special(next_word(&rest, false), '='))
            continue;
        word = next_word(&rest, true);
        if (word.kind == KIND_TOKEN || word.kind == KIND_QUOTED) {
            add_unquoted(ret, word, limit);
            return;
        }
    }
}

enum mime_type mime_type_parse(struct str value, size_t limit, struct buf *ret_boundary)
{
    struct str rest = value;
    struct word type = next_word(&rest, false), subtype = {KIND_END, STR_NONE};
    struct str parameters = rest;
    enum mime_type result;

    if (is_special(next_word(&rest, false), '/')) {
        subtype = next_word(&rest, false);
        parameters = rest;
    }
    buf_reset(ret_boundary);
    if (type.kind != KIND_TOKEN)
        return MIME_TYPE_OTHER;
    result = type_of(type.text, subtype.text);
    if (result == MIME_TYPE_MULTIPART || result == MIME_TYPE_DIGEST)
        find_boundary(parameters, limit, ret_boundary);
    return result;
}

/* --- Content-Transfer-Encoding
 * ------------------------------------------------------------- */

static const struct {
    const char *name;
    enum mime_encoding encoding;
} encodings[] = {
    {"7bit", MIME_ENCODING_7BIT},     {"8bit", MIME_ENCODING_8BIT},
    {"binary", MIME_ENCODING_BINARY}, {"quoted-printable", MIME_ENCODING_QUOTED},
    {"base64", MIME_ENCODING_BASE64},
};

enum mime_encoding mime_encoding_parse(struct str value)
{
    struct word word = next_word(&value, false);

    if (word.kind == KIND_TOKEN && next_word(&value, false).kind == KIND_END)
        for (size_t i = 0; i < COUNT(encodings); i++)
            if (str_is_nocase(word.text, encodings[i].name))
                return encodings[i].encoding;
    return MIME_ENCODING_NONE;
}

const char *mime_encoding_name(enum mime_encoding encoding)
{
    for (size_t i = 0; i < COUNT(encodings); i++)
        if (encodings[i].encoding == encoding)
            return encodings[i].name;
    return "";
}
