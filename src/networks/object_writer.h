// SPDX-License-Identifier: MIT
/* Writes one JSON object member by member; names and texts are escaped, JSON text is copied. */
#ifndef ISTHMUS_NETWORKS_OBJECT_WRITER_H
#define ISTHMUS_NETWORKS_OBJECT_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct object_writer {
        struct buf *out;
        bool has_members;
};

/* Writes `{`. */
void object_open(struct object_writer *writer, struct buf *out);

/* Writes the name of a member; the caller writes its value to `out` itself. */
void object_name(struct object_writer *writer, const char *name);

/* A NULL text leaves the member out. */
void object_text(struct object_writer *writer, const char *name, const char *text);
void object_bool(struct object_writer *writer, const char *name, bool value);
void object_int(struct object_writer *writer, const char *name, int64_t value);

/* `json` is the text of a JSON value; NULL leaves the member out. */
void object_json(struct object_writer *writer, const char *name, const char *json);

/* Writes `}`. */
void object_close(struct object_writer *writer);

#endif
