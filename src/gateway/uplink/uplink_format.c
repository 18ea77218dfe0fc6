// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_format.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/uplink/formatters_off.h"

/* Names that the log warns of, once each. */
#define UNTRANSLATED_MAX 1000

struct uplink_format {
        struct uplink_format_options options;
        struct formatters_off off; /* of the thread "loop", as the next two */
        size_t waiting;            /* uplinks whose results are still to come */
        bool crowded;

        pthread_mutex_t lock; /* guards `stopped` against the thread "formatter" */
        bool stopped;
        struct map *untranslated; /* of the thread "formatter": names in C# that were warned of */
};

/* One formatter call under way. */
struct call {
        struct uplink_format *format;
        struct device *device;
        int64_t event; /* id of the one that waits for this */
        char *formatter;
        char *warnings;
        struct uplink_formatted *made;
};

struct uplink_format *uplink_format_new(const struct uplink_format_options *options)
{
        struct uplink_format *format = mem_new(1, sizeof(*format));

        format->options = *options;
        format->untranslated = map_new();
        pthread_mutex_init(&format->lock, NULL);
        return format;
}

void uplink_format_stop(struct uplink_format *format)
{
        pthread_mutex_lock(&format->lock);
        format->stopped = true;
        pthread_mutex_unlock(&format->lock);
}

static void call_free(struct call *call)
{
        uplink_formatted_free(call->made);
        free(call->formatter);
        free(call->warnings);
        free(call);
}

void uplink_format_free(struct uplink_format *format)
{
        if (!format)
                return;
        pthread_mutex_destroy(&format->lock);
        map_free(format->untranslated);
        free(format);
}

const char *uplink_format_choose(const struct settings *settings, const struct device *device,
                                 const struct event *event)
{
        if (event->kind != EVENT_UPLINK || event->encrypted || event->decoded)
                return NULL;
        if (!text_is_empty(device->attributes.uplink_formatter))
                return device->attributes.uplink_formatter;
        return settings_uplink_formatter(settings, event->application, event->port);
}

/* --- the result, on the thread "formatter" -------------------------------------------------- */

/*
 * True if this is a formatter in C# without a translation, which is none (rule B3); that is told
 * once. The earlier connectors' default did what is done without one, so nobody misses that.
 */
static bool warn_untranslated(struct uplink_format *format, const char *name)
{
        if (text_size_without(name, FORMATTER_CSHARP) == strlen(name))
                return false;
        if (text_equal_nocase(name, "default" FORMATTER_CSHARP) ||
            map_get(format->untranslated, name) ||
            map_count(format->untranslated) >= UNTRANSLATED_MAX)
                return true;
        map_set(format->untranslated, name, format);
        log_warn("FORMATTER_NOT_TRANSLATED",
                 "A formatter in C# has no translation; uplinks go out without a formatter",
                 LOG_TEXT("formatter", name), LOG_END);
        return true;
}

static struct uplink_formatted *formatted_new(const struct formatter_result *result)
{
        struct uplink_formatted *made = mem_new(1, sizeof(*made));

        if (result->status != FORMATTER_GOOD) {
                made->failure = mem_text(result->reason.text);
                return made;
        }
        made->data = mem_text(result->data);
        made->property_count = result->property_count;
        made->properties = properties_copy(result->properties, result->property_count);
        return made;
}

/* The event that waits for the result: the first of its queue, unless its device has left. */
static struct uplink_event *asker_of(const struct call *call)
{
        const struct list *events = &call->device->lane->backlog.events;
        struct uplink_event *first =
                list_is_empty(events) ? NULL
                                      : list_entry(events->head.next, struct uplink_event, node);

        return first && first->id == call->event && uplink_format_is_waiting(first) ? first : NULL;
}

static void count(struct uplink_format *format, size_t waiting)
{
        format->waiting = waiting;
        if (waiting != (format->crowded ? UPLINK_FORMAT_FEW : UPLINK_FORMAT_MANY))
                return;
        format->crowded = !format->crowded;
        if (format->options.crowded)
                format->options.crowded(format->options.context, format->crowded);
}

/* Back on the thread "loop". */
static void warm(const void *context)
{
        const struct call *call = context;

        device_warm(call->device);
}

static void finish(void *context)
{
        struct call *call = context;
        struct device *device = call->device;
        struct uplink_event *event = asker_of(call);

        count(call->format, call->format->waiting - 1);
        if (event && call->warnings)
                log_info("FORMATTER_WARNINGS", "A formatter warns of an uplink",
                         LOG_TEXT("message_id", event->event.message_id),
                         LOG_TEXT("device", device->key), LOG_TEXT("formatter", call->formatter),
                         LOG_TEXT("warnings", call->warnings), LOG_END);
        if (event) {
                uplink_formatted_free(event->formatted);
                event->formatted = call->made;
                call->made = NULL;
        }
        call_free(call);
        if (event)
                device->keeper->wake(device);
}

static void on_result(void *context, const struct formatter_result *result)
{
        struct call *call = context;
        struct uplink_format *format = call->format;
        bool posted;

        THREAD_ASSERT(FORMATTER_THREAD);
        call->warnings = mem_text(result->warnings);
        if (result->status == FORMATTER_MISSING && warn_untranslated(format, call->formatter))
                call->made = mem_new(1, sizeof(*call->made));
        else
                call->made = formatted_new(result);
        pthread_mutex_lock(&format->lock);
        /* If nothing was found out the event stays in the store, and nobody asks again. */
        posted = !format->stopped && !formatter_status_is_ours(result->status);
        if (posted)
                loop_post_warm(format->options.loop, warm, finish, call);
        pthread_mutex_unlock(&format->lock);
        if (!posted)
                call_free(call);
}

/* --- the question ------------------------------------------------------------------------- */

static void start(struct uplink_format *format, struct device *device, struct uplink_event *event,
                  const char *name, const struct buf *bytes)
{
        struct call *call = mem_new(1, sizeof(*call));

        call->format = format;
        call->device = device;
        call->event = event->id;
        call->formatter = mem_text(name);
        event->formatted = mem_new(1, sizeof(*event->formatted));
        event->formatted->waiting = true;
        count(format, format->waiting + 1);
        formatter_call(
                format->options.pool, name, FORMATTER_DECODE_UPLINK,
                &(struct formatter_input){
                        .bytes = (const uint8_t *)buf_text(bytes),
                        .size = bytes->size,
                        .port = event->event.port > 0 ? event->event.port : FORMATTER_NO_PORT,
                        .time_ns = event->event.time_ns,
                        .device = event->event.device,
                        .application = event->event.application,
                },
                on_result, call);
}

static enum uplink_format_state ask(struct uplink_format *format, struct device *device,
                                    struct uplink_event *event, struct reason *reason)
{
        const char *name = uplink_format_choose(format->options.settings, device, &event->event);
        const struct network *network = network_by_name(event->event.network);
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        if (!name || !network)
                return UPLINK_FORMAT_DONE;
        if (!format->options.pool) {
                formatters_off_say(&format->off, name, device->key);
                return UPLINK_FORMAT_WAITING;
        }
        if (network->payload(&event->event, &bytes, reason) != 0)
                return UPLINK_FORMAT_FAILED;
        start(format, device, event, name, &bytes);
        return UPLINK_FORMAT_WAITING;
}

enum uplink_format_state uplink_format(struct uplink_format *format, struct device *device,
                                       struct uplink_event *event, struct reason *reason)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (!event->formatted)
                return ask(format, device, event, reason);
        if (uplink_format_is_waiting(event))
                return UPLINK_FORMAT_WAITING;
        if (!event->formatted->failure)
                return UPLINK_FORMAT_DONE;
        reason_set(reason, "%s", event->formatted->failure);
        return UPLINK_FORMAT_FAILED;
}

bool uplink_format_is_waiting(const struct uplink_event *event)
{
        return event->formatted && event->formatted->waiting;
}

struct formatted uplink_format_result(const struct uplink_event *event)
{
        const struct uplink_formatted *made = event->formatted;

        if (!made)
                return (struct formatted){.data = NULL};
        return (struct formatted){.data = made->data,
                                  .properties = made->properties,
                                  .property_count = made->property_count};
}
