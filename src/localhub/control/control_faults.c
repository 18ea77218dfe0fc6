// SPDX-License-Identifier: MIT
/* Control API: faults to order. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/control/control_call.h"

#define DETACH_CONDITION "amqp:link:detach-forced"

static const char *const distribution_names[] = {
        [FAULT_DELAY_FIXED] = "fixed",
        [FAULT_DELAY_UNIFORM] = "uniform",
        [FAULT_DELAY_EXPONENTIAL] = "exponential",
};

/* --- what is there --------------------------------------------------------------------------- */

static void add_if_any(struct json_object *entry, const char *name, const char *text)
{
        if (text[0])
                json_add_text(entry, name, text);
}

static void add_if_set(struct json_object *entry, const char *name, int64_t number)
{
        if (number != 0)
                json_add_int(entry, name, number);
}

static struct json_object *fault_entry(const struct fault *fault)
{
        struct json_object *entry = json_object_new_object();

        json_add_int(entry, "id", (int64_t)fault->id);
        json_add_text(entry, "kind", fault_kind_name(fault->kind));
        add_if_any(entry, "hub", fault->hub);
        add_if_any(entry, "device", fault->device);
        if (fault->remaining >= 0)
                json_add_int(entry, "times", fault->remaining);
        json_object_object_add(entry, "probability", json_object_new_double(fault->probability));
        add_if_any(entry, "condition", fault->condition);
        add_if_any(entry, "description", fault->description);
        add_if_set(entry, "status", fault->status);
        add_if_set(entry, "errorCode", fault->error_code);
        add_if_set(entry, "retryAfterSeconds", fault->retry_after_s);
        if (fault->delay_ms > 0) {
                json_add_text(entry, "distribution", distribution_names[fault->distribution]);
                json_add_int(entry, "delayMs", fault->delay_ms);
        }
        add_if_set(entry, "delayMaxMs", fault->delay_max_ms);
        json_add_int(entry, "applied", fault->applied);
        return entry;
}

void control_fault_list(struct service_call *call)
{
        struct fault *faults = mem_new(FAULTS_MAX, sizeof(*faults));
        size_t count = faults_list(local_hub_faults(call->hub), faults, FAULTS_MAX);
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < count; i++)
                json_object_array_add(list, fault_entry(&faults[i]));
        free(faults);
        control_answer_list(call, "faults", list);
}

void control_fault_clear(struct service_call *call)
{
        faults_clear(local_hub_faults(call->hub));
        http_exchange_answer(call->exchange, 204, NULL, NULL);
}

void control_fault_delete(struct service_call *call)
{
        int64_t id;

        if (text_to_int64(call->arguments[0], 1, INT64_MAX, &id) &&
            faults_remove(local_hub_faults(call->hub), (uint64_t)id))
                http_exchange_answer(call->exchange, 204, NULL, NULL);
        else
                control_fail(call, 404, "FaultNotFound",
                             "there is no such fault; it may have used itself up");
}

/* --- faults that happen at once -------------------------------------------------------------- */

/* What `drop` and `detach_now` aim at. */
struct aim {
        int hub;            /* -1 = every one */
        const char *device; /* NULL = every one */
        const char *condition;
        const char *description;
};

static bool read_aim(struct service_call *call, struct aim *aim)
{
        static const char *const names[] = {"kind",      "hub",         "device",
                                            "condition", "description", NULL};
        const char *hub = NULL;

        *aim = (struct aim){.hub = -1, .condition = DETACH_CONDITION};
        if (!control_body_only(call, names) || !control_body_text(call, "hub", &hub) ||
            !control_body_text(call, "device", &aim->device) ||
            !control_body_text(call, "condition", &aim->condition) ||
            !control_body_text(call, "description", &aim->description))
                return false;
        return control_hub_named(call, hub, &aim->hub);
}

/* True if the kind was one of these. */
static bool happen_now(struct service_call *call, const char *kind)
{
        bool drop = strcmp(kind, "drop") == 0;
        struct json_object *answer;
        struct aim aim;
        size_t hit;

        if (!drop && strcmp(kind, "detach_now") != 0)
                return false;
        if (!read_aim(call, &aim))
                return true;
        if (drop)
                hit = local_hub_cut_connections(call->hub, aim.hub, aim.device);
        else
                hit = local_hub_detach_links(call->hub, aim.hub, aim.device, aim.condition,
                                             aim.description);
        answer = json_object_new_object();
        json_add_int(answer, "hit", (int64_t)hit);
        control_answer(call, 200, answer);
        return true;
}

/* --- rules ----------------------------------------------------------------------------------- */

static bool read_int(struct service_call *call, const char *name, int max, int *number)
{
        int64_t value = *number;

        if (!control_body_number(call, name, 0, max, &value))
                return false;
        *number = (int)value;
        return true;
}

static bool read_probability(struct service_call *call, double *probability)
{
        struct json_object *member = json_member(call->body, "probability");

        if (!member)
                return true;
        if (!json_object_is_type(member, json_type_double) &&
            !json_object_is_type(member, json_type_int)) {
                control_fail(call, 400, "BadBody", "'probability' must be a number");
                return false;
        }
        *probability = json_object_get_double(member);
        return true;
}

static bool read_distribution(struct service_call *call, enum fault_distribution *distribution)
{
        const char *name = NULL;

        if (!control_body_text(call, "distribution", &name))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(distribution_names); i++) {
                if (!name || strcmp(name, distribution_names[i]) == 0) {
                        *distribution = (enum fault_distribution)i;
                        return true;
                }
        }
        control_fail(call, 400, "BadBody", "'distribution' must be fixed, uniform or exponential");
        return false;
}

static bool read_rule_where(struct service_call *call, struct fault *fault)
{
        const char *hub = NULL;
        struct registry_hub found = {.id = ""};
        int index = -1;

        if (!control_body_text(call, "hub", &hub) ||
            !control_body_copy(call, "device", fault->device, sizeof(fault->device)) ||
            !control_hub_named(call, hub, &index))
                return false;
        (void)registry_hub_get(call->registry, index, &found);
        memcpy(fault->hub, found.id, sizeof(fault->hub));
        return true;
}

static bool read_rule(struct service_call *call, struct fault *fault)
{
        static const char *const names[] = {
                "kind",         "hub",         "device",     "times",     "probability",
                "condition",    "description", "status",     "errorCode", "retryAfterSeconds",
                "distribution", "delayMs",     "delayMaxMs", NULL};
        const int64_t delay_max = CONTROL_SECONDS_MAX * 1000;

        return control_body_only(call, names) && read_rule_where(call, fault) &&
               control_body_number(call, "times", 1, INT64_MAX, &fault->remaining) &&
               read_probability(call, &fault->probability) &&
               control_body_copy(call, "condition", fault->condition, sizeof(fault->condition)) &&
               control_body_copy(call, "description", fault->description,
                                 sizeof(fault->description)) &&
               read_int(call, "status", 599, &fault->status) &&
               read_int(call, "errorCode", 599999, &fault->error_code) &&
               read_int(call, "retryAfterSeconds", 86400, &fault->retry_after_s) &&
               read_distribution(call, &fault->distribution) &&
               control_body_number(call, "delayMs", 0, delay_max, &fault->delay_ms) &&
               control_body_number(call, "delayMaxMs", 0, delay_max, &fault->delay_max_ms);
}

/* The member without which a rule of this kind would do something else than meant, or nothing. */
static bool check_needed(struct service_call *call, enum fault_kind kind)
{
        const char *needed = NULL;

        if (kind == FAULT_TOKEN)
                needed = "status";
        else if (kind == FAULT_SLOW || kind == FAULT_DPS_SLOW)
                needed = "delayMs";
        if (!needed || json_member(call->body, needed))
                return true;
        control_fail(call, 400, "BadFault", "a fault '%s' needs '%s'", fault_kind_name(kind),
                     needed);
        return false;
}

void control_fault_add(struct service_call *call)
{
        const char *name = NULL;
        struct reason reason = REASON_INIT;
        struct json_object *answer;
        enum fault_kind kind;
        struct fault fault;
        uint64_t id;

        if (!control_body_text(call, "kind", &name))
                return;
        if (name && happen_now(call, name))
                return;
        if (!name || !fault_kind_parse(name, &kind)) {
                control_fail(call, 400, "BadFault", "'kind' is missing or unknown");
                return;
        }
        fault = FAULT_INIT(kind);
        if (!read_rule(call, &fault) || !check_needed(call, kind))
                return;
        id = faults_add(local_hub_faults(call->hub), &fault, &reason);
        if (id == 0) {
                control_fail(call, 400, "BadFault", "%s", reason.text);
                return;
        }
        answer = json_object_new_object();
        json_add_int(answer, "id", (int64_t)id);
        control_answer(call, 201, answer);
}
