/*
 * "postfix upgrade-configuration": entries that came to master.cf over the years, and
 * without which newer programs do not work, are added to an older file. What stands there
 * is left as it is. "postfix set-permissions name=value" and "postfix non-bdb", which
 * change main.cf, are here as well.
 */
#include "commands/postfix/postfix.h"

#include "commands/run.h"
#include "conf/master_cf.h"
#include "util/file.h"
#include "util/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MASTER_CF_MAX = 1 << 24, MASTER_FIELDS_AND_PROGRAM = 8 };

/* In the order in which they came. */
static const struct {
    const char *name;
    enum master_type type;
    const char *line, *called;
} services[] = {
    {"relay", MASTER_UNIX, "relay     unix  -       -       n       -       -       smtp",
     "relay service"},
    {"flush", MASTER_UNIX,
     "flush     unix  n       -       n       1000?   0       flush", "flush service"},
    {"trace", MASTER_UNIX,
     "trace     unix  -       -       n       -       0       bounce", "trace service"},
    {"verify", MASTER_UNIX,
     "verify    unix  -       -       n       -       1       verify", "verify service"},
    {"anvil", MASTER_UNIX,
     "anvil     unix  -       -       n       -       1       anvil", "anvil service"},
    {"scache", MASTER_UNIX,
     "scache    unix  -       -       n       -       1       scache", "scache service"},
    {"discard", MASTER_UNIX,
     "discard   unix  -       -       n       -       -       discard",
     "discard service"},
    {"tlsmgr", MASTER_UNIX,
     "tlsmgr    unix  -       -       n       1000?   1       tlsmgr", "tlsmgr service"},
    {"retry", MASTER_UNIX,
     "retry     unix  -       -       n       -       -       error", "retry service"},
    {"proxymap", MASTER_UNIX,
     "proxymap  unix  -       -       n       -       -       proxymap",
     "proxymap service"},
    {"proxywrite", MASTER_UNIX,
     "proxywrite unix -       -       n       -       1       proxymap",
     "proxywrite service"},
    {"postlog", MASTER_UNIX_DGRAM,
     "postlog   unix-dgram n  -       n       -       1       postlogd",
     "postlog unix-domain datagram service"},
};

/* Examples: they stand there commented out. */
static const struct {
    const char *line, *program; /* all of them are for the program ... */
    const char *called;
} examples[] = {
    {"smtp      inet  n       -       n       -       1       postscreen", "postscreen",
     "postscreen TCP service"},
    {"smtpd     pass  -       -       n       -       -       smtpd", "postscreen",
     "smtpd unix-domain service"},
    {"dnsblog   unix  -       -       n       -       0       dnsblog", "dnsblog",
     "dnsblog unix-domain service"},
    {"tlsproxy  unix  -       -       n       -       0       tlsproxy", "tlsproxy",
     "tlsproxy unix-domain service"},
};

static bool is_installed(const struct control *control, const char *program)
{
    return access(arena_printf(control->command.arena, "%s/%s",
                               control->conf->daemon_directory, program),
                  X_OK) == 0;
}

/* The last word of a line of ours. */
static const char *program_of(const char *line)
{
    return strrchr(line, ' ') + 1;
}

/* The first words of both lines are the same, as is the program; a "#" in front of the
 * one in the file may be there or not. */
static bool is_same(struct str line, const char *example)
{
    struct str wanted = str_of(example), word = {0};

    while (line.n > 0 && line.p[0] == '#')
        line = str_tail(line, 1);
    for (int field = 0; field < MASTER_FIELDS_AND_PROGRAM; field++) {
        word = str_word(&line, " \t");
        if (!str_eq(str_word(&wanted, " \t"), word) && field < 2)
            return false;
    }
    return str_is(word, program_of(example));
}

static bool has_example(struct str text, const char *example)
{
    while (text.n > 0)
        if (is_same(str_until(&text, '\n'), example))
            return true;
    return false;
}

static const char *missing_examples(const struct control *control, const char *path,
                                    struct str text)
{
    const char *more = "";

    for (size_t i = 0; i < COUNT(examples); i++) {
        if (has_example(text, examples[i].line) ||
            !is_installed(control, examples[i].program))
            continue;
        printf("Editing %s, adding missing entry for %s\n", path, examples[i].called);
        more = arena_printf(control->command.arena, "%s#%s\n", more, examples[i].line);
    }
    return more;
}

void upgrade_configuration(const struct control *control)
{
    struct arena *arena = control->command.arena;
    const char *path =
        arena_printf(arena, "%s/master.cf", control->conf->config_directory);
    struct master_cf master;
    struct stat st;
    struct str text;
    struct fail why;
    const char *more = "";

    if (master_cf_parse(path, arena, &master, &why) < 0 ||
        file_read(path, MASTER_CF_MAX, arena, &text, &why) < 0)
        fatal("%s", why.text);
    if (stat(path, &st) < 0)
        fatal("look at %s: %m", path);
    for (size_t i = 0; i < COUNT(services); i++) {
        if (master_cf_find(&master, services[i].name, services[i].type) ||
            !is_installed(control, program_of(services[i].line)))
            continue;
        printf("Editing %s, adding missing entry for %s\n", path, services[i].called);
        more = arena_printf(arena, "%s%s\n", more, services[i].line);
    }
    more = arena_printf(arena, "%s%s", more, missing_examples(control, path, text));
    if (*more == '\0')
        return;
    more = arena_printf(arena, "%.*s%s%s", STR_ARG(text),
                        text.n && text.p[text.n - 1] != '\n' ? "\n" : "", more);
    if (file_replace(path, str_of(more), st.st_mode & 07777, &why) < 0)
        fatal("%s", why.text);
}

/* --- changes of main.cf ---------------------------------------------------------------
 */

void settings_save(const struct control *control, const char *const *settings)
{
    struct arena *arena = control->command.arena;
    struct texts argv = {0};

    texts_add(&argv, arena,
              arena_printf(arena, "%s/postconf", control->conf->command_directory));
    texts_add(&argv, arena, "-c");
    texts_add(&argv, arena, control->conf->config_directory);
    texts_add(&argv, arena, "-e");
    for (size_t i = 0; settings[i]; i++)
        texts_add(&argv, arena, settings[i]);
    if (run_command(argv.items) != 0)
        fatal("%s failed", argv.items[0]);
}

/* What an installation decides, and "postfix set-permissions" may change. */
static bool is_of_installation(struct str name)
{
    static const char *const names[] = {"mail_owner", "setgid_group", "sendmail_path",
                                        "mailq_path", "newaliases_path"};

    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is(name, names[i]))
            return true;
    return str_ends(name, "_directory");
}

bool installation_settings_save(const struct control *control, const char *const *words)
{
    for (const char *const *word = words; *word; word++) {
        struct str name = str_head(str_of(*word), strcspn(*word, "="));

        if (strchr(*word, '=') == NULL || !is_of_installation(name))
            fatal("usage: postfix set-permissions [name=value ...], with names such as "
                  "mail_owner, setgid_group, queue_directory; not \"%s\"",
                  *word);
    }
    if (*words)
        settings_save(control, words);
    return *words != NULL;
}

/* --- non-bdb
 * ----------------------------------------------------------------------------
 */

/* What hash and btree would stand for must be something else. */
static void need_other_types(const struct control *control)
{
    const struct conf *conf = control->conf;
    const struct {
        const char *name, *value;
    } types[] = {
        {"default_database_type", conf->default_database_type},
        {"default_cache_db_type", conf->default_cache_db_type},
    };

    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i].value, "hash") == 0 || strcmp(types[i].value, "btree") == 0)
            fatal("%s is still \"%s\": set it to another type first, such as lmdb, "
                  "with \"postconf %s=lmdb\"",
                  types[i].name, types[i].value, types[i].name);
}

/* The service that makes indexes; and what set-gid commands read, which it is not asked
 * for. */
static void allow_reindexing(const struct control *control)
{
    static const char *const params[] = {
        "authorized_flush_users", "authorized_mailq_users", "authorized_submit_users",
        "local_login_sender_maps"};
    const struct conf *conf = control->conf;
    struct arena *arena = control->command.arena;
    const char *name = conf->non_bdb_migration_service_name;
    const char *const entry[] = {
        arena_printf(arena, "%s/postconf", conf->command_directory),
        "-c",
        conf->config_directory,
        "-Me",
        arena_printf(arena, "%s/unix=%s unix - n n - 1 nbdb_reindexd", name, name),
        NULL};

    if (run_command(entry) != 0)
        fatal("%s failed", entry[0]);
    for (size_t i = 0; i < COUNT(params); i++) {
        const char *value = conf_text(conf, params[i], NULL);
        struct str rest = str_of(value ? value : ""), word;

        while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
            const char *const argv[] = {
                arena_printf(arena, "%s/postmap", conf->command_directory), "-c",
                conf->config_directory, arena_copy_str(arena, word), NULL};

            if (str_starts(word, "hash:") || str_starts(word, "btree:"))
                (void)run_command(argv); /* it says what was wrong */
        }
    }
}

/* Tables of the types hash and btree work here; this is for who wants to leave them. */
int non_bdb(const struct control *control)
{
    const char *word = control->arguments[0] ? control->arguments[0] : "";
    const char *const setting[] = {
        arena_printf(control->command.arena, "non_bdb_migration_level = %s", word), NULL};

    if (control->arguments[0] && control->arguments[1])
        word = "";
    if (strcmp(word, "status") == 0) {
        printf("%s\n", control->conf->non_bdb_migration_level);
        return command_output_is_whole() ? 0 : 1;
    }
    if (strcmp(word, "enable-redirect") == 0 || strcmp(word, "enable-reindex") == 0)
        need_other_types(control);
    else if (strcmp(word, "disable") != 0)
        fatal("usage: postfix non-bdb status (or disable, enable-redirect, "
              "enable-reindex)");
    settings_save(control, setting);
    if (strcmp(word, "enable-reindex") == 0)
        allow_reindexing(control);
    return 0;
}
