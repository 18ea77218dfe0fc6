// SPDX-License-Identifier: MIT
/* Which hub is a camera's: what its connection string says, what is remembered, or the service. */
#include <stdlib.h>
#include <string.h>

#include "azure/connection_string.h"
#include "azure/device_key.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "camera/cloud/cloud_inside.h"

static void free_secret(char *text)
{
        if (text)
                mem_wipe(text, strlen(text));
        free(text);
}

void cloud_assignment_deinit(struct cloud_assignment *assignment)
{
        free(assignment->hub);
        free(assignment->device_id);
        free_secret(assignment->key);
        free(assignment->key_name);
        *assignment = (struct cloud_assignment){.hub = NULL};
}

static bool secret_is_known(const char *text, const char *path, struct reason *reason)
{
        if (!conf_secret_is_awaited(text))
                return true;
        reason_set(reason, "%s is not known yet: its Key Vault has not given it", path);
        return false;
}

static bool derive_key(const struct camera_settings *camera, struct buf *key, struct reason *reason)
{
        const char *group = conf_secret_text(&camera->azure.group_enrollment_key);

        return secret_is_known(group, "AzureIoTHubDPS.GroupEnrollmentKey", reason) &&
               device_key_derive(key, group, camera->device_id, reason);
}

/* Copies what it is given. */
static void set_assignment(struct cloud_device *device, const char *hub, const char *device_id,
                           const char *key, const char *key_name)
{
        struct cloud_assignment *old = &device->assignment;
        bool is_new = old->is_new || !text_equal(old->hub, hub) ||
                      !text_equal(old->device_id, device_id) || !text_equal(old->key, key);

        pthread_mutex_lock(&device->lock);
        cloud_assignment_deinit(old);
        *old = (struct cloud_assignment){
                .hub = mem_text(hub),
                .device_id = mem_text(device_id),
                .key = mem_text(key),
                .key_name = mem_text(key_name),
                .is_new = is_new,
        };
        pthread_mutex_unlock(&device->lock);
}

/* Of one that came from elsewhere later on, nobody has seen before whose it is. */
static bool read_connection_string(const struct camera_settings *camera,
                                   struct connection_string *parsed, struct reason *reason)
{
        const char *text = conf_secret_text(&camera->azure.connection_string);

        if (!secret_is_known(text, "AzureIoTHub.ConnectionString", reason) ||
            !connection_string_parse(text, parsed, reason))
                return false;
        if (!parsed->device_id || text_equal(parsed->device_id, camera->device_id))
                return true;
        reason_set(reason, "the connection string is of another device, '%s'", parsed->device_id);
        return false;
}

static void by_connection_string(struct cloud_device *device)
{
        CLEANUP(connection_string_deinit)
        struct connection_string parsed = CONNECTION_STRING_INIT;
        struct dps_result failed = {.status = DPS_FAILED, .retry_after_ms = -1};

        if (!read_connection_string(device->camera, &parsed, &failed.reason)) {
                cloud_device_decided(device, &failed);
                return;
        }
        set_assignment(device, parsed.host_name, device->camera->device_id,
                       parsed.shared_access_key, parsed.shared_access_key_name);
        cloud_device_decided(device, NULL);
}

/* What an assignment was made for; one for something else is none. */
static void write_question(const struct cloud_device *device, struct json_object *record)
{
        const struct camera_settings *camera = device->camera;

        json_add_text(record, "registrationId", camera->device_id);
        json_add_text(record, "idScope", camera->azure.id_scope);
        json_add_text(record, "endpoint", camera->azure.dps_endpoint);
        json_add_text(record, "modelId", camera->azure.dtdl_model_id);
}

/* What is remembered and still fits; the caller's to put. Or NULL. */
static struct json_object *recall(const struct cloud_device *device)
{
        static const char *const names[] = {"registrationId", "idScope", "endpoint", "modelId"};
        CLEANUP(json_cleanup) struct json_object *question = json_object_new_object();
        struct json_object *record = NULL;
        bool fits;

        if (!device->remembered)
                return NULL;
        record = json_parse(device->remembered, strlen(device->remembered), 4, JSON_STRICT, NULL);
        write_question(device, question);
        fits = json_text_member(record, "hub") && json_text_member(record, "deviceId");
        for (size_t i = 0; i < ARRAY_SIZE(names) && fits; i++)
                fits = text_equal(json_text_member(record, names[i]),
                                  json_text_member(question, names[i]));
        if (fits)
                return record;
        json_object_put(record);
        return NULL;
}

static void remember(struct cloud_device *device, const char *hub, const char *device_id)
{
        CLEANUP(json_cleanup) struct json_object *record = json_object_new_object();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        json_add_text(record, "hub", hub);
        json_add_text(record, "deviceId", device_id);
        write_question(device, record);
        json_write(&text, record);
        if (text_equal(device->remembered, buf_text(&text)))
                return;
        store_write_copy(device->cloud->options.store, &(struct store_record){
                                                               .kind = CLOUD_ASSIGNMENT_KIND,
                                                               .key = device->key,
                                                               .value = text.data,
                                                               .value_size = text.size,
                                                       });
        free(device->remembered);
        device->remembered = buf_take(&text);
        log_info("DEVICE_ASSIGNED", "A device was assigned to a hub",
                 LOG_TEXT("device", device->key), LOG_TEXT("hub", hub),
                 LOG_TEXT("hub_device", device_id), LOG_END);
}

/* On the thread "loop". */
static void take_answer(void *context)
{
        struct cloud_device *device = context;
        struct cloud_answer *answer = &device->answer;
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        bool is_assigned = answer->result.status == DPS_ASSIGNED &&
                           derive_key(device->camera, &key, &answer->result.reason);

        device->is_asking = false;
        metrics_add(is_assigned ? METRIC_DPS_REGISTERED : METRIC_DPS_REFUSED, 1);
        if (device->cloud->is_stopped)
                return;
        if (answer->result.status == DPS_UNAUTHORIZED)
                (void)clock_check_refused(&device->cloud->clock, answer->result.clock_ahead_ms);
        if (!is_assigned) {
                cloud_device_decided(device, &answer->result);
                return;
        }
        remember(device, answer->hub, answer->device_id);
        set_assignment(device, answer->hub, answer->device_id, buf_text(&key), NULL);
        cloud_device_decided(device, NULL);
}

/* On the thread "http". */
static void answered(void *context, const struct dps_result *result)
{
        struct cloud_device *device = context;

        free(device->answer.hub);
        free(device->answer.device_id);
        device->answer = (struct cloud_answer){
                .result = *result,
                .hub = mem_text(result->assigned_hub),
                .device_id = mem_text(result->device_id),
        };
        loop_post(device->cloud->options.loop, take_answer, device);
}

static void ask(struct cloud_device *device, const char *key, bool is_repeated)
{
        const struct camera_settings *camera = device->camera;

        if (device->is_asking)
                return;
        device->is_asking = true;
        dps_register(device->cloud->options.dps,
                     &(struct dps_registration){
                             .endpoint = camera->azure.dps_endpoint,
                             .id_scope = camera->azure.id_scope,
                             .registration_id = camera->device_id,
                             .device_key = key,
                             .model_id = camera->azure.dtdl_model_id,
                             .kind = is_repeated ? DPS_REPEATED : DPS_URGENT,
                     },
                     answered, device);
}

void cloud_assign(struct cloud_device *device, bool is_doubted)
{
        CLEANUP(json_cleanup) struct json_object *record = NULL;
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        struct dps_result failed = {.status = DPS_FAILED, .retry_after_ms = -1};

        THREAD_ASSERT(LOOP_THREAD);
        if (device->camera->azure.connection_string) {
                by_connection_string(device);
                return;
        }
        if (!derive_key(device->camera, &key, &failed.reason)) {
                cloud_device_decided(device, &failed);
                return;
        }
        record = is_doubted ? NULL : recall(device);
        if (!record) {
                ask(device, buf_text(&key), is_doubted);
                return;
        }
        set_assignment(device, json_text_member(record, "hub"),
                       json_text_member(record, "deviceId"), buf_text(&key), NULL);
        cloud_device_decided(device, NULL);
}
