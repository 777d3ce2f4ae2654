/* JSON, as far as commands write it. */
#ifndef COMMANDS_JSON_H
#define COMMANDS_JSON_H

#include "util/str.h"

#include <stdio.h>

/* text as a JSON string, with its quotes. Bytes over 0x7f stay as they are, so that
 * UTF-8 can be read. */
void json_put_text(FILE *to, struct str text);

/* A line {"key": "value"}. */
void json_put_pair(FILE *to, struct str key, struct str value);

#endif
