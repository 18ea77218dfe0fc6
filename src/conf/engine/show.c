// SPDX-License-Identifier: MIT
/* What is in force as JSON, and what may be configured as a table; both made from the rows. */
#include <stdio.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "conf/engine/configuration.h"
#include "conf/engine/document.h"
#include "conf/engine/load.h"
#include "conf/engine/secret.h"

/* --- JSON -------------------------------------------------------------------------------- */

struct show {
        const struct conf_schema *schema;
        struct json_object *root;
        const struct conf_report *report;
};

/* A field with the names in its path. */
struct shown {
        const struct conf_row *row;
        const char *captures[CONF_CAPTURES_MAX];
        const void *field;
};

static struct json_object *need_object(struct json_object *parent, const char *name)
{
        struct json_object *object = json_object_member(parent, name);

        if (!object) {
                object = json_object_new_object();
                json_object_object_add(parent, name, object);
        }
        return object;
}

/* Puts the value where the row's path leads; it becomes the tree's. */
static void put(struct show *show, const struct shown *shown, struct json_object *value)
{
        struct json_object *object = show->root;
        const char *path = shown->row->path;
        size_t capture = 0;

        while (true) {
                size_t size = strcspn(path, ".");
                CLEANUP(mem_cleanup)
                char *name = path[0] == '*' ? mem_text(shown->captures[capture++])
                                            : mem_text_n(path, size);

                if (path[size] == '\0') {
                        json_object_object_add(object, name, value);
                        return;
                }
                object = need_object(object, name);
                path += size + 1;
        }
}

static const char *choice_name(const struct conf_choice *choices, int value)
{
        for (; choices->name; choices++) {
                if (choices->value == value)
                        return choices->name;
        }
        return "";
}

/* Where the value of a row came from; the one of a list's item may have been given alone. */
static const char *find_origin(const struct show *show, const struct shown *shown, int64_t index)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        const char *origin;

        conf_schema_write_path(shown->row, shown->captures, index, &path);
        origin = conf_report_origin(show->report, buf_text(&path));
        if (!origin && conf_row_is_of_item(shown->row)) {
                CLEANUP(mem_cleanup) char *whole = mem_text(buf_text(&path));

                *strrchr(whole, '.') = '\0';
                origin = conf_report_origin(show->report, whole);
        }
        return origin;
}

/* The secret's place tells people what they need to know of it. */
static struct json_object *mask(const struct show *show, const struct shown *shown,
                                const char *text, int64_t index)
{
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        const char *origin;

        if (!text)
                return json_object_new_string("");
        if (shown->row->mask && !conf_secret_is_awaited(text))
                shown->row->mask(text, &out);
        else
                buf_add_text(&out, "***");
        origin = find_origin(show, shown, index);
        if (origin)
                buf_add_format(&out, " (%s)", origin);
        return json_object_new_string(buf_text(&out));
}

static struct json_object *list_of_texts(const struct show *show, const struct shown *shown)
{
        const struct conf_texts *list = shown->field;
        struct json_object *array = json_object_new_array();

        for (size_t i = 0; i < list->count; i++)
                json_object_array_add(array, shown->row->secret
                                                     ? mask(show, shown, list->texts[i], (int64_t)i)
                                                     : json_object_new_string(list->texts[i]));
        return array;
}

static struct json_object *list_of_choices(const struct shown *shown)
{
        uint32_t bits = *(const uint32_t *)shown->field;
        struct json_object *array = json_object_new_array();

        for (const struct conf_choice *choice = shown->row->choices; choice->name; choice++) {
                if (bits & (uint32_t)choice->value)
                        json_object_array_add(array, json_object_new_string(choice->name));
        }
        return array;
}

static struct json_object *text_value(const struct show *show, const struct shown *shown)
{
        const char *text;

        memcpy(&text, shown->field, sizeof(text));
        if (shown->row->secret)
                return mask(show, shown, text, -1);
        if (shown->row->kind == CONF_JSON && text)
                return json_parse(text, strlen(text), CONF_DOCUMENT_DEPTH, JSON_STRICT, NULL);
        return json_object_new_string(text ? text : "");
}

/* In as few digits as a person would write. */
static struct json_object *fraction_value(double number)
{
        char text[32];

        snprintf(text, sizeof(text), "%.6g", number);
        return json_object_new_double_s(number, text);
}

static struct json_object *value_of(const struct show *show, const struct shown *shown)
{
        int number;

        switch (shown->row->kind) {
        case CONF_TEXT:
        case CONF_JSON:
        case CONF_INPUT_FILE:
        case CONF_FOLDER:
                return text_value(show, shown);
        case CONF_FLAG:
                return json_object_new_boolean(*(const bool *)shown->field);
        case CONF_INTEGER:
                return json_object_new_int64(*(const int64_t *)shown->field);
        case CONF_FRACTION:
                return fraction_value(*(const double *)shown->field);
        case CONF_CHOICE:
                memcpy(&number, shown->field, sizeof(number));
                return json_object_new_string(choice_name(shown->row->choices, number));
        case CONF_TEXTS:
        case CONF_INPUT_FILES:
                return list_of_texts(show, shown);
        case CONF_CHOICES:
                return list_of_choices(shown);
        }
        return NULL;
}

/* True for a setting within a map that nobody has given. */
static bool says_nothing(const struct json_object *value)
{
        return !value ||
               (json_object_is_type(value, json_type_string) &&
                json_object_get_string_len(value) == 0) ||
               (json_object_is_type(value, json_type_array) &&
                json_object_array_length(value) == 0);
}

static void show_field(struct show *show, const struct shown *shown)
{
        struct json_object *value = value_of(show, shown);

        if (shown->row->map && says_nothing(value))
                json_object_put(value);
        else
                put(show, shown, value);
}

/* Calls show_field for the row in each item of its map. */
static void show_in_items(struct show *show, const struct conf_row *row, const void *base,
                          const struct conf_map *map, struct shown *shown)
{
        size_t capture = map->outer ? 1 : 0;

        for (size_t i = 0; i < conf_map_count(map, base); i++) {
                const char *item = conf_map_item(map, base, i);

                memcpy(&shown->captures[capture], item, sizeof(shown->captures[capture]));
                shown->field = item + row->offset;
                show_field(show, shown);
        }
}

/* One item of a list: the value alone where nothing else is given, else an object. */
static struct json_object *item_value(const struct show *show, const struct conf_row *list,
                                      const char *item)
{
        struct json_object *object = json_object_new_object();
        struct json_object *alone = NULL;

        for (size_t i = 0; i < show->schema->row_count; i++) {
                const struct conf_row *row = &show->schema->rows[i];
                struct shown shown = {.row = row, .field = item + row->offset};
                struct json_object *value;

                if (row->map != list->map || row == list)
                        continue;
                memcpy(&shown.captures[0], item, sizeof(shown.captures[0]));
                value = value_of(show, &shown);
                if (says_nothing(value)) {
                        json_object_put(value);
                        continue;
                }
                json_object_object_add(object, strrchr(row->path, '.') + 1, value);
                if (row->offset == list->offset)
                        alone = value;
        }
        if (alone && json_object_object_length(object) == 1) {
                json_object_get(alone);
                json_object_put(object);
                return alone;
        }
        return object;
}

static struct json_object *list_of_items(const struct show *show, const struct conf_row *row,
                                         const void *target)
{
        struct json_object *array = json_object_new_array();

        for (size_t i = 0; i < conf_map_count(row->map, target); i++)
                json_object_array_add(array,
                                      item_value(show, row, conf_map_item(row->map, target, i)));
        return array;
}

static void show_row(struct show *show, const struct conf_row *row, const void *target)
{
        struct shown shown = {.row = row};
        const struct conf_map *outer = row->map ? row->map->outer : NULL;

        if (row->map && row->map->list) {
                if (!conf_row_is_of_item(row))
                        put(show, &shown, list_of_items(show, row, target));
                return;
        }
        if (!row->map) {
                shown.field = (const char *)target + row->offset;
                show_field(show, &shown);
                return;
        }
        if (!outer) {
                show_in_items(show, row, target, row->map, &shown);
                return;
        }
        for (size_t i = 0; i < conf_map_count(outer, target); i++) {
                const void *item = conf_map_item(outer, target, i);

                memcpy(&shown.captures[0], item, sizeof(char *));
                show_in_items(show, row, item, row->map, &shown);
        }
}

static void show_origins(struct show *show)
{
        struct json_object *origins = need_object(show->root, "Origins");

        for (size_t i = 0; i < show->report->origin_count; i++)
                json_object_object_add(origins, show->report->origins[i].path,
                                       json_object_new_string(show->report->origins[i].place));
}

void conf_show(const struct conf_schema *schema, const void *target,
               const struct conf_report *report, struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *root = json_object_new_object();
        struct show show = {.schema = schema, .root = root, .report = report};

        for (size_t i = 0; i < schema->row_count; i++)
                show_row(&show, &schema->rows[i], target);
        show_origins(&show);
        buf_add_text(out, json_object_to_json_string_ext(
                                  root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
        buf_add_char(out, '\n');
}

/* --- the table of the documentation ------------------------------------------------------- */

static void describe_type(const struct conf_row *row, struct buf *out)
{
        switch (row->kind) {
        case CONF_TEXT:
                buf_add_format(out, "%s%s", conf_row_is_list(row) ? "list of " : "",
                               row->secret ? "secret" : "text");
                buf_add_text(out, conf_row_is_list(row) ? "s" : "");
                return;
        case CONF_JSON:
                buf_add_text(out, "JSON");
                return;
        case CONF_INPUT_FILE:
                buf_add_text(out, "file");
                return;
        case CONF_FOLDER:
                buf_add_text(out, "folder");
                return;
        case CONF_FLAG:
                buf_add_text(out, "true, false");
                return;
        case CONF_INTEGER:
                buf_add_format(out, "%lld to %lld", (long long)row->minimum,
                               (long long)row->maximum);
                return;
        case CONF_FRACTION:
                buf_add_format(out, "0 to %lld", row->maximum > 0 ? (long long)row->maximum : 1);
                return;
        case CONF_CHOICE:
                conf_row_write_choices(row, out);
                return;
        case CONF_TEXTS:
                buf_add_text(out, row->secret ? "list of secrets" : "list of texts");
                return;
        case CONF_INPUT_FILES:
                buf_add_text(out, "list of files");
                return;
        case CONF_CHOICES:
                buf_add_text(out, "list of ");
                conf_row_write_choices(row, out);
                return;
        }
}

static bool is_repeated(const struct conf_row *row)
{
        return row->map && (row->map->repeats || (row->map->outer && row->map->outer->repeats));
}

static const char *default_of(const struct conf_row *row)
{
        if (row->fallback)
                return row->fallback;
        if (row->kind == CONF_FLAG)
                return "false";
        if (row->kind == CONF_INTEGER || row->kind == CONF_FRACTION)
                return "0";
        return "";
}

void conf_describe(const struct conf_schema *schema, struct buf *out)
{
        buf_add_text(out, "| setting | type | default | meaning |\n| --- | --- | --- | --- |\n");
        for (size_t i = 0; i < schema->row_count; i++) {
                const struct conf_row *row = &schema->rows[i];
                const char *fallback = default_of(row);
                const char *mark = fallback[0] ? "`" : "";

                if (is_repeated(row))
                        continue;
                buf_add_format(out, "| `%s` | ", row->path);
                describe_type(row, out);
                buf_add_format(out, " | %s%s%s | %s |\n", mark, fallback, mark, row->meaning);
        }
}
