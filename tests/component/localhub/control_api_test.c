// SPDX-License-Identifier: MIT
/* The control API over real sockets, with a local hub behind it. docs/local-hub.md is its law. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "component/localhub/web_client.h"
#include "localhub/certificates.h"
#include "localhub/control/control_api.h"
#include "support/directory.h"

struct scene {
        char *directory;
        struct certificates *certificates;
        struct local_hub *hub;
        struct dps_endpoint *dps;
        struct control_api *control;
        struct web_server server;
};

static bool start_parts(struct scene *scene)
{
        const struct certificates_options files = {.directory = scene->directory};
        const struct local_hub_endpoint endpoints[] = {
                {.id = "hub1", .weight = 1},
                {.id = "hub2", .weight = 1},
        };
        struct local_hub_options options = {
                .endpoints = endpoints,
                .endpoint_count = ARRAY_SIZE(endpoints),
        };
        CLEANUP(mem_cleanup) char *socket = test_directory_file(scene->directory, "dps");
        struct dps_endpoint_options dps = {.socket = socket};
        struct control_api_options control = {.port = 0};
        struct reason reason = REASON_INIT;

        if (certificates_open(&files, &scene->certificates, &reason) != 0)
                return false;
        options.certificate = scene->certificates->server_path;
        options.key = scene->certificates->server_key_path;
        if (local_hub_new(&options, &scene->hub, &reason) != 0)
                return false;
        dps.registry = local_hub_registry(scene->hub);
        dps.faults = local_hub_faults(scene->hub);
        if (dps_endpoint_new(&dps, &scene->dps, &reason) != 0)
                return false;
        control.hub = scene->hub;
        control.dps = scene->dps;
        return control_api_new(&control, &scene->control, &reason) == 0;
}

static int start(void **state)
{
        struct scene *scene = mem_new(1, sizeof(*scene));

        scene->directory = test_directory_new();
        *state = scene;
        if (!start_parts(scene))
                return -1;
        scene->server.port = control_api_port(scene->control);
        return 0;
}

static int stop(void **state)
{
        struct scene *scene = *state;

        control_api_stop(scene->control);
        dps_endpoint_stop(scene->dps);
        local_hub_free(scene->hub);
        control_api_free(scene->control);
        dps_endpoint_free(scene->dps);
        certificates_free(scene->certificates);
        test_directory_remove(scene->directory);
        free(scene);
        return 0;
}

/* --- helpers --------------------------------------------------------------------------------- */

static struct web_answer call(struct scene *scene, const char *method, const char *target,
                              const char *body)
{
        return web_request(&scene->server, method, target, NULL, body);
}

static void assert_status(struct scene *scene, const char *method, const char *target,
                          const char *body, int status)
{
        struct web_answer answer = call(scene, method, target, body);

        if (answer.status != status)
                print_error("%s %s %s: %d, %s\n", method, target, body ? body : "", answer.status,
                            answer.body);
        assert_int_equal(answer.status, status);
        web_answer_deinit(&answer);
}

/* An error with this status and code, and a message that says more. */
static void assert_error(struct scene *scene, const char *method, const char *target,
                         const char *body, int status, const char *code)
{
        struct web_answer answer = call(scene, method, target, body);
        struct json_object *error = json_object_member(answer.json, "error");

        if (answer.status != status)
                print_error("%s %s %s: %d, %s\n", method, target, body ? body : "", answer.status,
                            answer.body);
        assert_int_equal(answer.status, status);
        assert_string_equal(json_text_member(error, "code"), code);
        assert_true(strlen(json_text_member(error, "message")) > 0);
        web_answer_deinit(&answer);
}

static void append_telemetry(struct scene *scene, const char *hub, const char *device,
                             const char *body)
{
        telemetry_log_append(local_hub_telemetry(scene->hub),
                             &(const struct telemetry_record){
                                     .enqueued_ms = clock_wall_ms(),
                                     .hub = hub,
                                     .device_id = device,
                                     .connection = "",
                                     .model_id = "",
                                     .message_id = "",
                                     .correlation_id = "",
                                     .content_type = "",
                                     .content_encoding = "",
                                     .component = "",
                                     .body = body,
                                     .body_size = strlen(body),
                             });
}

static size_t count_lines(const char *text)
{
        size_t count = 0;

        for (; *text; text++)
                count += *text == '\n';
        return count;
}

static size_t telemetry_lines(struct scene *scene, const char *query)
{
        CLEANUP(mem_cleanup) char *target = mem_format("/telemetry?%s", query);
        struct web_answer answer = call(scene, "GET", target, NULL);
        size_t lines;

        assert_int_equal(answer.status, 200);
        lines = count_lines(answer.body);
        web_answer_deinit(&answer);
        return lines;
}

/* --- the server ------------------------------------------------------------------------------ */

/* Of this process, in which the hub runs, too; it may be 0 for the first milliseconds. */
static int64_t user_time_us(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
}

static void health_and_statistics_are_told(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer = call(scene, "GET", "/healthz", NULL);
        int64_t before_us;
        int64_t number = -1;

        assert_int_equal(answer.status, 200);
        assert_string_equal(json_text_member(answer.json, "status"), "ok");
        web_answer_deinit(&answer);
        assert_status(scene, "PUT", "/devices/dev1", NULL, 201);
        before_us = user_time_us();
        answer = call(scene, "GET", "/stats", NULL);
        assert_int_equal(answer.status, 200);
        assert_true(json_int_member(answer.json, "devices", &number));
        assert_int_equal(number, 1);
        assert_true(
                json_int_member(json_object_member(answer.json, "process"), "cpuUserUs", &number));
        assert_in_range(number, before_us, user_time_us());
        web_answer_deinit(&answer);
}

static void web_pages_are_refused(void **state)
{
        struct scene *scene = *state;
        CLEANUP(buf_deinit) struct buf request = BUF_INIT;
        struct web_answer answer =
                web_request(&scene->server, "GET", "/hubs", "Origin: http://localhost:1\r\n", NULL);

        assert_int_equal(answer.status, 403);
        web_answer_deinit(&answer);
        buf_add_text(&request,
                     "GET /hubs HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n");
        answer = web_exchange(&scene->server, &request);
        assert_int_equal(answer.status, 403);
        web_answer_deinit(&answer);
        assert_status(scene, "GET", "/hubs", NULL, 200);
}

static void wrong_paths_and_methods_are_told_apart(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer = call(scene, "POST", "/devices/dev1", NULL);
        char *allow = web_header(&answer, "Allow");

        assert_int_equal(answer.status, 405);
        assert_string_equal(allow, "GET, PUT, DELETE");
        free(allow);
        web_answer_deinit(&answer);
        assert_error(scene, "POST", "/", NULL, 404, "NotFound");
        assert_error(scene, "GET", "/nothing", NULL, 404, "NotFound");
        assert_error(scene, "GET", "/devices/a/b/c/d/e/f/g/h/i/j", NULL, 404, "NotFound");
        assert_error(scene, "GET", "/devices/dev1/nothing", NULL, 404, "NotFound");
}

static void bodies_must_be_json_objects(void **state)
{
        struct scene *scene = *state;

        assert_error(scene, "PUT", "/devices/dev1", "{", 400, "BadBody");
        assert_error(scene, "PUT", "/devices/dev1", "[]", 400, "BadBody");
        assert_error(scene, "PUT", "/devices/dev1", "null", 400, "BadBody");
        assert_error(scene, "PUT", "/devices/dev1", "{\"statuss\":1}", 400, "BadBody");
        assert_error(scene, "PUT", "/devices/dev1", "{\"status\":1}", 400, "BadBody");
        assert_error(scene, "PUT", "/devices/dev1", "{\"status\":\"off\"}", 400, "BadBody");
        assert_error(scene, "PUT", "/devices/dev1", "{\"primaryKey\":\"?\"}", 400, "BadDevice");
        assert_error(scene, "PUT", "/devices/a%20b", "{}", 400, "BadDevice");
        assert_error(scene, "GET", "/devices/dev1", NULL, 404, "DeviceNotFound");
}

/* --- devices --------------------------------------------------------------------------------- */

static void devices_are_made_changed_and_removed(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer =
                call(scene, "PUT", "/devices/dev%2B1?hub=hub2", "{\"modelId\":\"dtmi:x:A;1\"}");
        const char *text;

        assert_int_equal(answer.status, 201);
        assert_string_equal(json_text_member(answer.json, "deviceId"), "dev+1");
        assert_string_equal(json_text_member(answer.json, "hub"), "hub2");
        assert_string_equal(json_text_member(answer.json, "status"), "enabled");
        assert_string_equal(json_text_member(answer.json, "modelId"), "dtmi:x:A;1");
        text = json_text_member(answer.json, "connectionString");
        assert_non_null(strstr(text, ";DeviceId=dev+1;SharedAccessKey="));
        assert_non_null(strstr(text, json_text_member(answer.json, "primaryKey")));
        web_answer_deinit(&answer);
        answer = call(scene, "PUT", "/devices/dev%2B1", "{\"status\":\"disabled\"}");
        assert_int_equal(answer.status, 200);
        assert_string_equal(json_text_member(answer.json, "hub"), "hub2");
        assert_string_equal(json_text_member(answer.json, "status"), "disabled");
        web_answer_deinit(&answer);
        assert_error(scene, "GET", "/devices/dev%2B1?hub=hub1", NULL, 404, "DeviceNotFound");
        assert_error(scene, "GET", "/devices/dev%2B1?hub=hub9", NULL, 404, "HubNotFound");
        assert_status(scene, "DELETE", "/devices/dev%2B1", NULL, 204);
        assert_error(scene, "DELETE", "/devices/dev%2B1", NULL, 404, "DeviceNotFound");
}

static void long_lists_come_in_pages(void **state)
{
        struct scene *scene = *state;
        CLEANUP(mem_cleanup) char *target = mem_text("/devices?limit=40");
        size_t total = 0;
        int pages = 0;

        for (int i = 0; i < 150; i++) {
                CLEANUP(mem_cleanup)
                char *path = mem_format("/devices/list-%d?hub=hub%d", i, 1 + i % 2);

                assert_status(scene, "PUT", path, NULL, 201);
        }
        while (target) {
                struct web_answer answer = call(scene, "GET", target, NULL);
                const char *next = json_text_member(answer.json, "continuation");

                total += json_object_array_length(json_member(answer.json, "devices"));
                pages++;
                free(target);
                target = next ? mem_format("/devices?limit=40&continuation=%s", next) : NULL;
                web_answer_deinit(&answer);
        }
        assert_int_equal(total, 150);
        assert_true(pages >= 4);
        assert_error(scene, "GET", "/devices?continuation=x", NULL, 400, "BadQuery");
        assert_error(scene, "GET", "/devices?limit=-1", NULL, 400, "BadQuery");
}

static void twins_are_merged_and_replaced(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;
        struct json_object *desired;

        assert_status(scene, "PUT", "/devices/dev1", NULL, 201);
        assert_status(scene, "PATCH", "/devices/dev1/twin/desired", "{\"a\":1,\"b\":2}", 200);
        answer = call(scene, "PATCH", "/devices/dev1/twin/desired", "{\"a\":null,\"c\":3}");
        desired = json_object_member(answer.json, "desired");
        assert_null(json_member(desired, "a"));
        assert_int_equal(json_object_get_int(json_member(desired, "b")), 2);
        assert_int_equal(json_object_get_int(json_member(desired, "c")), 3);
        web_answer_deinit(&answer);
        answer = call(scene, "PUT", "/devices/dev1/twin/desired", "{\"d\":4}");
        desired = json_object_member(answer.json, "desired");
        assert_null(json_member(desired, "b"));
        assert_int_equal(json_object_get_int(json_member(desired, "d")), 4);
        web_answer_deinit(&answer);
        assert_error(scene, "PUT", "/devices/dev1/twin/reported", "{}", 404, "NotFound");
        assert_error(scene, "PATCH", "/devices/dev1/twin/desired", NULL, 400, "BadBody");
        assert_error(scene, "PATCH", "/devices/dev1/twin/desired", "{\"a.b\":1}", 400, "BadTwin");
        assert_error(scene, "GET", "/devices/nobody/twin", NULL, 404, "DeviceNotFound");
}

/* --- commands -------------------------------------------------------------------------------- */

static void messages_wait_and_are_purged(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;
        int64_t purged = 0;

        assert_status(scene, "PUT", "/devices/dev1", NULL, 201);
        answer = call(scene, "POST", "/devices/dev1/messages",
                      "{\"body\":{\"on\":true},\"messageId\":\"m1\",\"properties\":{\"a\":\"b\"}}");
        assert_int_equal(answer.status, 201);
        assert_string_equal(json_text_member(answer.json, "messageId"), "m1");
        web_answer_deinit(&answer);
        answer = call(scene, "GET", "/devices/dev1/messages/m1", NULL);
        assert_string_equal(json_text_member(answer.json, "state"), "enqueued");
        web_answer_deinit(&answer);
        answer = call(scene, "GET", "/devices/dev1/messages", NULL);
        assert_int_equal(json_object_array_length(json_member(answer.json, "messages")), 1);
        web_answer_deinit(&answer);
        answer = call(scene, "DELETE", "/devices/dev1/messages", NULL);
        assert_true(json_int_member(answer.json, "purged", &purged));
        assert_int_equal(purged, 1);
        web_answer_deinit(&answer);
        answer = call(scene, "GET", "/devices/dev1/messages/m1", NULL);
        assert_string_equal(json_text_member(answer.json, "state"), "purged");
        web_answer_deinit(&answer);
        assert_error(scene, "GET", "/devices/dev1/messages/m2", NULL, 404, "MessageNotFound");
}

static void a_device_queue_holds_fifty_messages(void **state)
{
        struct scene *scene = *state;

        assert_status(scene, "PUT", "/devices/dev1", NULL, 201);
        for (int i = 0; i < 50; i++)
                assert_status(scene, "POST", "/devices/dev1/messages", "{\"bodyText\":\"x\"}", 201);
        assert_error(scene, "POST", "/devices/dev1/messages", "{\"bodyText\":\"x\"}", 403,
                     "DeviceMaximumQueueDepthExceeded");
}

static void bad_messages_are_refused(void **state)
{
        struct scene *scene = *state;
        static const char path[] = "/devices/dev1/messages";

        assert_error(scene, "POST", path, "{}", 404, "DeviceNotFound");
        assert_status(scene, "PUT", "/devices/dev1", NULL, 201);
        assert_error(scene, "POST", path, "{\"body\":1,\"bodyText\":\"x\"}", 400, "BadBody");
        assert_error(scene, "POST", path, "{\"bodyBase64\":\"?\"}", 400, "BadBody");
        assert_error(scene, "POST", path, "{\"properties\":[]}", 400, "BadBody");
        assert_error(scene, "POST", path, "{\"properties\":{\"a\":1}}", 400, "BadBody");
        assert_error(scene, "POST", path, "{\"ack\":\"maybe\"}", 400, "BadBody");
        assert_error(scene, "POST", path, "{\"expiresInSeconds\":0}", 400, "BadBody");
        assert_error(scene, "POST", path, "{\"expiresInSeconds\":\"1\"}", 400, "BadBody");
        assert_error(scene, "POST", path, "{\"messageId\":\"a\\u0000b\"}", 400, "BadBody");
        assert_error(scene, "POST", path, "{\"propertys\":{}}", 400, "BadBody");
}

static void methods_need_a_device_that_listens(void **state)
{
        struct scene *scene = *state;

        assert_error(scene, "POST", "/devices/dev1/methods/m", "{}", 404, "DeviceNotFound");
        assert_status(scene, "PUT", "/devices/dev1", NULL, 201);
        assert_error(scene, "POST", "/devices/dev1/methods/m", "{\"payload\":1}", 404,
                     "DeviceNotOnline");
        assert_error(scene, "POST", "/devices/dev1/methods/m", "{\"responseTimeoutSeconds\":0}",
                     400, "BadBody");
        assert_error(scene, "POST", "/devices/dev1/methods/m", "{\"timeout\":1}", 400, "BadBody");
}

/* --- telemetry ------------------------------------------------------------------------------- */

static void telemetry_is_read_from_anywhere(void **state)
{
        struct scene *scene = *state;

        for (int i = 0; i < 10; i++)
                append_telemetry(scene, i % 2 ? "hub2" : "hub1", i < 4 ? "a" : "b", "{\"x\":1}");
        assert_int_equal(telemetry_lines(scene, ""), 10);
        assert_int_equal(telemetry_lines(scene, "from=4"), 7);
        assert_int_equal(telemetry_lines(scene, "from=11"), 0);
        assert_int_equal(telemetry_lines(scene, "from=latest"), 0);
        assert_int_equal(telemetry_lines(scene, "limit=3"), 3);
        assert_int_equal(telemetry_lines(scene, "device=a"), 4);
        assert_int_equal(telemetry_lines(scene, "device=a&hub=hub2"), 2);
        assert_int_equal(telemetry_lines(scene, "follow=1&limit=10"), 10);
        assert_error(scene, "GET", "/telemetry?from=x", NULL, 400, "BadQuery");
        assert_error(scene, "GET", "/telemetry?follow=2", NULL, 400, "BadQuery");
        assert_error(scene, "GET", "/telemetry?hub=hub9", NULL, 404, "HubNotFound");
}

static void telemetry_has_what_the_device_sent(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;
        int64_t sequence = 0;

        append_telemetry(scene, "hub1", "a", "{\"n\":18446744073709551616}");
        append_telemetry(scene, "hub1", "a", "plain text");
        append_telemetry(scene, "hub1", "a", "\xff\xfe");
        answer = call(scene, "GET", "/telemetry?limit=1", NULL);
        assert_true(json_int_member(answer.json, "sequence", &sequence));
        assert_int_equal(sequence, 1);
        assert_string_equal(json_text_member(answer.json, "deviceId"), "a");
        assert_non_null(strstr(answer.body, "{\"n\":18446744073709551616}"));
        web_answer_deinit(&answer);
        answer = call(scene, "GET", "/telemetry?from=2&limit=1", NULL);
        assert_string_equal(json_text_member(answer.json, "bodyText"), "plain text");
        web_answer_deinit(&answer);
        answer = call(scene, "GET", "/telemetry?from=3&limit=1", NULL);
        assert_string_equal(json_text_member(answer.json, "bodyBase64"), "//4=");
        web_answer_deinit(&answer);
}

static void *append_later(void *context)
{
        struct scene *scene = context;

        for (int i = 0; i < 100; i++)
                append_telemetry(scene, "hub1", "late", "{}");
        return NULL;
}

static void followers_hear_what_comes_later(void **state)
{
        struct scene *scene = *state;
        pthread_t appender;
        int64_t begin_ms = clock_steady_ms();
        struct web_answer answer;

        assert_int_equal(telemetry_lines(scene, "wait=1"), 0);
        pthread_create(&appender, NULL, append_later, scene);
        assert_int_equal(telemetry_lines(scene, "follow=1&limit=100"), 100);
        pthread_join(appender, NULL);
        answer = call(scene, "GET", "/telemetry?wait=60000&from=50", NULL);
        assert_true(count_lines(answer.body) == 51);
        web_answer_deinit(&answer);
        assert_true(clock_steady_ms() - begin_ms < 60000);
}

/* --- provisioning and faults ----------------------------------------------------------------- */

static void enrollments_are_managed(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer =
                call(scene, "PUT", "/enrollments/group/g1", "{\"hub\":\"hub2\"}");

        assert_int_equal(answer.status, 201);
        assert_string_equal(json_text_member(answer.json, "kind"), "group");
        assert_string_equal(json_text_member(answer.json, "hub"), "hub2");
        assert_true(strlen(json_text_member(answer.json, "primaryKey")) >= 24);
        web_answer_deinit(&answer);
        assert_status(scene, "PUT", "/enrollments/group/g1", "{\"status\":\"disabled\"}", 200);
        assert_status(scene, "PUT", "/enrollments/individual/i1", "{\"deviceId\":\"other\"}", 201);
        answer = call(scene, "GET", "/enrollments", NULL);
        assert_int_equal(json_object_array_length(json_member(answer.json, "enrollments")), 2);
        assert_non_null(json_text_member(answer.json, "idScope"));
        web_answer_deinit(&answer);
        assert_status(scene, "DELETE", "/enrollments/group/g1", NULL, 204);
        assert_error(scene, "DELETE", "/enrollments/group/g1", NULL, 404, "EnrollmentNotFound");
        assert_error(scene, "PUT", "/enrollments/other/x", "{}", 404, "NotFound");
        assert_error(scene, "PUT", "/enrollments/group/g2", "{\"primaryKey\":\"?\"}", 400,
                     "BadEnrollment");
        assert_error(scene, "DELETE", "/registrations/none", NULL, 404, "RegistrationNotFound");
}

static void faults_are_ordered_listed_and_removed(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer =
                call(scene, "POST", "/faults",
                     "{\"kind\":\"dps_slow\",\"device\":\"d\",\"times\":2,\"probability\":0.5,"
                     "\"distribution\":\"exponential\",\"delayMs\":100,\"delayMaxMs\":1000}");
        struct json_object *fault;
        int64_t id = 0;
        CLEANUP(mem_cleanup) char *target = NULL;

        assert_int_equal(answer.status, 201);
        assert_true(json_int_member(answer.json, "id", &id));
        web_answer_deinit(&answer);
        answer = call(scene, "GET", "/faults", NULL);
        fault = json_object_array_get_idx(json_member(answer.json, "faults"), 0);
        assert_string_equal(json_text_member(fault, "kind"), "dps_slow");
        assert_string_equal(json_text_member(fault, "device"), "d");
        assert_string_equal(json_text_member(fault, "distribution"), "exponential");
        assert_int_equal(json_object_get_int(json_member(fault, "times")), 2);
        web_answer_deinit(&answer);
        target = mem_format("/faults/%lld", (long long)id);
        assert_status(scene, "DELETE", target, NULL, 204);
        assert_error(scene, "DELETE", target, NULL, 404, "FaultNotFound");
        assert_status(scene, "POST", "/faults", "{\"kind\":\"credit\"}", 201);
        assert_status(scene, "DELETE", "/faults", NULL, 204);
        assert_false(faults_exist(local_hub_faults(scene->hub), FAULT_CREDIT, "hub1", "x"));
        answer = call(scene, "POST", "/faults", "{\"kind\":\"drop\",\"hub\":\"hub1\"}");
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "{\"hit\":0}");
        web_answer_deinit(&answer);
}

static void bad_faults_are_refused(void **state)
{
        struct scene *scene = *state;

        assert_error(scene, "POST", "/faults", "{}", 400, "BadFault");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"rain\"}", 400, "BadFault");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"reject\"}", 400, "BadFault");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"token\"}", 400, "BadFault");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"slow\"}", 400, "BadFault");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"dps_slow\"}", 400, "BadFault");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"credit\",\"times\":0}", 400, "BadBody");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"credit\",\"probability\":2}", 400,
                     "BadFault");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"credit\",\"hub\":\"x\"}", 404,
                     "HubNotFound");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"credit\",\"devise\":\"x\"}", 400,
                     "BadBody");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"slow\",\"distribution\":\"odd\"}", 400,
                     "BadBody");
        assert_error(scene, "POST", "/faults", "{\"kind\":\"drop\",\"hub\":\"x\"}", 404,
                     "HubNotFound");
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, start, stop)
        const struct CMUnitTest tests[] = {
                SCENE(health_and_statistics_are_told),
                SCENE(web_pages_are_refused),
                SCENE(wrong_paths_and_methods_are_told_apart),
                SCENE(bodies_must_be_json_objects),
                SCENE(devices_are_made_changed_and_removed),
                SCENE(long_lists_come_in_pages),
                SCENE(twins_are_merged_and_replaced),
                SCENE(messages_wait_and_are_purged),
                SCENE(a_device_queue_holds_fifty_messages),
                SCENE(bad_messages_are_refused),
                SCENE(methods_need_a_device_that_listens),
                SCENE(telemetry_is_read_from_anywhere),
                SCENE(telemetry_has_what_the_device_sent),
                SCENE(followers_hear_what_comes_later),
                SCENE(enrollments_are_managed),
                SCENE(faults_are_ordered_listed_and_removed),
                SCENE(bad_faults_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
