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

bool pattern_matches_words(const struct pattern *pattern, struct str name,
                           struct str type)
{
    return (str_is(pattern->part[0], "*") || str_eq(pattern->part[0], name)) &&
           (pattern->n < 2 || str_is(pattern->part[1], "*") ||
            str_eq(pattern->part[1], type));
}

bool pattern_matches(const struct pattern *pattern, const struct master_service *service)
{
    return pattern_matches_words(pattern, str_of(service->name),
                                 str_of(master_type_text(service->type)));
}
