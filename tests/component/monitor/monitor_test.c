// SPDX-License-Identifier: MIT
/*
 * The monitor with its thread, against a server on this machine that plays Application Insights'
 * ingestion and the metadata service of a virtual machine (rules A5 and A6).
 */
#include "monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "monitor/monitor_target.h"
#include "support/http_server.h"

#define TRACK "/v2.1/track"

struct world {
        struct test_http_server *server;
        pthread_mutex_t lock;
        struct buf asked;   /* heads of the requests for tokens */
        struct buf shown;   /* of each track request its token, or "none", with a blank behind it */
        int tokens;         /* given */
        int tracks;         /* asked */
        bool without_token; /* there is no such identity */
        const char *refused; /* a token; NULL = none */
        int status;          /* of it */
        int every_second;    /* status of every other one; 0 = as the others */
        enum test_http_then then;
        int64_t sent_before;
        int64_t dropped_before;
};

static void answer_token(struct world *world, const struct test_http_request *request,
                         struct buf *out)
{
        CLEANUP(mem_cleanup) char *body = NULL;

        buf_add(&world->asked, request->headers.data, request->headers.size);
        if (world->without_token) {
                test_http_answer(out, 400, "", "{\"error\":\"invalid_request\"}");
                return;
        }
        body = mem_format("{\"access_token\":\"TOKEN-%d\",\"expires_in\":\"3600\"}",
                          ++world->tokens);
        test_http_answer(out, 200, "", body);
}

static void answer_track(struct world *world, const struct test_http_request *request,
                         struct buf *out)
{
        CLEANUP(buf_deinit) struct buf shown = BUF_INIT;
        int status = world->status;

        if (!test_http_header(request, "Authorization", &shown))
                buf_add_text(&shown, "none");
        buf_add_format(&world->shown, "%s ", buf_text(&shown));
        world->tracks++;
        if (world->every_second && world->tracks % 2 == 0)
                status = world->every_second;
        if (world->refused && strcmp(world->refused, buf_text(&shown)) == 0)
                status = 401;
        if (world->then == TEST_HTTP_KEEP)
                test_http_answer(out, status, world->every_second ? "Retry-After: 0\r\n" : "",
                                 "{\"errors\":[]}");
}

static enum test_http_then answer(void *context, const struct test_http_request *request,
                                  struct buf *out)
{
        struct world *world = context;
        enum test_http_then then = TEST_HTTP_KEEP;

        pthread_mutex_lock(&world->lock);
        if (strcmp(request->target, TRACK) == 0) {
                answer_track(world, request, out);
                then = world->then;
        } else {
                answer_token(world, request, out);
        }
        pthread_mutex_unlock(&world->lock);
        return then;
}

static int set_up(void **state)
{
        static struct world world;

        world = (struct world){
                .status = 200,
                .then = TEST_HTTP_KEEP,
                .sent_before = metrics_counter_value(METRIC_INSIGHTS_SENT),
                .dropped_before = metrics_counter_value(METRIC_INSIGHTS_DROPPED),
        };
        pthread_mutex_init(&world.lock, NULL);
        world.server = test_http_server_start(NULL, answer, &world);
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        test_http_server_stop(world->server);
        buf_deinit(&world->asked);
        buf_deinit(&world->shown);
        pthread_mutex_destroy(&world->lock);
        return 0;
}

static int64_t sent(const struct world *world)
{
        return metrics_counter_value(METRIC_INSIGHTS_SENT) - world->sent_before;
}

static int64_t dropped(const struct world *world)
{
        return metrics_counter_value(METRIC_INSIGHTS_DROPPED) - world->dropped_before;
}

static int64_t nothing_waits(void *context)
{
        (void)context;
        return 0;
}

/* Tells the server; `by_identity`: with tokens of the identity CLIENT-1. */
static struct monitor *start(struct world *world, bool by_identity)
{
        CLEANUP(mem_cleanup)
        char *string = mem_format("InstrumentationKey=11111111-2222-3333-4444-555555555555;"
                                  "IngestionEndpoint=http://127.0.0.1:%d/",
                                  test_http_server_port(world->server));
        CLEANUP(mem_cleanup)
        char *metadata = mem_format("AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:%d",
                                    test_http_server_port(world->server));
        char *const environment[] = {metadata, NULL};
        struct insights_string parsed = INSIGHTS_STRING_INIT;
        struct reason reason = REASON_INIT;
        struct monitor *monitor;

        assert_true(insights_string_parse(string, &parsed, &reason));
        assert_int_equal(monitor_start(
                                 &(struct monitor_options){
                                         .insights = &parsed,
                                         .by_identity = by_identity,
                                         .identity = "CLIENT-1",
                                         .environment = environment,
                                         .role = "isthmus",
                                         .operations_per_second = 1000000,
                                         .tells_logs = true,
                                         .logs = LOG_LEVEL_WARN,
                                         .numbers_ms = 3600 * 1000,
                                         .oldest_s = nothing_waits,
                                 },
                                 &monitor, &reason),
                         0);
        insights_string_deinit(&parsed);
        return monitor;
}

static void tell(struct monitor *monitor)
{
        monitor_dependency(monitor, &(struct monitor_dependency){
                                            .type = MONITOR_TYPE_HUB,
                                            .target = "hub1.azure-devices.net",
                                            .name = "send",
                                            .result = "accepted",
                                            .success = true,
                                            .started_ns = clock_steady_ns(),
                                            .stage = MONITOR_SEND,
                                            .stands_for = 1,
                                    });
}

/* Ends the server's threads, too: what they noted may be read. */
static void stop(struct world *world, struct monitor *monitor)
{
        monitor_stop(monitor);
        monitor_free(monitor);
        test_http_server_stop(world->server);
        world->server = NULL;
}

/* --- A5: tokens of Entra ID ------------------------------------------------------------------ */

static void a5_items_go_with_a_token_of_the_machine_s_identity(void **state)
{
        struct world *world = *state;
        struct monitor *monitor = start(world, true);

        tell(monitor);
        stop(world, monitor);
        assert_string_equal(buf_text(&world->shown), "Bearer TOKEN-1 ");
        assert_non_null(strstr(buf_text(&world->asked), "https%3A%2F%2Fmonitor.azure.com%2F"));
        assert_non_null(strstr(buf_text(&world->asked), "client_id=CLIENT-1"));
        assert_int_equal(dropped(world), 0);
        assert_true(sent(world) > 0);
}

static void a5_a_token_that_is_refused_is_renewed_once(void **state)
{
        struct world *world = *state;
        struct monitor *monitor;

        world->refused = "Bearer TOKEN-1";
        monitor = start(world, true);
        tell(monitor);
        stop(world, monitor);
        assert_string_equal(buf_text(&world->shown), "Bearer TOKEN-1 Bearer TOKEN-2 ");
        assert_int_equal(dropped(world), 0);
}

static void a5_an_identity_without_the_right_is_not_asked_for_ever(void **state)
{
        struct world *world = *state;
        struct monitor *monitor;

        world->status = 403;
        monitor = start(world, true);
        tell(monitor);
        stop(world, monitor);
        assert_string_equal(buf_text(&world->shown), "Bearer TOKEN-1 Bearer TOKEN-2 ");
        assert_int_equal(world->tokens, 2);
        assert_int_equal(sent(world), 0);
        assert_true(dropped(world) > 0);
}

static void a5_without_a_token_nothing_is_sent(void **state)
{
        struct world *world = *state;
        struct monitor *monitor;

        world->without_token = true;
        monitor = start(world, true);
        tell(monitor);
        stop(world, monitor);
        assert_string_equal(buf_text(&world->shown), "");
        assert_true(dropped(world) > 0);
}

static void a5_without_authentication_nobody_is_asked_for_a_token(void **state)
{
        struct world *world = *state;
        struct monitor *monitor;

        world->status = 401;
        monitor = start(world, false);
        tell(monitor);
        stop(world, monitor);
        assert_string_equal(buf_text(&world->shown), "none ");
        assert_int_equal(world->asked.size, 0);
}

/* --- A6: in nobody's way ---------------------------------------------------------------------- */

/* A service that holds the thread which sends for as long as the test wants. */
static struct {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool entered;
        bool released;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool wants_all(const struct monitor_item *item)
{
        (void)item;
        return true;
}

static void write_when_released(const void *context, struct monitor_item *const *items,
                                size_t count, struct buf *out)
{
        (void)context;
        (void)items;
        buf_add_format(out, "%zu", count);
        pthread_mutex_lock(&gate.lock);
        gate.entered = true;
        pthread_cond_broadcast(&gate.changed);
        while (!gate.released)
                pthread_cond_wait(&gate.changed, &gate.lock);
        pthread_mutex_unlock(&gate.lock);
}

static void take_answer(const struct http_answer *got, size_t count, int64_t wall_ms,
                        struct monitor_verdict *verdict)
{
        (void)wall_ms;
        if (got->failure != HTTP_OK)
                monitor_verdict_all(verdict, count, MONITOR_LOST);
}

static const struct monitor_service stuck_service = {
        .name = "stuck",
        .path = TRACK,
        .type = "text/plain",
        .sent = METRIC_INSIGHTS_SENT,
        .dropped = METRIC_INSIGHTS_DROPPED,
        .wants = wants_all,
        .write = write_when_released,
        .read = take_answer,
};

static struct monitor_item *make_item(size_t size)
{
        struct monitor_item *item = monitor_item_new(MONITOR_MESSAGE);

        item->stands_for = 1;
        item->name = mem_text("ID");
        item->message = mem_new(1, size + 1);
        memset(item->message, 'x', size);
        monitor_item_seal(item);
        return item;
}

/* Puts so many of one size; each is told to nobody else. The size of one in memory. */
static size_t put_many(struct monitor_target *target, int count, size_t size)
{
        struct monitor_item *item = make_item(size);
        size_t real = item->size;

        for (int i = 0; i < count; i++)
                monitor_target_put(target, item);
        monitor_item_release(item);
        return real;
}

#define PUTTERS 4
#define PUTS    2500

static void *putter(void *context)
{
        put_many(context, PUTS, 10);
        return NULL;
}

struct stuck {
        char *endpoint;
        struct http_client *http;
        struct monitor_target *target;
};

/* A target whose thread is held; what that holds is the first item. */
static void open_stuck(struct world *world, struct stuck *stuck)
{
        struct reason reason = REASON_INIT;

        gate.entered = gate.released = false;
        stuck->endpoint = mem_format("http://127.0.0.1:%d", test_http_server_port(world->server));
        assert_int_equal(http_client_new(&(struct http_client_options){.user_agent = "test"},
                                         &stuck->http, &reason),
                         0);
        stuck->target = monitor_target_new(&(struct monitor_target_options){
                .service = &stuck_service, .endpoint = stuck->endpoint, .http = stuck->http});
        put_many(stuck->target, 1, 10);
        monitor_target_flush(stuck->target);
        pthread_mutex_lock(&gate.lock);
        while (!gate.entered)
                pthread_cond_wait(&gate.changed, &gate.lock);
        pthread_mutex_unlock(&gate.lock);
}

static void close_stuck(struct stuck *stuck)
{
        pthread_mutex_lock(&gate.lock);
        gate.released = true;
        pthread_cond_broadcast(&gate.changed);
        pthread_mutex_unlock(&gate.lock);
        monitor_target_close(stuck->target);
        http_client_free(stuck->http);
        monitor_target_free(stuck->target);
        free(stuck->endpoint);
}

/* Ends at all because no putter waits for the thread that sends, which is held all the time. */
static void a6_nobody_waits_for_the_thread_that_sends(void **state)
{
        struct world *world = *state;
        pthread_t threads[PUTTERS];
        struct stuck stuck;

        open_stuck(world, &stuck);
        for (size_t i = 0; i < PUTTERS; i++)
                thread_start(&threads[i], putter, stuck.target);
        for (size_t i = 0; i < PUTTERS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(dropped(world), 1 + PUTTERS * PUTS - MONITOR_TARGET_ITEMS_MAX);
        assert_int_equal(sent(world), 0);
        close_stuck(&stuck);
        assert_int_equal(sent(world) + dropped(world), 1 + PUTTERS * PUTS);
}

static void a6_what_waits_is_bounded_in_bytes(void **state)
{
        enum {
                COUNT = 400,
                SIZE = 8000
        };
        struct world *world = *state;
        struct stuck stuck;
        size_t real;

        open_stuck(world, &stuck);
        real = put_many(stuck.target, COUNT, SIZE);
        assert_true(real > SIZE);
        assert_true((COUNT - (size_t)dropped(world)) * real <= MONITOR_TARGET_BYTES_MAX);
        assert_true((COUNT - (size_t)dropped(world) + 2) * real > MONITOR_TARGET_BYTES_MAX);
        close_stuck(&stuck);
        assert_int_equal(sent(world) + dropped(world), 1 + COUNT);
}

/* One that would push all others out is not taken. */
static void a6_an_item_too_large_is_dropped_alone(void **state)
{
        struct world *world = *state;
        struct stuck stuck;

        open_stuck(world, &stuck);
        put_many(stuck.target, 10, 10);
        put_many(stuck.target, 1, MONITOR_TARGET_BYTES_MAX / 4);
        assert_int_equal(dropped(world), 1);
        close_stuck(&stuck);
}

#define TELLERS 4
#define TELLS   500

static void *teller(void *context)
{
        for (int i = 0; i < TELLS; i++) {
                tell(context);
                log_warn("TEST_LINE", "A line", LOG_INT("i", i), LOG_END);
        }
        return NULL;
}

/* Several threads tell, and whoever answers, slowly, badly or not at all, ends nothing. */
static void tell_from_many(struct world *world)
{
        struct monitor *monitor = start(world, false);
        pthread_t threads[TELLERS];

        for (size_t i = 0; i < TELLERS; i++)
                thread_start(&threads[i], teller, monitor);
        for (size_t i = 0; i < TELLERS; i++)
                pthread_join(threads[i], NULL);
        stop(world, monitor);
        assert_true(sent(world) + dropped(world) >= TELLERS * TELLS);
}

static void a6_all_that_is_told_is_sent_or_counted(void **state)
{
        struct world *world = *state;

        tell_from_many(world);
        assert_true(sent(world) > 0);
}

static void a6_a_service_that_refuses_now_and_then(void **state)
{
        struct world *world = *state;

        world->every_second = 503;
        tell_from_many(world);
        assert_true(sent(world) > 0);
}

static void a6_a_service_that_hangs(void **state)
{
        struct world *world = *state;

        world->then = TEST_HTTP_HOLD;
        tell_from_many(world);
        assert_int_equal(sent(world), 0);
        assert_int_equal(world->tracks, 1);
}

static void a6_a_service_that_cuts_the_connection(void **state)
{
        struct world *world = *state;

        world->then = TEST_HTTP_CUT;
        tell_from_many(world);
        assert_int_equal(sent(world), 0);
}

int main(void)
{
        static const char *const proxies[] = {"http_proxy", "https_proxy", "all_proxy"};
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a5_items_go_with_a_token_of_the_machine_s_identity,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(a5_a_token_that_is_refused_is_renewed_once, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        a5_an_identity_without_the_right_is_not_asked_for_ever, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a5_without_a_token_nothing_is_sent, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(
                        a5_without_authentication_nobody_is_asked_for_a_token, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a6_nobody_waits_for_the_thread_that_sends, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a6_what_waits_is_bounded_in_bytes, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a6_an_item_too_large_is_dropped_alone, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a6_all_that_is_told_is_sent_or_counted, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a6_a_service_that_refuses_now_and_then, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a6_a_service_that_hangs, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a6_a_service_that_cuts_the_connection, set_up,
                                                tear_down),
        };

        for (size_t i = 0; i < ARRAY_SIZE(proxies); i++)
                unsetenv(proxies[i]);
        /* What listens is told of lines that are not logged, too. */
        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
