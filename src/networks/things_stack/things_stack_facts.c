// SPDX-License-Identifier: MIT
/* How a device was heard. */
#include "base/json/json_slice.h"
#include "networks/driver.h"
#include "networks/things_stack/things_stack.h"

/* Those of a city's roofs may be dozens; more say nothing new. */
#define GATEWAYS_MAX 32

enum slot {
        GATEWAY,
        IDS,
        GATEWAY_ID,
        RSSI,
        SNR,
        SLOTS
};

static const struct json_want ids_wants[] = {JSON_WANT("gateway_id", GATEWAY_ID)};

static const struct json_want gateway_wants[] = {
        JSON_WANT_OF("gateway_ids", IDS, ids_wants),
        JSON_WANT("rssi", RSSI),
        JSON_WANT("snr", SNR),
};

static const struct json_want gateway_want = {
        .slot = GATEWAY, .members = gateway_wants, .count = ARRAY_SIZE(gateway_wants)};

static void hear(const struct json_slice *gateway, struct event_facts *facts)
{
        struct json_slice slices[SLOTS] = {{.kind = JSON_ABSENT}};
        char name[FACTS_GATEWAY_SIZE];
        bool is_named;

        json_slice_read(gateway, &gateway_want, slices);
        is_named = json_slice_copy(&slices[GATEWAY_ID], name, sizeof(name));
        event_facts_hear(facts, is_named ? name : NULL, json_slice_number(&slices[RSSI]),
                         json_slice_number(&slices[SNR]));
}

void things_stack_hear(const struct json_slice *gateways, struct event_facts *facts)
{
        CLEANUP(buf_deinit) struct buf compact = BUF_INIT;
        struct json_walk walk;
        struct json_slice gateway;

        if (gateways->kind != JSON_LIST)
                return;
        walk = json_walk_of(gateways->at, gateways->size);
        if (gateways->spaced) {
                json_slice_write(gateways, &compact);
                walk = json_walk_of(compact.data, compact.size);
        }
        for (int i = 0; i < GATEWAYS_MAX && json_walk_item(&walk, &gateway); i++)
                hear(&gateway, facts);
}
