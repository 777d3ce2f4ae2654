/* Decides where the transport ends and the next hop begins. */
#include "mail/transport.h"

struct transport_route transport_split(struct str text)
{
    struct transport_route route;
    size_t colon;

    text = str_trim(text);
    colon = str_find(text, ':');
    route.transport = str_trim(str_head(text, colon));
    route.nexthop = str_trim(str_tail(text, colon + 1));
    route.has_colon = colon < text.n;
    return route;
}
