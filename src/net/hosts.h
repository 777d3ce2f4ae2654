/*
 * The hosts file, /etc/hosts: names and addresses that stand before any name
 * service. Read at first use, read again when its stamp, size or inode
 * changed; looked at no more often than each second.
 */
#ifndef NET_HOSTS_H
#define NET_HOSTS_H

#include "net/netaddr.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/fail.h"

struct hosts;

struct hosts *hosts_new(const char *path, const struct clock *clock);
void hosts_free(struct hosts *hosts); /* NULL is fine */

/*
 * All addresses of name (canonical name or alias, case ignored), in file
 * order, in arena. 1 = found, 0 = not in the file or no such file, -1 = the
 * file cannot be read.
 */
int hosts_by_name(struct hosts *hosts, const char *name, struct arena *arena,
                  struct netaddrs *ret, struct fail *why) MUST_CHECK;

/* The canonical name of the first line with this address, in arena; 1, 0, -1 as above. */
int hosts_by_address(struct hosts *hosts, const struct netaddr *address,
                     struct arena *arena, const char **ret, struct fail *why) MUST_CHECK;

#endif
