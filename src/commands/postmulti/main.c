/*
 * postmulti(1): see postmulti.h. Reading order: main.c (options), instances.c, iterate.c
 * (-l -p -x), lifecycle.c (-e), remove.c.
 */
#include "commands/postmulti/postmulti.h"

#include "util/log.h"

#include <stdlib.h>
#include <unistd.h>

static void set_mode(struct multi *multi, int mode)
{
    if (multi->mode)
        fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    multi->mode = (char)mode;
}

static void take_option(struct multi *multi, int option)
{
    switch (option) {
    case 'a':
        multi->all = true;
        break;
    case 'e':
        multi->action = optarg;
        set_mode(multi, option);
        break;
    case 'g':
        multi->group = optarg;
        break;
    case 'G':
        multi->new_group = optarg;
        break;
    case 'i':
        multi->instance = optarg;
        break;
    case 'I':
        multi->new_name = optarg;
        break;
    case 'j':
        multi->json = true;
        break;
    case 'l':
    case 'p':
    case 'x':
        set_mode(multi, option);
        break;
    case 'R':
        multi->reverse = true;
        break;
    case 'v':
        multi->command.verbose++;
        setenv("MAIL_VERBOSE", "", 1);
        break;
    default:
        fatal("usage: postmulti -e action [options] [name=value ...] | -l [-aRjv] | "
              "-p [-av] command ... | -x [-aRv] command ..., each with [-g group] "
              "[-i name]");
    }
}

static void check_options(const struct multi *multi)
{
    bool adds = multi->action && (strcmp(multi->action, "create") == 0 ||
                                  strcmp(multi->action, "import") == 0);

    if (!multi->mode)
        fatal("Specify exactly one of '-e', '-l', '-p', '-x'");
    if (multi->all + (multi->instance != NULL) + (multi->group != NULL) > 1)
        fatal("Specify at most one of '-a', '-g', '-i'");
    if (multi->reverse && multi->mode != 'l' && multi->mode != 'x')
        fatal("Specify '-R' only with '-l' or '-x'");
    if (multi->json && multi->mode != 'l')
        fatal("Specify '-j' only with '-l'");
    if ((multi->new_name || multi->new_group) && multi->mode != 'e')
        fatal("Specify '-I' and '-G' only with '-e'");
    if ((multi->mode == 'p' || multi->mode == 'x') && !multi->arguments[0])
        fatal("Missing command after '-%c'", multi->mode);
    if ((multi->mode == 'l' || (multi->mode == 'e' && !adds)) && multi->arguments[0])
        fatal("Unexpected argument: %s", multi->arguments[0]);
}

static void check_caller(const struct multi *multi)
{
    const char *directory = getenv("MAIL_CONFIG");

    if (directory && strcmp(directory, conf_default_directory()) != 0)
        fatal("MAIL_CONFIG=%s: only the instance in %s manages others", directory,
              conf_default_directory());
    if (getuid() != 0 && multi->mode != 'l' && multi->mode != 'x')
        fatal("only the superuser may do this");
}

int main(int argc, char **argv)
{
    struct multi multi = {.command.tag = "postmulti"};
    int option;

    command_start(&multi.command, "postmulti");
    while ((option = getopt(argc, argv, "+ae:g:G:i:I:jlpRvx")) != -1)
        take_option(&multi, option);
    multi.arguments = argv + optind;
    check_options(&multi);
    check_caller(&multi);
    command_configure(&multi.command);
    instances_read(&multi);
    switch (multi.mode) {
    case 'l':
        return iterate_list(&multi);
    case 'p':
        return iterate_postfix(&multi);
    case 'x':
        return iterate_command(&multi);
    default:
        return lifecycle(&multi);
    }
}
