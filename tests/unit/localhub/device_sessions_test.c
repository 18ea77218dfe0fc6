// SPDX-License-Identifier: MIT
/* Devices that are connected, with two protocols that this test plays: no AMQP is involved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "localhub/sessions/device_sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define HUB 0

static struct {
        struct registry *registry;
        struct timers timers;
        int64_t now_ms;
        struct device_sessions all;
} world;

/* A session of the test's own protocol, and what it was told. */
struct client {
        struct device_session session;
        unsigned waiting; /* 1 << enum device_work */
        int taken_over;
};

static void on_waiting(struct device_session *session, enum device_work work)
{
        ((struct client *)session)->waiting |= 1U << work;
}

static void on_taken_over(struct device_session *session)
{
        ((struct client *)session)->taken_over++;
}

static const struct device_protocol one = {.waiting = on_waiting, .taken_over = on_taken_over};
static const struct device_protocol other = {.waiting = on_waiting, .taken_over = on_taken_over};

static void open_client(struct client *client, const struct device_protocol *protocol,
                        const char *device)
{
        *client = (struct client){.waiting = 0};
        device_session_init(&client->session, &world.all, protocol, HUB, device, "c");
        device_session_connect(&client->session);
}

static bool has_work(struct client *client, enum device_work work)
{
        bool has = (client->waiting & 1U << work) != 0;

        client->waiting &= ~(1U << work);
        return has;
}

static int set_up(void **state)
{
        static const struct registry_device_settings settings = {.primary_key = NULL};
        int hub = -1;

        (void)state;
        memset(&world, 0, sizeof(world));
        world.now_ms = 1000;
        device_sessions_init(&world.all, &world.timers, &world.now_ms);
        assert_int_equal(
                registry_open(&(struct registry_options){.directory = NULL}, &world.registry, NULL),
                0);
        world.all.registry = world.registry;
        assert_int_equal(registry_hub_add(world.registry, "hub1", 1, &hub, NULL), 0);
        assert_int_equal(hub, HUB);
        assert_int_equal(registry_device_put(world.registry, HUB, "d1", REGISTRY_CREATE, &settings,
                                             NULL, NULL),
                         0);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        device_sessions_deinit(&world.all);
        timers_deinit(&world.timers);
        registry_close(world.registry);
        return 0;
}

/* --- who owns an identity -------------------------------------------------------------------- */

static bool is_connected(void)
{
        struct registry_device device;

        assert_true(registry_device_get(world.registry, HUB, "d1", &device));
        return device.connected;
}

static void the_last_one_owns_whatever_it_speaks(void **state)
{
        struct client first;
        struct client second;

        (void)state;
        open_client(&first, &one, "d1");
        assert_true(is_connected());
        open_client(&second, &other, "d1");
        assert_int_equal(first.taken_over, 1);
        assert_int_equal(second.taken_over, 0);
        assert_ptr_equal(device_owner_find(&world.all, HUB, "d1"), &second.session);
        /* The older one's end is not the device's. */
        device_session_disconnect(&first.session);
        assert_true(is_connected());
        device_session_connect(&second.session);
        assert_int_equal(second.taken_over, 0);
        device_session_disconnect(&second.session);
        assert_false(is_connected());
        assert_null(device_owner_find(&world.all, HUB, "d1"));
        device_session_deinit(&first.session);
        device_session_deinit(&second.session);
}

static void messages_are_told_to_the_owner_alone(void **state)
{
        struct client first;
        struct client second;

        (void)state;
        device_sessions_commands_wait(&world.all, HUB, "d1");
        open_client(&first, &one, "d1");
        open_client(&second, &other, "d1");
        device_sessions_commands_wait(&world.all, HUB, "d1");
        device_sessions_commands_wait(&world.all, HUB, "d2");
        device_sessions_commands_wait(&world.all, HUB + 1, "d1");
        assert_false(has_work(&first, DEVICE_WORK_COMMANDS));
        assert_true(has_work(&second, DEVICE_WORK_COMMANDS));
        device_session_deinit(&first.session);
        device_session_deinit(&second.session);
}

/* --- methods --------------------------------------------------------------------------------- */

static struct {
        int count;
        enum local_hub_method_result result;
        int status;
        char payload[32];
} called;

static void on_done(void *context, enum local_hub_method_result result, int status,
                    const void *payload, size_t size)
{
        (void)context;
        called.count++;
        called.result = result;
        called.status = status;
        snprintf(called.payload, sizeof(called.payload), "%.*s", (int)size,
                 payload ? (const char *)payload : "");
}

static void invoke(const char *device, int64_t connect_ms)
{
        static char payload[] = "{}";
        const struct local_hub_method method = {.name = "reboot",
                                                .payload = payload,
                                                .payload_size = 2,
                                                .connect_timeout_ms = connect_ms,
                                                .response_timeout_ms = 5000};

        memset(&called, 0, sizeof(called));
        device_sessions_invoke(&world.all, HUB, device, &method, on_done, NULL);
}

static void pass(int64_t ms)
{
        world.now_ms += ms;
        timers_run(&world.timers, world.now_ms);
}

static void a_call_is_fetched_once_and_answered_by_its_id_in_any_case(void **state)
{
        struct device_call *call;
        struct client client;
        char upper[CRYPTO_UUID_SIZE];

        (void)state;
        open_client(&client, &one, "d1");
        device_session_take_methods(&client.session, true);
        assert_true(has_work(&client, DEVICE_WORK_METHODS));
        invoke("d1", 0);
        assert_true(has_work(&client, DEVICE_WORK_METHODS));
        call = device_session_next_call(&client.session);
        assert_string_equal(call->name, "reboot");
        assert_string_equal(buf_text(&call->payload), "{}");
        assert_null(device_session_next_call(&client.session));
        device_session_answer(&client.session, "no-such-id", 200, NULL, 0);
        assert_int_equal(called.count, 0);
        for (size_t i = 0; i < sizeof(upper); i++)
                upper[i] = (char)(call->uuid[i] >= 'a' ? call->uuid[i] - 32 : call->uuid[i]);
        device_session_answer(&client.session, upper, 201, "[1]", 3);
        assert_int_equal(called.count, 1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_ANSWERED);
        assert_int_equal(called.status, 201);
        assert_string_equal(called.payload, "[1]");
        pass(10000);
        assert_int_equal(called.count, 1);
        device_session_deinit(&client.session);
}

static void a_call_ends_for_the_reason_that_comes_first(void **state)
{
        struct client client;

        (void)state;
        invoke("nobody", 60000);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_NO_DEVICE);
        invoke("d1", 0);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_OFFLINE);
        invoke("d1", 2000);
        assert_int_equal(called.count, 0);
        pass(2000);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_OFFLINE);
        invoke("d1", 2000);
        open_client(&client, &one, "d1");
        device_session_take_methods(&client.session, true);
        assert_non_null(device_session_next_call(&client.session));
        pass(4999);
        assert_int_equal(called.count, 0);
        pass(1);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_TIMEOUT);
        invoke("d1", 0);
        assert_non_null(device_session_next_call(&client.session));
        device_session_take_methods(&client.session, false);
        assert_int_equal(called.result, LOCAL_HUB_METHOD_LOST);
        device_session_deinit(&client.session);
}

/* --- desired properties ---------------------------------------------------------------------- */

static void desired_properties_are_told_to_the_subscribed_owner_in_order(void **state)
{
        struct client client;
        char *patch;

        (void)state;
        device_sessions_desired(&world.all, HUB, "d1", "{\"a\":0}");
        open_client(&client, &one, "d1");
        device_sessions_desired(&world.all, HUB, "d1", "{\"a\":1}");
        assert_null(device_session_next_patch(&client.session));
        device_session_subscribe(&client.session, true);
        device_sessions_desired(&world.all, HUB, "d1", "{\"a\":2}");
        device_sessions_desired(&world.all, HUB, "d1", "{\"a\":3}");
        assert_true(has_work(&client, DEVICE_WORK_TWIN));
        patch = device_session_next_patch(&client.session);
        assert_string_equal(patch, "{\"a\":2}");
        free(patch);
        device_session_subscribe(&client.session, false);
        assert_null(device_session_next_patch(&client.session));
        device_session_deinit(&client.session);
}

/* Nobody may fill the memory by not reading. */
static void a_reader_that_is_too_slow_misses_patches(void **state)
{
        struct client client;
        char *patch;
        int count = 0;

        (void)state;
        open_client(&client, &one, "d1");
        device_session_subscribe(&client.session, true);
        for (int i = 0; i < 150; i++)
                device_sessions_desired(&world.all, HUB, "d1", "{}");
        while ((patch = device_session_next_patch(&client.session)) != NULL) {
                free(patch);
                count++;
        }
        assert_int_equal(count, 100);
        device_session_deinit(&client.session);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_last_one_owns_whatever_it_speaks, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(messages_are_told_to_the_owner_alone, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        a_call_is_fetched_once_and_answered_by_its_id_in_any_case, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(a_call_ends_for_the_reason_that_comes_first, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        desired_properties_are_told_to_the_subscribed_owner_in_order, set_up,
                        tear_down),
                cmocka_unit_test_setup_teardown(a_reader_that_is_too_slow_misses_patches, set_up,
                                                tear_down),
        };

        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
        return cmocka_run_group_tests_name("localhub.device_sessions", tests, NULL, NULL);
}
