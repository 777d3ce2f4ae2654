/*
 * Decides what the mailboxes and groups of an address header are, and how
 * they are written back. Words without a comma between them are taken for
 * separate addresses ("joe smith" is two), a missing '>' ends at the next
 * comma: what senders meant is guessed, so that no address is lost, and the
 * item is marked odd.
 */
#include "mail/address_list.h"

#include "mail/address.h"
#include "mail/address_token.h"

#include <stdint.h>

#define LINE_AIM 70 /* header lines stay shorter where a join allows it */

struct parser {
    const struct address_token *tokens;
    size_t n, at;
    struct arena *arena;
    struct address_list *list;
    size_t size;
    struct buf text; /* scratch */
};

static struct address_item *add_item(struct parser *p, enum address_item_kind kind)
{
    struct address_list *list = p->list;

    if (list->n == p->size) {
        size_t size = p->size ? p->size * 2 : 8;
        struct address_item *items = arena_array(p->arena, size, sizeof(*items));
        if (list->n)
            memcpy(items, list->items, list->n * sizeof(*items));
        list->items = items;
        p->size = size;
    }
    list->items[list->n].kind = kind;
    return &list->items[list->n++];
}

static struct str take_text(struct parser *p)
{
    struct str s = str_from(arena_copy_str(p->arena, buf_str(&p->text)), p->text.n);

    buf_reset(&p->text);
    return s;
}

/* Tokens from..to as they were written, blanks shrunk to one. */
static struct str written(struct parser *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (i > from && p->tokens[i].space)
            buf_add_char(&p->text, ' ');
        address_token_add_raw(&p->text, &p->tokens[i]);
    }
    return take_text(p);
}

static bool is_comment(const struct address_token *token)
{
    return token->type == ADDRESS_TOKEN_COMMENT;
}

/* All comments among tokens from..to. */
static struct str comments(struct parser *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (!is_comment(&p->tokens[i]))
            continue;
        if (p->text.n)
            buf_add_char(&p->text, ' ');
        address_token_add_raw(&p->text, &p->tokens[i]);
    }
    return take_text(p);
}

static size_t last_at_sign(const struct parser *p, size_t from, size_t to)
{
    for (size_t i = to; i > from; i--)
        if (address_token_is(&p->tokens[i - 1], '@'))
            return i - 1;
    return to;
}

static bool joins(const struct address_token *token)
{
    return address_token_is(token, '.') || address_token_is(token, '@');
}

/* The address that tokens from..to spell. */
static void set_address(struct parser *p, struct address_item *item, size_t from,
                        size_t to)
{
    size_t at = last_at_sign(p, from, to);
    const struct address_token *before = NULL;

    item->has_domain = at < to;
    for (size_t i = from; i < to; i++) {
        const struct address_token *token = &p->tokens[i];
        if (is_comment(token))
            continue;
        if (before && !joins(before) && !joins(token)) {
            item->odd = true;
            if (token->space)
                buf_add_char(&p->text, ' ');
        }
        if (token->type == ADDRESS_TOKEN_QUOTED && i < at)
            item->quoted = true;
        if (token->unfinished || (token->type == ADDRESS_TOKEN_SPECIAL && !joins(token)))
            item->odd = true;
        if (token->type == ADDRESS_TOKEN_QUOTED && i > at)
            address_token_add_raw(&p->text, token);
        else
            address_token_add_value(&p->text, token);
        before = token;
    }
    item->address = take_text(p);
}

/* Where the source route of an angle address ends: behind its colon. */
static size_t skip_route(const struct parser *p, size_t from, size_t to)
{
    size_t i = from;

    while (i < to && (is_comment(&p->tokens[i]) || address_token_is(&p->tokens[i], ',')))
        i++;
    if (i == to || !address_token_is(&p->tokens[i], '@'))
        return from;
    while (i < to && !address_token_is(&p->tokens[i], ':'))
        i++;
    return i < to ? i + 1 : from;
}

/* Where the '>' is; without one, where the item must end. */
static size_t find_close(const struct parser *p, size_t from, bool *ret_found)
{
    size_t i;

    for (i = from; i < p->n; i++)
        if (address_token_is(&p->tokens[i], '>')) {
            *ret_found = true;
            return i;
        }
    *ret_found = false;
    for (i = from; i < p->n; i++)
        if (address_token_is(&p->tokens[i], ',') || address_token_is(&p->tokens[i], ';'))
            return i;
    return p->n;
}

static bool has_angle(const struct parser *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (address_token_is(&p->tokens[i], '<'))
            return true;
    return false;
}

/* `name <...> comment`; open is where the '<' stands. */
static void angle_address(struct parser *p, size_t start, size_t open)
{
    struct address_item *item = add_item(p, ADDRESS_MAILBOX);
    bool found;

    while (open + 1 < p->n && address_token_is(&p->tokens[open + 1], '<'))
        open++; /* "<<joe@example.com>>" */
    size_t close = find_close(p, open + 1, &found);
    size_t end = close;

    while (end < p->n &&
           (is_comment(&p->tokens[end]) || address_token_is(&p->tokens[end], '>')))
        end++;
    size_t first = open;
    while (first > start && address_token_is(&p->tokens[first - 1], '<'))
        first--;
    item->name = written(p, start, first);
    item->angle = true;
    item->odd = !found;
    item->routed = skip_route(p, open + 1, close) > open + 1;
    set_address(p, item, skip_route(p, open + 1, close), close);
    if (has_angle(p, open + 1, close))
        item->raw = written(p, first, end);
    else
        item->comment = comments(p, open + 1, end);
    p->at = end;
}

/* Words without <>: each run of words joined by '.' and '@' is one address. */
static void bare_addresses(struct parser *p, size_t start, size_t end)
{
    size_t from = start;

    while (from < end) {
        size_t to = from;
        bool word = false; /* the address so far ends in a word */

        for (; to < end; to++) {
            const struct address_token *token = &p->tokens[to];
            if (is_comment(token))
                continue;
            if (!joins(token) && word)
                break;
            word = !joins(token);
        }
        struct address_item *item = add_item(p, ADDRESS_MAILBOX);
        set_address(p, item, from, to);
        item->comment = comments(p, from, to);
        if (item->address.n == 0 && !item->quoted)
            p->list->n--; /* only comments */
        from = to;
    }
}

static bool ends_phrase(const struct address_token *token)
{
    return token->type == ADDRESS_TOKEN_SPECIAL &&
           strchr("<>,:;", token->text.p[0]) != NULL;
}

/* Do tokens from..to begin with '@', as no group's name does? */
static bool is_route(const struct parser *p, size_t from, size_t to)
{
    while (from < to && is_comment(&p->tokens[from]))
        from++;
    return from < to && address_token_is(&p->tokens[from], '@');
}

static void parse_item(struct parser *p)
{
    size_t start = p->at;
    size_t i = start;

    while (i < p->n && !ends_phrase(&p->tokens[i]))
        i++;
    if (i < p->n && address_token_is(&p->tokens[i], '<')) {
        angle_address(p, start, i);
        return;
    }
    if (i < p->n && address_token_is(&p->tokens[i], ':') && is_route(p, start, i)) {
        p->at = i + 1; /* compat: "@relay:joe@example.com" without <> */
        return;
    }
    if (i < p->n && address_token_is(&p->tokens[i], ':')) {
        struct str name = written(p, start, i);
        add_item(p, ADDRESS_GROUP_START)->name = name;
    } else {
        bare_addresses(p, start, i);
        if (i < p->n && address_token_is(&p->tokens[i], ';'))
            add_item(p, ADDRESS_GROUP_END);
    }
    p->at = i + 1;
}

struct address_list *address_list_parse(struct str body, size_t token_limit,
                                        struct arena *arena)
{
    struct address_tokens tokens = address_tokens_read(body, token_limit, arena);
    struct parser p = {.tokens = tokens.items, .n = tokens.n, .arena = arena};

    p.list = ARENA_NEW(arena, struct address_list);
    p.list->truncated = tokens.truncated;
    buf_init(&p.text, body.n * 2 + 64);
    while (p.at < p.n)
        parse_item(&p);
    buf_done(&p.text);
    return p.list;
}

static void add_address(struct buf *out, const struct address_item *item)
{
    if (item->has_domain)
        address_add_external(out, item->address);
    else if (item->address.n || item->quoted)
        address_add_local(out, item->address);
}

static void add_mailbox(struct buf *out, const struct address_item *item)
{
    if (item->name.n) {
        buf_add_str(out, item->name);
        buf_add_char(out, ' ');
    }
    if (item->raw.n) {
        buf_add_str(out, item->raw);
        return;
    }
    if (item->angle || item->name.n)
        buf_add_char(out, '<');
    add_address(out, item);
    if (item->angle || item->name.n)
        buf_add_char(out, '>');
    if (item->comment.n) {
        buf_add_char(out, ' ');
        buf_add_str(out, item->comment);
    }
}

/* Does a comma stand between the items a and b? */
static bool comma_between(const struct address_item *a, const struct address_item *b)
{
    return a->kind != ADDRESS_GROUP_START && b->kind != ADDRESS_GROUP_END;
}

static void add_item_text(struct buf *out, const struct address_item *item)
{
    if (item->kind == ADDRESS_GROUP_START) {
        buf_add_str(out, item->name);
        buf_add_char(out, ':');
    } else if (item->kind == ADDRESS_GROUP_END) {
        buf_add_char(out, ';');
    } else {
        add_mailbox(out, item);
    }
}

/* Does a blank stand before an item that follows `before` (NULL = none)? */
static bool blank_before(const struct address_item *item,
                         const struct address_item *before)
{
    return item->kind != ADDRESS_GROUP_END ||
           (before && before->kind == ADDRESS_GROUP_START);
}

/* Break the line at the blank at `at`. Returns where the new line begins, behind its TAB:
 * compat: that one does not count. */
static size_t fold_at(struct buf *out, size_t at)
{
    size_t moved = out->n - at - 1;

    buf_add_char(out, ' '); /* one byte longer: the blank becomes LF TAB */
    memmove(out->p + at + 2, out->p + at + 1, moved);
    memcpy(out->p + at, "\n\t", 2);
    return at + 2;
}

void address_list_format(const struct address_list *list, struct str header_name,
                         struct buf *out)
{
    size_t line = out->n;   /* where the current line begins */
    size_t join = SIZE_MAX; /* the last place where it may be broken */

    buf_add_str(out, header_name);
    buf_add_char(out, ':');
    for (size_t i = 0; i < list->n; i++) {
        const struct address_item *item = &list->items[i];
        bool more = i + 1 < list->n;

        if (i > 0 && comma_between(item - 1, item)) {
            buf_add_char(out, ',');
            join = out->n;
        }
        if (blank_before(item, i > 0 ? item - 1 : NULL))
            buf_add_char(out, ' ');
        add_item_text(out, item);
        if (more && !comma_between(item, item + 1))
            continue; /* what belongs together is not torn apart */
        if (join != SIZE_MAX && out->n - line + more >= LINE_AIM) /* room for a comma */
            line = fold_at(out, join);
        join = SIZE_MAX;
    }
}
