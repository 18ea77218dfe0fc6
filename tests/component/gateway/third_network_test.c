// SPDX-License-Identifier: MIT
/*
 * A network that the gateway has never seen: its driver (orbit_network.h) is in the table in place
 * of the usual ones; the gateway, the local hub and HTTP between them are real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

/* A name that two of these headers have, which no other file includes both. */
#define CONF_VALUE openssl_conf_value
#include "component/localhub/web_client.h"
#include "localhub/local_hub.h"
#undef CONF_VALUE

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "cli/gateway/gateway_control.h"
#include "component/gateway/orbit_network.h"
#include "gateway/gateway.h"
#include "localhub/certificates.h"
#include "support/directory.h"
#include "support/http_server.h"
#include "support/load_settings.h"

#define WAIT_MS 30000

/* --- its API -------------------------------------------------------------------------------- */

/* What the network does with the next downlink. */
enum behaviour {
        ANSWERS,
        ANSWERS_WHEN_TOLD, /* an event comes first */
        LOSES_ITS_ANSWER,
};

static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        enum behaviour behaviour;
        int pushed;
        bool may_answer;
        bool is_empty;    /* its list of downlinks */
        char expires[32]; /* of the last downlink */
        char object[64];  /* likewise, for an encoder */
} api = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static enum test_http_then serve(void *context, const struct test_http_request *request,
                                 struct buf *answer)
{
        CLEANUP(mem_cleanup) char *text = NULL;
        enum test_http_then then = TEST_HTTP_KEEP;

        (void)context;
        pthread_mutex_lock(&api.lock);
        if (strcmp(request->method, "POST") == 0) {
                CLEANUP(json_cleanup)
                struct json_object *body =
                        driver_answer(request->body.data, request->body.size, NULL);
                int64_t expires_ms = 0;

                json_int_member(body, "expires", &expires_ms);
                snprintf(api.expires, sizeof(api.expires), "%lld", (long long)expires_ms);
                snprintf(api.object, sizeof(api.object), "%s",
                         json_object_to_json_string_ext(json_member(body, "object"),
                                                        JSON_C_TO_STRING_PLAIN));
                api.pushed++;
                while (api.behaviour == ANSWERS_WHEN_TOLD && !api.may_answer)
                        pthread_cond_wait(&api.changed, &api.lock);
                text = mem_format("{\"id\":\"item-%d\"}", api.pushed);
                if (api.behaviour == LOSES_ITS_ANSWER)
                        then = TEST_HTTP_CUT;
        } else if (api.is_empty) {
                text = mem_text("{\"items\":[]}");
        } else {
                text = mem_format("{\"items\":[{\"id\":\"other\",\"expires\":1},"
                                  "{\"id\":\"item-%d\",\"expires\":%s}]}",
                                  api.pushed, api.expires);
        }
        pthread_mutex_unlock(&api.lock);
        if (then == TEST_HTTP_KEEP)
                test_http_answer(answer, 200, "", text);
        return then;
}

static void wait_for_push(int count)
{
        int64_t until_ms = clock_steady_ms() + WAIT_MS;
        int pushed = 0;

        while (pushed < count) {
                if (clock_steady_ms() > until_ms)
                        fail_msg("no downlink has come");
                usleep(1000);
                pthread_mutex_lock(&api.lock);
                pushed = api.pushed;
                pthread_mutex_unlock(&api.lock);
        }
}

static void let_it_answer(void)
{
        pthread_mutex_lock(&api.lock);
        api.may_answer = true;
        pthread_cond_broadcast(&api.changed);
        pthread_mutex_unlock(&api.lock);
}

/* --- the world ------------------------------------------------------------------------------ */

struct world {
        char *store;
        char *hub_folder;
        struct certificates *certificates;
        struct local_hub *hub;
        struct test_http_server *server;
        struct settings settings;
        struct gateway *gateway;
};

static void start_hub(struct world *world)
{
        static const struct local_hub_endpoint endpoint = {.id = "hub1"};
        struct reason reason = REASON_INIT;

        if (certificates_open(&(struct certificates_options){.directory = world->hub_folder},
                              &world->certificates, &reason) != 0)
                fail_msg("%s", reason.text);
        if (local_hub_new(
                    &(struct local_hub_options){
                            .certificate = world->certificates->server_path,
                            .key = world->certificates->server_key_path,
                            .endpoints = &endpoint,
                            .endpoint_count = 1,
                    },
                    &world->hub, &reason) != 0)
                fail_msg("%s", reason.text);
        assert_int_equal(registry_device_put(local_hub_registry(world->hub), 0, "d1",
                                             REGISTRY_CREATE,
                                             &(struct registry_device_settings){.model_id = NULL},
                                             NULL, &reason),
                         0);
}

static void start_gateway(struct world *world)
{
        struct reason reason = REASON_INIT;

        if (gateway_start(&world->settings, &world->gateway, &reason) != 0)
                fail_msg("%s", reason.text);
}

static void load_settings(struct world *world)
{
        CLEANUP(conf_report_deinit) struct conf_report report = CONF_REPORT_INIT;
        CLEANUP(buf_deinit) struct buf string = BUF_INIT;
        CLEANUP(mem_cleanup) char *text = NULL;

        assert_true(registry_policy_string(local_hub_registry(world->hub), 0, "device", &string));
        text = mem_format("{\"Listen\":\"127.0.0.1:0\",\"DataDirectory\":\"%s\","
                          "\"AzureIoT\":{\"TrustedCertificates\":\"%s\","
                          "\"AzureIoTHub\":{\"ConnectionString\":\"%s\"}},"
                          "\"Telemetry\":{\"Events\":[\"DeviceStatus\"]},"
                          "\"Limits\":{\"Devices\":1},"
                          "\"Orbit\":{\"Api\":\"http://127.0.0.1:%u\",\"Key\":\"secret\","
                          "\"Applications\":{\"fleet\":{\"Encode\":false}}}}",
                          world->store, world->certificates->authority_path, buf_text(&string),
                          test_http_server_port(world->server));
        settings_init(&world->settings);
        if (load_settings_text(&(struct conf_source){.file = "/test.json"}, text, strlen(text),
                               &world->settings, &report) != 0)
                fail_msg("the settings are not fit for use");
}

static int set_up(void **state)
{
        struct world *world = mem_new(1, sizeof(*world));

        *state = world;
        api.behaviour = ANSWERS;
        api.pushed = 0;
        api.may_answer = false;
        api.is_empty = false;
        world->store = test_directory_new();
        world->hub_folder = test_directory_new();
        world->server = test_http_server_start(NULL, serve, NULL);
        start_hub(world);
        load_settings(world);
        start_gateway(world);
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        let_it_answer();
        gateway_stop(world->gateway);
        test_http_server_stop(world->server);
        local_hub_free(world->hub);
        certificates_free(world->certificates);
        settings_deinit(&world->settings);
        test_directory_remove(world->store);
        test_directory_remove(world->hub_folder);
        free(world);
        return 0;
}

static void post(const struct world *world, const char *query, const char *body, int status)
{
        const struct web_server server = {.port = gateway_port(world->gateway)};
        CLEANUP(mem_cleanup) char *target = mem_format("/orbit%s", query);
        struct web_answer answer = web_request(&server, "POST", target, NULL, body);
        int got = answer.status;

        web_answer_deinit(&answer);
        assert_int_equal(got, status);
}

/* An uplink makes the gateway know the device, and connects it. */
static void connect_device(const struct world *world)
{
        static const char raw[] = "\"PayloadRaw\":\"AQI=\"";
        const struct telemetry_record *record;

        post(world, "?event=up", "{\"device\":\"d1\",\"data\":\"AQI=\"}", 202);
        record = telemetry_log_next(local_hub_telemetry(world->hub), 0, WAIT_MS);
        assert_non_null(record);
        assert_string_equal(record->device_id, "d1");
        assert_non_null(memmem(record->body, record->body_size, raw, strlen(raw)));
        telemetry_record_release(record);
}

/* The priority says nothing in a network that has none. */
static void send_body(const struct world *world, const char *message_id, const char *confirmed,
                      const char *body)
{
        const struct property properties[] = {
                {"Port", "10"}, {"Confirmed", confirmed}, {"Priority", "?"}};
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];
        struct reason reason = REASON_INIT;

        if (local_hub_send_command(world->hub, 0, "d1",
                                   &(struct local_hub_command){
                                           .message_id = message_id,
                                           .properties = properties,
                                           .property_count = ARRAY_SIZE(properties),
                                           .body = body,
                                           .body_size = strlen(body),
                                   },
                                   id, &reason) != 0)
                fail_msg("%s", reason.text);
}

static void send_command_as(const struct world *world, const char *message_id,
                            const char *confirmed)
{
        send_body(world, message_id, confirmed, "0102");
}

static void send_command(const struct world *world, const char *message_id)
{
        send_command_as(world, message_id, "true");
}

static void wait_for_state(const struct world *world, const char *message_id,
                           enum local_hub_command_state state)
{
        int64_t until_ms = clock_steady_ms() + WAIT_MS;
        struct local_hub_command_status status = {.state = LOCAL_HUB_COMMAND_ENQUEUED};

        while (status.state != state) {
                if (clock_steady_ms() > until_ms)
                        fail_msg("the message is %s", local_hub_command_state_name(status.state));
                usleep(1000);
                assert_true(command_queue_status(local_hub_commands(world->hub), 0, "d1",
                                                 message_id, &status));
        }
}

/* --- what it proves ------------------------------------------------------------------------- */

static void the_type_of_an_event_is_told_in_the_query(void **state)
{
        const struct world *world = *state;

        post(world, "?event=other", "{\"device\":\"d1\",\"data\":\"AQI=\"}", 200);
        post(world, "", "{\"device\":\"d1\",\"data\":\"AQI=\"}", 200);
        post(world, "?event=up", "{\"data\":\"AQI=\"}", 400);
        connect_device(world);
        assert_int_equal(telemetry_log_newest(local_hub_telemetry(world->hub)), 1);
}

static void a_downlink_is_known_by_the_id_of_the_answer(void **state)
{
        const struct world *world = *state;

        connect_device(world);
        send_command(world, "m1");
        wait_for_push(1);
        /* Another id, and the id for another device, are about nothing of ours. */
        post(world, "?event=ack", "{\"device\":\"d1\",\"id\":\"item-7\"}", 202);
        post(world, "?event=failed", "{\"device\":\"d2\",\"id\":\"item-1\"}", 202);
        post(world, "?event=sent", "{\"device\":\"d1\",\"id\":\"item-1\"}", 202);
        post(world, "?event=ack", "{\"device\":\"d1\",\"id\":\"item-1\"}", 202);
        wait_for_state(world, "m1", LOCAL_HUB_COMMAND_COMPLETED);
}

static void a_failure_is_final_if_the_driver_says_so(void **state)
{
        const struct world *world = *state;

        connect_device(world);
        send_command(world, "m1");
        wait_for_push(1);
        post(world, "?event=failed", "{\"device\":\"d1\",\"id\":\"item-1\"}", 202);
        wait_for_state(world, "m1", LOCAL_HUB_COMMAND_REJECTED);
}

static void what_has_expired_at_the_network_is_told_so(void **state)
{
        const struct world *world = *state;
        struct http_client *control = NULL;
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup) struct json_object *answer = NULL;

        connect_device(world);
        send_command(world, "m1");
        wait_for_push(1);
        post(world, "?event=expired", "{\"device\":\"d1\",\"id\":\"item-1\",\"expired\":true}",
             202);
        wait_for_state(world, "m1", LOCAL_HUB_COMMAND_REJECTED);
        if (gateway_control_open(world->store, &control, &reason) != 0)
                fail_msg("%s", reason.text);
        answer = gateway_control_call(control, "GET", "/commands?state=expired", &reason);
        http_client_free(control);
        assert_int_equal(json_object_array_length(json_member(answer, "commands")), 1);
}

/* Who has no encoder would get an empty downlink from such a network, without a word. */
static void an_object_goes_only_to_an_application_with_an_encoder(void **state)
{
        struct world *world = *state;

        connect_device(world);
        send_body(world, "m1", "true", "{\"fan\":1}");
        wait_for_state(world, "m1", LOCAL_HUB_COMMAND_REJECTED);
        gateway_stop(world->gateway);
        world->settings.applications[0].networks[0].encodes = true;
        start_gateway(world);
        post(world, "?event=up", "{\"device\":\"d1\",\"data\":\"AQI=\"}", 202);
        send_body(world, "m2", "true", "{\"fan\":1}");
        wait_for_push(1);
        assert_string_equal(api.object, "{\"fan\":1}");
}

static void an_event_before_the_answer_counts_once_the_id_is_known(void **state)
{
        const struct world *world = *state;

        api.behaviour = ANSWERS_WHEN_TOLD;
        connect_device(world);
        send_command(world, "m1");
        wait_for_push(1);
        post(world, "?event=ack", "{\"device\":\"d1\",\"id\":\"item-1\"}", 202);
        let_it_answer();
        wait_for_state(world, "m1", LOCAL_HUB_COMMAND_COMPLETED);
}

static void a_lost_answer_is_found_out_from_the_list(void **state)
{
        const struct world *world = *state;

        api.behaviour = LOSES_ITS_ANSWER;
        connect_device(world);
        send_command(world, "m1");
        wait_for_push(1);
        post(world, "?event=ack", "{\"device\":\"d1\",\"id\":\"item-1\"}", 202);
        wait_for_state(world, "m1", LOCAL_HUB_COMMAND_COMPLETED);
        assert_int_equal(api.pushed, 1);
}

static void an_id_is_known_after_a_restart(void **state)
{
        struct world *world = *state;

        connect_device(world);
        send_command(world, "m1");
        wait_for_push(1);
        /* What comes back says that the answer has arrived, and is on disk. */
        post(world, "?event=sent", "{\"device\":\"d1\",\"id\":\"item-1\"}", 202);
        gateway_stop(world->gateway);
        start_gateway(world);
        post(world, "?event=ack", "{\"device\":\"d1\",\"id\":\"item-1\"}", 202);
        wait_for_state(world, "m1", LOCAL_HUB_COMMAND_COMPLETED);
        assert_int_equal(api.pushed, 1);
}

static void wait_for_telemetry(const struct world *world, uint64_t number, const char *part)
{
        const struct telemetry_record *record =
                telemetry_log_next(local_hub_telemetry(world->hub), number, WAIT_MS);

        assert_non_null(record);
        assert_non_null(memmem(record->body, record->body_size, part, strlen(part)));
        telemetry_record_release(record);
}

static void wait_for_model(const struct world *world, const char *model_id)
{
        int64_t until_ms = clock_steady_ms() + WAIT_MS;
        struct registry_device device;

        for (;;) {
                assert_true(registry_device_get(local_hub_registry(world->hub), 0, "d1", &device));
                if (strcmp(device.model_id, model_id) == 0)
                        return;
                if (clock_steady_ms() > until_ms)
                        fail_msg("the device has the model '%s'", device.model_id);
                usleep(1000);
        }
}

static void a_webhook_says_what_a_listing_would(void **state)
{
        struct world *world = *state;

        connect_device(world);
        post(world, "?event=up",
             "{\"device\":\"d1\",\"fleetName\":\"Boats\",\"tags\":{\"dtdlmodelid\":\"dtmi:x:boat;"
             "1\"}}",
             202);
        wait_for_telemetry(world, 1, "\"ApplicationName\":\"Boats\"");
        wait_for_model(world, "dtmi:x:boat;1");
        /* It is kept, and a webhook that says nothing of it changes nothing. */
        gateway_stop(world->gateway);
        start_gateway(world);
        post(world, "?event=up", "{\"device\":\"d1\",\"data\":\"AQI=\"}", 202);
        wait_for_telemetry(world, 2, "AQI=");
        wait_for_model(world, "dtmi:x:boat;1");
        post(world, "?event=up", "{\"device\":\"d1\",\"tags\":{\"azureintegration\":\"false\"}}",
             200);
        assert_int_equal(telemetry_log_newest(local_hub_telemetry(world->hub)), 3);
}

static void a_status_is_telemetry_where_that_is_wanted(void **state)
{
        const struct world *world = *state;

        post(world, "?event=log", "{\"device\":\"d1\"}", 200);
        post(world, "?event=status", "{\"device\":\"d1\",\"battery\":87}", 202);
        wait_for_telemetry(world, 0,
                           "\"Event\":\"device_status\",\"device_status\":{\"device\":\"d1\","
                           "\"battery\":87}");
}

/* What `isthmus status --devices --json` says of the device; the caller's. */
static struct json_object *view_of(struct http_client *control)
{
        struct reason reason = REASON_INIT;
        CLEANUP(json_cleanup)
        struct json_object *answer =
                gateway_control_call(control, "GET", "/devices?device=d1", &reason);
        struct json_object *devices = json_member(answer, "devices");

        if (!devices)
                fail_msg("%s", reason.text);
        return json_object_get(json_object_array_get_idx(devices, 0));
}

/* A member of it, without its time. */
static char *facts_of(struct http_client *control, const char *name)
{
        CLEANUP(json_cleanup) struct json_object *view = view_of(control);
        struct json_object *facts = json_object_member(view, name);

        if (facts)
                json_object_object_del(facts, "at");
        return mem_text(facts ? json_object_to_json_string_ext(facts, JSON_C_TO_STRING_PLAIN)
                              : "none");
}

static void wait_for_facts(struct http_client *control, const char *name, const char *expected)
{
        int64_t until_ms = clock_steady_ms() + WAIT_MS;

        for (;;) {
                CLEANUP(mem_cleanup) char *facts = facts_of(control, name);

                if (strcmp(facts, expected) == 0)
                        return;
                if (clock_steady_ms() > until_ms)
                        fail_msg("%s is %s, not %s", name, facts, expected);
                usleep(1000);
        }
}

static void wait_for_member(struct http_client *control, const char *name)
{
        int64_t until_ms = clock_steady_ms() + WAIT_MS;

        for (;;) {
                CLEANUP(json_cleanup) struct json_object *view = view_of(control);

                if (json_member(view, name))
                        return;
                if (clock_steady_ms() > until_ms)
                        fail_msg("there is no %s", name);
                usleep(1000);
        }
}

/* Of an event that is not sent, too: that is the usual way of a status. */
static void facts_of_a_device_are_there_for_operators(void **state)
{
        const struct world *world = *state;
        struct http_client *control = NULL;
        struct reason reason = REASON_INIT;

        connect_device(world);
        if (gateway_control_open(world->store, &control, &reason) != 0)
                fail_msg("%s", reason.text);
        wait_for_facts(control, "signal", "none");
        post(world, "?event=up", "{\"device\":\"d1\",\"gateway\":\"roof\",\"rssi\":-97}", 202);
        wait_for_facts(control, "signal", "{\"rssi\":-97,\"gateway\":\"roof\",\"gateways\":1}");
        wait_for_facts(control, "battery", "none");
        post(world, "?event=log", "{\"device\":\"d1\",\"battery\":87,\"margin\":7.5}", 200);
        wait_for_facts(control, "battery", "{\"percent\":87,\"margin\":7.5}");
        post(world, "?event=join", "{\"device\":\"d1\"}", 200);
        wait_for_member(control, "lastJoin");
        post(world, "?event=log", "{\"device\":\"d2\",\"battery\":1}", 200);
        wait_for_facts(control, "battery", "{\"percent\":87,\"margin\":7.5}");
        http_client_free(control);
}

static void what_is_not_sent_again_is_counted_as_lost(void **state)
{
        const struct world *world = *state;
        int64_t before = metrics_counter_value(METRIC_WEBHOOK_LOST);

        connect_device(world);
        assert_int_equal(metrics_counter_value(METRIC_WEBHOOK_LOST), before);
        post(world, "?event=up", "{\"device\":\"d2\",\"data\":\"AQI=\"}", 503);
        assert_int_equal(metrics_counter_value(METRIC_WEBHOOK_LOST), before + 1);
}

static void what_was_told_to_nobody_is_asked_for_at_the_start(void **state)
{
        struct world *world = *state;

        connect_device(world);
        send_command_as(world, "m1", "false");
        send_command_as(world, "m2", "true");
        wait_for_push(2);
        /* What comes back says that the answer has arrived, and is on disk. */
        post(world, "?event=sent", "{\"device\":\"d1\",\"id\":\"item-2\"}", 202);
        gateway_stop(world->gateway);
        pthread_mutex_lock(&api.lock);
        api.is_empty = true;
        pthread_mutex_unlock(&api.lock);
        start_gateway(world);
        wait_for_state(world, "m1", LOCAL_HUB_COMMAND_COMPLETED);
        wait_for_state(world, "m2", LOCAL_HUB_COMMAND_REJECTED);
        assert_int_equal(api.pushed, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_type_of_an_event_is_told_in_the_query),
                TEST(a_downlink_is_known_by_the_id_of_the_answer),
                TEST(a_failure_is_final_if_the_driver_says_so),
                TEST(what_has_expired_at_the_network_is_told_so),
                TEST(an_object_goes_only_to_an_application_with_an_encoder),
                TEST(an_event_before_the_answer_counts_once_the_id_is_known),
                TEST(a_lost_answer_is_found_out_from_the_list),
                TEST(an_id_is_known_after_a_restart),
                TEST(a_webhook_says_what_a_listing_would),
                TEST(a_status_is_telemetry_where_that_is_wanted),
                TEST(facts_of_a_device_are_there_for_operators),
                TEST(what_is_not_sent_again_is_counted_as_lost),
                TEST(what_was_told_to_nobody_is_asked_for_at_the_start),
        };

        return cmocka_run_group_tests_name("gateway.third_network", tests, NULL, NULL);
}
