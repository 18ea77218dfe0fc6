// SPDX-License-Identifier: MIT
#include "support/same_json.h"

#include <string.h>

#include "base/json/json.h"
#include "base/json/json_slice.h"
#include "base/mem.h"

static bool is_text(const struct json_slice *slice, const char *text)
{
        return slice->size == strlen(text) && memcmp(slice->at, text, slice->size) == 0;
}

/* A text, number or word. */
static bool is_written(const struct json_slice *slice, struct json_object *value)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        json_write(&text, value);
        /* json-c takes the sign from a zero; what the network wrote has it. */
        if (is_text(slice, "-0") && strcmp(buf_text(&text), "0") == 0)
                return true;
        if (is_text(slice, buf_text(&text)))
                return true;
        /* json_parse marks long integers with this exponent, and takes it for its own. */
        buf_add_text(&text, "e0");
        return json_object_is_type(value, json_type_double) && is_text(slice, buf_text(&text));
}

/* The name as json-c keeps it: C strings, cut at a zero character. */
static bool is_named(const struct json_slice *slice, const char *name)
{
        CLEANUP(mem_cleanup) char *text = json_slice_text(slice);

        return text && strcmp(text, name) == 0;
}

static bool same_text(const struct json_slice *slice, struct json_object *value)
{
        CLEANUP(mem_cleanup) char *text = json_slice_text(slice);
        const char *expected = json_object_get_string(value);
        bool has_zero = strlen(expected) != (size_t)json_object_get_string_len(value);

        return has_zero ? !text : text && strcmp(text, expected) == 0;
}

static bool same_number(const struct json_slice *slice, struct json_object *value)
{
        struct json_object *holder = json_object_new_object();
        int64_t expected = -1;
        int64_t found = -1;
        bool is_whole;

        json_object_object_add(holder, "n", json_object_get(value));
        is_whole = json_int_member(holder, "n", &expected);
        json_object_put(holder);
        return json_slice_int(slice, &found) == is_whole && found == expected;
}

static bool same_value(const struct json_slice *slice, struct json_object *value);

/* A walk finds nothing in a text with blanks between its parts, so none is left in it. */
static bool same_members(const struct json_slice *slice, struct json_object *object)
{
        struct json_walk walk = json_walk_of(slice->at, slice->size);
        struct json_slice name;
        struct json_slice member;

        json_object_object_foreach (object, key, value) {
                if (!json_walk_member(&walk, &name, &member) || !is_named(&name, key) ||
                    !same_value(&member, value))
                        return false;
        }
        return !json_walk_member(&walk, &name, &member);
}

static bool same_items(const struct json_slice *slice, struct json_object *list)
{
        struct json_walk walk = json_walk_of(slice->at, slice->size);
        struct json_slice item;

        for (size_t i = 0; i < json_object_array_length(list); i++) {
                if (!json_walk_item(&walk, &item) ||
                    !same_value(&item, json_object_array_get_idx(list, i)))
                        return false;
        }
        return !json_walk_item(&walk, &item);
}

static bool same_value(const struct json_slice *slice, struct json_object *value)
{
        switch (json_object_get_type(value)) {
        case json_type_array:
                return slice->kind == JSON_LIST && same_items(slice, value);
        case json_type_object:
                return slice->kind == JSON_OBJECT && same_members(slice, value);
        case json_type_double:
        case json_type_int:
                return slice->kind == JSON_NUMBER && same_number(slice, value) &&
                       is_written(slice, value);
        case json_type_string:
                return slice->kind == JSON_TEXT && same_text(slice, value) &&
                       is_written(slice, value);
        case json_type_boolean:
                return slice->kind == (json_object_get_boolean(value) ? JSON_TRUE : JSON_FALSE);
        default:
                return slice->kind == JSON_NULL;
        }
}

bool same_json(const char *text, size_t size, int depth)
{
        const struct json_want want = {.slot = 0, .whole = true};
        struct json_slice slice = {.kind = JSON_ABSENT};
        struct json_scan scan = {
                .text = text,
                .size = size,
                .style = JSON_STRICT,
                .depth = depth,
                .values = SIZE_MAX,
                .want = &want,
                .slices = &slice,
        };
        CLEANUP(json_cleanup)
        struct json_object *value = json_parse(text, size, depth, JSON_STRICT, NULL);
        CLEANUP(buf_deinit) struct buf written = BUF_INIT;
        bool good = json_scan(&scan);

        buf_deinit(&scan.long_integers);
        if (!good || !value)
                return good == (value != NULL);
        json_slice_write(&slice, &written);
        slice = (struct json_slice){
                .at = buf_text(&written),
                .size = written.size,
                .kind = json_kind_of(buf_text(&written)[0]),
                .escaped = strchr(buf_text(&written), '\\') != NULL,
        };
        return same_value(&slice, value);
}
