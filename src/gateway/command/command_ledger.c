// SPDX-License-Identifier: MIT
#include "gateway/command/command_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/table.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/command/command_load.h"
#include "gateway/command/command_record.h"
#include "gateway/command/command_settle.h"

#define CARE_PERIOD_MS (30 * 1000)

#define MOST_REMEMBERED 100000

/* Before another attempt at what failed: IoT Hub counts ten deliveries by default, and they shall
 * reach over an outage of several minutes. */
#define REST_MIN_MS (2 * 1000)
#define REST_MAX_MS (5 * 60 * 1000)

struct command_ledger {
        struct command_ledger_options options;
        struct command_recorder *recorder;
        struct map *by_identity;  /* "device key\nidentity" to struct command */
        struct map *by_reference; /* those in the ledger that are not finished */
        struct list finished;     /* remembered, in the order of their end */
        int64_t arrivals;         /* the last number given */
        struct timer care;
        bool stopped;
};

static void on_written(void *context, struct command *command, int result);

struct command_ledger *command_ledger_new(const struct command_ledger_options *options)
{
        struct command_ledger *pending = mem_new(1, sizeof(*pending));

        pending->options = *options;
        if (pending->options.maximum_remembered == 0)
                pending->options.maximum_remembered = MOST_REMEMBERED;
        pending->recorder = command_recorder_new(&(struct command_recorder_options){
                .store = options->store,
                .loop = options->loop,
                .written = on_written,
                .context = pending,
        });
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

void command_ledger_free(struct command_ledger *pending)
{
        if (!pending)
                return;
        command_recorder_free(pending->recorder);
        map_each(pending->by_identity, free_command, NULL);
        map_free(pending->by_identity);
        map_free(pending->by_reference);
        free(pending);
}

/* --- find ---------------------------------------------------------------------------------- */

struct command *command_ledger_find(const struct command_ledger *pending, const char *device_key,
                                    const char *identity)
{
        CLEANUP(mem_cleanup) char *key = command_record_key(device_key, identity);

        return map_get(pending->by_identity, key);
}

struct command *command_ledger_find_reference(const struct command_ledger *pending,
                                              const char *reference)
{
        return map_get(pending->by_reference, reference);
}

struct each {
        bool (*visit)(void *context, struct command *command);
        void *context;
};

static bool visit_command(void *context, const char *key, void *value)
{
        struct each *each = context;

        (void)key;
        return each->visit(each->context, value);
}

void command_ledger_each(const struct command_ledger *pending,
                         bool (*visit)(void *context, struct command *command), void *context)
{
        map_each(pending->by_identity, visit_command, &(struct each){visit, context});
}

size_t command_ledger_count(const struct device *device)
{
        return device->commands.count;
}

bool command_ledger_has_room(const struct command_ledger *pending, const struct device *device)
{
        int64_t limit = pending->options.settings->commands.maximum_per_device;

        return limit == 0 || (int64_t)device->commands.count < limit;
}

void command_ledger_when_recorded(struct command_ledger *pending, const struct command *command,
                                  void (*done)(void *context, int result), void *context)
{
        command_record_barrier(pending->recorder, command, done, context);
}

/* --- one after the other ------------------------------------------------------------------- */

static void finish(struct command_ledger *pending, struct command *command,
                   enum command_outcome outcome, const char *reason);

/* The first of the device's commands that is not with the network yet; NULL if there is none. */
static struct command *next_to_hand_over(const struct device *device)
{
        list_for_each (node, &device->commands) {
                struct command *command = list_entry(node, struct command, node);

                if (command->state < COMMAND_QUEUED && !command->resting)
                        return command->unwritten == 0 ? command : NULL;
        }
        return NULL;
}

/* Is the network being asked, or waited for, on behalf of this device? */
static bool is_handing_over(struct command_ledger *pending, struct device *device)
{
        const struct command *command = device->handing_over;

        if (!command)
                return false;
        if (command->state < COMMAND_QUEUED || device->command_timer.position == 0)
                return true;
        /* An event has decided it while the next try was waited for (rule E2). */
        loop_timer_stop(pending->options.loop, &device->command_timer);
        device->handing_over = NULL;
        return false;
}

/* As next_to_hand_over, without those whose time is over. */
static struct command *next_in_time(struct command_ledger *pending, const struct device *device)
{
        struct clock_moment now = clock_moment_now();
        struct command *command;

        while ((command = next_to_hand_over(device)) && command->state == COMMAND_WAITING &&
               command_is_over(command, &now))
                finish(pending, command, COMMAND_EXPIRED,
                       "its time was over before it could be handed to the network");
        return command;
}

void command_ledger_next(struct command_ledger *pending, struct device *device)
{
        if (device->is_choosing)
                return;
        /* Handing over may be over at once, and asks for the next one then. */
        device->is_choosing = true;
        while (!pending->stopped && !is_handing_over(pending, device)) {
                device->handing_over = next_in_time(pending, device);
                if (!device->handing_over)
                        break;
                pending->options.hand_over(pending->options.context, device->handing_over);
        }
        device->is_choosing = false;
}

void command_ledger_release(struct command_ledger *pending, struct command *command)
{
        struct device *device = command->device;

        device->handing_over = NULL;
        command_ledger_next(pending, device);
}

void command_ledger_record(struct command_ledger *pending, struct command *command)
{
        command_record_write(pending->recorder, command);
}

/* --- into the ledger ----------------------------------------------------------------------- */

static void enter(struct command_ledger *pending, struct command *command)
{
        if (command->arrival == 0)
                command->arrival = ++pending->arrivals;
        map_set(pending->by_reference, command->downlink.reference, command);
        list_push_back(&command->device->commands, &command->node);
        metrics_gauge_add(METRIC_COMMANDS_PENDING, 1);
}

/* Does another command of the device wait until its network has room for it? */
static bool is_behind_busy(const struct device *device)
{
        return device->network_busy && !list_is_empty(&device->commands);
}

static void take_in(struct command_ledger *pending, struct command *command)
{
        command->held = !command_ledger_has_room(pending, command->device);
        if (!command->held) {
                command->waits = command->waits || is_behind_busy(command->device);
                enter(pending, command);
                command_record_write(pending->recorder, command);
                return;
        }
        list_push_back(&command->device->held_commands, &command->node);
        log_info("COMMAND_HELD", "A device has too many commands: one more waits, not settled",
                 LOG_TEXT("device", command->device_key),
                 LOG_TEXT("message_id", command->message_id),
                 LOG_INT("held", (int64_t)command->device->held_commands.count), LOG_END);
}

static void take_in_held(struct command_ledger *pending, struct device *device)
{
        while (!list_is_empty(&device->held_commands) && command_ledger_has_room(pending, device))
                take_in(pending,
                        list_entry(list_pop_front(&device->held_commands), struct command, node));
}

void command_ledger_add(struct command_ledger *pending, struct command *command)
{
        CLEANUP(mem_cleanup)
        char *key = command_record_key(command->device_key, command->identity);

        THREAD_ASSERT(LOOP_THREAD);
        map_set(pending->by_identity, key, command);
        if (command->delivery)
                command->delivery->owner = command;
        take_in(pending, command);
}

/* --- what is told, once it is on disk ------------------------------------------------------ */

static void tell(struct command_ledger *pending, struct command *command)
{
        if (command->state == COMMAND_FINISHED)
                command_settle_finished(command);
        else
                command_settle_by_policy(command, pending->options.settings);
}

/* All that was written of the command is on disk, or can't be. */
static void on_written(void *context, struct command *command, int result)
{
        struct command_ledger *pending = context;
        /* What the hub delivers again, or never does, needs no memory. */
        bool harmless = command->outcome == COMMAND_FAILED || command->is_method;

        if (pending->stopped)
                return;
        if (result != 0 && command->state == COMMAND_WAITING && !command->waits)
                finish(pending, command, COMMAND_FAILED, "the store can't record the command");
        else if (result == 0 || harmless)
                tell(pending, command);
        command_ledger_next(pending, command->device);
}

/* --- forward ------------------------------------------------------------------------------- */

/* Is it, or may it be, among what waits at the network? */
static bool may_be_queued(const struct command *command)
{
        return (command->state >= COMMAND_BEGUN && command->state <= COMMAND_QUEUED) ||
               (command->state == COMMAND_SENT && command->requeued);
}

/* A `replace` has removed at the network what waited there before it, without a word. */
static void supersede_earlier(struct command_ledger *pending, const struct command *replacing)
{
        struct device *device = replacing->device;

        if (device->replaced_up_to < replacing->arrival)
                device->replaced_up_to = replacing->arrival;
        list_for_each_safe (node, &device->commands) {
                struct command *earlier = list_entry(node, struct command, node);

                if (earlier->arrival < replacing->arrival && may_be_queued(earlier))
                        finish(pending, earlier, COMMAND_SUPERSEDED,
                               "a later command with Queue=Replace took its place");
        }
}

/* After it was not acknowledged. */
static bool sends_again(const struct command *command, enum command_state state)
{
        return state == COMMAND_SENT && command->state == COMMAND_SENT && command->requeued;
}

void command_ledger_advance(struct command_ledger *pending, struct command *command,
                            enum command_state state)
{
        if (command->state >= state && !sends_again(command, state))
                return;
        log_info("COMMAND_ADVANCED", "A command has come further",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("device", command->device_key),
                 LOG_TEXT("state", command_state_name(state)), LOG_END);
        if (command->state < COMMAND_QUEUED && command->downlink.replace)
                supersede_earlier(pending, command);
        command_reach(command, state);
        command->requeued = false;
        if (state == COMMAND_SENT && !command->downlink.confirmed)
                finish(pending, command, COMMAND_DELIVERED, NULL);
        else
                command_record_write(pending->recorder, command);
        command_ledger_next(pending, command->device);
}

void command_ledger_requeued(struct command_ledger *pending, struct command *command)
{
        if (command->state < COMMAND_SENT)
                command_ledger_advance(pending, command, COMMAND_SENT);
        if (command->state != COMMAND_SENT || command->requeued)
                return;
        command->requeued = true;
        command_record_write(pending->recorder, command);
}

static void forget(struct command_ledger *pending, struct command *command)
{
        CLEANUP(mem_cleanup)
        char *key = command_record_key(command->device_key, command->identity);

        loop_timer_stop(pending->options.loop, &command->timer);
        map_remove(pending->by_identity, key);
        command_free(command);
}

static bool can_be_forgotten(const struct command *command)
{
        return !command->delivery && command->unwritten == 0 &&
               command->device->handing_over != command;
}

/* Forgets finished commands, oldest first: those too long ago, and those too many. */
static void forget_finished(struct command_ledger *pending, const struct clock_moment *now)
{
        list_for_each_safe (node, &pending->finished) {
                struct command *command = list_entry(node, struct command, node);

                if (pending->finished.count <= pending->options.maximum_remembered &&
                    clock_elapsed_ms(&command->finished, now) < COMMAND_REMEMBER_MS)
                        return;
                if (!can_be_forgotten(command))
                        continue;
                command_record_delete(pending->recorder, command);
                list_remove(&pending->finished, node);
                forget(pending, command);
        }
}

/* Takes it off the list that it is on. */
static void leave(struct command_ledger *pending, struct command *command)
{
        if (command->held) {
                list_remove(&command->device->held_commands, &command->node);
                command->held = false;
                return;
        }
        map_remove(pending->by_reference, command->downlink.reference);
        list_remove(&command->device->commands, &command->node);
        metrics_gauge_add(METRIC_COMMANDS_PENDING, -1);
}

static void finish(struct command_ledger *pending, struct command *command,
                   enum command_outcome outcome, const char *reason)
{
        if (command->state == COMMAND_FINISHED)
                return;
        if (outcome == COMMAND_DELIVERED && command->state < COMMAND_QUEUED &&
            command->downlink.replace)
                supersede_earlier(pending, command);
        loop_timer_stop(pending->options.loop, &command->timer);
        command->resting = false;
        command->early = command_settle_was_told(command);
        command_reach(command, COMMAND_FINISHED);
        command->outcome = outcome;
        free(command->reason);
        command->reason = mem_text(reason);
        log_info("COMMAND_FINISHED", "The outcome of a command is known",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("message_id", command->message_id),
                 LOG_TEXT("device", command->device_key),
                 LOG_TEXT("outcome", command_outcome_name(outcome)),
                 LOG_TEXT("reason", reason ? reason : ""), LOG_END);
        leave(pending, command);
        list_push_back(&pending->finished, &command->node);
        /* The report first: a crash between the two makes it twice, with one message id. */
        if (command->early)
                pending->options.report(pending->options.context, command);
        command_record_write(pending->recorder, command);
        take_in_held(pending, command->device);
        forget_finished(pending, &command->finished);
}

void command_ledger_finish(struct command_ledger *pending, struct command *command,
                           enum command_outcome outcome, const char *reason)
{
        finish(pending, command, outcome, reason);
        command_ledger_next(pending, command->device);
}

void command_ledger_begin(struct command_ledger *pending, struct command *command)
{
        command_reach(command, COMMAND_BEGUN);
        command_record_write(pending->recorder, command);
        command_ledger_release(pending, command);
}

void command_ledger_doubt(struct command_ledger *pending, struct command *command,
                          enum command_state state)
{
        if (command->state >= COMMAND_QUEUED || command->state == state)
                return;
        command_reach(command, state);
        command_record_write(pending->recorder, command);
}

void command_ledger_not_taken(struct command_ledger *pending, struct command *command)
{
        if (command->state != COMMAND_BEGUN)
                return;
        command_reach(command, COMMAND_WAITING);
        command_record_write(pending->recorder, command);
}

void command_ledger_busy(struct command_ledger *pending, struct device *device)
{
        device->network_busy = true;
        list_for_each (node, &device->commands) {
                struct command *command = list_entry(node, struct command, node);

                if (command->state != COMMAND_WAITING || command->waits)
                        continue;
                command->waits = true;
                command_record_write(pending->recorder, command);
        }
}

/* --- deliveries ---------------------------------------------------------------------------- */

static void rest_is_over(struct timer *timer)
{
        struct command *command = list_entry(timer, struct command, timer);

        command->resting = false;
        command_ledger_next(command->owner, command->device);
}

static void rest(struct command_ledger *pending, struct command *command)
{
        command->resting = true;
        command->owner = pending;
        command->timer.run = rest_is_over;
        loop_timer_start(pending->options.loop, &command->timer,
                         backoff_ms(command->attempt - 1, REST_MIN_MS, REST_MAX_MS));
}

/* The hub gives it another chance after we abandoned it. */
static void try_again(struct command_ledger *pending, struct command *command)
{
        list_remove(&pending->finished, &command->node);
        command->attempt++;
        /* If the network may have it, it has it under the old reference. */
        command_reach(command, command->failed_in);
        if (command->state == COMMAND_WAITING) {
                command_make_reference(command);
                command->arrival = 0;
        }
        command->failed_in = COMMAND_WAITING;
        command->outcome = COMMAND_NO_OUTCOME;
        command->requeued = false;
        command->failures = 0;
        command->started_ns = clock_steady_ns();
        rest(pending, command);
        take_in(pending, command);
        if (command->state > COMMAND_WAITING && command->state < COMMAND_QUEUED &&
            command->arrival < command->device->replaced_up_to)
                finish(pending, command, COMMAND_SUPERSEDED,
                       "a later command with Queue=Replace took its place");
}

void command_ledger_redelivered(struct command_ledger *pending, struct command *command,
                                struct hub_command *delivery)
{
        log_info("COMMAND_REDELIVERED", "The hub delivers a command again; it is known",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("message_id", command->message_id),
                 LOG_TEXT("state", command_state_name(command->state)), LOG_END);
        if (command->delivery)
                hub_command_settle(command->delivery, HUB_ABANDON);
        command->delivery = delivery;
        delivery->owner = command;
        if (command->held)
                return;
        if (command->state == COMMAND_FINISHED && command->outcome == COMMAND_FAILED &&
            !command->early)
                try_again(pending, command);
        else if (command->record_failed && command->unwritten == 0)
                command_record_write(pending->recorder, command);
        else if (command->unwritten == 0)
                tell(pending, command);
}

void command_ledger_lost(struct command_ledger *pending, struct hub_command *delivery)
{
        struct command *command = delivery->owner;

        /* Frees it; there is nothing left to settle. */
        hub_command_settle(delivery, HUB_ABANDON);
        if (!command)
                return;
        command->delivery = NULL;
        /* The hub will deliver it again, and there it is safer than here. */
        if (command->held && command->attempt == 1) {
                leave(pending, command);
                forget(pending, command);
        }
}

/* --- care ---------------------------------------------------------------------------------- */

struct expired {
        struct command *commands[64];
        size_t count;
        const struct clock_moment *now;
};

static bool collect_expired(void *context, const char *key, void *value)
{
        struct expired *expired = context;
        struct command *command = value;

        (void)key;
        if (command_is_over(command, expired->now))
                expired->commands[expired->count++] = command;
        return expired->count < ARRAY_SIZE(expired->commands);
}

static void finish_expired(struct command_ledger *pending, const struct clock_moment *now)
{
        struct expired expired = {.now = now};

        do {
                expired.count = 0;
                map_each(pending->by_reference, collect_expired, &expired);
                for (size_t i = 0; i < expired.count; i++)
                        command_ledger_finish(pending, expired.commands[i], COMMAND_EXPIRED,
                                              "its time was over before its outcome was known");
        } while (expired.count == ARRAY_SIZE(expired.commands));
}

static void take_care(struct timer *timer)
{
        struct command_ledger *pending = list_entry(timer, struct command_ledger, care);
        struct clock_moment now = clock_moment_now();

        if (pending->stopped)
                return;
        finish_expired(pending, &now);
        forget_finished(pending, &now);
        loop_timer_start(pending->options.loop, &pending->care, CARE_PERIOD_MS);
}

/* --- start and stop ------------------------------------------------------------------------ */

static bool has_replaced(const struct command *command)
{
        return command->downlink.replace &&
               (command->state == COMMAND_QUEUED || command->state == COMMAND_SENT ||
                command->outcome == COMMAND_DELIVERED || command->outcome == COMMAND_SUPERSEDED);
}

static void restore(struct command_ledger *pending, struct command *command)
{
        CLEANUP(mem_cleanup)
        char *key = command_record_key(command->device_key, command->identity);

        map_set(pending->by_identity, key, command);
        if (command->arrival > pending->arrivals)
                pending->arrivals = command->arrival;
        if (has_replaced(command) && command->device->replaced_up_to < command->arrival)
                command->device->replaced_up_to = command->arrival;
        /* What the network took in the last run may still wait there. */
        if (command->outcome == COMMAND_DELIVERED &&
            command->begun.wall_ms > command->device->taken.wall_ms)
                command->device->taken = command->begun;
        if (command->state == COMMAND_FINISHED)
                list_push_back(&pending->finished, &command->node);
        else
                enter(pending, command);
}

int command_ledger_load(struct command_ledger *pending,
                        struct device *(*device_of)(void *context, const char *key), void *context,
                        struct reason *reason)
{
        struct command_load loaded = {.count = 0};
        int result = command_load(pending->options.store, device_of, context, &loaded, reason);

        for (size_t i = 0; i < loaded.count; i++)
                restore(pending, loaded.commands[i]);
        free(loaded.commands);
        return result;
}

struct starting {
        struct device **devices;
        size_t count;
};

static bool collect_device(void *context, const char *key, void *value)
{
        struct starting *starting = context;
        const struct command *command = value;

        (void)key;
        starting->devices[starting->count++] = command->device;
        return true;
}

void command_ledger_start(struct command_ledger *pending)
{
        size_t count = map_count(pending->by_reference);
        struct starting starting = {.devices = mem_new(count + 1, sizeof(struct device *))};

        THREAD_ASSERT(LOOP_THREAD);
        map_each(pending->by_reference, collect_device, &starting);
        for (size_t i = 0; i < starting.count; i++)
                command_ledger_next(pending, starting.devices[i]);
        free(starting.devices);
        pending->care.run = take_care;
        loop_timer_start(pending->options.loop, &pending->care, CARE_PERIOD_MS);
}

void command_ledger_stop(struct command_ledger *pending)
{
        THREAD_ASSERT(LOOP_THREAD);
        pending->stopped = true;
        command_recorder_stop(pending->recorder);
}
