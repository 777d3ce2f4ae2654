/* What error(8) says about mail: its next hop is the reason. */
#ifndef ERROR_VERDICT_H
#define ERROR_VERDICT_H

#include "mail/outcome.h"
#include "util/str.h"

/*
 * reason   "5.1.1 no such user" or "no such user": what stands behind "error:"
 *          or "retry:" in a transport table
 * retry    mail is deferred, else bounced
 *
 * A status in front of the reason counts when its class fits the verdict (5
 * for a bounce, 4 for a deferral). An empty reason becomes "Address is
 * undeliverable". The outcome's texts live in arena.
 */
struct outcome verdict_make(struct str reason, bool retry, struct arena *arena);

#endif
