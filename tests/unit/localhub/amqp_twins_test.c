// SPDX-License-Identifier: MIT
/* Twins, and the cloud's side, with clients in memory. */
#include "amqp_world.h"

/* --- twins ----------------------------------------------------------------------------------- */

static void twin_request(pn_link_t *link, const char *operation, const char *resource,
                         const char *body)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        size_t begin;

        amqp_wire_put_section(&message, AMQP_WIRE_SECTION_MESSAGE_ANNOTATIONS);
        begin = amqp_wire_begin_map(&message);
        amqp_wire_put_symbol(&message, "operation");
        amqp_wire_put_string(&message, operation);
        amqp_wire_put_symbol(&message, "resource");
        amqp_wire_put_string(&message, resource);
        amqp_wire_put_symbol(&message, "version");
        amqp_wire_put_null(&message);
        amqp_wire_end(&message, begin, 6);
        amqp_wire_put_section(&message, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(&message);
        for (int i = 0; i < 5; i++)
                amqp_wire_put_null(&message);
        amqp_wire_put_string(&message, operation); /* correlation-id */
        amqp_wire_end(&message, begin, 6);
        amqp_wire_put_data(&message, body, strlen(body));
        client_send(client, link, &message);
}

/* Checks status, correlation id, version (0 = none) and body of the response. */
static void assert_response(pn_link_t *link, const char *correlation, int status, int64_t version,
                            const char *body)
{
        struct got *got = client_take(client, link);
        struct amqp_wire_value value;

        assert_non_null(got);
        assert_true(amqp_wire_is_text(&got->message.correlation_id, correlation));
        value = amqp_wire_map_find(got->message.annotations, got->message.annotation_count,
                                   "status");
        assert_int_equal(value.encoded.data[0], 0x71);
        assert_int_equal(value.number, status);
        value = amqp_wire_map_find(got->message.annotations, got->message.annotation_count,
                                   "version");
        assert_int_equal(value.kind, version ? AMQP_WIRE_SIGNED : AMQP_WIRE_NULL);
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
        struct amqp_wire_value resource;
        struct got *got;

        (void)state;
        set_desired("{\"a\":1}");
        assert_null(client_take(client, in));
        twin_request(out, "PUT", desired, " ");
        assert_response(in, "PUT", 200, 0, "");
        set_desired("{\"a\":null,\"b\":2}");
        got = client_take(client, in);
        assert_non_null(got);
        assert_int_equal(got->message.correlation_id.kind, AMQP_WIRE_NULL);
        resource = amqp_wire_map_find(got->message.annotations, got->message.annotation_count,
                                      "resource");
        assert_true(amqp_wire_is_text(&resource, "/properties/desired"));
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

        amqp_wire_put_section(&message, AMQP_WIRE_SECTION_PROPERTIES);
        begin = amqp_wire_begin_list(&message);
        amqp_wire_put_string(&message, "s1");
        amqp_wire_put_null(&message);
        amqp_wire_put_string(&message, to);
        amqp_wire_end(&message, begin, 3);
        amqp_wire_put_section(&message, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(&message);
        amqp_wire_put_string(&message, "k");
        amqp_wire_put_string(&message, "v");
        amqp_wire_put_string(&message, "iothub-ack");
        amqp_wire_put_string(&message, ack);
        amqp_wire_end(&message, begin, 4);
        amqp_wire_put_data(&message, "body", 4);
        return client_send(service, link, &message);
}

static void the_cloud_sends_and_hears_what_became_of_it(void **state)
{
        static const char start[] = "[{\"originalMessageId\":\"s1\",\"enqueuedTimeUtc\":\"";
        struct client *service = open_service();
        pn_link_t *send = client_sender(service, "/messages/devicebound");
        pn_link_t *feedback = client_receiver(service, "/messages/serviceBound/feedback", 10);
        pn_link_t *commands = client_receiver(client, COMMANDS, 10);
        struct amqp_wire_value value;
        struct got *got;

        (void)state;
        assert_int_equal(pn_delivery_remote_state(service_send(service, send, COMMANDS, "full")),
                         PN_ACCEPTED);
        got = take_command(commands, "s1");
        value = amqp_wire_map_find(got->message.properties, got->message.property_count, "k");
        assert_true(amqp_wire_is_text(&value, "v"));
        assert_memory_equal(got->message.data.data, "body", 4);
        settle(got, PN_ACCEPTED);
        assert_null(client_take(service, feedback));
        world_advance(&world, 1000);
        got = client_take(service, feedback);
        assert_non_null(got);
        assert_true(amqp_wire_is_text(&got->message.content_type,
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
        assert_int_equal(command_queue_list(world.core.commands, world.hub, "a#b", NULL, 0), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
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
