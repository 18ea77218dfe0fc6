// SPDX-License-Identifier: MIT
#include "localhub/dps/dps_webhook.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/dps/dps_enrolment.h"

#define TIMEOUT_MS 10000 /* the service gives up as early */
#define ANSWER_MAX ((size_t)256 * 1024)
#define JSON_DEPTH 64

struct dps_webhook {
        atomic_int references; /* of who asked, and of the client */
        atomic_bool done;      /* what follows does not change any more */
        int status;            /* 0 = there was no answer */
        struct reason reason;
        struct buf body;
};

void dps_webhook_free(struct dps_webhook *webhook)
{
        if (!webhook || atomic_fetch_sub(&webhook->references, 1) != 1)
                return;
        buf_deinit(&webhook->body);
        free(webhook);
}

static void on_answer(void *context, const struct http_answer *answer)
{
        struct dps_webhook *webhook = context;

        if (answer->failure == HTTP_OK) {
                webhook->status = answer->status;
                buf_add(&webhook->body, answer->body.data, answer->body.size);
        } else {
                webhook->reason = answer->reason;
        }
        atomic_store(&webhook->done, true);
        dps_webhook_free(webhook);
}

struct json_object *dps_webhook_question(struct registry *registry,
                                         const struct registry_enrolment *enrolment,
                                         const char *registration_id, struct json_object *payload)
{
        struct json_object *question = json_object_new_object();
        struct json_object *device = json_object_new_object();
        struct json_object *hubs = json_object_new_array();
        struct registry_hub hub;

        json_object_object_add(question,
                               enrolment->kind == REGISTRY_GROUP ? "enrollmentGroup"
                                                                 : "individualEnrollment",
                               dps_enrolment_document(registry, enrolment));
        json_add_text(device, "registrationId", registration_id);
        if (payload)
                json_object_object_add(device, "payload", json_object_get(payload));
        json_object_object_add(question, "deviceRuntimeContext", device);
        for (int i = 0; i < registry_hub_count(registry); i++) {
                if (registry_hub_get(registry, i, &hub) && hub.active)
                        json_object_array_add(hubs, json_object_new_string(hub.address));
        }
        json_object_object_add(question, "linkedHubs", hubs);
        return question;
}

struct dps_webhook *dps_webhook_ask(struct http_client *client, const char *url,
                                    struct json_object *question)
{
        static const struct http_header headers[] = {{"Content-Type", "application/json"}};
        struct dps_webhook *webhook = mem_new(1, sizeof(*webhook));
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;

        atomic_init(&webhook->references, 2);
        json_write(&body, question);
        http_client_send(client,
                         &(struct http_request){.method = "POST",
                                                .url = url,
                                                .headers = headers,
                                                .header_count = ARRAY_SIZE(headers),
                                                .body = body.data,
                                                .body_size = body.size,
                                                .timeout_ms = TIMEOUT_MS,
                                                .maximum_answer = ANSWER_MAX},
                         on_answer, webhook);
        return webhook;
}

bool dps_webhook_is_done(const struct dps_webhook *webhook)
{
        return atomic_load(&webhook->done);
}

struct json_object *dps_webhook_answer(const struct dps_webhook *webhook, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *answer = NULL;

        if (webhook->status == 0) {
                reason_set(reason, "the function that allocates can't be asked: %s",
                           webhook->reason.text);
                return NULL;
        }
        if (webhook->status < 200 || webhook->status > 299) {
                reason_set(reason, "the function that allocates has answered %d", webhook->status);
                return NULL;
        }
        answer = json_parse_foreign(buf_text(&webhook->body), webhook->body.size, JSON_DEPTH,
                                    JSON_VALUES_USUAL, reason);
        if (answer && !text_is_empty(json_text_member(answer, "iotHubHostName")))
                return json_object_get(answer);
        reason_set(reason, "the answer of the function that allocates has no 'iotHubHostName'");
        return NULL;
}
