// SPDX-License-Identifier: MIT
/* One hub and one client joined in memory, and what the tests of messages share (rules W7 to
 * W10 and W13). */
#ifndef TESTS_UNIT_HUB_AMQP_WORLD_H
#define TESTS_UNIT_HUB_AMQP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp_pair.h"
#include "base/crypto.h"
#include "base/json/json.h"

#define EVENTS   "/devices/dev1/messages/events"
#define COMMANDS "/devices/dev1/messages/devicebound"
#define METHODS  "/devices/dev1/methods/devicebound"
#define TWIN     "/devices/dev1/twin"

static struct world world;
static struct client *client;

static inline int set_up(void **state)
{
        (void)state;
        world_init(&world);
        client = client_open(&world);
        assert_int_equal(client_authorise(client, "dev1"), 200);
        return 0;
}

static inline int tear_down(void **state)
{
        (void)state;
        world_free(&world);
        return 0;
}

static inline void add_fault(struct fault fault)
{
        struct reason reason = REASON_INIT;

        if (!faults_add(world.core.faults, &fault, &reason))
                fail_msg("%s", reason.text);
}

static inline struct fault fault_of(enum fault_kind kind, int64_t times, const char *condition)
{
        struct fault fault = FAULT_INIT(kind);

        fault.remaining = times;
        snprintf(fault.condition, sizeof(fault.condition), "%s", condition);
        return fault;
}

static inline uint64_t recorded(void)
{
        return telemetry_log_newest(world.core.telemetry);
}

static inline const struct telemetry_record *record_at(uint64_t sequence)
{
        const struct telemetry_record *record =
                telemetry_log_next(world.core.telemetry, sequence - 1, 0);

        assert_non_null(record);
        assert_int_equal(record->sequence, sequence);
        return record;
}

static inline void unhex(const char *hex, struct buf *bytes)
{
        assert_true(crypto_hex_decode(bytes, hex, strlen(hex)));
}

static inline void enqueue_for(const char *device, const char *message_id)
{
        static const struct property properties[] = {{"Port", "10"}};
        const struct local_hub_command command = {
                .message_id = message_id,
                .correlation_id = "corr",
                .content_type = "application/json",
                .ack = LOCAL_HUB_ACK_FULL,
                .properties = properties,
                .property_count = 1,
                .body = "hello",
                .body_size = 5,
        };
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];

        assert_int_equal(command_queue_send(world.core.commands, world.hub, device, "gen", &command,
                                            world.core.now_ms, id, NULL),
                         0);
        device_sessions_commands_wait(&world.core.sessions, world.hub, device);
        world_run(&world);
}

static inline enum local_hub_command_state state_of(const char *message_id)
{
        struct local_hub_command_status status;

        assert_true(
                command_queue_status(world.core.commands, world.hub, "dev1", message_id, &status));
        return status.state;
}

static inline struct got *take_command(pn_link_t *link, const char *message_id)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct got *got = client_take(client, link);

        assert_non_null(got);
        amqp_wire_add_text(&text, &got->message.message_id);
        assert_string_equal(buf_text(&text), message_id);
        return got;
}

static inline void settle(struct got *got, uint64_t outcome)
{
        pn_delivery_update(got->delivery, outcome);
        pn_delivery_settle(got->delivery);
        got_free(got);
        world_run(&world);
}

#endif
