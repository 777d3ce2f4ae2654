/*
 * Finds proxied tables in list parameters, whatever the form of the list:
 * words, restrictions with arguments, and "{ ... }" around either.
 */
#include "proxymap/allowed.h"

#include "util/file.h"
#include "util/log.h"

enum { DEPTH_MAX = 10, FILE_MAX = 16 << 20 };

static const char separators[] = ", \t\r\n";
static const char prefix[] = "proxy:";

struct search {
    const struct conf *conf;
    struct arena *arena;
    struct texts *found;
};

static int search(const struct search *s, struct str value, int depth, struct fail *why);

/* A list may name a file that holds more of it. One that cannot be read is reported by
 * the program whose list it is; here it allows nothing. */
static int search_file(const struct search *s, const char *path, int depth,
                       struct fail *why)
{
    struct str content;
    struct fail reason;

    if (file_read(path, FILE_MAX, s->arena, &content, &reason) < 0) {
        log_warning("%s", reason.text);
        return 0;
    }
    return search(s, content, depth + 1, why);
}

/* What stood between braces is a list again. */
static bool holds_a_list(const struct search *s, struct str word)
{
    struct texts words = {0};

    texts_split_braced(&words, s->arena, word, separators);
    return words.n > 1;
}

/* "unionmap:{proxy:hash:/a,proxy:hash:/b}": tables of which another one is made. */
static int search_inside(const struct search *s, struct str word, int depth,
                         struct fail *why)
{
    struct str inside = str_tail(word, str_find(word, '{'));

    if (!str_starts(word, "unionmap:") && !str_starts(word, "pipemap:"))
        return 0; /* what other types have there are rules, not tables */
    return str_unbrace(inside, &inside) ? search(s, inside, depth + 1, why) : 0;
}

static int search_word(const struct search *s, struct str word, int depth,
                       struct fail *why)
{
    if (depth > DEPTH_MAX)
        return fail_set(why, "lists are nested too deeply near \"%.*s\"", STR_ARG(word));
    if (holds_a_list(s, word))
        return search(s, word, depth + 1, why);
    while (str_starts(word, "!"))
        word = str_tail(word, 1);
    if (str_starts(word, prefix)) {
        struct str name = str_tail(word, sizeof prefix - 1);

        if (!texts_has(s->found, name, false))
            texts_add(s->found, s->arena, arena_copy_str(s->arena, name));
        return 0;
    }
    if (str_starts(word, "/"))
        return search_file(s, arena_copy_str(s->arena, word), depth, why);
    return search_inside(s, word, depth, why);
}

static int search(const struct search *s, struct str value, int depth, struct fail *why)
{
    struct texts words = {0};

    texts_split_braced(&words, s->arena, value, separators);
    for (size_t i = 0; i < words.n; i++)
        if (search_word(s, str_of(words.items[i]), depth, why) < 0)
            return -1;
    return 0;
}

/* A restriction class is a list under a name of the administrator's own. */
static int search_classes(const struct search *s, struct fail *why)
{
    struct texts classes = {0};

    texts_split(&classes, s->arena, str_of(s->conf->smtpd_restriction_classes),
                separators);
    for (size_t i = 0; i < classes.n; i++) {
        const char *value = conf_text(s->conf, classes.items[i], NULL);

        if (value && search(s, str_of(value), 0, why) < 0)
            return -1;
    }
    return 0;
}

int allowed_collect(const struct conf *conf, const char *value, struct arena *arena,
                    struct texts *ret, struct fail *why)
{
    const struct search s = {conf, arena, ret};

    if (search(&s, str_of(value), 0, why) < 0)
        return -1;
    return search_classes(&s, why);
}
