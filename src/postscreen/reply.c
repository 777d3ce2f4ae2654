/*
 * What is said to clients: the administrator may add words to refusals, in which some
 * names stand for what is known of the client.
 */
#include "postscreen/reply.h"

#include "conf/macro.h"
#include "mail/byte_filter.h"
#include "mail/date.h"
#include "mail/status.h"
#include "util/clock.h"
#include "util/log.h"

enum { LINE_MAX_BYTES = 65536 };

/* A reply on its way: its code, its status, its words. */
struct saying {
    const struct engine *engine;
    struct arena *arena;
    char code[4];
    char status[STATUS_MAX];
    const char *text;
};

/* --- the administrator's words ---------------------------------------------------- */

static int value(void *context, struct str name, const char **ret, struct fail *why)
{
    const struct saying *saying = context;
    const struct engine *engine = saying->engine;
    const struct {
        const char *name, *value;
    } values[] = {
        {"client_address", engine->client.address},
        {"client_port", arena_printf(saying->arena, "%u", engine->client.port)},
        {"localtime", date_log_text(saying->arena, clock_wall(&clock_system).tv_sec)},
        {"server_name", engine->rules->conf->myhostname},
    };

    (void)why;
    *ret = NULL;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (str_is(name, values[i].name)) {
            *ret = byte_filter_value(engine->rules->reply_bytes, values[i].value,
                                     saying->arena);
            return 0;
        }
    log_warning("unknown macro name \"%.*s\" in expansion request", STR_ARG(name));
    return 0;
}

/* One line of the footer, macros replaced, or NULL. */
static const char *fill_in(struct saying *saying, struct str form)
{
    struct macro_source source = {.value = value, .context = saying};
    const char *line = NULL;
    struct buf text;
    struct fail why;

    buf_init(&text, LINE_MAX_BYTES);
    if (macro_expand(arena_copy_str(saying->arena, form), &source, &text, &why) == 0)
        line = arena_copy_str(saying->arena, buf_str(&text));
    else
        log_warning("postscreen_reject_footer: %s: left out", why.text);
    buf_done(&text);
    return line;
}

static struct str footer_of(const struct saying *saying)
{
    const struct engine_rules *rules = saying->engine->rules;
    struct str footer = str_of(rules->reject_footer);
    struct fail why;
    const char *whole = arena_printf(saying->arena, "%s %s %s", saying->code,
                                     saying->status, saying->text);

    if (maps_lookup(rules->reject_footer_maps, str_of(whole), MAPS_ALL, saying->arena,
                    &footer, &why) == TABLE_ERROR)
        log_warning("%s: the reply stays as it is", why.text);
    return footer;
}

/* The text up to "\n" (two characters), which is stepped over; false = the last one. */
static bool take_line(struct str *rest, struct str *ret)
{
    for (size_t i = 0; i + 1 < rest->n; i++)
        if (rest->p[i] == '\\' && rest->p[i + 1] == 'n') {
            *ret = str_head(*rest, i);
            *rest = str_tail(*rest, i + 2);
            return true;
        }
    *ret = *rest;
    return false;
}

/* --- lines ------------------------------------------------------------------------ */

static void put(const struct saying *saying, struct buf *out, bool last, const char *text)
{
    size_t at = out->n;

    buf_printf(out, "%s%c%s%s%s", saying->code, last ? ' ' : '-', saying->status,
               *saying->status && *text ? " " : "", text);
    for (; at < out->n; at++) /* nothing that a table has makes a second line */
        if (out->p[at] == '\r' || out->p[at] == '\n')
            out->p[at] = '?';
    buf_add_text(out, "\r\n");
}

/* "\c" in front joins the footer to the reply. One with a fault is left out. */
static void put_with_footer(struct saying *saying, struct buf *out, struct str form)
{
    bool joined = str_starts(form, "\\c"), more = form.n > 0;
    struct texts lines = {0};
    struct str part;

    form = str_tail(form, joined ? strlen("\\c") : 0);
    texts_add(&lines, saying->arena, saying->text);
    while (more) {
        const char *line;

        more = take_line(&form, &part);
        line = fill_in(saying, part);
        if (!line) {
            lines.n = 1;
            break;
        }
        if (joined) {
            lines.n = 0;
            line = arena_printf(saying->arena, "%s%s", saying->text, line);
            joined = false;
        }
        texts_add(&lines, saying->arena, line);
    }
    for (size_t i = 0; i < lines.n; i++)
        put(saying, out, i + 1 == lines.n, lines.items[i]);
}

void reply_add(const struct engine *engine, const char *reply, struct buf *out)
{
    struct arena *arena = arena_new("reply");
    const char *soft = reply_soften(engine->rules->conf, reply, arena);
    struct status_split split = status_split(str_of(soft + 4), "");
    struct saying saying = {
        .engine = engine, .arena = arena, .text = arena_copy_str(arena, split.text)};

    memcpy(saying.code, soft, 3);
    memcpy(saying.status, split.status, sizeof saying.status);
    put_with_footer(&saying, out, *soft >= '4' ? footer_of(&saying) : STR_NONE);
    arena_free(arena);
}

const char *reply_soften(const struct conf *conf, const char *reply, struct arena *arena)
{
    char *soft = arena_copy(arena, reply);

    if (!conf->soft_bounce || soft[0] != '5')
        return soft;
    soft[0] = '4';
    if (status_length(str_of(soft + 4)))
        status_set_class(soft + 4, '4');
    return soft;
}
