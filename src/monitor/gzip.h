// SPDX-License-Identifier: MIT
/* Bytes in the form of gzip (RFC 1952). */
#ifndef ISTHMUS_MONITOR_GZIP_H
#define ISTHMUS_MONITOR_GZIP_H

#include <stddef.h>

#include "base/buf.h"

/* Adds `size` bytes, compressed. */
void gzip_add(struct buf *out, const char *bytes, size_t size);

#endif
