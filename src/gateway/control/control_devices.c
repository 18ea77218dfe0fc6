// SPDX-License-Identifier: MIT
#include "gateway/control/control_answers.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/device/device_identity.h"

/* --- lists --------------------------------------------------------------------------------- */

struct device_page {
        const struct control_options *options;
        const struct control_request *request;
        struct buf *out; /* the array's content */
        size_t matching;
        int64_t of_phase[DEVICE_PHASE_COUNT]; /* of all devices */
};

static bool fits(const struct control_request *request, const struct device *device)
{
        const char *wanted = request->filter.device;

        if (request->has_phase && device->phase != request->phase)
                return false;
        return !wanted || text_equal(wanted, device->key) || text_equal(wanted, device->name) ||
               text_equal(wanted, device->hub_id);
}

/* A moment of the steady clock, as people read it. */
static void add_moment(struct json_object *view, const char *name, int64_t steady_ms)
{
        int64_t wall_ms = clock_wall_ms() + steady_ms - clock_steady_ms();
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, wall_ms * CLOCK_NS_PER_MS, CLOCK_SECONDS);
        json_add_text(view, name, text);
}

/* What became of it lately, and what comes next. */
static void add_history(const struct control_options *options, const struct device *device,
                        struct json_object *view)
{
        CLEANUP(json_cleanup)
        struct json_object *record = device_provision_recall(options->provision, device);

        json_add_text(view, "movedFrom", json_text_member(record, "movedFrom"));
        json_add_text(view, "movedAt", json_text_member(record, "movedAt"));
        if (device->contact_ms != 0)
                add_moment(view, "lastUplink", device->contact_ms);
        if (device->joined_ms != 0)
                add_moment(view, "lastJoin", device->joined_ms);
        if (device->phase != DEVICE_HELD)
                json_add_text(view, "lastError", device->held_because);
        if (device->timer.position != 0)
                add_moment(view, "nextTry", device->timer.due_ms);
}

static void add_certificate(struct json_object *view, const struct certificate *certificate)
{
        char text[CLOCK_TEXT_SIZE];

        clock_format_utc(text, certificate_ends_s(certificate) * CLOCK_NS_PER_S, CLOCK_SECONDS);
        json_add_text(view, "certificateEnds", text);
}

static bool has_moved(const struct control_options *options, const struct device *device)
{
        CLEANUP(json_cleanup)
        struct json_object *record = device_provision_recall(options->provision, device);

        return json_text_member(record, "movedFrom") != NULL;
}

static struct json_object *view_device(const struct control_options *options,
                                       const struct device *device)
{
        CLEANUP(mem_cleanup)
        char *scope = device_identity_scope(options->settings, device->application);
        struct json_object *view = json_object_new_object();

        json_add_text(view, "device", device->key);
        json_add_text(view, "network", device->network);
        json_add_text(view, "application", device->application);
        json_add_text(view, "deviceId", device->name);
        json_add_text(view, "hubDeviceId", device->hub_id);
        json_add_text(view, "scope", scope);
        json_add_text(view, "hub", device->assignment.hub);
        json_add_text(view, "modelId", device->model_id);
        if (device->assignment.certificate)
                add_certificate(view, device->assignment.certificate);
        json_add_bool(view, "listed", device->listed);
        json_add_bool(view, "integrated", !device->off);
        json_add_text(view, "state", device_phase_name(device->phase));
        if (device->phase == DEVICE_HELD)
                json_add_text(view, "heldBecause", device->held_because);
        json_add_text(view, "clash", device->clash);
        add_history(options, device, view);
        if (device->facts)
                event_facts_view(device->facts, view);
        json_add_int(view, "failures", device->failures);
        json_add_int(view, "eventsInMemory", (int64_t)device->backlog.events.count);
        json_add_bool(view, "moreInStore", device->backlog.state != UPLINK_BACKLOG_WHOLE);
        json_add_int(view, "commands", (int64_t)device->commands.count);
        return view;
}

static bool add_device(void *context, struct device *device)
{
        struct device_page *list = context;
        CLEANUP(json_cleanup) struct json_object *view = NULL;

        list->of_phase[device->phase]++;
        if (!fits(list->request, device) ||
            (list->request->moved && !has_moved(list->options, device)) ||
            list->matching++ >= list->request->limit)
                return true;
        view = view_device(list->options, device);
        buf_add_text(list->out, list->matching > 1 ? ",\n" : "\n");
        json_write(list->out, view);
        return true;
}

void control_devices_list(const struct control_options *options,
                          const struct control_request *request, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf devices = BUF_INIT;
        struct device_page list = {.options = options, .request = request, .out = &devices};

        THREAD_ASSERT(LOOP_THREAD);
        device_table_each(options->devices, add_device, &list);
        buf_add_format(out, "{\"matching\":%zu,\"states\":{", list.matching);
        for (int i = 0; i < DEVICE_PHASE_COUNT; i++)
                buf_add_format(out, "%s\"%s\":%" PRId64, i > 0 ? "," : "",
                               device_phase_name((enum device_phase)i), list.of_phase[i]);
        buf_add_text(out, "},\"devices\":[");
        buf_add(out, buf_text(&devices), devices.size);
        buf_add_text(out, "]}\n");
}

/* --- one ----------------------------------------------------------------------------------- */

struct search {
        const struct control_request *request;
        struct device *found;
        size_t count;
};

static bool look_at(void *context, struct device *device)
{
        struct search *search = context;

        if (fits(search->request, device)) {
                search->found = device;
                search->count++;
        }
        return true;
}

int control_devices_find(const struct control_options *options,
                         const struct control_request *request, struct device **device,
                         struct reason *reason)
{
        struct search search = {.request = request};
        const char *wanted = request->filter.device;

        THREAD_ASSERT(LOOP_THREAD);
        search.found = device_table_find(options->devices, wanted);
        if (search.found)
                search.count = 1;
        else
                device_table_each(options->devices, look_at, &search);
        *device = search.found;
        if (search.count == 1)
                return 0;
        if (search.count == 0)
                reason_set(reason, "no device '%.200s' is known", wanted);
        else
                reason_set(reason,
                           "%zu devices are called '%.200s'; name one as "
                           "network/application/device",
                           search.count, wanted);
        return search.count == 0 ? 404 : 409;
}

void control_devices_view(const struct control_options *options, const struct device *device,
                          struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *view = view_device(options, device);

        json_write(out, view);
        buf_add_char(out, '\n');
}
