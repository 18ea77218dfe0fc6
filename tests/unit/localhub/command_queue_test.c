// SPDX-License-Identifier: MIT
/* What becomes of cloud-to-device messages (rules W8 and W13). The test owns the
 * steady clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "localhub/messages/command_queue.h"

#define LOCK_MS 60000
#define HOUR_MS 3600000

static struct command_queue *queue;
static int64_t now_ms;

struct lock {
        uint8_t bytes[COMMAND_LOCK_SIZE];
};

static int set_up(void **state)
{
        (void)state;
        queue = command_queue_new(&(struct command_queue_options){.lock_ms = 0});
        now_ms = 1000;
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        command_queue_free(queue);
        return 0;
}

static int send_full(const char *device, const struct local_hub_command *command,
                     char id[LOCAL_HUB_MESSAGE_ID_SIZE])
{
        struct reason reason = REASON_INIT;
        int r = command_queue_send(queue, 0, device, "gen", command, now_ms, id, &reason);

        assert_int_equal(r != 0, reason.text[0] != '\0');
        return r;
}

static void enqueue(const char *message_id)
{
        const struct local_hub_command command = {
                .message_id = message_id, .ack = LOCAL_HUB_ACK_FULL, .body = "x", .body_size = 1};
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];

        assert_int_equal(send_full("dev1", &command, id), 0);
        assert_string_equal(id, message_id);
}

/* "" = nothing waits. The delivery count is checked. */
static struct lock take(const char *message_id, uint64_t holder, int deliveries)
{
        struct lock lock;
        int count = -1;
        const struct command *command =
                command_queue_take(queue, 0, "dev1", holder, now_ms, lock.bytes, &count);

        if (!message_id[0]) {
                assert_null(command);
                return lock;
        }
        assert_non_null(command);
        assert_string_equal(command->message.message_id, message_id);
        assert_int_equal(count, deliveries);
        command_queue_release(command);
        return lock;
}

static bool settle(struct lock lock, enum command_settlement how)
{
        return command_queue_settle(queue, 0, "dev1", lock.bytes, how, now_ms);
}

static int told;

static void on_available(void *context, int hub, const char *device_id)
{
        assert_ptr_equal(context, &told);
        assert_int_equal(hub, 0);
        assert_string_equal(device_id, "dev1");
        /* No lock is held. */
        assert_true(command_queue_list(queue, 0, "dev1", NULL, 0) > 0);
        told++;
}

static int tick(int64_t ms)
{
        now_ms += ms;
        told = 0;
        command_queue_tick(queue, now_ms, on_available, &told);
        return told;
}

static struct local_hub_command_status status_of(const char *message_id)
{
        struct local_hub_command_status status;

        assert_true(command_queue_status(queue, 0, "dev1", message_id, &status));
        assert_string_equal(status.message_id, message_id);
        return status;
}

static void assert_state(const char *message_id, enum local_hub_command_state state)
{
        assert_int_equal(status_of(message_id).state, state);
}

/* "code:id code:id ..." of what waits, and removes it. */
static void assert_feedback(const char *wanted)
{
        struct list batch;
        char text[4096] = "";

        list_init(&batch);
        command_queue_take_feedback(queue, 0, &batch);
        list_for_each (node, &batch) {
                const struct command_feedback *record =
                        list_entry(node, struct command_feedback, node);
                size_t used = strlen(text);

                assert_string_equal(record->device_id, "dev1");
                assert_string_equal(record->generation, "gen");
                snprintf(text + used, sizeof(text) - used, "%s%s:%s", used ? " " : "", record->code,
                         record->message_id);
        }
        command_queue_free_feedback(&batch);
        assert_string_equal(text, wanted);
}

/* --- one message ----------------------------------------------------------------------------- */

static void a_completed_message_is_gone(void **state)
{
        struct lock lock;

        (void)state;
        enqueue("m1");
        assert_state("m1", LOCAL_HUB_COMMAND_ENQUEUED);
        lock = take("m1", 1, 0);
        assert_state("m1", LOCAL_HUB_COMMAND_LOCKED);
        take("", 1, 0);
        assert_true(settle(lock, COMMAND_COMPLETE));
        assert_state("m1", LOCAL_HUB_COMMAND_COMPLETED);
        assert_int_equal(status_of("m1").deliveries, 1);
        assert_true(status_of("m1").settled_ms > 0);
        assert_false(settle(lock, COMMAND_COMPLETE));
        take("", 1, 0);
        assert_feedback("Success:m1");
        assert_feedback("");
}

static void an_abandoned_message_comes_again_and_counts(void **state)
{
        (void)state;
        enqueue("m1");
        assert_true(settle(take("m1", 1, 0), COMMAND_ABANDON));
        assert_state("m1", LOCAL_HUB_COMMAND_ENQUEUED);
        assert_true(settle(take("m1", 1, 1), COMMAND_ABANDON));
        take("m1", 1, 2);
        assert_int_equal(status_of("m1").abandoned, 2);
        assert_int_equal(status_of("m1").deliveries, 3);
        assert_feedback("");
}

static void a_rejected_message_is_a_dead_letter(void **state)
{
        (void)state;
        enqueue("m1");
        assert_true(settle(take("m1", 1, 0), COMMAND_REJECT));
        assert_state("m1", LOCAL_HUB_COMMAND_REJECTED);
        take("", 1, 0);
        assert_feedback("Rejected:m1");
}

static void after_ten_deliveries_it_is_a_dead_letter(void **state)
{
        (void)state;
        enqueue("m1");
        for (int i = 0; i < 10; i++) {
                assert_state("m1", LOCAL_HUB_COMMAND_ENQUEUED);
                assert_true(settle(take("m1", 1, i), COMMAND_ABANDON));
        }
        assert_state("m1", LOCAL_HUB_COMMAND_EXHAUSTED);
        take("", 1, 0);
        assert_feedback("DeliveryCountExceeded:m1");
}

/* The delivery count stays: only an abandon counts. */
static void a_lock_that_ends_brings_the_message_back(void **state)
{
        struct lock old;
        struct lock new;

        (void)state;
        enqueue("m1");
        old = take("m1", 1, 0);
        assert_true(command_queue_next(queue) == now_ms + LOCK_MS);
        assert_int_equal(tick(LOCK_MS - 1), 0);
        assert_state("m1", LOCAL_HUB_COMMAND_LOCKED);
        assert_int_equal(tick(1), 1);
        assert_state("m1", LOCAL_HUB_COMMAND_ENQUEUED);
        assert_false(settle(old, COMMAND_COMPLETE));
        new = take("m1", 1, 0);
        /* The old lock does not settle the new delivery. */
        assert_false(settle(old, COMMAND_COMPLETE));
        assert_int_equal(status_of("m1").locks_lost, 1);
        assert_true(settle(new, COMMAND_COMPLETE));
        assert_state("m1", LOCAL_HUB_COMMAND_COMPLETED);
}

static void a_link_that_ends_brings_its_messages_back(void **state)
{
        (void)state;
        enqueue("m1");
        enqueue("m2");
        enqueue("m3");
        take("m1", 1, 0);
        take("m2", 2, 0);
        take("m3", 1, 0);
        assert_int_equal(command_queue_unlock(queue, 0, "dev1", 1, now_ms), 2);
        assert_state("m2", LOCAL_HUB_COMMAND_LOCKED);
        take("m1", 3, 0);
        take("m3", 3, 0);
        assert_int_equal(command_queue_unlock(queue, 0, "dev2", 1, now_ms), 0);
}

static void a_message_expires_while_it_waits(void **state)
{
        struct local_hub_command command = {.message_id = "m1",
                                            .ack = LOCAL_HUB_ACK_FULL,
                                            .expires_ms = clock_wall_ms() + 90000};
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];

        (void)state;
        assert_int_equal(send_full("dev1", &command, id), 0);
        tick(80000);
        assert_state("m1", LOCAL_HUB_COMMAND_ENQUEUED);
        assert_int_equal(tick(11000), 0);
        assert_state("m1", LOCAL_HUB_COMMAND_EXPIRED);
        assert_feedback("Expired:m1");
}

/* Who holds the lock may settle; when it comes back it is too old. */
static void a_locked_message_does_not_expire_before_its_lock_ends(void **state)
{
        struct local_hub_command command = {.message_id = "m1",
                                            .expires_ms = clock_wall_ms() + 30000};
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];

        (void)state;
        assert_int_equal(send_full("dev1", &command, id), 0);
        take("m1", 1, 0);
        tick(40000);
        assert_state("m1", LOCAL_HUB_COMMAND_LOCKED);
        assert_int_equal(tick(LOCK_MS), 0);
        assert_state("m1", LOCAL_HUB_COMMAND_EXPIRED);
}

static void an_expired_message_is_not_taken_even_before_the_tick(void **state)
{
        (void)state;
        enqueue("m1");
        now_ms += HOUR_MS + 1000;
        take("", 1, 0);
        assert_state("m1", LOCAL_HUB_COMMAND_EXPIRED);
}

/* --- the queue ------------------------------------------------------------------------------- */

static void messages_come_in_order_also_after_an_abandon(void **state)
{
        struct lock first;

        (void)state;
        enqueue("m1");
        enqueue("m2");
        enqueue("m3");
        assert_int_equal(status_of("m3").sequence_number, 3);
        first = take("m1", 1, 0);
        assert_true(settle(first, COMMAND_ABANDON));
        take("m1", 1, 1);
        take("m2", 1, 0);
        take("m3", 1, 0);
}

static void fifty_messages_wait_at_most(void **state)
{
        const struct local_hub_command one_more = {.message_id = "more"};
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];

        (void)state;
        for (int i = 0; i < COMMAND_DEPTH_MAX; i++) {
                snprintf(id, sizeof(id), "m%d", i);
                enqueue(id);
        }
        take("m0", 1, 0); /* a locked one counts too */
        assert_int_equal(send_full("dev1", &one_more, id), LOCAL_HUB_E_QUEUE_FULL);
        assert_int_equal(send_full("dev2", &one_more, id), 0);
}

static void sizes_ids_and_lives_are_checked(void **state)
{
        CLEANUP(mem_cleanup) char *body = mem_new(COMMAND_SIZE_MAX + 1, 1);
        char long_id[LOCAL_HUB_MESSAGE_ID_SIZE + 1];
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];
        struct property property = {"n", "v"};
        struct local_hub_command command = {.body = body, .body_size = COMMAND_SIZE_MAX};

        (void)state;
        assert_int_equal(send_full("dev1", &command, id), 0);
        command.properties = &property;
        command.property_count = 1;
        assert_int_equal(send_full("dev1", &command, id), LOCAL_HUB_E_TOO_LARGE);
        command = (struct local_hub_command){.message_id = long_id};
        memset(long_id, 'x', sizeof(long_id) - 1);
        long_id[sizeof(long_id) - 1] = '\0';
        assert_int_equal(send_full("dev1", &command, id), LOCAL_HUB_E_INVALID);
        command = (struct local_hub_command){.expires_ms = clock_wall_ms() - 1};
        assert_int_equal(send_full("dev1", &command, id), LOCAL_HUB_E_INVALID);
        command.expires_ms = clock_wall_ms() + INT64_C(49) * HOUR_MS;
        assert_int_equal(send_full("dev1", &command, id), LOCAL_HUB_E_INVALID);
}

static void an_id_is_made_if_there_is_none(void **state)
{
        const struct local_hub_command command = {.body = "x", .body_size = 1};
        char first[LOCAL_HUB_MESSAGE_ID_SIZE];
        char second[LOCAL_HUB_MESSAGE_ID_SIZE];

        (void)state;
        assert_int_equal(send_full("dev1", &command, first), 0);
        assert_int_equal(send_full("dev1", &command, second), 0);
        assert_int_equal(strlen(first), 36);
        assert_string_not_equal(first, second);
        take(first, 1, 0);
}

static void a_message_is_handed_out_as_it_was_sent(void **state)
{
        static const struct property properties[] = {{"Port", "10"}, {"empty", ""}};
        const struct local_hub_command command = {
                .message_id = "m1",
                .correlation_id = "c1",
                .content_type = "application/json",
                .user_id = "u1",
                .properties = properties,
                .property_count = 2,
                .body = "\0\1",
                .body_size = 2,
        };
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];
        struct lock lock;
        int count;
        const struct command *got;

        (void)state;
        assert_int_equal(send_full("dev1", &command, id), 0);
        got = command_queue_take(queue, 0, "dev1", 1, now_ms, lock.bytes, &count);
        assert_true(settle(lock, COMMAND_COMPLETE));
        /* It lives until it is released. */
        assert_string_equal(got->message.correlation_id, "c1");
        assert_string_equal(got->message.content_type, "application/json");
        assert_null(got->message.content_encoding);
        assert_string_equal(got->message.user_id, "u1");
        assert_int_equal(got->message.property_count, 2);
        assert_string_equal(got->message.properties[0].name, "Port");
        assert_string_equal(got->message.properties[1].value, "");
        assert_memory_equal(got->message.body, "\0\1", 2);
        assert_int_equal(got->sequence_number, 1);
        assert_in_range(got->message.expires_ms - got->enqueued_ms, HOUR_MS - 1, HOUR_MS);
        command_queue_release(got);
}

static void what_waits_is_listed_and_can_be_purged(void **state)
{
        struct local_hub_command_status list[8];

        (void)state;
        enqueue("m1");
        enqueue("m2");
        enqueue("m3");
        take("m1", 1, 0);
        assert_int_equal(command_queue_list(queue, 0, "dev1", list, 8), 3);
        assert_string_equal(list[0].message_id, "m1");
        assert_int_equal(list[0].state, LOCAL_HUB_COMMAND_LOCKED);
        assert_string_equal(list[2].message_id, "m3");
        assert_int_equal(command_queue_list(queue, 0, "dev2", list, 8), 0);
        /* How many there are is told whatever fits. */
        assert_int_equal(command_queue_list(queue, 0, "dev1", NULL, 0), 3);
        assert_int_equal(command_queue_list(queue, 0, "dev1", list, 1), 3);
        /* A locked one is the device's. */
        assert_int_equal(command_queue_purge(queue, 0, "dev1"), 2);
        assert_state("m1", LOCAL_HUB_COMMAND_LOCKED);
        assert_state("m2", LOCAL_HUB_COMMAND_PURGED);
        assert_feedback("Purged:m2 Purged:m3");
}

static void the_newest_message_of_an_id_counts(void **state)
{
        (void)state;
        enqueue("m");
        assert_true(settle(take("m", 1, 0), COMMAND_REJECT));
        assert_state("m", LOCAL_HUB_COMMAND_REJECTED);
        enqueue("m");
        assert_state("m", LOCAL_HUB_COMMAND_ENQUEUED);
        assert_true(settle(take("m", 1, 0), COMMAND_COMPLETE));
        assert_state("m", LOCAL_HUB_COMMAND_COMPLETED);
}

static void hubs_and_devices_have_queues_of_their_own(void **state)
{
        const struct local_hub_command command = {.message_id = "m1"};
        struct local_hub_command_status status;
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];

        (void)state;
        assert_int_equal(command_queue_send(queue, 1, "dev1", "", &command, now_ms, id, NULL), 0);
        take("", 1, 0);
        assert_false(command_queue_status(queue, 0, "dev1", "m1", &status));
        assert_true(command_queue_status(queue, 1, "dev1", "m1", &status));
}

static void several_locks_of_a_device_may_end_at_once(void **state)
{
        (void)state;
        enqueue("m1");
        enqueue("m2");
        take("m1", 1, 0);
        take("m2", 1, 0);
        assert_int_equal(tick(LOCK_MS), 1);
        assert_int_equal(command_queue_list(queue, 0, "dev1", NULL, 0), 2);
        take("m1", 1, 0);
        take("m2", 1, 0);
        assert_int_equal(tick(LOCK_MS), 1);
}

/* --- feedback -------------------------------------------------------------------------------- */

static void feedback_comes_only_to_who_wants_it(void **state)
{
        static const enum local_hub_ack acks[] = {LOCAL_HUB_ACK_NONE, LOCAL_HUB_ACK_POSITIVE,
                                                  LOCAL_HUB_ACK_NEGATIVE, LOCAL_HUB_ACK_FULL};
        static const char *const ids[] = {"none", "positive", "negative", "full"};

        (void)state;
        for (int settlement = 0; settlement < 2; settlement++) {
                for (size_t i = 0; i < ARRAY_SIZE(acks); i++) {
                        const struct local_hub_command command = {.message_id = ids[i],
                                                                  .ack = acks[i]};
                        char id[LOCAL_HUB_MESSAGE_ID_SIZE];

                        assert_int_equal(send_full("dev1", &command, id), 0);
                        assert_true(settle(take(ids[i], 1, 0),
                                           settlement ? COMMAND_REJECT : COMMAND_COMPLETE));
                }
                assert_feedback(settlement ? "Rejected:negative Rejected:full"
                                           : "Success:positive Success:full");
        }
}

static void feedback_comes_in_batches_and_back_to_the_front(void **state)
{
        struct list batch;
        char id[16];
        size_t count;

        (void)state;
        for (int i = 0; i < 70; i++) {
                snprintf(id, sizeof(id), "m%d", i);
                enqueue(id);
                assert_true(settle(take(id, 1, 0), COMMAND_COMPLETE));
                now_ms++;
        }
        assert_true(command_queue_feedback_since(queue, 0, &count) == 1000);
        assert_int_equal(count, 70);
        list_init(&batch);
        command_queue_take_feedback(queue, 0, &batch);
        assert_int_equal(batch.count, COMMAND_BATCH_MAX);
        assert_true(command_queue_feedback_since(queue, 0, &count) == 1064);
        command_queue_return_feedback(queue, 0, &batch);
        assert_int_equal(batch.count, 0);
        assert_true(command_queue_feedback_since(queue, 0, &count) == 1000);
        assert_int_equal(count, 70);
        assert_true(command_queue_feedback_since(queue, 1, &count) == INT64_MAX);
}

/* --- threads --------------------------------------------------------------------------------- */

static void no_one(void *context, int hub, const char *device_id)
{
        (void)context;
        (void)hub;
        (void)device_id;
}

static void *work(void *context)
{
        int number = *(const int *)context;
        const struct local_hub_command command = {
                .body = "x", .body_size = 1, .ack = LOCAL_HUB_ACK_FULL};
        char device[16];
        char id[LOCAL_HUB_MESSAGE_ID_SIZE];

        for (int i = 0; i < 500; i++) {
                struct lock lock;
                int count;
                const struct command *got;

                snprintf(device, sizeof(device), "dev%d", (number + i) % 3);
                if (command_queue_send(queue, 0, device, "", &command, i, id, NULL) != 0)
                        (void)command_queue_purge(queue, 0, device);
                got = command_queue_take(queue, 0, device, (uint64_t)number + 1, i, lock.bytes,
                                         &count);
                if (got && i % 3)
                        (void)command_queue_settle(queue, 0, device, lock.bytes,
                                                   (enum command_settlement)(i % 3), i);
                command_queue_release(got);
                command_queue_tick(queue, i, no_one, NULL);
                (void)command_queue_next(queue);
        }
        return NULL;
}

static void many_threads_may_use_it(void **state)
{
        pthread_t threads[4];
        int numbers[4];

        (void)state;
        for (int i = 0; i < 4; i++) {
                numbers[i] = i;
                assert_int_equal(pthread_create(&threads[i], NULL, work, &numbers[i]), 0);
        }
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        for (int i = 0; i < 3; i++) {
                struct local_hub_command_status list[COMMAND_DEPTH_MAX + 1];
                char device[16];

                snprintf(device, sizeof(device), "dev%d", i);
                assert_in_range(command_queue_list(queue, 0, device, list, ARRAY_SIZE(list)), 0,
                                COMMAND_DEPTH_MAX);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(a_completed_message_is_gone),
                TEST(an_abandoned_message_comes_again_and_counts),
                TEST(a_rejected_message_is_a_dead_letter),
                TEST(after_ten_deliveries_it_is_a_dead_letter),
                TEST(a_lock_that_ends_brings_the_message_back),
                TEST(a_link_that_ends_brings_its_messages_back),
                TEST(a_message_expires_while_it_waits),
                TEST(a_locked_message_does_not_expire_before_its_lock_ends),
                TEST(an_expired_message_is_not_taken_even_before_the_tick),
                TEST(messages_come_in_order_also_after_an_abandon),
                TEST(fifty_messages_wait_at_most),
                TEST(sizes_ids_and_lives_are_checked),
                TEST(an_id_is_made_if_there_is_none),
                TEST(a_message_is_handed_out_as_it_was_sent),
                TEST(what_waits_is_listed_and_can_be_purged),
                TEST(the_newest_message_of_an_id_counts),
                TEST(hubs_and_devices_have_queues_of_their_own),
                TEST(several_locks_of_a_device_may_end_at_once),
                TEST(feedback_comes_only_to_who_wants_it),
                TEST(feedback_comes_in_batches_and_back_to_the_front),
                TEST(many_threads_may_use_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
