// SPDX-License-Identifier: MIT
/* Telemetry, cloud-to-device messages, methods, twins and the cloud's side, with clients in
 * memory (wire reference, 3.8 to 3.13 and 7.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp_pair.h"
#include "base/crypto.h"
#include "base/json.h"

#define EVENTS   "/devices/dev1/messages/events"
#define COMMANDS "/devices/dev1/messages/devicebound"
#define METHODS  "/devices/dev1/methods/devicebound"
#define TWIN     "/devices/dev1/twin"

static struct world world;
static struct client *client;

static int set_up(void **state)
{
        (void)state;
        world_init(&world);
        client = client_open(&world);
        assert_int_equal(client_authorise(client, "dev1"), 200);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        world_free(&world);
        return 0;
}

static void add_fault(struct fault fault)
{
        struct reason reason = REASON_INIT;

        if (!faults_add(world.core.faults, &fault, &reason))
                fail_msg("%s", reason.text);
}

static struct fault fault_of(enum fault_kind kind, int64_t times, const char *condition)
{
        struct fault fault = FAULT_INIT(kind);

        fault.remaining = times;
        snprintf(fault.condition, sizeof(fault.condition), "%s", condition);
        return fault;
}

static uint64_t recorded(void)
{
        return telemetry_log_newest(world.core.telemetry);
}

static const struct telemetry_record *record_at(uint64_t sequence)
{
        const struct telemetry_record *record =
                telemetry_log_next(world.core.telemetry, sequence - 1, 0);

        assert_non_null(record);
        assert_int_equal(record->sequence, sequence);
        return record;
}

static void unhex(const char *hex, struct buf *bytes)
{
        assert_true(crypto_hex_decode(bytes, hex, strlen(hex)));
}

/* --- telemetry ------------------------------------------------------------------------------- */

static void telemetry_is_recorded_then_accepted(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        const struct telemetry_record *record;
        pn_link_t *link = client_sender(client, EVENTS);
        pn_delivery_t *delivery;

        (void)state;
        assert_int_equal(pn_link_credit(link), 1000);
        assert_int_equal(pn_link_remote_max_message_size(link), 1048576);
        /* Node's message of the wire reference. */
        unhex("00537045005372d10000001700000002a30a64742d7375626a656374a105636f6d7031005373d00000"
              "004500000008a10361626340a11d2f646576696365732f646576312f6d657373616765732f6576656e"
              "7473404040a3106170706c69636174696f6e2f6a736f6ea3057574662d38005374d10000000a000000"
              "02a1016ba10176005375a0077b2274223a317d",
              &message);
        delivery = client_send(client, link, &message);
        assert_int_equal(pn_delivery_remote_state(delivery), PN_ACCEPTED);
        assert_true(pn_delivery_settled(delivery));
        record = record_at(1);
        assert_string_equal(record->hub, "hub1");
        assert_string_equal(record->device_id, "dev1");
        assert_string_equal(record->connection, client->peer->id);
        assert_string_equal(record->message_id, "abc");
        assert_string_equal(record->content_type, "application/json");
        assert_string_equal(record->content_encoding, "utf-8");
        assert_string_equal(record->component, "comp1");
        assert_int_equal(record->property_count, 1);
        assert_string_equal(record->properties[0].name, "k");
        assert_string_equal(record->properties[0].value, "v");
        assert_int_equal(record->body_size, 7);
        assert_memory_equal(record->body, "{\"t\":1}", 7);
        assert_int_equal(record->enqueued_ms, world.core.wall_ms);
        telemetry_record_release(record);
        assert_int_equal(client->peer->messages, 1);
}

static void presettled_telemetry_is_recorded_too(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        pn_link_t *link = client_sender(client, EVENTS);
        pn_delivery_t *delivery = pn_delivery(link, pn_dtag("t", 1));

        (void)state;
        write_telemetry(&message, "m1", "x", 1);
        pn_link_send(link, message.data, message.size);
        pn_delivery_settle(delivery);
        world_run(&world);
        assert_int_equal(recorded(), 1);
}

static void credit_is_granted_again_and_again(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        pn_link_t *link = client_sender(client, EVENTS);
        int sent = 0;

        (void)state;
        write_telemetry(&message, "m", "x", 1);
        for (int round = 0; round < 100 && sent < 5000; round++) {
                while (pn_link_credit(link) > 0 && sent < 5000) {
                        pn_delivery_t *delivery =
                                pn_delivery(link, pn_dtag((const char *)&sent, sizeof(sent)));

                        pn_link_send(link, message.data, message.size);
                        pn_link_advance(link);
                        pn_delivery_settle(delivery);
                        sent++;
                }
                world_run(&world);
        }
        assert_int_equal(sent, 5000);
        assert_int_equal(recorded(), 5000);
        assert_in_range(pn_link_credit(link), 500, 1000);
}

static void a_batch_becomes_its_messages(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        const struct telemetry_record *record;

        (void)state;
        unhex("005375a023005373c00501a1026d31005374c10802a1016ba1027631005375a0077b2274223a317d00"
              "5375a023005373c00501a1026d32005374c10802a1016ba1027632005375a0077b2274223a327d",
              &message);
        client_send(client, client_sender(client, EVENTS), &message);
        assert_int_equal(recorded(), 2);
        record = record_at(2);
        assert_string_equal(record->message_id, "m2");
        assert_string_equal(record->properties[0].value, "v2");
        assert_memory_equal(record->body, "{\"t\":2}", 7);
        telemetry_record_release(record);
}

static void several_data_sections_are_one_body(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        const struct telemetry_record *record;

        (void)state;
        wire_put_data(&message, "abc", 3);
        wire_put_data(&message, "def", 3);
        client_send(client, client_sender(client, EVENTS), &message);
        record = record_at(1);
        assert_int_equal(record->body_size, 6);
        assert_memory_equal(record->body, "abcdef", 6);
        telemetry_record_release(record);
}

static void sizes_are_limited_as_at_iot_hub(void **state)
{
        CLEANUP(mem_cleanup) char *body = mem_new(1200000, 1);
        CLEANUP(buf_deinit) struct buf good = BUF_INIT;
        CLEANUP(buf_deinit) struct buf large = BUF_INIT;
        CLEANUP(buf_deinit) struct buf huge = BUF_INIT;
        pn_link_t *link = client_sender(client, EVENTS);
        pn_delivery_t *delivery;
        const char *text;

        (void)state;
        memset(body, 'x', 1200000);
        write_telemetry(&good, "m1", body, 262142);
        write_telemetry(&large, "m1", body, 262143);
        write_telemetry(&huge, "m1", body, 1200000);
        delivery = client_send(client, link, &good);
        assert_int_equal(pn_delivery_remote_state(delivery), PN_ACCEPTED);
        delivery = client_send(client, link, &large);
        assert_string_equal(rejected_condition(delivery), "amqp:link:message-size-exceeded");
        text = pn_condition_get_description(pn_disposition_condition(pn_delivery_remote(delivery)));
        assert_string_equal(text, "Message size is 262145 bytes which is greater than the max size "
                                  "262144 bytes allowed.");
        assert_int_equal(recorded(), 1);
        assert_string_equal(link_condition(link), "");
        /* Beyond 1 MB the link ends. */
        client_send(client, link, &huge);
        assert_string_equal(link_condition(link), "amqp:link:message-size-exceeded");
        assert_int_equal(recorded(), 1);
}

static void what_is_no_message_is_rejected(void **state)
{
        CLEANUP(buf_deinit) struct buf rubbish = BUF_INIT;
        pn_link_t *link = client_sender(client, EVENTS);

        (void)state;
        buf_add_text(&rubbish, "{\"t\":1}");
        assert_string_equal(rejected_condition(client_send(client, link, &rubbish)),
                            "amqp:decode-error");
        assert_int_equal(recorded(), 0);
        assert_string_equal(link_condition(link), "");
}

static void an_aborted_message_is_forgotten(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        pn_link_t *link = client_sender(client, EVENTS);
        pn_delivery_t *delivery = pn_delivery(link, pn_dtag("t", 1));

        (void)state;
        write_telemetry(&message, "m1", "x", 1);
        pn_link_send(link, message.data, message.size / 2);
        world_run(&world);
        pn_delivery_abort(delivery);
        world_run(&world);
        assert_int_equal(recorded(), 0);
        client_send_telemetry(client, link, "m2");
        assert_int_equal(recorded(), 1);
}

static void values_of_any_type_become_text(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        const struct telemetry_record *record;
        size_t begin;

        (void)state;
        wire_put_section(&message, WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = wire_begin_map(&message);
        for (int i = 0; i < 300; i++) {
                wire_put_string(&message, "n");
                wire_put_long(&message, INT64_MIN);
        }
        wire_end(&message, begin, 600);
        client_send(client, client_sender(client, EVENTS), &message);
        record = record_at(1);
        assert_int_equal(record->property_count, 256);
        assert_string_equal(record->properties[255].value, "-9223372036854775808");
        assert_int_equal(record->body_size, 0);
        telemetry_record_release(record);
}

/* --- faults of telemetry --------------------------------------------------------------------- */

static void faults_reject_telemetry(void **state)
{
        pn_link_t *link = client_sender(client, EVENTS);

        (void)state;
        add_fault(fault_of(FAULT_REJECT, 2, "com.microsoft:device-container-throttled"));
        for (int i = 0; i < 2; i++)
                assert_string_equal(rejected_condition(client_send_telemetry(client, link, "m")),
                                    "com.microsoft:device-container-throttled");
        assert_int_equal(recorded(), 0);
        assert_int_equal(pn_delivery_remote_state(client_send_telemetry(client, link, "m")),
                         PN_ACCEPTED);
}

static void faults_detach_links(void **state)
{
        pn_link_t *link = client_sender(client, EVENTS);
        pn_delivery_t *delivery;

        (void)state;
        add_fault(fault_of(FAULT_DETACH, 1, "amqp:link:detach-forced"));
        delivery = client_send_telemetry(client, link, "m");
        assert_int_equal(pn_delivery_remote_state(delivery), 0);
        assert_string_equal(link_condition(link), "amqp:link:detach-forced");
        assert_int_equal(recorded(), 0);
}

static void faults_withhold_dispositions(void **state)
{
        pn_link_t *link = client_sender(client, EVENTS);
        pn_delivery_t *delivery;

        (void)state;
        add_fault(fault_of(FAULT_DISPOSITION, 1, ""));
        delivery = client_send_telemetry(client, link, "m1");
        world_advance(&world, 100000);
        assert_int_equal(pn_delivery_remote_state(delivery), 0);
        assert_int_equal(recorded(), 1);
        assert_int_equal(pn_delivery_remote_state(client_send_telemetry(client, link, "m2")),
                         PN_ACCEPTED);
}

static void faults_delay_dispositions(void **state)
{
        struct fault fault = fault_of(FAULT_SLOW, 2, "");
        pn_link_t *link = client_sender(client, EVENTS);
        pn_delivery_t *first;
        pn_delivery_t *third;

        (void)state;
        fault.delay_ms = 5000;
        add_fault(fault);
        first = client_send_telemetry(client, link, "m1");
        client_send_telemetry(client, link, "m2");
        third = client_send_telemetry(client, link, "m3");
        assert_int_equal(pn_delivery_remote_state(third), PN_ACCEPTED);
        world_advance(&world, 4999);
        assert_int_equal(pn_delivery_remote_state(first), 0);
        world_advance(&world, 1);
        assert_int_equal(pn_delivery_remote_state(first), PN_ACCEPTED);
        /* A link may end while dispositions wait. */
        add_fault(fault);
        client_send_telemetry(client, link, "m4");
        pn_link_close(link);
        world_run(&world);
        world_advance(&world, 6000);
}

static void faults_cut_the_connection_after_recording(void **state)
{
        pn_link_t *link = client_sender(client, EVENTS);
        pn_delivery_t *delivery;

        (void)state;
        add_fault(fault_of(FAULT_CUT, 1, ""));
        delivery = client_send_telemetry(client, link, "m1");
        assert_int_equal(pn_delivery_remote_state(delivery), 0);
        assert_int_equal(recorded(), 1);
        assert_null(client->peer);
}

static void faults_withhold_credit_until_they_are_removed(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_CREDIT);
        pn_link_t *link;
        uint64_t id;

        (void)state;
        id = faults_add(world.core.faults, &fault, NULL);
        link = client_sender(client, EVENTS);
        assert_int_equal(pn_link_credit(link), 0);
        assert_true(faults_remove(world.core.faults, id));
        world_run(&world);
        assert_int_equal(pn_link_credit(link), 1000);
}

/* --- cloud-to-device messages ---------------------------------------------------------------- */

static void enqueue_for(const char *device, const char *message_id)
{
        static const struct telemetry_property properties[] = {{"Port", "10"}};
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
        amqp_core_commands_wait(&world.core, world.hub, device);
        world_run(&world);
}

static enum local_hub_command_state state_of(const char *message_id)
{
        struct local_hub_command_status status;

        assert_true(
                command_queue_status(world.core.commands, world.hub, "dev1", message_id, &status));
        return status.state;
}

static struct got *take_command(pn_link_t *link, const char *message_id)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct got *got = client_take(client, link);

        assert_non_null(got);
        wire_add_text(&text, &got->message.message_id);
        assert_string_equal(buf_text(&text), message_id);
        return got;
}

static void settle(struct got *got, uint64_t outcome)
{
        pn_delivery_update(got->delivery, outcome);
        pn_delivery_settle(got->delivery);
        got_free(got);
        world_run(&world);
}

static void a_command_has_the_types_that_sdks_ask_for(void **state)
{
        pn_link_t *link = client_receiver(client, COMMANDS, 10);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct wire_value value;
        struct got *got;

        (void)state;
        enqueue_for("dev1", "c1");
        got = take_command(link, "c1");
        assert_int_equal(pn_delivery_tag(got->delivery).size, 16);
        value = wire_map_find(got->message.annotations, got->message.annotation_count,
                              "x-opt-sequence-number");
        assert_int_equal(value.encoded.data[0], 0x80);
        assert_int_equal(value.number, 1);
        value = wire_map_find(got->message.annotations, got->message.annotation_count,
                              "iothub-enqueuedtime");
        assert_int_equal(value.kind, WIRE_TIMESTAMP);
        value = wire_map_find(got->message.annotations, got->message.annotation_count,
                              "iothub-deliverycount");
        assert_int_equal(value.encoded.data[0], 0x50);
        assert_int_equal(value.number, 0);
        wire_add_text(&text, &got->message.to);
        assert_string_equal(buf_text(&text), COMMANDS);
        assert_true(wire_is_text(&got->message.correlation_id, "corr"));
        assert_int_equal(got->message.content_type.kind, WIRE_SYMBOL);
        assert_int_equal(got->message.expiry.kind, WIRE_TIMESTAMP);
        value = wire_map_find(got->message.properties, got->message.property_count, "Port");
        assert_true(wire_is_text(&value, "10"));
        value = wire_map_find(got->message.properties, got->message.property_count, "iothub-ack");
        assert_true(wire_is_text(&value, "full"));
        assert_int_equal(got->message.data.size, 5);
        settle(got, PN_ACCEPTED);
        assert_int_equal(state_of("c1"), LOCAL_HUB_COMMAND_COMPLETED);
}

static void commands_wait_for_the_link_and_for_credit(void **state)
{
        pn_link_t *link;

        (void)state;
        enqueue_for("dev1", "c1");
        enqueue_for("dev1", "c2");
        link = client_receiver(client, COMMANDS, 1);
        got_free(take_command(link, "c1"));
        assert_null(client_take(client, link));
        assert_int_equal(state_of("c2"), LOCAL_HUB_COMMAND_ENQUEUED);
        pn_link_flow(link, 1);
        world_run(&world);
        got_free(take_command(link, "c2"));
}

static void abandon_and_reject_are_told_to_the_queue(void **state)
{
        pn_link_t *link = client_receiver(client, COMMANDS, 10);
        struct wire_value value;
        struct got *got;

        (void)state;
        enqueue_for("dev1", "c1");
        settle(take_command(link, "c1"), PN_RELEASED);
        got = take_command(link, "c1");
        value = wire_map_find(got->message.annotations, got->message.annotation_count,
                              "iothub-deliverycount");
        assert_int_equal(value.number, 1);
        settle(got, PN_MODIFIED);
        settle(take_command(link, "c1"), PN_REJECTED);
        assert_int_equal(state_of("c1"), LOCAL_HUB_COMMAND_REJECTED);
        assert_null(client_take(client, link));
}

/* rcv-settle-mode second, as .NET: the hub settles, and says what became of it. */
static void a_client_that_waits_for_the_hub_to_settle_is_answered(void **state)
{
        pn_link_t *link = pn_receiver(client->session, "second");
        struct got *got;

        (void)state;
        pn_terminus_set_address(pn_link_source(link), COMMANDS);
        pn_link_set_rcv_settle_mode(link, PN_RCV_SECOND);
        pn_link_open(link);
        pn_link_flow(link, 10);
        enqueue_for("dev1", "c1");
        got = take_command(link, "c1");
        pn_delivery_update(got->delivery, PN_ACCEPTED);
        world_run(&world);
        assert_true(pn_delivery_settled(got->delivery));
        assert_int_equal(pn_delivery_remote_state(got->delivery), PN_ACCEPTED);
        assert_int_equal(state_of("c1"), LOCAL_HUB_COMMAND_COMPLETED);
        got_free(got);
}

static void a_lock_that_ended_is_said_and_the_message_comes_again(void **state)
{
        pn_link_t *link = pn_receiver(client->session, "second");
        struct got *old;
        struct got *new;

        (void)state;
        pn_terminus_set_address(pn_link_source(link), COMMANDS);
        pn_link_set_rcv_settle_mode(link, PN_RCV_SECOND);
        pn_link_open(link);
        pn_link_flow(link, 10);
        enqueue_for("dev1", "c1");
        old = take_command(link, "c1");
        world_advance(&world, 61000);
        new = take_command(link, "c1");
        pn_delivery_update(old->delivery, PN_ACCEPTED);
        world_run(&world);
        assert_string_equal(rejected_condition(old->delivery), "com.microsoft:message-lock-lost");
        assert_int_equal(state_of("c1"), LOCAL_HUB_COMMAND_LOCKED);
        settle(new, PN_ACCEPTED);
        assert_int_equal(state_of("c1"), LOCAL_HUB_COMMAND_COMPLETED);
        got_free(old);
}

static void commands_come_again_when_their_link_has_ended(void **state)
{
        pn_link_t *link = client_receiver(client, COMMANDS, 10);
        struct client *other;
        pn_link_t *other_link;
        struct got *got;

        (void)state;
        enqueue_for("dev1", "c1");
        got_free(take_command(link, "c1"));
        pn_link_close(link);
        world_run(&world);
        assert_int_equal(state_of("c1"), LOCAL_HUB_COMMAND_ENQUEUED);
        link = client_receiver(client, COMMANDS, 10);
        got_free(take_command(link, "c1"));
        /* A newer connection gets what the older one had. */
        other = client_open(&world);
        assert_int_equal(client_authorise(other, "dev1"), 200);
        other_link = client_receiver(other, COMMANDS, 10);
        got = client_take(other, other_link);
        assert_non_null(got);
        got_free(got);
        client_free(other);
        assert_int_equal(state_of("c1"), LOCAL_HUB_COMMAND_ENQUEUED);
}

static void a_presettled_link_completes_at_once(void **state)
{
        pn_link_t *link = pn_receiver(client->session, "settled");

        (void)state;
        pn_terminus_set_address(pn_link_source(link), COMMANDS);
        pn_link_set_snd_settle_mode(link, PN_SND_SETTLED);
        pn_link_open(link);
        pn_link_flow(link, 10);
        enqueue_for("dev1", "c1");
        got_free(take_command(link, "c1"));
        assert_int_equal(state_of("c1"), LOCAL_HUB_COMMAND_COMPLETED);
}

/* --- direct methods -------------------------------------------------------------------------- */

static struct {
        int count;
        enum local_hub_method_result result;
        int status;
        char payload[64];
} called;

static void on_done(void *context, enum local_hub_method_result result, int status,
                    const void *payload, size_t size)
{
        assert_ptr_equal(context, &called);
        called.count++;
        called.result = result;
        called.status = status;
        assert_true(size < sizeof(called.payload));
        if (size > 0)
                memcpy(called.payload, payload, size);
        called.payload[size] = '\0';
}

static void invoke(const char *device, int64_t connect_ms)
{
        const struct local_hub_method method = {.name = "reboot",
                                                .payload = "{\"a\":1}",
                                                .payload_size = 7,
                                                .response_timeout_ms = 10000,
                                                .connect_timeout_ms = connect_ms};

        memset(&called, 0, sizeof(called));
        amqp_methods_invoke(&world.core, world.hub, device, &method, on_done, &called);
        world_run(&world);
}

static pn_delivery_t *answer(pn_link_t *link, struct wire_bytes correlation, int status)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        size_t begin;

        wire_put_section(&message, WIRE_SECTION_PROPERTIES);
        begin = wire_begin_list(&message);
        for (int i = 0; i < 5; i++)
                wire_put_null(&message);
        wire_put_encoded(&message, correlation);
        wire_end(&message, begin, 6);
        wire_put_section(&message, WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = wire_begin_map(&message);
        wire_put_string(&message, "IoThub-status");
        wire_put_int(&message, status);
        wire_end(&message, begin, 2);
        wire_put_data(&message, "{\"ok\":true}", 11);
        return client_send(client, link, &message);
}

static void a_method_is_called_and_answered(void **state)
{
        pn_link_t *in = client_receiver(client, METHODS, 10);
        pn_link_t *out = client_sender(client, METHODS);
        struct wire_value name;
        struct got *got;

        (void)state;
        invoke("dev1", 0);
        got = client_take(client, in);
        assert_non_null(got);
        assert_int_equal(got->message.correlation_id.kind, WIRE_UUID);
        /* Version 4, variant of RFC 4122: Node takes no other. */
        assert_int_equal(got->message.correlation_id.bytes.data[6] >> 4, 4);
        assert_int_equal(got->message.correlation_id.bytes.data[8] >> 6, 2);
        name = wire_map_find(got->message.properties, got->message.property_count,
                             "IoThub-methodname");
        assert_true(wire_is_text(&name, "reboot"));
        assert_memory_equal(got->message.data.data, "{\"a\":1}", 7);
        assert_int_equal(called.count, 0);
        assert_int_equal(
                pn_delivery_remote_state(answer(out, got->message.correlation_id.encoded, 201)),
                PN_ACCEPTED);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_ANSWERED);
        assert_int_equal(called.status, 201);
        assert_string_equal(called.payload, "{\"ok\":true}");
        /* A second answer finds nobody. */
        answer(out, got->message.correlation_id.encoded, 202);
        assert_int_equal(called.count, 1);
        got_free(got);
}

static void an_answer_may_name_the_call_by_text(void **state)
{
        pn_link_t *in = client_receiver(client, METHODS, 10);
        pn_link_t *out = client_sender(client, METHODS);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(buf_deinit) struct buf encoded = BUF_INIT;
        struct got *got;

        (void)state;
        invoke("dev1", 0);
        got = client_take(client, in);
        wire_add_text(&text, &got->message.correlation_id);
        wire_put_string(&encoded, buf_text(&text));
        answer(out,
               (struct wire_bytes){.data = (const uint8_t *)encoded.data, .size = encoded.size},
               200);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.status, 200);
        got_free(got);
}

static void a_method_without_its_device_fails_at_once(void **state)
{
        (void)state;
        invoke("unknown", 0);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_NO_DEVICE);
        invoke("dev1", 0);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_OFFLINE);
        /* Telemetry alone is not enough, nor is half of the pair. */
        client_sender(client, EVENTS);
        client_receiver(client, METHODS, 10);
        invoke("dev1", 0);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_OFFLINE);
}

static void a_method_may_wait_for_its_device(void **state)
{
        struct got *got;
        pn_link_t *in;

        (void)state;
        invoke("dev1", 5000);
        assert_int_equal(called.count, 0);
        in = client_receiver(client, METHODS, 10);
        client_sender(client, METHODS);
        got = client_take(client, in);
        assert_non_null(got);
        got_free(got);
        world_advance(&world, 9999);
        assert_int_equal(called.count, 0);
        world_advance(&world, 1);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_TIMEOUT);
        invoke("dev2", 5000);
        world_advance(&world, 5000);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_OFFLINE);
}

static void a_method_is_lost_with_its_links(void **state)
{
        pn_link_t *in = client_receiver(client, METHODS, 10);
        pn_link_t *out = client_sender(client, METHODS);

        (void)state;
        invoke("dev1", 0);
        pn_link_close(out);
        world_run(&world);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_LOST);
        client_sender(client, METHODS);
        invoke("dev1", 0);
        pn_link_close(in);
        world_run(&world);
        assert_int_equal(called.count, 1);
        client_receiver(client, METHODS, 10);
        invoke("dev1", 0);
        amqp_peer_cut(client->peer);
        world_run(&world);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_LOST);
}

static void calls_end_with_the_hub(void **state)
{
        (void)state;
        invoke("dev1", 60000);
        assert_int_equal(called.count, 0);
        amqp_methods_end(&world.core);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_LOST);
}

static void an_answer_without_status_is_rejected(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        pn_link_t *out = client_sender(client, METHODS);

        (void)state;
        wire_put_data(&message, "{}", 2);
        assert_string_equal(rejected_condition(client_send(client, out, &message)),
                            "com.microsoft:argument-error");
}

/* --- twins ----------------------------------------------------------------------------------- */

static void twin_request(pn_link_t *link, const char *operation, const char *resource,
                         const char *body)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        size_t begin;

        wire_put_section(&message, WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = wire_begin_map(&message);
        wire_put_symbol(&message, "operation");
        wire_put_string(&message, operation);
        wire_put_symbol(&message, "resource");
        wire_put_string(&message, resource);
        wire_put_symbol(&message, "version");
        wire_put_null(&message);
        wire_end(&message, begin, 6);
        wire_put_section(&message, WIRE_SECTION_PROPERTIES);
        begin = wire_begin_list(&message);
        for (int i = 0; i < 5; i++)
                wire_put_null(&message);
        wire_put_string(&message, operation); /* correlation-id */
        wire_end(&message, begin, 6);
        wire_put_data(&message, body, strlen(body));
        client_send(client, link, &message);
}

/* Checks status, correlation id, version (0 = none) and body of the response. */
static void assert_response(pn_link_t *link, const char *correlation, int status, int64_t version,
                            const char *body)
{
        struct got *got = client_take(client, link);
        struct wire_value value;

        assert_non_null(got);
        assert_true(wire_is_text(&got->message.correlation_id, correlation));
        value = wire_map_find(got->message.annotations, got->message.annotation_count, "status");
        assert_int_equal(value.encoded.data[0], 0x71);
        assert_int_equal(value.number, status);
        value = wire_map_find(got->message.annotations, got->message.annotation_count, "version");
        assert_int_equal(value.kind, version ? WIRE_SIGNED : WIRE_NULL);
        if (version)
                assert_int_equal(value.encoded.data[0], 0x81);
        assert_int_equal(value.number, version);
        assert_int_equal(got->message.data_count, 1);
        if (body) {
                assert_int_equal(got->message.data.size, strlen(body));
                assert_memory_equal(got->message.data.data, body, strlen(body));
        }
        got_free(got);
}

static void a_twin_is_read_and_reported(void **state)
{
        pn_link_t *in = client_receiver(client, TWIN, 100);
        pn_link_t *out = client_sender(client, TWIN);

        (void)state;
        twin_request(out, "GET", NULL, " ");
        assert_response(in, "GET", 200, 0,
                        "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
        twin_request(out, "PATCH", "/properties/reported", "{\"a\":{\"b\":1.50}}");
        assert_response(in, "PATCH", 200, 2, "");
        twin_request(out, "GET", NULL, "");
        assert_response(in, "GET", 200, 0,
                        "{\"desired\":{\"$version\":1},\"reported\":{\"a\":{\"b\":1.50},"
                        "\"$version\":2}}");
}

static void wrong_requests_are_answered_with_400(void **state)
{
        pn_link_t *in = client_receiver(client, TWIN, 100);
        pn_link_t *out = client_sender(client, TWIN);
        struct got *got;

        (void)state;
        twin_request(out, "PATCH", "/properties/reported", "{\"a.b\":1}");
        assert_response(in, "PATCH", 400, 0, NULL);
        twin_request(out, "PATCH", "/properties/reported", "no json");
        got = client_take(client, in);
        assert_memory_equal(got->message.data.data, "{\"errorCode\":400004,", 20);
        got_free(got);
        twin_request(out, "PATCH", "/properties/desired", "{\"a\":1}");
        assert_response(in, "PATCH", 400, 0, NULL);
        twin_request(out, "POST", NULL, "");
        assert_response(in, "POST", 400, 0, NULL);
}

static void set_desired(const char *text)
{
        struct json_object *patch = json_parse(text, strlen(text), 10, JSON_STRICT, NULL);

        assert_int_equal(registry_twin_patch(world.core.registry, world.hub, "dev1",
                                             REGISTRY_DESIRED, patch, false, NULL, NULL),
                         0);
        json_object_put(patch);
        world_run(&world);
}

static void desired_properties_are_told_to_who_subscribed(void **state)
{
        static const char desired[] = "/notifications/twin/properties/desired";
        static const char patch[] = "{\"a\":null,\"b\":2,\"$version\":3}";
        pn_link_t *in = client_receiver(client, TWIN, 100);
        pn_link_t *out = client_sender(client, TWIN);
        struct wire_value resource;
        struct got *got;

        (void)state;
        set_desired("{\"a\":1}");
        assert_null(client_take(client, in));
        twin_request(out, "PUT", desired, " ");
        assert_response(in, "PUT", 200, 0, "");
        set_desired("{\"a\":null,\"b\":2}");
        got = client_take(client, in);
        assert_non_null(got);
        assert_int_equal(got->message.correlation_id.kind, WIRE_NULL);
        resource =
                wire_map_find(got->message.annotations, got->message.annotation_count, "resource");
        assert_true(wire_is_text(&resource, "/properties/desired"));
        assert_int_equal(got->message.data.size, strlen(patch));
        assert_memory_equal(got->message.data.data, patch, strlen(patch));
        got_free(got);
        twin_request(out, "DELETE", desired, " ");
        assert_response(in, "DELETE", 200, 0, "");
        set_desired("{\"c\":1}");
        assert_null(client_take(client, in));
}

static void a_request_without_a_way_back_ends_its_link(void **state)
{
        pn_link_t *out = client_sender(client, TWIN);

        (void)state;
        twin_request(out, "GET", NULL, " ");
        assert_string_equal(link_condition(out), "amqp:precondition-failed");
}

/* --- the cloud's side ------------------------------------------------------------------------ */

static struct client *open_service(void)
{
        struct client *service = client_open(&world);

        assert_int_equal(client_put_policy(service, "service", 3600), 200);
        return service;
}

static pn_delivery_t *service_send(struct client *service, pn_link_t *link, const char *to,
                                   const char *ack)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        size_t begin;

        wire_put_section(&message, WIRE_SECTION_PROPERTIES);
        begin = wire_begin_list(&message);
        wire_put_string(&message, "s1");
        wire_put_null(&message);
        wire_put_string(&message, to);
        wire_end(&message, begin, 3);
        wire_put_section(&message, WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = wire_begin_map(&message);
        wire_put_string(&message, "k");
        wire_put_string(&message, "v");
        wire_put_string(&message, "iothub-ack");
        wire_put_string(&message, ack);
        wire_end(&message, begin, 4);
        wire_put_data(&message, "body", 4);
        return client_send(service, link, &message);
}

static void the_cloud_sends_and_hears_what_became_of_it(void **state)
{
        static const char start[] = "[{\"originalMessageId\":\"s1\",\"enqueuedTimeUtc\":\"";
        struct client *service = open_service();
        pn_link_t *send = client_sender(service, "/messages/devicebound");
        pn_link_t *feedback = client_receiver(service, "/messages/serviceBound/feedback", 10);
        pn_link_t *commands = client_receiver(client, COMMANDS, 10);
        struct wire_value value;
        struct got *got;

        (void)state;
        assert_int_equal(pn_delivery_remote_state(service_send(service, send, COMMANDS, "full")),
                         PN_ACCEPTED);
        got = take_command(commands, "s1");
        value = wire_map_find(got->message.properties, got->message.property_count, "k");
        assert_true(wire_is_text(&value, "v"));
        assert_memory_equal(got->message.data.data, "body", 4);
        settle(got, PN_ACCEPTED);
        assert_null(client_take(service, feedback));
        world_advance(&world, 1000);
        got = client_take(service, feedback);
        assert_non_null(got);
        assert_true(wire_is_text(&got->message.content_type,
                                 "application/vnd.microsoft.iothub.feedback.json"));
        assert_memory_equal(got->message.data.data, start, strlen(start));
        assert_non_null(memmem(got->message.data.data, got->message.data.size,
                               "\"statusCode\":\"Success\"", 22));
        assert_non_null(memmem(got->message.data.data, got->message.data.size,
                               "\"deviceId\":\"dev1\"", 17));
        pn_delivery_update(got->delivery, PN_ACCEPTED);
        pn_delivery_settle(got->delivery);
        got_free(got);
        world_advance(&world, 5000);
        assert_null(client_take(service, feedback));
}

static void feedback_comes_again_until_it_is_accepted(void **state)
{
        struct client *service = open_service();
        pn_link_t *feedback = client_receiver(service, "/messages/servicebound/feedback", 10);
        pn_link_t *commands = client_receiver(client, COMMANDS, 10);
        struct got *got;

        (void)state;
        enqueue_for("dev1", "c1");
        settle(take_command(commands, "c1"), PN_REJECTED);
        world_advance(&world, 1000);
        got = client_take(service, feedback);
        assert_non_null(got);
        pn_delivery_update(got->delivery, PN_RELEASED);
        pn_delivery_settle(got->delivery);
        got_free(got);
        world_advance(&world, 1000);
        got_free(client_take(service, feedback));
        client_free(service); /* never accepted */
        service = open_service();
        feedback = client_receiver(service, "/messages/servicebound/feedback", 10);
        world_advance(&world, 1000);
        got = client_take(service, feedback);
        assert_non_null(got);
        assert_non_null(memmem(got->message.data.data, got->message.data.size,
                               "\"statusCode\":\"Rejected\"", 23));
        got_free(got);
}

static void what_the_cloud_sends_wrongly_is_rejected(void **state)
{
        struct client *service = open_service();
        pn_link_t *send = client_sender(service, "/messages/devicebound");

        (void)state;
        assert_string_equal(
                rejected_condition(service_send(service, send,
                                                "/devices/unknown/messages/devicebound", "none")),
                "amqp:not-found");
        assert_string_equal(
                rejected_condition(service_send(service, send, "/devices/dev1/twin", "none")),
                "com.microsoft:argument-error");
        assert_string_equal(rejected_condition(service_send(service, send, COMMANDS, "perhaps")),
                            "com.microsoft:argument-error");
        for (int i = 0; i < 50; i++)
                assert_int_equal(
                        pn_delivery_remote_state(service_send(service, send, COMMANDS, "none")),
                        PN_ACCEPTED);
        assert_string_equal(rejected_condition(service_send(service, send, COMMANDS, "none")),
                            "amqp:resource-limit-exceeded");
}

static void an_escaped_device_id_is_understood(void **state)
{
        struct client *service = open_service();
        pn_link_t *send = client_sender(service, "/messages/devicebound");

        (void)state;
        world_device(&world, world.hub, "a#b");
        assert_int_equal(pn_delivery_remote_state(service_send(
                                 service, send, "/devices/a%23b/messages/devicebound", "none")),
                         PN_ACCEPTED);
        assert_int_equal(command_queue_waiting(world.core.commands, world.hub, "a#b"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(telemetry_is_recorded_then_accepted),
                TEST(presettled_telemetry_is_recorded_too),
                TEST(credit_is_granted_again_and_again),
                TEST(a_batch_becomes_its_messages),
                TEST(several_data_sections_are_one_body),
                TEST(sizes_are_limited_as_at_iot_hub),
                TEST(what_is_no_message_is_rejected),
                TEST(an_aborted_message_is_forgotten),
                TEST(values_of_any_type_become_text),
                TEST(faults_reject_telemetry),
                TEST(faults_detach_links),
                TEST(faults_withhold_dispositions),
                TEST(faults_delay_dispositions),
                TEST(faults_cut_the_connection_after_recording),
                TEST(faults_withhold_credit_until_they_are_removed),
                TEST(a_command_has_the_types_that_sdks_ask_for),
                TEST(commands_wait_for_the_link_and_for_credit),
                TEST(abandon_and_reject_are_told_to_the_queue),
                TEST(a_client_that_waits_for_the_hub_to_settle_is_answered),
                TEST(a_lock_that_ended_is_said_and_the_message_comes_again),
                TEST(commands_come_again_when_their_link_has_ended),
                TEST(a_presettled_link_completes_at_once),
                TEST(a_method_is_called_and_answered),
                TEST(an_answer_may_name_the_call_by_text),
                TEST(a_method_without_its_device_fails_at_once),
                TEST(a_method_may_wait_for_its_device),
                TEST(a_method_is_lost_with_its_links),
                TEST(calls_end_with_the_hub),
                TEST(an_answer_without_status_is_rejected),
                TEST(a_twin_is_read_and_reported),
                TEST(wrong_requests_are_answered_with_400),
                TEST(desired_properties_are_told_to_who_subscribed),
                TEST(a_request_without_a_way_back_ends_its_link),
                TEST(the_cloud_sends_and_hears_what_became_of_it),
                TEST(feedback_comes_again_until_it_is_accepted),
                TEST(what_the_cloud_sends_wrongly_is_rejected),
                TEST(an_escaped_device_id_is_understood),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
