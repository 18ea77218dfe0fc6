// SPDX-License-Identifier: MIT
/* Tokens, refusals, renewal, seats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "azure/hub/hub_device.h"
#include "unit/azure/hub_pair.h"

#define HOUR_MS   (INT64_C(3600) * 1000)
#define MINUTE_MS (INT64_C(60) * 1000)

static struct owner *open_many(struct bench *bench, size_t count)
{
        struct owner *owners = mem_new(count, sizeof(*owners));

        bench->many = owners;
        for (size_t i = 0; i < count; i++) {
                char id[32];

                snprintf(id, sizeof(id), "many%zu", i);
                owner_open(&owners[i], &bench->world, id);
        }
        return owners;
}

static size_t count_ready(const struct owner *owners, size_t count)
{
        size_t ready = 0;

        for (size_t i = 0; i < count; i++)
                ready += strcmp(owners[i].log, "R") == 0;
        return ready;
}

static void each_answer_to_a_token_has_its_consequence(void **state)
{
        static const struct {
                int status;
                const char *text;
                const char *log;
                int least_tokens; /* put within ten minutes */
                int most_tokens;
        } cases[] = {
                {200, "OK", "R", 1, 1},
                {202, "Accepted", "R", 1, 1},
                {401, "Unauthorized", "X1", 1, 1},
                {403, "Disabled", "X1", 1, 1},
                {403, "IotHubQuotaExceeded 403002", "", 2, 60},
                {404, "Not found", "X2", 1, 1},
                {400, "Bad request", "X3", 1, 1},
                {408, "Timeout", "", 10, 40},
                {429, "Too many requests", "", 10, 60},
                {500, "Internal", "", 10, 40},
                {503, "Server busy", "", 10, 40},
                {0, "nothing that makes sense", "", 10, 40},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench *bench;

                bench_setup(state);
                bench = *state;
                bench->world.script.token_status = cases[i].status;
                bench->world.script.token_text = cases[i].text;
                owner_open(&bench->owner, &bench->world, "dev1");
                world_advance(&bench->world, 10 * MINUTE_MS);
                assert_string_equal(bench->owner.log, cases[i].log);
                assert_in_range(bench->world.seen.tokens, cases[i].least_tokens,
                                cases[i].most_tokens);
                if (cases[i].log[0] == 'X')
                        assert_non_null(strstr(bench->owner.reason.text, cases[i].text));
                bench_teardown(state);
        }
}

static void a_refused_device_is_left_alone_until_it_is_retried(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.token_status = 401;
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 2 * HOUR_MS);
        assert_string_equal(bench->owner.log, "X1");
        assert_int_equal(world->seen.tokens, 1);
        hub_device_retry(bench->owner.device);
        world_advance(world, 1000);
        assert_string_equal(bench->owner.log, "X1 C X1");
        world->script.token_status = 200;
        hub_device_retry(bench->owner.device);
        world_advance(world, 1000);
        assert_string_equal(bench->owner.log, "X1 C X1 C R");
        hub_device_retry(bench->owner.device);
        world_run(world);
        assert_string_equal(bench->owner.log, "X1 C X1 C R");
}

static void throttled_devices_wait_ten_seconds(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.token_status = 429;
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 9900);
        assert_int_equal(world->seen.tokens, 1);
        world_advance(world, 10200);
        assert_int_equal(world->seen.tokens, 2);
        world->script.token_status = 200;
        world_advance(world, 21000);
        assert_string_equal(bench->owner.log, "R");
}

static void a_key_that_is_no_key_is_refused_here(void **state)
{
        struct bench *bench = *state;

        bench->owner.key = "this is not base64!";
        owner_open(&bench->owner, &bench->world, "dev1");
        world_advance(&bench->world, 1000);
        assert_string_equal(bench->owner.log, "X1");
        assert_int_equal(bench->world.seen.tokens, 0);
}

static void correlation_ids_may_come_back_as_numbers(void **state)
{
        struct bench *bench = *state;

        bench->world.script.correlation_type = PN_ULONG;
        owner_open(&bench->owner, &bench->world, "dev1");
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "R");
}

static void answers_to_nobody_are_ignored(void **state)
{
        struct bench *bench = *state;
        struct hub_peer *peer;
        pn_atom_t id = {.type = PN_STRING};

        bench->world.script.hold_tokens = true;
        owner_open(&bench->owner, &bench->world, "dev1");
        world_run(&bench->world);
        peer = &world_pair(&bench->world)->peer;
        id.u.as_bytes = pn_bytes(3, "999");
        peer_answer_token(peer, id);
        id.u.as_bytes = pn_bytes(4, "word");
        peer_answer_token(peer, id);
        id.type = PN_NULL;
        peer_answer_token(peer, id);
        pn_delivery(peer->cbs_out, pn_dtag("g", 1));
        pn_link_send(peer->cbs_out, "\x00\x53\x99garbage", 10);
        pn_link_advance(peer->cbs_out);
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "");
        peer_answer_token(peer, amqp_text(bench->world.seen.token_id));
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "R");
}

static void each_request_has_an_id_of_its_own(void **state)
{
        struct bench *bench = *state;
        char first[TEXT_SIZE];

        owner_open(&bench->owner, &bench->world, "dev1");
        world_run(&bench->world);
        memcpy(first, bench->world.seen.token_id, TEXT_SIZE);
        owner_open(&bench->other, &bench->world, "dev2");
        world_run(&bench->world);
        assert_string_not_equal(first, bench->world.seen.token_id);
}

static void tokens_are_renewed_in_time_and_spread(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        struct owner *owners = open_many(bench, 100);
        int at_80;

        world_run(world);
        assert_int_equal(world->seen.tokens, 100);
        world_advance(world, HOUR_MS * 74 / 100);
        assert_int_equal(world->seen.tokens, 100);
        world_advance(world, HOUR_MS * 6 / 100);
        at_80 = world->seen.tokens;
        assert_in_range(at_80, 120, 180);
        world_advance(world, HOUR_MS * 6 / 100);
        assert_int_equal(world->seen.tokens, 200);
        assert_int_equal(count_ready(owners, 100), 100);
        assert_int_equal(world->connects, 1);
}

static void the_links_stay_while_a_token_is_renewed(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world_advance(world, HOUR_MS);
        assert_int_equal(world->seen.tokens, 4);
        assert_int_equal(world->seen.attaches, 2);
        assert_true(owner_send(&bench->owner, 2));
        world_run(world);
        assert_string_equal(bench->owner.log, "2+");
}

static void a_refused_renewal_refuses_the_device(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.token_status = 404;
        world->script.outcome = 0;
        /* The send is given up before the first moment of a renewal. */
        world_advance(world, HOUR_MS * 73 / 100);
        assert_true(owner_send(&bench->owner, 9));
        world_advance(world, HOUR_MS * 13 / 100);
        assert_string_equal(bench->owner.log, "9? X2");
}

static void a_failed_renewal_is_repeated(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.token_status = 500;
        world_advance(world, HOUR_MS * 86 / 100);
        assert_in_range(world->seen.tokens, 20, 1000);
        world->script.token_status = 200;
        world_advance(world, MINUTE_MS);
        assert_string_equal(bench->owner.log, "");
        assert_string_equal(bench->other.log, "");
        assert_int_equal(world->seen.attaches, 2);
}

static void an_unanswered_token_is_put_again(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.hold_tokens = true;
        owner_open(&bench->owner, world, "dev1");
        world_run(world);
        world_advance(world, 10000);
        world->script.hold_tokens = false;
        owner_open(&bench->other, world, "dev2"); /* is answered: the connection is alive */
        world_advance(world, 15000);
        assert_string_equal(bench->owner.log, "");
        world_advance(world, 10000);
        assert_string_equal(bench->owner.log, "R");
        assert_int_equal(world->connects, 1);
        assert_int_equal(world->seen.tokens, 3);
}

static void a_connection_that_answers_no_token_is_replaced(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.hold_tokens = true;
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 25000);
        assert_int_equal(world->connects, 1);
        world->script.hold_tokens = false;
        world_advance(world, 10000);
        assert_int_equal(world->connects, 2);
        assert_string_equal(bench->owner.log, "R");
}

static void a_connection_without_credit_for_tokens_is_replaced(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.cbs_credit = 0;
        owner_open(&bench->owner, world, "dev1");
        world_advance(world, 29000);
        assert_int_equal(world->connects, 1);
        world->script.cbs_credit = 1;
        world_advance(world, 10000);
        assert_int_equal(world->connects, 2);
        assert_string_equal(bench->owner.log, "R");
}

static void closed_token_links_are_opened_again(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.hold_tokens = true;
        owner_open(&bench->owner, world, "dev1");
        world_run(world);
        pn_link_close(world_pair(world)->peer.cbs_out);
        world->script.hold_tokens = false;
        world_advance(world, 5000);
        assert_string_equal(bench->owner.log, "R");
        assert_int_equal(world->connects, 1);
        pn_session_close(pn_link_session(world_pair(world)->peer.cbs_in));
        world_advance(world, 5000);
        owner_open(&bench->other, world, "dev2");
        world_advance(world, 1000);
        assert_string_equal(bench->other.log, "R");
        assert_string_equal(bench->owner.log, "R");
        assert_int_equal(world->connects, 1);
}

static void token_links_that_always_close_end_the_connection(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.hold_tokens = true;
        owner_open(&bench->owner, world, "dev1");
        world_run(world);
        for (int i = 0; i < 600 && world->connects == 1; i++) {
                struct pair *pair = world_pair(world);

                if (pair != NULL && pair->peer.cbs_out != NULL)
                        pn_link_close(pair->peer.cbs_out);
                world_advance(world, 1000);
        }
        assert_int_equal(world->connects, 2);
        world->script.hold_tokens = false;
        world_advance(world, MINUTE_MS);
        assert_string_equal(bench->owner.log, "R");
}

static void tokens_wait_for_credit_and_at_most_fifty_are_unanswered(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.cbs_credit = 3; /* and one more for each */
        world->script.hold_tokens = true;
        open_many(bench, 60);
        world_run(world);
        assert_int_equal(world->seen.tokens, 50);
        peer_answer_token(&world_pair(world)->peer, amqp_text("1"));
        world_run(world);
        assert_int_equal(world->seen.tokens, 51);
}

static void authorisation_keeps_its_rate(void **state)
{
        const struct hub_client_options options = {.devices_per_second = 10};
        struct bench *bench = bench_new(&options);
        struct world *world = &bench->world;
        struct owner *owners = open_many(bench, 100);

        (void)state;
        world_run(world);
        assert_in_range(world->seen.tokens, 1, 3);
        world_advance(world, 5000);
        assert_in_range(world->seen.tokens, 48, 54);
        world_advance(world, 6000);
        assert_int_equal(world->seen.tokens, 100);
        assert_int_equal(count_ready(owners, 100), 100);
        bench_free(bench);
}

static void a_slow_rate_still_moves(void **state)
{
        const struct hub_client_options options = {.devices_per_second = 1};
        struct bench *bench = bench_new(&options);
        struct owner *owners = open_many(bench, 5);

        (void)state;
        world_advance(&bench->world, 5000);
        assert_int_equal(count_ready(owners, 5), 5);
        bench_free(bench);
}

static void devices_spread_over_connections(void **state)
{
        const struct hub_client_options options = {.devices_per_connection = 10};
        struct bench *bench = bench_new(&options);
        struct world *world = &bench->world;
        struct owner *owners = open_many(bench, 35);

        (void)state;
        world_run(world);
        assert_int_equal(world->connects, 4);
        assert_int_equal(count_ready(owners, 35), 35);
        owner_open(&bench->owner, world, "one more");
        world_run(world);
        assert_int_equal(world->connects, 4);
        assert_string_equal(bench->owner.log, "R");
        bench_free(bench);
}

static void few_connections_are_made_at_a_time(void **state)
{
        const struct hub_client_options options = {.devices_per_connection = 2};
        struct bench *bench = bench_new(&options);
        struct world *world = &bench->world;
        struct owner *owners;

        (void)state;
        world->script.silent = true;
        owners = open_many(bench, 30);
        world_advance(world, 5000);
        assert_int_equal(world->connects, 8);
        world_advance(world, 26000); /* given up; then the others wait for their time */
        world->script.silent = false;
        world_advance(world, 60000);
        assert_int_equal(count_ready(owners, 30), 30);
        bench_free(bench);
}

static void a_seat_stays_spent_while_its_token_lives(void **state)
{
        const struct hub_client_options options = {.devices_per_connection = 2};
        struct bench *bench = bench_new(&options);
        struct world *world = &bench->world;
        struct owner *third = &bench->third;

        (void)state;
        owner_open(&bench->owner, world, "dev1");
        owner_open(&bench->other, world, "dev2");
        world_run(world);
        owner_close(&bench->other);
        owner_open(third, world, "dev3");
        world_run(world);
        assert_int_equal(world->connects, 2);
        owner_close(third);
        world_advance(world, HOUR_MS + MINUTE_MS);
        owner_open(third, world, "dev4");
        world_run(world);
        assert_int_equal(world->connects, 2);
        assert_string_equal(third->log, "R R");
        bench_free(bench);
}

static void a_full_connection_is_followed_by_another(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        struct owner *owners;

        world->script.full_after = 7;
        owners = open_many(bench, 7);
        world_run(world);
        assert_int_equal(world->connects, 1);
        owner_open(&bench->owner, world, "dev1");
        world_run(world);
        assert_int_equal(world->connects, 2);
        assert_string_equal(bench->owner.log, "R");
        assert_int_equal(count_ready(owners, 7), 7);
}

static void a_hub_that_is_full_at_once_is_not_flooded_with_connections(void **state)
{
        struct bench *bench = *state;

        bench->world.script.token_status = 500;
        bench->world.script.token_text = "The maximum number of tokens per connection (1000)";
        owner_open(&bench->owner, &bench->world, "dev1");
        world_advance(&bench->world, 10 * MINUTE_MS);
        assert_int_equal(bench->world.connects, 1);
        assert_in_range(bench->world.seen.tokens, 5, 40);
}

static void a_paused_device_stays_paused_over_a_lost_connection(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        pn_link_t *link = world_pair(world)->peer.telemetry;

        pn_condition_set_name(pn_link_condition(link), "amqp:unauthorized-access");
        pn_link_close(link);
        world->script.token_status = 429;
        world_advance(world, 2000);
        world->script.token_status = 200;
        pair_cut(world_pair(world));
        world_advance(world, 6000);
        assert_string_equal(bench->owner.log, "C");
        assert_string_equal(bench->other.log, "C R");
        world_advance(world, 10 * MINUTE_MS);
        assert_string_equal(bench->owner.log, "C R");
}

static bool allowed;

static bool may_act(const void *context)
{
        assert_non_null(context);
        return allowed;
}

/* Another process has the device, perhaps: nothing is said for it any more. */
static void nothing_is_said_for_a_device_that_may_not_act(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        int tokens;

        world->client.options.may_act = may_act;
        allowed = true;
        assert_true(owner_send(&bench->owner, 2));
        world_run(world);
        tokens = world->seen.tokens;
        allowed = false;
        assert_false(owner_send(&bench->owner, 3));
        assert_false(hub_device_report(bench->owner.device, "{}", 2, 4));
        world_advance(world, 70 * MINUTE_MS);
        assert_int_equal(world->seen.tokens, tokens);
        assert_string_equal(bench->owner.log, "2+");
}

static void the_hub_is_waited_for_when_a_device_is_closed(void **state)
{
        struct bench *bench = *state;

        assert_int_equal(hub_client_closing(&bench->world.client), 0);
        hub_device_close(bench->owner.device);
        assert_int_equal(hub_client_closing(&bench->world.client), 1);
        bench->owner.device = NULL;
        world_run(&bench->world);
        assert_int_equal(hub_client_closing(&bench->world.client), 0);
}

static void a_hub_name_that_is_none_is_refused(void **state)
{
        struct bench *bench = *state;

        bench->owner.hub = "my hub/..";
        owner_open(&bench->owner, &bench->world, "dev1");
        assert_string_equal(bench->owner.log, "");
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "X3");
        assert_non_null(strstr(bench->owner.reason.text, "my hub"));
        hub_device_retry(bench->owner.device);
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "X3 X3");
        assert_int_equal(bench->world.connects, 0);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
#define TWO(name)   cmocka_unit_test_setup_teardown(name, bench_setup_two, bench_teardown)

static void ready_comes_only_after_authorising(void **state)
{
        (void)state;
        for (int place = HUB_PLACE_WAITING; place <= HUB_PLACE_CLOSED; place++) {
                assert_int_equal(hub_device_can_follow((enum hub_place)place, HUB_PLACE_READY),
                                 place == HUB_PLACE_AUTHORISING);
                assert_false(hub_device_can_follow(HUB_PLACE_CLOSED, (enum hub_place)place));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ready_comes_only_after_authorising),
                cmocka_unit_test(each_answer_to_a_token_has_its_consequence),
                FRESH(a_refused_device_is_left_alone_until_it_is_retried),
                FRESH(throttled_devices_wait_ten_seconds),
                FRESH(a_key_that_is_no_key_is_refused_here),
                FRESH(correlation_ids_may_come_back_as_numbers),
                FRESH(answers_to_nobody_are_ignored),
                FRESH(each_request_has_an_id_of_its_own),
                FRESH(tokens_are_renewed_in_time_and_spread),
                TWO(the_links_stay_while_a_token_is_renewed),
                TWO(a_refused_renewal_refuses_the_device),
                TWO(a_failed_renewal_is_repeated),
                FRESH(an_unanswered_token_is_put_again),
                FRESH(a_connection_that_answers_no_token_is_replaced),
                FRESH(a_connection_without_credit_for_tokens_is_replaced),
                FRESH(closed_token_links_are_opened_again),
                FRESH(token_links_that_always_close_end_the_connection),
                FRESH(tokens_wait_for_credit_and_at_most_fifty_are_unanswered),
                cmocka_unit_test(authorisation_keeps_its_rate),
                cmocka_unit_test(a_slow_rate_still_moves),
                cmocka_unit_test(devices_spread_over_connections),
                cmocka_unit_test(few_connections_are_made_at_a_time),
                cmocka_unit_test(a_seat_stays_spent_while_its_token_lives),
                FRESH(a_full_connection_is_followed_by_another),
                FRESH(a_hub_that_is_full_at_once_is_not_flooded_with_connections),
                TWO(a_paused_device_stays_paused_over_a_lost_connection),
                TWO(nothing_is_said_for_a_device_that_may_not_act),
                TWO(the_hub_is_waited_for_when_a_device_is_closed),
                FRESH(a_hub_name_that_is_none_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
