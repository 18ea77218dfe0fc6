// SPDX-License-Identifier: MIT
#include "gateway/command/command_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "gateway/command/command_format.h"
#include "gateway/command/command_inside.h"
#include "gateway/command/command_settle.h"
#include "networks/network.h"
#include "store/store_share.h"

#define CARE_PERIOD_MS (30 * 1000)

/* Its caller has a link to the device's new gateway as soon as it tries again. */
#define STATUS_MOVED 503

#define MOST_REMEMBERED 100000

/* Before another attempt at what failed: IoT Hub counts ten deliveries by default, and they shall
 * reach over an outage of several minutes. */
#define REST_MIN_MS (2 * 1000)
#define REST_MAX_MS (5 * 60 * 1000)

struct command_ledger *command_ledger_new(const struct command_ledger_options *options)
{
        struct command_ledger *ledger = mem_new(1, sizeof(*ledger));

        ledger->options = *options;
        if (ledger->options.maximum_remembered == 0)
                ledger->options.maximum_remembered = MOST_REMEMBERED;
        ledger->recorder = command_recorder_new(ledger);
        list_init(&ledger->open);
        list_init(&ledger->finished);
        list_init(&ledger->forgotten);
        return ledger;
}

void command_ledger_join(struct command_ledger *ledger, struct command_format *format)
{
        ledger->format = format;
}

void command_ledger_free(struct command_ledger *ledger)
{
        if (!ledger)
                return;
        command_recorder_free(ledger->recorder);
        for (size_t i = 0; i < ledger->taken_count; i++)
                command_free(ledger->taken[i]);
        free(ledger->taken);
        list_for_each_safe (node, &ledger->open)
                command_free(list_entry(node, struct command, open));
        list_for_each_safe (node, &ledger->finished)
                command_free(list_entry(node, struct command, node));
        list_for_each_safe (node, &ledger->forgotten)
                command_free(list_entry(node, struct command, node));
        table_deinit(&ledger->by_key);
        table_deinit(&ledger->by_reference);
        table_deinit(&ledger->by_own_id);
        free(ledger);
}

/* --- find ---------------------------------------------------------------------------------- */

struct command *command_ledger_find(const struct command_ledger *ledger, const char *device_key,
                                    const char *identity)
{
        CLEANUP(mem_cleanup) char *key = command_key(device_key, identity);
        struct table_entry *entry = table_find(&ledger->by_key, key);

        return entry ? table_of(entry, struct command, by_key) : NULL;
}

struct command *command_ledger_find_reference(const struct command_ledger *ledger,
                                              const char *reference)
{
        struct table_entry *entry = table_find(&ledger->by_reference, reference);

        return entry ? table_of(entry, struct command, by_reference) : NULL;
}

struct command *command_ledger_find_own_id(const struct command_ledger *ledger,
                                           const char *device_key, const char *own_id)
{
        CLEANUP(mem_cleanup) char *key = command_key(device_key, own_id);
        struct table_entry *entry = table_find(&ledger->by_own_id, key);

        return entry ? table_of(entry, struct command, by_own_id) : NULL;
}

void command_ledger_each(const struct command_ledger *ledger,
                         bool (*visit)(void *context, struct command *command), void *context)
{
        list_for_each (node, &ledger->open) {
                if (!visit(context, list_entry(node, struct command, open)))
                        return;
        }
        list_for_each (node, &ledger->finished) {
                if (!visit(context, list_entry(node, struct command, node)))
                        return;
        }
}

size_t command_ledger_count(const struct device *device)
{
        return device->commands.count;
}

bool command_ledger_has_room(const struct command_ledger *ledger, const struct device *device)
{
        int64_t limit = ledger->options.settings->commands.maximum_per_device;

        return limit == 0 || (int64_t)device->commands.count < limit;
}

void command_ledger_when_recorded(struct command_ledger *ledger, struct command *command,
                                  void (*done)(void *context, int result), void *context)
{
        command_record_barrier(ledger->recorder, command, done, context);
}

/* --- one after the other ------------------------------------------------------------------- */

/* The first of the device's commands that is not with the network yet; NULL if there is none. */
static struct command *first_in_line(const struct device *device)
{
        list_for_each (node, &device->command_line) {
                struct command *command = list_entry(node, struct command, line);

                if (command->state != COMMAND_RESTING)
                        return command->unwritten == 0 && !command->is_fenced ? command : NULL;
        }
        return NULL;
}

/* The same, after those have ended whose time was over before they were begun. */
static struct command *expire_late(struct command_ledger *ledger, const struct device *device)
{
        struct clock_moment now = clock_moment_now();
        struct command *command;

        while ((command = first_in_line(device)) && command->state == COMMAND_WAITING &&
               command_is_over(command, &now))
                command_inside_finish(ledger, command, COMMAND_EXPIRED,
                                      "its time was over before it could be handed to the network");
        return command;
}

/*
 * True if no command of the device has its turn. A turn ends here if an event has decided its
 * command while the next try was waited for (rule E2).
 */
static bool free_turn(struct command_ledger *ledger, struct device *device)
{
        const struct command *command = device->handing_over;

        if (command && command->state >= COMMAND_QUEUED && device->command_timer.position != 0) {
                loop_timer_stop(ledger->options.loop, &device->command_timer);
                device->handing_over = NULL;
        }
        return !device->handing_over;
}

void command_inside_next(struct command_ledger *ledger, struct device *device)
{
        while (!ledger->stopped && free_turn(ledger, device)) {
                struct command *command = expire_late(ledger, device);

                if (!command)
                        return;
                device->handing_over = command;
                if (command_format_hand_over(ledger->format, command) == COMMAND_TURN_OVER)
                        device->handing_over = NULL;
        }
}

void command_ledger_release(struct command_ledger *ledger, struct command *command)
{
        command->device->handing_over = NULL;
        command_inside_next(ledger, command->device);
}

static void on_turn(struct timer *timer)
{
        struct device *device = list_entry(timer, struct device, command_timer);
        struct command_ledger *ledger = device->command_owner;

        if (!ledger->stopped && device->handing_over)
                command_ledger_release(ledger, device->handing_over);
}

enum command_turn command_ledger_wait(struct command_ledger *ledger, struct command *command,
                                      int64_t delay_ms)
{
        struct device *device = command->device;

        device->command_owner = ledger;
        device->command_timer.run = on_turn;
        loop_timer_start(ledger->options.loop, &device->command_timer, delay_ms);
        return COMMAND_TURN_GOES_ON;
}

void command_inside_written(struct command_ledger *ledger, struct command *command, int result)
{
        /* What the hub delivers again, or never does, needs no memory. */
        bool harmless = command->outcome == COMMAND_FAILED || command->is_method;

        if (ledger->stopped || command->is_fenced)
                return;
        if (result != 0 && command->state == COMMAND_WAITING &&
            command->told == COMMAND_TOLD_NOTHING)
                command_ledger_give_up(ledger, command, "the store can't record the command");
        else if (result == 0 || harmless)
                command_inside_tell(ledger, command);
        command_inside_next(ledger, command->device);
}

/* --- in and out ---------------------------------------------------------------------------- */

static void rest_is_over(struct timer *timer)
{
        struct command *command = list_entry(timer, struct command, timer);

        command_reach(command, command->resume);
        command_inside_next(command->owner, command->device);
}

static void rest(struct command_ledger *ledger, struct command *command)
{
        command_reach(command, COMMAND_RESTING);
        command->owner = ledger;
        command->timer.run = rest_is_over;
        loop_timer_start(ledger->options.loop, &command->timer,
                         backoff_ms(command->attempt - 1, REST_MIN_MS, REST_MAX_MS));
}

static void join_list(struct command_ledger *ledger, struct command *command)
{
        if (command->arrival == 0)
                command->arrival = ++ledger->arrivals;
        command->by_reference.key = command->downlink.reference;
        table_add(&ledger->by_reference, &command->by_reference);
        list_push_back(&command->device->commands, &command->node);
        if (command->state < COMMAND_QUEUED)
                list_push_back(&command->device->command_line, &command->line);
        metrics_gauge_add(METRIC_COMMANDS_PENDING, 1);
}

void command_ledger_name(struct command_ledger *ledger, struct command *command, const char *own_id)
{
        /* The first id counts, and the first command that is called so. */
        if (command->own_key || command_ledger_find_own_id(ledger, command->device_key, own_id))
                return;
        memmove(command->downlink.own_id, own_id, strlen(own_id) + 1);
        command->own_key = command_key(command->device_key, own_id);
        command->by_own_id.key = command->own_key;
        table_add(&ledger->by_own_id, &command->by_own_id);
}

/* Does another command of the device wait until its network has room for it? */
static bool is_behind_busy(const struct device *device)
{
        return device->network_busy && !list_is_empty(&device->commands);
}

void command_inside_enter(struct command_ledger *ledger, struct command *command)
{
        struct device *device = command->device;

        if (!command_ledger_has_room(ledger, device)) {
                list_push_back(&device->held_commands, &command->node);
                log_info("COMMAND_HELD",
                         "A device has too many commands: one more waits, not settled",
                         LOG_TEXT("device", command->device_key),
                         LOG_TEXT("message_id", command->message_id),
                         LOG_INT("held", (int64_t)device->held_commands.count), LOG_END);
                return;
        }
        if (is_behind_busy(device))
                command->told = COMMAND_TOLD_WAITS;
        join_list(ledger, command);
        if (command->attempt > 1)
                rest(ledger, command);
        else
                command_reach(command, COMMAND_WAITING);
        if (!free_turn(ledger, device) || first_in_line(device) != command)
                command_record_write(ledger->recorder, command);
        else
                command_ledger_record(ledger, command);
}

void command_inside_leave_line(struct command *command)
{
        if (command->line.next)
                list_remove(&command->device->command_line, &command->line);
}

void command_inside_leave(struct command_ledger *ledger, struct command *command)
{
        list_remove(&ledger->open, &command->open);
        if (command->state == COMMAND_HELD) {
                list_remove(&command->device->held_commands, &command->node);
                return;
        }
        table_remove(&ledger->by_reference, &command->by_reference);
        if (command->own_key)
                table_remove(&ledger->by_own_id, &command->by_own_id);
        list_remove(&command->device->commands, &command->node);
        command_inside_leave_line(command);
        metrics_gauge_add(METRIC_COMMANDS_PENDING, -1);
}

void command_inside_forget(struct command_ledger *ledger, struct command *command)
{
        loop_timer_stop(ledger->options.loop, &command->timer);
        table_remove(&ledger->by_key, &command->by_key);
        command->is_forgotten = true;
        list_push_back(&ledger->forgotten, &command->node);
        command_inside_free_unused(ledger, command);
}

void command_inside_free_unused(struct command_ledger *ledger, struct command *command)
{
        if (!command->is_forgotten || command->holds > 0 || command->unwritten > 0)
                return;
        list_remove(&ledger->forgotten, &command->node);
        command_free(command);
}

void command_ledger_hold(struct command *command)
{
        command->holds++;
}

bool command_ledger_let_go(struct command_ledger *ledger, struct command *command)
{
        bool is_forgotten = command->is_forgotten;

        command->holds--;
        command_inside_free_unused(ledger, command);
        return !is_forgotten;
}

/* --- devices that are another's ------------------------------------------------------------- */

/* What is known of a device by its commands alone. */
static void forget_device(struct command_ledger *ledger, struct device *device)
{
        loop_timer_stop(ledger->options.loop, &device->command_timer);
        device->handing_over = NULL;
        device->network_busy = false;
        device->replaced_up_to = 0;
        device->taken = (struct clock_moment){.wall_ms = 0};
}

/* Its link is closed: the hub will deliver it again, to whoever has the device then. */
static void drop(struct command_ledger *ledger, struct command *command)
{
        if (command->delivery)
                hub_command_settle(command->delivery, HUB_ABANDON);
        if (command->call)
                command_settle_refuse_call(command->call, STATUS_MOVED,
                                           "the device has moved to another gateway");
        command->delivery = NULL;
        command->call = NULL;
        forget_device(ledger, command->device);
        command_inside_forget(ledger, command);
}

void command_ledger_forget(void *context, const struct store_shards *shards)
{
        struct command_ledger *ledger = context;

        THREAD_ASSERT(LOOP_THREAD);
        for (size_t i = 0; i < ledger->taken_count; i++)
                command_free(ledger->taken[i]);
        ledger->taken_count = 0;
        list_for_each_safe (node, &ledger->open) {
                struct command *command = list_entry(node, struct command, open);

                if (!store_shards_has(shards, command->device->shard))
                        continue;
                command_inside_leave(ledger, command);
                drop(ledger, command);
        }
        list_for_each_safe (node, &ledger->finished) {
                struct command *command = list_entry(node, struct command, node);

                if (!store_shards_has(shards, command->device->shard))
                        continue;
                list_remove(&ledger->finished, node);
                drop(ledger, command);
        }
}

bool command_ledger_may_begin(const struct command_ledger *ledger, const struct device *device)
{
        return store_may_begin(ledger->options.store, device->shard);
}

int64_t command_ledger_since(const struct command_ledger *ledger, const struct device *device)
{
        return device_table_since(ledger->options.devices, device->shard);
}

/* --- care ---------------------------------------------------------------------------------- */

/* The turns of all devices; giving one may finish commands, whichever. */
static void give_turns(struct command_ledger *ledger)
{
        struct device **devices = mem_new(ledger->open.count + 1, sizeof(struct device *));
        size_t count = 0;

        list_for_each (node, &ledger->open)
                devices[count++] = list_entry(node, struct command, open)->device;
        for (size_t i = 0; i < count; i++)
                command_inside_next(ledger, devices[i]);
        free(devices);
}

/* The network may have it still, and not know when its time is over. */
static const char *expiry_reason(const struct command *command)
{
        const struct network *network = network_by_name(command->device->network);

        return command->state < COMMAND_QUEUED || (network && network->downlink->has_expiry)
                       ? "its time was over before its outcome was known"
                       : "its time was over before its outcome was known; the network may still "
                         "send it";
}

static void finish_expired(struct command_ledger *ledger, const struct clock_moment *now)
{
        size_t before = ledger->open.count;

        list_for_each_safe (node, &ledger->open) {
                struct command *command = list_entry(node, struct command, open);

                if (command->state != COMMAND_HELD && command_is_over(command, now) &&
                    store_may_act(ledger->options.store, command->device->shard))
                        command_inside_finish(ledger, command, COMMAND_EXPIRED,
                                              expiry_reason(command));
        }
        if (ledger->open.count != before)
                give_turns(ledger);
}

static void take_care(struct timer *timer)
{
        struct command_ledger *ledger = list_entry(timer, struct command_ledger, care);
        struct clock_moment now = clock_moment_now();

        if (ledger->stopped)
                return;
        finish_expired(ledger, &now);
        command_inside_forget_finished(ledger, &now);
        loop_timer_start(ledger->options.loop, &ledger->care, CARE_PERIOD_MS);
}

/* --- start and stop ------------------------------------------------------------------------ */

static bool has_replaced(const struct command *command)
{
        return command->downlink.replace &&
               ((command->state >= COMMAND_QUEUED && command->state < COMMAND_FINISHED) ||
                command->outcome == COMMAND_DELIVERED || command->outcome == COMMAND_SUPERSEDED);
}

/* What is known of the device by a command of the last run. */
static void remember_device(const struct command *command)
{
        struct device *device = command->device;

        if (has_replaced(command) && device->replaced_up_to < command->arrival)
                device->replaced_up_to = command->arrival;
        /* What the network took then may still wait there. */
        if (command->outcome == COMMAND_DELIVERED && command->begun.wall_ms > device->taken.wall_ms)
                device->taken = command->begun;
        if (command->told == COMMAND_TOLD_WAITS && command->state < COMMAND_QUEUED)
                device->network_busy = true;
}

static void restore(void *context, struct command *command)
{
        struct command_ledger *ledger = context;

        command->by_key.key = command->key;
        table_add(&ledger->by_key, &command->by_key);
        if (command->arrival > ledger->arrivals)
                ledger->arrivals = command->arrival;
        remember_device(command);
        command->is_unheard = true;
        if (command->state == COMMAND_FINISHED) {
                list_push_back(&ledger->finished, &command->node);
        } else {
                list_push_back(&ledger->open, &command->open);
                join_list(ledger, command);
                if (command->downlink.own_id[0])
                        command_ledger_name(ledger, command, command->downlink.own_id);
        }
}

void command_ledger_take(void *context, const struct store_record *record)
{
        struct command_ledger *ledger = context;
        struct command *command = command_record_read(record, ledger->options.devices);

        if (!command)
                return;
        ledger->taken = mem_grow(ledger->taken, ledger->taken_count, sizeof(struct command *));
        ledger->taken[ledger->taken_count++] = command;
}

void command_ledger_taken(void *context)
{
        struct command_ledger *ledger = context;

        command_record_sort(ledger->taken, ledger->taken_count);
        for (size_t i = 0; i < ledger->taken_count; i++)
                restore(ledger, ledger->taken[i]);
        free(ledger->taken);
        ledger->taken = NULL;
        ledger->taken_count = 0;
        give_turns(ledger);
}

void command_ledger_start(struct command_ledger *ledger)
{
        THREAD_ASSERT(LOOP_THREAD);
        ledger->care.run = take_care;
        loop_timer_start(ledger->options.loop, &ledger->care, CARE_PERIOD_MS);
}

void command_ledger_stop(struct command_ledger *ledger)
{
        THREAD_ASSERT(LOOP_THREAD);
        ledger->stopped = true;
}
