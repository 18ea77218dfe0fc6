// SPDX-License-Identifier: MIT
/* A value and its schema. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/text.h"
#include "localhub/model/models_inside.h"

#define DEPTH_MAX 8

void model_warn(const struct schema_check *check, const char *format, ...)
{
        char text[512];
        va_list values;

        va_start(values, format);
        vsnprintf(text, sizeof(text), format, values);
        va_end(values);
        json_object_array_add(check->warnings, json_object_new_string(text));
}

bool model_has_type(struct json_object *element, const char *type)
{
        struct json_object *found = json_member(element, "@type");

        if (json_object_is_type(found, json_type_string))
                return strcmp(json_object_get_string(found), type) == 0;
        for (size_t i = 0;
             json_object_is_type(found, json_type_array) && i < json_object_array_length(found);
             i++) {
                struct json_object *one = json_object_array_get_idx(found, i);

                if (json_object_is_type(one, json_type_string) &&
                    strcmp(json_object_get_string(one), type) == 0)
                        return true;
        }
        return false;
}

/* --- schemas with a name --------------------------------------------------------------------- */

static bool is_number(struct json_object *value)
{
        return json_object_is_type(value, json_type_int) ||
               json_object_is_type(value, json_type_double);
}

static bool is_integer(struct json_object *value)
{
        return json_object_is_type(value, json_type_int) &&
               json_object_get_int64(value) >= INT32_MIN &&
               json_object_get_int64(value) <= INT32_MAX;
}

static bool is_long(struct json_object *value)
{
        return json_object_is_type(value, json_type_int);
}

static bool is_boolean(struct json_object *value)
{
        return json_object_is_type(value, json_type_boolean);
}

static bool is_string(struct json_object *value)
{
        return json_object_is_type(value, json_type_string);
}

static bool is_object(struct json_object *value)
{
        return json_object_is_type(value, json_type_object);
}

static bool is_date_time(struct json_object *value)
{
        int64_t ignored;

        return is_string(value) && clock_parse_utc(json_object_get_string(value), &ignored);
}

/* "2026-11-30": digits and hyphens in their places. */
static bool is_date(struct json_object *value)
{
        static const char form[] = "0000-00-00";
        const char *text = is_string(value) ? json_object_get_string(value) : "";

        if (strlen(text) != strlen(form))
                return false;
        for (size_t i = 0; form[i] != '\0'; i++) {
                if (form[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
                        return false;
        }
        return true;
}

static bool is_duration(struct json_object *value)
{
        const char *text = is_string(value) ? json_object_get_string(value) : "";

        return text[0] == 'P' || (text[0] == '-' && text[1] == 'P');
}

static const struct {
        const char *name;
        bool (*fits)(struct json_object *value);
} primitives[] = {
        {"boolean", is_boolean},    {"date", is_date},
        {"dateTime", is_date_time}, {"double", is_number},
        {"duration", is_duration},  {"float", is_number},
        {"integer", is_integer},    {"long", is_long},
        {"string", is_string},      {"time", is_string},
        {"point", is_object},       {"multiPoint", is_object},
        {"polygon", is_object},     {"multiPolygon", is_object},
        {"lineString", is_object},  {"multiLineString", is_object},
};

/* --- schemas that are described -------------------------------------------------------------- */

static void check_at(const struct schema_check *check, const char *name, struct json_object *schema,
                     struct json_object *value, int depth);

/* The entry of a list whose member `key` has this text. */
static struct json_object *entry(struct json_object *list, const char *key, const char *text)
{
        for (size_t i = 0;
             json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
             i++) {
                struct json_object *one = json_object_array_get_idx(list, i);

                if (text_equal(json_text_member(one, key), text))
                        return one;
        }
        return NULL;
}

static void check_named(const struct schema_check *check, const char *name, const char *schema,
                        struct json_object *value, int depth)
{
        struct json_object *own = entry(json_member(check->interface, "schemas"), "@id", schema);

        if (own) {
                check_at(check, name, own, value, depth + 1);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(primitives); i++) {
                if (strcmp(primitives[i].name, schema) == 0 && !primitives[i].fits(value))
                        model_warn(check, "'%.64s' is no %s, as %s has it", name, schema,
                                   check->interface_id);
        }
}

static void check_object(const struct schema_check *check, const char *name,
                         struct json_object *schema, struct json_object *value, int depth)
{
        struct json_object *fields = json_member(schema, "fields");

        if (!is_object(value)) {
                model_warn(check, "'%.64s' is no object, as %s has it", name, check->interface_id);
                return;
        }
        json_object_object_foreach (value, member, inner) {
                struct json_object *field = entry(fields, "name", member);

                if (field)
                        check_at(check, member, json_member(field, "schema"), inner, depth + 1);
                else
                        model_warn(check, "'%.64s' of '%.64s' is not in %s", member, name,
                                   check->interface_id);
        }
}

static void check_enum(const struct schema_check *check, const char *name,
                       struct json_object *schema, struct json_object *value)
{
        struct json_object *values = json_member(schema, "enumValues");

        for (size_t i = 0;
             json_object_is_type(values, json_type_array) && i < json_object_array_length(values);
             i++) {
                if (json_object_equal(
                            json_member(json_object_array_get_idx(values, i), "enumValue"), value))
                        return;
        }
        model_warn(check, "'%.64s' is none of the values of %s", name, check->interface_id);
}

static void check_all(const struct schema_check *check, const char *name,
                      struct json_object *schema, struct json_object *value, int depth)
{
        if (!json_object_is_type(value, json_type_array)) {
                model_warn(check, "'%.64s' is no array, as %s has it", name, check->interface_id);
                return;
        }
        for (size_t i = 0; i < json_object_array_length(value); i++)
                check_at(check, name, json_member(schema, "elementSchema"),
                         json_object_array_get_idx(value, i), depth + 1);
}

static void check_map(const struct schema_check *check, const char *name,
                      struct json_object *schema, struct json_object *value, int depth)
{
        struct json_object *of = json_member(json_member(schema, "mapValue"), "schema");

        if (!is_object(value)) {
                model_warn(check, "'%.64s' is no map, as %s has it", name, check->interface_id);
                return;
        }
        json_object_object_foreach (value, key, inner) {
                check_at(check, key, of, inner, depth + 1);
        }
}

static void check_at(const struct schema_check *check, const char *name, struct json_object *schema,
                     struct json_object *value, int depth)
{
        if (depth > DEPTH_MAX)
                return;
        if (is_string(schema))
                check_named(check, name, json_object_get_string(schema), value, depth);
        else if (model_has_type(schema, "Object"))
                check_object(check, name, schema, value, depth);
        else if (model_has_type(schema, "Enum"))
                check_enum(check, name, schema, value);
        else if (model_has_type(schema, "Array"))
                check_all(check, name, schema, value, depth);
        else if (model_has_type(schema, "Map"))
                check_map(check, name, schema, value, depth);
}

void model_check_value(const struct schema_check *check, const char *name,
                       struct json_object *schema, struct json_object *value)
{
        check_at(check, name, schema, value, 0);
}
