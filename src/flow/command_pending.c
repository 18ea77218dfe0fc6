// SPDX-License-Identifier: MIT
#include "flow/command_pending.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "flow/command_settle.h"

#define COMMAND_KIND "command"

/* A finished command is remembered as long as the hub may deliver it again: IoT Hub's longest
 * time to live is two days. */
#define REMEMBER_MS (INT64_C(49) * 3600 * 1000)

#define CARE_PERIOD_MS (30 * 1000)

struct command_pending {
        struct command_pending_options options;
        struct map *by_identity;  /* "device key\nidentity" to struct command */
        struct map *by_reference; /* not finished ones */
        struct list finished;     /* remembered, oldest first */
        struct hub_timer care;
        bool stopped;
};

static char *identity_key(const char *device_key, const char *identity)
{
        return mem_format("%s\n%s", device_key, identity);
}

struct command_pending *command_pending_new(const struct command_pending_options *options)
{
        struct command_pending *pending = mem_new(1, sizeof(*pending));

        pending->options = *options;
        pending->by_identity = map_new();
        pending->by_reference = map_new();
        list_init(&pending->finished);
        return pending;
}

static bool free_command(void *context, const char *key, void *value)
{
        (void)context;
        (void)key;
        command_free(value);
        return true;
}

void command_pending_free(struct command_pending *pending)
{
        if (!pending)
                return;
        map_each(pending->by_identity, free_command, NULL);
        map_free(pending->by_identity);
        map_free(pending->by_reference);
        free(pending);
}

/* --- on disk ------------------------------------------------------------------------------- */

/* One record on its way to the disk. */
struct recording {
        struct store_write write;
        char *key;
        struct buf value;
        void (*done)(void *context, int result);
        void *context;
};

static void recording_done(struct store_write *write, int result)
{
        struct recording *recording = list_entry(write, struct recording, write);

        if (recording->done)
                recording->done(recording->context, result);
        else if (result != 0)
                log_error("COMMAND_NOT_RECORDED", "The state of a command can't be written",
                          LOG_TEXT("reference", recording->key), LOG_END);
        free(recording->key);
        buf_deinit(&recording->value);
        free(recording);
}

void command_pending_record(struct command_pending *pending, const struct command *command,
                            void (*done)(void *context, int result), void *context)
{
        struct recording *recording = mem_new(1, sizeof(*recording));
        int64_t now_ms = clock_wall_ms();

        recording->key = identity_key(command->device_key, command->identity);
        command_encode(command, &recording->value);
        recording->done = done;
        recording->context = context;
        recording->write = (struct store_write){
                .record = {.kind = COMMAND_KIND,
                           .key = recording->key,
                           .value = recording->value.data,
                           .value_size = recording->value.size,
                           .expires_ms =
                                   command->state == COMMAND_FINISHED ? now_ms + REMEMBER_MS : 0},
                .done = recording_done,
        };
        store_write(pending->options.store, &recording->write);
}

static void record(struct command_pending *pending, const struct command *command)
{
        command_pending_record(pending, command, NULL, NULL);
}

/* --- find ---------------------------------------------------------------------------------- */

struct command *command_pending_find(const struct command_pending *pending, const char *device_key,
                                     const char *identity)
{
        CLEANUP(mem_cleanup) char *key = identity_key(device_key, identity);

        return map_get(pending->by_identity, key);
}

struct command *command_pending_find_reference(const struct command_pending *pending,
                                               const char *reference)
{
        return map_get(pending->by_reference, reference);
}

size_t command_pending_count(const struct device *device)
{
        return device->commands.count;
}

/* --- one after the other ------------------------------------------------------------------- */

/* The first of the device's commands that is not with the network yet; NULL if there is none. */
static struct command *next_to_hand_over(struct device *device)
{
        list_for_each (node, &device->commands) {
                struct command *command = list_entry(node, struct command, node);

                if (command->state == COMMAND_WAITING || command->state == COMMAND_UNCERTAIN)
                        return command->recorded ? command : NULL;
        }
        return NULL;
}

void command_pending_next(struct command_pending *pending, struct device *device)
{
        struct command *command;

        if (pending->stopped || device->handing_over)
                return;
        command = next_to_hand_over(device);
        if (!command)
                return;
        device->handing_over = command;
        pending->options.hand_over(pending->options.context, command);
}

/* A new command's first record is on disk, or can't be. */
struct first_record {
        struct command_pending *pending;
        struct device *device;
        char *identity;
        int result;
};

static void after_first_record(void *context)
{
        struct first_record *first = context;
        struct command_pending *pending = first->pending;
        struct command *command =
                command_pending_find(pending, first->device->key, first->identity);

        if (command && !pending->stopped) {
                command->recorded = true;
                if (first->result != 0)
                        command_pending_finish(pending, command, COMMAND_FAILED,
                                               "the store can't record the command");
                else
                        command_pending_next(pending, first->device);
        }
        free(first->identity);
        free(first);
}

static void first_record_done(void *context, int result)
{
        struct first_record *first = context;

        first->result = result;
        hub_client_post(first->pending->options.hubs, after_first_record, first);
}

/* Puts it on the lists; not on disk yet. */
static void enter(struct command_pending *pending, struct command *command)
{
        CLEANUP(mem_cleanup) char *key = identity_key(command->device_key, command->identity);

        map_set(pending->by_identity, key, command);
        map_set(pending->by_reference, command->downlink.reference, command);
        list_push_back(&command->device->commands, &command->node);
        metrics_gauge_add(METRIC_COMMANDS_PENDING, 1);
}

static void record_first(struct command_pending *pending, struct command *command)
{
        struct first_record *first = mem_new(1, sizeof(*first));

        first->pending = pending;
        first->device = command->device;
        first->identity = mem_text(command->identity);
        command->recorded = false;
        command_pending_record(pending, command, first_record_done, first);
}

void command_pending_add(struct command_pending *pending, struct command *command)
{
        THREAD_ASSERT(HUB_CLIENT_THREAD);
        enter(pending, command);
        record_first(pending, command);
}

/* --- forward ------------------------------------------------------------------------------- */

/* A `replace` has removed at the network what waited there before it, without a word. */
static void supersede_earlier(struct command_pending *pending, const struct command *replacing)
{
        list_for_each_safe (node, &replacing->device->commands) {
                struct command *earlier = list_entry(node, struct command, node);

                if (earlier == replacing)
                        return;
                if (earlier->state == COMMAND_QUEUED)
                        command_pending_finish(pending, earlier, COMMAND_SUPERSEDED,
                                               "a later command with Queue=Replace took its place");
        }
}

void command_pending_advance(struct command_pending *pending, struct command *command,
                             enum command_state state)
{
        if (command->state >= state)
                return;
        log_info("COMMAND_ADVANCED", "A command has come further",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("device", command->device_key),
                 LOG_TEXT("state", command_state_name(state)), LOG_END);
        if (command->state < COMMAND_QUEUED && command->downlink.replace)
                supersede_earlier(pending, command);
        command->state = state;
        if (state == COMMAND_SENT && !command->downlink.confirmed) {
                command_pending_finish(pending, command, COMMAND_DELIVERED, NULL);
                return;
        }
        command_settle_by_policy(command, pending->options.settings);
        record(pending, command);
}

void command_pending_finish(struct command_pending *pending, struct command *command,
                            enum command_outcome outcome, const char *reason)
{
        bool told_before = command->settled;

        if (command->state == COMMAND_FINISHED)
                return;
        if (outcome == COMMAND_DELIVERED && command->state < COMMAND_QUEUED &&
            command->downlink.replace)
                supersede_earlier(pending, command);
        hub_timer_stop(pending->options.hubs, &command->deadline);
        command->doubtful = command->state == COMMAND_UNCERTAIN;
        command->state = COMMAND_FINISHED;
        command->outcome = outcome;
        free(command->reason);
        command->reason = mem_text(reason);
        log_info("COMMAND_FINISHED", "The outcome of a command is known",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("message_id", command->message_id),
                 LOG_TEXT("device", command->device_key),
                 LOG_TEXT("outcome", command_outcome_name(outcome)),
                 LOG_TEXT("reason", reason ? reason : ""), LOG_END);
        map_remove(pending->by_reference, command->downlink.reference);
        list_remove(&command->device->commands, &command->node);
        list_push_back(&pending->finished, &command->node);
        metrics_gauge_add(METRIC_COMMANDS_PENDING, -1);
        command_settle_finished(command);
        record(pending, command);
        if (told_before && !command->is_method)
                pending->options.report(pending->options.context, command);
        command_pending_next(pending, command->device);
}

void command_pending_doubt(struct command_pending *pending, struct command *command)
{
        if (command->state != COMMAND_WAITING)
                return;
        command->state = COMMAND_UNCERTAIN;
        record(pending, command);
}

/* --- deliveries ---------------------------------------------------------------------------- */

/* The hub gives it another chance after we abandoned it. */
static void try_again(struct command_pending *pending, struct command *command)
{
        list_remove(&pending->finished, &command->node);
        /* If the network may have it, it has it under the old reference. */
        command->state = command->doubtful ? COMMAND_UNCERTAIN : COMMAND_WAITING;
        if (!command->doubtful) {
                command->attempt++;
                command_make_reference(command);
        }
        command->outcome = COMMAND_NO_OUTCOME;
        command->settled = false;
        command->failures = 0;
        command->started_ns = clock_steady_ns();
        enter(pending, command);
        record_first(pending, command);
}

void command_pending_redelivered(struct command_pending *pending, struct command *command,
                                 struct hub_command *delivery)
{
        log_info("COMMAND_REDELIVERED", "The hub delivers a command again; it is known",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("message_id", command->message_id),
                 LOG_TEXT("state", command_state_name(command->state)), LOG_END);
        if (command->delivery)
                hub_command_settle(command->delivery, HUB_ABANDON);
        command->delivery = delivery;
        if (command->state == COMMAND_FINISHED && command->outcome == COMMAND_FAILED)
                try_again(pending, command);
        else if (command->state == COMMAND_FINISHED)
                command_settle_finished(command);
        else
                command_settle_by_policy(command, pending->options.settings);
}

struct search {
        const struct hub_command *delivery;
        struct command *found;
};

static bool is_delivery(void *context, const char *key, void *value)
{
        struct search *search = context;
        struct command *command = value;

        (void)key;
        if (command->delivery == search->delivery)
                search->found = command;
        return !search->found;
}

void command_pending_lost(struct command_pending *pending, struct hub_command *delivery)
{
        struct search search = {.delivery = delivery};

        map_each(pending->by_identity, is_delivery, &search);
        if (search.found)
                search.found->delivery = NULL;
        /* Frees it; there is nothing left to settle. */
        hub_command_settle(delivery, HUB_ABANDON);
}

/* --- care ---------------------------------------------------------------------------------- */

struct expired {
        struct command_pending *pending;
        struct command *commands[64];
        size_t count;
        int64_t now_ms;
};

static bool collect_expired(void *context, const char *key, void *value)
{
        struct expired *expired = context;
        struct command *command = value;

        (void)key;
        if (command->expires_ms > 0 && command->expires_ms <= expired->now_ms)
                expired->commands[expired->count++] = command;
        return expired->count < ARRAY_SIZE(expired->commands);
}

static void forget_old(struct command_pending *pending, int64_t now_ms)
{
        list_for_each_safe (node, &pending->finished) {
                struct command *command = list_entry(node, struct command, node);
                CLEANUP(mem_cleanup)
                char *key = identity_key(command->device_key, command->identity);

                if (command->received_ms + REMEMBER_MS > now_ms || command->delivery)
                        continue;
                if (command->device->handing_over == command)
                        continue;
                list_remove(&pending->finished, node);
                map_remove(pending->by_identity, key);
                command_free(command);
        }
}

static void take_care(struct hub_timer *timer)
{
        struct command_pending *pending = list_entry(timer, struct command_pending, care);
        struct expired expired = {.pending = pending, .now_ms = clock_wall_ms()};

        if (pending->stopped)
                return;
        map_each(pending->by_reference, collect_expired, &expired);
        for (size_t i = 0; i < expired.count; i++)
                command_pending_finish(pending, expired.commands[i], COMMAND_EXPIRED,
                                       "its time was over before its outcome was known");
        forget_old(pending, expired.now_ms);
        hub_timer_start(pending->options.hubs, &pending->care, CARE_PERIOD_MS);
}

/* --- start and stop ------------------------------------------------------------------------ */

struct loading {
        struct command_pending *pending;
        struct device *(*device_of)(void *context, const char *key);
        void *context;
};

static bool load_command(void *context, const struct store_record *stored)
{
        struct loading *loading = context;
        struct command_pending *pending = loading->pending;
        struct reason reason = REASON_INIT;
        struct command *command = command_decode(stored->value, stored->value_size, &reason);

        if (command)
                command->device = loading->device_of(loading->context, command->device_key);
        if (!command || !command->device) {
                log_warn("COMMAND_FORGOTTEN", "A recorded command can't be taken up again",
                         LOG_TEXT("key", stored->key),
                         LOG_TEXT("reason", command ? "its device is not known" : reason.text),
                         LOG_END);
                command_free(command);
                return true;
        }
        /* It may have been handed over in the moment before the end of the last run. */
        if (command->state == COMMAND_WAITING)
                command->state = COMMAND_UNCERTAIN;
        if (command->state != COMMAND_FINISHED) {
                enter(pending, command);
        } else {
                map_set(pending->by_identity, stored->key, command);
                list_push_back(&pending->finished, &command->node);
        }
        return true;
}

int command_pending_load(struct command_pending *pending,
                         struct device *(*device_of)(void *context, const char *key), void *context,
                         struct reason *reason)
{
        struct loading loading = {.pending = pending, .device_of = device_of, .context = context};
        int result =
                store_records_each(pending->options.store, COMMAND_KIND, load_command, &loading);

        if (result != 0)
                reason_set(reason, "the store's records of commands can't be read");
        return result;
}

static bool start_device(void *context, const char *key, void *value)
{
        struct command *command = value;

        (void)key;
        command_pending_next(context, command->device);
        return true;
}

void command_pending_start(struct command_pending *pending)
{
        THREAD_ASSERT(HUB_CLIENT_THREAD);
        map_each(pending->by_reference, start_device, pending);
        pending->care.run = take_care;
        hub_timer_start(pending->options.hubs, &pending->care, CARE_PERIOD_MS);
}

void command_pending_stop(struct command_pending *pending)
{
        THREAD_ASSERT(HUB_CLIENT_THREAD);
        pending->stopped = true;
}
