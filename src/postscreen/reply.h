/* Replies of one line, on their way to the client. */
#ifndef POSTSCREEN_REPLY_H
#define POSTSCREEN_REPLY_H

#include "postscreen/engine.h"

/* Append "550 5.7.1 No", with the footer that refusals have. */
void reply_add(const struct engine *engine, const char *reply, struct buf *out);

/* As it is with soft_bounce; in arena. */
const char *reply_soften(const struct conf *conf, const char *reply, struct arena *arena);

#endif
