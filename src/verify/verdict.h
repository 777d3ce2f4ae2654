/*
 * What is known about one address, as it stands in the cache:
 * "status:probed:updated:text", times in seconds since 1970, and what follows from its
 * age.
 */
#ifndef VERIFY_VERDICT_H
#define VERIFY_VERDICT_H

#include "conf/conf.h"
#include "ipc/messages.h"

#include <time.h>

struct verdict {
    enum verify_status status;
    time_t probed;  /* when a probe was sent that has not come back; 0 = none */
    time_t updated; /* when the last one came back; 0 = none did */
    const char *text;
};

/* False: that is nothing of ours. text points into value. */
bool verdict_parse(const char *value, struct verdict *ret);
const char *verdict_format(const struct verdict *verdict, struct arena *arena);

/* As old as something that is not known any more. */
bool verdict_is_expired(const struct verdict *verdict, const struct conf *conf,
                        time_t now);
/* Shall a probe be sent (again)? */
bool verdict_wants_probe(const struct verdict *verdict, const struct conf *conf,
                         time_t now);

#endif
