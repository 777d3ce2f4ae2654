/*
 * Reading master.cf: fields, their defaults, and arguments with braces.
 *
 * Only the form is decided here. Whether a service's socket or program exists
 * is master's business, what an -o option means is the daemon's.
 */
#include "conf/master_cf.h"

#include "conf/conf.h"
#include "conf/lines.h"
#include "conf/settings.h"
#include "util/file.h"

#include <limits.h>

enum { MASTER_CF_MAX = 4 * 1024 * 1024 };

#define BLANKS " \t\r\n\v\f"

static const char *const types[] = {
    [MASTER_INET] = "inet",
    [MASTER_UNIX] = "unix",
    [MASTER_FIFO] = "fifo",
    [MASTER_PASS] = "pass",
    [MASTER_UNIX_DGRAM] = "unix-dgram",
};

static const char *const field_names[MASTER_FIELDS + 1] = {
    "service", "type",   "private",       "unprivileged",
    "chroot",  "wakeup", "process_limit", "command",
};

const char *master_field_text(int field)
{
    return field_names[field];
}

const char *master_type_text(enum master_type type)
{
    return types[type];
}

bool master_type_of(const char *text, enum master_type *ret)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i], text) == 0) {
            *ret = (enum master_type)i;
            return true;
        }
    return false;
}

static int invalid(const struct master_service *service, enum master_field field,
                   struct fail *why)
{
    return fail_set(why, "invalid %s field \"%s\"", field_names[field],
                    service->as_written[field]);
}

static bool is_default(const char *text)
{
    return strcmp(text, "-") == 0;
}

static int yes_or_no(const struct master_service *service, enum master_field field,
                     bool unset, bool *ret, struct fail *why)
{
    const char *text = service->as_written[field];

    if (is_default(text))
        *ret = unset;
    else if (strcmp(text, "y") == 0 || strcmp(text, "n") == 0)
        *ret = *text == 'y';
    else
        return invalid(service, field, why);
    return 0;
}

static int count(const struct master_service *service, enum master_field field,
                 struct str text, int unset, int *ret, struct fail *why)
{
    unsigned long long n;

    if (str_is(text, "-"))
        *ret = unset;
    else if (str_number(text, INT_MAX, &n))
        *ret = (int)n;
    else
        return invalid(service, field, why);
    return 0;
}

/* What "-" means where main.cf decides. */
struct defaults {
    bool chroot;
    int process_limit;
};

/* Give the fields their meaning. */
static int interpret(struct master_service *service, const struct defaults *defaults,
                     struct fail *why)
{
    struct str wakeup = str_of(service->as_written[MASTER_WAKEUP]);

    if (!master_type_of(service->as_written[MASTER_TYPE], &service->type))
        return invalid(service, MASTER_TYPE, why);
    if (yes_or_no(service, MASTER_PRIVATE, service->type != MASTER_INET,
                  &service->private, why) < 0 ||
        yes_or_no(service, MASTER_UNPRIVILEGED, true, &service->unprivileged, why) < 0 ||
        yes_or_no(service, MASTER_CHROOT, defaults->chroot, &service->chroot, why) < 0)
        return -1;
    if (str_ends(wakeup, "?")) {
        wakeup = str_head(wakeup, wakeup.n - 1);
        service->wakeup_if_used = true;
        if (str_is(wakeup, "-"))
            return invalid(service, MASTER_WAKEUP, why);
    }
    if (count(service, MASTER_WAKEUP, wakeup, 0, &service->wakeup, why) < 0)
        return -1;
    return count(service, MASTER_PROCESS_LIMIT,
                 str_of(service->as_written[MASTER_PROCESS_LIMIT]),
                 defaults->process_limit, &service->process_limit, why);
}

/* What is wrong only inside an argument is a doubt, where doubts are taken. */
static int doubt(struct texts *doubts, struct arena *arena, const struct fail *why)
{
    if (doubts == NULL)
        return -1;
    texts_add(doubts, arena, arena_copy(arena, why->text));
    return 0;
}

/* "{ text }" without braces and outer blanks, as far as it has them. */
static int unbrace(struct str word, struct arena *arena, struct str *ret,
                   struct texts *doubts, struct fail *why)
{
    const size_t n = str_braced_length(word);

    if (str_unbrace(word, ret))
        return 0;
    *ret = str_trim(n > 0 ? str_from(word.p + 1, n - 2) : str_tail(word, 1));
    (void)fail_set(
        why, n > 0 ? "syntax error after '}' in \"%.*s\"" : "missing '}' in \"%.*s\"",
        STR_ARG(word));
    return doubt(doubts, arena, why);
}

/* "name = value" as "name=value". */
static int option_text(struct str text, struct arena *arena, const char **ret,
                       struct texts *doubts, struct fail *why)
{
    struct str name, value;

    if (setting_split(text, &name, &value, why) == 0) {
        *ret = arena_printf(arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
        return 0;
    }
    *ret = arena_copy_str(arena, text);
    return doubt(doubts, arena, why);
}

/* The text of one argument; value: it is what -o sets. */
static int argument_text(struct str word, bool value, struct arena *arena,
                         const char **ret, struct texts *doubts, struct fail *why)
{
    struct str inner;

    *ret = arena_copy_str(arena, word);
    if (word.p[0] != '{')
        return 0;
    if (unbrace(word, arena, &inner, doubts, why) < 0)
        return -1;
    if (value)
        return option_text(inner, arena, ret, doubts, why);
    *ret = arena_copy_str(arena, inner);
    return 0;
}

static int read_arguments(struct str rest, struct arena *arena,
                          struct master_service *service, struct texts *doubts,
                          struct fail *why)
{
    bool options = true, after_o = false;
    struct str word;

    while ((void)str_word_braced(&rest, BLANKS, &word), word.n > 0) {
        const char *text;

        options = options && (after_o || word.p[0] == '-');
        if (options && str_starts(word, "-o{")) {
            if (argument_text(str_tail(word, 2), true, arena, &text, doubts, why) < 0)
                return -1;
            text = arena_printf(arena, "-o%s", text);
        } else if (argument_text(word, after_o, arena, &text, doubts, why) < 0)
            return -1;
        after_o = options && !after_o && str_is(word, "-o");
        texts_add(&service->args, arena, text);
    }
    return 0;
}

static int read_entry(struct str text, const struct defaults *defaults,
                      struct arena *arena, struct master_service *ret,
                      struct texts *doubts, struct fail *why)
{
    struct str rest = text, word;

    for (int i = 0; i < MASTER_FIELDS; i++) {
        word = str_word(&rest, BLANKS);
        ret->as_written[i] = arena_copy_str(arena, word);
    }
    rest = str_trim(rest);
    ret->name = ret->as_written[MASTER_NAME];
    ret->command_as_written = arena_copy_str(arena, rest);
    word = str_word(&rest, BLANKS);
    ret->command = arena_copy_str(arena, word);
    if (word.n == 0)
        return fail_set(why, "bad field count");
    if (interpret(ret, defaults, why) < 0)
        return -1;
    return read_arguments(rest, arena, ret, doubts, why);
}

static void add(struct master_cf *master, size_t *size, struct arena *arena,
                const struct master_service *entry)
{
    if (master->n == *size) {
        size_t more = *size ? *size * 2 : 64;
        struct master_service *services = arena_array(arena, more, sizeof(*services));

        if (master->n > 0)
            memcpy(services, master->services, master->n * sizeof(*services));
        master->services = services;
        *size = more;
    }
    master->services[master->n++] = *entry;
}

/* Put the last of several entries in the place of the first. */
static void drop_duplicates(struct master_cf *master, struct arena *arena)
{
    const size_t n = master->n;

    master->n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct master_service *entry = &master->services[i];
        const struct master_service *other =
            master_cf_find(master, entry->name, entry->type);

        if (other == NULL) {
            master->services[master->n++] = *entry;
            continue;
        }
        texts_add(&master->warnings, arena,
                  arena_printf(arena,
                               "duplicate master.cf entry for service \"%s\" (%s) -- "
                               "using the last entry",
                               entry->name, entry->name));
        master->services[other - master->services] = *entry;
    }
}

static int check_runnable(const struct master_cf *master, struct fail *why)
{
    for (size_t i = 0; i < master->n; i++) {
        const struct master_service *service = &master->services[i];

        if (service->type == MASTER_INET && service->private) {
            (void)fail_set(why, "inet service \"%s\" cannot be private", service->name);
            return fail_prefix(why, "%s, line %d", master->path, service->line);
        }
    }
    return 0;
}

static void place_doubts(struct master_cf *master, const struct texts *doubts, int line,
                         struct arena *arena)
{
    for (size_t i = 0; i < doubts->n; i++)
        texts_add(
            &master->warnings, arena,
            arena_printf(arena, "%s, line %d: %s", master->path, line, doubts->items[i]));
}

/* defaults NULL: to show and edit, so a broken argument is only a doubt. */
static int read_entries(const char *path, const struct defaults *defaults,
                        struct arena *arena, struct master_cf *ret, struct fail *why)
{
    struct master_cf master = {.path = arena_copy(arena, path)};
    const struct defaults none = {0};
    struct str source;
    struct lines lines;
    struct line line;
    size_t size = 0;

    if (file_read(path, MASTER_CF_MAX, arena, &source, why) < 0)
        return -1;
    lines_start(&lines, source, arena);
    while (lines_next(&lines, &line)) {
        struct master_service entry = {.line = line.number};
        struct texts doubts = {0};

        if (line.orphan) {
            texts_add(&master.warnings, arena,
                      arena_printf(arena,
                                   "%s, line %d: logical line must not start with "
                                   "whitespace: \"%.*s\"",
                                   path, line.number, STR_ARG(line.text)));
            continue;
        }
        if (read_entry(line.text, defaults ? defaults : &none, arena, &entry,
                       defaults ? NULL : &doubts, why) < 0)
            return fail_prefix(why, "%s, line %d", path, line.number);
        place_doubts(&master, &doubts, line.number, arena);
        add(&master, &size, arena, &entry);
    }
    *ret = master;
    return 0;
}

int master_cf_parse(const char *path, struct arena *arena, struct master_cf *ret,
                    struct fail *why)
{
    return read_entries(path, NULL, arena, ret, why);
}

int master_cf_parse_entry(struct str text, struct arena *arena,
                          struct master_service *ret, struct texts *doubts,
                          struct fail *why)
{
    const struct defaults none = {0};
    struct master_service entry = {0};

    if (read_entry(text, &none, arena, &entry, doubts, why) < 0)
        return -1;
    *ret = entry;
    return 0;
}

static void note_chroot(struct master_cf *master, struct arena *arena)
{
    for (size_t i = 0; i < master->n; i++)
        if (is_default(master->services[i].as_written[MASTER_CHROOT]))
            texts_add(&master->notices, arena,
                      arena_printf(arena,
                                   "%s: line %d: using backwards-compatible default "
                                   "setting chroot=y",
                                   master->path, master->services[i].line));
}

int master_cf_read(const char *path, const struct conf *conf, struct arena *arena,
                   struct master_cf *ret, struct fail *why)
{
    const struct defaults defaults = {
        .chroot = conf_level_below(conf, "1"),
        .process_limit = conf->default_process_limit,
    };
    struct master_cf master;

    if (read_entries(path, &defaults, arena, &master, why) < 0 ||
        check_runnable(&master, why) < 0)
        return -1;
    drop_duplicates(&master, arena);
    if (defaults.chroot)
        note_chroot(&master, arena);
    *ret = master;
    return 0;
}

const struct master_service *master_cf_find(const struct master_cf *master,
                                            const char *name, enum master_type type)
{
    for (size_t i = 0; i < master->n; i++)
        if (master->services[i].type == type &&
            strcmp(master->services[i].name, name) == 0)
            return &master->services[i];
    return NULL;
}
