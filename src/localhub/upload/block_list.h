// SPDX-License-Identifier: MIT
/* The body of Put Block List (rule W26): XML that names blocks in the order of the blob. Pure. */
#ifndef ISTHMUS_LOCALHUB_UPLOAD_BLOCK_LIST_H
#define ISTHMUS_LOCALHUB_UPLOAD_BLOCK_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/* As many as a blob may have; an id is base64 of at most 64 bytes. With the zero byte. */
#define BLOCK_LIST_MAX 50000
#define BLOCK_ID_SIZE  89

/* The next `<Latest>`, `<Committed>` or `<Uncommitted>` at or behind `*at`, which is moved on. */
bool block_list_next(const struct buf *xml, size_t *at, char id[BLOCK_ID_SIZE]);

/* True if the text is a whole list whose ids are sound; `*count` of them. */
bool block_list_is_sound(const struct buf *xml, size_t *count) MUST_CHECK;

/* True if it may be the id of a block. */
bool block_id_is_sound(const char *id);

#endif
