// SPDX-License-Identifier: MIT
/*
 * Control API: telemetry as lines of JSON, as it arrives.
 *
 * Law: a reader is on the followers' list from the start of its stream until its end, both on the
 * thread "hub-control"; the thread "hub-follow" wakes readers under the list's lock only. It
 * notes the newest number before it wakes them, so that a message that comes while they read is
 * news again.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "localhub/control/control_call.h"

#define FOLLOW_THREAD   "hub-follow"
#define FOLLOW_WAIT_MS  500
#define FOLLOW_PAUSE_MS 2 /* messages that come faster share one waking */
#define CHUNK_SIZE      ((size_t)64 * 1024)
#define KEEP_ALIVE_MS   10000
#define WAIT_MAX_MS     60000
#define BODY_DEPTH      64

struct control_followers {
        struct telemetry_log *log;
        const struct models *models;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct list readers; /* guarded */
        bool stop;           /* guarded */
};

struct reader {
        struct list_node node;
        struct control_followers *followers;
        struct http_exchange *exchange;
        uint64_t after;
        int64_t left; /* lines still wanted */
        bool follow;
        int64_t until_ms; /* without `follow`: waits so long for the first line; steady clock */
        char *device;     /* NULL = every one */
        char *hub;        /* id; NULL = every one */
        int64_t spoke_ms;
};

/* --- the thread "hub-follow" ----------------------------------------------------------------- */

static void pause_locked(struct control_followers *followers)
{
        int64_t until_ns = clock_steady_ns() + FOLLOW_PAUSE_MS * CLOCK_NS_PER_MS;

        while (!followers->stop &&
               condition_wait_until(&followers->changed, &followers->lock, until_ns))
                continue;
}

/* False when it is time to stop. */
static bool wait_for_readers(struct control_followers *followers)
{
        bool go_on;

        pthread_mutex_lock(&followers->lock);
        while (!followers->stop && list_is_empty(&followers->readers))
                pthread_cond_wait(&followers->changed, &followers->lock);
        go_on = !followers->stop;
        pthread_mutex_unlock(&followers->lock);
        return go_on;
}

static void wake_readers(struct control_followers *followers)
{
        pthread_mutex_lock(&followers->lock);
        list_for_each (node, &followers->readers)
                http_exchange_wake(list_entry(node, struct reader, node)->exchange);
        pause_locked(followers);
        pthread_mutex_unlock(&followers->lock);
}

static void *run(void *context)
{
        struct control_followers *followers = context;
        uint64_t seen = 0;

        thread_enter(FOLLOW_THREAD);
        while (wait_for_readers(followers)) {
                const struct telemetry_record *record =
                        telemetry_log_next(followers->log, seen, FOLLOW_WAIT_MS);

                if (!record)
                        continue;
                telemetry_record_release(record);
                seen = telemetry_log_newest(followers->log);
                wake_readers(followers);
        }
        return NULL;
}

struct control_followers *control_followers_new(struct telemetry_log *log,
                                                const struct models *models)
{
        struct control_followers *followers = mem_new(1, sizeof(*followers));

        followers->log = log;
        followers->models = models;
        list_init(&followers->readers);
        pthread_mutex_init(&followers->lock, NULL);
        condition_init(&followers->changed);
        thread_start(&followers->thread, run, followers);
        return followers;
}

void control_followers_free(struct control_followers *followers)
{
        if (!followers)
                return;
        pthread_mutex_lock(&followers->lock);
        followers->stop = true;
        pthread_cond_broadcast(&followers->changed);
        pthread_mutex_unlock(&followers->lock);
        pthread_join(followers->thread, NULL);
        pthread_cond_destroy(&followers->changed);
        pthread_mutex_destroy(&followers->lock);
        free(followers);
}

/* --- readers, on the thread "hub-control" ---------------------------------------------------- */

static bool wants(const struct reader *reader, const struct telemetry_record *record)
{
        return (!reader->device || strcmp(reader->device, record->device_id) == 0) &&
               (!reader->hub || strcmp(reader->hub, record->hub) == 0);
}

/* A last member tells what the model of the device does not have. */
static void add_warnings(const struct models *models, const struct telemetry_record *record,
                         struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *warnings = json_object_new_array();
        CLEANUP(json_cleanup) struct json_object *body = NULL;
        struct reason ignored = REASON_INIT;

        if (record->body_size > 0)
                body = json_parse(record->body, record->body_size, BODY_DEPTH, JSON_STRICT,
                                  &ignored);
        models_check_telemetry(models, record->model_id, record->component, body, warnings);
        if (json_object_array_length(warnings) == 0)
                return;
        out->size--; /* the brace */
        buf_add_text(out, ",\"warnings\":");
        json_write(out, warnings);
        buf_add_char(out, '}');
}

static void write_line(const struct models *models, const struct telemetry_record *record,
                       struct buf *out)
{
        telemetry_record_write(out, record);
        if (models)
                add_warnings(models, record, out);
        buf_add_char(out, '\n');
}

/* Adds lines until there is enough or no more; true if the end of the log was reached. */
static bool read_lines(struct reader *reader, struct buf *out)
{
        while (reader->left > 0 && out->size < CHUNK_SIZE) {
                const struct telemetry_record *record =
                        telemetry_log_next(reader->followers->log, reader->after, 0);

                if (!record)
                        return true;
                reader->after = record->sequence;
                if (wants(reader, record)) {
                        write_line(reader->followers->models, record, out);
                        reader->left--;
                }
                telemetry_record_release(record);
        }
        return false;
}

static bool reader_read(void *context, struct buf *out)
{
        struct reader *reader = context;
        bool at_end = read_lines(reader, out);

        if (out->size > 0) {
                reader->spoke_ms = clock_steady_ms();
        } else if (clock_steady_ms() - reader->spoke_ms >= KEEP_ALIVE_MS) {
                buf_add_char(out, '\n');
                reader->spoke_ms = clock_steady_ms();
        }
        if (out->size > 0)
                reader->until_ms = 0;
        return reader->left > 0 &&
               (reader->follow || !at_end || clock_steady_ms() < reader->until_ms);
}

static void reader_end(void *context)
{
        struct reader *reader = context;

        pthread_mutex_lock(&reader->followers->lock);
        list_remove(&reader->followers->readers, &reader->node);
        pthread_mutex_unlock(&reader->followers->lock);
        free(reader->device);
        free(reader->hub);
        free(reader);
}

/* The number after which the caller wants to read; false if it was answered. */
static bool query_start(struct service_call *call, struct telemetry_log *log, uint64_t *after)
{
        const char *from = http_exchange_argument(call->exchange, "from");
        int64_t number = 0;

        if (text_equal(from, "latest")) {
                *after = telemetry_log_newest(log);
                return true;
        }
        if (from && !text_to_int64(from, 0, INT64_MAX, &number)) {
                control_fail(call, 400, "BadQuery", "'from' must be a sequence number or 'latest'");
                return false;
        }
        *after = number > 0 ? (uint64_t)number - 1 : 0;
        return true;
}

void control_telemetry(struct service_call *call)
{
        struct control_followers *followers = control_of(call)->followers;
        struct registry_hub hub = {.id = ""};
        int64_t follow;
        int64_t wait_ms;
        int64_t limit;
        uint64_t after;
        struct reader *reader;

        if (!query_start(call, followers->log, &after) ||
            !control_query_number(call, "follow", 0, 1, &follow) ||
            !control_query_number(call, "wait", 0, WAIT_MAX_MS, &wait_ms) ||
            !control_query_number(call, "limit", INT64_MAX, INT64_MAX, &limit) ||
            !control_query_hub(call))
                return;
        if (call->hub_index >= 0 && !registry_hub_get(call->registry, call->hub_index, &hub))
                hub.id[0] = '\0';
        reader = mem_new(1, sizeof(*reader));
        *reader = (struct reader){
                .followers = followers,
                .exchange = call->exchange,
                .after = after,
                .left = limit,
                .follow = follow == 1,
                .until_ms = clock_steady_ms() + wait_ms,
                .device = mem_text(http_exchange_argument(call->exchange, "device")),
                .hub = call->hub_index >= 0 ? mem_text(hub.id) : NULL,
                .spoke_ms = clock_steady_ms(),
        };
        pthread_mutex_lock(&followers->lock);
        list_push_back(&followers->readers, &reader->node);
        pthread_cond_broadcast(&followers->changed);
        pthread_mutex_unlock(&followers->lock);
        http_exchange_stream(call->exchange, &(const struct http_stream){
                                                     .type = "application/x-ndjson",
                                                     .read = reader_read,
                                                     .end = reader_end,
                                                     .context = reader,
                                             });
}
