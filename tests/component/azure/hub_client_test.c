// SPDX-License-Identifier: MIT
/* The client over real TLS sockets, with its own thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure/hub_client.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "component/azure/hub_listener.h"

#define DEADLINE_MS 20000
#define DEVICE_KEY  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

/* A device and its owner; the counters may be read by the test. */
struct owner {
        struct hub_client *client;
        struct hub_device *device;
        char hub[64];
        char id[16];
        int to_send;
        atomic_int ready;
        atomic_int connecting;
        atomic_int refused;
        atomic_int accepted;
        atomic_int unknown;
};

struct scene {
        struct hub_listener listener;
        struct hub_client *client;
        struct owner owner;
        int port;
};

static void send_all(struct owner *owner)
{
        const struct hub_message message = {.message_id = "m", .body = "{}", .body_size = 2};

        while (owner->to_send > 0 && hub_device_send(owner->device, &message, 1))
                owner->to_send--;
}

static void on_state(void *context, enum hub_device_state state, enum hub_refusal refusal,
                     const struct reason *reason)
{
        struct owner *owner = context;

        (void)refusal;
        (void)reason;
        if (state == HUB_DEVICE_READY) {
                atomic_fetch_add(&owner->ready, 1);
                send_all(owner);
        } else {
                atomic_fetch_add(state == HUB_DEVICE_REFUSED ? &owner->refused : &owner->connecting,
                                 1);
        }
}

static void on_outcome(void *context, uint64_t token, enum hub_outcome outcome,
                       const struct reason *reason)
{
        struct owner *owner = context;

        (void)token;
        (void)reason;
        if (outcome == HUB_ACCEPTED) {
                atomic_fetch_add(&owner->accepted, 1);
        } else {
                atomic_fetch_add(&owner->unknown, 1);
                owner->to_send++;
        }
        send_all(owner);
}

static const struct hub_device_handler handler = {.state = on_state, .outcome = on_outcome};

static void open_device(void *context)
{
        struct owner *owner = context;
        const struct hub_identity identity = {
                .hub = owner->hub, .device_id = owner->id, .key = DEVICE_KEY};

        owner->device = hub_device_open(owner->client, &identity, &handler, owner);
}

static void send_more(void *context)
{
        struct owner *owner = context;

        owner->to_send += 100;
        send_all(owner);
}

static bool eventually(const atomic_int *value, int at_least)
{
        int64_t deadline_ms = clock_steady_ms() + DEADLINE_MS;

        while (atomic_load(value) < at_least && clock_steady_ms() < deadline_ms)
                usleep(1000);
        return atomic_load(value) >= at_least;
}

static void start(struct scene *scene, const char *name, const char *trusted)
{
        const struct hub_client_options options = {
                .trusted_certificates = trusted,
                .backoff_min_ms = 20,
                .backoff_max_ms = 100,
        };
        struct reason reason = REASON_INIT;

        assert_int_equal(hub_client_new(&options, &scene->client, &reason), 0);
        scene->owner.client = scene->client;
        snprintf(scene->owner.hub, sizeof(scene->owner.hub), "%s:%d", name, scene->port);
        snprintf(scene->owner.id, sizeof(scene->owner.id), "dev1");
        hub_client_post(scene->client, open_device, &scene->owner);
}

static int setup(void **state)
{
        struct scene *scene = mem_new(1, sizeof(*scene));

        listener_init(&scene->listener, "localhost");
        scene->port = listener_start(&scene->listener, 0);
        assert_true(scene->port > 0);
        *state = scene;
        return 0;
}

static int teardown(void **state)
{
        struct scene *scene = *state;

        hub_client_free(scene->client, 5000);
        listener_stop(&scene->listener);
        listener_deinit(&scene->listener);
        free(scene);
        return 0;
}

static void messages_go_over_tls(void **state)
{
        struct scene *scene = *state;
        int64_t connects = metrics_counter_value(METRIC_HUB_CONNECTS);

        scene->owner.to_send = 1000;
        start(scene, "localhost", scene->listener.certificate);
        assert_true(eventually(&scene->owner.accepted, 1000));
        hub_client_post(scene->client, send_more, &scene->owner);
        assert_true(eventually(&scene->owner.accepted, 1100));
        assert_int_equal(metrics_counter_value(METRIC_HUB_CONNECTS), connects + 1);
        assert_int_equal(metrics_gauge_value(METRIC_HUB_CONNECTIONS), 1);
        assert_int_equal(metrics_gauge_value(METRIC_DEVICES_CONNECTED), 1);
        hub_client_free(scene->client, 5000);
        scene->client = NULL;
        assert_int_equal(metrics_gauge_value(METRIC_HUB_CONNECTIONS), 0);
        assert_int_equal(metrics_gauge_value(METRIC_DEVICES_CONNECTED), 0);
        assert_int_equal(atomic_load(&scene->owner.unknown), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(messages_go_over_tls, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
