/*
 * postconf(1): shows and edits main.cf and master.cf.
 *
 * Reading order: main.c (options), names.c (which parameters exist), use.c
 * (which settings nobody uses), show_main.c, show_master.c, show_bounce.c,
 * print.c (one line of output), edit_main.c, edit_master.c, rewrite.c (the file behind an
 * edit).
 */
#ifndef COMMANDS_POSTCONF_POSTCONF_H
#define COMMANDS_POSTCONF_POSTCONF_H

#include "commands/command.h"
#include "conf/lines.h"
#include "conf/macro.h"
#include "conf/master_cf.h"
#include "conf/params.h"
#include "conf/settings.h"
#include "util/map.h"

/* Where a parameter comes from; a set of them is what -C asks for. */
enum { CLASS_BUILTIN = 1, CLASS_SERVICE = 2, CLASS_USER = 4, CLASS_ALL = 7 };

/* In place of an option letter: --origin. */
enum { ORIGIN = '@' };

struct known {
    const char *name;
    int class;
    bool is_param; /* param is its record; false for user-defined names */
    struct param param;
};

struct names {
    struct map *map;      /* name to struct known */
    struct map *referred; /* names that a value refers to; they need not exist */
    struct known **list;  /* in the order of names, once collected */
    size_t n;
};

struct run {
    struct command command;
    bool given[128];         /* by option letter */
    char mode;               /* 'p', 'M', 'F', 'P', 'm', 'l', 'b', 't', 'a', 'A', 'T' */
    bool all_parameters;     /* -PP */
    const char *tls_mode;    /* of -T */
    int status;              /* to exit with */
    int classes;             /* -C; 0 = as the mode has it */
    struct texts overrides;  /* -o */
    const char *main_path;   /* CONFIG_DIRECTORY/main.cf */
    const char *master_path; /* CONFIG_DIRECTORY/master.cf */
    struct master_cf master; /* empty when it is not there */
    struct names names;
};

/* --- names.c --- */

/* Find out which names are parameters; warns about undefined ones (use.c). */
void names_collect(struct run *run);
struct known *names_find(const struct run *run, struct str name);
/* Add name unless it is there. param is NULL for a name of the user's. */
struct known *names_add(struct run *run, struct str name, int class,
                        const struct param *param);

/* --- use.c, sources.c --- */

/* Add the names of the user's that something refers to. A bad macro ends the program. */
void use_follow(struct run *run);
/* Warn about settings in master.cf, and with -p in main.cf, that nobody uses. */
void use_warn(const struct run *run);
/* Is name a setting of a table in value, as acc_server_host is of ldap:acc? */
bool source_uses(const char *value, struct str name);
/* Warn about files of tables in value that are missing, or hold settings nobody uses. */
void source_check_files(struct run *run, const char *value);

/* --- print.c --- */

/*
 * Print "name = value" as -f, -h, -H and -j say. Blanks in value become one. prefix
 * ("smtp/inet/" or "") stands before name.
 */
void print_value(const struct run *run, const char *prefix, const char *name,
                 const char *value);
/* A line of text that has the key, for -j. */
void print_pair(const char *key, struct str value);
/* Where the value is set, before it is printed: "main.cf:12: ", "default: ", ... */
void print_origin(const struct setting *setting, const char *otherwise);
/* The entry of a service: in columns with its command, or the command alone; -f folds. */
void add_service(struct buf *out, const struct master_service *service, bool fold);
void add_command(struct buf *out, const struct master_service *service, bool fold);

/* --- what the modes do; arguments are NULL at the end --- */

void show_bounce(struct run *run, char **arguments);
void show_main(struct run *run, char **names);
/* Tell where the setting is that cannot be expanded, and exit. */
NO_RETURN void fail_at_setting(const struct setting *setting, const struct fail *why);
void show_master(struct run *run, char **patterns);
void edit_main(struct run *run, char **requests);
void edit_master(struct run *run, char **requests);

/* --- options.c: "-o name=value" of a service --- */

/* The next one from argument *at on; false at the end. */
bool service_option(const struct master_service *service, size_t *at,
                    struct str *ret_name, struct str *ret_value);
bool service_find_option(const struct master_service *service, struct str name,
                         struct str *ret_value);

/* value with its names replaced, as the service sees them; service NULL: as main.cf. */
int service_expand(const struct run *run, const struct master_service *service,
                   const char *value, const char **ret, struct fail *why) MUST_CHECK;

/* --- pattern.c: which services and which of their parts are meant --- */

/* "smtp/inet/x" in parts; "*" matches any. */
enum { PATTERN_MAX = 3 };
struct pattern {
    const char *text; /* as it was asked for */
    struct str part[PATTERN_MAX];
    int n;
    bool matched;
};

/* False when text has no or more than PATTERN_MAX parts. */
bool pattern_parse(const char *text, struct pattern *ret);
/* Do the first two parts match service? Missing ones do. */
bool pattern_matches(const struct pattern *pattern, const struct master_service *service);
bool pattern_matches_words(const struct pattern *pattern, struct str name,
                           struct str type);
bool pattern_part_matches(struct str part, const char *text);

/* --- rewrite.c --- */

enum verdict { LINE_KEEP, LINE_DROP, LINE_COMMENT_OUT, LINE_REPLACE };

struct rewrite {
    const char *path;
    /*
     * What to do with a logical line; for LINE_REPLACE its replacement, with line
     * end, is appended to out.
     */
    enum verdict (*decide)(void *context, const struct line *line, struct buf *out);
    /* Lines to append at the end. May be NULL. */
    void (*finish)(void *context, struct buf *out);
    void *context;
    bool late; /* a replacement follows the comments that are inside or behind the line */
};

/* Rewrite the file in one step, or end the program with a message. */
void rewrite_file(const struct rewrite *rewrite, struct arena *arena);

#endif
