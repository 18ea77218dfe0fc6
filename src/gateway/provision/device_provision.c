// SPDX-License-Identifier: MIT
#include "gateway/provision/device_provision.h"

#include <stdlib.h>
#include <string.h>

#include "azure/connection_string.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/json/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/provision/certificate_clerk.h"
#include "gateway/provision/registration_operation.h"

/* What the service has answered is not doubted for so long; doubled at each answer. */
#define ASK_MIN_MS (5 * 60 * 1000)
#define ASK_MAX_MS (60 * 60 * 1000)

struct device_provision {
        struct device_provision_options options;
        struct device_assignments *assignments;
        struct map *registrations; /* device key to what is under way */
        struct certificate_clerk *clerk;
};

/* A registration under way, and its answer on its way between threads. */
struct registration {
        struct device_provision *provision;
        struct device *device;
        bool decides; /* the device waits for it: options.decided */
        bool is_urgent;
        bool is_move; /* to another ID scope than that of the settings, or back */
        struct certificate *certificate; /* of the device; NULL = it has a key, or not yet */
        bool may_recall;                 /* what is remembered will do, if it is this device's */
        bool is_recalled;                /* it did */
        device_provision_told *told;     /* or NULL */
        void *told_context;
        struct registration_operation operation;
        struct device_answer answer; /* the device may have changed when it comes */
        struct dps_result result;
};

struct device_provision *device_provision_new(const struct device_provision_options *options)
{
        struct device_provision *provision = mem_new(1, sizeof(*provision));

        provision->options = *options;
        provision->assignments = device_assignments_new(options->store);
        provision->registrations = map_new();
        provision->clerk = certificate_clerk_new(options->loop);
        return provision;
}

static void registration_free(void *context)
{
        struct registration *registration = context;

        certificate_free(registration->certificate);
        device_answer_deinit(&registration->answer);
        free(registration);
}

void device_provision_free(struct device_provision *provision)
{
        if (!provision)
                return;
        certificate_clerk_free(provision->clerk);
        map_free_values(provision->registrations, registration_free);
        device_assignments_free(provision->assignments);
        free(provision);
}

void device_provision_take(void *context, const struct store_record *record)
{
        struct device_provision *provision = context;

        device_assignments_take(provision->assignments, record);
}

/* The answer is still true when the device has come back. */
static bool decide_nothing(void *context, const char *device_key, void *value)
{
        const struct store_shards *shards = context;
        struct registration *registration = value;

        if (store_shards_has(shards, device_key_shard(device_key)))
                registration->decides = false;
        return true;
}

void device_provision_forget_shards(void *context, const struct store_shards *shards)
{
        struct device_provision *provision = context;
        struct store_shards left = *shards;

        device_assignments_forget_shards(provision->assignments, shards);
        map_each(provision->registrations, decide_nothing, &left);
}

/* An assignment whose texts are somebody else's. */
struct assignment {
        const char *hub;
        const char *device_id;
        const char *key;
        const char *key_name;
        struct certificate *certificate;
};

static void assignment_set(struct device *device, const struct assignment *assignment)
{
        struct device_assignment old = device->assignment;

        device->assignment = (struct device_assignment){
                .hub = mem_text(assignment->hub),
                .device_id = mem_text(assignment->device_id),
                .key = mem_text(assignment->key),
                .key_name = mem_text(assignment->key_name),
                .certificate = certificate_share(assignment->certificate),
        };
        mem_wipe(old.key, old.key ? strlen(old.key) : 0);
        free(old.hub);
        free(old.device_id);
        free(old.key);
        free(old.key_name);
        certificate_free(old.certificate);
}

static void refuse(struct device *device, const struct reason *reason)
{
        device->keeper->decided(device, &(struct dps_result){.status = DPS_FAILED,
                                                             .retry_after_ms = -1,
                                                             .reason = *reason});
}

/* --- by connection string ----------------------------------------------------------------- */

static void by_connection_string(struct device *device, const char *text)
{
        CLEANUP(connection_string_deinit)
        struct connection_string parsed = CONNECTION_STRING_INIT;
        struct reason reason = REASON_INIT;

        if (!connection_string_parse(text, &parsed, &reason)) {
                reason_prefix(&reason, "ConnectionString");
                refuse(device, &reason);
                return;
        }
        if (parsed.gateway_host_name || parsed.module_id) {
                reason_set(&reason, "ConnectionString: %s is not supported here",
                           parsed.module_id ? "ModuleId" : "GatewayHostName");
                refuse(device, &reason);
                return;
        }
        if (parsed.device_id && !text_equal(parsed.device_id, device->hub_id)) {
                reason_set(&reason,
                           "the connection string is that of device '%s', not of '%s'; use one of "
                           "a shared access policy with DeviceConnect",
                           parsed.device_id, device->hub_id);
                refuse(device, &reason);
                return;
        }
        assignment_set(device, &(struct assignment){
                                       .hub = parsed.host_name,
                                       .device_id = device->hub_id,
                                       .key = parsed.shared_access_key,
                                       .key_name = parsed.shared_access_key_name,
                               });
        device->keeper->decided(device, NULL);
}

/* --- by the provisioning service ---------------------------------------------------------- */

static bool device_azure(const struct device_provision *provision, const struct device *device,
                         struct settings_azure *azure)
{
        return settings_azure_for(provision->options.settings, device->application, azure);
}

/* Nobody was asked: there is no certificate, or what is remembered will do. */
static bool is_local(const struct registration *registration)
{
        return registration->is_recalled || registration->answer.key_id[0] == '\0';
}

static void note_assigned(struct registration *registration)
{
        const struct device *device = registration->device;
        bool is_new = device_assignments_remember(registration->provision->assignments, device,
                                                  &registration->answer);

        metrics_add(METRIC_DPS_REGISTERED, 1);
        metrics_observe(METRIC_DPS_REGISTRATION,
                        clock_steady_ns() - registration->operation.started_ns);
        if (is_new)
                log_info("DEVICE_ASSIGNED", "A device was assigned to a hub",
                         LOG_TEXT("device", device->key), LOG_TEXT("hub", registration->answer.hub),
                         LOG_TEXT("hub_device", registration->answer.device_id), LOG_END);
        else
                log_info("DEVICE_CONFIRMED", "A device's assignment has not changed",
                         LOG_TEXT("device", device->key), LOG_TEXT("hub", registration->answer.hub),
                         LOG_END);
}

/* What the service has assigned before stays. */
static void not_assigned(struct registration *registration)
{
        struct device_assignments *assignments = registration->provision->assignments;

        metrics_add(METRIC_DPS_REFUSED, 1);
        if (registration->is_move)
                log_warn("DEVICE_NOT_MOVED",
                         "The service of another ID scope does not assign a device",
                         LOG_TEXT("device", registration->device->key),
                         LOG_TEXT("id_scope", registration->answer.id_scope),
                         LOG_TEXT("reason", registration->result.reason.text), LOG_END);
        else if (registration->result.status != DPS_UNAVAILABLE &&
                 !device_assignments_has(assignments, registration->device))
                (void)device_assignments_remember(assignments, registration->device,
                                                  &registration->answer);
}

/* The device goes on with what the service has answered, or would have. */
static void take_decision(struct registration *registration, const struct assignment *assignment)
{
        struct device *device = registration->device;

        if (registration->result.status != DPS_UNAVAILABLE && !is_local(registration))
                device->ask_after_ms =
                        clock_steady_ms() + backoff_ms(++device->asks, ASK_MIN_MS, ASK_MAX_MS);
        if (assignment)
                assignment_set(device, assignment);
}

static bool is_same(const struct certificate *one, const struct certificate *other)
{
        return text_equal(one ? certificate_fingerprint(one) : NULL,
                          other ? certificate_fingerprint(other) : NULL);
}

/* Is the device connected, or held, as this? */
static bool is_place_of(const struct device *device, const struct assignment *assignment)
{
        return text_equal(device->assignment.hub, assignment->hub) &&
               text_equal(device->assignment.device_id, assignment->device_id) &&
               text_equal(device->assignment.key, assignment->key) &&
               is_same(device->assignment.certificate, assignment->certificate);
}

static void note_answer(struct registration *registration, bool assigned)
{
        if (is_local(registration))
                return;
        registration_operation_end(
                &registration->operation, registration->provision->options.monitor,
                registration->answer.endpoint, registration->device, &registration->result);
        if (assigned)
                note_assigned(registration);
        else
                not_assigned(registration);
}

/* Back on the thread "loop" with the service's answer, or with what stands for it. */
static void finish_registration(void *context)
{
        struct registration *registration = context;
        struct device_provision *provision = registration->provision;
        struct device *device = registration->device;
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        struct dps_result *result = &registration->result;
        struct settings_azure azure;
        bool assigned = result->status == DPS_ASSIGNED && device_azure(provision, device, &azure) &&
                        device_assignment_key(&azure, device, &key, &result->reason);
        struct assignment assignment = {
                .hub = registration->answer.hub,
                .device_id = registration->answer.device_id,
                .key = registration->certificate ? NULL : buf_text(&key),
                .certificate = registration->certificate,
        };
        bool is_another = assigned && !is_place_of(device, &assignment);

        map_remove(provision->registrations, device->key);
        if (device->phase != DEVICE_ELSEWHERE)
                note_answer(registration, assigned);
        if (registration->decides)
                take_decision(registration, assigned ? &assignment : NULL);
        if (registration->told)
                registration->told(registration->told_context, device, assigned ? NULL : result);
        if (registration->decides) {
                device->keeper->decided(device, assigned ? NULL : result);
        } else if (is_another && device->phase != DEVICE_NEW && device->phase != DEVICE_ELSEWHERE) {
                device->changed = true;
                device->keeper->wake(device);
        }
        registration_free(registration);
}

/* On the thread "http". */
static void registration_done(void *context, const struct dps_result *result)
{
        struct registration *registration = context;

        registration->result = *result;
        registration->answer.hub = mem_text(result->assigned_hub);
        registration->answer.device_id = mem_text(result->device_id);
        loop_post(registration->provision->options.loop, finish_registration, registration);
}

static enum dps_kind kind_of(const struct registration *registration)
{
        const struct device *device = registration->device;
        const struct device_provision *provision = registration->provision;

        if (device->asks > 0 || device->assignment.hub ||
            device_assignments_has(provision->assignments, device))
                return DPS_REPEATED;
        return registration->is_urgent ? DPS_URGENT : DPS_BULK;
}

static const char *home_scope_of(const struct device_provision *provision,
                                 const struct device *device)
{
        struct settings_azure azure;

        return device_azure(provision, device, &azure) ? azure.id_scope : NULL;
}

static void submit(struct registration *registration, const char *device_key)
{
        struct device_provision *provision = registration->provision;

        device_assignment_key_id(device_key ? device_key
                                            : certificate_fingerprint(registration->certificate),
                                 registration->answer.key_id);
        dps_register(provision->options.dps,
                     &(struct dps_registration){
                             .endpoint = registration->answer.endpoint,
                             .id_scope = registration->answer.id_scope,
                             .registration_id = registration->answer.registration_id,
                             .device_key = device_key,
                             .certificate = registration->certificate,
                             .model_id = registration->answer.model_id,
                             .kind = kind_of(registration),
                     },
                     registration_done, registration);
}

/* Takes what is remembered as the answer; false if none was given to this device with this
 * certificate. */
static bool recall(struct registration *registration)
{
        struct device_provision *provision = registration->provision;
        CLEANUP(json_cleanup) struct json_object *record = NULL;
        struct settings_azure azure;

        if (!registration->may_recall || !device_azure(provision, registration->device, &azure))
                return false;
        record = device_assignments_recall(provision->assignments, registration->device, &azure,
                                           registration->certificate);
        registration->answer.hub = mem_text(json_text_member(record, "hub"));
        registration->answer.device_id = mem_text(json_text_member(record, "deviceId"));
        return record != NULL;
}

static void take_certificate(void *context, struct certificate *certificate,
                             const struct reason *reason)
{
        struct registration *registration = context;

        registration->certificate = certificate_share(certificate);
        if (!certificate) {
                registration->result = (struct dps_result){
                        .status = DPS_FAILED, .retry_after_ms = -1, .reason = *reason};
                finish_registration(registration);
        } else if (recall(registration)) {
                registration->is_recalled = true;
                registration->result = (struct dps_result){.status = DPS_ASSIGNED};
                finish_registration(registration);
        } else {
                submit(registration, NULL);
        }
}

static void ask_clerk(struct device_provision *provision,
                      const struct settings_certificates *certificates, const char *id,
                      certificate_clerk_done *done, void *context)
{
        const struct settings *settings = provision->options.settings;

        certificate_clerk_ask(provision->clerk,
                              &(struct device_certificate_order){
                                      .folder = certificates->folder,
                                      .id = id,
                                      .authority = certificates->authority,
                                      .authority_key = certificates->authority_key,
                                      .days = (int)settings->azure.certificate_days,
                              },
                              done, context);
}

/* The service is told of the new certificate by the device's next registration. */
static void take_renewed(void *context, struct certificate *certificate,
                         const struct reason *reason)
{
        struct device *device = context;
        const struct certificate *own = device->assignment.certificate;

        if (certificate && !is_same(own, certificate)) {
                device->changed = true;
                device->keeper->wake(device);
        } else if (own) {
                log_warn("DEVICE_CERTIFICATE_ENDS", "A device's certificate ends, and none follows",
                         LOG_TEXT("device", device->key), LOG_TEXT("hub_device", device->hub_id),
                         LOG_INT("hours_left",
                                 (certificate_ends_s(own) - clock_wall_ms() / 1000) / 3600),
                         LOG_TEXT("reason", reason->text), LOG_END);
        }
}

void device_provision_renew(struct device_provision *provision, struct device *device)
{
        const struct certificate *own = device->assignment.certificate;
        struct settings_azure azure;

        THREAD_ASSERT(LOOP_THREAD);
        if (own && device_certificate_is_due(own, clock_wall_ms() / 1000) &&
            !map_get(provision->registrations, device->key) &&
            device_azure(provision, device, &azure) && azure.certificates)
                ask_clerk(provision, azure.certificates, device->hub_id, take_renewed, device);
}

static struct registration *ask_service(struct device_provision *provision, struct device *device,
                                        const struct settings_azure *azure, const char *device_key,
                                        bool urgent)
{
        struct registration *registration = mem_new(1, sizeof(*registration));

        registration->provision = provision;
        registration->device = device;
        registration->is_urgent = urgent;
        registration->operation = registration_operation_begin(device);
        registration->answer.registration_id = mem_text(device->hub_id);
        registration->answer.id_scope = mem_text(azure->id_scope);
        registration->answer.endpoint = mem_text(azure->global_device_endpoint);
        registration->answer.model_id = mem_text(device->model_id);
        if (!text_equal(home_scope_of(provision, device), azure->id_scope))
                registration->answer.home_scope = mem_text(home_scope_of(provision, device));
        map_set(provision->registrations, device->key, registration);
        if (azure->certificates)
                ask_clerk(provision, azure->certificates, device->hub_id, take_certificate,
                          registration);
        else
                submit(registration, device_key);
        return registration;
}

void device_provision_hurry(struct device_provision *provision, const struct device *device)
{
        struct registration *registration = map_get(provision->registrations, device->key);

        if (!registration || registration->is_urgent)
                return;
        registration->is_urgent = true;
        dps_hurry(provision->options.dps, registration->answer.endpoint,
                  registration->answer.id_scope, registration->answer.registration_id);
}

/* True if a question is under way already: then that one decides. */
static bool join(struct device_provision *provision, struct device *device, bool urgent)
{
        struct registration *registration = map_get(provision->registrations, device->key);

        if (!registration)
                return false;
        registration->decides = true;
        if (urgent)
                device_provision_hurry(provision, device);
        return true;
}

static void by_service(struct device_provision *provision, struct device *device,
                       const struct settings_azure *azure, bool urgent)
{
        /* Of a device with a certificate that is known when it is there. */
        CLEANUP(json_cleanup)
        struct json_object *record =
                azure->certificates
                        ? NULL
                        : device_assignments_recall(provision->assignments, device, azure, NULL);
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (!device_assignment_key(azure, device, &key, &reason)) {
                reason_prefix(&reason, "GroupEnrollmentKey");
                refuse(device, &reason);
                return;
        }
        if (!record || device->assignment.doubted) {
                CLEANUP(json_cleanup)
                struct json_object *last = device_assignments_find(provision->assignments, device);
                struct settings_azure asked = *azure;

                device_assignment_use_scope(last, &asked);
                if (!join(provision, device, urgent)) {
                        struct registration *made =
                                ask_service(provision, device, &asked, buf_text(&key), urgent);

                        made->decides = true;
                        made->may_recall = !device->assignment.doubted;
                }
                return;
        }
        assignment_set(device, &(struct assignment){
                                       .hub = json_text_member(record, "hub"),
                                       .device_id = json_text_member(record, "deviceId"),
                                       .key = key.data,
                               });
        device->keeper->decided(device, NULL);
}

void device_provision_start(struct device_provision *provision, struct device *device, bool urgent)
{
        struct settings_azure azure;
        struct reason reason = REASON_INIT;

        THREAD_ASSERT(LOOP_THREAD);
        if (!device_azure(provision, device, &azure)) {
                reason_set(&reason,
                           azure.awaited
                                   ? "the secret of application '%s' is not known yet: its Key "
                                     "Vault has not given it"
                                   : "nothing is configured to connect devices of application "
                                     "'%s': add a ConnectionString, or IdScope with "
                                     "GroupEnrollmentKey",
                           device->application);
                refuse(device, &reason);
        } else if (azure.connection_type == SETTINGS_DEVICE_CONNECTION_STRING) {
                by_connection_string(device, azure.connection_string);
        } else {
                by_service(provision, device, &azure, urgent);
        }
}

/* What the service can be asked with; false with the reason if there is none. */
static bool find_service(struct device_provision *provision, const struct device *device,
                         struct settings_azure *azure, struct buf *key, struct reason *reason)
{
        if (!device_azure(provision, device, azure) ||
            azure->connection_type != SETTINGS_DEVICE_PROVISIONING_SERVICE) {
                reason_set(reason,
                           "no provisioning service is configured for application '%s': add "
                           "IdScope with GroupEnrollmentKey",
                           device->application);
                return false;
        }
        if (device_assignment_key(azure, device, key, reason))
                return true;
        reason_prefix(reason, "GroupEnrollmentKey");
        return false;
}

int device_provision_ask(struct device_provision *provision, struct device *device,
                         device_provision_told *told, void *context, struct reason *reason)
{
        struct registration *registration = map_get(provision->registrations, device->key);
        CLEANUP(json_cleanup)
        struct json_object *last = device_assignments_find(provision->assignments, device);
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        struct settings_azure azure;

        THREAD_ASSERT(LOOP_THREAD);
        if (registration && registration->told) {
                reason_set(reason, "it is being asked about already");
                return -EBUSY;
        }
        if (!find_service(provision, device, &azure, &key, reason))
                return -ENOTSUP;
        device_assignment_use_scope(last, &azure);
        if (!registration)
                registration = ask_service(provision, device, &azure, buf_text(&key), false);
        registration->told = told;
        registration->told_context = context;
        return 0;
}

int device_provision_move(struct device_provision *provision, struct device *device,
                          const char *id_scope, struct reason *reason)
{
        CLEANUP(buf_wipe) struct buf key = BUF_INIT;
        struct settings_azure azure;

        THREAD_ASSERT(LOOP_THREAD);
        if (!find_service(provision, device, &azure, &key, reason))
                return -ENOTSUP;
        if (map_get(provision->registrations, device->key)) {
                reason_set(reason, "the device is being registered; try again in a moment");
                return -EBUSY;
        }
        azure.id_scope = id_scope;
        ask_service(provision, device, &azure, buf_text(&key), false)->is_move = true;
        return 0;
}

struct json_object *device_provision_recall(const struct device_provision *provision,
                                            const struct device *device)
{
        struct settings_azure azure;

        return device_azure(provision, device, &azure)
                       ? device_assignments_recall(provision->assignments, device, &azure,
                                                   device->assignment.certificate)
                       : NULL;
}

bool device_provision_may_ask(const struct device_provision *provision, const struct device *device)
{
        struct settings_azure azure;

        return device_azure(provision, device, &azure) &&
               azure.connection_type == SETTINGS_DEVICE_PROVISIONING_SERVICE &&
               clock_steady_ms() >= device->ask_after_ms;
}

void device_provision_forget(struct device_provision *provision, const struct device *device)
{
        device_assignments_forget(provision->assignments, device);
}
