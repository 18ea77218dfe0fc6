// SPDX-License-Identifier: MIT
/* From an event of The Things Stack to a message for the hub (rules U1 to U14). */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "networks/driver.h"
#include "networks/object_writer.h"
#include "networks/things_stack/things_stack.h"

/* The gateway's own members, which no decoded one may replace (rule U10). */
static const char *const own_members[] = {
        "ApplicationID", "DeviceEUI",     "DeviceID",   "Port",
        "Simulated",     "ReceivedAtUtc", "PayloadRaw",
};

/* --- the position of IoT Central (rule U9) ---------------------------------------------- */

struct position_name {
        const char *decoded;
        const char *central;
};

static const struct position_name position_names[] = {
        {"latitude", "lat"},
        {"longitude", "lon"},
        {"altitude", "alt"},
};

static bool is_position(const char *name)
{
        return strncasecmp(name, "gps_", 4) == 0;
}

static bool is_scalar(struct json_object *value)
{
        return value && !json_object_is_type(value, json_type_object) &&
               !json_object_is_type(value, json_type_array);
}

/* Writes `lat`, `lon` or `alt` before the member of which it is a copy; each once. */
static void add_position(struct object_writer *writer, struct json_object *object, const char *name,
                         struct json_object *value, unsigned *added)
{
        for (unsigned i = 0; i < ARRAY_SIZE(position_names); i++) {
                const struct position_name *row = &position_names[i];

                if (strcasecmp(name, row->decoded) != 0 || !is_scalar(value))
                        continue;
                if ((*added & 1U << i) || json_object_object_get_ex(object, row->central, NULL))
                        continue;
                *added |= 1U << i;
                object_name(writer, row->central);
                json_write(writer->out, value);
        }
}

static void write_with_positions(struct buf *out, struct json_object *value);

static void write_position_object(struct buf *out, struct json_object *object)
{
        struct object_writer writer;
        unsigned added = 0;

        object_open(&writer, out);
        json_object_object_foreach (object, name, value) {
                add_position(&writer, object, name, value, &added);
                object_name(&writer, name);
                write_with_positions(out, value);
        }
        object_close(&writer);
}

/* Everything nested in a gps_ member; not deeper than json_parse let it be. */
static void write_with_positions(struct buf *out, struct json_object *value)
{
        if (json_object_is_type(value, json_type_object)) {
                write_position_object(out, value);
                return;
        }
        if (!json_object_is_type(value, json_type_array)) {
                json_write(out, value);
                return;
        }
        buf_add_char(out, '[');
        for (size_t i = 0; i < json_object_array_length(value); i++) {
                if (i > 0)
                        buf_add_char(out, ',');
                write_with_positions(out, json_object_array_get_idx(value, i));
        }
        buf_add_char(out, ']');
}

/* --- decoded members (rules U8, U10) ---------------------------------------------------- */

static bool is_own_member(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(own_members); i++) {
                if (strcmp(name, own_members[i]) == 0)
                        return true;
        }
        return false;
}

/* `Decoded_NAME`, with as many `_` behind it as it needs to be unused. */
static void name_clashing_member(struct object_writer *writer, struct json_object *decoded,
                                 const char *name)
{
        CLEANUP(buf_deinit) struct buf other = BUF_INIT;

        buf_add_format(&other, "Decoded_%s", name);
        while (json_object_object_get_ex(decoded, other.data, NULL))
                buf_add_char(&other, '_');
        object_name(writer, other.data);
}

static void write_decoded_members(struct object_writer *writer, struct json_object *decoded)
{
        json_object_object_foreach (decoded, name, value) {
                if (is_own_member(name))
                        name_clashing_member(writer, decoded, name);
                else
                        object_name(writer, name);
                if (is_position(name))
                        write_with_positions(writer->out, value);
                else
                        json_write(writer->out, value);
        }
}

static int write_decoded(struct object_writer *writer, const char *text,
                         const struct telemetry_options *options, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *decoded = driver_decoded(text, reason);

        if (!decoded)
                return 1;
        if (options->payload_decoded_member) {
                object_name(writer, "PayloadDecoded");
                json_write(writer->out, decoded);
        } else {
                write_decoded_members(writer, decoded);
        }
        return 0;
}

/* --- the message ------------------------------------------------------------------------ */

static void write_own_members(struct object_writer *writer, const struct event *event,
                              const struct telemetry_options *options)
{
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, event->time_ns,
                         options->times_without_zone ? CLOCK_SECONDS : CLOCK_FRACTION);
        object_text(writer, "ApplicationID", event->application);
        object_text(writer, "DeviceEUI", event->dev_eui);
        object_text(writer, "DeviceID", event->device);
        if (event->port > 0)
                object_int(writer, "Port", event->port);
        object_bool(writer, "Simulated", event->simulated);
        object_text(writer, "ReceivedAtUtc", time);
}

static int write_uplink(struct object_writer *writer, const struct event *event,
                        const struct formatted *formatted, const struct telemetry_options *options,
                        struct reason *reason)
{
        const char *decoded = formatted && formatted->data ? formatted->data : event->decoded;

        object_text(writer, "PayloadRaw", event->payload ? event->payload : "");
        return decoded ? write_decoded(writer, decoded, options, reason) : 0;
}

/* What was told about a device: under its own name, so that nothing of it can clash. */
static void write_other(struct object_writer *writer, const struct event *event)
{
        const char *kind = event_kind_name(event->kind);

        object_text(writer, "PayloadRaw", event->payload);
        object_text(writer, "Event", kind);
        object_json(writer, kind, event->details);
}

static void set_properties(struct telemetry *telemetry, const struct event *event)
{
        char time[CLOCK_TEXT_SIZE];
        char port[8];

        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        telemetry_set_property(telemetry, "iothub-creation-time-utc", time);
        telemetry_set_property(telemetry, "ApplicationId", event->application);
        if (event->dev_eui)
                telemetry_set_property(telemetry, "DeviceEUI", event->dev_eui);
        telemetry_set_property(telemetry, "DeviceId", event->device);
        if (event->port > 0) {
                snprintf(port, sizeof(port), "%d", event->port);
                telemetry_set_property(telemetry, "port", port);
        }
        telemetry_set_property(telemetry, "Simulated", event->simulated ? "True" : "False");
        if (event->kind != EVENT_UPLINK)
                telemetry_set_property(telemetry, "Event", event_kind_name(event->kind));
}

int things_stack_telemetry(const struct event *event, const struct formatted *formatted,
                           const struct telemetry_options *options, struct telemetry *telemetry,
                           struct reason *reason)
{
        struct object_writer writer;
        int result = 0;

        buf_reserve(&telemetry->body, 512);
        object_open(&writer, &telemetry->body);
        write_own_members(&writer, event, options);
        if (event->kind == EVENT_UPLINK)
                result = write_uplink(&writer, event, formatted, options, reason);
        else
                write_other(&writer, event);
        object_close(&writer);
        set_properties(telemetry, event);
        driver_set_formatted(telemetry, formatted);
        return result;
}
