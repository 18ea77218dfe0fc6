// SPDX-License-Identifier: MIT
/* Device-to-cloud: links, credit, outcomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/azure/hub_pair.h"

static void token_then_link_then_message(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        bench->owner.to_send = 1;
        owner_open(&bench->owner, world, "dev 1/ä");
        assert_string_equal(bench->owner.log, "");
        world_run(world);
        assert_string_equal(bench->owner.log, "R R 1+");
        assert_string_equal(world->seen.hostname, TEST_HUB);
        /* isthmus-, the process, and a number of its own. */
        assert_memory_equal(world->seen.container, "isthmus-", 8);
        assert_int_equal(strtol(world->seen.container + 8, NULL, 10), getpid());
        assert_string_equal(world->seen.token_name,
                            "myhub.azure-devices.net%2Fdevices%2Fdev%201%2F%C3%A4");
        assert_memory_equal(world->seen.token_text,
                            "SharedAccessSignature sr=myhub.azure-devices.net", 48);
        assert_string_equal(world->seen.address, "/devices/dev%201%2F%C3%A4/messages/events");
        assert_string_equal(world->seen.model_id, "dtmi:com:example:Thermostat;1");
        assert_int_equal(world->seen.tokens, 1);
        assert_int_equal(world->seen.attaches, 1);
}

/* The sections as in what the Node SDK sends, field by field. */
static void a_message_has_the_fields_of_the_official_sdks(void **state)
{
        struct bench *bench = *state;
        const struct buf *sent = &bench->world.seen.message;
        struct amqp_wire_message message;
        struct amqp_wire_value value;

        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_run(&bench->world);
        assert_true(amqp_wire_message_read(sent->data, sent->size, &message));
        assert_int_equal(message.message_id.kind, AMQP_WIRE_STRING);
        assert_true(amqp_wire_is_text(&message.message_id, "abc"));
        assert_int_equal(message.correlation_id.kind, AMQP_WIRE_STRING);
        assert_true(amqp_wire_is_text(&message.correlation_id, "corr"));
        assert_int_equal(message.content_type.kind, AMQP_WIRE_SYMBOL);
        assert_true(amqp_wire_is_text(&message.content_type, "application/json"));
        assert_int_equal(message.content_encoding.kind, AMQP_WIRE_SYMBOL);
        assert_true(amqp_wire_is_text(&message.content_encoding, "utf-8"));
        assert_int_equal(message.expiry.kind, AMQP_WIRE_NULL);
        value = amqp_wire_map_find(message.properties, message.property_count, "k");
        assert_int_equal(value.kind, AMQP_WIRE_STRING);
        assert_true(amqp_wire_is_text(&value, "v"));
        assert_int_equal(message.data.size, 7);
        assert_memory_equal(message.data.data, "{\"t\":1}", 7);
        /* One data section, last. */
        assert_memory_equal(sent->data + sent->size - 12, "\x00\x53\x75\xa0\x07{\"t\":1}", 12);
}

static void each_outcome_is_told(void **state)
{
        static const struct {
                uint64_t outcome;
                const char *condition;
                const char *log;
        } cases[] = {
                {PN_ACCEPTED, NULL, "1+"},
                {PN_RELEASED, NULL, "1?"},
                {PN_MODIFIED, NULL, "1?"},
                {PN_REJECTED, NULL, "1~"},
                {PN_REJECTED, "amqp:link:message-size-exceeded", "1-"},
                {PN_REJECTED, "com.microsoft:argument-error", "1-"},
                {PN_REJECTED, "com.microsoft:argument-out-of-range", "1-"},
                {PN_REJECTED, "amqp:decode-error", "1-"},
                {PN_REJECTED, "amqp:not-allowed", "1~"},
                {PN_REJECTED, "com.microsoft:device-container-throttled", "1~"},
                {PN_REJECTED, "com.microsoft:quota-exceeded", "1~"},
                {PN_REJECTED, "amqp:resource-limit-exceeded", "1~"},
                {PN_REJECTED, "amqp:internal-error", "1~"},
                {PN_REJECTED, "com.microsoft:timeout", "1~"},
                {PN_REJECTED, "something:new", "1~"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct hub_client_options options = {0};
                struct bench *bench = bench_new(&options);

                bench->world.script.outcome = cases[i].outcome;
                bench->world.script.condition = cases[i].condition;
                bench->world.script.description = "why";
                bench->owner.to_send = 1;
                owner_open(&bench->owner, &bench->world, "dev1");
                world_run(&bench->world);
                assert_memory_equal(bench->owner.log, "R R ", 4);
                assert_string_equal(bench->owner.log + 4, cases[i].log);
                if (cases[i].condition != NULL)
                        assert_non_null(strstr(bench->owner.reason.text, cases[i].condition));
                bench_free(bench);
        }
}

/* The device is not wanted any more: its message is neither lost nor to blame. */
static void a_message_rejected_as_unauthorized_leads_to_a_new_token(void **state)
{
        struct bench *bench = *state;

        bench->world.script.outcome = PN_REJECTED;
        bench->world.script.condition = "amqp:unauthorized-access";
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "R C 1?");
        bench->world.script.outcome = PN_ACCEPTED;
        world_advance(&bench->world, 2000);
        assert_string_equal(bench->owner.log, "R C 1? R");
        assert_int_equal(bench->world.seen.tokens, 2);
}

static void a_message_settled_without_outcome_is_unknown(void **state)
{
        struct bench *bench = *state;

        bench->world.script.outcome = 0;
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "R");
        pn_delivery_settle(world_pair(&bench->world)->peer.held);
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "R 1?");
}

static void without_credit_nothing_is_sent(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.credit = 0;
        world->script.keep_credit = false;
        assert_false(owner_send(&bench->owner, 1));
        world_run(world);
        assert_int_equal(world->seen.attaches, 1);
        assert_false(owner_send(&bench->owner, 1));
        world_advance(world, 5000);
        assert_string_equal(bench->owner.log, "");
        bench->owner.to_send = 5;
        pn_link_flow(world_pair(world)->peer.telemetry, 2);
        world_run(world);
        assert_string_equal(bench->owner.log, "R 1+ 2+");
        assert_int_equal(world->seen.messages, 2);
        pn_link_flow(world_pair(world)->peer.telemetry, 3);
        world_run(world);
        assert_string_equal(bench->owner.log, "R 1+ 2+ R 3+ 4+ 5+");
        pn_link_flow(world_pair(world)->peer.telemetry, 3);
        world_run(world);
        assert_string_equal(bench->owner.log, "R 1+ 2+ R 3+ 4+ 5+");
}

static void a_hundred_go_without_waiting_for_answers_and_no_more(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.outcome = 0;
        bench->owner.to_send = 150;
        owner_send_more(&bench->owner);
        world_run(world);
        assert_int_equal(world->seen.messages, 100);
        assert_string_equal(bench->owner.log, "R");
        pn_delivery_update(world_pair(world)->peer.held, PN_ACCEPTED);
        pn_delivery_settle(world_pair(world)->peer.held);
        world_run(world);
        assert_int_equal(world->seen.messages, 101);
        assert_string_equal(bench->owner.log, "R 100+ R");
}

static void a_lost_connection_makes_sends_unknown_and_they_go_again(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        char link_name[TEXT_SIZE];
        char container[TEXT_SIZE];

        world->script.outcome = 0;
        bench->owner.to_send = 3;
        bench->owner.send_again = true;
        owner_send_more(&bench->owner);
        world_run(world);
        memcpy(link_name, world->seen.link_name, TEXT_SIZE);
        memcpy(container, world->seen.container, TEXT_SIZE);
        world->script.outcome = PN_ACCEPTED;
        pair_cut(world_pair(world));
        world_run(world);
        assert_string_equal(bench->owner.log, "R C 1? 2? 3?");
        world_advance(world, 2000);
        assert_string_equal(bench->owner.log, "R C 1? 2? 3? R R 4+ 5+ 6+");
        assert_string_not_equal(container, world->seen.container);
}

static void a_send_without_answer_ends_after_a_minute(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        char link_name[TEXT_SIZE];

        world->script.outcome = 0;
        world_advance(world, 30000);
        assert_false(owner_send(&bench->owner, 0));
        world_run(world);
        assert_true(owner_send(&bench->owner, 1));
        owner_clear(&bench->owner);
        memcpy(link_name, world->seen.link_name, TEXT_SIZE);
        world_advance(world, 58000);
        assert_string_equal(bench->owner.log, "");
        world->script.outcome = PN_ACCEPTED;
        bench->owner.send_again = true;
        world_advance(world, 10000);
        assert_string_equal(bench->owner.log, "1? R 1+");
        assert_string_not_equal(link_name, world->seen.link_name);
        assert_int_equal(world->connects, 1);
        assert_int_equal(world->seen.tokens, 1);
}

/* A device's trouble is its own: what happens to it, and that nothing happens to the other one. */
static void each_reason_of_a_closed_link_has_its_consequence(void **state)
{
        static const struct {
                const char *condition;
                const char *description;
                const char *log;   /* at once; message 2 is unsettled */
                const char *later; /* after 10 minutes */
                int tokens;
        } cases[] = {
                {NULL, NULL, "2?", "2? R 3+", 0},
                {"amqp:internal-error", "x", "2?", "2? R 3+", 0},
                {"amqp:link:detach-forced", "Server Busy. Please retry operation", "2?", "2? R 3+",
                 0},
                {"com.microsoft:timeout", "x", "2?", "2? R 3+", 0},
                {"com.microsoft:device-container-throttled", "x", "2?", "2? R 3+", 0},
                {"amqp:link:message-size-exceeded", "x", "2-", "2-", 0},
                {"com.microsoft:argument-error", "x", "2-", "2-", 0},
                {"amqp:unauthorized-access", "x", "C 2?", "C 2? R R 3+", 1},
                {"amqp:not-found", "{\"errorCode\":404001}", "X2 2?", "X2 2?", 0},
                {"amqp:not-found", "{\"errorCode\":404006}", "X3 2?", "X3 2?", 0},
                {"amqp:not-allowed", "x", "X3 2?", "X3 2?", 0},
                {"amqp:link:stolen", "x", "X5 2?", "X5 2?", 0},
                {"com.microsoft:link-creation-conflict", "x", "X5 2?", "X5 2?", 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench *bench;
                pn_link_t *link;
                int tokens;

                bench_setup_two(state);
                bench = *state;
                tokens = bench->world.seen.tokens;
                bench->world.script.outcome = 0;
                bench->owner.send_again = true;
                assert_true(owner_send(&bench->owner, 2));
                bench->owner.next = 2;
                world_run(&bench->world);
                link = world_pair(&bench->world)->peer.telemetry;
                assert_string_equal(pn_terminus_get_address(pn_link_remote_target(link)),
                                    "/devices/dev1/messages/events");
                if (cases[i].condition != NULL) {
                        pn_condition_set_name(pn_link_condition(link), cases[i].condition);
                        pn_condition_set_description(pn_link_condition(link), cases[i].description);
                }
                pn_link_close(link);
                world_run(&bench->world);
                assert_string_equal(bench->owner.log, cases[i].log);
                bench->world.script.outcome = PN_ACCEPTED;
                world_advance(&bench->world, 10 * 60 * 1000);
                assert_string_equal(bench->owner.log, cases[i].later);
                assert_int_equal(bench->world.seen.tokens - tokens, cases[i].tokens);
                assert_string_equal(bench->other.log, "");
                assert_true(owner_send(&bench->other, 7));
                world_run(&bench->world);
                assert_string_equal(bench->other.log, "7+");
                assert_int_equal(bench->world.connects, 1);
                bench_teardown(state);
        }
}

static void a_refused_attach_is_repeated_ever_more_slowly(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        int early;

        world->script.refuse_attach = "amqp:link:detach-forced";
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_advance(world, 10000);
        early = world->seen.attaches;
        assert_in_range(early, 4, 8);
        world_advance(world, 240000);
        assert_in_range(world->seen.attaches - early, 3, 16);
        assert_string_equal(bench->owner.log, "");
        world->script.refuse_attach = NULL;
        world_advance(world, 60000);
        assert_string_equal(bench->owner.log, "R 1+");
        assert_int_equal(world->seen.tokens, 1);
}

static void unauthorized_twice_is_refused(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.refuse_attach = "amqp:unauthorized-access";
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_advance(world, 600000);
        assert_string_equal(bench->owner.log, "C R X1");
        assert_int_equal(world->seen.tokens, 2);
        assert_int_equal(world->seen.attaches, 2);
        world->script.refuse_attach = NULL;
        hub_device_retry(bench->owner.device);
        world_advance(world, 1000);
        assert_string_equal(bench->owner.log, "C R X1 C R R 1+");
}

/* With an answer outstanding, which nobody blames on the device unless it is alone there. */
static void end_session(struct bench *bench, uint64_t token, const char *condition)
{
        struct world *world = &bench->world;
        pn_session_t *session = pn_link_session(world_pair(world)->peer.telemetry);

        world->script.outcome = 0;
        bench->owner.send_again = true;
        assert_true(owner_send(&bench->owner, token));
        world_run(world);
        pn_condition_set_name(pn_session_condition(session), condition);
        pn_session_close(session);
        world->script.outcome = PN_ACCEPTED;
        world_run(world);
}

static void devices_have_a_session_each_once_the_hub_has_ended_a_shared_one(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        pn_link_t *link = world_pair(world)->peer.telemetry;

        end_session(bench, 2, "amqp:link:message-size-exceeded");
        assert_string_equal(bench->owner.log, "2?");
        world_advance(world, 5000);
        assert_string_equal(bench->owner.log, "2? R 2+");
        assert_string_equal(bench->other.log, "");
        (void)owner_send(&bench->other, 7);
        world_run(world);
        assert_true(owner_send(&bench->other, 7));
        world_run(world);
        assert_string_equal(bench->other.log, "R 7+");
        /* Its telemetry is attached last now. */
        assert_ptr_not_equal(world_pair(world)->peer.telemetry, link);
        pn_session_close(pn_link_session(world_pair(world)->peer.telemetry));
        world_advance(world, 5000);
        assert_true(owner_send(&bench->owner, 3));
        world_run(world);
        assert_string_equal(bench->owner.log, "2? R 2+ 3+");
}

static void who_is_alone_on_a_session_is_to_blame_for_its_end(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        owner_close(&bench->other);
        world_run(world);
        end_session(bench, 2, "amqp:link:message-size-exceeded");
        assert_string_equal(bench->owner.log, "2-");
}

static void what_exceeds_the_link_is_rejected_here(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        struct hub_message message = {.message_id = "m", .body_size = 2000000};
        char *body = mem_new(message.body_size, 1);

        message.body = body;
        assert_true(hub_device_send(bench->owner.device, &message, 5));
        world_run(world);
        assert_string_equal(bench->owner.log, "5-");
        assert_non_null(strstr(bench->owner.reason.text, "1048576"));
        assert_int_equal(world->seen.messages, 2);
        message.body_size = 200000;
        assert_true(hub_device_send(bench->owner.device, &message, 6));
        world_run(world);
        assert_string_equal(bench->owner.log, "5- 6+");
        free(body);
}

static void the_hubs_own_limit_counts(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        struct hub_message message = {.message_id = "m", .body_size = 5000};
        char *body = mem_new(message.body_size, 1);

        message.body = body;
        world->script.max_message_size = 4096;
        assert_false(owner_send(&bench->owner, 1));
        world_run(world);
        assert_true(hub_device_send(bench->owner.device, &message, 5));
        world_run(world);
        assert_string_equal(bench->owner.log, "R 5-");
        assert_int_equal(world->seen.messages, 0);
        free(body);
}

static void a_message_may_have_next_to_nothing(void **state)
{
        struct bench *bench = *state;
        struct amqp_wire_message message;

        assert_true(
                hub_device_send(bench->owner.device, &(struct hub_message){.message_id = "m"}, 5));
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "5+");
        assert_true(amqp_wire_message_read(bench->world.seen.message.data,
                                           bench->world.seen.message.size, &message));
        assert_int_equal(message.correlation_id.kind, AMQP_WIRE_NULL);
        assert_int_equal(message.content_type.kind, AMQP_WIRE_NULL);
        assert_int_equal(message.data_count, 1);
        assert_int_equal(message.data.size, 0);
}

static void a_device_may_be_closed_in_its_outcome(void **state)
{
        struct bench *bench = *state;

        bench->owner.close_on_outcome = true;
        assert_true(owner_send(&bench->owner, 1));
        assert_true(owner_send(&bench->owner, 2));
        assert_true(owner_send(&bench->owner, 3));
        world_run(&bench->world);
        assert_memory_equal(bench->owner.log, "1+ ", 3);
        assert_int_equal(strlen(bench->owner.log), 8); /* the others once each, before it ended */
        world_advance(&bench->world, 5000);
        assert_int_equal(strlen(bench->owner.log), 8);
        assert_string_equal(bench->other.log, "");
}

static void a_device_may_be_closed_in_its_state(void **state)
{
        struct bench *bench = *state;

        assert_true(owner_send(&bench->owner, 1));
        bench->owner.close_on_state = true;
        pair_cut(world_pair(&bench->world));
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "C 1?");
        world_advance(&bench->world, 5000);
        assert_string_equal(bench->owner.log, "C 1?");
        assert_string_equal(bench->other.log, "C R");
}

static void closing_tells_what_is_unsettled(void **state)
{
        struct bench *bench = *state;

        bench->world.script.outcome = 0;
        assert_true(owner_send(&bench->owner, 1));
        world_run(&bench->world);
        assert_true(owner_send(&bench->owner, 2));
        owner_close(&bench->owner);
        assert_string_equal(bench->owner.log, "1? 2?");
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "1? 2?");
}

/* The hub's ATTACH crosses our DETACH and END. */
static void a_device_may_be_closed_while_its_link_is_being_attached(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        struct owner *owner = &bench->third;

        owner_open(owner, world, "dev3");
        world_run(world);
        world->script.silent = true;
        assert_false(owner_send(owner, 1));
        world_run(world);
        world->script.silent = false;
        owner_close(owner);
        world_run(world);
        assert_true(owner_send(&bench->owner, 7));
        world_advance(world, 5000);
        assert_string_equal(bench->owner.log, "7+");
        assert_int_equal(world->connects, 1);
}

static void an_unanswered_attach_is_given_up_after_a_minute(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.ignore_attach = true;
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_advance(world, 59000);
        assert_string_equal(bench->owner.log, "");
        world->script.ignore_attach = false;
        world_advance(world, 4000);
        assert_string_equal(bench->owner.log, "C R R 1+");
        assert_int_equal(world->connects, 1);
        world_advance(world, 10 * 60 * 1000);
        assert_string_equal(bench->owner.log, "C R R 1+");
}

static void withheld_credit_is_waited_for_with_patience_that_ends(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.credit = 0;
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_advance(world, 119 * 1000);
        assert_int_equal(world->seen.attaches, 1);
        world_advance(world, 3 * 60 * 1000);
        assert_in_range(world->seen.attaches, 2, 3);
        world_advance(world, 30 * 60 * 1000);
        assert_in_range(world->seen.attaches, 10, 16);
        assert_string_equal(bench->owner.log, "");
        assert_int_equal(world->connects, 1);
        world->script.credit = 1000;
        world_advance(world, 4 * 60 * 1000);
        assert_string_equal(bench->owner.log, "R 1+");
}

/* Credit that comes in time, though late, ends the patience. */
static void a_hub_may_slow_a_device_down_by_its_credit(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.credit = 1;
        world->script.keep_credit = false;
        bench->owner.to_send = 10;
        owner_send_more(&bench->owner);
        for (int i = 0; i < 9; i++) {
                world_advance(world, 90 * 1000);
                pn_link_flow(world_pair(world)->peer.telemetry, 1);
        }
        world_advance(world, 1000);
        assert_int_equal(world->seen.messages, 10);
        assert_int_equal(world->seen.attaches, 1);
}

#define IDLE_MS (INT64_C(10) * 60 * 1000)

static void a_link_without_use_ends_until_the_next_message(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->client.options.telemetry_idle_ms = IDLE_MS;
        world_advance(world, IDLE_MS / 2);
        assert_true(owner_send(&bench->owner, 2)); /* the other one sends nothing */
        world_run(world);
        world_advance(world, IDLE_MS / 2 + 60000);
        assert_int_equal(world->seen.ends, 1);
        world_advance(world, IDLE_MS);
        assert_int_equal(world->seen.ends, 3); /* the session of the two as well */
        assert_string_equal(bench->owner.log, "2+");
        assert_int_equal(world->seen.attaches, 2);
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_run(world);
        assert_string_equal(bench->owner.log, "2+ R 2+");
        assert_int_equal(world->seen.attaches, 3);
}

static void a_link_is_in_use_while_an_answer_is_awaited(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->client.options.telemetry_idle_ms = 30000;
        world->script.outcome = 0;
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_advance(world, 50000);
        assert_string_equal(bench->owner.log, "");
        assert_int_equal(world->seen.ends, 1); /* the other one's */
}

static void nothing_is_sent_before_ready(void **state)
{
        struct bench *bench = *state;

        bench->world.script.hold_tokens = true;
        owner_open(&bench->owner, &bench->world, "dev1");
        assert_false(owner_send(&bench->owner, 1));
        world_run(&bench->world);
        assert_false(owner_send(&bench->owner, 1));
        assert_int_equal(bench->world.seen.attaches, 0);
}

#define FRESH(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
#define READY(name) cmocka_unit_test_setup_teardown(name, bench_setup_ready, bench_teardown)
#define TWO(name)   cmocka_unit_test_setup_teardown(name, bench_setup_two, bench_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                FRESH(token_then_link_then_message),
                READY(a_message_has_the_fields_of_the_official_sdks),
                cmocka_unit_test(each_outcome_is_told),
                READY(a_message_rejected_as_unauthorized_leads_to_a_new_token),
                READY(a_message_settled_without_outcome_is_unknown),
                READY(without_credit_nothing_is_sent),
                READY(a_hundred_go_without_waiting_for_answers_and_no_more),
                READY(a_lost_connection_makes_sends_unknown_and_they_go_again),
                READY(a_send_without_answer_ends_after_a_minute),
                cmocka_unit_test(each_reason_of_a_closed_link_has_its_consequence),
                READY(a_refused_attach_is_repeated_ever_more_slowly),
                READY(unauthorized_twice_is_refused),
                TWO(devices_have_a_session_each_once_the_hub_has_ended_a_shared_one),
                TWO(who_is_alone_on_a_session_is_to_blame_for_its_end),
                TWO(what_exceeds_the_link_is_rejected_here),
                READY(the_hubs_own_limit_counts),
                TWO(a_message_may_have_next_to_nothing),
                TWO(a_device_may_be_closed_in_its_outcome),
                TWO(a_device_may_be_closed_in_its_state),
                TWO(closing_tells_what_is_unsettled),
                TWO(a_device_may_be_closed_while_its_link_is_being_attached),
                READY(an_unanswered_attach_is_given_up_after_a_minute),
                READY(withheld_credit_is_waited_for_with_patience_that_ends),
                READY(a_hub_may_slow_a_device_down_by_its_credit),
                TWO(a_link_without_use_ends_until_the_next_message),
                TWO(a_link_is_in_use_while_an_answer_is_awaited),
                FRESH(nothing_is_sent_before_ready),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
