// SPDX-License-Identifier: MIT
/* Where two JSON values differ. */
#include <stdbool.h>

#include "cli/formatter/formatter_trial.h"

/* What a person sees of a value. */
#define SHOWN 120

static void show(struct buf *out, struct json_object *value)
{
        if (value)
                json_write(out, value);
        else
                buf_add_text(out, "null");
        if (out->size > SHOWN) {
                out->size = SHOWN;
                buf_add_text(out, "...");
        }
}

static bool differ(struct json_object *expected, struct json_object *got, const struct buf *path,
                   struct reason *difference)
{
        CLEANUP(buf_deinit) struct buf a = BUF_INIT;
        CLEANUP(buf_deinit) struct buf b = BUF_INIT;

        show(&a, expected);
        show(&b, got);
        reason_set(difference, "%s: expected %s, got %s", buf_text(path), buf_text(&a),
                   buf_text(&b));
        return false;
}

static void step(struct buf *path, const char *name, size_t index)
{
        if (name)
                buf_add_format(path, "%s%s", path->size > 0 ? "." : "", name);
        else
                buf_add_format(path, "[%zu]", index);
}

static void step_back(struct buf *path, size_t size)
{
        path->size = size;
        if (path->data)
                path->data[size] = '\0';
}

static bool lists_equal(struct json_object *expected, struct json_object *got, struct buf *path,
                        struct reason *difference)
{
        size_t count = json_object_array_length(expected);
        size_t size = path->size;

        for (size_t i = 0; i < count && i < json_object_array_length(got); i++) {
                step(path, NULL, i);
                if (!formatter_json_equal(json_object_array_get_idx(expected, i),
                                          json_object_array_get_idx(got, i), path, difference))
                        return false;
                step_back(path, size);
        }
        if (count == json_object_array_length(got))
                return true;
        reason_set(difference, "%s: expected %zu elements, got %zu", buf_text(path), count,
                   json_object_array_length(got));
        return false;
}

static bool objects_equal(struct json_object *expected, struct json_object *got, struct buf *path,
                          struct reason *difference)
{
        size_t size = path->size;
        struct json_object *other;

        json_object_object_foreach (expected, name, value) {
                step(path, name, 0);
                if (!json_object_object_get_ex(got, name, &other)) {
                        reason_set(difference, "%s: it is missing", buf_text(path));
                        return false;
                }
                if (!formatter_json_equal(value, other, path, difference))
                        return false;
                step_back(path, size);
        }
        json_object_object_foreach (got, extra, unexpected) {
                (void)unexpected;
                if (json_object_object_get_ex(expected, extra, NULL))
                        continue;
                step(path, extra, 0);
                reason_set(difference, "%s: nobody expected it", buf_text(path));
                return false;
        }
        return true;
}

static bool is_number(struct json_object *value)
{
        return json_object_is_type(value, json_type_int) ||
               json_object_is_type(value, json_type_double);
}

/* As the doubles that they are in JavaScript. */
static bool numbers_equal(struct json_object *a, struct json_object *b)
{
        return json_object_get_double(a) <= json_object_get_double(b) &&
               json_object_get_double(a) >= json_object_get_double(b);
}

bool formatter_json_equal(struct json_object *expected, struct json_object *got, struct buf *path,
                          struct reason *difference)
{
        bool equal;

        if (is_number(expected) && is_number(got))
                equal = numbers_equal(expected, got);
        else if (json_object_get_type(expected) != json_object_get_type(got))
                equal = false;
        else if (json_object_is_type(expected, json_type_array))
                return lists_equal(expected, got, path, difference);
        else if (json_object_is_type(expected, json_type_object))
                return objects_equal(expected, got, path, difference);
        else
                equal = json_object_equal(expected, got) != 0;
        return equal || differ(expected, got, path, difference);
}
