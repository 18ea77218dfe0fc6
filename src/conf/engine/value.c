// SPDX-License-Identifier: MIT
/* From texts to fields of the settings struct, and how these are freed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/engine/document.h"
#include "conf/engine/load.h"

/* Longer values are not repeated to the user. */
#define ECHO_MAX 60

/* --- maps -------------------------------------------------------------------------------- */

static void *at(const void *base, size_t offset)
{
        return (void *)((uintptr_t)base + offset);
}

size_t conf_map_count(const struct conf_map *map, const void *base)
{
        return *(size_t *)at(base, map->count_offset);
}

/* Whatever struct the items are, a pointer to them has the same form. */
static char *items_of(const struct conf_map *map, const void *base)
{
        char *items;

        memcpy(&items, at(base, map->items_offset), sizeof(items));
        return items;
}

void *conf_map_item(const struct conf_map *map, const void *base, size_t index)
{
        return items_of(map, base) + index * map->item_size;
}

static char *item_name(const void *item)
{
        char *name;

        memcpy(&name, item, sizeof(name));
        return name;
}

/* --- writing ----------------------------------------------------------------------------- */

static void wipe_free(char *text)
{
        if (text)
                mem_wipe(text, strlen(text));
        free(text);
}

/* `made` becomes the field's. */
static void put_text(char **field, char *made)
{
        wipe_free(*field);
        *field = made;
}

/* Names the value if it is short and surely no secret. */
static const char *echo(const struct conf_row *row, const char *text, char *out, size_t size)
{
        bool hide = row->secret || strlen(text) > ECHO_MAX || strcasestr(text, "SharedAccess") ||
                    strcasestr(text, "NNSXS");

        if (hide)
                snprintf(out, size, "the value");
        else
                snprintf(out, size, "'%s'", text);
        return out;
}

static const struct conf_choice *find_choice(const struct conf_choice *choices, const char *name)
{
        for (; choices->name; choices++) {
                if (text_equal_nocase(choices->name, name))
                        return choices;
        }
        return NULL;
}

static bool refuse_choice(const struct conf_row *row, const char *text, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf names = BUF_INIT;
        char said[ECHO_MAX + 8];

        conf_row_write_choices(row, &names);
        reason_set(reason, "%s is none of %s", echo(row, text, said, sizeof(said)),
                   buf_text(&names));
        return false;
}

static bool write_choice(const struct conf_row *row, void *field, const char *text,
                         struct reason *reason)
{
        const struct conf_choice *choice = find_choice(row->choices, text);

        if (!choice)
                return refuse_choice(row, text, reason);
        if (row->kind == CONF_CHOICES)
                *(uint32_t *)field |= (uint32_t)choice->value;
        else
                memcpy(field, &choice->value, sizeof(choice->value));
        return true;
}

static bool write_flag(const struct conf_row *row, void *field, const char *text,
                       struct reason *reason)
{
        char said[ECHO_MAX + 8];
        bool on = text_equal_nocase(text, "true");

        if (!on && !text_equal_nocase(text, "false")) {
                reason_set(reason, "%s is neither true nor false",
                           echo(row, text, said, sizeof(said)));
                return false;
        }
        *(bool *)field = on;
        return true;
}

static bool write_integer(const struct conf_row *row, void *field, const char *text,
                          struct reason *reason)
{
        char said[ECHO_MAX + 8];

        if (text_to_int64(text, row->minimum, row->maximum, field))
                return true;
        reason_set(reason, "%s is no whole number from %lld to %lld",
                   echo(row, text, said, sizeof(said)), (long long)row->minimum,
                   (long long)row->maximum);
        return false;
}

static bool write_fraction(const struct conf_row *row, double *field, const char *text,
                           struct reason *reason)
{
        char said[ECHO_MAX + 8];
        char *end;
        /* No locale is ever set: the point is a point. */
        double number = strtod(text, &end);
        double most = row->maximum > 0 ? (double)row->maximum : 1;

        if (end != text && *end == '\0' && number >= 0 && number <= most) {
                *field = number;
                return true;
        }
        reason_set(reason, "%s is no number from 0 to %.0f", echo(row, text, said, sizeof(said)),
                   most);
        return false;
}

static bool write_json(void *field, const char *text, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *value =
                json_parse(text, strlen(text), CONF_DOCUMENT_DEPTH, JSON_RELAXED, reason);
        CLEANUP(buf_deinit) struct buf written = BUF_INIT;

        if (!value) {
                reason_prefix(reason, "this must be JSON, as an object or as JSON in a text");
                return false;
        }
        json_write(&written, value);
        put_text(field, buf_take(&written));
        return true;
}

static void write_list_text(struct conf_texts *list, const char *text)
{
        list->texts = mem_resize(list->texts, list->count + 1, sizeof(*list->texts));
        list->texts[list->count++] = mem_text(text);
}

static bool write_value(const struct conf_row *row, void *field, const char *text,
                        struct reason *reason)
{
        switch (row->kind) {
        case CONF_TEXT:
        case CONF_INPUT_FILE:
        case CONF_FOLDER:
                put_text(field, mem_text(text));
                return true;
        case CONF_TEXTS:
        case CONF_INPUT_FILES:
                write_list_text(field, text);
                return true;
        case CONF_JSON:
                return write_json(field, text, reason);
        case CONF_FLAG:
                return write_flag(row, field, text, reason);
        case CONF_INTEGER:
                return write_integer(row, field, text, reason);
        case CONF_FRACTION:
                return write_fraction(row, field, text, reason);
        case CONF_CHOICE:
        case CONF_CHOICES:
                return write_choice(row, field, text, reason);
        }
        return false;
}

/* --- defaults and freeing ---------------------------------------------------------------- */

/* `map` NULL: of the target itself. */
static void write_defaults(const struct conf_schema *schema, const struct conf_map *map, void *base)
{
        struct reason ignored;

        for (size_t i = 0; i < schema->row_count; i++) {
                const struct conf_row *row = &schema->rows[i];

                if (row->map == map && row->fallback)
                        write_value(row, at(base, row->offset), row->fallback, &ignored);
        }
}

/* The item of that name; made, with its defaults, if it is new. */
static void *need_item(const struct conf_schema *schema, const struct conf_map *map, void *base,
                       const char *name)
{
        size_t count = conf_map_count(map, base);
        char *items;
        char *item;
        char *copy;

        for (size_t i = 0; i < count; i++) {
                item = conf_map_item(map, base, i);
                if (text_equal(item_name(item), name) ||
                    (map->any_case && text_equal_nocase(item_name(item), name)))
                        return item;
        }
        items = mem_resize(items_of(map, base), count + 1, map->item_size);
        item = items + count * map->item_size;
        memset(item, 0, map->item_size);
        copy = mem_text(name);
        memcpy(item, &copy, sizeof(copy));
        write_defaults(schema, map, item);
        memcpy(at(base, map->items_offset), &items, sizeof(items));
        count++;
        memcpy(at(base, map->count_offset), &count, sizeof(count));
        return item;
}

void conf_set_defaults(const struct conf_schema *schema, void *target)
{
        write_defaults(schema, NULL, target);
}

static void free_field(const struct conf_row *row, void *field)
{
        struct conf_texts *list = field;

        switch (row->kind) {
        case CONF_TEXT:
        case CONF_JSON:
        case CONF_INPUT_FILE:
        case CONF_FOLDER:
                put_text(field, NULL);
                return;
        case CONF_TEXTS:
        case CONF_INPUT_FILES:
                for (size_t i = 0; i < list->count; i++)
                        wipe_free(list->texts[i]);
                free(list->texts);
                *list = (struct conf_texts){.texts = NULL};
                return;
        case CONF_FLAG:
        case CONF_INTEGER:
        case CONF_FRACTION:
        case CONF_CHOICE:
        case CONF_CHOICES:
                return;
        }
}

static void free_fields(const struct conf_schema *schema, const struct conf_map *map, void *base)
{
        for (size_t i = 0; i < schema->row_count; i++) {
                const struct conf_row *row = &schema->rows[i];

                if (row->map == map)
                        free_field(row, at(base, row->offset));
        }
}

static void free_map(const struct conf_schema *schema, const struct conf_map *map, void *base)
{
        size_t count = conf_map_count(map, base);

        for (size_t i = 0; i < count; i++) {
                void *item = conf_map_item(map, base, i);

                for (size_t j = 0; j < schema->map_count; j++) {
                        if (schema->maps[j]->outer == map)
                                free_map(schema, schema->maps[j], item);
                }
                free_fields(schema, map, item);
                free(item_name(item));
        }
        free(items_of(map, base));
        memset(at(base, map->count_offset), 0, sizeof(size_t));
}

void conf_free_values(const struct conf_schema *schema, void *target)
{
        for (size_t i = 0; i < schema->map_count; i++) {
                if (!schema->maps[i]->outer)
                        free_map(schema, schema->maps[i], target);
        }
        free_fields(schema, NULL, target);
}

/* --- applying ---------------------------------------------------------------------------- */

void *conf_field(const struct conf_schema *schema, void *target, const struct conf_row *row,
                 char *const *captures, int64_t index)
{
        const struct conf_map *map = row->map;
        void *base = target;
        size_t capture = 0;

        if (map && map->list && !conf_row_is_of_item(row)) {
                char name[24];

                snprintf(name, sizeof(name), "%lld", (long long)(index < 0 ? 0 : index));
                return at(need_item(schema, map, base, name), row->offset);
        }
        if (map && map->outer)
                base = need_item(schema, map->outer, base, captures[capture++]);
        if (map)
                base = need_item(schema, map, base, captures[capture]);
        return at(base, row->offset);
}

static void *find_field(struct conf_load *load, const struct conf_binding *binding)
{
        return conf_field(load->schema, load->target, binding->row, binding->captures,
                          binding->index);
}

/* What samples and templates hold where the user's value belongs: "...", "<key>". */
bool conf_is_placeholder(const char *text)
{
        size_t length = strlen(text);

        return (length >= 3 && strspn(text, ".") == length) ||
               (length >= 3 && text[0] == '<' && text[length - 1] == '>');
}

bool conf_is_reference(const char *text)
{
        return strcasestr(text, "@Microsoft.KeyVault(");
}

bool conf_check_value(const struct conf_row *row, const char *text, struct reason *reason)
{
        if (conf_is_placeholder(text)) {
                reason_set(reason, "this is still a placeholder; put your own value here");
                return false;
        }
        /* Whatever of it was not resolved is no value. */
        if (conf_is_reference(text)) {
                reason_set(reason,
                           "this is a reference that Azure App Service resolves, and nobody "
                           "here; put %s here",
                           row->secret ? "{\"File\": ...}, {\"Env\": ...} or {\"Credential\": ...}"
                                       : "the value itself");
                return false;
        }
        return !row->check || row->check(text, reason);
}

/* `url`: where a vault keeps the value; or NULL. */
static void note_origin(struct conf_load *load, const struct conf_binding *binding, const char *url)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        CLEANUP(buf_deinit) struct buf place = BUF_INIT;
        const struct conf_entry *entry = binding->entry;

        conf_schema_write_path(binding->row, (const char *const *)binding->captures, binding->index,
                               &path);
        if (entry->variable)
                buf_add_format(&place, "environment variable %s", entry->variable);
        else
                buf_add_format(&place, "line %d", entry->place.line);
        if (binding->via == CONF_VIA_FILE)
                buf_add_format(&place, ", file %s", entry->text);
        if (binding->via == CONF_VIA_CREDENTIAL)
                buf_add_format(&place, ", credential %s", entry->text);
        if (binding->via == CONF_VIA_ENV)
                buf_add_format(&place, ", environment variable %s", entry->text);
        if (url)
                buf_add_format(&place, ", Key Vault %s", url);
        conf_report_add_origin(load->report, buf_text(&path), buf_text(&place));
}

/* True for a secret that a vault keeps, or is meant to: it is written when it was read. */
static bool refer(struct conf_load *load, const struct conf_binding *binding, const char *text)
{
        bool named = binding->via == CONF_VIA_KEY_VAULT;
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        struct reason reason = REASON_INIT;
        enum conf_reference what = named ? CONF_REFERENCE_WRONG : CONF_REFERENCE_NONE;

        reason_set(&reason, "this program does not ask Key Vault");
        if (binding->row->secret && load->schema->refer)
                what = load->schema->refer(load, text, named, &url, &reason);
        if (what == CONF_REFERENCE_GOOD && binding->row->early) {
                reason_set(&reason,
                           "this is needed before a Key Vault can be asked; put {\"File\": "
                           "...}, {\"Env\": ...} or {\"Credential\": ...} here");
                what = CONF_REFERENCE_WRONG;
        }
        if (what == CONF_REFERENCE_WRONG)
                conf_say(load, CONF_MISTAKE, binding->entry, "%s", reason.text);
        if (what != CONF_REFERENCE_GOOD)
                return what == CONF_REFERENCE_WRONG;
        put_text(find_field(load, binding), mem_text(""));
        conf_secret_note(load, binding, buf_text(&url));
        note_origin(load, binding, buf_text(&url));
        return true;
}

static void take_value(struct conf_load *load, const struct conf_binding *binding, const char *text)
{
        const struct conf_row *row = binding->row;
        struct reason reason = REASON_INIT;

        if (!conf_check_value(row, text, &reason) ||
            !write_value(row, find_field(load, binding), text, &reason)) {
                conf_say(load, CONF_MISTAKE, binding->entry, "%s", reason.text);
                return;
        }
        if (row->secret)
                conf_secret_note(load, binding, NULL);
        note_origin(load, binding, NULL);
}

static void apply_binding(struct conf_load *load, const struct conf_binding *binding)
{
        const struct conf_row *row = binding->row;
        char *text;

        if (binding->index == CONF_ITEM) {
                find_field(load, binding); /* makes it */
                return;
        }
        text = conf_fetch(load, binding);
        if (!text)
                return;
        if (row->kind == CONF_INPUT_FILE || row->kind == CONF_INPUT_FILES ||
            row->kind == CONF_FOLDER)
                put_text(&text, conf_absolute(load->folder, text));
        if (row->spare && conf_is_placeholder(text))
                conf_say(load, CONF_NOTE, binding->entry,
                         "has no effect: this is still a placeholder");
        else if (!refer(load, binding, text))
                take_value(load, binding, text);
        wipe_free(text);
}

/* Folders that nobody gives lie beside the file as well. */
static void place_default_folders(struct conf_load *load)
{
        for (size_t i = 0; i < load->schema->row_count; i++) {
                const struct conf_row *row = &load->schema->rows[i];
                char **field;

                if (row->kind != CONF_FOLDER || row->map)
                        continue;
                field = at(load->target, row->offset);
                if (*field)
                        put_text(field, conf_absolute(load->folder, *field));
        }
}

void conf_apply(struct conf_load *load)
{
        place_default_folders(load);
        for (size_t i = 0; i < load->count; i++)
                apply_binding(load, &load->bindings[i]);
}
