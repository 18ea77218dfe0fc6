// SPDX-License-Identifier: MIT
/* Small files, read and written whole. */
#ifndef ISTHMUS_BASE_FILE_H
#define ISTHMUS_BASE_FILE_H

#include <stdbool.h>
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

/*
 * Gives a whole file, beside its place, its name: syncs it, renames it, and makes that durable.
 * Without `overwrite` a file that has the name by then stays, and the result is -EEXIST.
 */
int file_put_in_place(const char *temporary, const char *path, bool overwrite,
                      struct reason *reason) MUST_CHECK;

/*
 * A file in memory, in no directory, which is gone when its descriptor is closed; its path is
 * /proc/self/fd/DESCRIPTOR, for a library that wants one. `name` is for those who look at the
 * process. Returns the descriptor or a negative error number.
 */
int file_in_memory(const char *name, const void *bytes, size_t size) MUST_CHECK;

/*
 * Opens a file for our own user alone, and makes it (0600) if there is none; `flags` as for open().
 * A symbolic link is refused (-ELOOP); an existing file is tightened. Returns the descriptor or a
 * negative error number.
 */
int file_open_private(const char *path, int flags) MUST_CHECK;

/* Takes the right to read a file of ours away from others; nothing happens if there is none. */
void file_tighten(const char *path);

/*
 * Makes a directory (0700) and those above it if missing, and makes sure that it is fit to hold
 * secrets. One of ours that others may enter is closed to them, with a line in the log, if it has a
 * file `mark`, which says that it was made for this purpose, or holds nothing of other users and,
 * at most two levels below the root, no directories (`/var/lib` must stay open). Refused, with the
 * reason and -EPERM, is any other such one, and one that others may write, or that belongs to
 * somebody else but root.
 */
int file_claim_directory(const char *path, const char *mark, struct reason *reason) MUST_CHECK;

/* Makes a directory and those above it; one that exists is success. `mode` is the last one's. */
int file_make_directory(const char *path, mode_t mode, struct reason *reason) MUST_CHECK;

#endif
