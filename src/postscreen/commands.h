/* The commands of the engine (engine.h), and their answers. */
#ifndef POSTSCREEN_COMMANDS_H
#define POSTSCREEN_COMMANDS_H

#include "postscreen/engine.h"

struct command {
    const char *verb;
    enum engine_result (*answer)(struct engine *engine, struct str argument,
                                 struct arena *arena);
    bool ends_tests; /* who has come so far has shown good manners */
    bool in_clear;   /* also where TLS is asked for first */
};

#define COMMAND_UNKNOWN "UNKNOWN"

/* NULL = no such command. */
const struct command *command_find(struct str verb);
/* argument: what follows the verb, without blanks around it. arena: of this command. */
enum engine_result command_answer(struct engine *engine, const struct command *command,
                                  struct str argument, struct arena *arena);

#endif
