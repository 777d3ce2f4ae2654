/*
 * What main.cf says about servers that need special care: features that they
 * offer and do not master, replies that they do not mean, and firewalls that
 * tamper with the talk.
 */
#ifndef CLIENT_WORKAROUNDS_H
#define CLIENT_WORKAROUNDS_H

#include "table/maps.h"
#include "util/arena.h"

struct conf;

enum pix_workaround {
    PIX_DISABLE_ESMTP = 1, /* say HELO */
    PIX_DELAY_DOT = 2,     /* wait before the end of data */
};

struct workarounds {
    struct maps *discard; /* keywords to leave unused, by server address */
    struct maps *replies; /* other replies, by line */
    struct maps *pix;     /* names of workarounds, by server address */
    const char *pix_usual;
    int pix_threshold_s; /* a message must be so old for PIX_DELAY_DOT */
    int pix_delay_s;
};

void workarounds_init(struct workarounds *ret, struct tables *tables,
                      const struct conf *conf, bool lmtp, struct arena *arena);

/*
 * Is this greeting one of a PIX firewall, that shows nothing but 2, 0, blanks
 * and asterisks?
 */
bool workarounds_is_pix(struct str greeting);
/* The PIX_ bits for a server; -1 = could not find out. *ret_names (in arena) is for the
 * log. */
int workarounds_pix(const struct workarounds *workarounds, struct str address,
                    long long age_s, struct arena *arena, const char **ret_names,
                    struct fail *why) MUST_CHECK;

#endif
