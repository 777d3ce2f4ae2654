/*
 * Finds proxied tables in list parameters, whatever the form of the list:
 * words, restrictions with arguments, and "{ ... }" around either. Texts that are
 * found inside others (braces, files) are put behind, and looked at in turn.
 */
#include "proxymap/allowed.h"

#include "util/file.h"
#include "util/log.h"

enum { FILE_MAX = 16 << 20 };

static const char separators[] = ", \t\r\n";
static const char prefix[] = "proxy:";

struct search {
    const struct conf *conf;
    struct arena *arena;
    struct texts *found;
    struct texts texts; /* to be looked at, in order ... */
    size_t next;        /* ... from here on */
    struct texts files; /* that were read: one that names itself ends there */
};

/* A list may name a file that holds more of it. One that cannot be read is reported by
 * the program whose list it is; here it allows nothing. */
static void add_file(struct search *s, const char *path)
{
    struct str content;
    struct fail why;

    if (texts_has(&s->files, str_of(path), false))
        return;
    texts_add(&s->files, s->arena, path);
    if (file_read(path, FILE_MAX, s->arena, &content, &why) < 0)
        log_warning("%s", why.text);
    else
        texts_add(&s->texts, s->arena, content.p);
}

/* What stood between braces is a list again. */
static bool holds_a_list(const struct search *s, struct str word)
{
    struct texts words = {0};

    texts_split_braced(&words, s->arena, word, separators);
    return words.n > 1;
}

/* "unionmap:{proxy:hash:/a,proxy:hash:/b}": tables of which another one is made. */
static bool is_made_of_tables(struct str word)
{
    return str_starts(word, "unionmap:{") || str_starts(word, "pipemap:{");
}

static void search_word(struct search *s, struct str word)
{
    struct str inside;

    if (holds_a_list(s, word)) {
        texts_add(&s->texts, s->arena, arena_copy_str(s->arena, word));
        return;
    }
    while (str_starts(word, "!"))
        word = str_tail(word, 1);
    if (str_starts(word, prefix)) {
        struct str name = str_tail(word, sizeof prefix - 1);

        if (!texts_has(s->found, name, false))
            texts_add(s->found, s->arena, arena_copy_str(s->arena, name));
    } else if (str_starts(word, "/")) {
        add_file(s, arena_copy_str(s->arena, word));
    } else if (is_made_of_tables(word) &&
               str_unbrace(str_tail(word, str_find(word, '{')), &inside)) {
        texts_add(&s->texts, s->arena, arena_copy_str(s->arena, inside));
    }
}

/* A restriction class is a list under a name of the administrator's own. */
static void add_classes(struct search *s)
{
    struct texts classes = {0};

    texts_split(&classes, s->arena, str_of(s->conf->smtpd_restriction_classes),
                separators);
    for (size_t i = 0; i < classes.n; i++) {
        const char *value = conf_text(s->conf, classes.items[i], NULL);

        if (value)
            texts_add(&s->texts, s->arena, value);
    }
}

/* Ends: what is added is shorter than where it was found, or a file not read before. */
static void search_texts(struct search *s)
{
    for (; s->next < s->texts.n; s->next++) {
        struct texts words = {0};

        texts_split_braced(&words, s->arena, str_of(s->texts.items[s->next]), separators);
        for (size_t i = 0; i < words.n; i++)
            search_word(s, str_of(words.items[i]));
    }
}

void allowed_collect(const struct conf *conf, const char *value, struct arena *arena,
                     struct texts *ret)
{
    struct search s = {.conf = conf, .arena = arena, .found = ret};

    texts_add(&s.texts, arena, value);
    search_texts(&s);
    add_classes(&s);
    search_texts(&s);
}
