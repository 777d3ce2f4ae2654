/*
 * The list of filters: what smtpd_milters and its like say, with the options of single
 * filters. What makes no sense is a filter that refuses for now: mail is never let past a
 * filter because of a slip of the pen.
 */
#include "milter/filter.h"

#include "conf/params.h"
#include "conf/value.h"
#include "milter/wire.h"

#include <stddef.h>

/* Headers of a message may be longer than what a filter may say. */
enum { OUT_MAX = 64 << 20 };

static const struct {
    const char *name, *parameter; /* whose type and bounds it has */
    size_t offset;
} options[] = {
    {"command_timeout", "milter_command_timeout",
     offsetof(struct milter, command_timeout)},
    {"connect_timeout", "milter_connect_timeout",
     offsetof(struct milter, connect_timeout)},
    {"content_timeout", "milter_content_timeout",
     offsetof(struct milter, content_timeout)},
    {"default_action", "milter_default_action", offsetof(struct milter, default_action)},
    {"protocol", "milter_protocol", offsetof(struct milter, protocol_text)},
};

static int set_member(struct milter *milter, size_t row, struct str text,
                      struct fail *why)
{
    char *member = (char *)milter + options[row].offset;
    const char *copy = arena_copy_str(milter->of->arena, text);
    struct param param;
    union value value;

    if (!param_find(str_of(options[row].parameter), &param))
        return fail_set(why, "%s is no parameter", options[row].parameter);
    if (param.type != PARAM_TIME) {
        *(const char **)(void *)member = copy;
        return 0;
    }
    if (value_parse(&param, options[row].name, copy, &value, why) < 0)
        return -1;
    *(int *)(void *)member = (int)value.number;
    return 0;
}

/* "connect_timeout = 10s" */
static int set_option(struct milter *milter, const char *word, struct fail *why)
{
    struct str value = str_of(word), inner;
    struct str name = str_trim(str_until(&value, '='));

    value = str_trim(value);
    if (str_unbrace(value, &inner))
        value = inner;
    for (size_t i = 0; i < COUNT(options); i++)
        if (strchr(word, '=') && str_is(name, options[i].name))
            return set_member(milter, i, value, why);
    return fail_set(why, "unknown option: \"%s\"", word);
}

static int check_endpoint(const char *name, struct fail *why)
{
    if (!strchr(name, ':'))
        return fail_set(why, "Milter service needs transport:endpoint instead of \"%s\"",
                        name);
    if (!str_starts(str_of(name), "inet:") && !str_starts(str_of(name), "unix:"))
        return fail_set(why, "invalid transport name in Milter service: %s", name);
    return 0;
}

struct milter *milter_add(struct milters *milters, const char *name)
{
    const struct conf *conf = milters->conf;
    struct milter *milter = ARENA_NEW(milters->arena, struct milter);

    *milter = (struct milter){
        .of = milters,
        .name = arena_copy(milters->arena, name),
        .connect_timeout = conf->milter_connect_timeout,
        .command_timeout = conf->milter_command_timeout,
        .content_timeout = conf->milter_content_timeout,
        .default_action = conf->milter_default_action,
        .protocol_text = conf->milter_protocol,
        .skipped = MILTER_EVENTS,
    };
    buf_init(&milter->packet, (size_t)WIRE_PACKET_MAX + 1);
    for (size_t i = 0; i < STAGES; i++)
        milter->macros[i] = &milters->macros[i];
    if (milters->last)
        milters->last->next = milter;
    else
        milters->first = milter;
    milters->last = milter;
    return milter;
}

/* "{ inet:host:port, option=value, ... }" without its braces, or an endpoint alone. */
static void add(struct milters *milters, const char *text)
{
    struct texts words = {0};
    struct milter *milter;
    struct fail why;
    int result;

    texts_split_braced(&words, milters->arena, str_of(text), ", \t\r\n");
    milter = milter_add(milters, words.n ? words.items[0] : "");
    result = check_endpoint(milter->name, &why);
    for (size_t i = 1; i < words.n && result == 0; i++)
        result = set_option(milter, words.items[i], &why);
    if (result == 0)
        return;
    milters->host->warn(why.text);
    (void)filter_misconfigured(milter);
}

struct milters *milters_begin(const struct conf *conf, const struct milter_host *host,
                              struct arena *arena)
{
    struct milters *milters = ARENA_NEW(arena, struct milters);

    *milters = (struct milters){.conf = conf, .host = host, .arena = arena};
    buf_init(&milters->out, OUT_MAX);
    return milters;
}

struct milters *milters_new(const struct conf *conf, const char *list,
                            const struct milter_host *host, struct arena *arena)
{
    struct texts words = {0};
    struct milters *milters;

    texts_split_braced(&words, arena, str_of(list), ", \t\r\n");
    if (words.n == 0)
        return NULL;
    milters = milters_begin(conf, host, arena);
    for (size_t i = 0; i < words.n; i++)
        add(milters, words.items[i]);
    return milters;
}

void milters_free(struct milters *milters)
{
    if (milters == NULL)
        return;
    for (struct milter *milter = milters->first; milter; milter = milter->next) {
        stream_free(milter->stream);
        milter->stream = NULL;
        buf_done(&milter->packet);
    }
    buf_done(&milters->out);
}

struct milter *milters_first(struct milters *milters)
{
    return milters->first;
}

struct milter *milter_next(struct milter *milter)
{
    return milter->next;
}
