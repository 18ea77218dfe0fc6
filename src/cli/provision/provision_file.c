// SPDX-License-Identifier: MIT
#include "cli/provision/provision_file.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/utf8.h"

#define COLUMNS_MAX 64
#define DEPTH_MAX   8

/* What a device is described by; the names as the control socket has them. */
enum field {
        FIELD_DEVICE,
        FIELD_NETWORK,
        FIELD_APPLICATION,
        FIELD_DEV_EUI,
        FIELD_MODEL_ID,
        FIELD_COUNT,
        FIELD_NONE = FIELD_COUNT,
};

static const char *const field_names[FIELD_COUNT] = {
        [FIELD_DEVICE] = "device",           [FIELD_NETWORK] = "network",
        [FIELD_APPLICATION] = "application", [FIELD_DEV_EUI] = "devEui",
        [FIELD_MODEL_ID] = "modelId",
};

static enum field field_of(const char *name, size_t length)
{
        static const struct {
                const char *name;
                enum field field;
        } rows[] = {
                {"device", FIELD_DEVICE},
                {"deviceid", FIELD_DEVICE},
                {"id", FIELD_DEVICE},
                {"network", FIELD_NETWORK},
                {"application", FIELD_APPLICATION},
                {"applicationid", FIELD_APPLICATION},
                {"deveui", FIELD_DEV_EUI},
                {"modelid", FIELD_MODEL_ID},
                {"dtdlmodelid", FIELD_MODEL_ID},
        };
        char plain[16];
        size_t count = 0;

        for (size_t i = 0; i < length && count < sizeof(plain) - 1; i++) {
                if (name[i] != '_' && name[i] != '-' && name[i] != ' ')
                        plain[count++] = (char)tolower((unsigned char)name[i]);
        }
        plain[count] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                if (strcmp(rows[i].name, plain) == 0)
                        return rows[i].field;
        }
        return FIELD_NONE;
}

/* A file on its way through the reader. */
struct reader {
        const char *text;
        size_t size;
        size_t at;
        size_t line; /* of `at`, from 1 */
        const struct provision_defaults *defaults;
        struct json_object *devices;
        /* Of CSV. */
        char separator;
        enum field columns[COLUMNS_MAX];
        size_t column_count;
        struct reason *reason;
};

static bool fail(const struct reader *reader, size_t line, const char *what)
{
        reason_set(reader->reason, "line %zu: %s", line, what);
        return false;
}

/* Adds a device; `fields` that are NULL or "" were not given. */
static bool add(struct reader *reader, size_t line, const char *const fields[FIELD_COUNT])
{
        struct json_object *device;

        if (text_is_empty(fields[FIELD_DEVICE]))
                return fail(reader, line, "the device has no id");
        if (text_is_empty(fields[FIELD_NETWORK]) && text_is_empty(reader->defaults->network))
                return fail(reader, line, "the device has no network; --network can name it");
        device = json_object_new_object();
        for (size_t i = 0; i < FIELD_COUNT; i++)
                json_add_text(device, field_names[i], fields[i]);
        if (text_is_empty(fields[FIELD_NETWORK]))
                json_add_text(device, field_names[FIELD_NETWORK], reader->defaults->network);
        if (text_is_empty(fields[FIELD_APPLICATION]))
                json_add_text(device, field_names[FIELD_APPLICATION],
                              reader->defaults->application);
        json_object_array_add(reader->devices, device);
        return true;
}

/* The next line without its end and the blanks around it; false at the file's end. */
static bool next_line(struct reader *reader, const char **line, size_t *length)
{
        const char *end;

        if (reader->at >= reader->size)
                return false;
        *line = reader->text + reader->at;
        end = memchr(*line, '\n', reader->size - reader->at);
        *length = end ? (size_t)(end - *line) : reader->size - reader->at;
        reader->at += *length + (end ? 1 : 0);
        reader->line++;
        while (*length > 0 && isspace((unsigned char)(*line)[*length - 1]))
                --*length;
        while (*length > 0 && isspace((unsigned char)**line)) {
                ++*line;
                --*length;
        }
        return true;
}

/* --- JSON lines ---------------------------------------------------------------------------- */

static bool read_object(struct reader *reader, const char *line, size_t length)
{
        struct reason why = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *object =
                json_parse_foreign(line, length, DEPTH_MAX, JSON_VALUES_USUAL, &why);
        const char *fields[FIELD_COUNT] = {NULL};

        if (!object || !json_object_is_type(object, json_type_object))
                return fail(reader, reader->line, object ? "this is no JSON object" : why.text);
        json_object_object_foreach (object, name, value) {
                enum field field = field_of(name, strlen(name));

                if (field != FIELD_NONE && json_object_is_type(value, json_type_string))
                        fields[field] = json_object_get_string(value);
        }
        return add(reader, reader->line, fields);
}

/* --- CSV ----------------------------------------------------------------------------------- */

/* Reads a field that is quoted; `at` is behind its first quote. */
static bool read_quoted(struct reader *reader, struct buf *out)
{
        size_t began = reader->line;

        while (reader->at < reader->size) {
                char c = reader->text[reader->at++];

                reader->line += c == '\n';
                if (c != '"') {
                        buf_add_char(out, c);
                } else if (reader->at < reader->size && reader->text[reader->at] == '"') {
                        buf_add_char(out, c);
                        reader->at++;
                } else {
                        return true;
                }
        }
        return fail(reader, began, "a quoted field has no end");
}

/* One field, to `out`; `*last` says whether its row ends with it. */
static bool read_field(struct reader *reader, struct buf *out, bool *last)
{
        buf_clear(out);
        if (reader->at < reader->size && reader->text[reader->at] == '"') {
                reader->at++;
                if (!read_quoted(reader, out))
                        return false;
        }
        *last = true;
        while (reader->at < reader->size) {
                char c = reader->text[reader->at++];

                if (c == reader->separator) {
                        *last = false;
                        return true;
                }
                if (c == '\n') {
                        reader->line++;
                        return true;
                }
                if (c != '\r')
                        buf_add_char(out, c);
        }
        return true;
}

static bool read_header(struct reader *reader)
{
        CLEANUP(buf_deinit) struct buf field = BUF_INIT;
        bool last = false;

        while (!last && reader->column_count < COLUMNS_MAX) {
                if (!read_field(reader, &field, &last))
                        return false;
                reader->columns[reader->column_count++] = field_of(buf_text(&field), field.size);
        }
        return last || fail(reader, 1, "there are too many columns");
}

static bool read_row(struct reader *reader)
{
        CLEANUP(buf_deinit) struct buf field = BUF_INIT;
        struct buf values[FIELD_COUNT] = {BUF_INIT};
        const char *fields[FIELD_COUNT] = {NULL};
        size_t line = reader->line;
        bool any = false;
        bool last = false;
        bool good = true;

        for (size_t column = 0; good && !last; column++) {
                good = read_field(reader, &field, &last);
                any |= field.size > 0;
                if (good && column < reader->column_count &&
                    reader->columns[column] != FIELD_NONE) {
                        struct buf *value = &values[reader->columns[column]];

                        buf_clear(value);
                        buf_add(value, field.data, field.size);
                        fields[reader->columns[column]] = buf_text(value);
                }
        }
        if (good && any)
                good = add(reader, line, fields);
        for (size_t i = 0; i < FIELD_COUNT; i++)
                buf_deinit(&values[i]);
        return good;
}

static bool read_csv(struct reader *reader)
{
        reader->line = 1;
        if (!read_header(reader))
                return false;
        while (reader->at < reader->size) {
                if (!read_row(reader))
                        return false;
        }
        return true;
}

/* Does the line have a column for devices, parted by `separator`? */
static bool is_header(const char *line, size_t length, char separator)
{
        size_t at = 0;

        if (!memchr(line, separator, length))
                return false;
        while (at <= length) {
                const char *end = memchr(line + at, separator, length - at);
                size_t size = end ? (size_t)(end - line) - at : length - at;
                const char *name = line + at;

                if (size >= 2 && name[0] == '"' && name[size - 1] == '"' &&
                    field_of(name + 1, size - 2) == FIELD_DEVICE)
                        return true;
                if (field_of(name, size) == FIELD_DEVICE)
                        return true;
                at += size + 1;
        }
        return false;
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool read_lines(struct reader *reader, bool json)
{
        const char *line;
        size_t length;

        while (next_line(reader, &line, &length)) {
                CLEANUP(mem_cleanup) char *id = NULL;
                const char *fields[FIELD_COUNT] = {NULL};

                if (length == 0)
                        continue;
                if (json) {
                        if (!read_object(reader, line, length))
                                return false;
                        continue;
                }
                id = mem_text_n(line, length);
                fields[FIELD_DEVICE] = id;
                if (!add(reader, reader->line, fields))
                        return false;
        }
        return true;
}

static bool read_any(struct reader *reader)
{
        const char *line = "";
        size_t length = 0;
        size_t at = reader->at;

        while (length == 0 && next_line(reader, &line, &length))
                continue;
        reader->at = at;
        reader->line = 0;
        if (length > 0 && line[0] == '{')
                return read_lines(reader, true);
        reader->separator = is_header(line, length, ';') ? ';' : ',';
        /* One column has no separator: then its name makes it a header. */
        if (!is_header(line, length, reader->separator) && field_of(line, length) != FIELD_DEVICE)
                return read_lines(reader, false);
        reader->at = length > 0 ? (size_t)(line - reader->text) : at;
        return read_csv(reader);
}

struct json_object *provision_file_read(const char *text, size_t size,
                                        const struct provision_defaults *defaults,
                                        struct reason *reason)
{
        struct reader reader = {.text = text,
                                .size = size,
                                .defaults = defaults,
                                .devices = json_object_new_array(),
                                .reason = reason};
        bool good;

        /* A mark that editors put before UTF-8. */
        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                reader.at = 3;
        if (memchr(text, '\0', size) || !utf8_is_valid(text, size)) {
                reason_set(reason, "this is no text in UTF-8");
                good = false;
        } else {
                good = read_any(&reader);
        }
        if (good)
                return reader.devices;
        json_object_put(reader.devices);
        return NULL;
}
