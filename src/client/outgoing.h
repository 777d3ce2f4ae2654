/*
 * What main.cf wants changed in mail as it leaves: addresses by generic_maps,
 * headers and body lines by header_checks and its kin, of either family.
 */
#ifndef CLIENT_OUTGOING_H
#define CLIENT_OUTGOING_H

#include "mail/mime.h"
#include "mail/rewrite.h"
#include "table/site.h"

struct outgoing {
    const struct conf *conf;
    struct maps *generic;
    struct maps *checks[MIME_NESTED + 1]; /* by enum mime_place */
    struct maps *body_checks;
    struct site site;
    struct rewrite_rules local;
    bool extends; /* propagate_unmatched_extensions has "generic" */
};

/* Opens the tables; ret must stay where it is. */
int outgoing_init(struct outgoing *ret, struct tables *tables, const struct conf *conf,
                  bool lmtp, struct arena *arena, struct fail *why) MUST_CHECK;

/* Is there anything that looks at the content? */
bool outgoing_has_content_rules(const struct outgoing *outgoing);

/* The address to send instead (internal form), itself when there is none; NULL = could
 * not find out. */
const char *outgoing_address(const struct outgoing *outgoing, const char *address,
                             struct arena *arena, struct fail *why);

/* A header (logical form) or body line on its way out. */
struct outgoing_text {
    const char *queue_id; /* of its message */
    bool header;
    enum mime_place place; /* of a header */
    struct str text;
};

/* What becomes of it. Texts live in arena. */
struct outgoing_change {
    const char *before;  /* sent before it, or NULL */
    bool drop;           /* it is not sent */
    const char *instead; /* sent in its place, or NULL */
};

/* -1 = could not find out. What actions want logged is logged. */
int outgoing_judge(const struct outgoing *outgoing, const struct outgoing_text *text,
                   struct arena *arena, struct outgoing_change *ret,
                   struct fail *why) MUST_CHECK;

#endif
