// SPDX-License-Identifier: MIT
/*
 * What waits, and all of the state, is guarded by the lock; requests are made and answered on the
 * HTTP client's thread. That client's lock may be taken under this one, never the other way round.
 */
#include "monitor/monitor_target.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "monitor/gzip.h"

/* Pauses that the service doesn't ask for itself. */
#define PAUSE_MIN_MS (10 * 1000)
#define PAUSE_MAX_MS (10 * 60 * 1000)

/* How often in a row a service may say that it has moved. */
#define MOVES_MAX 10

struct monitor_target {
        struct monitor_target_options options;
        char *endpoint; /* of the HTTP client's thread */

        pthread_mutex_t lock; /* for all of the following */
        struct monitor_item *ring[MONITOR_TARGET_ITEMS_MAX];
        size_t first;
        size_t count; /* in the ring */
        struct monitor_item *batch[MONITOR_BATCH_MAX];
        size_t batch_count; /* under way */
        size_t bytes;       /* of both */
        bool due;           /* a flush will come by itself */
        bool busy;          /* a request is under way, or it pauses: a flush comes afterwards */
        bool pausing;
        bool stopped; /* for good */
        bool failed;  /* the last request has; it is said once */
        int failures; /* in a row */
        int moves;    /* in a row */
};

struct monitor_target *monitor_target_new(const struct monitor_target_options *options)
{
        struct monitor_target *target = mem_new(1, sizeof(*target));

        target->options = *options;
        target->endpoint = mem_text(options->endpoint);
        target->busy = target->pausing = !options->endpoint;
        pthread_mutex_init(&target->lock, NULL);
        return target;
}

static struct monitor_item *pop(struct monitor_target *target)
{
        struct monitor_item *item = target->ring[target->first];

        target->first = (target->first + 1) % MONITOR_TARGET_ITEMS_MAX;
        target->count--;
        return item;
}

/* With the lock, as all that follow up to the next heading. */
static void drop(struct monitor_target *target, struct monitor_item *item)
{
        target->bytes -= item->size;
        metrics_add(target->options.service->dropped, 1);
        monitor_item_release(item);
}

void monitor_target_free(struct monitor_target *target)
{
        if (!target)
                return;
        while (target->count > 0)
                drop(target, pop(target));
        pthread_mutex_destroy(&target->lock);
        free(target->endpoint);
        free(target);
}

static bool is_over(const struct monitor_target *target, size_t more)
{
        return target->count + target->batch_count >= MONITOR_TARGET_ITEMS_MAX ||
               target->bytes + more > MONITOR_TARGET_BYTES_MAX;
}

/* What failed is the oldest: it goes to the front, if there is still room. */
static void put_back(struct monitor_target *target, struct monitor_item *item)
{
        target->first = (target->first + MONITOR_TARGET_ITEMS_MAX - 1) % MONITOR_TARGET_ITEMS_MAX;
        target->ring[target->first] = item;
        target->count++;
}

static void send_batch(void *context);

/* True if the caller is to have send_batch called after the delay. */
static bool plan_wake(struct monitor_target *target, int64_t *delay_ms)
{
        if (target->busy || target->stopped || target->count == 0)
                return false;
        if (target->count >= MONITOR_BATCH_MAX) {
                target->busy = true;
                *delay_ms = 0;
                return true;
        }
        if (target->due)
                return false;
        target->due = true;
        *delay_ms = MONITOR_TARGET_DELAY_MS;
        return true;
}

/* --- in ----------------------------------------------------------------------------------- */

void monitor_target_put(struct monitor_target *target, struct monitor_item *item)
{
        int64_t delay_ms;

        if (!target->options.service->wants(item))
                return;
        monitor_item_hold(item);
        pthread_mutex_lock(&target->lock);
        target->bytes += item->size;
        if (target->stopped || item->size > MONITOR_TARGET_BYTES_MAX / 4) {
                drop(target, item);
        } else {
                while (target->count > 0 && is_over(target, 0))
                        drop(target, pop(target));
                target->ring[(target->first + target->count++) % MONITOR_TARGET_ITEMS_MAX] = item;
                if (plan_wake(target, &delay_ms))
                        http_client_after(target->options.http, delay_ms, send_batch, target);
        }
        pthread_mutex_unlock(&target->lock);
}

void monitor_target_flush(struct monitor_target *target)
{
        pthread_mutex_lock(&target->lock);
        if (!target->busy && !target->stopped && target->count > 0) {
                target->busy = true;
                http_client_after(target->options.http, 0, send_batch, target);
        }
        pthread_mutex_unlock(&target->lock);
}

void monitor_target_close(struct monitor_target *target)
{
        pthread_mutex_lock(&target->lock);
        target->stopped = true;
        while (target->count > 0)
                drop(target, pop(target));
        pthread_mutex_unlock(&target->lock);
}

bool monitor_target_is_idle(struct monitor_target *target)
{
        bool idle;

        pthread_mutex_lock(&target->lock);
        idle = target->stopped || target->pausing ||
               (target->count == 0 && target->batch_count == 0);
        pthread_mutex_unlock(&target->lock);
        return idle;
}

/* --- out, on the HTTP client's thread ------------------------------------------------------ */

static void tell_state(struct monitor_target *target, const struct monitor_verdict *verdict)
{
        const char *name = target->options.service->name;

        if (verdict->stop)
                log_error("MONITOR_STOPPED", "A monitoring service refuses everything for good",
                          LOG_TEXT("service", name), LOG_TEXT("reason", verdict->reason.text),
                          LOG_END);
        else if (verdict->failed && !target->failed)
                log_warn("MONITOR_AWAY", "A monitoring service does not take what it is sent",
                         LOG_TEXT("service", name), LOG_TEXT("reason", verdict->reason.text),
                         LOG_END);
        else if (!verdict->failed && target->failed)
                log_info("MONITOR_BACK", "It takes it again", LOG_TEXT("service", name), LOG_END);
        target->failed = verdict->failed;
}

/* The pause before the next request; 0 = none. */
static int64_t pause_of(struct monitor_target *target, const struct monitor_verdict *verdict)
{
        if (!verdict->failed) {
                target->failures = 0;
                target->moves = 0;
                return 0;
        }
        target->failures++;
        if (verdict->pause_ms >= 0)
                return verdict->pause_ms;
        return backoff_ms(target->failures, PAUSE_MIN_MS, PAUSE_MAX_MS);
}

/* With the lock. */
static void settle(struct monitor_target *target, const struct monitor_verdict *verdict)
{
        size_t count = target->batch_count;
        size_t taken = 0;

        target->batch_count = 0;
        while (count-- > 0) {
                struct monitor_item *item = target->batch[count];

                if (verdict->fates[count] == MONITOR_TAKEN) {
                        target->bytes -= item->size;
                        monitor_item_release(item);
                        taken++;
                } else if (verdict->fates[count] == MONITOR_LOST || verdict->stop ||
                           target->count >= MONITOR_TARGET_ITEMS_MAX) {
                        drop(target, item);
                } else {
                        put_back(target, item);
                }
        }
        metrics_add(target->options.service->sent, (int64_t)taken);
        target->stopped |= verdict->stop;
        while (target->stopped && target->count > 0)
                drop(target, pop(target));
}

/* A new address counts from now on, and may be tried at once. */
static bool follow(struct monitor_target *target, struct monitor_verdict *verdict)
{
        bool follows = verdict->moved_to && target->moves < MOVES_MAX;

        if (follows) {
                free(target->endpoint);
                target->endpoint = verdict->moved_to;
                target->moves++;
        } else {
                free(verdict->moved_to);
        }
        return follows;
}

static void go_on(void *context)
{
        struct monitor_target *target = context;

        pthread_mutex_lock(&target->lock);
        target->pausing = false;
        pthread_mutex_unlock(&target->lock);
        send_batch(target);
}

void monitor_target_point(struct monitor_target *target, const char *endpoint, const char *resource)
{
        bool is_first = !target->endpoint;

        free(target->endpoint);
        target->endpoint = mem_text(endpoint);
        target->options.wanted.resource = resource;
        if (is_first)
                go_on(target);
}

/* What comes next, now that the batch is settled. With the lock. */
static void plan(struct monitor_target *target, const struct monitor_verdict *verdict, bool at_once,
                 int64_t *delay_ms)
{
        *delay_ms = at_once ? 0 : pause_of(target, verdict);
        target->pausing = *delay_ms > 0;
        target->busy = target->pausing || at_once;
        if (!target->busy && !plan_wake(target, delay_ms))
                *delay_ms = -1;
}

/*
 * The token may have lost its right meanwhile. True if a new one is asked for, so that the batch
 * may be tried at once; not more often than once in a while.
 */
static bool renew_token(struct monitor_target *target, const struct http_answer *answer)
{
        return target->options.identity && answer->failure == HTTP_OK &&
               (answer->status == 401 || answer->status == 403) &&
               identity_doubt(target->options.identity, &target->options.wanted);
}

static void answered(void *context, const struct http_answer *answer)
{
        struct monitor_target *target = context;
        struct monitor_verdict verdict = {.failed = false};
        bool is_end = answer->failure == HTTP_E_STOPPED;
        bool at_once = false;
        int64_t delay_ms;

        if (is_end) {
                monitor_verdict_all(&verdict, target->batch_count, MONITOR_LOST);
        } else {
                target->options.service->read(answer, target->batch_count, clock_wall_ms(),
                                              &verdict);
                at_once = follow(target, &verdict) || renew_token(target, answer);
                if (!at_once)
                        tell_state(target, &verdict);
        }
        pthread_mutex_lock(&target->lock);
        settle(target, &verdict);
        plan(target, &verdict, at_once, &delay_ms);
        pthread_mutex_unlock(&target->lock);
        if (!is_end && delay_ms >= 0)
                http_client_after(target->options.http, delay_ms,
                                  target->pausing ? go_on : send_batch, target);
}

/* `token` NULL: without one. */
static void send_items(struct monitor_target *target, const char *token)
{
        const struct monitor_service *service = target->options.service;
        CLEANUP(buf_deinit) struct buf url = BUF_INIT;
        CLEANUP(buf_deinit) struct buf plain = BUF_INIT;
        CLEANUP(buf_deinit) struct buf packed = BUF_INIT;
        CLEANUP(buf_wipe) struct buf authorization = BUF_INIT;
        struct http_header headers[MONITOR_TARGET_HEADERS_MAX + 3] = {
                {"Content-Type", service->type}};
        size_t header_count = 1;
        const struct buf *body = service->gzip ? &packed : &plain;

        buf_add_format(&url, "%s%s", target->endpoint, service->path);
        service->write(target->options.context, target->batch, target->batch_count, &plain);
        if (service->gzip) {
                gzip_add(&packed, plain.data, plain.size);
                headers[header_count++] = (struct http_header){"Content-Encoding", "gzip"};
        }
        if (token) {
                buf_add_format(&authorization, "Bearer %s", token);
                headers[header_count++] =
                        (struct http_header){"Authorization", buf_text(&authorization)};
        }
        for (size_t i = 0; i < target->options.header_count && i < MONITOR_TARGET_HEADERS_MAX; i++)
                headers[header_count++] = target->options.headers[i];
        http_client_send(target->options.http,
                         &(struct http_request){
                                 .method = "POST",
                                 .url = buf_text(&url),
                                 .headers = headers,
                                 .header_count = header_count,
                                 .body = body->data,
                                 .body_size = body->size,
                         },
                         answered, target);
}

static void on_token(void *context, const char *token, const struct reason *reason,
                     int64_t again_ms)
{
        struct monitor_target *target = context;
        struct http_answer none = {
                .failure = again_ms == IDENTITY_STOPPED ? HTTP_E_STOPPED : HTTP_E_CONNECT,
                .reason = *reason,
        };

        if (token)
                send_items(target, token);
        else
                answered(target, &none);
}

static void request(struct monitor_target *target)
{
        if (target->options.identity)
                identity_ask(target->options.identity, &target->options.wanted, on_token, target);
        else
                send_items(target, NULL);
}

/* Called when it is due, or when it can. */
static void send_batch(void *context)
{
        struct monitor_target *target = context;

        pthread_mutex_lock(&target->lock);
        target->due = false;
        if (target->batch_count > 0 || target->pausing || target->stopped) {
                pthread_mutex_unlock(&target->lock);
                return;
        }
        while (target->count > 0 && target->batch_count < MONITOR_BATCH_MAX)
                target->batch[target->batch_count++] = pop(target);
        target->busy = target->batch_count > 0;
        pthread_mutex_unlock(&target->lock);
        if (target->batch_count > 0)
                request(target);
}
