// SPDX-License-Identifier: MIT
/*
 * Carries what dps_machine decides to the service and back. All state but `incoming` belongs to
 * the thread "http". A registration is in one of these places:
 *   incoming          on its way from another thread
 *   queue->waiting    it has not begun
 *   queue->again      it registers anew, as soon as the pace allows and before those who wait
 *   service->busy     a request or a pause is under way, whose callback holds it
 * and counts in queue->begun from its first request to its `done`.
 */
#include "azure/dps/dps_client.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "azure/device_id.h"
#include "azure/device_key.h"
#include "azure/dps/dps_machine.h"
#include "azure/dps/dps_pace.h"
#include "azure/endpoint.h"
#include "azure/names.h"
#include "azure/sas.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"

/* A token is made for every request; it only has to outlive it and a clock that is a bit off. */
#define TOKEN_LIFETIME_S 3600

struct dps_client {
        struct dps_client_options options;
        pthread_mutex_t lock; /* for the next two */
        struct list incoming;
        bool called; /* take_over is on its way to the thread */
        struct list services;
};

/* So many new registrations go between two repeated ones, if both wait. */
#define NEW_IN_A_ROW 9

/* The registrations of one kind at a service. */
struct queue {
        struct list waiting;
        struct list again;
        int begun;
        int maximum; /* of those that have begun */
};

/* One endpoint and ID scope; lives as long as the client: there are as many as are configured. */
struct service {
        struct list_node node;
        struct dps_client *client;
        char *endpoint;
        char *id_scope;
        struct dps_pace pace;
        struct queue first;    /* those that register for the first time */
        struct queue repeated; /* gives way to those */
        int in_a_row;          /* new ones that were sent while a repeated one waited */
        struct list busy;
        bool woken; /* a timer for run_service is set */
};

struct registration {
        struct list_node node;
        struct dps_client *client;
        struct service *service;
        struct queue *queue;
        bool repeated;
        char *endpoint;
        char *id_scope;
        char *id;
        char *key;
        char *model_id;
        dps_done *done;
        void *context;
        int64_t sent_ms;
        struct dps_machine machine;
};

static void run_service(struct service *service);

/* --- objects ------------------------------------------------------------------------------- */

static void registration_free(struct registration *registration)
{
        dps_machine_deinit(&registration->machine);
        if (registration->key)
                mem_wipe(registration->key, strlen(registration->key));
        free(registration->key);
        free(registration->endpoint);
        free(registration->id_scope);
        free(registration->id);
        free(registration->model_id);
        free(registration);
}

static void free_registrations(struct list *registrations)
{
        list_for_each_safe (node, registrations)
                registration_free(list_entry(node, struct registration, node));
        list_init(registrations);
}

static void queue_init(struct queue *queue, int maximum)
{
        list_init(&queue->waiting);
        list_init(&queue->again);
        queue->maximum = maximum > 0 ? maximum : 1;
}

static void free_queue(struct queue *queue)
{
        free_registrations(&queue->waiting);
        free_registrations(&queue->again);
}

struct dps_client *dps_client_new(const struct dps_client_options *options)
{
        struct dps_client *client = mem_new(1, sizeof(*client));

        client->options = *options;
        if (client->options.registrations_per_minute <= 0)
                client->options.registrations_per_minute = AZURE_DPS_QUOTA_PER_MINUTE;
        if (client->options.maximum_concurrent <= 0)
                client->options.maximum_concurrent = 100;
        if (client->options.deadline_ms <= 0)
                client->options.deadline_ms = 300000;
        pthread_mutex_init(&client->lock, NULL);
        list_init(&client->incoming);
        list_init(&client->services);
        return client;
}

void dps_client_free(struct dps_client *client)
{
        if (!client)
                return;
        free_registrations(&client->incoming);
        list_for_each_safe (node, &client->services) {
                struct service *service = list_entry(node, struct service, node);

                free_queue(&service->first);
                free_queue(&service->repeated);
                free_registrations(&service->busy);
                free(service->endpoint);
                free(service->id_scope);
                free(service);
        }
        pthread_mutex_destroy(&client->lock);
        free(client);
}

static struct service *find_service(struct dps_client *client, const char *endpoint,
                                    const char *id_scope)
{
        struct service *service;

        list_for_each (node, &client->services) {
                service = list_entry(node, struct service, node);
                if (text_equal_nocase(service->endpoint, endpoint) &&
                    text_equal(service->id_scope, id_scope))
                        return service;
        }
        service = mem_new(1, sizeof(*service));
        service->client = client;
        service->endpoint = mem_text(endpoint);
        service->id_scope = mem_text(id_scope);
        dps_pace_init(&service->pace, client->options.registrations_per_minute, clock_steady_ms());
        queue_init(&service->first, client->options.maximum_concurrent);
        queue_init(&service->repeated, client->options.maximum_concurrent / 2);
        list_init(&service->busy);
        list_push_back(&client->services, &service->node);
        return service;
}

/* --- requests ------------------------------------------------------------------------------ */

static void write_url(struct buf *url, const struct registration *registration, enum dps_step step)
{
        buf_add_format(url, "https://%s/", registration->endpoint);
        text_url_escape(url, registration->id_scope);
        buf_add_text(url, AZURE_DPS_REGISTRATIONS);
        text_url_escape(url, registration->id);
        if (step == DPS_STEP_POLL) {
                buf_add_text(url, AZURE_DPS_OPERATIONS);
                text_url_escape(url, registration->machine.operation_id);
        } else {
                buf_add_text(url, AZURE_DPS_REGISTER);
        }
        buf_add_text(url, "?api-version=" AZURE_DPS_API_VERSION);
}

static void write_token(struct buf *token, const struct registration *registration)
{
        CLEANUP(buf_deinit) struct buf resource = BUF_INIT;
        struct sas_grant grant = {.key = registration->key,
                                  .key_name = AZURE_SAS_DPS_KEY_NAME,
                                  .expires_s = clock_wall_ms() / 1000 + TOKEN_LIFETIME_S};

        sas_registration_resource(&resource, registration->id_scope, registration->id);
        grant.resource = buf_text(&resource);
        /* The key was checked when the registration came in. */
        if (!sas_token(token, &grant, NULL))
                abort();
}

static void write_body(struct buf *body, const struct registration *registration)
{
        buf_add_text(body, "{\"registrationId\":");
        buf_add_json_string(body, registration->id, strlen(registration->id));
        if (!text_is_empty(registration->model_id)) {
                buf_add_text(body, ",\"payload\":{\"modelId\":");
                buf_add_json_string(body, registration->model_id, strlen(registration->model_id));
                buf_add_char(body, '}');
        }
        buf_add_char(body, '}');
}

static void take_answer(void *context, const struct http_answer *answer);

static void send_request(struct registration *registration, enum dps_step step)
{
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        CLEANUP(buf_wipe) struct buf token = BUF_INIT;
        struct http_header headers[] = {
                {"Authorization", NULL},
                {"Accept", "application/json"},
                {"Content-Type", "application/json; charset=utf-8"},
        };
        struct http_request request = {.headers = headers, .header_count = 2, .method = "GET"};

        write_url(&url, registration, step);
        write_token(&token, registration);
        headers[0].value = buf_text(&token);
        request.url = buf_text(&url);
        if (step == DPS_STEP_REGISTER) {
                write_body(&body, registration);
                request.method = "PUT";
                request.header_count = ARRAY_SIZE(headers);
                request.body = buf_text(&body);
                request.body_size = body.size;
        }
        registration->sent_ms = clock_steady_ms();
        http_client_send(registration->client->options.http, &request, take_answer, registration);
}

/* --- answers ------------------------------------------------------------------------------- */

static void note_pace(struct registration *registration, const struct http_answer *answer,
                      const struct dps_next *next, int64_t now_ms)
{
        struct service *service = registration->service;

        if (next->accepted)
                dps_pace_accepted(&service->pace);
        if (!next->throttled)
                return;
        metrics_add(METRIC_DPS_THROTTLED, 1);
        if (dps_pace_throttled(&service->pace, registration->sent_ms, answer->retry_after_ms,
                               now_ms))
                log_warn("DPS_THROTTLED", "The provisioning service asks for fewer registrations",
                         LOG_TEXT("endpoint", service->endpoint),
                         LOG_TEXT("id_scope", service->id_scope),
                         LOG_INT("per_minute", service->pace.rate * 60000),
                         LOG_INT("retry_after_ms", answer->retry_after_ms), LOG_END);
}

static void finish(struct registration *registration, const struct dps_result *result)
{
        struct service *service = registration->service;

        list_remove(&service->busy, &registration->node);
        registration->queue->begun--;
        registration->done(registration->context, result);
        registration_free(registration);
        run_service(service);
}

static void poll_now(void *context)
{
        send_request(context, DPS_STEP_POLL);
}

static void register_again(void *context)
{
        struct registration *registration = context;
        struct service *service = registration->service;

        list_remove(&service->busy, &registration->node);
        list_push_back(&registration->queue->again, &registration->node);
        run_service(service);
}

static void take_answer(void *context, const struct http_answer *answer)
{
        struct registration *registration = context;
        int64_t now_ms = clock_steady_ms();
        int64_t date_ms;
        struct dps_next next;
        uint32_t chance;

        /* The end: dps_client_free takes care of it. */
        if (answer->failure == HTTP_E_STOPPED)
                return;
        crypto_random(&chance, sizeof(chance));
        dps_machine_take(&registration->machine, answer, now_ms, chance, &next);
        note_pace(registration, answer, &next, now_ms);
        if (next.step == DPS_STEP_DONE) {
                if (http_answer_date(answer, &date_ms))
                        next.result.clock_ahead_ms = clock_wall_ms() - date_ms;
                finish(registration, &next.result);
                return;
        }
        if (next.trouble.text[0] != '\0')
                log_debug("DPS_RETRY", "A registration is tried again later",
                          LOG_TEXT("registration_id", registration->id),
                          LOG_TEXT("reason", next.trouble.text),
                          LOG_INT("again_in_ms", next.delay_ms), LOG_END);
        http_client_after(registration->client->options.http, next.delay_ms,
                          next.step == DPS_STEP_POLL ? poll_now : register_again, registration);
}

/* --- the queue of a service ---------------------------------------------------------------- */

static void wake_service(void *context)
{
        struct service *service = context;

        service->woken = false;
        run_service(service);
}

/* The list of a queue whose first registration may be sent next; NULL if there is none. */
static struct list *list_in(struct service *service, struct queue *queue)
{
        int begun = service->first.begun + service->repeated.begun;

        if (!list_is_empty(&queue->again))
                return &queue->again;
        if (!list_is_empty(&queue->waiting) && queue->begun < queue->maximum &&
            begun < service->client->options.maximum_concurrent)
                return &queue->waiting;
        return NULL;
}

/* The same of both queues: new ones first, but for one repeated one now and then. */
static struct list *next_list(struct service *service)
{
        struct list *first = list_in(service, &service->first);
        struct list *repeated = list_in(service, &service->repeated);

        if (!first || !repeated)
                return first ? first : repeated;
        return service->in_a_row < NEW_IN_A_ROW ? first : repeated;
}

static void send_first(struct service *service, struct list *list)
{
        struct registration *registration =
                list_entry(list_pop_front(list), struct registration, node);
        struct queue *queue = registration->queue;

        service->in_a_row = registration->repeated ? 0 : service->in_a_row + 1;
        list_push_back(&service->busy, &registration->node);
        if (list == &queue->waiting) {
                queue->begun++;
                dps_machine_init(&registration->machine,
                                 clock_steady_ms() + service->client->options.deadline_ms);
        }
        send_request(registration, DPS_STEP_REGISTER);
}

/* Sends what may be sent now, and comes back by itself when the pace allows more. */
static void run_service(struct service *service)
{
        struct list *list;

        while ((list = next_list(service))) {
                int64_t wait_ms = dps_pace_take(&service->pace, clock_steady_ms());

                if (wait_ms == 0) {
                        send_first(service, list);
                        continue;
                }
                if (!service->woken)
                        http_client_after(service->client->options.http, wait_ms, wake_service,
                                          service);
                service->woken = true;
                return;
        }
}

/* --- the way in ---------------------------------------------------------------------------- */

static bool check(const struct registration *registration, struct reason *reason)
{
        struct endpoint endpoint;

        if (!endpoint_parse(registration->endpoint, AZURE_HTTPS_PORT, &endpoint, reason)) {
                reason_prefix(reason, "the provisioning service's endpoint");
                return false;
        }
        if (text_is_empty(registration->id_scope)) {
                reason_set(reason, "the ID scope is missing");
                return false;
        }
        if (!device_id_is_registration_id(registration->id, reason)) {
                reason_prefix(reason, "the registration id '%s'",
                              registration->id ? registration->id : "");
                return false;
        }
        if (!device_key_is_valid(registration->key)) {
                reason_set(reason, "the device's key is not valid base64");
                return false;
        }
        return true;
}

static void take_in(struct dps_client *client, struct registration *registration)
{
        struct dps_result result = {.status = DPS_FAILED, .retry_after_ms = -1};

        if (!check(registration, &result.reason)) {
                registration->done(registration->context, &result);
                registration_free(registration);
                return;
        }
        registration->service =
                find_service(client, registration->endpoint, registration->id_scope);
        registration->queue = registration->repeated ? &registration->service->repeated
                                                     : &registration->service->first;
        list_push_back(&registration->queue->waiting, &registration->node);
}

static void take_over(void *context)
{
        struct dps_client *client = context;
        struct list incoming;
        struct list_node *node;

        THREAD_ASSERT(HTTP_CLIENT_THREAD);
        list_init(&incoming);
        pthread_mutex_lock(&client->lock);
        list_splice_back(&incoming, &client->incoming);
        client->called = false;
        pthread_mutex_unlock(&client->lock);
        while ((node = list_pop_front(&incoming)))
                take_in(client, list_entry(node, struct registration, node));
        list_for_each (service, &client->services)
                run_service(list_entry(service, struct service, node));
}

void dps_register(struct dps_client *client, const struct dps_registration *registration,
                  dps_done *done, void *context)
{
        struct registration *made = mem_new(1, sizeof(*made));
        bool call;

        made->client = client;
        made->endpoint = mem_text(registration->endpoint);
        made->id_scope = mem_text(registration->id_scope);
        made->id = mem_text(registration->registration_id);
        made->key = mem_text(registration->device_key);
        made->model_id = mem_text(registration->model_id);
        made->repeated = registration->repeated;
        made->done = done;
        made->context = context;
        pthread_mutex_lock(&client->lock);
        list_push_back(&client->incoming, &made->node);
        call = !client->called;
        client->called = true;
        pthread_mutex_unlock(&client->lock);
        if (call)
                http_client_after(client->options.http, 0, take_over, client);
}
