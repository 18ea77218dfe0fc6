// SPDX-License-Identifier: MIT
/* Telemetry, the faults of it, and the limits of a size, with a client in memory. */
#include "amqp_world.h"

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
        /* As Microsoft's Node SDK sends it. */
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
        amqp_wire_put_data(&message, "abc", 3);
        amqp_wire_put_data(&message, "def", 3);
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
        amqp_wire_put_section(&message, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(&message);
        for (int i = 0; i < 300; i++) {
                amqp_wire_put_string(&message, "n");
                amqp_wire_put_long(&message, INT64_MIN);
        }
        amqp_wire_end(&message, begin, 600);
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

/* --- the limits of a size ------------------------------------------------------------------ */

/* A size S1 has 100 a second, and a minute's worth at once. */
static void too_many_devices_a_second_are_refused_w34(void **state)
{
        struct quotas *quotas = quotas_new("S1", 1, 2);
        pn_link_t *link;

        (void)state;
        world.core.sessions.quotas = quotas;
        assert_int_equal(client_authorise(client, "dev2"), 200);
        assert_int_equal(
                quotas_take(quotas, world.hub, QUOTA_CONNECTIONS, 60 * 100 - 1, world.core.now_ms),
                QUOTA_TAKEN);
        assert_string_equal(link_condition(client_sender(client, EVENTS)), "");
        link = client_sender(client, "/devices/dev2/messages/events");
        assert_string_equal(link_condition(link), "com.microsoft:device-container-throttled");
        assert_non_null(strstr(link_description(link), "\"errorCode\":429001"));
        /* One that is here already is no new one. */
        assert_string_equal(link_condition(client_sender(client, EVENTS)), "");
        world_advance(&world, 1000);
        link = client_sender(client, "/devices/dev2/messages/events");
        assert_string_equal(link_condition(link), "");
        world.core.sessions.quotas = NULL;
        quotas_free(quotas);
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
                TEST(too_many_devices_a_second_are_refused_w34),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
