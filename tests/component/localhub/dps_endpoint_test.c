// SPDX-License-Identifier: MIT
/*
 * The local provisioning service over real TLS, as rule W12 describes the
 * real one. Tokens are signed here, not by the code under test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/hmac.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/text.h"
#include "component/localhub/web_client.h"
#include "localhub/dps/dps_endpoint.h"
#include "support/directory.h"

/* The reference's key K64: bytes 00 to 3f. */
#define GROUP_KEY                                                                                  \
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
#define DERIVED_KEY "+ALK43cotFBHZFwSpkcwTt2XbfO7t/ZBM9DLBqKlOpU=" /* of dev0001: T1 */
#define OTHER_KEY   "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define BODY_MAX    ((size_t)96 * 1024)
#define SCOPE       "0ne00123ABC"
#define VERSION     "?api-version=2021-06-01"

struct scene {
        char *directory;
        char *socket;
        struct registry *registry;
        struct faults *faults;
        struct dps_endpoint *dps;
        struct web_server server;
};

static void start_dps_with(struct scene *scene, struct dps_endpoint_options options)
{
        struct reason reason = REASON_INIT;

        options.registry = scene->registry;
        options.faults = scene->faults;
        options.socket = scene->socket;
        dps_endpoint_free(scene->dps);
        assert_int_equal(dps_endpoint_new(&options, &scene->dps, &reason), 0);
        scene->server = (struct web_server){.socket = scene->socket};
}

static void start_dps(struct scene *scene, int64_t delay_ms)
{
        start_dps_with(scene, (struct dps_endpoint_options){.assignment_delay_ms = delay_ms});
}

static void add_hub(struct scene *scene, const char *id, const char *address, int weight)
{
        struct reason reason = REASON_INIT;
        int hub;

        assert_int_equal(registry_hub_add(scene->registry, id, weight, &hub, &reason), 0);
        registry_hub_listens(scene->registry, hub, address, 5671);
}

static void put_enrolment(struct scene *scene, enum registry_enrolment_kind kind, const char *id,
                          const char *key, bool enabled)
{
        struct registry_enrolment enrolment = {.kind = kind, .enabled = enabled};
        struct reason reason = REASON_INIT;

        snprintf(enrolment.id, sizeof(enrolment.id), "%s", id);
        snprintf(enrolment.primary_key, sizeof(enrolment.primary_key), "%s", key);
        assert_int_equal(registry_enrolment_put(scene->registry, &enrolment, &enrolment, &reason),
                         0);
}

static int start(void **state)
{
        struct scene *scene = mem_new(1, sizeof(*scene));
        const struct registry_options options = {.id_scope = SCOPE};
        struct reason reason = REASON_INIT;

        scene->directory = test_directory_new();
        scene->socket = test_directory_file(scene->directory, "dps");
        *state = scene;
        if (registry_open(&options, &scene->registry, &reason) != 0)
                return -1;
        scene->faults = faults_new();
        add_hub(scene, "hub1", "localhost:15671", 1);
        put_enrolment(scene, REGISTRY_GROUP, "group", GROUP_KEY, true);
        start_dps(scene, 0);
        return 0;
}

static int stop(void **state)
{
        struct scene *scene = *state;

        dps_endpoint_free(scene->dps);
        faults_free(scene->faults);
        registry_close(scene->registry);
        free(scene->socket);
        test_directory_remove(scene->directory);
        free(scene);
        return 0;
}

/* --- tokens ---------------------------------------------------------------------------------- */

struct token_parts {
        const char *resource; /* as it is to be sent */
        const char *key;
        const char *key_name;
        int64_t expires_s;
};

/* The header line of a token; the caller's. */
static char *authorization(const struct token_parts *parts)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        CLEANUP(buf_deinit) struct buf signature = BUF_INIT;
        CLEANUP(buf_deinit) struct buf escaped = BUF_INIT;
        CLEANUP(mem_cleanup)
        char *text = mem_format("%s\n%lld", parts->resource, (long long)parts->expires_s);
        unsigned char mac[32];

        assert_true(crypto_base64_decode(&key, parts->key, strlen(parts->key)));
        HMAC(EVP_sha256(), key.data, (int)key.size, (unsigned char *)text, strlen(text), mac, NULL);
        crypto_base64_encode(&signature, mac, sizeof(mac));
        text_url_escape(&escaped, buf_text(&signature));
        return mem_format("Authorization: SharedAccessSignature sr=%s&sig=%s&se=%lld&skn=%s\r\n"
                          "Content-Type: application/json; charset=utf-8\r\n",
                          parts->resource, buf_text(&escaped), (long long)parts->expires_s,
                          parts->key_name);
}

static void add_derived_key(struct buf *out, const char *id)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        unsigned char mac[32];

        assert_true(crypto_base64_decode(&key, GROUP_KEY, strlen(GROUP_KEY)));
        HMAC(EVP_sha256(), key.data, (int)key.size, (const unsigned char *)id, strlen(id), mac,
             NULL);
        crypto_base64_encode(out, mac, sizeof(mac));
}

static char *good_token(const char *id, const char *key)
{
        CLEANUP(mem_cleanup) char *resource = mem_format(SCOPE "%%2Fregistrations%%2F%s", id);

        return authorization(&(struct token_parts){
                .resource = resource,
                .key = key,
                .key_name = "registration",
                .expires_s = clock_wall_ms() / 1000 + 3600,
        });
}

/* --- requests -------------------------------------------------------------------------------- */

static struct web_answer register_as(struct scene *scene, const char *id, const char *key,
                                     const char *body)
{
        CLEANUP(mem_cleanup) char *token = good_token(id, key);
        CLEANUP(mem_cleanup)
        char *target = mem_format("/" SCOPE "/registrations/%s/register" VERSION, id);

        return web_request(&scene->server, "PUT", target, token, body);
}

static struct web_answer poll_as(struct scene *scene, const char *id, const char *key,
                                 const char *operation)
{
        CLEANUP(mem_cleanup) char *token = good_token(id, key);
        CLEANUP(mem_cleanup)
        char *target =
                mem_format("/" SCOPE "/registrations/%s/operations/%s" VERSION, id, operation);

        return web_request(&scene->server, "GET", target, token, "{}");
}

static void assert_error(const struct web_answer *answer, int status, int64_t error_code)
{
        char *header = web_header(answer, "x-ms-error-code");
        int64_t code = 0;

        assert_int_equal(answer->status, status);
        assert_true(json_int_member(answer->json, "errorCode", &code));
        assert_int_equal(code, error_code);
        assert_int_equal(atoll(header), error_code);
        assert_int_equal(strlen(json_text_member(answer->json, "trackingId")), 36);
        assert_non_null(json_text_member(answer->json, "message"));
        assert_non_null(json_text_member(answer->json, "timestampUtc"));
        free(header);
}

static void assert_assigned(const struct web_answer *answer, const char *hub, const char *device)
{
        struct json_object *state = json_object_member(answer->json, "registrationState");

        assert_int_equal(answer->status, 200);
        assert_string_equal(json_text_member(answer->json, "status"), "assigned");
        assert_string_equal(json_text_member(state, "status"), "assigned");
        assert_string_equal(json_text_member(state, "assignedHub"), hub);
        assert_string_equal(json_text_member(state, "deviceId"), device);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void a_device_of_a_group_is_assigned_with_its_model(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer = register_as(scene, "dev0001", DERIVED_KEY,
                                               "{\"registrationId\":\"dev0001\",\"payload\":{"
                                               "\"modelId\":\"dtmi:com:example:A;1\"}}");
        struct json_object *registration = json_object_member(answer.json, "registrationState");
        struct registry_device device;

        assert_assigned(&answer, "localhost:15671", "dev0001");
        assert_string_equal(json_text_member(registration, "registrationId"), "dev0001");
        assert_string_equal(json_text_member(registration, "substatus"), "initialAssignment");
        assert_non_null(json_text_member(registration, "createdDateTimeUtc"));
        assert_non_null(json_text_member(registration, "lastUpdatedDateTimeUtc"));
        assert_non_null(json_text_member(registration, "etag"));
        assert_string_equal(json_text_member(json_object_member(registration, "symmetricKey"),
                                             "enrollmentGroupId"),
                            "group");
        assert_int_equal(strncmp(json_text_member(answer.json, "operationId"), "5.", 2), 0);
        assert_true(registry_device_get(scene->registry, 0, "dev0001", &device));
        assert_string_equal(device.primary_key, DERIVED_KEY);
        assert_string_equal(device.model_id, "dtmi:com:example:A;1");
        web_answer_deinit(&answer);
}

static void iotc_model_ids_and_empty_bodies_are_understood(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer = register_as(scene, "dev0001", DERIVED_KEY,
                                               "{\"payload\":{\"iotcModelId\":\"dtmi:x:B;2\"}}");
        struct registry_device device;

        assert_int_equal(answer.status, 200);
        assert_true(registry_device_get(scene->registry, 0, "dev0001", &device));
        assert_string_equal(device.model_id, "dtmi:x:B;2");
        web_answer_deinit(&answer);
        answer = register_as(scene, "dev0001", DERIVED_KEY, NULL);
        assert_assigned(&answer, "localhost:15671", "dev0001");
        web_answer_deinit(&answer);
}

static void an_individual_enrolment_may_name_another_device_id(void **state)
{
        struct scene *scene = *state;
        struct registry_enrolment enrolment = {
                .kind = REGISTRY_INDIVIDUAL,
                .id = "one",
                .primary_key = OTHER_KEY,
                .device_id = "named-device",
                .enabled = true,
        };
        struct reason reason = REASON_INIT;
        struct web_answer answer;
        struct registry_device device;

        assert_int_equal(registry_enrolment_put(scene->registry, &enrolment, &enrolment, &reason),
                         0);
        answer = register_as(scene, "one", OTHER_KEY, "{}");
        assert_assigned(&answer, "localhost:15671", "named-device");
        assert_true(registry_device_get(scene->registry, 0, "named-device", &device));
        assert_string_equal(device.primary_key, OTHER_KEY);
        web_answer_deinit(&answer);
}

static void a_delayed_assignment_is_polled_for(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;
        char *operation;
        char *retry_after;
        int64_t deadline_ms = clock_steady_ms() + 20000;

        start_dps(scene, 200);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_int_equal(answer.status, 202);
        assert_string_equal(json_text_member(answer.json, "status"), "assigning");
        retry_after = web_header(&answer, "Retry-After");
        assert_string_equal(retry_after, "3");
        free(retry_after);
        operation = mem_text(json_text_member(answer.json, "operationId"));
        do {
                web_answer_deinit(&answer);
                answer = poll_as(scene, "dev0001", DERIVED_KEY, operation);
        } while (answer.status == 202 && clock_steady_ms() < deadline_ms);
        assert_assigned(&answer, "localhost:15671", "dev0001");
        assert_string_equal(json_text_member(answer.json, "operationId"), operation);
        web_answer_deinit(&answer);
        answer = poll_as(scene, "dev0001", DERIVED_KEY, operation);
        assert_assigned(&answer, "localhost:15671", "dev0001");
        web_answer_deinit(&answer);
        free(operation);
}

static void operations_of_others_are_not_found(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer = poll_as(scene, "dev0001", DERIVED_KEY,
                                           "5.0123456789abcdef."
                                           "b1e02da8-c3a0-4ff2-a121-7ea7a6b7f550");

        assert_error(&answer, 404, 404201);
        web_answer_deinit(&answer);
        answer = poll_as(scene, "dev0001", DERIVED_KEY, "5");
        assert_error(&answer, 404, 404201);
        web_answer_deinit(&answer);
}

/* A gateway that was told `assigning` before the service was restarted. */
static void an_operation_survives_a_restart(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;
        char *operation;

        start_dps(scene, 3600000);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_int_equal(answer.status, 202);
        operation = mem_text(json_text_member(answer.json, "operationId"));
        web_answer_deinit(&answer);
        start_dps(scene, 0);
        answer = poll_as(scene, "dev0001", DERIVED_KEY, operation);
        assert_assigned(&answer, "localhost:15671", "dev0001");
        web_answer_deinit(&answer);
        free(operation);
}

static void the_last_result_can_be_looked_up(void **state)
{
        struct scene *scene = *state;
        CLEANUP(mem_cleanup) char *token = good_token("dev0001", DERIVED_KEY);
        static const char target[] = "/" SCOPE "/registrations/dev0001" VERSION;
        struct web_answer answer = web_request(&scene->server, "POST", target, token, "{}");

        assert_error(&answer, 404, 404201);
        web_answer_deinit(&answer);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        web_answer_deinit(&answer);
        answer = web_request(&scene->server, "POST", target, token, "{}");
        assert_int_equal(answer.status, 200);
        assert_string_equal(json_text_member(answer.json, "assignedHub"), "localhost:15671");
        assert_string_equal(json_text_member(answer.json, "deviceId"), "dev0001");
        web_answer_deinit(&answer);
        registry_hub_listens(scene->registry, 0, "", 0); /* this hub is not there any more */
        answer = web_request(&scene->server, "POST", target, token, "{}");
        assert_string_equal(json_text_member(answer.json, "assignedHub"), "");
        web_answer_deinit(&answer);
}

static void devices_spread_over_the_hubs_and_stay(void **state)
{
        struct scene *scene = *state;
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        int per_hub[2] = {0, 0};

        add_hub(scene, "hub2", "localhost:15672", 1);
        for (int i = 0; i < 100; i++) {
                CLEANUP(mem_cleanup) char *id = mem_format("spread-%d", i);
                struct web_answer answer;
                const char *hub;

                buf_clear(&key);
                add_derived_key(&key, id);
                answer = register_as(scene, id, buf_text(&key), "{}");
                hub = json_text_member(json_object_member(answer.json, "registrationState"),
                                       "assignedHub");
                assert_non_null(hub);
                per_hub[strcmp(hub, "localhost:15672") == 0]++;
                web_answer_deinit(&answer);
        }
        assert_in_range(per_hub[0], 25, 75);
        assert_int_equal(per_hub[0] + per_hub[1], 100);
}

static void a_device_whose_hub_has_gone_migrates(void **state)
{
        struct scene *scene = *state;
        struct registry_enrolment group;
        struct reason reason = REASON_INIT;
        struct web_answer answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");

        web_answer_deinit(&answer);
        add_hub(scene, "hub2", "localhost:15672", 1);
        assert_true(registry_enrolment_get(scene->registry, REGISTRY_GROUP, "group", &group));
        snprintf(group.hub_id, sizeof(group.hub_id), "hub2");
        assert_int_equal(registry_enrolment_put(scene->registry, &group, &group, &reason), 0);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_assigned(&answer, "localhost:15672", "dev0001");
        assert_string_equal(
                json_text_member(json_object_member(answer.json, "registrationState"), "substatus"),
                "deviceDataMigrated");
        web_answer_deinit(&answer);
}

static void no_hub_to_assign_ends_as_failed(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;
        int64_t code = 0;

        add_hub(scene, "hub1", "localhost:15671", 0);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_int_equal(answer.status, 200);
        assert_string_equal(json_text_member(answer.json, "status"), "failed");
        assert_true(json_int_member(json_object_member(answer.json, "registrationState"),
                                    "errorCode", &code));
        assert_int_equal(code, 400208);
        web_answer_deinit(&answer);
}

static void a_disabled_enrolment_is_said_to_be_disabled(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;

        put_enrolment(scene, REGISTRY_INDIVIDUAL, "off", OTHER_KEY, false);
        answer = register_as(scene, "off", OTHER_KEY, "{}");
        assert_int_equal(answer.status, 200);
        assert_string_equal(json_text_member(answer.json, "status"), "disabled");
        web_answer_deinit(&answer);
}

static void bad_credentials_get_401002(void **state)
{
        struct scene *scene = *state;
        const int64_t now_s = clock_wall_ms() / 1000;
        const struct token_parts parts[] = {
                {SCOPE "%2Fregistrations%2Fdev0001", OTHER_KEY, "registration", now_s + 60},
                {SCOPE "%2Fregistrations%2Fdev0001", GROUP_KEY, "registration", now_s + 60},
                {SCOPE "%2Fregistrations%2Fdev0001", DERIVED_KEY, "registration", now_s - 360},
                {SCOPE "%2Fregistrations%2Fdev0002", DERIVED_KEY, "registration", now_s + 60},
                {SCOPE "%2Fregistrations%2Fdev0001", DERIVED_KEY, "service", now_s + 60},
        };
        static const char target[] = "/" SCOPE "/registrations/dev0001/register" VERSION;
        struct web_answer answer;

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                CLEANUP(mem_cleanup) char *token = authorization(&parts[i]);

                answer = web_request(&scene->server, "PUT", target, token, "{}");
                assert_error(&answer, 401, 401002);
                web_answer_deinit(&answer);
        }
        answer = web_request(&scene->server, "PUT", target, NULL, "{}");
        assert_error(&answer, 401, 401002);
        web_answer_deinit(&answer);
        assert_false(registry_device_get(scene->registry, 0, "dev0001", NULL));
}

/* As Node's DPS client signs: the resource raw. */
static void a_raw_resource_is_accepted(void **state)
{
        struct scene *scene = *state;
        CLEANUP(mem_cleanup)
        char *token = authorization(&(struct token_parts){
                SCOPE "/registrations/dev0001",
                DERIVED_KEY,
                "registration",
                clock_wall_ms() / 1000 + 60,
        });
        struct web_answer answer =
                web_request(&scene->server, "PUT",
                            "/" SCOPE "/registrations/dev0001/register" VERSION, token, "{}");

        assert_assigned(&answer, "localhost:15671", "dev0001");
        web_answer_deinit(&answer);
}

static void bad_requests_say_what_is_wrong(void **state)
{
        struct scene *scene = *state;
        CLEANUP(mem_cleanup) char *token = good_token("dev0001", DERIVED_KEY);
        CLEANUP(mem_cleanup) char *body = NULL;
        struct web_answer answer;

        answer = web_request(&scene->server, "PUT", "/0ne0/registrations/dev0001/register" VERSION,
                             token, "{}");
        assert_error(&answer, 404, 404001);
        web_answer_deinit(&answer);
        answer = web_request(&scene->server, "PUT", "/" SCOPE "/registrations/dev0001/register",
                             token, "{}");
        assert_error(&answer, 400, 400004);
        web_answer_deinit(&answer);
        answer = web_request(&scene->server, "DELETE",
                             "/" SCOPE "/registrations/dev0001/register" VERSION, token, "{}");
        assert_error(&answer, 405, 405001);
        web_answer_deinit(&answer);
        answer = web_request(&scene->server, "GET", "/other" VERSION, token, NULL);
        assert_error(&answer, 404, 404001);
        web_answer_deinit(&answer);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{\"payload\":");
        assert_error(&answer, 400, 400004);
        web_answer_deinit(&answer);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "[]");
        assert_error(&answer, 400, 400004);
        web_answer_deinit(&answer);
        body = mem_new(1, BODY_MAX + 2);
        memset(body, ' ', BODY_MAX + 1);
        answer = register_as(scene, "dev0001", DERIVED_KEY, body);
        assert_error(&answer, 413, 413001);
        web_answer_deinit(&answer);
        answer = register_as(scene, "a%20b", DERIVED_KEY, "{}");
        assert_error(&answer, 400, 400004);
        web_answer_deinit(&answer);
}

/* --- faults ---------------------------------------------------------------------------------- */

static void add_fault(struct scene *scene, struct fault fault)
{
        struct reason reason = REASON_INIT;

        fault.remaining = 1;
        assert_true(faults_add(scene->faults, &fault, &reason) > 0);
}

static void throttling_says_when_to_come_back(void **state)
{
        struct scene *scene = *state;
        struct fault fault = FAULT_INIT(FAULT_DPS_STATUS);
        struct web_answer answer;
        struct dps_endpoint_counts counts;
        char *retry_after;

        fault.status = 429;
        fault.error_code = 429001;
        fault.retry_after_s = 7;
        add_fault(scene, fault);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_error(&answer, 429, 429001);
        retry_after = web_header(&answer, "Retry-After");
        assert_string_equal(retry_after, "7");
        free(retry_after);
        web_answer_deinit(&answer);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_assigned(&answer, "localhost:15671", "dev0001");
        web_answer_deinit(&answer);
        dps_endpoint_counts(scene->dps, &counts);
        assert_int_equal(counts.registers, 2);
        assert_int_equal(counts.throttled, 1);
        assert_int_equal(counts.assigned, 1);
}

static void a_quota_is_kept_and_told(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;
        struct dps_endpoint_counts counts;
        char *retry_after;

        start_dps_with(scene,
                       (struct dps_endpoint_options){.quota = {.quota = 2, .window_ms = 3600000}});
        for (int i = 0; i < 2; i++) {
                answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
                assert_assigned(&answer, "localhost:15671", "dev0001");
                web_answer_deinit(&answer);
        }
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_error(&answer, 429, 429001);
        retry_after = web_header(&answer, "Retry-After");
        assert_in_range(atoi(retry_after), 3000, 3600);
        free(retry_after);
        web_answer_deinit(&answer);
        dps_endpoint_counts(scene->dps, &counts);
        assert_int_equal(counts.registers, 3);
        assert_int_equal(counts.throttled, 1);
}

static void a_delay_is_drawn_from_its_range_and_asked_for_as_told(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;
        char *retry_after;

        start_dps_with(scene, (struct dps_endpoint_options){.assignment_delay_ms = 3600000,
                                                            .assignment_delay_max_ms = 7200000,
                                                            .retry_after_s = 5});
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_int_equal(answer.status, 202);
        retry_after = web_header(&answer, "Retry-After");
        assert_string_equal(retry_after, "5");
        free(retry_after);
        web_answer_deinit(&answer);
}

static void a_registration_can_be_made_to_fail_or_to_take_long(void **state)
{
        struct scene *scene = *state;
        struct fault failed = FAULT_INIT(FAULT_DPS_FAILED);
        struct fault slow = FAULT_INIT(FAULT_DPS_SLOW);
        struct web_answer answer;

        failed.error_code = 400209;
        add_fault(scene, failed);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_int_equal(answer.status, 200);
        assert_string_equal(json_text_member(answer.json, "status"), "failed");
        web_answer_deinit(&answer);
        slow.delay_ms = 3600000;
        add_fault(scene, slow);
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_int_equal(answer.status, 202);
        web_answer_deinit(&answer);
}

static void a_connection_can_be_refused(void **state)
{
        struct scene *scene = *state;
        struct web_answer answer;

        add_fault(scene, FAULT_INIT(FAULT_CONNECT));
        answer = register_as(scene, "dev0001", DERIVED_KEY, "{}");
        assert_int_equal(answer.status, 0);
        web_answer_deinit(&answer);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, start, stop)
        const struct CMUnitTest tests[] = {
                SCENE(a_device_of_a_group_is_assigned_with_its_model),
                SCENE(iotc_model_ids_and_empty_bodies_are_understood),
                SCENE(an_individual_enrolment_may_name_another_device_id),
                SCENE(a_delayed_assignment_is_polled_for),
                SCENE(operations_of_others_are_not_found),
                SCENE(an_operation_survives_a_restart),
                SCENE(the_last_result_can_be_looked_up),
                SCENE(devices_spread_over_the_hubs_and_stay),
                SCENE(a_device_whose_hub_has_gone_migrates),
                SCENE(no_hub_to_assign_ends_as_failed),
                SCENE(a_disabled_enrolment_is_said_to_be_disabled),
                SCENE(bad_credentials_get_401002),
                SCENE(a_raw_resource_is_accepted),
                SCENE(bad_requests_say_what_is_wrong),
                SCENE(throttling_says_when_to_come_back),
                SCENE(a_quota_is_kept_and_told),
                SCENE(a_delay_is_drawn_from_its_range_and_asked_for_as_told),
                SCENE(a_registration_can_be_made_to_fail_or_to_take_long),
                SCENE(a_connection_can_be_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
