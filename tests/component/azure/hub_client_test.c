// SPDX-License-Identifier: MIT
/* The client over real TLS sockets, with its own thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure/hub/hub_client.h"
#include "azure/lookup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "component/azure/hub_listener.h"
#include "support/certificates.h"

#define DEADLINE_MS 20000
#define DEVICE_KEY  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static struct loop *loop;

/* With a loop of its own. */
static struct hub_client *client_new(const struct hub_client_options *options)
{
        struct hub_client_options with_loop = *options;
        struct reason reason = REASON_INIT;
        struct hub_client *client;

        loop = loop_new();
        with_loop.loop = loop;
        assert_int_equal(hub_client_new(&with_loop, &client, &reason), 0);
        return client;
}

static void client_free(struct hub_client *client, int64_t patience_ms)
{
        hub_client_free(client, patience_ms);
        loop_free(loop);
        loop = NULL;
}

/* A device and its owner; the counters may be read by the test. */
struct owner {
        struct hub_client *client;
        struct hub_device *device;
        char hub[64];
        char id[16];
        struct certificate *certificate;
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
                .hub = owner->hub,
                .device_id = owner->id,
                .key = owner->certificate != NULL ? NULL : DEVICE_KEY,
                .certificate = owner->certificate,
        };

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

        scene->client = client_new(&options);
        scene->owner.client = scene->client;
        snprintf(scene->owner.hub, sizeof(scene->owner.hub), "%s:%d", name, scene->port);
        snprintf(scene->owner.id, sizeof(scene->owner.id), "dev1");
        loop_post(loop, open_device, &scene->owner);
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

        client_free(scene->client, 5000);
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
        loop_post(loop, send_more, &scene->owner);
        assert_true(eventually(&scene->owner.accepted, 1100));
        assert_int_equal(metrics_counter_value(METRIC_HUB_CONNECTS), connects + 1);
        assert_int_equal(metrics_gauge_value(METRIC_HUB_CONNECTIONS), 1);
        assert_int_equal(metrics_gauge_value(METRIC_DEVICES_CONNECTED), 1);
        client_free(scene->client, 5000);
        scene->client = NULL;
        assert_int_equal(metrics_gauge_value(METRIC_HUB_CONNECTIONS), 0);
        assert_int_equal(metrics_gauge_value(METRIC_DEVICES_CONNECTED), 0);
        assert_int_equal(atomic_load(&scene->owner.unknown), 0);
}

/* The certificate of the hub is not trusted, or is another host's: no token is ever sent. */
static void expect_no_connection(struct scene *scene, const char *name, const char *trusted)
{
        int64_t connects = metrics_counter_value(METRIC_HUB_CONNECTS);

        start(scene, name, trusted);
        assert_true(eventually(&scene->listener.accepted, 3));
        client_free(scene->client, 1000);
        scene->client = NULL;
        assert_int_equal(atomic_load(&scene->listener.opened), 0);
        assert_int_equal(atomic_load(&scene->owner.ready), 0);
        assert_int_equal(metrics_counter_value(METRIC_HUB_CONNECTS), connects);
}

/* The listener starts anew as one that lets nobody in without a certificate of `trusted`. */
static void ask_for_certificates(struct scene *scene, const struct certificate *trusted)
{
        CLEANUP(mem_cleanup)
        char *clients = mem_format("%s/clients.pem", scene->listener.directory);
        const char *pem = certificate_chain(trusted);
        struct reason reason = REASON_INIT;

        assert_int_equal(file_write(clients, 0600, pem, strlen(pem), &reason), 0);
        listener_stop(&scene->listener);
        scene->listener.clients = clients;
        assert_int_equal(listener_start(&scene->listener, scene->port), scene->port);
        unlink(clients);
        scene->listener.clients = "read already";
}

static void a_device_is_known_by_its_certificate(void **state)
{
        struct scene *scene = *state;
        CLEANUP(certificate_cleanup) struct certificate *ca = test_certificate_made("ca", NULL);
        CLEANUP(certificate_cleanup) struct certificate *own = test_certificate_made("dev1", ca);

        ask_for_certificates(scene, ca);
        scene->owner.certificate = own;
        scene->owner.to_send = 10;
        start(scene, "localhost", scene->listener.certificate);
        assert_true(eventually(&scene->owner.accepted, 10));
        client_free(scene->client, 5000);
        scene->client = NULL;
        assert_int_equal(atomic_load(&scene->owner.refused), 0);
        assert_int_equal(scene->listener.seen.tokens, 0);
}

static void a_certificate_that_the_hub_does_not_take_is_a_refusal(void **state)
{
        struct scene *scene = *state;
        CLEANUP(certificate_cleanup) struct certificate *ca = test_certificate_made("ca", NULL);
        CLEANUP(certificate_cleanup)
        struct certificate *another = test_certificate_made("other", NULL);
        CLEANUP(certificate_cleanup)
        struct certificate *own = test_certificate_made("dev1", another);

        ask_for_certificates(scene, ca);
        scene->owner.certificate = own;
        start(scene, "localhost", scene->listener.certificate);
        assert_true(eventually(&scene->owner.refused, 1));
        assert_int_equal(atomic_load(&scene->owner.ready), 0);
}

static void an_untrusted_hub_is_not_spoken_to(void **state)
{
        expect_no_connection(*state, "localhost", NULL);
}

static void a_hub_of_another_name_is_not_spoken_to(void **state)
{
        struct scene *scene = *state;

        expect_no_connection(scene, "127.0.0.1", scene->listener.certificate);
}

static void devices_survive_a_restart_of_the_hub(void **state)
{
        struct scene *scene = *state;

        scene->owner.to_send = 10;
        start(scene, "localhost", scene->listener.certificate);
        assert_true(eventually(&scene->owner.accepted, 10));
        listener_stop(&scene->listener);
        assert_true(eventually(&scene->owner.connecting, 1));
        loop_post(loop, send_more, &scene->owner);
        assert_int_equal(listener_start(&scene->listener, scene->port), scene->port);
        assert_true(eventually(&scene->owner.accepted, 110));
}

static void free_tells_what_is_unsettled(void **state)
{
        struct scene *scene = *state;

        scene->listener.script.outcome = 0;
        scene->owner.to_send = 10;
        start(scene, "localhost", scene->listener.certificate);
        assert_true(eventually(&scene->listener.messages, 10));
        assert_int_equal(atomic_load(&scene->owner.unknown), 0);
        client_free(scene->client, 100);
        scene->client = NULL;
        assert_int_equal(atomic_load(&scene->owner.unknown), 10);
}

static void free_waits_for_answers(void **state)
{
        struct scene *scene = *state;

        scene->owner.to_send = 100;
        start(scene, "localhost", scene->listener.certificate);
        assert_true(eventually(&scene->owner.ready, 2));
        client_free(scene->client, DEADLINE_MS);
        scene->client = NULL;
        assert_int_equal(atomic_load(&scene->owner.accepted), 100);
        assert_int_equal(atomic_load(&scene->owner.unknown), 0);
}

static void a_name_without_address_is_tried_again(void **state)
{
        struct scene *scene = *state;

        start(scene, "no-such-host.invalid", NULL);
        usleep(1000);
        client_free(scene->client, 1000);
        scene->client = NULL;
        assert_int_equal(atomic_load(&scene->owner.ready), 0);
}

/* Whatever was under way: looking the name up, connecting, TLS. */
static void a_client_may_be_freed_at_any_moment(void **state)
{
        struct scene *scene = *state;

        for (int i = 0; i < 40; i++) {
                start(scene, "localhost", scene->listener.certificate);
                usleep((useconds_t)(i / 10 * 300));
                client_free(scene->client, 0);
                scene->client = NULL;
        }
}

static void certificates_that_are_none_are_refused_by_name(void **state)
{
        static const char *const paths[] = {"/nonexistent/ca.pem", "/etc/hostname"};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                const struct hub_client_options options = {.trusted_certificates = paths[i]};
                struct hub_client *client = NULL;
                struct reason reason = REASON_INIT;

                assert_int_equal(hub_client_new(&options, &client, &reason), -EINVAL);
                assert_non_null(strstr(reason.text, paths[i]));
                assert_null(client);
        }
}

/* --- posts and timers ------------------------------------------------------------------------ */

#define POSTERS 4
#define POSTS   2000

struct poster {
        struct hub_client *client;
        pthread_t thread;
        int next; /* of the thread "loop" */
        bool in_order;
        atomic_int done;
        struct numbered {
                struct poster *poster;
                int number;
        } posts[POSTS];
};

static void take_number(void *context)
{
        const struct numbered *post = context;
        struct poster *poster = post->poster;

        if (!thread_is(LOOP_THREAD) || post->number != poster->next++)
                poster->in_order = false;
        atomic_fetch_add(&poster->done, 1);
}

static void *post_all(void *context)
{
        struct poster *poster = context;

        for (int i = 0; i < POSTS; i++) {
                poster->posts[i] = (struct numbered){poster, i};
                loop_post(loop, take_number, &poster->posts[i]);
        }
        return NULL;
}

static void posts_keep_their_order(void **state)
{
        static struct poster posters[POSTERS];
        const struct hub_client_options options = {0};
        struct hub_client *client;

        (void)state;
        client = client_new(&options);
        for (size_t i = 0; i < POSTERS; i++) {
                posters[i].client = client;
                posters[i].in_order = true;
                thread_start(&posters[i].thread, post_all, &posters[i]);
        }
        for (size_t i = 0; i < POSTERS; i++)
                pthread_join(posters[i].thread, NULL);
        client_free(client, 0); /* runs what was posted before */
        for (size_t i = 0; i < POSTERS; i++) {
                assert_int_equal(atomic_load(&posters[i].done), POSTS);
                assert_true(posters[i].in_order);
        }
}

struct ticking {
        struct timer timer;
        struct timer never;
        struct hub_client *client;
        atomic_int ticks;
        atomic_int stopped_ran;
};

static void tick(struct timer *timer)
{
        struct ticking *ticking = list_entry(timer, struct ticking, timer);

        if (atomic_fetch_add(&ticking->ticks, 1) < 20)
                loop_timer_start(loop, timer, 1);
        else
                loop_timer_stop(loop, &ticking->never);
}

static void must_not_run(struct timer *timer)
{
        atomic_fetch_add(&list_entry(timer, struct ticking, never)->stopped_ran, 1);
}

static void start_ticking(void *context)
{
        struct ticking *ticking = context;

        ticking->timer.run = tick;
        ticking->never.run = must_not_run;
        loop_timer_start(loop, &ticking->timer, 0);
        loop_timer_start(loop, &ticking->never, DEADLINE_MS);
}

static void timers_run_on_the_thread(void **state)
{
        const struct hub_client_options options = {0};
        struct ticking ticking = {.ticks = 0};

        (void)state;
        ticking.client = client_new(&options);
        loop_post(loop, start_ticking, &ticking);
        assert_true(eventually(&ticking.ticks, 21));
        client_free(ticking.client, 0);
        assert_int_equal(atomic_load(&ticking.stopped_ran), 0);
}

/* --- names ----------------------------------------------------------------------------------- */

struct naming {
        struct hub_client *client;
        const char *host;
        unsigned which;
        bool cancel;
        char address[64];
        bool failed;
        atomic_int done;
};

static void named(void *context, const char *address, const char *why)
{
        struct naming *naming = context;

        naming->failed = address == NULL && why != NULL && why[0] != '\0';
        snprintf(naming->address, sizeof(naming->address), "%s", address == NULL ? "" : address);
        atomic_fetch_add(&naming->done, 1);
}

static void look_up(void *context)
{
        struct naming *naming = context;
        struct lookup *lookup = lookup_start(loop, naming->host, naming->which, named, naming);

        if (naming->cancel)
                lookup_cancel(lookup);
}

static void names_become_addresses(void **state)
{
        const struct hub_client_options options = {0};
        struct naming namings[] = {
                {.host = "127.0.0.1", .which = 0}, {.host = "127.0.0.1", .which = 7},
                {.host = "::1", .which = 3},       {.host = "localhost", .which = 0},
                {.host = "no-such-host.invalid"},
        };
        struct hub_client *client;

        (void)state;
        client = client_new(&options);
        for (size_t i = 0; i < ARRAY_SIZE(namings); i++) {
                namings[i].client = client;
                loop_post(loop, look_up, &namings[i]);
                assert_true(eventually(&namings[i].done, 1));
        }
        client_free(client, 0);
        assert_string_equal(namings[0].address, "127.0.0.1");
        assert_string_equal(namings[1].address, "127.0.0.1");
        assert_string_equal(namings[2].address, "::1");
        assert_string_equal(namings[3].address, "127.0.0.1"); /* IPv4 first */
        assert_true(namings[4].failed);
}

static void a_cancelled_lookup_says_nothing(void **state)
{
        static struct naming namings[50];
        const struct hub_client_options options = {0};
        struct hub_client *client;

        (void)state;
        client = client_new(&options);
        for (size_t i = 0; i < ARRAY_SIZE(namings); i++) {
                namings[i].client = client;
                namings[i].host = "localhost";
                namings[i].cancel = true;
                loop_post(loop, look_up, &namings[i]);
        }
        client_free(client, 0);
        for (size_t i = 0; i < ARRAY_SIZE(namings); i++)
                assert_int_equal(atomic_load(&namings[i].done), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(messages_go_over_tls),
                TEST(a_device_is_known_by_its_certificate),
                TEST(a_certificate_that_the_hub_does_not_take_is_a_refusal),
                TEST(an_untrusted_hub_is_not_spoken_to),
                TEST(a_hub_of_another_name_is_not_spoken_to),
                TEST(devices_survive_a_restart_of_the_hub),
                TEST(free_tells_what_is_unsettled),
                TEST(free_waits_for_answers),
                TEST(a_name_without_address_is_tried_again),
                TEST(a_client_may_be_freed_at_any_moment),
                cmocka_unit_test(certificates_that_are_none_are_refused_by_name),
                cmocka_unit_test(posts_keep_their_order),
                cmocka_unit_test(timers_run_on_the_thread),
                cmocka_unit_test(names_become_addresses),
                cmocka_unit_test(a_cancelled_lookup_says_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
