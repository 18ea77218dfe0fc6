// SPDX-License-Identifier: MIT
#include "camera/cloud/cloud.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/cloud/cloud_inside.h"
#include "camera/cloud/cloud_record.h"

#define LOOK_AT_CLOCK_MS 5000

struct cloud *cloud_new(const struct cloud_options *options)
{
        struct cloud *cloud = mem_new(1, sizeof(*cloud));

        cloud->options = *options;
        process_boot_id(cloud->boot);
        list_init(&cloud->devices);
        list_init(&cloud->calls);
        return cloud;
}

static void device_free(struct cloud_device *device)
{
        cloud_assignment_deinit(&device->assignment);
        cloud_queue_deinit(&device->queue);
        free(device->answer.hub);
        free(device->answer.device_id);
        free(device->remembered);
        free(device->key);
        buf_deinit(&device->patch);
        pthread_mutex_destroy(&device->lock);
        free(device);
}

void cloud_free(struct cloud *cloud)
{
        struct list_node *node;

        if (!cloud)
                return;
        cloud_calls_free(cloud);
        while ((node = list_pop_front(&cloud->devices)))
                device_free(list_entry(node, struct cloud_device, node));
        free(cloud);
}

struct cloud_device *cloud_add(struct cloud *cloud, const struct camera_settings *camera,
                               const struct cloud_handler *handler, void *context)
{
        struct cloud_device *device = mem_new(1, sizeof(*device));

        device->cloud = cloud;
        device->camera = camera;
        device->handler = handler;
        device->context = context;
        device->key = mem_format(CLOUD_KEY_PREFIX "%s", camera_settings_name(camera));
        cloud_queue_init(&device->queue);
        pthread_mutex_init(&device->lock, NULL);
        list_push_back(&cloud->devices, &device->node);
        return device;
}

/* --- start and stop -------------------------------------------------------------------------- */

static struct cloud_device *find(const struct cloud *cloud, const char *key)
{
        list_for_each (node, &cloud->devices) {
                struct cloud_device *device = list_entry(node, struct cloud_device, node);

                if (text_equal(device->key, key))
                        return device;
        }
        return NULL;
}

static bool remember(void *context, const struct store_record *record)
{
        struct cloud_device *device = find(context, record->key);

        if (device)
                device->remembered = mem_text_n(record->value, record->value_size);
        return true;
}

static bool note_waiting(void *context, const char *key, int64_t waiting)
{
        if (!find(context, key))
                log_warn("CAMERA_UNKNOWN",
                         "Tallies of a camera wait that is not configured any more",
                         LOG_TEXT("camera", key), LOG_INT("waiting", waiting), LOG_END);
        return true;
}

static void look_at_clock(struct timer *timer)
{
        struct cloud *cloud = list_entry(timer, struct cloud, clock_timer);

        loop_timer_start(cloud->options.loop, timer, LOOK_AT_CLOCK_MS);
        if (!clock_check_notice_set(&cloud->clock, clock_wall_ms(), clock_steady_ms()))
                return;
        list_for_each (node, &cloud->devices)
                cloud_device_try_held(list_entry(node, struct cloud_device, node));
}

void cloud_secrets_changed(struct cloud *cloud)
{
        if (cloud->is_stopped)
                return;
        list_for_each (node, &cloud->devices) {
                struct cloud_device *device = list_entry(node, struct cloud_device, node);

                if (device->phase == CLOUD_HELD)
                        cloud_device_try_held(device);
                else if (device->phase != CLOUD_NEW && device->camera->azure.connection_string)
                        cloud_assign(device, false);
        }
}

static void start(void *context)
{
        struct cloud *cloud = context;

        clock_check_init(&cloud->clock, clock_wall_ms(), clock_steady_ms());
        cloud->clock_timer.run = look_at_clock;
        loop_timer_start(cloud->options.loop, &cloud->clock_timer, LOOK_AT_CLOCK_MS);
        list_for_each (node, &cloud->devices)
                cloud_device_open(list_entry(node, struct cloud_device, node));
}

int cloud_start(struct cloud *cloud, struct hub_client *hubs, struct reason *reason)
{
        struct store *store = cloud->options.store;
        int result = store_records_each(store, CLOUD_ASSIGNMENT_KIND, NULL, remember, cloud);

        cloud->hubs = hubs;
        if (result == 0)
                result = store_devices_each(store, NULL, note_waiting, cloud);
        if (result != 0) {
                reason_set(reason, "what is kept in the store can't be read");
                return result;
        }
        loop_post(cloud->options.loop, start, cloud);
        return 0;
}

static void stop(void *context)
{
        struct cloud *cloud = context;

        cloud->is_stopped = true;
        loop_timer_stop(cloud->options.loop, &cloud->clock_timer);
        cloud_calls_stop(cloud);
        list_for_each (node, &cloud->devices)
                cloud_device_close(list_entry(node, struct cloud_device, node));
}

void cloud_stop(struct cloud *cloud)
{
        loop_call(cloud->options.loop, stop, cloud);
}

/* --- from the cameras' threads --------------------------------------------------------------- */

static void wake(void *context)
{
        struct cloud_device *device = context;

        pthread_mutex_lock(&device->lock);
        device->is_awake = false;
        if (device->patch.size > 0)
                device->is_report_due = true;
        pthread_mutex_unlock(&device->lock);
        device->queue.is_unread = true;
        cloud_queue_pump(device);
}

static void post_wake(struct cloud_device *device)
{
        bool is_awake;

        pthread_mutex_lock(&device->lock);
        is_awake = device->is_awake;
        device->is_awake = true;
        pthread_mutex_unlock(&device->lock);
        if (!is_awake)
                loop_post(device->cloud->options.loop, wake, device);
}

struct waiting_put {
        struct store_put put;
        int result;
        sem_t done;
};

static void put_done(struct store_put *put, int result)
{
        struct waiting_put *waiting = list_entry(put, struct waiting_put, put);

        waiting->result = result;
        sem_post(&waiting->done);
}

static const char *put_failure(int result)
{
        switch (result) {
        case STORE_E_FULL:
        case STORE_E_SHARE:
                return "the store holds as much as Store.MaximumBytes allows";
        case STORE_E_CLOSED:
                return "the program ends";
        default:
                return strerror(-result);
        }
}

int cloud_put(struct cloud_device *device, const struct cloud_message *message,
              struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        char id[CRYPTO_UUID_SIZE];
        struct store_event event = {.device = device->key, .message_id = id};
        struct waiting_put waiting = {.put = {.events = &event, .count = 1, .done = put_done}};
        const struct cloud_clocks clocks = {.boot = device->cloud->boot,
                                            .offset_ms = message->clock_offset_ms};

        crypto_uuid4(id);
        cloud_record_write(&record, message->created_ns, &clocks, message->body,
                           message->body_size);
        event.record = record.data;
        event.record_size = record.size;
        event.arrived_ns = message->created_ns;
        sem_init(&waiting.done, 0, 0);
        store_put(device->cloud->options.store, &waiting.put);
        while (sem_wait(&waiting.done) != 0)
                continue;
        sem_destroy(&waiting.done);
        if (waiting.result == 0)
                post_wake(device);
        else
                reason_set(reason, "%s", put_failure(waiting.result));
        return waiting.result;
}

void cloud_report(struct cloud_device *device, const char *patch, size_t size)
{
        pthread_mutex_lock(&device->lock);
        buf_clear(&device->patch);
        buf_add(&device->patch, patch, size);
        pthread_mutex_unlock(&device->lock);
        post_wake(device);
}

void cloud_status(struct cloud_device *device, struct cloud_status *status)
{
        pthread_mutex_lock(&device->lock);
        *status = device->status;
        pthread_mutex_unlock(&device->lock);
}

const char *cloud_phase_name(enum cloud_phase phase)
{
        static const char *const names[] = {
                [CLOUD_NEW] = "new",
                [CLOUD_REGISTERING] = "registering",
                [CLOUD_CONNECTING] = "connecting",
                [CLOUD_READY] = "ready",
                [CLOUD_HELD] = "held",
        };

        return names[phase];
}
