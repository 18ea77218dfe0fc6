// SPDX-License-Identifier: MIT
/*
 * The thread "monitor" is an HTTP client's of its own: it sends, and its timers make the numbers
 * and end the minutes of the log. Everything else happens on the threads of those who tell.
 */
#include "monitor/monitor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "azure/identity/identity.h"
#include "azure/key_values.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/client/http_client.h"
#include "monitor/insights_envelope.h"
#include "monitor/monitor_log.h"
#include "monitor/monitor_numbers.h"
#include "monitor/monitor_sample.h"
#include "monitor/monitor_target.h"
#include "monitor/otlp_write.h"

#define THREAD_NAME "monitor"

/* Failures that may be told in a second, and at once. */
#define FAILURES_PER_SECOND 1.0
#define FAILURES_AT_ONCE    10.0

/* What may be told at once of a second's share. */
#define SECONDS_AT_ONCE 4.0

#define SUPPRESSED_MS (5 * 1000)
#define STOP_MS       2000
#define STOP_STEP_NS  (5 * CLOCK_NS_PER_MS)

#define TARGETS_MAX 4

struct monitor {
        struct monitor_options options;
        char instance[256];
        char *key; /* of Application Insights */
        struct insights_origin origin;
        struct monitor_sampler operations;
        struct monitor_sampler failures;
        struct monitor_log log;
        struct http_client *http;
        struct identity *identity; /* asks for tokens on the same thread; NULL = none are needed */
        char *audience;            /* of those tokens */
        char *client;              /* whose they are; or NULL */
        pthread_mutex_t lock;      /* for the next */
        struct insights_string coming; /* to be used; without a key: nothing */
        struct monitor_target *insights;
        struct monitor_target *targets[TARGETS_MAX];
        size_t target_count;
        struct otlp_origin otlp;
        struct http_header headers[MONITOR_TARGET_HEADERS_MAX];
        size_t header_count;
        struct monitor_numbers numbers; /* of the thread */
        atomic_bool ending;             /* the last numbers are told */
};

/* Gives the item to all services. */
static void tell(struct monitor *monitor, struct monitor_item *item)
{
        for (size_t i = 0; i < monitor->target_count; i++)
                monitor_target_put(monitor->targets[i], item);
        monitor_item_release(item);
}

/* --- what is told ------------------------------------------------------------------------- */

int32_t monitor_begin(struct monitor *monitor, const char *message_id)
{
        char operation[MONITOR_OPERATION_SIZE];
        int32_t stands_for;

        if (!monitor)
                return MONITOR_UNTOLD;
        monitor_operation_of(message_id, operation);
        stands_for = monitor_sampler_take(&monitor->operations, operation, clock_steady_ns());
        return stands_for > 0 ? stands_for : MONITOR_UNTOLD;
}

/* Failures are told whatever became of their operation, but not without a bound. */
static int32_t weigh(struct monitor *monitor, bool success, int32_t stands_for,
                     const char *message_id)
{
        if (!success)
                return monitor_sampler_take(&monitor->failures, NULL, clock_steady_ns());
        return stands_for == 0 ? monitor_begin(monitor, message_id) : stands_for;
}

/* What began then, by both clocks, and ends now. */
static void set_times(struct monitor_item *item, int64_t started_ns)
{
        item->duration_ns = clock_steady_ns() - started_ns;
        item->time_ns = clock_wall_ns() - item->duration_ns;
}

void monitor_request(struct monitor *monitor, const struct monitor_request *request)
{
        bool success = request->status >= 200 && request->status < 300;
        struct monitor_item *item;
        int32_t stands_for;

        if (!monitor)
                return;
        stands_for = weigh(monitor, success, request->stands_for, request->message_id);
        if (stands_for <= 0)
                return;
        item = monitor_item_new(MONITOR_REQUEST);
        set_times(item, request->arrived_ns);
        item->stands_for = stands_for;
        item->success = success;
        monitor_operation_of(request->message_id, item->operation);
        monitor_span_of(request->message_id, MONITOR_WEBHOOK, item->span);
        item->name = mem_format("POST %s", request->route);
        item->operation_name = mem_text(item->name);
        item->result = mem_format("%d", request->status);
        item->url = mem_format("http://%s%s", monitor->instance, request->route);
        monitor_item_add(item, "Network", request->network);
        monitor_item_add(item, "Application", request->application);
        monitor_item_add(item, "Answer", request->answer);
        monitor_item_add(item, "MessageId", request->message_id);
        monitor_item_add(item, "MessageIds", request->message_ids);
        monitor_item_seal(item);
        tell(monitor, item);
}

void monitor_dependency(struct monitor *monitor, const struct monitor_dependency *dependency)
{
        struct monitor_item *item;
        int32_t stands_for;

        if (!monitor)
                return;
        stands_for =
                weigh(monitor, dependency->success, dependency->stands_for, dependency->message_id);
        if (stands_for <= 0)
                return;
        item = monitor_item_new(MONITOR_DEPENDENCY);
        set_times(item, dependency->started_ns);
        item->stands_for = stands_for;
        item->success = dependency->success;
        monitor_operation_of(dependency->message_id, item->operation);
        monitor_span_of(dependency->message_id, dependency->stage, item->span);
        if (dependency->message_id)
                monitor_span_of(dependency->message_id, MONITOR_WEBHOOK, item->parent);
        if (dependency->message_id && dependency->network)
                item->operation_name = mem_format("POST /%s", dependency->network);
        item->name = mem_text(dependency->name);
        item->result = mem_text(dependency->result);
        item->type = mem_text(dependency->type);
        item->target = mem_text(dependency->target);
        monitor_item_add(item, "Network", dependency->network);
        monitor_item_add(item, "Application", dependency->application);
        monitor_item_add(item, "MessageId", dependency->message_id);
        if (!dependency->success && monitor->options.device_ids)
                monitor_item_add(item, "Device", dependency->device);
        monitor_item_seal(item);
        tell(monitor, item);
}

/* Of the monitor's own troubles it would have to tell while it can't. */
static bool is_of_ours(const char *id)
{
        return strncmp(id, "MONITOR_", strlen("MONITOR_")) == 0;
}

static void take_line(void *context, enum log_level level, const char *id, const char *sentence,
                      const struct log_field *fields)
{
        struct monitor *monitor = context;

        if (is_of_ours(id) || !monitor_log_admit(&monitor->log, id, clock_steady_ns()))
                return;
        tell(monitor, monitor_log_item(level, id, sentence, fields, monitor->options.device_ids));
}

/* --- from time to time -------------------------------------------------------------------- */

static void tell_suppressed(struct monitor *monitor, bool all)
{
        struct monitor_item *item;

        while ((item = monitor_log_suppressed(&monitor->log, clock_steady_ns(), all)))
                tell(monitor, item);
}

static void tell_numbers(struct monitor *monitor)
{
        struct monitor_item *items[MONITOR_NUMBERS_MAX];
        int64_t oldest_s = monitor->options.oldest_s(monitor->options.context);
        size_t count = monitor_numbers_read(&monitor->numbers, oldest_s, items);

        for (size_t i = 0; i < count; i++)
                tell(monitor, items[i]);
}

static void on_numbers(void *context)
{
        struct monitor *monitor = context;

        http_client_after(monitor->http, monitor->options.numbers_ms, on_numbers, monitor);
        tell_numbers(monitor);
}

static void on_minute(void *context)
{
        struct monitor *monitor = context;

        http_client_after(monitor->http, SUPPRESSED_MS, on_minute, monitor);
        tell_suppressed(monitor, false);
}

/* --- life --------------------------------------------------------------------------------- */

static void say_started(const struct monitor_service *service, const char *endpoint)
{
        log_info("MONITOR_STARTED", "What the gateway does is told to a monitoring service",
                 LOG_TEXT("service", service->name), LOG_TEXT("endpoint", endpoint), LOG_END);
}

static struct monitor_target *add_target(struct monitor *monitor,
                                         const struct monitor_target_options *options)
{
        struct monitor_target_options full = *options;

        full.http = monitor->http;
        if (options->endpoint)
                say_started(options->service, options->endpoint);
        return monitor->targets[monitor->target_count++] = monitor_target_new(&full);
}

/* Takes the key; before the target is there, or on the thread. */
static void set_insights(struct monitor *monitor, struct insights_string *insights)
{
        const char *audience = insights->audience ? insights->audience : IDENTITY_FOR_MONITOR;

        key_values_wipe_text(&monitor->key);
        monitor->origin.key = monitor->key = insights->key;
        insights->key = NULL;
        if (!monitor->options.by_identity)
                return;
        free(monitor->audience);
        monitor->audience = mem_text(audience);
}

static void add_insights(struct monitor *monitor, const struct insights_string *insights)
{
        if (!insights && !monitor->options.insights_later)
                return;
        monitor->origin = (struct insights_origin){
                .role = monitor->options.role,
                .instance = monitor->instance,
        };
        if (insights)
                set_insights(monitor, &(struct insights_string){
                                              .key = mem_text(insights->key),
                                              .audience = insights->audience,
                                      });
        if (monitor->options.by_identity) {
                monitor->client = mem_text(monitor->options.identity);
                monitor->identity = identity_new(&(struct identity_options){
                        .http = monitor->http,
                        .environment = monitor->options.environment,
                });
        }
        monitor->insights = add_target(
                monitor,
                &(struct monitor_target_options){
                        .service = &insights_service,
                        .context = &monitor->origin,
                        .endpoint = insights ? insights->endpoint : NULL,
                        .identity = monitor->identity,
                        .wanted = {.resource = monitor->audience, .client = monitor->client},
                });
}

/* On the thread. */
static void take_insights(void *context)
{
        struct monitor *monitor = context;
        CLEANUP(insights_string_deinit) struct insights_string insights;
        bool is_new;

        pthread_mutex_lock(&monitor->lock);
        insights = monitor->coming;
        monitor->coming = INSIGHTS_STRING_INIT;
        pthread_mutex_unlock(&monitor->lock);
        is_new = insights.key && !text_equal(insights.key, monitor->key);
        if (!is_new)
                return;
        set_insights(monitor, &insights);
        say_started(&insights_service, insights.endpoint);
        monitor_target_point(monitor->insights, insights.endpoint, monitor->audience);
}

void monitor_use_insights(struct monitor *monitor, struct insights_string *insights)
{
        if (!monitor || !monitor->insights)
                return;
        pthread_mutex_lock(&monitor->lock);
        insights_string_deinit(&monitor->coming);
        monitor->coming = *insights;
        *insights = INSIGHTS_STRING_INIT;
        pthread_mutex_unlock(&monitor->lock);
        http_client_after(monitor->http, 0, take_insights, monitor);
}

static void add_header(void *context, const char *name, const char *value)
{
        struct monitor *monitor = context;

        if (monitor->header_count < MONITOR_TARGET_HEADERS_MAX)
                monitor->headers[monitor->header_count++] =
                        (struct http_header){mem_text(name), mem_text(value)};
}

static void add_otlp(struct monitor *monitor, const struct monitor_otlp *otlp)
{
        CLEANUP(mem_cleanup) char *endpoint = NULL;

        if (!otlp)
                return;
        endpoint = mem_text_n(otlp->endpoint, text_size_without(otlp->endpoint, "/"));
        monitor->otlp = (struct otlp_origin){
                .service = otlp->service,
                .instance = monitor->instance,
                .attributes = otlp->attributes,
                .delta = otlp->delta,
        };
        otlp_pairs_each(otlp->headers, add_header, monitor);
        for (size_t i = 0; i < OTLP_SERVICES; i++)
                add_target(monitor, &(struct monitor_target_options){
                                            .service = &otlp_services[i],
                                            .context = &monitor->otlp,
                                            .endpoint = endpoint,
                                            .headers = monitor->headers,
                                            .header_count = monitor->header_count,
                                    });
}

int monitor_start(const struct monitor_options *options, struct monitor **monitor,
                  struct reason *reason)
{
        double at_once = options->operations_per_second * SECONDS_AT_ONCE;
        struct monitor *made;
        int result;

        *monitor = NULL;
        if (!options->insights && !options->insights_later && !options->otlp)
                return 0;
        made = mem_new(1, sizeof(*made));
        made->options = *options;
        result = http_client_new(
                &(struct http_client_options){
                        .trusted_certificates = options->trusted_certificates,
                        .user_agent = "isthmus/" ISTHMUS_VERSION,
                        .thread = THREAD_NAME,
                        .maximum_connections = 2,
                },
                &made->http, reason);
        if (result != 0) {
                free(made);
                return result;
        }
        if (gethostname(made->instance, sizeof(made->instance) - 1) != 0)
                strcpy(made->instance, "isthmus");
        monitor_sampler_init(&made->operations, options->operations_per_second,
                             at_once > 1 ? at_once : 1);
        monitor_sampler_init(&made->failures, FAILURES_PER_SECOND, FAILURES_AT_ONCE);
        monitor_log_init(&made->log);
        pthread_mutex_init(&made->lock, NULL);
        monitor_numbers_init(&made->numbers);
        add_insights(made, options->insights);
        add_otlp(made, options->otlp);
        http_client_after(made->http, options->numbers_ms, on_numbers, made);
        http_client_after(made->http, SUPPRESSED_MS, on_minute, made);
        if (options->tells_logs)
                log_listen(options->logs, take_line, made);
        *monitor = made;
        return 0;
}

static bool is_idle(struct monitor *monitor)
{
        bool idle = true;

        for (size_t i = 0; i < monitor->target_count; i++)
                idle &= monitor_target_is_idle(monitor->targets[i]);
        return idle;
}

/* On the thread: the last of what there is to tell. */
static void say_goodbye(void *context)
{
        struct monitor *monitor = context;

        tell_suppressed(monitor, true);
        tell_numbers(monitor);
        atomic_store(&monitor->ending, true);
}

static void flush(struct monitor *monitor)
{
        for (size_t i = 0; i < monitor->target_count; i++)
                monitor_target_flush(monitor->targets[i]);
}

void monitor_stop(struct monitor *monitor)
{
        static const struct timespec step = {.tv_nsec = STOP_STEP_NS};
        int64_t end_ms = clock_steady_ms() + STOP_MS;

        if (!monitor)
                return;
        log_unlisten(take_line);
        http_client_after(monitor->http, 0, say_goodbye, monitor);
        do {
                nanosleep(&step, NULL);
                flush(monitor);
        } while (!(atomic_load(&monitor->ending) && is_idle(monitor)) &&
                 clock_steady_ms() < end_ms);
        for (size_t i = 0; i < monitor->target_count; i++)
                monitor_target_close(monitor->targets[i]);
        http_client_free(monitor->http);
        monitor->http = NULL;
}

static void free_header(struct http_header *header)
{
        mem_wipe((char *)(uintptr_t)header->value, strlen(header->value));
        free((char *)(uintptr_t)header->name);
        free((char *)(uintptr_t)header->value);
}

void monitor_free(struct monitor *monitor)
{
        if (!monitor)
                return;
        identity_free(monitor->identity);
        for (size_t i = 0; i < monitor->target_count; i++)
                monitor_target_free(monitor->targets[i]);
        free(monitor->audience);
        free(monitor->client);
        monitor_log_deinit(&monitor->log);
        insights_string_deinit(&monitor->coming);
        pthread_mutex_destroy(&monitor->lock);
        monitor_sampler_deinit(&monitor->operations);
        monitor_sampler_deinit(&monitor->failures);
        key_values_wipe_text(&monitor->key);
        for (size_t i = 0; i < monitor->header_count; i++)
                free_header(&monitor->headers[i]);
        free(monitor);
}
