/*
 * The right-hand side of an alias, and the lines of .forward and :include:
 * files. Commands, paths and :include: are words by themselves; all else is an
 * address list as in a header, with its comments, names, routes and groups.
 */
#include "local/local.h"

#include "mail/address_list.h"
#include "queue/record.h"
#include "table/alias_text.h"
#include "util/log.h"

#define BLANKS     " \t\r\n\v\f"
#define SEPARATORS BLANKS ",;"

enum { ITEM_BYTES_MAX = 1 << 20 };

struct parser {
    struct items items;
    size_t size;
    size_t token_limit;
    struct arena *arena;
};

/* --- kinds -------------------------------------------------------------------------- */

static enum item_kind kind_of(struct str text)
{
    if (str_starts(text, "|"))
        return ITEM_COMMAND;
    if (str_starts(text, "/") || str_starts(text, "~"))
        return ITEM_FILE;
    if (str_starts_nocase(text, ":include:"))
        return ITEM_INCLUDE;
    return ITEM_ADDRESS;
}

static void add(struct parser *p, struct str text)
{
    static const size_t skip[] = {[ITEM_COMMAND] = sizeof("|") - 1,
                                  [ITEM_INCLUDE] = sizeof(":include:") - 1,
                                  [ITEM_ADDRESS] = 0,
                                  [ITEM_FILE] = 0};
    enum item_kind kind = kind_of(text);

    if (p->items.n == p->size) {
        struct item *more;

        p->size = p->size ? 2 * p->size : 8;
        more = arena_array(p->arena, p->size, sizeof *more);
        if (p->items.n)
            memcpy(more, p->items.items, p->items.n * sizeof *more);
        p->items.items = more;
    }
    text = str_tail(text, skip[kind]);
    p->items.items[p->items.n++] = (struct item){
        .kind = kind, .text = str_of(arena_copy_str(p->arena, str_trim(text)))};
}

/* --- words ----------------------------------------------------------------------------
 */

/* Length of the quoted string at the front, with both quotes. */
static size_t quoted_length(struct str text)
{
    size_t i = 1;

    while (i < text.n && text.p[i] != '"')
        i += text.p[i] == '\\' && i + 1 < text.n ? 2 : 1;
    return i < text.n ? i + 1 : text.n;
}

static size_t word_length(struct str text)
{
    size_t i = 0;

    while (i < text.n && !strchr(SEPARATORS, text.p[i]))
        i += text.p[i] == '"' ? quoted_length(str_tail(text, i)) : 1;
    return i;
}

/*
 * A command, path or file name by itself, quoted as a whole or in part; or a
 * name with a colon inside, which is no group ("list: joe, ann;").
 */
static bool is_word(struct str text)
{
    struct str word = str_head(text, word_length(text));
    size_t colon = str_find_any(word, ":\"(<@");

    if (kind_of(str_tail(word, str_starts(word, "\""))) != ITEM_ADDRESS)
        return true;
    return colon + 1 < word.n && word.p[colon] == ':' && str_find(text, ';') == text.n;
}

static struct str take_word(struct parser *p, struct str *rest)
{
    struct str word = str_head(*rest, word_length(*rest));
    struct buf out;

    *rest = str_tail(*rest, word.n);
    buf_init(&out, ITEM_BYTES_MAX);
    buf_add_text(&out, "");
    for (size_t i = 0; i < word.n && out.n + 1 < ITEM_BYTES_MAX; i++) {
        if (word.p[i] == '"')
            continue;
        if (word.p[i] == '\\' && i + 1 < word.n)
            i++;
        buf_add_char(&out, word.p[i]);
    }
    word = str_from(arena_copy_str(p->arena, buf_str(&out)), out.n);
    buf_done(&out);
    return word;
}

/* Addresses in <> alone, "<>", stand for nobody. */
static void add_list(struct parser *p, struct str text)
{
    struct address_list *list = address_list_parse(text, p->token_limit, p->arena);

    for (size_t i = 0; i < list->n; i++) {
        const struct address_item *item = &list->items[i];

        if (item->kind == ADDRESS_MAILBOX && (item->address.n || !item->angle))
            add(p, item->address);
    }
}

struct items items_parse(struct str text, size_t token_limit, struct arena *arena)
{
    struct parser p = {.token_limit = token_limit, .arena = arena};
    struct str rest = text;

    for (;;) {
        rest = str_tail(rest, str_span(rest, SEPARATORS));
        if (rest.n == 0)
            return p.items;
        if (is_word(rest))
            add(&p, take_word(&p, &rest));
        else
            add_list(&p, alias_item(&rest));
    }
}

/* --- delivery -------------------------------------------------------------------------
 */

static void misconfigured(struct attempt *attempt, const struct step *step,
                          const char *words, const char *what)
{
    log_warning("%s: %s", words, what);
    attempt_outcome(attempt, step, "5.3.5", "mail system configuration error");
}

/* "~/box" is below the home of whose rights we have. */
static void deliver_to_path(struct attempt *attempt, const struct step *step,
                            const char *path)
{
    if (*path == '~') {
        if (path[1] != '/' || !step->rights) {
            misconfigured(attempt, step, "bad home directory syntax for", path);
            return;
        }
        path = arena_printf(attempt->arena, "%s%s", step->rights->home, path + 1);
    }
    if (attempt->agent->files_from & step->origin)
        file_deliver(attempt, step, path);
    else
        attempt_outcome(attempt, step, "5.7.1", "mail to file is restricted");
}

static void deliver_to_item(struct attempt *attempt, const struct step *step,
                            const struct item *item)
{
    if (item->text.n > RECORD_ENVELOPE_MAX) {
        misconfigured(attempt, step, "destination is too long",
                      arena_copy_str(attempt->arena, str_head(item->text, 100)));
        return;
    }
    switch (item->kind) {
    case ITEM_ADDRESS:
        address_expand(attempt, step, item->text);
        break;
    case ITEM_FILE:
        deliver_to_path(attempt, step, item->text.p);
        break;
    case ITEM_INCLUDE:
        include_deliver(attempt, step, item->text.p);
        break;
    case ITEM_COMMAND:
        if (attempt->agent->commands_from & step->origin)
            command_deliver(attempt, step, step->rights, item->text.p);
        else
            attempt_outcome(attempt, step, "5.7.1", "mail to command is restricted");
        break;
    }
}

static struct items items_of(const struct attempt *attempt, struct str text)
{
    return items_parse(text, (size_t)attempt->agent->conf->header_address_token_limit,
                       attempt->arena);
}

size_t items_deliver(struct attempt *attempt, const struct step *step, struct str text)
{
    struct items items = items_of(attempt, text);

    for (size_t i = 0; i < items.n; i++)
        deliver_to_item(attempt, step, &items.items[i]);
    return items.n;
}

/* compat: unlike in an alias file, a line that begins with a blank stands by itself. */
static struct str take_line(struct str *rest)
{
    struct str line = str_until(rest, '\n');

    return str_starts(line, "#") ? STR_NONE : line;
}

bool items_any(const struct attempt *attempt, struct str content)
{
    while (content.n)
        if (items_of(attempt, take_line(&content)).n > 0)
            return true;
    return false;
}

size_t items_deliver_file(struct attempt *attempt, const struct step *step,
                          struct str content)
{
    size_t n = 0;

    while (content.n && !attempt->deferred)
        n += items_deliver(attempt, step, take_line(&content));
    return n;
}
