// SPDX-License-Identifier: MIT
#include "cli/gateway/queue_look.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"

int queue_look_open(struct queue_look *look, const struct store_options *options,
                    struct reason *reason)
{
        int result;

        *look = (struct queue_look){.gateway = NULL};
        result = gateway_control_open(options->directory, &look->gateway, reason);
        if (result != GATEWAY_CONTROL_E_ABSENT)
                return result;
        return store_open_to_read(options, &look->store, reason);
}

void queue_look_close(struct queue_look *look)
{
        http_client_free(look->gateway);
        store_close(look->store);
        *look = (struct queue_look){.gateway = NULL};
}

static int conclude(int result, struct reason *reason)
{
        if (result != 0)
                reason_set(reason, "the store could not be read to its end");
        return result;
}

/* --- what the gateway answers -------------------------------------------------------------- */

/* Nanoseconds since 1970; 0 if there is no such member. */
static int64_t time_of(struct json_object *answer, const char *name)
{
        const char *text = json_text_member(answer, name);
        int64_t wall_ns = 0;

        return text && clock_parse_utc(text, &wall_ns) ? wall_ns : 0;
}

static void read_record(struct json_object *answer, struct buf *record)
{
        struct json_object *value = json_member(answer, "record");
        const char *base64 = json_text_member(answer, "recordBase64");

        if (value)
                json_write(record, value);
        else if (base64 && !crypto_base64_decode(record, base64, strlen(base64)))
                buf_clear(record);
}

/* True to go on. */
static bool show(struct json_object *answer, queue_look_visit *visit, void *context)
{
        CLEANUP(buf_deinit) struct buf record = BUF_INIT;
        struct store_dead_letter letter = {
                .event = {.id = json_number_member(answer, "id", 0),
                          .device = json_text_member(answer, "device"),
                          .message_id = json_text_member(answer, "messageId"),
                          .arrived_ns = time_of(answer, "arrived")},
                .reason = json_text_member(answer, "reason"),
                .died_ms = time_of(answer, "died") / CLOCK_NS_PER_MS,
        };

        read_record(answer, &record);
        letter.event.record = buf_text(&record);
        letter.event.record_size =
                record.size > 0 ? record.size : (size_t)json_number_member(answer, "size", 0);
        if (!letter.event.device || !letter.event.message_id)
                return true;
        return visit(context, &letter);
}

/* Page by page. `name` is that of the call, and of the array in its answer. */
static int ask_for_all(struct queue_look *look, const char *name, const char *device,
                       queue_look_visit *visit, void *context, struct reason *reason)
{
        int64_t after = 0;
        bool more = true;

        while (more) {
                CLEANUP(buf_deinit) struct buf path = BUF_INIT;
                CLEANUP(json_cleanup) struct json_object *answer = NULL;
                struct json_object *items;

                buf_add_format(&path, "/%s", name);
                gateway_control_argument(&path, "device", device);
                gateway_control_number(&path, "after", after);
                answer = gateway_control_call(look->gateway, "GET", buf_text(&path), reason);
                if (!answer)
                        return -EIO;
                more = json_bool_member(answer, "more", false);
                items = json_member(answer, name);
                for (size_t i = 0; items && i < json_object_array_length(items); i++) {
                        struct json_object *item = json_object_array_get_idx(items, i);

                        after = json_number_member(item, "id", 0);
                        if (!show(item, visit, context))
                                return 0;
                }
        }
        return 0;
}

static int ask_for_devices(struct queue_look *look, struct store_state *state,
                           bool (*visit)(void *context, const char *device, int64_t waiting),
                           void *context, struct reason *reason)
{
        CLEANUP(json_cleanup)
        struct json_object *answer = gateway_control_call(look->gateway, "GET", "/queue", reason);
        struct json_object *devices;

        if (!answer)
                return -EIO;
        *state = (struct store_state){.events = json_number_member(answer, "events", 0),
                                      .dead_letters = json_number_member(answer, "deadLetters", 0),
                                      .bytes = json_number_member(answer, "bytes", 0)};
        devices = json_member(answer, "devices");
        for (size_t i = 0; devices && i < json_object_array_length(devices); i++) {
                struct json_object *device = json_object_array_get_idx(devices, i);
                const char *name = json_text_member(device, "device");

                if (name && !visit(context, name, json_number_member(device, "waiting", 0)))
                        break;
        }
        return 0;
}

/* --- either way ---------------------------------------------------------------------------- */

struct viewer {
        queue_look_visit *visit;
        void *context;
        int64_t id; /* queue_look_one: the one that is meant */
        bool found;
};

static bool see_event(void *context, const struct store_event *event)
{
        const struct viewer *viewer = context;

        return viewer->visit(viewer->context, &(struct store_dead_letter){.event = *event});
}

static bool see_if_meant(void *context, const struct store_dead_letter *letter)
{
        struct viewer *viewer = context;

        viewer->found = letter->event.id == viewer->id;
        if (viewer->found)
                (void)viewer->visit(viewer->context, letter);
        return false;
}

static bool see_event_if_meant(void *context, const struct store_event *event)
{
        return see_if_meant(context, &(struct store_dead_letter){.event = *event});
}

int queue_look_devices(struct queue_look *look, struct store_state *state,
                       bool (*visit)(void *context, const char *device, int64_t waiting),
                       void *context, struct reason *reason)
{
        if (look->gateway)
                return ask_for_devices(look, state, visit, context, reason);
        store_get_state(look->store, state);
        return conclude(store_devices_each(look->store, NULL, visit, context), reason);
}

int queue_look_events(struct queue_look *look, const char *device, queue_look_visit *visit,
                      void *context, struct reason *reason)
{
        struct viewer viewer = {.visit = visit, .context = context};

        if (look->gateway)
                return ask_for_all(look, "events", device, visit, context, reason);
        return conclude(store_events_each(look->store, &(struct store_selection){.device = device},
                                          see_event, &viewer),
                        reason);
}

int queue_look_letters(struct queue_look *look, queue_look_visit *visit, void *context,
                       struct reason *reason)
{
        if (look->gateway)
                return ask_for_all(look, "letters", NULL, visit, context, reason);
        return conclude(store_dead_each(look->store, 0, visit, context), reason);
}

int queue_look_one(struct queue_look *look, int64_t id, queue_look_visit *visit, void *context,
                   struct reason *reason)
{
        struct viewer viewer = {.visit = visit, .context = context, .id = id};
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        int result;

        if (look->gateway) {
                buf_add_format(&path, "/queue/%" PRId64, id);
                answer = gateway_control_call(look->gateway, "GET", buf_text(&path), reason);
                if (answer)
                        (void)show(answer, visit, context);
                return answer ? 0 : -EIO;
        }
        result = store_dead_each(look->store, id - 1, see_if_meant, &viewer);
        if (result == 0 && !viewer.found)
                result = store_events_each(look->store,
                                           &(struct store_selection){.after_id = id - 1},
                                           see_event_if_meant, &viewer);
        if (result == 0 && !viewer.found) {
                reason_set(reason, "nothing in the store has the id %" PRId64, id);
                return -ENOENT;
        }
        return conclude(result, reason);
}
