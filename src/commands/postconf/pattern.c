/* "service/type/part" as users write it on the command line of postconf -M, -F and -P. */
#include "commands/postconf/postconf.h"

bool pattern_parse(const char *text, struct pattern *ret)
{
    struct str rest = str_of(text);

    *ret = (struct pattern){.text = text};
    while (rest.n > 0 && ret->n < PATTERN_MAX)
        ret->part[ret->n++] = str_until(&rest, '/');
    return ret->n > 0 && rest.n == 0;
}

bool pattern_part_matches(struct str part, const char *text)
{
    return str_is(part, "*") || str_is(part, text);
}

bool pattern_matches(const struct pattern *pattern, const struct master_service *service)
{
    return pattern_part_matches(pattern->part[0], service->name) &&
           (pattern->n < 2 ||
            pattern_part_matches(pattern->part[1], master_type_text(service->type)));
}
