// SPDX-License-Identifier: MIT
#include "base/json/json_writer.h"

#include <string.h>

void json_writer_open(struct json_writer *writer, struct buf *out)
{
        *writer = (struct json_writer){.out = out};
        buf_add_char(out, '{');
}

static void begin_member(struct json_writer *writer)
{
        if (writer->has_members)
                buf_add_char(writer->out, ',');
        writer->has_members = true;
}

void json_writer_name(struct json_writer *writer, const char *name)
{
        begin_member(writer);
        buf_add_json_string(writer->out, name, strlen(name));
        buf_add_char(writer->out, ':');
}

void json_writer_slice(struct json_writer *writer, const struct json_slice *name)
{
        begin_member(writer);
        buf_add(writer->out, name->at, name->size);
        buf_add_char(writer->out, ':');
}

void json_writer_text(struct json_writer *writer, const char *name, const char *text)
{
        if (!text)
                return;
        json_writer_name(writer, name);
        buf_add_json_string(writer->out, text, strlen(text));
}

void json_writer_bool(struct json_writer *writer, const char *name, bool value)
{
        json_writer_name(writer, name);
        buf_add_text(writer->out, value ? "true" : "false");
}

void json_writer_int(struct json_writer *writer, const char *name, int64_t value)
{
        json_writer_name(writer, name);
        buf_add_int(writer->out, value);
}

void json_writer_value(struct json_writer *writer, const char *name, const char *json)
{
        if (!json)
                return;
        json_writer_name(writer, name);
        buf_add_text(writer->out, json);
}

void json_writer_members(struct json_writer *writer, const char *object, size_t size)
{
        if (size <= 2)
                return;
        begin_member(writer);
        buf_add(writer->out, object + 1, size - 2);
}

void json_writer_close(struct json_writer *writer)
{
        buf_add_char(writer->out, '}');
}
