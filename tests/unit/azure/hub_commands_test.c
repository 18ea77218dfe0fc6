// SPDX-License-Identifier: MIT
/* Cloud-to-device messages and direct methods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/azure/hub_pair.h"

static int setup_receiver(void **state)
{
        struct bench *bench;

        bench_setup(state);
        bench = *state;
        bench->owner.receives = true;
        owner_open(&bench->owner, &bench->world, "dev1");
        world_run(&bench->world);
        owner_clear(&bench->owner);
        return 0;
}

static struct hub_peer *peer_in(struct bench *bench)
{
        struct pair *pair = world_pair(&bench->world);

        assert_non_null(pair);
        return &pair->peer;
}

static void send_bytes(struct bench *bench, pn_link_t *link, const void *bytes, size_t size)
{
        assert_non_null(link);
        pn_delivery(link, pn_dtag("0123456789abcdef", 16));
        pn_link_send(link, bytes, size);
        pn_link_advance(link);
        world_run(&bench->world);
}

static void send_message(struct bench *bench, pn_link_t *link, pn_message_t *message)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        amqp_encode(message, &bytes);
        pn_message_free(message);
        send_bytes(bench, link, bytes.data, bytes.size);
}

static void send_command(struct bench *bench, const char *id)
{
        pn_message_t *message = pn_message();

        pn_message_set_id(message, amqp_text(id));
        pn_message_set_inferred(message, true);
        pn_data_put_binary(pn_message_body(message), pn_bytes(5, "hello"));
        send_message(bench, peer_in(bench)->commands, message);
}

/* A frame that the official Node SDK was seen to accept, from its message sections on. */
static const uint8_t captured_command[] =
        "\x00\x53\x70\x45"
        "\x00\x53\x72\xd1\x00\x00\x00\x53\x00\x00\x00\x06"
        "\xa3\x15x-opt-sequence-number\x53\x07"
        "\xa3\x13iothub-enqueuedtime\x83\x00\x00\x01\xa2\x07\x32\xa2\x33"
        "\xa3\x14iothub-deliverycount\x50\x02"
        "\x00\x53\x73\xd0\x00\x00\x00\x43\x00\x00\x00\x09"
        "\xa1\x05\x63\x32\x64\x2d\x31\x40\xa1\x22/devices/dev1/messages/devicebound"
        "\x40\x40\xa1\x04"
        "corr\x40\x40\x83\x00\x00\x01\xa2\x07\x33\x8c\x93"
        "\x00\x53\x74\xd1\x00\x00\x00\x1e\x00\x00\x00\x04"
        "\xa1\x02p1\xa1\x02v1\xa1\x0aiothub-ack\xa1\x04"
        "full"
        "\x00\x53\x75\xa0\x05hello";

static void a_captured_command_is_read(void **state)
{
        struct bench *bench = *state;
        const struct hub_command *command;

        assert_int_equal(bench->world.seen.command_attaches, 1);
        send_bytes(bench, peer_in(bench)->commands, captured_command, sizeof(captured_command) - 1);
        assert_string_equal(bench->owner.log, "cmd:c2d-1");
        command = bench->owner.commands[0];
        assert_int_equal(command->sequence_number, 7);
        assert_int_equal(command->enqueued_ms, 0x1a20732a233);
        assert_int_equal(command->expires_ms, 0x1a207338c93);
        assert_int_equal(command->property_count, 2);
        assert_string_equal(command->properties[0].name, "p1");
        assert_string_equal(command->properties[0].value, "v1");
        assert_string_equal(command->properties[1].name, "iothub-ack");
        assert_string_equal(command->properties[1].value, "full");
        assert_int_equal(command->body_size, 5);
        assert_memory_equal(command->body, "hello", 5);
        assert_string_equal(bench->world.seen.commands_settled, "");
        assert_true(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
        world_run(&bench->world);
        assert_string_equal(bench->world.seen.commands_settled, "a");
}

static void a_bare_command_is_read(void **state)
{
        struct bench *bench = *state;
        const struct hub_command *command;
        pn_message_t *message = pn_message();

        pn_data_put_string(pn_message_body(message), amqp_bytes("on"));
        send_message(bench, peer_in(bench)->commands, message);
        assert_string_equal(bench->owner.log, "cmd:");
        command = bench->owner.commands[0];
        assert_int_equal(command->sequence_number, 0);
        assert_int_equal(command->expires_ms, 0);
        assert_int_equal(command->enqueued_ms, 0);
        assert_int_equal(command->property_count, 0);
        assert_memory_equal(command->body, "on", 2);
        assert_true(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
}

static void properties_of_all_kinds_become_text(void **state)
{
        static const char *const expected[][2] = {
                {"int", "-7"},    {"ulong", "18446744073709551615"},
                {"bool", "true"}, {"double", "0.5"},
                {"symbol", "s"},  {"empty", ""}};
        struct bench *bench = *state;
        const struct hub_command *command;
        pn_message_t *message = pn_message();
        pn_data_t *map = pn_message_properties(message);
        pn_atom_t id = {.type = PN_UUID};

        memset(id.u.as_uuid.bytes, 0xab, sizeof(id.u.as_uuid.bytes));
        pn_message_set_id(message, id);
        pn_data_put_map(map);
        pn_data_enter(map);
        pn_data_put_string(map, amqp_bytes("int"));
        pn_data_put_int(map, -7);
        pn_data_put_string(map, amqp_bytes("list"));
        pn_data_put_list(map);
        pn_data_put_string(map, amqp_bytes("ulong"));
        pn_data_put_ulong(map, UINT64_MAX);
        pn_data_put_string(map, amqp_bytes("bool"));
        pn_data_put_bool(map, true);
        pn_data_put_string(map, amqp_bytes("double"));
        pn_data_put_double(map, 0.5);
        pn_data_put_string(map, amqp_bytes("symbol"));
        pn_data_put_symbol(map, amqp_bytes("s"));
        pn_data_put_string(map, amqp_bytes("empty"));
        pn_data_put_string(map, amqp_bytes(""));
        pn_data_exit(map);
        send_message(bench, peer_in(bench)->commands, message);
        assert_int_equal(bench->owner.command_count, 1);
        command = bench->owner.commands[0];
        assert_string_equal(command->message_id, "abababab-abab-abab-abab-abababababab");
        assert_int_equal(command->property_count, ARRAY_SIZE(expected));
        for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
                assert_string_equal(command->properties[i].name, expected[i][0]);
                assert_string_equal(command->properties[i].value, expected[i][1]);
        }
        assert_true(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
}

static void each_settlement_has_its_outcome(void **state)
{
        struct bench *bench = *state;

        send_command(bench, "one");
        send_command(bench, "two");
        send_command(bench, "three");
        assert_string_equal(bench->owner.log, "cmd:one cmd:two cmd:three");
        assert_true(hub_command_settle(bench->owner.commands[1], HUB_ABANDON));
        assert_true(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
        assert_true(hub_command_settle(bench->owner.commands[2], HUB_REJECT));
        world_run(&bench->world);
        assert_int_equal(strlen(bench->world.seen.commands_settled), 3);
        assert_non_null(strchr(bench->world.seen.commands_settled, 'a'));
        assert_non_null(strchr(bench->world.seen.commands_settled, 'r'));
        assert_non_null(strchr(bench->world.seen.commands_settled, 'x'));
}

static void no_more_than_twenty_are_held(void **state)
{
        struct bench *bench = *state;
        pn_link_t *link = peer_in(bench)->commands;

        assert_int_equal(pn_link_credit(link), 20);
        for (int i = 0; i < 20; i++)
                send_command(bench, "c");
        assert_int_equal(pn_link_credit(link), 0);
        assert_int_equal(bench->owner.command_count, 20);
        assert_true(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
        world_run(&bench->world);
        assert_int_equal(pn_link_credit(link), 1);
        for (int i = 1; i < 20; i++)
                assert_true(hub_command_settle(bench->owner.commands[i], HUB_COMPLETE));
}

static void what_is_no_command_is_rejected(void **state)
{
        struct bench *bench = *state;
        pn_link_t *link = peer_in(bench)->commands;
        pn_message_t *message = pn_message();
        CLEANUP(buf_deinit) struct buf long_body = BUF_INIT;

        send_bytes(bench, link, "\xff\xff\xff", 3);
        assert_string_equal(bench->world.seen.commands_settled, "x");
        pn_data_put_list(pn_message_body(message));
        send_message(bench, link, message);
        assert_string_equal(bench->world.seen.commands_settled, "xx");
        buf_reserve(&long_body, 200000);
        memset(long_body.data, 'x', 200000);
        message = pn_message();
        pn_message_set_inferred(message, true);
        pn_data_put_binary(pn_message_body(message), pn_bytes(200000, long_body.data));
        send_message(bench, link, message);
        assert_string_equal(bench->world.seen.commands_settled, "xxx");
        assert_string_equal(bench->owner.log, "");
        assert_int_equal(pn_link_credit(link), 20);
}

static void a_lost_lock_is_told_once(void **state)
{
        struct bench *bench = *state;

        send_command(bench, "one");
        pair_cut(world_pair(&bench->world));
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "cmd:one C lost:one");
        assert_false(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
        world_advance(&bench->world, 2000);
        assert_string_equal(bench->owner.log, "cmd:one C lost:one R");
        assert_int_equal(bench->world.seen.command_attaches, 2);
        assert_string_equal(bench->world.seen.commands_settled, "");
}

static void a_closed_link_is_attached_again(void **state)
{
        struct bench *bench = *state;

        send_command(bench, "one");
        pn_condition_set_name(pn_link_condition(peer_in(bench)->commands), AZURE_E_DETACH_FORCED);
        pn_link_close(peer_in(bench)->commands);
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "cmd:one lost:one");
        assert_false(hub_command_settle(bench->owner.commands[0], HUB_REJECT));
        world_advance(&bench->world, 2000);
        assert_int_equal(bench->world.seen.command_attaches, 2);
        assert_int_equal(bench->world.seen.method_attaches, 2);
        send_command(bench, "two");
        assert_string_equal(bench->owner.log, "cmd:one lost:one cmd:two");
        assert_true(hub_command_settle(bench->owner.commands[1], HUB_COMPLETE));
}

static void an_unanswered_attach_is_given_up(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;

        world->script.ignore_attach = true;
        pn_link_close(peer_in(bench)->commands);
        world_advance(world, 55000);
        assert_string_equal(bench->owner.log, "");
        world->script.ignore_attach = false;
        world_advance(world, 10000);
        assert_string_equal(bench->owner.log, "C R");
        assert_int_equal(world->seen.command_attaches, 2);
        send_command(bench, "one");
        assert_string_equal(bench->owner.log, "C R cmd:one");
        assert_true(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
}

static void telemetry_goes_on_where_commands_are_refused(void **state)
{
        struct bench *bench = *state;

        pn_condition_set_name(pn_link_condition(peer_in(bench)->commands), AZURE_E_NOT_ALLOWED);
        pn_link_close(peer_in(bench)->commands);
        bench->owner.to_send = 1;
        owner_send_more(&bench->owner);
        world_advance(&bench->world, 60000);
        assert_string_equal(bench->owner.log, "R 1+");
        assert_int_equal(bench->world.seen.command_attaches, 1);
        world_advance(&bench->world, 20 * 60000);
        assert_int_equal(bench->world.seen.command_attaches, 2);
}

static void what_nobody_has_seen_is_not_lost_to_anybody(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        struct hub_peer *peer = peer_in(bench);

        /* All in one batch: the owner hears of neither. */
        pn_delivery(peer->commands, pn_dtag("0123456789abcdef", 16));
        pn_link_send(peer->commands, (const char *)captured_command, sizeof(captured_command) - 1);
        pn_link_advance(peer->commands);
        pn_link_close(peer->commands);
        world_run(world);
        assert_string_equal(bench->owner.log, "");
        world_advance(world, 2000);
        send_command(bench, "two");
        assert_string_equal(bench->owner.log, "cmd:two");
        assert_true(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
}

static void each_reason_of_a_closed_command_link_has_its_consequence(void **state)
{
        static const struct {
                const char *condition;
                const char *log; /* after half a minute */
                int attaches;
        } cases[] = {
                {"amqp:internal-error", "", 2},
                {"com.microsoft:device-container-throttled", "", 2},
                {"amqp:unauthorized-access", "C R", 2},
                {"amqp:not-found", "X2", 1},
                {"amqp:link:stolen", "X5", 1},
                {"amqp:not-allowed", "", 1},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bench *bench;
                pn_link_t *link;

                setup_receiver(state);
                bench = *state;
                link = peer_in(bench)->commands;
                pn_condition_set_name(pn_link_condition(link), cases[i].condition);
                pn_link_close(link);
                world_advance(&bench->world, 30000);
                assert_string_equal(bench->owner.log, cases[i].log);
                assert_int_equal(bench->world.seen.command_attaches, cases[i].attaches);
                bench_teardown(state);
        }
}

/* The device has left its links at the first word: a new token is the answer, no refusal. */
static void the_first_word_counts_when_links_end_together(void **state)
{
        struct bench *bench = *state;
        pn_link_t *links[] = {peer_in(bench)->commands, peer_in(bench)->calls};
        const char *conditions[] = {"amqp:unauthorized-access", "amqp:not-found"};

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                pn_condition_set_name(pn_link_condition(links[i]), conditions[i]);
                pn_link_close(links[i]);
        }
        world_advance(&bench->world, 30000);
        assert_string_equal(bench->owner.log, "C R");
}

static void a_held_command_outlives_its_device(void **state)
{
        struct bench *bench = *state;

        send_command(bench, "one");
        owner_close(&bench->owner);
        world_run(&bench->world);
        assert_string_equal(bench->owner.log, "cmd:one");
        assert_string_equal(bench->owner.commands[0]->message_id, "one");
        assert_false(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
}

static void a_device_may_be_closed_by_its_command(void **state)
{
        struct bench *bench = *state;

        bench->owner.close_on_command = true;
        send_command(bench, "one");
        assert_string_equal(bench->owner.log, "cmd:one");
        assert_false(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
}

/* --- methods -------------------------------------------------------------------------------- */

static const uint8_t captured_call[] =
        "\x00\x53\x70\x45"
        "\x00\x53\x73\xd0\x00\x00\x00\x1a\x00\x00\x00\x06\x40\x40\x40\x40\x40"
        "\x98\x3f\x25\x04\xe0\x4f\x89\x41\xd3\x9a\x0c\x03\x05\xe8\x2c\x33\x01"
        "\x00\x53\x74\xd1\x00\x00\x00\x1f\x00\x00\x00\x02"
        "\xa1\x11IoThub-methodname\xa1\x06reboot"
        "\x00\x53\x75\xa0\x07{\"a\":1}";

static void a_method_is_answered_with_the_same_uuid(void **state)
{
        struct bench *bench = *state;
        struct world *world = &bench->world;
        pn_message_t *message = pn_message();
        pn_atom_t atom;

        assert_memory_equal(world->seen.correlation[0], "methods:", 8);
        assert_int_equal(strlen(world->seen.correlation[0]), 8 + 36);
        assert_string_equal(world->seen.correlation[0], world->seen.correlation[1]);
        send_bytes(bench, peer_in(bench)->calls, captured_call, sizeof(captured_call) - 1);
        assert_string_equal(bench->owner.log, "call:reboot");
        assert_int_equal(bench->owner.methods[0]->payload_size, 7);
        assert_memory_equal(bench->owner.methods[0]->payload, "{\"a\":1}", 7);
        assert_true(hub_method_answer(bench->owner.methods[0], 200, "{\"ok\":true}", 11));
        world_run(world);
        assert_int_equal(world->seen.method_answers, 1);
        assert_int_equal(
                pn_message_decode(message, world->seen.answer.data, world->seen.answer.size), 0);
        atom = pn_message_get_correlation_id(message);
        assert_int_equal(atom.type, PN_UUID);
        assert_memory_equal(atom.u.as_uuid.bytes,
                            "\x3f\x25\x04\xe0\x4f\x89\x41\xd3\x9a\x0c\x03\x05\xe8\x2c\x33\x01", 16);
        assert_true(peer_find(pn_message_properties(message), "IoThub-status", &atom));
        assert_int_equal(atom.type, PN_INT);
        assert_int_equal(atom.u.as_int, 200);
        pn_data_rewind(pn_message_body(message));
        assert_true(pn_data_next(pn_message_body(message)));
        assert_int_equal(pn_data_type(pn_message_body(message)), PN_BINARY);
        assert_int_equal(pn_data_get_binary(pn_message_body(message)).size, 11);
        pn_message_free(message);
}

static void a_text_as_correlation_id_comes_back_as_text(void **state)
{
        struct bench *bench = *state;
        pn_message_t *message = pn_message();
        pn_data_t *properties = pn_message_properties(message);
        struct amqp_wire_message answer;

        pn_message_set_correlation_id(message, amqp_text("call-17"));
        pn_data_put_map(properties);
        pn_data_enter(properties);
        pn_data_put_string(properties, amqp_bytes("IoThub-methodname"));
        pn_data_put_string(properties, amqp_bytes("on"));
        pn_data_exit(properties);
        send_message(bench, peer_in(bench)->calls, message);
        assert_string_equal(bench->owner.log, "call:on");
        assert_int_equal(bench->owner.methods[0]->payload_size, 0);
        assert_true(hub_method_answer(bench->owner.methods[0], -1, NULL, 0));
        world_run(&bench->world);
        assert_true(amqp_wire_message_read(bench->world.seen.answer.data,
                                           bench->world.seen.answer.size, &answer));
        assert_int_equal(answer.correlation_id.kind, AMQP_WIRE_STRING);
        assert_true(amqp_wire_is_text(&answer.correlation_id, "call-17"));
}

static void a_lost_half_takes_the_pair_along(void **state)
{
        struct bench *bench = *state;
        char first[TEXT_SIZE];

        memcpy(first, bench->world.seen.correlation[0], TEXT_SIZE);
        send_bytes(bench, peer_in(bench)->calls, captured_call, sizeof(captured_call) - 1);
        pn_link_close(peer_in(bench)->answers);
        world_run(&bench->world);
        assert_false(hub_method_answer(bench->owner.methods[0], 200, "{}", 2));
        world_advance(&bench->world, 2000);
        assert_int_equal(bench->world.seen.method_attaches, 4);
        assert_string_not_equal(first, bench->world.seen.correlation[0]);
        assert_string_equal(bench->world.seen.correlation[0], bench->world.seen.correlation[1]);
        assert_int_equal(bench->world.seen.command_attaches, 1);
        send_bytes(bench, peer_in(bench)->calls, captured_call, sizeof(captured_call) - 1);
        assert_string_equal(bench->owner.log, "call:reboot call:reboot");
        assert_true(hub_method_answer(bench->owner.methods[1], 200, "{}", 2));
        world_run(&bench->world);
        assert_int_equal(bench->world.seen.method_answers, 1);
}

static void a_call_outlives_its_device(void **state)
{
        struct bench *bench = *state;

        send_bytes(bench, peer_in(bench)->calls, captured_call, sizeof(captured_call) - 1);
        owner_close(&bench->owner);
        assert_string_equal(bench->owner.methods[0]->name, "reboot");
        assert_false(hub_method_answer(bench->owner.methods[0], 200, "{}", 2));
}

static void a_call_whose_link_has_ended_is_lost(void **state)
{
        struct bench *bench = *state;

        send_bytes(bench, peer_in(bench)->calls, captured_call, sizeof(captured_call) - 1);
        assert_false(hub_method_is_lost(bench->owner.methods[0]));
        pn_link_close(peer_in(bench)->calls);
        world_run(&bench->world);
        assert_true(hub_method_is_lost(bench->owner.methods[0]));
        assert_false(hub_method_answer(bench->owner.methods[0], 200, "{}", 2));
}

static void a_call_without_name_is_rejected(void **state)
{
        struct bench *bench = *state;
        pn_message_t *message = pn_message();

        pn_message_set_inferred(message, true);
        pn_data_put_binary(pn_message_body(message), pn_bytes(2, "{}"));
        send_message(bench, peer_in(bench)->calls, message);
        assert_string_equal(bench->owner.log, "");
        assert_int_equal(pn_link_credit(peer_in(bench)->calls), 20);
}

static void without_the_wish_there_are_no_links(void **state)
{
        struct bench *bench = *state;

        assert_int_equal(bench->world.seen.command_attaches, 0);
        assert_int_equal(bench->world.seen.method_attaches, 0);
}

static void the_wish_may_come_later(void **state)
{
        struct bench *bench = *state;

        hub_device_receive_commands(bench->owner.device);
        hub_device_receive_commands(bench->owner.device);
        world_run(&bench->world);
        assert_int_equal(bench->world.seen.command_attaches, 1);
        send_command(bench, "c1");
        assert_string_equal(bench->owner.log, "cmd:c1");
        assert_true(hub_command_settle(bench->owner.commands[0], HUB_COMPLETE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_receiver, bench_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_captured_command_is_read),
                TEST(a_bare_command_is_read),
                TEST(properties_of_all_kinds_become_text),
                TEST(each_settlement_has_its_outcome),
                TEST(no_more_than_twenty_are_held),
                TEST(what_is_no_command_is_rejected),
                TEST(a_lost_lock_is_told_once),
                TEST(a_closed_link_is_attached_again),
                TEST(an_unanswered_attach_is_given_up),
                TEST(telemetry_goes_on_where_commands_are_refused),
                TEST(what_nobody_has_seen_is_not_lost_to_anybody),
                cmocka_unit_test(each_reason_of_a_closed_command_link_has_its_consequence),
                TEST(the_first_word_counts_when_links_end_together),
                TEST(a_held_command_outlives_its_device),
                TEST(a_device_may_be_closed_by_its_command),
                TEST(a_method_is_answered_with_the_same_uuid),
                TEST(a_text_as_correlation_id_comes_back_as_text),
                TEST(a_lost_half_takes_the_pair_along),
                TEST(a_call_outlives_its_device),
                TEST(a_call_whose_link_has_ended_is_lost),
                TEST(a_call_without_name_is_rejected),
                cmocka_unit_test_setup_teardown(without_the_wish_there_are_no_links,
                                                bench_setup_ready, bench_teardown),
                cmocka_unit_test_setup_teardown(the_wish_may_come_later, bench_setup_ready,
                                                bench_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
