// SPDX-License-Identifier: MIT
/*
 * `isthmus device`: the devices that a gateway knows. The running gateway is asked; where none
 * runs, its store.
 */
#include <inttypes.h>

#include "azure/device_certificate.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/gateway/command_print.h"
#include "cli/gateway/data_place.h"
#include "cli/gateway/device_stored.h"
#include "cli/gateway/gateway_control.h"
#include "cli/gateway/queue_look.h"
#include "cli/options.h"
#include "gateway/control/control_request.h"

struct order {
        struct data_place place;
        const char *device;
        const char *state;
        int64_t limit;
        bool json;
        bool force;
        bool moved;
        const char *folder; /* of certificates */
        const char *authority;
        const char *authority_key;
        int64_t days;
        char **devices; /* whose certificates are made */
        int device_count;
        struct http_client *gateway; /* NULL = the store is read */
        struct buf out;
};

static int fail(const struct reason *reason)
{
        return terminal_fail("device", "%s", reason->text);
}

/* --- what waits ---------------------------------------------------------------------------- */

static bool add_waiting(void *context, const char *device, int64_t waiting)
{
        struct json_object *view = map_get(context, device);

        if (view)
                json_object_object_add(view, "waitingEvents", json_object_new_int64(waiting));
        return true;
}

/* Adds to each device how many events wait for it in the store. */
static int count_waiting(struct order *order, struct json_object *devices, struct reason *reason)
{
        struct queue_look look;
        struct map *by_key;
        struct store_state state;
        int result = queue_look_open(&look, &order->place.store, reason);

        if (result != 0) {
                queue_look_close(&look);
                return result;
        }
        by_key = map_new();
        for (size_t i = 0; i < json_object_array_length(devices); i++) {
                struct json_object *view = json_object_array_get_idx(devices, i);

                json_object_object_add(view, "waitingEvents", json_object_new_int64(0));
                map_set(by_key, json_text_member(view, "device"), view);
        }
        result = queue_look_devices(&look, &state, add_waiting, by_key, reason);
        map_free(by_key);
        queue_look_close(&look);
        return result;
}

/* --- from the store ------------------------------------------------------------------------ */

static struct json_object *read_store(struct order *order, struct reason *reason)
{
        struct json_object *devices = json_object_new_array();
        struct store *store = NULL;
        int result = store_open_to_read(&order->place.store, &store, reason);

        if (result == 0)
                result = device_stored_list(store, devices, reason);
        store_close(store);
        if (result == 0)
                return devices;
        json_object_put(devices);
        return NULL;
}

static bool is_called(struct json_object *device, const char *name)
{
        return text_equal(json_text_member(device, "device"), name) ||
               text_equal(json_text_member(device, "deviceId"), name) ||
               text_equal(json_text_member(device, "hubDeviceId"), name);
}

/* The one device that is meant, the caller's; NULL with the reason. */
static struct json_object *find_stored(struct order *order, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *devices = read_store(order, reason);
        struct json_object *found = NULL;

        for (size_t i = 0; devices && i < json_object_array_length(devices); i++) {
                struct json_object *device = json_object_array_get_idx(devices, i);

                if (!is_called(device, order->device))
                        continue;
                if (found) {
                        reason_set(reason,
                                   "several devices are called '%.200s'; name one as "
                                   "network/application/device",
                                   order->device);
                        return NULL;
                }
                found = device;
        }
        if (devices && !found)
                reason_set(reason, "no device '%.200s' is known", order->device);
        return found ? json_object_get(found) : NULL;
}

/* --- the actions --------------------------------------------------------------------------- */

/* The array of devices, how many there are in all, and by state; both are the caller's. */
static struct json_object *fetch_list(struct order *order, int64_t *matching,
                                      struct json_object **states, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *answer = NULL;
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;
        struct json_object *devices;

        if (!order->gateway) {
                devices = read_store(order, reason);
                *matching = devices ? (int64_t)json_object_array_length(devices) : 0;
                if (*matching > order->limit)
                        json_object_array_del_idx(devices, (size_t)order->limit,
                                                  (size_t)(*matching - order->limit));
                return devices;
        }
        buf_add_text(&path, "/devices");
        gateway_control_argument(&path, "state", order->state);
        gateway_control_argument(&path, "moved", order->moved ? "true" : NULL);
        gateway_control_number(&path, "limit", order->limit);
        answer = gateway_control_call(order->gateway, "GET", buf_text(&path), reason);
        *matching = json_number_member(answer, "matching", 0);
        *states = json_object_get(json_object_member(answer, "states"));
        devices = json_member(answer, "devices");
        return devices ? json_object_get(devices) : NULL;
}

static int list(void *context)
{
        struct order *order = context;
        struct reason reason = REASON_INIT;
        int64_t matching = 0;
        CLEANUP(json_cleanup) struct json_object *states = NULL;
        CLEANUP(json_cleanup)
        struct json_object *devices = fetch_list(order, &matching, &states, &reason);

        if (!devices || count_waiting(order, devices, &reason) != 0)
                return fail(&reason);
        if (order->json) {
                command_print_json_lines(&order->out, devices);
                return terminal_print(&order->out);
        }
        command_print_devices(&order->out, devices);
        buf_add_format(&order->out, "%zu of %" PRId64 " devices, %s\n",
                       json_object_array_length(devices), matching,
                       order->gateway ? "of the running gateway" : "of the store: no gateway runs");
        if (states)
                command_print_states(&order->out, states);
        return terminal_print(&order->out);
}

static void path_of_device(const struct order *order, struct buf *path)
{
        buf_add_text(path, "/devices/");
        text_url_escape(path, order->device);
}

/* The one device, the caller's. */
static struct json_object *fetch_one(struct order *order, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        if (!order->gateway)
                return find_stored(order, reason);
        path_of_device(order, &path);
        return gateway_control_call(order->gateway, "GET", buf_text(&path), reason);
}

/* As fetch_one, with the number of events that wait. */
static struct json_object *fetch_whole(struct order *order, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *all = json_object_new_array();
        struct json_object *device = fetch_one(order, reason);

        if (!device)
                return NULL;
        json_object_array_add(all, json_object_get(device));
        if (count_waiting(order, all, reason) == 0)
                return device;
        json_object_put(device);
        return NULL;
}

static int print_one(struct order *order, struct json_object *device)
{
        if (order->json)
                terminal_add_json_line(&order->out, device);
        else
                command_print_whole(&order->out, device);
        return terminal_print(&order->out);
}

static int show(void *context)
{
        struct order *order = context;
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup) struct json_object *device = fetch_whole(order, &reason);

        return device ? print_one(order, device) : fail(&reason);
}

static int release_stored(struct order *order, struct json_object *device, struct reason *reason)
{
        struct store *store = NULL;
        int64_t waiting = json_number_member(device, "waitingEvents", 0);
        int result;

        if (waiting > 0 && !order->force) {
                reason_set(reason,
                           "%" PRId64 " events wait to be sent for it; with --force they become "
                           "dead letters",
                           waiting);
                return -EBUSY;
        }
        result = store_open(&order->place.store, &store, reason);
        if (result == 0)
                result = device_stored_release(store, device, reason);
        store_close(store);
        return result;
}

static struct json_object *release_running(struct order *order, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf path = BUF_INIT;

        path_of_device(order, &path);
        buf_add_text(&path, order->force ? "?force=true" : "");
        return gateway_control_call(order->gateway, "DELETE", buf_text(&path), reason);
}

static int release(void *context)
{
        struct order *order = context;
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *device =
                order->gateway ? release_running(order, &reason) : fetch_whole(order, &reason);

        if (!device || (!order->gateway && release_stored(order, device, &reason) != 0))
                return fail(&reason);
        if (order->json)
                return print_one(order, device);
        terminal_add(&order->out, json_text_member(device, "hubDeviceId"));
        buf_add_text(&order->out, " is free; ");
        terminal_add(&order->out, json_text_member(device, "device"));
        buf_add_text(&order->out, " had it\n");
        return terminal_print(&order->out);
}

/* --- certificates -------------------------------------------------------------------------- */

/* One that holds for long is not thrown away unasked. */
static bool is_kept(const struct order *order, const struct device_certificate_order *making)
{
        CLEANUP(certificate_cleanup) struct certificate *there = NULL;
        struct device_certificate_order only_read = *making;

        only_read.authority = NULL;
        return !order->force && device_certificate_open(&only_read, &there, NULL) == 0 &&
               !device_certificate_is_due(there, making->now_s);
}

static void add_certificate(struct order *order, const char *id,
                            const struct certificate *certificate)
{
        CLEANUP(json_cleanup) struct json_object *view = json_object_new_object();
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s.pem", order->folder, id);
        char ends[CLOCK_TEXT_SIZE];

        clock_format_utc(ends, certificate_ends_s(certificate) * CLOCK_NS_PER_S, CLOCK_SECONDS);
        if (!order->json) {
                buf_add_format(&order->out, "%s  ends %s  thumbprint %s\n", path, ends,
                               certificate_fingerprint(certificate));
                return;
        }
        json_add_text(view, "hubDeviceId", id);
        json_add_text(view, "certificate", path);
        json_add_text(view, "ends", ends);
        json_add_text(view, "thumbprint", certificate_fingerprint(certificate));
        terminal_add_json_line(&order->out, view);
}

static int make_certificate(struct order *order, const char *id)
{
        CLEANUP(certificate_cleanup) struct certificate *made = NULL;
        const struct device_certificate_order making = {
                .folder = order->folder,
                .id = id,
                .authority = order->authority,
                .authority_key = order->authority_key,
                .days = (int)order->days,
                .now_s = clock_wall_ms() / 1000,
        };
        struct reason reason = REASON_INIT;

        if (is_kept(order, &making)) {
                reason_set(&reason,
                           "%s/%s.pem is there and not near its end; --force makes a new one",
                           order->folder, id);
                return fail(&reason);
        }
        if (device_certificate_renew(&making, &made, &reason) != 0)
                return fail(&reason);
        add_certificate(order, id, made);
        return CLI_GOOD;
}

/* Neither a gateway nor a store is needed. */
static int certificate(void *context)
{
        struct order *order = context;
        struct reason reason = REASON_INIT;
        int status = CLI_GOOD;

        if (!order->authority != !order->authority_key)
                return terminal_usage("device", "--authority and --authority-key belong together");
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        if (file_make_directory(order->folder, 0700, &reason) != 0)
                return fail(&reason);
        for (int i = 0; i < order->device_count && status == CLI_GOOD; i++)
                status = make_certificate(order, order->devices[i]);
        return terminal_print(&order->out) == CLI_GOOD ? status : CLI_FAILED;
}

/* --- the command --------------------------------------------------------------------------- */

static int run(struct order *order, const struct options_action *action)
{
        struct reason reason = REASON_INIT;
        int result;
        int status;

        if (!data_place_find(&order->place))
                return CLI_USAGE;
        result = gateway_control_open(order->place.store.directory, &order->gateway, &reason);
        if (result == GATEWAY_CONTROL_E_ABSENT && (order->state || order->moved))
                reason_add(&reason, "only a running gateway knows states");
        if (result != 0 && (result != GATEWAY_CONTROL_E_ABSENT || order->state || order->moved))
                return fail(&reason);
        status = action->run(order);
        http_client_free(order->gateway);
        return status;
}

static const struct options_action actions[] = {
        {"list", "[--state STATE] [--moved] [--limit N] [--json]",
         "the devices, with their ids in IoT Hub, hubs, and events that wait", 0, 0, list},
        {"show", "DEVICE [--json]", "everything that is known of one", 1, 1, show},
        {"release", "DEVICE [--force] [--json]",
         "gives its id in IoT Hub free: another device may have it, and it counts no more for "
         "Limits.Devices; when it sends again, it wants the id again",
         1, 1, release},
        {"certificate",
         "ID... [--authority FILE --authority-key FILE] [--days N] [--folder DIR] [--force] "
         "[--json]",
         "makes keys and X.509 certificates of devices by their ids in IoT Hub, and prints the "
         "thumbprints",
         1, OPTIONS_ANY_NUMBER, certificate},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_TEXT(struct order, authority, "authority", "FILE",
                    "certificate (PEM) of who signs; without it each signs itself, which is for "
                    "individual enrolments and thumbprints"),
        OPTION_TEXT(struct order, authority_key, "authority-key", "FILE", "its private key (PEM)"),
        OPTION_NUMBER(struct order, days, "days", "N", 1, 3650,
                      "how long a certificate lasts (default 90)"),
        OPTION_TEXT(struct order, folder, "folder", "DIR",
                    "where ID.pem and ID-key.pem go (default: here)"),
        OPTION_TEXT(struct order, state, "state", "STATE",
                    "only devices that are new, registering, connecting, ready or held"),
        OPTION_SWITCH(struct order, moved, "moved",
                      "only devices that have moved here from another hub, of the running gateway"),
        OPTION_NUMBER(struct order, limit, "limit", "N", 1, CONTROL_LIMIT_MAX,
                      "show at most N (default 1000, most 10000)"),
        OPTION_SWITCH(struct order, json, "json", "for programs: one JSON object on each line"),
        OPTION_SWITCH(struct order, force, "force",
                      "release it though events wait: they become dead letters; make a "
                      "certificate though there is one"),
        DATA_PLACE_ROWS(struct order, place),
        {.name = NULL},
};

const struct options isthmus_device_options = {
        .command = "device",
        .summary =
                "The devices that a gateway knows. DEVICE is its id in the network or in IoT Hub, "
                "or network/application/device.",
        .actions = actions,
        .rows = rows,
        .notes = "The running gateway is asked; where none runs, the store is read or changed, "
                 "which knows no states and only devices that have an id.",
};

int isthmus_device(int argc, char **argv)
{
        struct order order = {
                .limit = CONTROL_LIMIT_DEFAULT, .days = DEVICE_CERTIFICATE_DAYS, .folder = "."};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_device_options, argc, argv, &order, &found, &status))
                return status;
        order.device = found.count > 0 ? found.arguments[0] : NULL;
        order.devices = found.arguments;
        order.device_count = found.count;
        status = found.action->run == certificate ? certificate(&order) : run(&order, found.action);
        data_place_deinit(&order.place);
        buf_deinit(&order.out);
        return status;
}
