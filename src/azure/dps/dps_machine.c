// SPDX-License-Identifier: MIT
#include "azure/dps/dps_machine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "azure/names.h"
#include "base/mem.h"

/* Between two looks at an operation when the service names no time. */
#define POLL_DEFAULT_MS 2000
/* A service that asks for no pause at all gets this one. */
#define POLL_LEAST_MS 200

/* First pause after a lost connection, and after an answer 429 or 5xx without Retry-After. */
#define RETRY_LOST_MS    1000
#define RETRY_SERVICE_MS 5000
#define RETRY_MOST_MS    60000

void dps_machine_init(struct dps_machine *machine, int64_t deadline_ms)
{
        *machine = (struct dps_machine){.deadline_ms = deadline_ms};
}

void dps_machine_deinit(struct dps_machine *machine)
{
        free(machine->operation_id);
        machine->operation_id = NULL;
        dps_answer_deinit(&machine->answer);
}

/* `part` of it at random, between nothing and all. */
static int64_t some_of(int64_t part, uint32_t chance)
{
        return (int64_t)((uint64_t)part * chance / UINT32_MAX);
}

/* Doubles with each failure in a row; half of it is left to chance. */
static int64_t backoff(const struct dps_machine *machine, int64_t first_ms, uint32_t chance)
{
        int64_t pause_ms = first_ms;

        for (int i = 1; i < machine->failures && pause_ms < RETRY_MOST_MS; i++)
                pause_ms *= 2;
        if (pause_ms > RETRY_MOST_MS)
                pause_ms = RETRY_MOST_MS;
        return pause_ms / 2 + some_of(pause_ms / 2, chance);
}

/* --- for people ---------------------------------------------------------------------------- */

static const char *meaning_of_code(int code)
{
        switch (code) {
        case AZURE_CODE_DPS_NO_HUB:
                return "the provisioning service has no IoT hub for this device: link a hub to it "
                       "or check the enrolment's allocation";
        case AZURE_CODE_DPS_NOT_AUTHORIZED:
                return "this device is not authorised: in IoT Central it is blocked or waits for "
                       "approval";
        default:
                return NULL;
        }
}

static const char *meaning_of_status(int status)
{
        switch (status) {
        case 400:
                return "the provisioning service finds the request invalid: check the ID scope, "
                       "the registration id and the model id";
        case 401:
        case 403:
                return "the provisioning service refuses the device's key: check the ID scope, the "
                       "enrolment group's key, whether the enrolment is enabled, and this "
                       "machine's clock";
        case 404:
                return "the provisioning service does not know the ID scope or the enrolment: "
                       "check IdScope, and that an enrolment group or an enrolment of this id "
                       "exists";
        case 429:
                return "the provisioning service is throttling: too many registrations a minute";
        default:
                return status >= 500 ? "the provisioning service is in trouble"
                                     : "the provisioning service refuses the request";
        }
}

/* One plain sentence, then what the service itself said. */
static void explain(struct reason *reason, const char *sentence, int status,
                    const struct dps_answer *answer)
{
        CLEANUP(buf_deinit) struct buf said = BUF_INIT;

        if (answer->error_code != 0)
                buf_add_format(&said, ", error %d", answer->error_code);
        if (answer->message)
                buf_add_format(&said, ", \"%s\"", answer->message);
        if (answer->tracking_id)
                buf_add_format(&said, ", tracking id %s", answer->tracking_id);
        reason_set(reason, "%s (HTTP %d%s)", sentence, status, buf_text(&said));
}

/* --- the next step ------------------------------------------------------------------------- */

static void finish(struct dps_next *next, enum dps_status status)
{
        next->step = DPS_STEP_DONE;
        next->result.status = status;
        next->result.retry_after_ms = -1;
}

/* The step that the machine's state asks for, unless the deadline comes first. */
static void go_on(struct dps_machine *machine, int64_t delay_ms, int64_t now_ms,
                  struct dps_next *next)
{
        next->step = machine->operation_id ? DPS_STEP_POLL : DPS_STEP_REGISTER;
        next->delay_ms = delay_ms;
        if (now_ms + delay_ms < machine->deadline_ms)
                return;
        finish(next, DPS_UNAVAILABLE);
        next->result.error_code = machine->answer.error_code;
        next->result.retry_after_ms = delay_ms;
        reason_set(&next->result.reason, "%s",
                   next->trouble.text[0] ? next->trouble.text
                                         : "the provisioning service is still assigning the "
                                           "device to a hub");
        reason_prefix(&next->result.reason, "given up for now");
}

/* Nothing came, or nothing that makes sense. */
static void try_later(struct dps_machine *machine, int64_t now_ms, uint32_t chance,
                      struct dps_next *next)
{
        machine->failures++;
        go_on(machine, backoff(machine, RETRY_LOST_MS, chance), now_ms, next);
}

/* 429, 408, 5xx. */
static void wait_for_service(struct dps_machine *machine, const struct http_answer *answer,
                             int64_t now_ms, uint32_t chance, struct dps_next *next)
{
        int64_t delay_ms;

        machine->failures++;
        next->throttled = answer->status == 429;
        explain(&next->trouble, meaning_of_status(answer->status), answer->status,
                &machine->answer);
        /* All who were told the same time must not come back at the same time. */
        if (answer->retry_after_ms >= 0)
                delay_ms = answer->retry_after_ms +
                           some_of(RETRY_LOST_MS + answer->retry_after_ms / 4, chance);
        else
                delay_ms = backoff(machine, RETRY_SERVICE_MS, chance);
        go_on(machine, delay_ms, now_ms, next);
}

static void refuse(struct dps_machine *machine, const struct http_answer *answer,
                   struct dps_next *next)
{
        const char *sentence = meaning_of_code(machine->answer.error_code);
        bool unauthorized = answer->status == 401 || answer->status == 403;
        bool unknown = answer->status == 404;

        finish(next, unauthorized ? DPS_UNAUTHORIZED : unknown ? DPS_NOT_FOUND : DPS_FAILED);
        next->result.error_code = machine->answer.error_code;
        explain(&next->result.reason, sentence ? sentence : meaning_of_status(answer->status),
                answer->status, &machine->answer);
}

static void take_assigning(struct dps_machine *machine, const struct http_answer *answer,
                           int64_t now_ms, uint32_t chance, struct dps_next *next)
{
        int64_t delay_ms = answer->retry_after_ms >= 0 ? answer->retry_after_ms : POLL_DEFAULT_MS;

        /* A poll's answer may leave the id out. */
        if (machine->answer.operation_id) {
                free(machine->operation_id);
                machine->operation_id = mem_text(machine->answer.operation_id);
        }
        if (!machine->operation_id) {
                reason_set(&next->trouble, "the answer says \"assigning\" without an operationId");
                try_later(machine, now_ms, chance, next);
                return;
        }
        machine->failures = 0;
        go_on(machine, delay_ms > POLL_LEAST_MS ? delay_ms : POLL_LEAST_MS, now_ms, next);
}

static void take_assigned(struct dps_machine *machine, struct dps_next *next)
{
        finish(next, DPS_ASSIGNED);
        next->result.assigned_hub = machine->answer.assigned_hub;
        next->result.device_id = machine->answer.device_id;
}

static void take_failed(struct dps_machine *machine, const struct http_answer *answer,
                        struct dps_next *next)
{
        int code = machine->answer.error_code;
        const char *sentence = meaning_of_code(code);

        finish(next, code == AZURE_CODE_DPS_NOT_AUTHORIZED ? DPS_UNAUTHORIZED : DPS_FAILED);
        next->result.error_code = code;
        explain(&next->result.reason,
                sentence ? sentence : "the provisioning service could not assign the device",
                answer->status, &machine->answer);
}

static void take_disabled(struct dps_machine *machine, const struct http_answer *answer,
                          struct dps_next *next)
{
        finish(next, DPS_DISABLED);
        next->result.error_code = machine->answer.error_code;
        explain(&next->result.reason,
                "the device's enrolment is disabled: enable it in the provisioning service",
                answer->status, &machine->answer);
}

/* An answer with a status of success. */
static void take_document(struct dps_machine *machine, const struct http_answer *answer,
                          int64_t now_ms, uint32_t chance, struct dps_next *next)
{
        switch (machine->answer.status) {
        case DPS_ANSWER_ASSIGNING:
                take_assigning(machine, answer, now_ms, chance, next);
                break;
        case DPS_ANSWER_ASSIGNED:
                take_assigned(machine, next);
                break;
        case DPS_ANSWER_FAILED:
                take_failed(machine, answer, next);
                break;
        case DPS_ANSWER_DISABLED:
                take_disabled(machine, answer, next);
                break;
        case DPS_ANSWER_NONE:
        default:
                reason_set(&next->trouble, "the answer (HTTP %d) has no status", answer->status);
                try_later(machine, now_ms, chance, next);
                break;
        }
}

void dps_machine_take(struct dps_machine *machine, const struct http_answer *answer, int64_t now_ms,
                      uint32_t chance, struct dps_next *next)
{
        struct reason parse = REASON_INIT;
        bool is_document;
        int status = answer->status;

        memset(next, 0, sizeof(*next));
        dps_answer_deinit(&machine->answer);
        if (answer->failure != HTTP_OK) {
                next->trouble = answer->reason;
                try_later(machine, now_ms, chance, next);
                return;
        }
        is_document = dps_answer_parse(&machine->answer, buf_text(&answer->body), answer->body.size,
                                       &parse);
        if (status >= 200 && status < 300 && is_document) {
                take_document(machine, answer, now_ms, chance, next);
        } else if (status < 400) {
                reason_set(&next->trouble, "the answer makes no sense (HTTP %d%s%s)", status,
                           is_document ? "" : ", ", is_document ? "" : parse.text);
                try_later(machine, now_ms, chance, next);
        } else if (status == 429 || status == 408 || status >= 500) {
                wait_for_service(machine, answer, now_ms, chance, next);
        } else if (status == 404 && machine->operation_id && !machine->started_over) {
                machine->started_over = true;
                free(machine->operation_id);
                machine->operation_id = NULL;
                reason_set(&next->trouble, "the service does not know the operation any more");
                try_later(machine, now_ms, chance, next);
        } else {
                refuse(machine, answer, next);
        }
}
