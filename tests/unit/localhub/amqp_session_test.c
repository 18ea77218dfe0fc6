// SPDX-License-Identifier: MIT
/* Connections, tokens and links of the hub, with clients in memory (rules W4 to
 * W6, W11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp_pair.h"

static struct world world;

static int set_up(void **state)
{
        (void)state;
        world_init(&world);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        world_free(&world);
        return 0;
}

#define EVENTS   "/devices/dev1/messages/events"
#define COMMANDS "/devices/dev1/messages/devicebound"

/* --- opening --------------------------------------------------------------------------------- */

static void the_hub_opens_as_iot_hub_does(void **state)
{
        struct client *client = client_open(&world);
        pn_connection_t *connection = client->driver.connection;

        (void)state;
        assert_memory_equal(pn_connection_remote_container(connection), "DeviceGateway_", 14);
        assert_int_equal(strlen(pn_connection_remote_container(connection)), 14 + 32);
        assert_int_equal(pn_transport_get_remote_max_frame(client->driver.transport), 65536);
        assert_int_equal(pn_transport_remote_channel_max(client->driver.transport), 8191);
        assert_string_equal(link_condition(client->cbs_out), "");
        assert_int_equal(pn_link_credit(client->cbs_out), 100);
        assert_int_equal(pn_link_remote_max_message_size(client->cbs_out), 1048576);
}

/* --- SASL ------------------------------------------------------------------------------------ */

/* Sends raw bytes to the hub and adds what it says to `heard`. */
static void say(struct client *client, const struct buf *bytes, struct buf *heard)
{
        pn_rwbytes_t room = pn_connection_driver_read_buffer(&client->server);
        pn_bytes_t said;

        assert_true(bytes->size <= room.size);
        memcpy(room.start, bytes->data, bytes->size);
        pn_connection_driver_read_done(&client->server, bytes->size);
        server_events(client);
        said = pn_connection_driver_write_buffer(&client->server);
        buf_add(heard, said.start, said.size);
        pn_connection_driver_write_done(&client->server, said.size);
        server_events(client);
}

/* The protocol header of SASL, and sasl-init. */
static void begin_sasl(struct buf *out, const char *mechanism, const struct buf *response)
{
        CLEANUP(buf_deinit) struct buf fields = BUF_INIT;
        size_t begin = amqp_wire_begin_list(&fields);
        uint32_t size;

        amqp_wire_put_symbol(&fields, mechanism);
        if (response)
                amqp_wire_put_binary(&fields, response->data, response->size);
        amqp_wire_end(&fields, begin, response ? 2 : 1);
        size = (uint32_t)fields.size + 11;
        buf_add(out, "AMQP\x03\x01\x00\x00\x00\x00\x00", 11);
        buf_add_char(out, (char)size);
        buf_add(out, "\x02\x01\x00\x00\x00\x53\x41", 7);
        buf_add(out, fields.data, fields.size);
}

/* The code of the outcome; -1 = there is none. */
static int outcome_of(const struct buf *heard)
{
        static const char outcome[] = "\x00\x53\x44\xc0\x03\x01\x50";
        const char *found = memmem(heard->data, heard->size, outcome, sizeof(outcome) - 1);

        return found ? found[sizeof(outcome) - 1] : -1;
}

static int sasl(const char *mechanism, const struct buf *response)
{
        struct client *client = client_connect(&world, world.hub);
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        CLEANUP(buf_deinit) struct buf heard = BUF_INIT;

        begin_sasl(&bytes, mechanism, response);
        say(client, &bytes, &heard);
        assert_non_null(memmem(heard.data, heard.size, "EXTERNAL", 8));
        assert_non_null(memmem(heard.data, heard.size, "MSSBCBS", 7));
        assert_non_null(memmem(heard.data, heard.size, "ANONYMOUS", 9));
        assert_non_null(memmem(heard.data, heard.size, "PLAIN", 5));
        client_free(client);
        return outcome_of(&heard);
}

static void the_mechanisms_of_iot_hub_are_there_w4(void **state)
{
        CLEANUP(buf_deinit) struct buf response = BUF_INIT;

        (void)state;
        assert_int_equal(sasl("MSSBCBS", NULL), 0);
        assert_int_equal(sasl("ANONYMOUS", NULL), 0);
        buf_add_text(&response, "somebody");
        assert_int_equal(sasl("ANONYMOUS", &response), 0);
        assert_int_equal(sasl("EXTERNAL", &response), 0);
        assert_int_equal(sasl("PLAIN", NULL), 1);
        assert_int_equal(sasl("PLAIN", &response), 1);
}

static void a_token_may_come_by_sasl_plain_w4(void **state)
{
        CLEANUP(buf_deinit) struct buf response = BUF_INIT;
        CLEANUP(mem_cleanup)
        char *token = token_make(HOST "/devices/dev1", K32, world.core.wall_ms / 1000 + 60, NULL);

        (void)state;
        buf_add(&response, "\0dev1@sas.localhost\0", 20);
        buf_add_text(&response, token);
        assert_int_equal(sasl("PLAIN", &response), 0);
        /* Another digit of its expiry. */
        response.data[response.size - 1] ^= 1;
        assert_int_equal(sasl("PLAIN", &response), 1);
}

static void a_client_may_close_in_order(void **state)
{
        struct client *client = client_open(&world);

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        client_sender(client, EVENTS);
        pn_connection_close(client->driver.connection);
        world_run(&world);
        assert_true(pn_connection_state(client->driver.connection) & PN_REMOTE_CLOSED);
        pn_connection_driver_close(&client->driver);
        world_run(&world);
        assert_null(client->peer);
        assert_null(device_owner_find(&world.core.sessions, world.hub, "dev1"));
}

static void a_session_may_end_with_its_links(void **state)
{
        struct client *client = client_open(&world);
        struct registry_device device;

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        client_sender(client, EVENTS);
        assert_true(registry_device_get(world.core.registry, world.hub, "dev1", &device));
        assert_true(device.connected);
        pn_session_close(client->session);
        world_run(&world);
        assert_true(registry_device_get(world.core.registry, world.hub, "dev1", &device));
        assert_false(device.connected);
        /* The token is the connection's: another session may go on with it. */
        client->session = pn_session(client->driver.connection);
        pn_session_open(client->session);
        assert_string_equal(link_condition(client_sender(client, EVENTS)), "");
}

static void a_fault_closes_a_connection_that_opens(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_OPEN);
        struct client *client;

        (void)state;
        fault.remaining = 1;
        snprintf(fault.condition, sizeof(fault.condition), "amqp:connection:forced");
        assert_int_not_equal(faults_add(world.core.faults, &fault, NULL), 0);
        client = client_connect(&world, world.hub);
        pn_connection_open(client->driver.connection);
        world_run(&world);
        assert_true(pn_connection_state(client->driver.connection) & PN_REMOTE_CLOSED);
        assert_string_equal(
                pn_condition_get_name(pn_connection_remote_condition(client->driver.connection)),
                "amqp:connection:forced");
        assert_string_equal(link_condition(client_open(&world)->cbs_out), "");
}

/* --- tokens ---------------------------------------------------------------------------------- */

static void a_good_token_is_answered_with_200(void **state)
{
        struct client *client = client_open(&world);

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        assert_int_equal(client->peer->tokens, 1);
        assert_int_equal(client_authorise(client, "dev1"), 200);
        assert_int_equal(client->peer->tokens, 1);
        assert_int_equal(client_authorise(client, "dev2"), 200);
        assert_int_equal(client->peer->tokens, 2);
}

static void bad_tokens_are_refused(void **state)
{
        struct client *client = client_open(&world);
        CLEANUP(mem_cleanup)
        char *wrong_key =
                token_make(HOST "/devices/dev1", K64, world.core.wall_ms / 1000 + 60, NULL);

        (void)state;
        assert_int_equal(client_put(client, wrong_key), 401);
        assert_int_equal(client_put(client, "rubbish"), 401);
        assert_int_equal(client_authorise_for(client, "dev1", -301), 401);
        assert_int_equal(client_authorise(client, "unknown"), 404);
        assert_int_equal(client->peer->tokens, 0);
        assert_string_equal(link_condition(client_sender(client, EVENTS)),
                            "amqp:unauthorized-access");
}

/* The types that SDKs insist on: correlation id as sent, status as int. */
static void the_answer_has_the_types_of_the_request(void **state)
{
        static const struct {
                const char *bytes;
                size_t size;
        } ids[] = {
                {"\xa1\x03"
                 "abc",
                 5},
                {"\x53\x07", 2},
                {"\x80\0\0\0\0\0\0\0\x07", 9},
                {"\x98"
                 "0123456789abcdef",
                 17},
        };
        struct client *client = client_open(&world);

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
                CLEANUP(buf_deinit) struct buf request = BUF_INIT;
                const struct amqp_wire_bytes id = {.data = (const uint8_t *)ids[i].bytes,
                                                   .size = ids[i].size};
                struct amqp_wire_value value;
                struct got *got;
                size_t begin;

                amqp_wire_put_section(&request, AMQP_WIRE_SECTION_PROPERTIES);
                begin = amqp_wire_begin_list(&request);
                amqp_wire_put_encoded(&request, id);
                amqp_wire_end(&request, begin, 1);
                amqp_wire_put_section(&request, AMQP_WIRE_SECTION_VALUE);
                amqp_wire_put_string(&request, "token");
                client_send(client, client->cbs_out, &request);
                got = client_take(client, client->cbs_in);
                assert_non_null(got);
                assert_int_equal(got->message.correlation_id.encoded.size, ids[i].size);
                assert_memory_equal(got->message.correlation_id.encoded.data, ids[i].bytes,
                                    ids[i].size);
                value = amqp_wire_map_find(got->message.properties, got->message.property_count,
                                           "status-code");
                assert_int_equal(value.number, 400); /* no operation */
                assert_int_equal(value.encoded.data[0], 0x71);
                value = amqp_wire_map_find(got->message.properties, got->message.property_count,
                                           "status-description");
                assert_int_equal(value.kind, AMQP_WIRE_STRING);
                got_free(got);
        }
}

static void the_request_itself_is_accepted(void **state)
{
        struct client *client = client_open(&world);
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;
        CLEANUP(buf_deinit) struct buf rubbish = BUF_INIT;
        pn_delivery_t *delivery;

        (void)state;
        write_put_token(&request, "rubbish");
        delivery = client_send(client, client->cbs_out, &request);
        assert_int_equal(pn_delivery_remote_state(delivery), PN_ACCEPTED);
        assert_true(pn_delivery_settled(delivery));
        buf_add_text(&rubbish, "no message");
        delivery = client_send(client, client->cbs_out, &rubbish);
        assert_string_equal(rejected_condition(delivery), "amqp:decode-error");
}

static void there_are_a_thousand_tokens_on_a_connection(void **state)
{
        struct client *client = client_open(&world);
        char id[16];

        (void)state;
        world.core.tokens_per_connection = 20;
        for (int i = 0; i < 21; i++) {
                snprintf(id, sizeof(id), "many%d", i);
                world_device(&world, world.hub, id);
                assert_int_equal(client_authorise(client, id), i < 20 ? 200 : 500);
        }
        /* A renewal is none more. */
        assert_int_equal(client_authorise(client, "many0"), 200);
        assert_int_equal(client_put_policy(client, "device", 60), 500);
}

static void the_answer_to_one_token_too_many_is_iot_hubs(void **state)
{
        struct client *client = client_open(&world);
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(mem_cleanup)
        char *token = token_make(HOST "/devices/dev1", K32, world.core.wall_ms / 1000 + 60, NULL);
        struct amqp_wire_value value;
        struct got *got;

        (void)state;
        client->peer->tokens = 1000;
        write_put_token(&request, token);
        client_send(client, client->cbs_out, &request);
        got = client_take(client, client->cbs_in);
        value = amqp_wire_map_find(got->message.properties, got->message.property_count,
                                   "status-description");
        amqp_wire_add_text(&text, &value);
        assert_string_equal(buf_text(&text), "The maximum number of tokens per connection (1000) "
                                             "has been reached.");
        got_free(got);
}

static void a_token_without_renewal_ends_the_links_of_its_device(void **state)
{
        struct client *client = client_open(&world);
        pn_link_t *events;
        pn_link_t *other;

        (void)state;
        assert_int_equal(client_authorise_for(client, "dev1", 60), 200);
        assert_int_equal(client_authorise_for(client, "dev2", 3600), 200);
        events = client_sender(client, EVENTS);
        other = client_sender(client, "/devices/dev2/messages/events");
        world_advance(&world, 58000);
        assert_string_equal(link_condition(events), "");
        world_advance(&world, 3000);
        assert_string_equal(link_condition(events), "amqp:unauthorized-access");
        assert_string_equal(link_condition(other), "");
        assert_string_equal(link_condition(client_sender(client, EVENTS)),
                            "amqp:unauthorized-access");
        assert_int_equal(client_authorise(client, "dev1"), 200);
        assert_string_equal(link_condition(client_sender(client, EVENTS)), "");
}

static void a_renewed_token_keeps_the_links(void **state)
{
        struct client *client = client_open(&world);
        pn_link_t *events;

        (void)state;
        assert_int_equal(client_authorise_for(client, "dev1", 60), 200);
        events = client_sender(client, EVENTS);
        world_advance(&world, 50000);
        assert_int_equal(client_authorise_for(client, "dev1", 60), 200);
        world_advance(&world, 50000);
        assert_string_equal(link_condition(events), "");
        world_advance(&world, 12000);
        assert_string_equal(link_condition(events), "amqp:unauthorized-access");
}

static void a_policy_token_allows_every_device_until_it_ends(void **state)
{
        struct client *client = client_open(&world);
        pn_link_t *first;
        pn_link_t *own;

        (void)state;
        assert_int_equal(client_put_policy(client, "device", 60), 200);
        assert_int_equal(client_authorise_for(client, "dev2", 3600), 200);
        first = client_sender(client, EVENTS);
        own = client_sender(client, "/devices/dev2/messages/events");
        assert_string_equal(link_condition(first), "");
        assert_string_equal(link_condition(client_sender(client, "/messages/devicebound")),
                            "amqp:unauthorized-access");
        world_advance(&world, 62000);
        assert_string_equal(link_condition(first), "amqp:unauthorized-access");
        assert_string_equal(link_condition(own), "");
}

static void a_service_token_does_not_make_a_device(void **state)
{
        struct client *client = client_open(&world);
        pn_link_t *service;

        (void)state;
        assert_int_equal(client_put_policy(client, "service", 60), 200);
        assert_string_equal(link_condition(client_sender(client, EVENTS)),
                            "amqp:unauthorized-access");
        service = client_sender(client, "/messages/devicebound");
        assert_string_equal(link_condition(service), "");
        world_advance(&world, 62000);
        assert_string_equal(link_condition(service), "amqp:unauthorized-access");
}

static void a_policy_without_rights_allows_nothing(void **state)
{
        struct client *client = client_open(&world);

        (void)state;
        assert_int_equal(client_put_policy(client, "registryRead", 60), 200);
        assert_string_equal(link_condition(client_sender(client, EVENTS)),
                            "amqp:unauthorized-access");
        assert_string_equal(link_condition(client_sender(client, "/messages/devicebound")),
                            "amqp:unauthorized-access");
}

static int put_policy_for_device(struct client *client, const char *policy)
{
        struct registry_policy known;
        CLEANUP(mem_cleanup) char *token = NULL;

        assert_true(registry_policy_get(world.core.registry, world.hub, policy, &known));
        token = token_make(HOST "/devices/dev1", known.primary_key, world.core.wall_ms / 1000 + 60,
                           policy);
        return client_put(client, token);
}

static void a_policy_is_a_device_only_with_the_right_to(void **state)
{
        static const struct {
                const char *policy;
                int status;
        } cases[] = {{"service", 401},
                     {"registryRead", 401},
                     {"registryReadWrite", 401},
                     {"iothubowner", 200},
                     {"device", 200}};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct client *client = client_open(&world);
                const char *condition = cases[i].status == 200 ? "" : "amqp:unauthorized-access";

                assert_int_equal(put_policy_for_device(client, cases[i].policy), cases[i].status);
                assert_string_equal(link_condition(client_sender(client, EVENTS)), condition);
                client_free(client);
        }
}

/* The kind of the first frame in what the hub has to say: 0x15 is a disposition. */
static uint8_t first_frame(struct client *client)
{
        pn_bytes_t bytes = pn_connection_driver_write_buffer(&client->server);

        assert_true(bytes.size > 10);
        assert_int_equal(bytes.start[9], 0x53);
        return (uint8_t)bytes.start[10];
}

/* uAMQP takes an answer before the disposition of its request for a failure (rule W5). */
static void the_request_is_settled_before_the_answer_is_sent_w5(void **state)
{
        struct client *client = client_open(&world);
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;

        (void)state;
        write_put_token(&request, "rubbish");
        for (int i = 0; i < 50; i++) {
                struct got *got;

                client->hold = true;
                client_send(client, client->cbs_out, &request);
                assert_int_equal(first_frame(client), 0x15);
                client->hold = false;
                world_run(&world);
                got = client_take(client, client->cbs_in);
                assert_non_null(got);
                got_free(got);
        }
}

static void a_token_of_another_hub_is_refused(void **state)
{
        struct client *client = client_open_at(&world, world.hub2);

        (void)state;
        world_device(&world, world.hub2, "dev1");
        assert_int_equal(client_authorise(client, "dev1"), 401);
        assert_int_equal(client_put_policy(client, "device", 60), 200);
}

static void answers_wait_for_credit(void **state)
{
        struct client *client = client_open(&world);
        struct got *got;

        (void)state;
        pn_link_close(client->cbs_in);
        world_run(&world);
        client->cbs_in = client_receiver(client, "$cbs", 0);
        assert_int_equal(client_authorise(client, "dev1"), 0);
        pn_link_flow(client->cbs_in, 1);
        world_run(&world);
        got = client_take(client, client->cbs_in);
        assert_non_null(got);
        got_free(got);
}

static void without_a_receiver_there_is_no_answer(void **state)
{
        struct client *client = client_open(&world);

        (void)state;
        pn_link_close(client->cbs_in);
        world_run(&world);
        assert_int_equal(client_authorise(client, "dev1"), 0);
        assert_string_equal(link_condition(client->cbs_out), "amqp:precondition-failed");
}

static void faults_answer_tokens(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_TOKEN);
        struct client *client = client_open(&world);

        (void)state;
        fault.status = 401;
        fault.remaining = 1;
        assert_int_not_equal(faults_add(world.core.faults, &fault, NULL), 0);
        assert_int_equal(client_authorise(client, "dev1"), 401);
        fault.status = 0;
        snprintf(fault.device, sizeof(fault.device), "dev1"); /* in the audience of the request */
        assert_int_not_equal(faults_add(world.core.faults, &fault, NULL), 0);
        assert_int_equal(client_authorise(client, "dev1"), 0);
        assert_int_equal(client_authorise(client, "dev1"), 200);
}

/* --- links ----------------------------------------------------------------------------------- */

static void wrong_addresses_are_refused_as_iot_hub_does(void **state)
{
        static const char *const addresses[] = {"/devices/dev1/messages/eventsx", "/nothing", ""};
        struct client *client = client_open(&world);
        pn_link_t *link;

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
                link = client_sender(client, addresses[i]);
                assert_string_equal(link_condition(link), "amqp:not-found");
                assert_memory_equal(link_description(link), "{\"errorCode\":404006,", 20);
                assert_non_null(
                        strstr(link_description(link), "did not match any of the expected"));
                assert_null(pn_terminus_get_address(pn_link_remote_target(link)));
        }
        /* The right address in the wrong direction. */
        link = client_sender(client, COMMANDS);
        assert_string_equal(link_condition(link), "amqp:not-found");
        link = client_receiver(client, EVENTS, 10);
        assert_string_equal(link_condition(link), "amqp:not-found");
}

static void unknown_and_disabled_devices_are_refused(void **state)
{
        const bool off = false;
        const struct registry_device_settings disable = {.enabled = &off};
        struct client *client = client_open(&world);
        pn_link_t *link;

        (void)state;
        assert_int_equal(client_put_policy(client, "device", 60), 200);
        link = client_sender(client, "/devices/unknown/messages/events");
        assert_string_equal(link_condition(link), "amqp:not-found");
        assert_non_null(strstr(link_description(link), "\"errorCode\":404001"));
        assert_int_equal(registry_device_put(world.core.registry, world.hub, "dev1",
                                             REGISTRY_UPDATE, &disable, NULL, NULL),
                         0);
        link = client_sender(client, EVENTS);
        assert_string_equal(link_condition(link), "amqp:unauthorized-access");
        assert_non_null(strstr(link_description(link), "\"errorCode\":403012"));
}

static void a_device_that_is_disabled_or_removed_is_detached(void **state)
{
        const bool off = false;
        const struct registry_device_settings disable = {.enabled = &off};
        struct client *client = client_open(&world);
        pn_link_t *first;
        pn_link_t *second;

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        assert_int_equal(client_authorise(client, "dev2"), 200);
        first = client_sender(client, EVENTS);
        second = client_sender(client, "/devices/dev2/messages/events");
        assert_int_equal(registry_device_put(world.core.registry, world.hub, "dev1",
                                             REGISTRY_UPDATE, &disable, NULL, NULL),
                         0);
        world_run(&world);
        assert_string_equal(link_condition(first), "amqp:unauthorized-access");
        assert_non_null(strstr(link_description(first), "The device is disabled."));
        assert_true(registry_device_remove(world.core.registry, world.hub, "dev2"));
        world_run(&world);
        assert_string_equal(link_condition(second), "amqp:not-found");
        assert_string_equal(link_condition(client->cbs_out), "");
}

static void the_model_id_of_the_link_is_the_devices(void **state)
{
        static const char key[] = "com.microsoft:model-id";
        static const char model[] = "dtmi:com:example:Thermostat;1";
        struct client *client = client_open(&world);
        struct registry_device device;
        pn_link_t *link;
        pn_data_t *properties;

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        link = pn_sender(client->session, "with-model");
        pn_terminus_set_address(pn_link_target(link), EVENTS);
        properties = pn_link_properties(link);
        pn_data_put_map(properties);
        pn_data_enter(properties);
        pn_data_put_symbol(properties, pn_bytes(3, "abc"));
        pn_data_put_int(properties, 7);
        pn_data_put_symbol(properties, pn_bytes(strlen(key), key));
        pn_data_put_string(properties, pn_bytes(strlen(model), model));
        pn_data_exit(properties);
        pn_link_open(link);
        world_run(&world);
        assert_string_equal(link_condition(link), "");
        assert_true(registry_device_get(world.core.registry, world.hub, "dev1", &device));
        assert_string_equal(device.model_id, model);
        assert_true(device.connected);
}

static void a_newer_connection_takes_the_device_over(void **state)
{
        struct client *older = client_open(&world);
        struct client *newer = client_open(&world);
        struct registry_device device;
        pn_link_t *old_link;
        pn_link_t *old_commands;
        pn_link_t *new_link;

        (void)state;
        assert_int_equal(client_authorise(older, "dev1"), 200);
        assert_int_equal(client_authorise(newer, "dev1"), 200);
        old_link = client_sender(older, EVENTS);
        old_commands = client_receiver(older, COMMANDS, 10);
        new_link = client_sender(newer, EVENTS);
        assert_string_equal(link_condition(old_link), "amqp:link:stolen");
        assert_string_equal(link_condition(old_commands), "amqp:link:stolen");
        assert_non_null(strstr(link_description(old_link), "\"errorCode\":409002"));
        assert_string_equal(link_condition(new_link), "");
        assert_true(registry_device_get(world.core.registry, world.hub, "dev1", &device));
        assert_true(device.connected);
        /* And back again. */
        assert_string_equal(link_condition(client_sender(older, EVENTS)), "");
        assert_string_equal(link_condition(new_link), "amqp:link:stolen");
}

static void a_second_command_link_takes_the_place_of_the_first(void **state)
{
        struct client *client = client_open(&world);
        pn_link_t *first;
        pn_link_t *second;

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        first = client_receiver(client, COMMANDS, 10);
        second = client_receiver(client, COMMANDS, 10);
        assert_string_equal(link_condition(first), "amqp:link:stolen");
        assert_string_equal(link_condition(second), "");
}

/* .NET names its links alike in every session. */
static void equal_link_names_in_two_sessions_are_two_links(void **state)
{
        struct client *client = client_open(&world);
        pn_session_t *other = pn_session(client->driver.connection);
        pn_link_t *links[2];

        (void)state;
        assert_int_equal(client_put_policy(client, "device", 60), 200);
        pn_session_open(other);
        links[0] = pn_sender(client->session, "TelemetrySenderLink");
        links[1] = pn_sender(other, "TelemetrySenderLink");
        pn_terminus_set_address(pn_link_target(links[0]), EVENTS);
        pn_terminus_set_address(pn_link_target(links[1]), "/devices/dev2/messages/events");
        pn_link_open(links[0]);
        pn_link_open(links[1]);
        world_run(&world);
        assert_string_equal(link_condition(links[0]), "");
        assert_string_equal(link_condition(links[1]), "");
        assert_int_equal(pn_link_credit(links[0]), 1000);
        assert_int_equal(pn_link_credit(links[1]), 1000);
}

static void a_link_may_be_detached_and_attached_again(void **state)
{
        struct client *client = client_open(&world);

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        for (int i = 0; i < 5; i++) {
                pn_link_t *link = pn_sender(client->session, "same");

                pn_terminus_set_address(pn_link_target(link), EVENTS);
                pn_link_open(link);
                world_run(&world);
                assert_string_equal(link_condition(link), "");
                if (i % 2)
                        pn_link_close(link);
                else
                        pn_link_detach(link);
                world_run(&world);
                pn_link_free(link);
                world_run(&world);
        }
        assert_int_equal(client->peer->device_list.count, 1);
}

static void faults_refuse_links_of_a_device(void **state)
{
        struct fault fault = FAULT_INIT(FAULT_ATTACH);
        struct client *client = client_open(&world);
        pn_link_t *link;

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        fault.remaining = 1;
        snprintf(fault.device, sizeof(fault.device), "dev1");
        snprintf(fault.condition, sizeof(fault.condition), "amqp:link:detach-forced");
        assert_int_not_equal(faults_add(world.core.faults, &fault, NULL), 0);
        link = client_sender(client, EVENTS);
        assert_string_equal(link_condition(link), "amqp:link:detach-forced");
        assert_non_null(strstr(link_description(link), "Server Busy"));
        assert_string_equal(link_condition(client_sender(client, EVENTS)), "");
}

static void a_cut_connection_has_no_devices_left(void **state)
{
        struct client *client = client_open(&world);
        struct registry_device device;

        (void)state;
        assert_int_equal(client_authorise(client, "dev1"), 200);
        client_sender(client, EVENTS);
        amqp_peer_cut(client->peer);
        world_run(&world);
        assert_null(client->peer);
        assert_true(pn_connection_driver_read_closed(&client->driver));
        assert_true(registry_device_get(world.core.registry, world.hub, "dev1", &device));
        assert_false(device.connected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(the_hub_opens_as_iot_hub_does),
                TEST(the_mechanisms_of_iot_hub_are_there_w4),
                TEST(a_token_may_come_by_sasl_plain_w4),
                TEST(a_client_may_close_in_order),
                TEST(a_session_may_end_with_its_links),
                TEST(a_fault_closes_a_connection_that_opens),
                TEST(a_good_token_is_answered_with_200),
                TEST(bad_tokens_are_refused),
                TEST(the_answer_has_the_types_of_the_request),
                TEST(the_request_itself_is_accepted),
                TEST(there_are_a_thousand_tokens_on_a_connection),
                TEST(the_answer_to_one_token_too_many_is_iot_hubs),
                TEST(a_token_without_renewal_ends_the_links_of_its_device),
                TEST(a_renewed_token_keeps_the_links),
                TEST(a_policy_token_allows_every_device_until_it_ends),
                TEST(a_service_token_does_not_make_a_device),
                TEST(a_policy_without_rights_allows_nothing),
                TEST(a_policy_is_a_device_only_with_the_right_to),
                TEST(the_request_is_settled_before_the_answer_is_sent_w5),
                TEST(a_token_of_another_hub_is_refused),
                TEST(answers_wait_for_credit),
                TEST(without_a_receiver_there_is_no_answer),
                TEST(faults_answer_tokens),
                TEST(wrong_addresses_are_refused_as_iot_hub_does),
                TEST(unknown_and_disabled_devices_are_refused),
                TEST(a_device_that_is_disabled_or_removed_is_detached),
                TEST(the_model_id_of_the_link_is_the_devices),
                TEST(a_newer_connection_takes_the_device_over),
                TEST(a_second_command_link_takes_the_place_of_the_first),
                TEST(equal_link_names_in_two_sessions_are_two_links),
                TEST(a_link_may_be_detached_and_attached_again),
                TEST(faults_refuse_links_of_a_device),
                TEST(a_cut_connection_has_no_devices_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
