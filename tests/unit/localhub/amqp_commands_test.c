// SPDX-License-Identifier: MIT
/* Cloud-to-device messages and direct methods, with a client in memory. */
#include "amqp_world.h"
#include "localhub/sessions/device_calls.h"

/* --- cloud-to-device messages ---------------------------------------------------------------- */

static void a_command_has_the_types_that_sdks_ask_for(void **state)
{
        pn_link_t *link = client_receiver(client, COMMANDS, 10);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct amqp_wire_value value;
        struct got *got;

        (void)state;
        enqueue_for("dev1", "c1");
        got = take_command(link, "c1");
        assert_int_equal(pn_delivery_tag(got->delivery).size, 16);
        value = amqp_wire_map_find(got->message.annotations, got->message.annotation_count,
                                   "x-opt-sequence-number");
        assert_int_equal(value.encoded.data[0], 0x80);
        assert_int_equal(value.number, 1);
        value = amqp_wire_map_find(got->message.annotations, got->message.annotation_count,
                                   "iothub-enqueuedtime");
        assert_int_equal(value.kind, AMQP_WIRE_TIMESTAMP);
        value = amqp_wire_map_find(got->message.annotations, got->message.annotation_count,
                                   "iothub-deliverycount");
        assert_int_equal(value.encoded.data[0], 0x50);
        assert_int_equal(value.number, 0);
        amqp_wire_add_text(&text, &got->message.to);
        assert_string_equal(buf_text(&text), COMMANDS);
        assert_true(amqp_wire_is_text(&got->message.correlation_id, "corr"));
        assert_int_equal(got->message.content_type.kind, AMQP_WIRE_SYMBOL);
        assert_int_equal(got->message.expiry.kind, AMQP_WIRE_TIMESTAMP);
        value = amqp_wire_map_find(got->message.properties, got->message.property_count, "Port");
        assert_true(amqp_wire_is_text(&value, "10"));
        value = amqp_wire_map_find(got->message.properties, got->message.property_count,
                                   "iothub-ack");
        assert_true(amqp_wire_is_text(&value, "full"));
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
        struct amqp_wire_value value;
        struct got *got;

        (void)state;
        enqueue_for("dev1", "c1");
        settle(take_command(link, "c1"), PN_RELEASED);
        got = take_command(link, "c1");
        value = amqp_wire_map_find(got->message.annotations, got->message.annotation_count,
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
        device_sessions_invoke(&world.core.sessions, world.hub, device, &method, on_done, &called);
        world_run(&world);
}

static pn_delivery_t *answer(pn_link_t *link, struct amqp_wire_bytes correlation, int status)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        size_t begin;

        amqp_wire_put_section(&message, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(&message);
        for (int i = 0; i < 5; i++)
                amqp_wire_put_null(&message);
        amqp_wire_put_encoded(&message, correlation);
        amqp_wire_end(&message, begin, 6);
        amqp_wire_put_section(&message, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(&message);
        amqp_wire_put_string(&message, "IoThub-status");
        amqp_wire_put_int(&message, status);
        amqp_wire_end(&message, begin, 2);
        amqp_wire_put_data(&message, "{\"ok\":true}", 11);
        return client_send(client, link, &message);
}

static void a_method_is_called_and_answered(void **state)
{
        pn_link_t *in = client_receiver(client, METHODS, 10);
        pn_link_t *out = client_sender(client, METHODS);
        struct amqp_wire_value name;
        struct got *got;

        (void)state;
        invoke("dev1", 0);
        got = client_take(client, in);
        assert_non_null(got);
        assert_int_equal(got->message.correlation_id.kind, AMQP_WIRE_UUID);
        /* Version 4, variant of RFC 4122: Node takes no other. */
        assert_int_equal(got->message.correlation_id.bytes.data[6] >> 4, 4);
        assert_int_equal(got->message.correlation_id.bytes.data[8] >> 6, 2);
        name = amqp_wire_map_find(got->message.properties, got->message.property_count,
                                  "IoThub-methodname");
        assert_true(amqp_wire_is_text(&name, "reboot"));
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
        amqp_wire_add_text(&text, &got->message.correlation_id);
        amqp_wire_put_string(&encoded, buf_text(&text));
        answer(out,
               (struct amqp_wire_bytes){.data = (const uint8_t *)encoded.data,
                                        .size = encoded.size},
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
        device_calls_end(&world.core.sessions, NULL);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_LOST);
}

static void an_answer_without_status_is_rejected(void **state)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        pn_link_t *out = client_sender(client, METHODS);

        (void)state;
        amqp_wire_put_data(&message, "{}", 2);
        assert_string_equal(rejected_condition(client_send(client, out, &message)),
                            "com.microsoft:argument-error");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
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
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
