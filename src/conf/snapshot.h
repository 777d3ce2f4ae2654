/*
 * The settings of a configuration that was good once, in memory (conf_snapshot in
 * conf.h): master's processes fall back to them when main.cf has been broken since the
 * last reload.
 */
#ifndef CONF_SNAPSHOT_H
#define CONF_SNAPSHOT_H

#include "conf/settings.h"

/* What conf_snapshot wrote. Reads from the beginning, whoever has read it before. */
int snapshot_read(int fd, struct arena *arena, struct settings *ret,
                  struct fail *why) MUST_CHECK;

#endif
