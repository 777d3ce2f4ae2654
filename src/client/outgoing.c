/*
 * Rules for mail that leaves. Unlike in cleanup nothing can be refused here,
 * for the mail is ours already: actions that would do so are warned about and
 * change nothing. A table that cannot be read delays the mail.
 */
#include "client/outgoing.h"

#include "conf/mail_settings.h"
#include "mail/address_list.h"
#include "mail/header.h"
#include "util/list.h"
#include "util/log.h"

#include <string.h>

enum { SHOWN = 200 }; /* bytes of a header or line in the log */

/* --- set-up ----------------------------------------------------------------------- */

static struct maps *open_maps(struct tables *tables, const char *family, const char *name,
                              const char *value, unsigned flags, struct arena *arena)
{
    return maps_open(tables, arena_printf(arena, "%s_%s", family, name), value, flags);
}

#define OPEN(name, flags)                                                                \
    open_maps(tables, lmtp ? "lmtp" : "smtp", #name,                                     \
              lmtp ? conf->lmtp_##name : conf->smtp_##name, flags, arena)

int outgoing_init(struct outgoing *ret, struct tables *tables, const struct conf *conf,
                  bool lmtp, struct arena *arena, struct fail *why)
{
    const struct rewrite_settings settings = conf_rewrite_settings(conf);
    struct texts extend = {0};

    *ret = (struct outgoing){.conf = conf};
    ret->generic = OPEN(generic_maps, 0);
    ret->checks[MIME_PRIMARY] = OPEN(header_checks, TABLE_NO_UTF8);
    ret->checks[MIME_PART] = OPEN(mime_header_checks, TABLE_NO_UTF8);
    ret->checks[MIME_NESTED] = OPEN(nested_header_checks, TABLE_NO_UTF8);
    ret->body_checks = OPEN(body_checks, TABLE_NO_UTF8);
    ret->local = rewrite_rules_local(&settings);
    site_tell_completed(tables, conf, &ret->local);
    texts_split(&extend, arena, str_of(conf->propagate_unmatched_extensions), ", \t\r\n");
    ret->extends = texts_has(&extend, STR("generic"), true);
    return site_init(&ret->site, tables, conf, arena, why);
}

bool outgoing_has_content_rules(const struct outgoing *outgoing)
{
    bool has = !maps_empty(outgoing->generic) || !maps_empty(outgoing->body_checks);

    for (size_t i = 0; i < COUNT(outgoing->checks); i++)
        has = has || !maps_empty(outgoing->checks[i]);
    return has;
}

/* --- generic_maps --------------------------------------------------------------------
 */

static const char *standard_form(const struct outgoing *outgoing, struct str address,
                                 struct arena *arena)
{
    const char *result;
    struct buf out;

    buf_init(&out, 1 << 20);
    rewrite_address(&outgoing->local, address, &out);
    result = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return result;
}

/* The first address of a table's answer; NULL when it holds none. */
static const char *first_result(const struct outgoing *outgoing,
                                const struct address_match *match, const char *address,
                                struct arena *arena)
{
    struct address_list *list = address_list_parse(
        match->value, (size_t)outgoing->conf->header_address_token_limit, arena);
    const char *result = NULL;

    for (size_t i = 0; i < list->n; i++) {
        struct address_item *item = &list->items[i];
        struct str text = item->address;

        if (item->kind != ADDRESS_MAILBOX || text.n == 0)
            continue;
        if (result != NULL) {
            log_warning("multi-valued %s result for %s", maps_param(outgoing->generic),
                        address);
            break;
        }
        if (item->has_domain)
            text = address_keep_user(arena, text, str_of(address));
        text = str_of(standard_form(outgoing, text, arena));
        if (outgoing->extends)
            text = address_add_extension(arena, text, match->extension);
        result = arena_copy_str(arena, text);
    }
    return result;
}

const char *outgoing_address(const struct outgoing *outgoing, const char *address,
                             struct arena *arena, struct fail *why)
{
    const struct address_query query = {outgoing->generic, ADDRESS_MAPS_REWRITING,
                                        &outgoing->site.rules};
    struct address_match match;
    const char *mapped;
    enum table_result result;

    if (maps_empty(outgoing->generic) || address[0] == '\0')
        return address;
    result = address_lookup(&query, str_of(address), arena, &match, why);
    if (result == TABLE_ERROR)
        return NULL;
    mapped =
        result == TABLE_FOUND ? first_result(outgoing, &match, address, arena) : NULL;
    return mapped ? mapped : address;
}

/* Map the addresses of a header; *ret is the new header, or stays as it is. */
static int map_header(const struct outgoing *outgoing, struct str logical,
                      struct arena *arena, const char **ret, struct fail *why)
{
    struct address_list *list = address_list_parse(
        header_body(logical), (size_t)outgoing->conf->header_address_token_limit, arena);
    bool changed = false;
    struct buf out;

    for (size_t i = 0; i < list->n; i++) {
        struct address_item *item = &list->items[i];
        const char *mapped;

        if (item->kind != ADDRESS_MAILBOX || item->address.n == 0 || item->raw.n > 0)
            continue;
        mapped =
            outgoing_address(outgoing, arena_copy_str(arena, item->address), arena, why);
        if (mapped == NULL)
            return -1;
        if (str_is(item->address, mapped))
            continue;
        changed = item->has_domain = true;
        item->address = str_of(mapped);
    }
    if (!changed)
        return 0;
    buf_init(&out, 1 << 22);
    address_list_format(list, header_name(logical), &out);
    *ret = arena_copy_str(arena, buf_str(&out));
    buf_done(&out);
    return 0;
}

/* --- header_checks, body_checks
 * --------------------------------------------------------- */

/* One match. */
struct match {
    const struct maps *maps;
    const struct outgoing_text *text;
    const char *argument; /* after the action */
    struct outgoing_change *change;
};

static void log_action(const struct match *match, const char *action)
{
    struct str shown = str_head(match->text->text, SHOWN);

    log_info("%s: %s: %s %.*s%s%s", match->text->queue_id, action,
             match->text->header ? "header" : "body", STR_ARG(shown),
             match->argument[0] ? ": " : "", match->argument);
}

static void act_nothing(struct match *match)
{
    (void)match;
}

static void act_ignore(struct match *match)
{
    match->change->drop = true;
}

static void act_strip(struct match *match)
{
    log_action(match, "strip");
    match->change->drop = true;
}

static void act_warn(struct match *match)
{
    log_action(match, "warning");
}

static void act_info(struct match *match)
{
    log_action(match, "info");
}

/* Among headers there must be nothing but headers. */
static bool is_fit(const struct match *match, const char *action)
{
    if (!match->text->header || header_name_length(str_of(match->argument)) > 0)
        return true;
    log_warning("bad %s header text \"%s\" in %s map -- need \"headername: headervalue\"",
                action, match->argument, maps_param(match->maps));
    return false;
}

static void act_prepend(struct match *match)
{
    if (!is_fit(match, "PREPEND"))
        return;
    log_action(match, "prepend");
    match->change->before = match->argument;
}

static void act_replace(struct match *match)
{
    if (!is_fit(match, "REPLACE"))
        return;
    log_action(match, "replace");
    match->change->instead = match->argument;
}

static const struct {
    const char *name;
    void (*act)(struct match *match);
} actions[] = {
    {"DUNNO", act_nothing}, {"IGNORE", act_ignore},   {"INFO", act_info},
    {"OK", act_nothing},    {"PREPEND", act_prepend}, {"REPLACE", act_replace},
    {"STRIP", act_strip},   {"WARN", act_warn},
};

static int check(struct match *match, struct arena *arena, struct fail *why)
{
    struct str value, rest, word;
    enum table_result result =
        maps_lookup(match->maps, match->text->text, MAPS_ALL, arena, &value, why);

    if (result != TABLE_FOUND)
        return result == TABLE_ERROR ? -1 : 0;
    rest = value;
    word = str_word(&rest, " \t");
    match->argument = arena_copy_str(arena, str_trim(rest));
    for (size_t i = 0; i < COUNT(actions); i++)
        if (str_is_nocase(word, actions[i].name)) {
            actions[i].act(match);
            return 0;
        }
    log_warning("unsupported command in %s map: %.*s", maps_param(match->maps),
                STR_ARG(value));
    return 0;
}

/* compat: the message's own MIME headers are checked with those of its parts. */
static const struct maps *checks_for(const struct outgoing *outgoing,
                                     const struct outgoing_text *text,
                                     const struct header_kind *kind)
{
    if (!text->header)
        return outgoing->body_checks;
    if (text->place == MIME_PRIMARY && kind->flags & HEADER_MIME)
        return outgoing->checks[MIME_PART];
    return outgoing->checks[text->place];
}

int outgoing_judge(const struct outgoing *outgoing, const struct outgoing_text *text,
                   struct arena *arena, struct outgoing_change *ret, struct fail *why)
{
    const struct header_kind *kind =
        header_kind(text->header ? header_name(text->text) : STR(""));
    struct match match = {
        .maps = checks_for(outgoing, text, kind), .text = text, .change = ret};
    struct str logical = text->text;

    *ret = (struct outgoing_change){0};
    if (text->text.n > 0 && !maps_empty(match.maps) && check(&match, arena, why) < 0)
        return -1;
    if (ret->drop || !text->header || text->place != MIME_PRIMARY ||
        maps_empty(outgoing->generic))
        return 0;
    if (ret->instead)
        logical = str_of(ret->instead);
    if (!(header_kind(header_name(logical))->flags & HEADER_ADDRESS))
        return 0;
    return map_header(outgoing, logical, arena, &ret->instead, why);
}
