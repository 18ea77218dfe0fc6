// SPDX-License-Identifier: MIT
/* What is said at the top level is said of every camera that has no word of its own. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/settings/camera_rows.h"
#include "conf/engine/load.h"

/* Two cameras can't be one device. */
static const char *const own_only[] = {"Application.DeviceID"};

static bool is_inherited(const struct conf_row *row)
{
        for (size_t i = 0; i < ARRAY_SIZE(own_only); i++) {
                if (strcmp(row->path, own_only[i]) == 0)
                        return false;
        }
        return true;
}

/* The row of one camera that says the same; NULL if there is none. */
static const struct conf_row *row_of_camera(const struct conf_schema *schema,
                                            const struct conf_row *common)
{
        size_t prefix = strlen(CAMERAS_PREFIX);

        for (size_t i = 0; i < schema->row_count; i++) {
                const char *path = schema->rows[i].path;

                if (strncmp(path, CAMERAS_PREFIX, prefix) == 0 &&
                    strcmp(path + prefix, common->path) == 0)
                        return &schema->rows[i];
        }
        return NULL;
}

/* "Zones" of "Cameras.*.Zones.*.Polygon": maps are inherited as a whole. */
static size_t section_size(const struct conf_row *row)
{
        const char *star = strstr(row->path + strlen(CAMERAS_PREFIX), ".*.");

        return star ? (size_t)(star - row->path) : strlen(row->path);
}

/* Whether the first `count` bindings give this camera a setting of the same section. */
static bool has_own(const struct conf_load *load, size_t count, const struct conf_row *row,
                    const char *camera)
{
        size_t size = section_size(row);

        for (size_t i = 0; i < count; i++) {
                const struct conf_binding *binding = &load->bindings[i];

                /* That the camera is there says nothing of it. */
                if (binding->index == CONF_ITEM && !binding->row->map->outer)
                        continue;
                if (strncmp(binding->row->path, row->path, size) == 0 &&
                    strchr(".", binding->row->path[size]) &&
                    text_equal(binding->captures[0], camera))
                        return true;
        }
        return false;
}

/* The cameras' names, each once, in the order of the file; the caller's to free, not the names. */
static size_t list_cameras(const struct conf_load *load, char ***names)
{
        size_t count = 0;

        *names = mem_new(load->count + 1, sizeof(**names));
        for (size_t i = 0; i < load->count; i++) {
                const struct conf_binding *binding = &load->bindings[i];
                size_t known = 0;

                if (strncmp(binding->row->path, CAMERAS_PREFIX, strlen(CAMERAS_PREFIX)) != 0)
                        continue;
                while (known < count && !text_equal((*names)[known], binding->captures[0]))
                        known++;
                if (known == count)
                        (*names)[count++] = binding->captures[0];
        }
        return count;
}

void camera_settings_inherit(struct conf_load *load)
{
        char **names;
        size_t name_count = list_cameras(load, &names);
        size_t count = load->count;
        struct conf_binding *given = mem_new(count + 1, sizeof(*given));
        /* What is added may be put between the others, so these are looked at as they were. */
        const struct conf_load before = {.bindings = given, .count = count};

        for (size_t i = 0; i < count; i++)
                given[i] = load->bindings[i];
        for (size_t i = 0; i < count; i++) {
                const struct conf_row *row = row_of_camera(load->schema, given[i].row);

                if (!row || !is_inherited(given[i].row))
                        continue;
                for (size_t camera = 0; camera < name_count; camera++) {
                        const struct conf_match match = {
                                .row = row,
                                .captures = {names[camera], given[i].captures[0]},
                                .capture_count = given[i].captures[0] ? 2 : 1,
                                .index = given[i].index,
                                .via = given[i].via,
                        };

                        if (!has_own(&before, count, row, names[camera]))
                                conf_add_binding(load, &match, given[i].entry);
                }
        }
        free(given);
        free(names);
}
