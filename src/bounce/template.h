/*
 * The words that users see in reports: built in, or from bounce_template_file
 * (bounce(5)).
 */
#ifndef BOUNCE_TEMPLATE_H
#define BOUNCE_TEMPLATE_H

#include "conf/conf.h"
#include "util/arena.h"
#include "util/attributes.h"
#include "util/list.h"

enum report_kind {
    REPORT_FAILURE,
    REPORT_DELAY,
    REPORT_SUCCESS, /* NOTIFY=SUCCESS */
    REPORT_TRACE,   /* sendmail -bv, sendmail -v */
    REPORT_KINDS,
};

struct template
{
    const char *name;   /* "failure", as in failure_template */
    const char *origin; /* the file, or "[built-in]" */
    const char *charset;
    const char *from;
    const char *subject;
    const char *postmaster_subject; /* NULL where the postmaster gets no copy */
    const char *body;               /* lines with $name */
};

struct templates {
    struct template of[REPORT_KINDS];
};

void templates_built_in(struct templates *ret);

/*
 * Replace those templates that the file at path has. One that cannot be used is left as
 * it was, with lines in warnings. -1 when there is no such file, or it does not parse.
 */
int templates_read(const char *path, struct arena *arena, struct templates *templates,
                   struct texts *warnings, struct fail *why) MUST_CHECK;

/*
 * The body with its parameters. delay_warning_time and maximal_queue_lifetime take the
 * suffixes _seconds to _weeks; a number of these that says nothing to people (0, or above
 * 999) is worth lines in warnings. -1 for an undefined name, and for bad syntax. The
 * result is in arena.
 */
int template_expand(const struct template *template, const struct conf *conf,
                    struct arena *arena, struct texts *warnings, const char **ret,
                    struct fail *why) MUST_CHECK;

/* template_expand of the template in use; when that fails, a warning, and from now on the
 * built-in one takes its place: the sender must hear of his mail whatever is in a file.
 */
const char *templates_text(struct templates *templates, enum report_kind kind,
                           const struct conf *conf, struct arena *arena);

#endif
