// SPDX-License-Identifier: MIT
#include "localhub/model/models.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "localhub/model/models_inside.h"

#define FILE_MAX    ((size_t)8 * 1024 * 1024)
#define FILE_DEPTH  40
#define EXTENDS_MAX 10 /* levels */
#define NAME_END    ".json"

struct models {
        struct json_object *files; /* an array: what was read */
        struct map *by_id;         /* interfaces, which belong to `files` */
};

/* --- reading --------------------------------------------------------------------------------- */

/* False with the reason. */
static bool add_interface(struct models *models, struct json_object *interface,
                          struct reason *reason)
{
        const char *id = json_text_member(interface, "@id");

        if (!model_has_type(interface, "Interface") || text_is_empty(id)) {
                reason_set(reason, "an interface must have '@id' and '@type': 'Interface'");
                return false;
        }
        if (map_get(models->by_id, id)) {
                reason_set(reason, "there are two of %s", id);
                return false;
        }
        map_set(models->by_id, id, interface);
        return true;
}

static bool add_all(struct models *models, struct json_object *file, struct reason *reason)
{
        if (!json_object_is_type(file, json_type_array))
                return add_interface(models, file, reason);
        for (size_t i = 0; i < json_object_array_length(file); i++) {
                if (!add_interface(models, json_object_array_get_idx(file, i), reason))
                        return false;
        }
        return true;
}

static int load_file(struct models *models, const char *path, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct json_object *file;
        int r = file_read(path, FILE_MAX, &text, reason);

        if (r != 0)
                return r;
        file = json_parse(buf_text(&text), text.size, FILE_DEPTH, JSON_STRICT, reason);
        if (file)
                json_object_array_add(models->files, file);
        if (file && add_all(models, file, reason))
                return 0;
        reason_prefix(reason, "%s", path);
        return -EINVAL;
}

static int load_folder(struct models *models, const char *path, struct reason *reason)
{
        DIR *folder = opendir(path);
        struct dirent *entry;
        int r = 0;

        if (!folder) {
                reason_set(reason, "%s can't be read: %s", path, strerror(errno));
                return -errno;
        }
        while (r == 0 && (entry = readdir(folder)) != NULL) {
                CLEANUP(mem_cleanup) char *file = mem_format("%s/%s", path, entry->d_name);

                if (entry->d_name[0] != '.' &&
                    text_size_without(entry->d_name, NAME_END) < strlen(entry->d_name))
                        r = load_file(models, file, reason);
        }
        closedir(folder);
        return r;
}

int models_load(const char *path, struct models **models, struct reason *reason)
{
        struct models *made = mem_new(1, sizeof(*made));
        struct stat about;
        bool is_folder = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
        int r;

        made->files = json_object_new_array();
        made->by_id = map_new();
        r = is_folder ? load_folder(made, path, reason) : load_file(made, path, reason);
        if (r == 0 && map_count(made->by_id) == 0) {
                reason_set(reason, "%s has no file *" NAME_END, path);
                r = -EINVAL;
        }
        if (r == 0)
                *models = made;
        else
                models_free(made);
        return r;
}

void models_free(struct models *models)
{
        if (!models)
                return;
        map_free(models->by_id);
        json_object_put(models->files);
        free(models);
}

/* --- finding --------------------------------------------------------------------------------- */

static struct json_object *content_in(struct json_object *interface, const char *type,
                                      const char *name)
{
        struct json_object *contents = json_member(interface, "contents");

        for (size_t i = 0; json_object_is_type(contents, json_type_array) &&
                           i < json_object_array_length(contents);
             i++) {
                struct json_object *one = json_object_array_get_idx(contents, i);

                if (text_equal(json_text_member(one, "name"), name) && model_has_type(one, type))
                        return one;
        }
        return NULL;
}

/* Of the interface, or of those that it extends; `*owner` is where it was found. */
static struct json_object *find_content(const struct models *models, struct json_object **owner,
                                        const char *type, const char *name, int depth)
{
        struct json_object *interface = *owner;
        struct json_object *found = content_in(interface, type, name);
        struct json_object *extends = json_member(interface, "extends");
        size_t count = json_object_is_type(extends, json_type_array)
                               ? json_object_array_length(extends)
                               : extends != NULL;

        for (size_t i = 0; !found && i < count && depth < EXTENDS_MAX; i++) {
                struct json_object *one = json_object_is_type(extends, json_type_array)
                                                  ? json_object_array_get_idx(extends, i)
                                                  : extends;

                *owner = json_object_is_type(one, json_type_string)
                                 ? map_get(models->by_id, json_object_get_string(one))
                                 : one;
                if (*owner)
                        found = find_content(models, owner, type, name, depth + 1);
        }
        return found;
}

/* The interface of a component; NULL, perhaps with a warning. */
static struct json_object *component_of(const struct models *models,
                                        const struct schema_check *check, const char *name)
{
        struct json_object *owner = check->interface;
        struct json_object *component = find_content(models, &owner, "Component", name, 0);
        struct json_object *schema = component ? json_member(component, "schema") : NULL;

        if (!component)
                model_warn(check, "%s has no component '%.64s'", check->interface_id, name);
        if (json_object_is_type(schema, json_type_string))
                return map_get(models->by_id, json_object_get_string(schema));
        return schema;
}

/* False if there is nothing to compare with. */
static bool begin(const struct models *models, const char *model_id, struct json_object *warnings,
                  struct schema_check *check)
{
        if (!models || text_is_empty(model_id))
                return false;
        *check = (struct schema_check){
                .interface = map_get(models->by_id, model_id),
                .interface_id = model_id,
                .warnings = warnings,
        };
        if (!check->interface)
                model_warn(check, "there is no model %.128s here", model_id);
        return check->interface != NULL;
}

static void enter(struct schema_check *check, struct json_object *interface)
{
        const char *id = json_text_member(interface, "@id");

        check->interface = interface;
        check->interface_id = id ? id : check->interface_id;
}

/* --- comparing ------------------------------------------------------------------------------- */

static void check_member(const struct models *models, const struct schema_check *check,
                         const char *type, const char *name, struct json_object *value)
{
        struct schema_check inner = *check;
        struct json_object *owner = check->interface;
        struct json_object *content = find_content(models, &owner, type, name, 0);

        if (!content) {
                model_warn(check, "'%.64s' is no %s of %s", name,
                           strcmp(type, "Property") == 0 ? "property" : "telemetry",
                           check->interface_id);
                return;
        }
        inner.interface = owner;
        model_check_value(&inner, name, json_member(content, "schema"), value);
}

void models_check_telemetry(const struct models *models, const char *model_id,
                            const char *component, struct json_object *body,
                            struct json_object *warnings)
{
        struct schema_check check;
        struct json_object *interface;

        if (!begin(models, model_id, warnings, &check))
                return;
        if (!text_is_empty(component)) {
                interface = component_of(models, &check, component);
                if (!interface)
                        return;
                enter(&check, interface);
        }
        if (!json_object_is_type(body, json_type_object)) {
                model_warn(&check, "the body is no JSON object");
                return;
        }
        json_object_object_foreach (body, name, value) {
                check_member(models, &check, "Telemetry", name, value);
        }
}

/* An answer to a writable property has the value inside. */
static void check_properties(const struct models *models, const struct schema_check *check,
                             struct json_object *properties)
{
        json_object_object_foreach (properties, name, value) {
                bool answers = json_member(value, "av") && json_member(value, "ac");

                if (name[0] == '$' || strcmp(name, "__t") == 0 ||
                    text_equal(json_text_member(value, "__t"), "c"))
                        continue;
                check_member(models, check, "Property", name,
                             answers ? json_member(value, "value") : value);
        }
}

void models_check_reported(const struct models *models, const char *model_id,
                           struct json_object *reported, struct json_object *warnings)
{
        struct schema_check check;

        if (!json_object_is_type(reported, json_type_object) ||
            !begin(models, model_id, warnings, &check))
                return;
        check_properties(models, &check, reported);
        json_object_object_foreach (reported, name, value) {
                struct schema_check inner = check;
                struct json_object *interface;

                if (!text_equal(json_text_member(value, "__t"), "c"))
                        continue;
                interface = component_of(models, &check, name);
                if (!interface)
                        continue;
                enter(&inner, interface);
                check_properties(models, &inner, value);
        }
}
