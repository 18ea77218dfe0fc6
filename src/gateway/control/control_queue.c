// SPDX-License-Identifier: MIT
#include "gateway/control/control_answers.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/json/json_writer.h"

/* Deeper than any record that a gateway writes. */
#define RECORD_DEPTH 128

/* --- one of them --------------------------------------------------------------------------- */

static void add_time(struct json_writer *writer, const char *name, int64_t wall_ns)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, wall_ns, CLOCK_FRACTION);
        json_writer_text(writer, name, text);
}

static void add_record(struct json_writer *writer, const struct store_event *event)
{
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *record = NULL;

        downlink_heard_hide(event->record, event->record_size, &shown);
        record = json_parse(shown.data, shown.size, RECORD_DEPTH, JSON_STRICT, NULL);
        if (record) {
                json_writer_name(writer, "record");
                json_write(writer->out, record);
                return;
        }
        crypto_base64_encode(&text, shown.data, shown.size);
        json_writer_text(writer, "recordBase64", buf_text(&text));
}

void control_queue_write(struct buf *out, const struct store_dead_letter *letter, bool with_record)
{
        const struct store_event *event = &letter->event;
        struct json_writer writer;

        json_writer_open(&writer, out);
        json_writer_int(&writer, "id", event->id);
        json_writer_text(&writer, "state", letter->reason ? "dead" : "waiting");
        json_writer_text(&writer, "device", event->device);
        json_writer_text(&writer, "messageId", event->message_id);
        add_time(&writer, "arrived", event->arrived_ns);
        if (letter->reason) {
                add_time(&writer, "died", letter->died_ms * CLOCK_NS_PER_MS);
                json_writer_text(&writer, "reason", letter->reason);
        }
        if (with_record)
                add_record(&writer, event);
        else
                json_writer_int(&writer, "size", (int64_t)event->record_size);
        json_writer_close(&writer);
}

/* --- lists --------------------------------------------------------------------------------- */

struct page {
        const struct control_request *request;
        struct buf *out;
        size_t count;
        bool more;
};

static bool add_letter(void *context, const struct store_dead_letter *letter)
{
        struct page *page = context;

        page->more = page->count == page->request->limit;
        if (page->more)
                return false;
        buf_add_text(page->out, page->count++ > 0 ? ",\n" : "\n");
        control_queue_write(page->out, letter, false);
        return true;
}

static bool add_event(void *context, const struct store_event *event)
{
        return add_letter(context, &(struct store_dead_letter){.event = *event});
}

static bool add_device(void *context, const char *device, int64_t waiting)
{
        struct page *page = context;
        struct json_writer writer;

        buf_add_text(page->out, page->count++ > 0 ? ",\n" : "\n");
        json_writer_open(&writer, page->out);
        json_writer_text(&writer, "device", device);
        json_writer_int(&writer, "waiting", waiting);
        json_writer_close(&writer);
        return true;
}

static int list(const struct control_options *options, struct page *page)
{
        const struct control_request *request = page->request;
        bool dead = request->call == CONTROL_LETTERS;
        int result;

        buf_add_text(page->out, dead ? "{\"letters\":[" : "{\"events\":[");
        result =
                dead ? store_dead_each(options->store, request->after, add_letter, page)
                     : store_events_each(options->store,
                                         &(struct store_selection){.device = request->filter.device,
                                                                   .after_id = request->after},
                                         add_event, page);
        buf_add_format(page->out, "],\"more\":%s}\n", page->more ? "true" : "false");
        return result;
}

static int list_devices(const struct control_options *options, struct page *page)
{
        struct store_state state;
        int result;

        store_get_state(options->store, &state);
        buf_add_format(page->out,
                       "{\"events\":%" PRId64 ",\"deadLetters\":%" PRId64 ",\"bytes\":%" PRId64
                       ",\"maximumBytes\":%" PRId64 ",\"devices\":[",
                       state.events, state.dead_letters, state.bytes,
                       options->settings->store.maximum_bytes);
        result = store_devices_each(options->store, NULL, add_device, page);
        buf_add_text(page->out, "]}\n");
        return result;
}

/* --- one ----------------------------------------------------------------------------------- */

/* The first one after `id - 1`, if it is that one. */
static bool find_letter(void *context, const struct store_dead_letter *letter)
{
        struct page *page = context;

        if (letter->event.id != page->request->id)
                return false;
        control_queue_write(page->out, letter, true);
        buf_add_char(page->out, '\n');
        page->count++;
        return false;
}

static bool find_event(void *context, const struct store_event *event)
{
        return find_letter(context, &(struct store_dead_letter){.event = *event});
}

static int find(const struct control_options *options, struct page *page)
{
        int64_t before = page->request->id - 1;
        int result = store_dead_each(options->store, before, find_letter, page);

        if (result == 0 && page->count == 0)
                result = store_events_each(options->store,
                                           &(struct store_selection){.after_id = before},
                                           find_event, page);
        return result;
}

int control_queue_answer(const struct control_options *options,
                         const struct control_request *request, struct buf *out,
                         struct reason *reason)
{
        struct page page = {.request = request, .out = out};
        int result = request->call == CONTROL_QUEUE    ? list_devices(options, &page)
                     : request->call == CONTROL_STORED ? find(options, &page)
                                                       : list(options, &page);

        if (result != 0) {
                reason_set(reason, "the store could not be read to its end");
                return 503;
        }
        if (request->call == CONTROL_STORED && page.count == 0) {
                reason_set(reason, "nothing in the store has the id %" PRId64, request->id);
                return 404;
        }
        return 0;
}
