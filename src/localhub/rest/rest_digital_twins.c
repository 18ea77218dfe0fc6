// SPDX-License-Identifier: MIT
/* The service's REST API: digital twins (rule W36), which are twins read by the rules of plug and
 * play. */
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/rest/rest_call.h"

#define MARK          "__t" /* of a component: "c" */
#define PATCHES_MAX   100
#define TIMEOUT_MAX_S 300

/* --- reading --------------------------------------------------------------------------------- */

/* What the twin knows of one component, or of the root. */
struct side {
        struct json_object *values;   /* NULL = nothing */
        struct json_object *metadata; /* `$metadata` of it; NULL = none */
};

static struct side side_of(struct json_object *section)
{
        return (struct side){section, json_object_member(section, "$metadata")};
}

static bool is_component(struct json_object *value)
{
        return text_equal(json_text_member(value, MARK), "c");
}

static struct side inside(const struct side *side, const char *name)
{
        struct json_object *value = json_object_member(side->values, name);

        return (struct side){is_component(value) ? value : NULL,
                             json_object_member(side->metadata, name)};
}

static bool is_name(const char *name)
{
        return name[0] != '$' && strcmp(name, MARK) != 0;
}

static void move(struct json_object *to, const char *name, struct json_object *from,
                 const char *old_name)
{
        struct json_object *value = json_member(from, old_name);

        if (value)
                json_object_object_add(to, name, json_object_get(value));
}

/* The metadata of a property, made when it is first needed. */
static struct json_object *metadata_of(struct json_object *all, const char *name)
{
        struct json_object *made = json_object_member(all, name);

        if (made)
                return made;
        made = json_object_new_object();
        json_object_object_add(all, name, made);
        return made;
}

static void add_time(struct json_object *metadata, const struct side *side, const char *name)
{
        move(metadata, "lastUpdateTime", json_object_member(side->metadata, name), "$lastUpdated");
}

/* An answer to a writable property has the value inside, and says what it answers. */
static void add_reported(struct json_object *made, struct json_object *metadata,
                         const struct side *reported)
{
        if (!reported->values)
                return;
        json_object_object_foreach (reported->values, name, value) {
                struct json_object *about;
                bool answers = json_member(value, "av") && json_member(value, "ac");

                if (!is_name(name) || is_component(value))
                        continue;
                about = metadata_of(metadata, name);
                json_object_object_add(
                        made, name, json_object_get(answers ? json_member(value, "value") : value));
                if (answers) {
                        move(about, "ackVersion", value, "av");
                        move(about, "ackCode", value, "ac");
                        move(about, "ackDescription", value, "ad");
                }
                add_time(about, reported, name);
        }
}

static void add_desired(struct json_object *metadata, const struct side *desired, int64_t version)
{
        if (!desired->values)
                return;
        json_object_object_foreach (desired->values, name, value) {
                struct json_object *about;

                if (!is_name(name) || is_component(value))
                        continue;
                about = metadata_of(metadata, name);
                json_object_object_add(about, "desiredValue", json_object_get(value));
                json_add_int(about, "desiredVersion", version);
                if (!json_member(about, "lastUpdateTime"))
                        add_time(about, desired, name);
        }
}

static struct json_object *add_part(struct json_object *made, const struct side *desired,
                                    const struct side *reported, int64_t version)
{
        struct json_object *metadata = json_object_new_object();

        add_reported(made, metadata, reported);
        add_desired(metadata, desired, version);
        json_object_object_add(made, "$metadata", metadata);
        return metadata;
}

static void add_components(struct json_object *made, const struct side *of,
                           const struct side *desired, const struct side *reported, int64_t version)
{
        if (!of->values)
                return;
        json_object_object_foreach (of->values, name, value) {
                struct side inner_desired;
                struct side inner_reported;
                struct json_object *component;

                if (!is_component(value) || json_member(made, name))
                        continue;
                inner_desired = inside(desired, name);
                inner_reported = inside(reported, name);
                component = json_object_new_object();
                (void)add_part(component, &inner_desired, &inner_reported, version);
                json_object_object_add(made, name, component);
        }
}

static struct json_object *digital_twin(struct service_call *call,
                                        const struct registry_device *device)
{
        CLEANUP(json_cleanup) struct json_object *twin = rest_twin_document(call, device);
        struct json_object *properties = json_object_member(twin, "properties");
        struct side desired = side_of(json_object_member(properties, "desired"));
        struct side reported = side_of(json_object_member(properties, "reported"));
        struct json_object *made = json_object_new_object();
        struct json_object *metadata;
        int64_t version = 0;

        (void)json_int_member(desired.values, "$version", &version);
        json_add_text(made, "$dtId", device->id);
        metadata = add_part(made, &desired, &reported, version);
        json_object_object_add(metadata, "$model", json_object_new_string(device->model_id));
        add_components(made, &reported, &desired, &reported, version);
        add_components(made, &desired, &desired, &reported, version);
        return made;
}

void rest_digital_twin_get(struct service_call *call)
{
        struct registry_device device;

        if (rest_find_device(call, &device))
                rest_answer_device(call, &device, digital_twin(call, &device));
}

/* --- changing -------------------------------------------------------------------------------- */

/* A part of a JSON pointer (RFC 6901), behind its slash. */
static char *take_part(const char **path)
{
        CLEANUP(buf_deinit) struct buf part = BUF_INIT;
        const char *at = *path + 1;

        for (; *at && *at != '/'; at++) {
                if (at[0] == '~' && (at[1] == '0' || at[1] == '1'))
                        buf_add_char(&part, *++at == '0' ? '~' : '/');
                else
                        buf_add_char(&part, *at);
        }
        *path = at;
        return mem_text(buf_text(&part));
}

/* The component in the patch, marked as one. */
static struct json_object *component_in(struct json_object *patch, const char *name)
{
        struct json_object *made = json_object_member(patch, name);

        if (made)
                return made;
        made = json_object_new_object();
        json_add_text(made, MARK, "c");
        json_object_object_add(patch, name, made);
        return made;
}

static void add_component(struct json_object *patch, const char *name, struct json_object *value)
{
        struct json_object *component = component_in(patch, name);

        json_object_object_foreach (value, member, inner) {
                if (is_name(member))
                        json_object_object_add(component, member, json_object_get(inner));
        }
}

/* `/PROPERTY`, `/COMPONENT` (its value has `$metadata`), or `/COMPONENT/PROPERTY`. */
static bool add_operation(struct json_object *patch, struct json_object *operation)
{
        const char *op = json_text_member(operation, "op");
        const char *path = json_text_member(operation, "path");
        CLEANUP(mem_cleanup) char *first = NULL;
        CLEANUP(mem_cleanup) char *second = NULL;
        struct json_object *value = NULL;
        bool removes = text_equal(op, "remove");

        if (!path || path[0] != '/' ||
            (!removes && !text_equal(op, "add") && !text_equal(op, "replace")) ||
            (!removes && !json_object_object_get_ex(operation, "value", &value)))
                return false;
        first = take_part(&path);
        if (*path == '/')
                second = take_part(&path);
        if (*path || !first[0] || (second && !second[0]))
                return false;
        if (second)
                json_object_object_add(component_in(patch, first), second, json_object_get(value));
        else if (json_object_member(value, "$metadata"))
                add_component(patch, first, value);
        else
                json_object_object_add(patch, first, json_object_get(value));
        return true;
}

/* NULL if it is no patch. */
static struct json_object *read_patch(struct json_object *operations)
{
        struct json_object *patch;

        if (!json_object_is_type(operations, json_type_array) ||
            json_object_array_length(operations) > PATCHES_MAX)
                return NULL;
        patch = json_object_new_object();
        for (size_t i = 0; i < json_object_array_length(operations); i++) {
                if (add_operation(patch, json_object_array_get_idx(operations, i)))
                        continue;
                json_object_put(patch);
                return NULL;
        }
        return patch;
}

void rest_digital_twin_patch(struct service_call *call)
{
        CLEANUP(json_cleanup) struct json_object *patch = read_patch(call->body);
        struct registry_device device;
        struct reason reason = REASON_INIT;

        if (!rest_find_device(call, &device) || !rest_match(call, device.etag, NULL))
                return;
        if (!patch)
                reason_set(&reason, "the body must be a JSON patch: add, replace or remove of "
                                    "/PROPERTY, /COMPONENT or /COMPONENT/PROPERTY");
        if (!patch ||
            registry_twin_patch(call->registry, call->hub_index, device.id, REGISTRY_DESIRED, patch,
                                false, NULL, &reason) != 0 ||
            !registry_device_get(call->registry, call->hub_index, device.id, &device)) {
                rest_fail(call->exchange, REST_ARGUMENT_INVALID, "%s", reason.text);
                return;
        }
        rest_add_etag(call->exchange, device.etag);
        http_exchange_answer(call->exchange, 202, NULL, NULL);
}

/* --- commands -------------------------------------------------------------------------------- */

/* On the thread "hub-devices". */
static void command_done(void *context, enum local_hub_method_result result, int status,
                         const void *payload, size_t payload_size)
{
        struct http_exchange *exchange = context;
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        CLEANUP(mem_cleanup) char *code = NULL;

        if (result != LOCAL_HUB_METHOD_ANSWERED) {
                rest_fail_method(exchange, result);
                return;
        }
        code = mem_format("%d", status);
        http_exchange_add_header(exchange, "x-ms-command-statuscode", code);
        answer = service_method_answer(status, payload, payload_size);
        rest_answer(exchange, 200, json_object_get(json_member(answer, "payload")));
}

static int64_t milliseconds(struct service_call *call, const char *name, int64_t fall_back_s)
{
        const char *text = http_exchange_argument(call->exchange, name);
        int64_t seconds;

        if (!text || !text_to_int64(text, 0, TIMEOUT_MAX_S, &seconds))
                seconds = fall_back_s;
        return seconds * 1000;
}

static void invoke(struct service_call *call, const char *method)
{
        struct registry_device device;

        if (!rest_find_device(call, &device))
                return;
        if (!service_invoke(
                    call, device.id,
                    (struct local_hub_method){
                            .name = method,
                            .response_timeout_ms =
                                    milliseconds(call, "responseTimeoutInSeconds", 30),
                            .connect_timeout_ms = milliseconds(call, "connectTimeoutInSeconds", 0),
                    },
                    call->body, command_done))
                rest_fail(call->exchange, REST_PAYLOAD_TOO_LARGE,
                          "a command's payload has at most 128 KB");
}

void rest_digital_twin_command(struct service_call *call)
{
        invoke(call, call->arguments[1]);
}

void rest_digital_twin_component_command(struct service_call *call)
{
        CLEANUP(mem_cleanup)
        char *method = mem_format("%s*%s", call->arguments[1], call->arguments[2]);

        invoke(call, method);
}
