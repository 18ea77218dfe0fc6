// SPDX-License-Identifier: MIT
#include "gateway/uplink/uplink_message.h"

#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"

#define DETAILS_DEPTH 16

/* Of a value in a twin the hub takes 4 KiB. */
#define VALUE_LENGTH_MAX 1024

/* Of a message that names no command. */
#define NAMELESS "message"

int uplink_message(const struct settings *settings, const struct event *event,
                   const struct formatted *formatted, struct telemetry *telemetry,
                   struct reason *reason)
{
        struct telemetry_options options = {
                .payload_decoded_member = settings->telemetry.payload_decoded_member,
                .times_without_zone = settings->telemetry.times_without_zone,
        };
        const struct network *network = network_by_name(event->network);

        if (!network) {
                reason_set(reason, "the event is of network '%s', which this program does not know",
                           event->network ? event->network : "");
                return 1;
        }
        return network->telemetry(event, formatted, &options, telemetry, reason);
}

/* Names in a twin have no control characters, blanks, '.', '$' and '#'. */
static char *property_name(const char *name)
{
        struct buf text = BUF_INIT;

        for (; *name; name++)
                buf_add_char(&text,
                             *name <= ' ' || *name >= 0x7f || strchr(".$#", *name) ? '_' : *name);
        return buf_take(&text);
}

/* Cut at a character; nothing is null. */
static void add_text(struct json_object *object, const char *name, const char *text)
{
        size_t length = text ? strlen(text) : 0;

        if (length > VALUE_LENGTH_MAX) {
                length = VALUE_LENGTH_MAX;
                while (length > 0 && (text[length] & 0xc0) == 0x80)
                        length--;
        }
        json_object_object_add(object, name,
                               length > 0 ? json_object_new_string_len(text, (int)length) : NULL);
}

void uplink_message_patch(const struct event *event, struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *patch = json_object_new_object();
        CLEANUP(json_cleanup)
        struct json_object *details = event->details
                                              ? json_parse(event->details, strlen(event->details),
                                                           DETAILS_DEPTH, JSON_STRICT, NULL)
                                              : NULL;
        const char *command = json_text_member(details, "command");
        CLEANUP(mem_cleanup)
        char *name = property_name(text_is_empty(command) ? NAMELESS : command);
        struct json_object *outcomes = json_object_new_object();
        struct json_object *outcome = json_object_new_object();
        char time[CLOCK_TEXT_SIZE];

        clock_format_utc(time, event->time_ns, CLOCK_FRACTION);
        add_text(outcome, "outcome", json_text_member(details, "outcome"));
        add_text(outcome, "reason", json_text_member(details, "reason"));
        add_text(outcome, "messageId", json_text_member(details, "message_id"));
        add_text(outcome, "reference", json_text_member(details, "reference"));
        add_text(outcome, "time", time);
        json_object_object_add(outcomes, name, outcome);
        json_object_object_add(patch, "commandOutcomes", outcomes);
        json_write(out, patch);
}
