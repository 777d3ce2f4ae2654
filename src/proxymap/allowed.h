/*
 * Which tables other programs may have opened: those that main.cf itself names
 * with "proxy:", within the parameters of proxy_read_maps or proxy_write_maps.
 */
#ifndef PROXYMAP_ALLOWED_H
#define PROXYMAP_ALLOWED_H

#include "conf/conf.h"
#include "util/list.h"

/*
 * Collect "type:name" of each "proxy:type:name" in value, the expanded
 * proxy_read_maps: also from the files that lists name ("/etc/postfix/domains"),
 * and from the values of smtpd_restriction_classes. *ret lives in arena.
 */
void allowed_collect(const struct conf *conf, const char *value, struct arena *arena,
                     struct texts *ret);

#endif
