// SPDX-License-Identifier: MIT
/* Small files, read and written whole. */
#ifndef ISTHMUS_BASE_FILE_H
#define ISTHMUS_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/*
 * Adds the content of a file of at most `limit` bytes. -EFBIG if it is longer; otherwise the
 * system's error. The reason names the path; NULL `reason` is allowed.
 */
int file_read(const char *path, size_t limit, struct buf *out, struct reason *reason) MUST_CHECK;

/*
 * Writes a file so that readers see the old content or the new, never a part, and the new one
 * survives a power cut: a temporary file beside it, fsync, rename. `mode` as for open(), exact
 * whatever the umask is.
 */
int file_write(const char *path, mode_t mode, const void *bytes, size_t size,
               struct reason *reason) MUST_CHECK;

/* Makes a directory and those above it; one that exists is success. `mode` is the last one's. */
int file_make_directory(const char *path, mode_t mode, struct reason *reason) MUST_CHECK;

#endif
