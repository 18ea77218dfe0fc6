// SPDX-License-Identifier: MIT
/* The service's REST API: many devices and modules at once, in a request or a blob (rule W32). */
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/rest/rest_call.h"

#define BULK_MAX 100

struct import_mode {
        const char *name;
        enum {
                IMPORT_DEVICE,
                IMPORT_TWIN,
                IMPORT_REMOVAL,
        } what;
        bool checks_etag;
        enum registry_put how; /* of a device */
};

static const struct import_mode modes[] = {
        {"create", IMPORT_DEVICE, false, REGISTRY_CREATE},
        {"createOrUpdate", IMPORT_DEVICE, false, REGISTRY_UPSERT},
        {"update", IMPORT_DEVICE, false, REGISTRY_UPDATE},
        {"updateIfMatchETag", IMPORT_DEVICE, true, REGISTRY_UPDATE},
        {"updateTwin", IMPORT_TWIN, false, REGISTRY_UPDATE},
        {"updateTwinIfMatchETag", IMPORT_TWIN, true, REGISTRY_UPDATE},
        {"delete", IMPORT_REMOVAL, false, REGISTRY_UPDATE},
        {"deleteIfMatchETag", IMPORT_REMOVAL, true, REGISTRY_UPDATE},
};

/* NULL with the reason. */
static const struct import_mode *read_mode(struct json_object *entry, struct reason *reason)
{
        const char *name = json_text_member(entry, "importMode");

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                if (text_equal_nocase(name, modes[i].name))
                        return &modes[i];
        }
        reason_set(reason, "'importMode' is none of IoT Hub's");
        return NULL;
}

/* 0 or the error; a twin that is updated keeps what is not named. */
static int import_section(const struct service_call *call, const char *id,
                          struct json_object *section, enum registry_section which, bool replaces,
                          struct reason *reason)
{
        if (!json_object_is_type(section, json_type_object))
                return 0;
        json_object_object_del(section, "$metadata");
        json_object_object_del(section, "$version");
        return registry_twin_patch(call->registry, call->hub_index, id, which, section, replaces,
                                   NULL, reason) == 0
                       ? 0
                       : REST_ARGUMENT_INVALID;
}

static int import_twin(const struct service_call *call, const char *id, struct json_object *entry,
                       bool replaces, struct reason *reason)
{
        struct json_object *properties = json_object_member(entry, "properties");
        int error = import_section(call, id, json_member(entry, "tags"), REGISTRY_TAGS, replaces,
                                   reason);

        return error ? error
                     : import_section(call, id, json_member(properties, "desired"),
                                      REGISTRY_DESIRED, replaces, reason);
}

/* 0, or the error if there is no such device or its ETag is another. */
static int check_entry(const struct service_call *call, const char *id, struct json_object *entry,
                       const struct import_mode *mode, struct reason *reason)
{
        const char *etag = json_text_member(entry, mode->what == IMPORT_TWIN ? "twinETag" : "eTag");
        struct registry_device device;
        bool exists = registry_device_get(call->registry, call->hub_index, id, &device);

        if (!exists && mode->what != IMPORT_DEVICE) {
                reason_set(reason, "device '%s' does not exist", id);
                return REST_DEVICE_NOT_FOUND;
        }
        if (exists && mode->checks_etag && !text_equal(etag, device.etag)) {
                reason_set(reason, "'%s' is not the current one",
                           mode->what == IMPORT_TWIN ? "twinETag" : "eTag");
                return REST_PRECONDITION_FAILED;
        }
        return 0;
}

/* `DEVICE` or `DEVICE/MODULE`, the caller's; NULL with the reason. */
static char *read_identity(struct json_object *entry, struct reason *reason)
{
        const char *id = json_text_member(entry, "id");
        const char *module = json_text_member(entry, "moduleId");

        if (!id)
                reason_set(reason, "'id' is missing");
        if (!id || text_is_empty(module))
                return mem_text(id);
        return mem_format("%s/%s", id, module);
}

int rest_import_device(struct service_call *call, struct json_object *entry, struct reason *reason)
{
        const struct import_mode *mode = read_mode(entry, reason);
        CLEANUP(mem_cleanup) char *id = mode ? read_identity(entry, reason) : NULL;
        int error = id ? check_entry(call, id, entry, mode, reason) : REST_ARGUMENT_INVALID;

        if (error)
                return error;
        if (mode->what == IMPORT_REMOVAL) {
                registry_device_remove(call->registry, call->hub_index, id);
                return 0;
        }
        if (mode->what == IMPORT_DEVICE)
                error = rest_put_device(call, id, entry, mode->how, reason);
        return error ? error : import_twin(call, id, entry, mode->what == IMPORT_DEVICE, reason);
}

static struct json_object *import_error(struct json_object *entry, int error,
                                        const struct reason *reason)
{
        struct json_object *described = json_object_new_object();
        const char *id = json_text_member(entry, "id");
        const char *module = json_text_member(entry, "moduleId");

        json_add_text(described, "deviceId", id ? id : "");
        if (module)
                json_add_text(described, "moduleId", module);
        json_add_int(described, "errorCode", error);
        json_add_text(described, "errorStatus", reason->text);
        return described;
}

void rest_device_bulk(struct service_call *call)
{
        struct json_object *answer;
        struct json_object *errors;

        if (!json_object_is_type(call->body, json_type_array) ||
            json_object_array_length(call->body) > BULK_MAX) {
                rest_fail(call->exchange, REST_ARGUMENT_INVALID,
                          "the body must be an array of at most %d devices", BULK_MAX);
                return;
        }
        errors = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(call->body); i++) {
                struct json_object *entry = json_object_array_get_idx(call->body, i);
                struct reason reason = REASON_INIT;
                int error = rest_import_device(call, entry, &reason);

                if (error)
                        json_object_array_add(errors, import_error(entry, error, &reason));
        }
        answer = json_object_new_object();
        json_add_bool(answer, "isSuccessful", json_object_array_length(errors) == 0);
        json_object_object_add(answer, "errors", errors);
        json_object_object_add(answer, "warnings", json_object_new_array());
        rest_answer(call->exchange, 200, answer);
}
