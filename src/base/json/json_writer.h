// SPDX-License-Identifier: MIT
/* Writes one JSON object member by member; names and texts are escaped, JSON text is copied. */
#ifndef ISTHMUS_BASE_JSON_JSON_WRITER_H
#define ISTHMUS_BASE_JSON_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json/json_slice.h"

struct json_writer {
        struct buf *out;
        bool has_members;
};

/* Writes `{`. */
void json_writer_open(struct json_writer *writer, struct buf *out);

/* Writes the name of a member; the caller writes its value to `out` itself. */
void json_writer_name(struct json_writer *writer, const char *name);

/* The same for a name that is copied from JSON text as it stands there, with its quotes. */
void json_writer_slice(struct json_writer *writer, const struct json_slice *name);

/* A NULL text leaves the member out. */
void json_writer_text(struct json_writer *writer, const char *name, const char *text);
void json_writer_bool(struct json_writer *writer, const char *name, bool value);
void json_writer_int(struct json_writer *writer, const char *name, int64_t value);

/* `json` is the text of a JSON value; NULL leaves the member out. */
void json_writer_value(struct json_writer *writer, const char *name, const char *json);

/* The members of a JSON object, as they stand in its compact text. */
void json_writer_members(struct json_writer *writer, const char *object, size_t size);

/* Writes `}`. */
void json_writer_close(struct json_writer *writer);

#endif
