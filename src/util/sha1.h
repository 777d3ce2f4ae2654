/* SHA-1 (RFC 3174), for formats that have it. It is no protection: collisions are known,
 * and short texts can be guessed. */
#ifndef UTIL_SHA1_H
#define UTIL_SHA1_H

#include "util/str.h"

enum { SHA1_SIZE = 20 };

void sha1(struct str bytes, unsigned char ret[static SHA1_SIZE]);

#endif
