// SPDX-License-Identifier: MIT
/*
 * What the stages of commands stand on, played by a test: a store that commits when told, a
 * thread "loop" whose posts and timers run when told, and the hub's deliveries and calls.
 * Included by one test file each; it defines the functions of store.h and hub_client.h.
 */
#ifndef ISTHMUS_TESTS_UNIT_FLOW_COMMAND_WORLD_H
#define ISTHMUS_TESTS_UNIT_FLOW_COMMAND_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gateway/command/command_format.h"
#include "gateway/command/command_ledger.h"
#include "gateway/command/command_record.h"
#include "gateway/command/command_report.h"
#include "gateway/device/device.h"
#include "store/store_share.h"
#include "support/load_records.h"

#define MAX_RECORDS 64
#define MAX_ORDERS  256

/* --- the store ------------------------------------------------------------------------------ */

static struct {
        struct {
                char *key;
                char *value;
        } records[MAX_RECORDS];
        size_t count;
        struct store_write *writes[MAX_ORDERS];
        size_t write_count;
        int result; /* of the writes to come */
        size_t deleted;
        int64_t done[MAX_ORDERS]; /* ids of events that were forgotten */
        size_t done_count;
        bool foreign; /* the devices are another gateway's */
} disk;

void store_done(struct store *store, int64_t id)
{
        (void)store;
        assert_true(disk.done_count < MAX_ORDERS);
        disk.done[disk.done_count++] = id;
}

void store_take(struct store *store, struct store_take *take)
{
        (void)store;
        (void)take;
        fail_msg("commands take no events from the store");
}

bool store_may_act(const struct store *store, int shard)
{
        (void)store;
        (void)shard;
        return !disk.foreign;
}

bool store_may_begin(const struct store *store, int shard)
{
        (void)store;
        (void)shard;
        return !disk.foreign;
}

static const char *on_disk(const char *key)
{
        for (size_t i = 0; i < disk.count; i++) {
                if (strcmp(disk.records[i].key, key) == 0)
                        return disk.records[i].value;
        }
        return NULL;
}

static void keep(const struct store_record *record)
{
        size_t i = 0;

        while (i < disk.count && strcmp(disk.records[i].key, record->key) != 0)
                i++;
        if (i == disk.count) {
                assert_true(disk.count < MAX_RECORDS);
                disk.records[disk.count].value = NULL;
                disk.records[disk.count++].key = mem_text(record->key);
        }
        free(disk.records[i].value);
        disk.records[i].value = mem_text_n(record->value, record->value_size);
}

void store_write(struct store *store, struct store_write *write)
{
        (void)store;
        assert_true(disk.write_count < MAX_ORDERS);
        disk.writes[disk.write_count++] = write;
}

void store_write_copy(struct store *store, const struct store_record *record)
{
        (void)store;
        assert_null(record->value);
        for (size_t i = 0; i < disk.count; i++) {
                if (strcmp(disk.records[i].key, record->key) != 0)
                        continue;
                free(disk.records[i].key);
                free(disk.records[i].value);
                disk.records[i] = disk.records[--disk.count];
                disk.deleted++;
                return;
        }
}

/* No device is made here. */
void store_claim(struct store *store, struct store_claim *claim)
{
        (void)store;
        (void)claim;
        fail();
}

void store_claim_release(struct store *store, const char *kind, const char *identity,
                         const char *device)
{
        (void)store;
        (void)kind;
        (void)identity;
        (void)device;
        fail();
}

/* In the reverse order of writing: the ledger must not rely on it. */
int store_records_each(struct store *store, const char *kind, const struct store_shards *shards,
                       bool (*visit)(void *context, const struct store_record *record),
                       void *context)
{
        (void)store;
        (void)shards;
        for (size_t i = disk.count; i > 0; i--)
                visit(context, &(struct store_record){
                                       .kind = kind,
                                       .key = disk.records[i - 1].key,
                                       .value = disk.records[i - 1].value,
                                       .value_size = strlen(disk.records[i - 1].value),
                               });
        return 0;
}

static void disk_clear(void)
{
        for (size_t i = 0; i < disk.count; i++) {
                free(disk.records[i].key);
                free(disk.records[i].value);
        }
        memset(&disk, 0, sizeof(disk));
}

/* --- the thread "loop" ----------------------------------------------------------------------- */

static struct {
        void (*run)(void *context);
        void *context;
} posts[MAX_ORDERS];
static size_t post_count;
static struct timer *last_timer; /* the one that was started last */

void loop_post(struct loop *loop, void (*run)(void *context), void *context)
{
        (void)loop;
        assert_true(post_count < MAX_ORDERS);
        posts[post_count].run = run;
        posts[post_count++].context = context;
}

void loop_post_warm(struct loop *loop, void (*warm)(const void *context),
                    void (*run)(void *context), void *context)
{
        if (warm)
                warm(context);
        loop_post(loop, run, context);
}

void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms)
{
        (void)loop;
        last_timer = timer;
        timer->due_ms = delay_ms;
        timer->position = 1;
}

void loop_timer_stop(struct loop *loop, struct timer *timer)
{
        (void)loop;
        timer->position = 0;
}

static inline void run_timer(struct timer *timer)
{
        assert_int_equal(timer->position, 1);
        timer->position = 0;
        timer->run(timer);
}

static void run_posts(void)
{
        for (size_t i = 0; i < post_count; i++)
                posts[i].run(posts[i].context);
        post_count = 0;
}

/* Writes what waits, and tells the thread "loop"; until nothing waits. */
static void commit(void)
{
        while (disk.write_count > 0) {
                size_t count = disk.write_count;
                struct store_write *writes[MAX_ORDERS];

                memcpy(writes, disk.writes, count * sizeof(writes[0]));
                disk.write_count = 0;
                for (size_t i = 0; i < count; i++) {
                        if (disk.result == 0)
                                keep(&writes[i]->record);
                        writes[i]->done(writes[i], disk.result);
                }
                run_posts();
        }
}

/* --- what the ledger hands on --------------------------------------------------------------- */

static size_t reports;

void command_report(struct store *store, struct uplink_queue *queue, const struct command *command)
{
        (void)store;
        (void)queue;
        assert_int_equal(command->state, COMMAND_FINISHED);
        reports++;
}

/* --- the hub -------------------------------------------------------------------------------- */

/* A delivery and what became of it. */
struct delivered {
        struct hub_command command; /* first */
        bool gone;                  /* its lock */
        bool is_settled;
        enum hub_settlement settlement;
        char *record; /* on disk when it was settled; or NULL */
};

bool hub_command_settle(struct hub_command *command, enum hub_settlement settlement)
{
        struct delivered *delivered = (struct delivered *)command;
        const struct command *owner = command->owner;

        assert_false(delivered->is_settled);
        delivered->is_settled = true;
        delivered->settlement = settlement;
        if (owner) {
                CLEANUP(mem_cleanup)
                char *key = mem_format("%s\n%s", owner->device_key, owner->identity);

                delivered->record = mem_text(on_disk(key));
        }
        return !delivered->gone;
}

/* A call and its answer. */
struct called {
        struct hub_method method; /* first */
        bool lost;
        int status;
        char *body;
};

bool hub_method_is_lost(const struct hub_method *method)
{
        return ((const struct called *)method)->lost;
}

bool hub_method_answer(struct hub_method *method, int status, const void *payload,
                       size_t payload_size)
{
        struct called *called = (struct called *)method;

        assert_int_equal(called->status, 0);
        called->status = status;
        called->body = mem_text_n(payload, payload_size);
        return !called->lost;
}

/* --- commands ------------------------------------------------------------------------------- */

static char device_key[] = "things-stack/app/dev";
static char device_network_name[] = "things-stack";
static char device_application[] = "app";
static char device_name[] = "dev";

static void device_prepare(struct device *device)
{
        memset(device, 0, sizeof(*device));
        device->key = device_key;
        device->network = device_network_name;
        device->application = device_application;
        device->name = device_name;
        list_init(&device->commands);
        list_init(&device->command_line);
        list_init(&device->held_commands);
}

static struct command *make_command(struct device *device, const char *identity)
{
        struct command *command = mem_new(1, sizeof(*command));

        command->device = device;
        command->device_key = mem_text(device->key);
        command->identity = mem_text(identity);
        command->message_id = mem_text(identity);
        command->downlink.application = mem_text(device->application);
        command->downlink.device = mem_text(device->name);
        command->downlink.payload = mem_text("AAE=");
        command->downlink.port = 10;
        command->policy = SETTINGS_SETTLE_BY_RULES;
        command->attempt = 1;
        command->received = clock_moment_now();
        command->downlink.expires_ms = command->received.wall_ms + 3600 * 1000;
        command_make_reference(command);
        return command;
}

#endif
