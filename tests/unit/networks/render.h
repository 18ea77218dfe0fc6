// SPDX-License-Identifier: MIT
/* What became of a webhook, as text for people: the form of tests/data/NETWORK/NAME.expect. */
#ifndef ISTHMUS_TESTS_NETWORKS_RENDER_H
#define ISTHMUS_TESTS_NETWORKS_RENDER_H

#include "unit/networks/support.h"

static inline const char *render_answer(int result)
{
        switch (result) {
        case 0:
                return "taken";
        case NETWORK_E_IGNORED:
                return "ignored";
        case NETWORK_E_MALFORMED:
                return "malformed";
        default:
                return "?";
        }
}

static inline void render_line(struct buf *out, const char *name, const char *value)
{
        if (value)
                buf_add_format(out, "    %-12s %s\n", name, value[0] ? value : "(empty)");
}

static inline void render_telemetry(struct buf *out, const struct event *event)
{
        struct telemetry_options options = {0};
        struct telemetry telemetry = TELEMETRY_INIT;
        struct reason reason = REASON_INIT;

        if (network_by_name(event->network)
                    ->telemetry(event, NULL, &options, &telemetry, &reason) != 0) {
                render_line(out, "no telemetry", reason.text);
        } else {
                render_line(out, "body", buf_text(&telemetry.body));
                for (size_t i = 0; i < telemetry.property_count; i++)
                        buf_add_format(out, "    %-12s %s = %s\n", "property",
                                       telemetry.properties[i].name, telemetry.properties[i].value);
        }
        telemetry_deinit(&telemetry);
}

/* What a payload formatter would get. */
static inline void render_bytes(struct buf *out, const struct event *event)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        CLEANUP(buf_deinit) struct buf hex = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (!event->payload)
                return;
        if (network_by_name(event->network)->payload(event, &bytes, &reason) != 0) {
                render_line(out, "no bytes", reason.text);
                return;
        }
        crypto_hex_encode(&hex, bytes.data, bytes.size);
        render_line(out, "bytes", buf_text(&hex));
}

/* How the device is heard, and its battery. */
static inline void render_facts(struct buf *out, const struct event *event)
{
        CLEANUP(json_cleanup) struct json_object *view = json_object_new_object();

        event_facts_view(&event->facts, view);
        if (event->facts.told)
                render_line(out, "facts",
                            json_object_to_json_string_ext(
                                    view, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static inline void render_event(struct buf *out, const struct event *event)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        char time[CLOCK_TEXT_SIZE];

        event_device_key(event, &key);
        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        buf_add_format(out, "\n%s of %s\n", event_kind_name(event->kind), buf_text(&key));
        if (network_by_name(event->network)->ids_are_unique)
                render_line(out, "application", event->application);
        render_line(out, "id", event->message_id);
        render_line(out, "time", time);
        render_line(out, "dev_eui", event->dev_eui);
        if (event->port > 0)
                buf_add_format(out, "    %-12s %d\n", "port", event->port);
        if (event->simulated)
                render_line(out, "simulated", "yes");
        if (event->encrypted)
                render_line(out, "encrypted", "yes");
        render_line(out, "payload", event->payload);
        render_bytes(out, event);
        render_line(out, "decoded", event->decoded);
        render_facts(out, event);
        render_line(out, "details", event->details);
        render_telemetry(out, event);
}

static inline void render_trial(struct buf *out, const struct trial *trial)
{
        buf_add_format(out, "%s%s%s\n", render_answer(trial->result),
                       trial->reason.text[0] ? ": " : "", trial->reason.text);
        for (size_t i = 0; i < trial->events.refusal_count; i++)
                render_line(out, "refused", trial->events.refusals[i].why);
        for (size_t i = 0; i < trial->events.count; i++)
                render_event(out, &trial->events.events[i]);
}

#endif
