/*
 * The command line and the environment of a process (formats: options of
 * children).
 */
#ifndef MASTER_COMMAND_H
#define MASTER_COMMAND_H

#include "conf/conf.h"
#include "conf/master_cf.h"

#include <stdint.h>

struct command {
    const char *path;
    const char *const *argv, *const *env; /* NULL at the end */
};

struct command_options {
    const struct conf *conf;
    const struct master_service *line;
    size_t sockets;
    unsigned generation;
    uint32_t slot;
    int verbose;
    bool stressed;
};

/* The program: an absolute name, or one in $daemon_directory. */
const char *command_path(const struct conf *conf, const struct master_service *line,
                         struct arena *arena);

/* All texts are in arena, or live as long as the options. */
void command_make(const struct command_options *options, struct arena *arena,
                  struct command *ret);

/*
 * "NAME=value" words and the present values of plain NAME words of
 * import_environment, and a PATH of our own.
 */
void command_import_environment(const char *import, struct arena *arena,
                                struct texts *env);

#endif
