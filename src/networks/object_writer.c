// SPDX-License-Identifier: MIT
#include "networks/object_writer.h"

#include <inttypes.h>
#include <string.h>

void object_open(struct object_writer *writer, struct buf *out)
{
        *writer = (struct object_writer){.out = out};
        buf_add_char(out, '{');
}

void object_name(struct object_writer *writer, const char *name)
{
        if (writer->has_members)
                buf_add_char(writer->out, ',');
        writer->has_members = true;
        buf_add_json_string(writer->out, name, strlen(name));
        buf_add_char(writer->out, ':');
}

void object_text(struct object_writer *writer, const char *name, const char *text)
{
        if (!text)
                return;
        object_name(writer, name);
        buf_add_json_string(writer->out, text, strlen(text));
}

void object_bool(struct object_writer *writer, const char *name, bool value)
{
        object_name(writer, name);
        buf_add_text(writer->out, value ? "true" : "false");
}

void object_int(struct object_writer *writer, const char *name, int64_t value)
{
        object_name(writer, name);
        buf_add_format(writer->out, "%" PRId64, value);
}

void object_json(struct object_writer *writer, const char *name, const char *json)
{
        if (!json)
                return;
        object_name(writer, name);
        buf_add_text(writer->out, json);
}

void object_close(struct object_writer *writer)
{
        buf_add_char(writer->out, '}');
}
