/*
 * Macros: facts that a filter is told by name in front of an event. Which, main.cf says,
 * or the filter itself; what they are worth, the host of the filters knows, or
 * milter_macro_defaults. A macro without a value is left out.
 */
#include "milter/filter.h"
#include "milter/wire.h"

static const char separators[] = ", \t\r\n";

/* Of a list that a filter gives: three times what there is. */
enum { NAMES_MAX = 100, NAMES_BYTES_MAX = 4000 };

static void read_defaults(struct milters *milters)
{
    struct texts words = {0};

    texts_split_braced(&words, milters->arena,
                       str_of(milters->conf->milter_macro_defaults), separators);
    for (size_t i = 0; i < words.n; i++) {
        struct str value = str_of(words.items[i]);
        struct str name = str_trim(str_until(&value, '='));

        texts_add(&milters->defaults, milters->arena,
                  arena_copy_str(milters->arena, name));
        texts_add(&milters->defaults, milters->arena,
                  arena_copy_str(milters->arena, str_trim(value)));
    }
}

void macros_read(struct milters *milters)
{
    const struct conf *conf = milters->conf;
    const char *const lists[STAGES] = {
        [STAGE_CONNECT] = conf->milter_connect_macros,
        [STAGE_HELO] = conf->milter_helo_macros,
        [STAGE_MAIL] = conf->milter_mail_macros,
        [STAGE_RCPT] = conf->milter_rcpt_macros,
        [STAGE_DATA] = conf->milter_data_macros,
        [STAGE_END] = conf->milter_end_of_data_macros,
        [STAGE_EOH] = conf->milter_end_of_header_macros,
        [STAGE_UNKNOWN] = conf->milter_unknown_command_macros,
    };

    if (milters->has_macros)
        return;
    milters->has_macros = true;
    for (size_t i = 0; i < STAGES; i++)
        texts_split(&milters->macros[i], milters->arena, str_of(lists[i]), separators);
    read_defaults(milters);
}

/* "i" and "{i}" are the same; so are "foo" and "{foo}". */
static struct str plain(struct str name)
{
    struct str inner;

    return str_unbrace(name, &inner) ? inner : name;
}

static const char *value_of(struct milters *milters, const char *name,
                            struct arena *arena)
{
    struct str inner = plain(str_of(name));
    const char *key = inner.n == 1 ? arena_copy_str(arena, inner)
                                   : arena_printf(arena, "{%.*s}", STR_ARG(inner));
    const char *value = milters->host->macro(milters->host->context, key);

    for (size_t i = 0; value == NULL && i + 1 < milters->defaults.n; i += 2)
        if (str_eq(plain(str_of(milters->defaults.items[i])), inner))
            value = milters->defaults.items[i + 1];
    return value;
}

void macros_values(struct milter *milter, enum macro_stage stage, struct texts *ret,
                   struct arena *arena)
{
    const struct texts *names = milter->macros[stage];

    if (milter->values[stage]) {
        *ret = *milter->values[stage];
        return;
    }
    for (size_t i = 0; i < names->n; i++) {
        const char *value = value_of(milter->of, names->items[i], arena);

        if (value == NULL)
            continue;
        texts_add(ret, arena, names->items[i]);
        texts_add(ret, arena, arena_copy(arena, value));
    }
}

void macros_put(struct milter *milter, enum macro_stage stage, char letter,
                struct buf *out)
{
    struct arena *arena;
    struct texts values = {0};
    size_t begun;

    arena = arena_new("macros");
    macros_values(milter, stage, &values, arena);
    begun = wire_begin(out, 'D');
    buf_add_char(out, letter);
    for (size_t i = 0; i < values.n; i++)
        wire_add_text(out, str_of(values.items[i]));
    wire_end(out, begun);
    arena_free(arena);
}

bool macros_replace(struct milter *milter, uint32_t stage, struct str names)
{
    struct texts *list = ARENA_NEW(milter->of->arena, struct texts);

    if (names.n > NAMES_BYTES_MAX)
        return false;
    texts_split(list, milter->of->arena, names, separators);
    milter->macros[stage] = list;
    return list->n <= NAMES_MAX;
}
