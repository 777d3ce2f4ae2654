/*
 * Reading the command line. Options end at the first word that is none, since
 * pipe(8) and others have words of their own ("user=x", "argv=...").
 */
#include "service/options.h"

#include "util/str.h"

#include <getopt.h>

enum { SOCKETS_MAX = 1000 };

static int take_option(struct service_options *options, int option, struct arena *arena,
                       struct fail *why)
{
    unsigned long long sockets;

    switch (option) {
    case 'c':
        options->jail = true;
        break;
    case 'd':
        break; /* master stays with its terminal: nothing to do here */
    case 'D':
        options->debug = true;
        break;
    case 'l':
        options->sole = true;
        break;
    case 'n':
        options->name = optarg;
        break;
    case 'o':
        texts_add(&options->overrides, arena, optarg);
        break;
    case 's':
        if (!str_number(str_of(optarg), SOCKETS_MAX, &sockets))
            return fail_set(why, "option -s: bad number of sockets \"%s\"", optarg);
        options->sockets = (unsigned)sockets;
        break;
    case 'S':
        options->stand_alone = true;
        break;
    case 't':
        options->type = optarg;
        break;
    case 'u':
        options->drop = true;
        break;
    case 'v':
        options->verbose++;
        break;
    case 'V':
        options->to_stderr = true;
        break;
    case 'z':
        options->unlimited = true;
        break;
    case ':':
        return fail_set(why, "option -%c needs a value", optopt);
    default:
        return fail_set(why, "unknown option -%c", optopt);
    }
    return 0;
}

int service_options_parse(int argc, char **argv, const char *program, struct arena *arena,
                          struct service_options *ret, struct fail *why)
{
    struct service_options options = {.name = program, .type = "unix", .sockets = 1};
    int option;

    optind = 0; /* glibc: start anew, for a second call */
    opterr = 0;
    while ((option = getopt(argc, argv, "+:cdDln:o:s:St:uvVz")) != -1)
        if (take_option(&options, option, arena, why) < 0)
            return -1;
    for (int i = optind; i < argc; i++)
        texts_add(&options.words, arena, argv[i]);
    *ret = options;
    return 0;
}
