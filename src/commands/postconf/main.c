/*
 * postconf(1): options, which of them exclude each other, and what each mode
 * needs to be read first.
 */
#include "commands/postconf/postconf.h"
#include "table/table.h"
#include "tls/version.h"
#include "util/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: postconf [-a (server SASL types)] [-A (client SASL types)] "
    "[-b (bounce texts)] [-c config_dir] [-C class,...] [-d (defaults)] [-e (edit)] "
    "[-f (fold lines)] [-F (master.cf fields)] [-h (no names)] [-H (no values)] "
    "[-j (JSON)] [-l (lock types)] [-m (table types)] [-M (master.cf)] "
    "[-n (set in main.cf)] [-o name=value] [-p (main.cf, default)] "
    "[-P (master.cf parameters)] [-PP (also those not set there)] [-q (no warnings)] "
    "[-t (bounce templates)] [-T compile-version|run-version|public-key-algorithms] "
    "[-v] [-x (expand)] [-X (remove)] [-# (comment out)] [--origin (file and line)] "
    "[name...]";

#define OPTIONS "aAbc:C:deEfFhHjlmMno:pPqtT:vxX#"

static const struct option long_options[] = {{"origin", no_argument, NULL, ORIGIN}, {0}};

/* Letters in the order in which complaints name them. */
static const char letters[] = "aAbdefFhHjlmMnopPqtTxX#C@";
static const char modes[] = "pMFPlmbtaAT";

/* No two of one set go together. */
static const char *const exclusive[] = {"aAFlmMpPbtT", "denX#", "deoX#", "exX#",
                                        "efX#",        "ehHX#", "ejX#",  "fj",
                                        "hj",          "Hj",    "ej@X#"};

/* What may stand beside a mode; "p" takes all. */
static const struct {
    char mode;
    const char *with;
} companions[] = {
    {'M', "cCefjoqvxX#"}, {'F', "cCefhHjoqvx"}, {'P', "cCefhHjoqvxX"}, {'l', "cv"},
    {'m', "cv"},          {'b', "cv"},          {'t', "cv"},           {'a', "cv"},
    {'A', "cv"},          {'T', "cv"},
};

static const char *option_text(const struct run *run, char letter)
{
    return letter == ORIGIN ? "--origin"
                            : arena_printf(run->command.arena, "-%c", letter);
}

static bool are_exclusive(char a, char b)
{
    for (size_t i = 0; i < COUNT(exclusive); i++)
        if (strchr(exclusive[i], a) && strchr(exclusive[i], b))
            return true;
    return false;
}

static void check_pairs(const struct run *run)
{
    for (const char *a = letters; *a; a++)
        for (const char *b = a + 1; run->given[(int)*a] && *b; b++)
            if (run->given[(int)*b] && are_exclusive(*a, *b))
                fatal("specify one of %s %s", option_text(run, *a), option_text(run, *b));
}

static void check_companions(const struct run *run)
{
    for (size_t i = 0; i < COUNT(companions); i++) {
        if (companions[i].mode != run->mode)
            continue;
        for (const char *p = letters; *p; p++)
            if (run->given[(int)*p] && *p != run->mode && !strchr(companions[i].with, *p))
                fatal("with option -%c, do not specify %s", run->mode,
                      option_text(run, *p));
    }
    if (run->given['h'] && run->given['H'])
        fatal("specify one of -h -H");
}

static int classes_of(const char *list)
{
    static const struct {
        const char *name;
        int class;
    } classes[] = {{"builtin", CLASS_BUILTIN},
                   {"service", CLASS_SERVICE},
                   {"user", CLASS_USER},
                   {"all", CLASS_ALL}};
    struct str rest = str_of(list), word;
    int found = 0;

    while ((word = str_word(&rest, ", \t\r\n")).n > 0) {
        const int before = found;
        bool known = false;

        for (size_t i = 0; i < COUNT(classes); i++)
            if (str_is_nocase(word, classes[i].name)) {
                found = before | classes[i].class;
                known = true;
            }
        if (!known)
            fatal("unknown -C option value \"%.*s\" in \"%s\"", STR_ARG(word), list);
    }
    return found;
}

static void check_override(const char *text)
{
    struct str name, value, inner;

    if (!str_unbrace(str_of(text), &inner))
        inner = str_of(text);
    if (setting_split(inner, &name, &value, NULL) < 0)
        fatal("invalid parameter override: %s: missing %s", text,
              strchr(text, '=') ? "attribute name" : "'=' after attribute name");
}

static void parse(struct run *run, int argc, char **argv)
{
    int option;

    while ((option = getopt_long(argc, argv, OPTIONS, long_options, NULL)) != -1) {
        if (option == '?')
            fatal("%s", usage);
        if (option == 'E')
            option = 'e';
        if (option == 'P' && run->given['P'])
            run->all_parameters = true;
        run->given[option] = true;
        if (option == 'T')
            run->tls_mode = optarg;
        else if (option == 'c')
            run->command.directory = optarg;
        else if (option == 'C')
            run->classes |= classes_of(optarg);
        else if (option == 'v')
            run->command.verbose++;
        else if (option == 'o') {
            check_override(optarg);
            texts_add(&run->overrides, run->command.arena, optarg);
        }
    }
}

/* compat: a first argument "name=value" means -e. */
static void imply_edit(struct run *run, char **arguments)
{
    if (arguments[0] && strchr(arguments[0], '='))
        run->given['e'] = true;
}

static void choose_mode(struct run *run)
{
    run->mode = 'p';
    for (const char *p = modes; *p; p++)
        if (run->given[(int)*p])
            run->mode = *p;
}

static bool is_edit(const struct run *run)
{
    return run->given['e'] || run->given['X'] || run->given['#'];
}

/* --- what is read first ------------------------------------------------------------ */

static void find_files(struct run *run)
{
    const char *directory = conf_directory(run->command.directory);

    run->main_path = arena_printf(run->command.arena, "%s/main.cf", directory);
    run->master_path = arena_printf(run->command.arena, "%s/master.cf", directory);
}

/* The texts of main.cf as they are: what no program could use is shown, too. */
static void read_main(struct run *run)
{
    const struct conf_options options = {
        .program = "postconf",
        .service = "",
        .directory = run->given['d'] ? conf_default_directory() : run->command.directory,
        .overrides = run->overrides.items,
        .defaults_only = run->given['d'],
        .texts_only = true,
    };
    const struct texts *warnings;
    struct fail why;

    run->command.conf = conf_load(&options, &why);
    if (run->command.conf == NULL)
        fatal("%s", why.text);
    warnings = conf_warnings(run->command.conf);
    for (size_t i = 0; i < warnings->n && !run->given['q']; i++)
        log_warning("%s", warnings->items[i]);
}

/* Without master.cf there are no parameters of services, no more. */
static void read_master(struct run *run)
{
    struct fail why = {0};

    if (master_cf_parse(run->master_path, run->command.arena, &run->master, &why) < 0) {
        if (why.code != ENOENT || run->mode != 'p')
            fatal("%s", why.text);
        log_warning("%s", why.text);
    }
    for (size_t i = 0; i < run->master.warnings.n && !run->given['q']; i++)
        log_warning("%s", run->master.warnings.items[i]);
}

/* --- lists ---------------------------------------------------------------------------
 */

static void list_table_types(struct run *run)
{
    struct table_places places;
    struct texts names = {0};

    read_main(run);
    places = table_places_of(run->command.conf);
    table_type_names(&places, run->command.arena, &names);
    for (size_t i = 0; i < names.n; i++)
        puts(names.items[i]);
}

static void list_lock_types(void)
{
    puts("flock\nfcntl\ndotlock");
}

/*
 * Plug-ins for authentication, of the server and of the client. A parameter that has no
 * effect in this build has no types either.
 */
static void list_sasl_types(struct run *run, bool server)
{
    const char *name =
        arena_printf(run->command.arena, "%s_sasl_type", server ? "smtpd" : "smtp");
    struct param param;

    if (!param_find(str_of(name), &param) || (param.flags & PARAM_NOT_BUILT))
        return;
    puts(server ? "cyrus\ndovecot" : "cyrus");
}

/* The exit status. */
static int list_tls(const char *what)
{
    if (strcmp(what, "compile-version") == 0)
        puts(tls_version_compiled());
    else if (strcmp(what, "run-version") == 0)
        puts(tls_version_running());
    else if (strcmp(what, "public-key-algorithms") == 0)
        for (size_t i = 0; tls_key_algorithm(i); i++)
            puts(tls_key_algorithm(i));
    else {
        log_warning("unknown 'postconf -T' mode: %s", what);
        return 1;
    }
    return 0;
}

/* --- the whole ------------------------------------------------------------------------
 */

static void edit(struct run *run, char **arguments)
{
    if (!arguments[0] && run->given['e'])
        fatal("-e requires name=value argument");
    if (!arguments[0])
        fatal("missing service argument");
    if (run->mode == 'p')
        edit_main(run, arguments);
    else
        edit_master(run, arguments);
}

static void work(struct run *run, char **arguments)
{
    if (run->mode == 'm')
        list_table_types(run);
    else if (run->mode == 'l')
        list_lock_types();
    else if (run->mode == 'a' || run->mode == 'A')
        list_sasl_types(run, run->mode == 'a');
    else if (run->mode == 'T')
        run->status = list_tls(run->tls_mode);
    else if (run->mode == 'b' || run->mode == 't')
        show_bounce(run, arguments);
    else if (is_edit(run))
        edit(run, arguments);
    else {
        read_main(run);
        read_master(run);
        if (run->mode == 'p')
            show_main(run, arguments);
        else
            show_master(run, arguments);
    }
}

int main(int argc, char **argv)
{
    struct run run = {.command.unlogged = true};

    command_start(&run.command, "postconf");
    parse(&run, argc, argv);
    choose_mode(&run);
    if (strchr("mlbtaAT", run.mode) == NULL)
        imply_edit(&run, argv + optind);
    check_pairs(&run);
    check_companions(&run);
    find_files(&run);
    work(&run, argv + optind);
    if (!command_output_is_whole())
        fatal("write: %s", strerror(errno));
    return run.status;
}
