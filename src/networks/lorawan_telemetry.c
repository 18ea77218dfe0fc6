// SPDX-License-Identifier: MIT
#include "networks/lorawan_telemetry.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json/json_writer.h"
#include "networks/driver.h"

/* The gateway's own members, which no decoded one may replace (rule U10). */
static const char *const own_members[] = {
        "ApplicationID", "DeviceEUI",     "DeviceID",   "Port",
        "Simulated",     "ReceivedAtUtc", "PayloadRaw",
};

/* The same where the network tells such a name. */
static const char application_name_member[] = "ApplicationName";

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

/* `name` is a text with its quotes. */
static bool is_position(const struct json_slice *name)
{
        return name->size >= 6 && strncasecmp(name->at + 1, "gps_", 4) == 0;
}

static bool is_scalar(const struct json_slice *value)
{
        return value->kind != JSON_OBJECT && value->kind != JSON_LIST && value->kind != JSON_NULL;
}

static bool is_named(const struct json_slice *name, const char *wanted)
{
        return name->size == strlen(wanted) + 2 &&
               strncasecmp(name->at + 1, wanted, strlen(wanted)) == 0;
}

/* The short names that the object has; a bit for each row of position_names. */
static unsigned find_central(const struct json_slice *object)
{
        struct json_walk walk = json_walk_of(object->at, object->size);
        struct json_slice name;
        struct json_slice value;
        unsigned found = 0;

        while (json_walk_member(&walk, &name, &value)) {
                for (unsigned i = 0; i < ARRAY_SIZE(position_names); i++)
                        found |= json_slice_is(&name, position_names[i].central) ? 1U << i : 0;
        }
        return found;
}

/* Of an object in which positions get short names. */
struct positions {
        struct json_writer writer;
        const struct json_slice *object;
        bool searched;
        unsigned there; /* short names that it has, or has got */
};

/* Writes `lat`, `lon` or `alt` before the member of which it is a copy; each once. */
static void add_position(struct positions *positions, const struct json_slice *name,
                         const struct json_slice *value)
{
        for (unsigned i = 0; i < ARRAY_SIZE(position_names); i++) {
                const struct position_name *row = &position_names[i];

                if (!is_named(name, row->decoded) || !is_scalar(value))
                        continue;
                if (!positions->searched)
                        positions->there = find_central(positions->object);
                positions->searched = true;
                if (positions->there & 1U << i)
                        continue;
                positions->there |= 1U << i;
                json_writer_name(&positions->writer, row->central);
                buf_add(positions->writer.out, value->at, value->size);
        }
}

static void write_with_positions(struct buf *out, const struct json_slice *value);

static void write_position_object(struct buf *out, const struct json_slice *object)
{
        struct json_walk walk = json_walk_of(object->at, object->size);
        struct positions positions = {.object = object};
        struct json_slice name;
        struct json_slice value;

        json_writer_open(&positions.writer, out);
        while (json_walk_member(&walk, &name, &value)) {
                add_position(&positions, &name, &value);
                json_writer_slice(&positions.writer, &name);
                write_with_positions(out, &value);
        }
        json_writer_close(&positions.writer);
}

/* Everything nested in a gps_ member; not deeper than NETWORK_JSON_DEPTH. */
static void write_with_positions(struct buf *out, const struct json_slice *value)
{
        struct json_walk walk = json_walk_of(value->at, value->size);
        struct json_slice item;

        if (value->kind == JSON_OBJECT) {
                write_position_object(out, value);
                return;
        }
        if (value->kind != JSON_LIST) {
                buf_add(out, value->at, value->size);
                return;
        }
        buf_add_char(out, '[');
        while (json_walk_item(&walk, &item)) {
                if (item.at > value->at + 1)
                        buf_add_char(out, ',');
                write_with_positions(out, &item);
        }
        buf_add_char(out, ']');
}

/* --- decoded members (rules U8, U10) ---------------------------------------------------- */

static const char *own_member(const struct json_slice *name, bool has_application_name)
{
        /* They begin with a capital, few others do. */
        if (name->at[1] < 'A' || name->at[1] > 'Z')
                return NULL;
        if (has_application_name && json_slice_is(name, application_name_member))
                return application_name_member;
        for (size_t i = 0; i < ARRAY_SIZE(own_members); i++) {
                if (json_slice_is(name, own_members[i]))
                        return own_members[i];
        }
        return NULL;
}

/* How many `_` follow `prefix` in the name, and nothing else; -1 if it is another name. */
static ptrdiff_t count_tail(const struct json_slice *name, const struct buf *prefix)
{
        size_t tail;

        if (name->size < prefix->size + 2 || memcmp(name->at + 1, prefix->data, prefix->size) != 0)
                return -1;
        tail = name->size - 2 - prefix->size;
        return strspn(name->at + 1 + prefix->size, "_") == tail ? (ptrdiff_t)tail : -1;
}

/* `Decoded_NAME`, with as many `_` behind it as it needs to be unused. */
static void name_clashing_member(struct json_writer *writer, const struct json_slice *decoded,
                                 const char *name)
{
        struct json_walk walk = json_walk_of(decoded->at, decoded->size);
        CLEANUP(buf_deinit) struct buf other = BUF_INIT;
        CLEANUP(buf_deinit) struct buf used = BUF_INIT; /* a byte for each number of `_` */
        struct json_slice member;
        struct json_slice value;

        buf_add_format(&other, "Decoded_%s", name);
        while (json_walk_member(&walk, &member, &value)) {
                ptrdiff_t tail = count_tail(&member, &other);

                while (tail >= 0 && used.size <= (size_t)tail)
                        buf_add_char(&used, '-');
                if (tail >= 0)
                        used.data[tail] = '+';
        }
        for (size_t i = 0; i < used.size && used.data[i] == '+'; i++)
                buf_add_char(&other, '_');
        json_writer_name(writer, other.data);
}

static void write_decoded_members(struct json_writer *writer, const struct event *event,
                                  const struct json_slice *decoded)
{
        struct json_walk walk = json_walk_of(decoded->at, decoded->size);
        struct json_slice name;
        struct json_slice value;

        while (json_walk_member(&walk, &name, &value)) {
                const char *own = own_member(&name, event->application_name != NULL);

                if (own)
                        name_clashing_member(writer, decoded, own);
                else
                        json_writer_slice(writer, &name);
                if (is_position(&name))
                        write_with_positions(writer->out, &value);
                else
                        buf_add(writer->out, value.at, value.size);
        }
}

static void write_decoded(struct json_writer *writer, const struct event *event,
                          const struct json_slice *decoded, const struct telemetry_options *options)
{
        if (options->payload_decoded_member) {
                json_writer_name(writer, "PayloadDecoded");
                buf_add(writer->out, decoded->at, decoded->size);
        } else {
                write_decoded_members(writer, event, decoded);
        }
}

/* --- the message ------------------------------------------------------------------------ */

static void write_own_members(struct json_writer *writer, const struct event *event,
                              const struct telemetry_options *options)
{
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, event->time_ns,
                         options->times_without_zone ? CLOCK_SECONDS : CLOCK_FRACTION);
        json_writer_text(writer, "ApplicationID", event->application);
        json_writer_text(writer, "ApplicationName", event->application_name);
        json_writer_text(writer, "DeviceEUI", event->dev_eui);
        json_writer_text(writer, "DeviceID", event->device);
        if (event->port > 0)
                json_writer_int(writer, "Port", event->port);
        json_writer_bool(writer, "Simulated", event->simulated);
        json_writer_text(writer, "ReceivedAtUtc", time);
}

static int write_uplink(struct json_writer *writer, const struct event *event,
                        const struct formatted *formatted, const struct telemetry_options *options,
                        struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf compact = BUF_INIT;
        struct json_slice decoded = {.kind = JSON_ABSENT};

        json_writer_text(writer, "PayloadRaw", event->payload ? event->payload : "");
        if (formatted && formatted->data) {
                if (!driver_read_formatted(formatted->data, &compact, &decoded, reason))
                        return 1;
        } else if (event->decoded) {
                decoded = (struct json_slice){
                        .at = event->decoded, .size = strlen(event->decoded), .kind = JSON_OBJECT};
        }
        if (decoded.kind != JSON_ABSENT)
                write_decoded(writer, event, &decoded, options);
        return 0;
}

/* What was told about a device: under its own name, so that nothing of it can clash. */
static void write_other(struct json_writer *writer, const struct event *event)
{
        const char *kind = event_kind_name(event->kind);

        json_writer_text(writer, "PayloadRaw", event->payload);
        json_writer_text(writer, "Event", kind);
        json_writer_value(writer, kind, event->details);
}

static void set_properties(struct telemetry *telemetry, const struct event *event)
{
        char time[CLOCK_TEXT_SIZE];
        char port[8];

        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        telemetry_add_property(telemetry, "iothub-creation-time-utc", time);
        telemetry_add_property(telemetry, "ApplicationId", event->application);
        if (event->application_name)
                telemetry_add_property(telemetry, "ApplicationName", event->application_name);
        if (event->dev_eui)
                telemetry_add_property(telemetry, "DeviceEUI", event->dev_eui);
        telemetry_add_property(telemetry, "DeviceId", event->device);
        if (event->port > 0) {
                snprintf(port, sizeof(port), "%d", event->port);
                telemetry_add_property(telemetry, "port", port);
        }
        telemetry_add_property(telemetry, "Simulated", event->simulated ? "True" : "False");
        if (event->kind != EVENT_UPLINK)
                telemetry_add_property(telemetry, "Event", event_kind_name(event->kind));
}

int lorawan_telemetry(const struct event *event, const struct formatted *formatted,
                      const struct telemetry_options *options, struct telemetry *telemetry,
                      struct reason *reason)
{
        struct json_writer writer;
        int result = 0;

        buf_reserve(&telemetry->body, 512);
        json_writer_open(&writer, &telemetry->body);
        write_own_members(&writer, event, options);
        if (event->kind == EVENT_UPLINK)
                result = write_uplink(&writer, event, formatted, options, reason);
        else
                write_other(&writer, event);
        json_writer_close(&writer);
        set_properties(telemetry, event);
        driver_set_formatted(telemetry, formatted);
        return result;
}
