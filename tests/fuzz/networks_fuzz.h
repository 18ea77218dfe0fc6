// SPDX-License-Identifier: MIT
/* What the fuzz targets of the networks demand of everything that was taken. */
#ifndef ISTHMUS_TESTS_FUZZ_NETWORKS_H
#define ISTHMUS_TESTS_FUZZ_NETWORKS_H

#include <string.h>

#include "base/json/json.h"
#include "base/json/json_scan.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "networks/event_record.h"
#include "networks/network.h"

/* Names may have U+0000 in them, which no tree can hold. */
static inline bool is_object(const struct buf *text)
{
        struct json_scan scan = {.text = text->data,
                                 .size = text->size,
                                 .depth = NETWORK_JSON_DEPTH + 2,
                                 .values = SIZE_MAX,
                                 .zero_names = true};
        bool good = json_scan(&scan);

        buf_deinit(&scan.long_integers);
        return good && text->data[0] == '{';
}

static inline void demand_telemetry(const struct event *event)
{
        struct telemetry_options options = {.times_without_zone = event->port % 2 == 0,
                                            .payload_decoded_member = event->port % 3 == 0};
        struct telemetry telemetry = TELEMETRY_INIT;
        struct reason reason = REASON_INIT;

        if (network_by_name(event->network)
                    ->telemetry(event, NULL, &options, &telemetry, &reason) == 0) {
                require(is_object(&telemetry.body));
        } else {
                require(reason.text[0] != '\0');
        }
        telemetry_deinit(&telemetry);
}

/* Bytes for a payload formatter, or a reason. */
static inline void demand_payload(const struct event *event)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        struct reason reason = REASON_INIT;

        if (network_by_name(event->network)->payload(event, &bytes, &reason) == 0)
                require(bytes.size <= (event->payload ? strlen(event->payload) : 0));
        else
                require(bytes.size == 0 && reason.text[0] != '\0');
}

/* A record that was read once is written the same ever after. */
static inline void demand_record(const struct event *event)
{
        CLEANUP(buf_deinit) struct buf first = BUF_INIT;
        CLEANUP(buf_deinit) struct buf second = BUF_INIT;
        CLEANUP(buf_deinit) struct buf third = BUF_INIT;
        struct event decoded;
        struct event again;

        event_encode(event, &first);
        require(event_decode(first.data, first.size, &decoded, NULL) == 0);
        event_encode(&decoded, &second);
        require(event_decode(second.data, second.size, &again, NULL) == 0);
        event_encode(&again, &third);
        require(strcmp(second.data, third.data) == 0);
        event_deinit(&decoded);
        event_deinit(&again);
}

static inline struct webhook fuzz_webhook(const uint8_t *data, size_t size)
{
        return (struct webhook){.path = "",
                                .body = (const char *)data,
                                .body_size = size,
                                .maximum_values = JSON_VALUES_USUAL,
                                .arrived_ns = INT64_C(1741558503000000000)};
}

static inline void fuzz_network(const struct network *network, const uint8_t *data, size_t size)
{
        struct webhook webhook = fuzz_webhook(data, size);
        struct event_list events = EVENT_LIST_INIT;
        struct reason reason = REASON_INIT;
        int result = network->parse(&webhook, &events, &reason);

        require(result == 0 || result == NETWORK_E_IGNORED || result == NETWORK_E_MALFORMED);
        require(result != NETWORK_E_MALFORMED || reason.text[0] != '\0');
        require((result == 0) == (events.count > 0));
        for (size_t i = 0; i < events.count; i++) {
                demand_record(&events.events[i]);
                demand_payload(&events.events[i]);
                demand_telemetry(&events.events[i]);
        }
        event_list_deinit(&events);
}

#endif
