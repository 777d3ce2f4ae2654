/* The part of a loaded configuration that callers don't see. For load.c, computed.c,
 * postconf. */
#ifndef CONF_STATE_H
#define CONF_STATE_H

#include "conf/conf.h"
#include "conf/macro.h"
#include "conf/params.h"
#include "conf/settings.h"
#include "util/arena.h"

enum { CONF_COMPUTED_MAX = 16 };

struct conf_state {
    struct arena *arena; /* all texts of the configuration */
    const char *program, *service, *directory;
    bool lenient, all_programs;
    struct settings options; /* -o, before ... */
    struct settings file;    /* ... main.cf */
    struct texts warnings;
    struct macro_source source;
    struct {
        const char *name, *text;
    } computed[CONF_COMPUTED_MAX];
    size_t n_computed;
    bool in_host_name, in_domain_name; /* their defaults are being made */
};

/*
 * The text of a computed default (myhostname, mydomain, mynetworks,
 * process_id, process_name, service_name, config_directory), in the arena.
 */
int computed_default(struct conf_state *state, struct str name, const char **ret,
                     struct fail *why) MUST_CHECK;

/* Expand text; a text without macros is returned as it is. The rest lives in the arena.
 */
int state_expand(struct conf_state *state, const char *text, const char **ret,
                 struct fail *why) MUST_CHECK;

/* The value of name as written: option, main.cf, default; *ret = NULL when there is none.
 */
int state_value(struct conf_state *state, struct str name, const char **ret,
                struct fail *why) MUST_CHECK;

/* The setting in force, or NULL when the default is. */
const struct setting *state_setting(const struct conf_state *state, struct str name);

/* A failure of that name: where its setting stands is put before the words. Returns -1.
 */
int state_locate(const struct conf_state *state, const char *name, struct fail *why);

/* The expanded value of a name that must exist, such as a parameter. */
int state_text(struct conf_state *state, const char *name, const char **ret,
               struct fail *why) MUST_CHECK;

#endif
