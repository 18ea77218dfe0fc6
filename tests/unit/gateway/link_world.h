// SPDX-License-Identifier: MIT
/*
 * What devices and their links stand on, played by a test: a store that keeps records and forgets
 * events, a thread "loop" with a clock of its own, hubs, and a provisioning service. Included by
 * one test file each; it defines functions of store.h, hub_client.h, dps_client.h and clock.h (the
 * latter by the linker's --wrap, see tests/CMakeLists.txt).
 */
#ifndef ISTHMUS_TESTS_UNIT_GATEWAY_LINK_WORLD_H
#define ISTHMUS_TESTS_UNIT_GATEWAY_LINK_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure/dps/dps_client.h"
#include "azure/hub/hub_client.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/store.h"

#define WORLD_MOST 64

/* --- the clocks ---------------------------------------------------------------------------- */

/* The Sunday of RFC 9110's examples; the steady clock begins at an hour. */
static int64_t world_wall_ms;
static int64_t world_steady_ms;

int64_t __wrap_clock_wall_ms(void);
int64_t __wrap_clock_steady_ms(void);
int64_t __wrap_clock_steady_ns(void);

int64_t __wrap_clock_wall_ms(void)
{
        return world_wall_ms;
}

int64_t __wrap_clock_steady_ms(void)
{
        return world_steady_ms;
}

int64_t __wrap_clock_steady_ns(void)
{
        return world_steady_ms * CLOCK_NS_PER_MS;
}

/* --- the store ----------------------------------------------------------------------------- */

static struct {
        struct {
                char *kind;
                char *key;
                char *value; /* NULL = was deleted */
        } records[WORLD_MOST];
        size_t record_count;
        int64_t done[WORLD_MOST]; /* events that the hub has */
        size_t done_count;
        int64_t dead[WORLD_MOST];
        char dead_reason[WORLD_MOST][200];
        size_t dead_count;
} world_store;

static int world_claim_result; /* why claims can't be answered; 0 = they can */

static inline const char *world_record(const char *kind, const char *key)
{
        for (size_t i = 0; i < world_store.record_count; i++) {
                if (strcmp(world_store.records[i].kind, kind) == 0 &&
                    strcmp(world_store.records[i].key, key) == 0)
                        return world_store.records[i].value;
        }
        return NULL;
}

void store_write_copy(struct store *store, const struct store_record *record)
{
        size_t i = 0;

        (void)store;
        while (i < world_store.record_count &&
               (strcmp(world_store.records[i].kind, record->kind) != 0 ||
                strcmp(world_store.records[i].key, record->key) != 0))
                i++;
        if (i == world_store.record_count) {
                assert_true(i < WORLD_MOST);
                world_store.records[world_store.record_count++].kind = mem_text(record->kind);
                world_store.records[i].key = mem_text(record->key);
                world_store.records[i].value = NULL;
        }
        free(world_store.records[i].value);
        world_store.records[i].value =
                record->value ? mem_text_n(record->value, record->value_size) : NULL;
}

int store_records_each(struct store *store, const char *kind, const struct store_shards *shards,
                       bool (*visit)(void *context, const struct store_record *record),
                       void *context)
{
        (void)store;
        (void)shards;
        for (size_t i = 0; i < world_store.record_count; i++) {
                if (strcmp(world_store.records[i].kind, kind) == 0 && world_store.records[i].value)
                        visit(context, &(struct store_record){
                                               .kind = kind,
                                               .key = world_store.records[i].key,
                                               .value = world_store.records[i].value,
                                               .value_size = strlen(world_store.records[i].value),
                                       });
        }
        return 0;
}

/* Answers at once; what follows comes by the thread "loop". */
void store_claim(struct store *store, struct store_claim *claim)
{
        const char *held = world_record(claim->kind, claim->identity);
        const char *template = claim->template;
        CLEANUP(mem_cleanup)
        char *value = held ? mem_text(held)
                           : mem_format("%s%s%s", claim->device, template ? "\n" : "",
                                        template ? template : "");

        if (world_claim_result != 0) {
                claim->done(claim, world_claim_result, NULL, NULL);
                return;
        }
        store_write_copy(store, &(struct store_record){.kind = claim->kind,
                                                       .key = claim->identity,
                                                       .value = value,
                                                       .value_size = strlen(value)});
        value[strcspn(value, "\n")] = '\0';
        claim->done(claim, 0, value, NULL);
}

void store_claim_release(struct store *store, const char *kind, const char *identity,
                         const char *device)
{
        (void)device;
        store_write_copy(store, &(struct store_record){.kind = kind, .key = identity});
}

void store_done(struct store *store, int64_t id)
{
        (void)store;
        world_store.done[world_store.done_count++] = id;
}

void store_dead(struct store *store, int64_t id, const char *reason)
{
        (void)store;
        snprintf(world_store.dead_reason[world_store.dead_count], 200, "%s", reason);
        world_store.dead[world_store.dead_count++] = id;
}

/* What does not fit in memory is read back; these tests have little. */
void store_take(struct store *store, struct store_take *take)
{
        (void)store;
        (void)take;
        fail_msg("nothing is to be read back");
}

/* Whose the devices are; these tests lose and gain them by themselves. */
static bool world_is_ours;
static int world_owner_asked;

bool store_may_act(const struct store *store, int shard)
{
        (void)store;
        (void)shard;
        return true;
}

static bool world_is_able;

void store_share_set_able(struct store *store, bool able)
{
        (void)store;
        world_is_able = able;
}

void store_share_ask(struct store *store, int shard,
                     void (*answered)(void *context, int shard, bool ours), void *context)
{
        (void)store;
        world_owner_asked++;
        answered(context, shard, world_is_ours);
}

/* --- the thread "loop" ---------------------------------------------------------------------- */

static struct {
        void (*run)(void *context);
        void *context;
} world_posts[WORLD_MOST];
static size_t world_post_count;
static struct timer *world_timers[WORLD_MOST];

void loop_post(struct loop *loop, void (*run)(void *context), void *context)
{
        (void)loop;
        assert_true(world_post_count < WORLD_MOST);
        world_posts[world_post_count].run = run;
        world_posts[world_post_count++].context = context;
}

void loop_post_warm(struct loop *loop, void (*warm)(const void *context),
                    void (*run)(void *context), void *context)
{
        if (warm)
                warm(context);
        loop_post(loop, run, context);
}

static inline void world_run_posts(void)
{
        for (size_t i = 0; i < world_post_count; i++)
                world_posts[i].run(world_posts[i].context);
        world_post_count = 0;
}

void loop_timer_stop(struct loop *loop, struct timer *timer)
{
        (void)loop;
        if (timer->position != 0)
                world_timers[timer->position - 1] = NULL;
        timer->position = 0;
}

void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms)
{
        size_t i = 0;

        loop_timer_stop(loop, timer);
        while (world_timers[i])
                i++;
        assert_true(i < WORLD_MOST);
        world_timers[i] = timer;
        timer->position = i + 1;
        timer->due_ms = world_steady_ms + delay_ms;
}

/* The timer that is due first, and no later than `until_ms`; NULL if there is none. */
static inline struct timer *world_next_timer(int64_t until_ms)
{
        struct timer *next = NULL;

        for (size_t i = 0; i < WORLD_MOST; i++) {
                if (world_timers[i] && world_timers[i]->due_ms <= until_ms &&
                    (!next || world_timers[i]->due_ms < next->due_ms))
                        next = world_timers[i];
        }
        return next;
}

static inline void world_advance_to(int64_t steady_ms)
{
        world_wall_ms += steady_ms - world_steady_ms;
        world_steady_ms = steady_ms;
}

/* Both clocks go on, and what is due is run. */
static inline void world_pass(int64_t ms)
{
        int64_t until_ms = world_steady_ms + ms;
        struct timer *timer;

        world_run_posts();
        while ((timer = world_next_timer(until_ms))) {
                if (timer->due_ms > world_steady_ms)
                        world_advance_to(timer->due_ms);
                loop_timer_stop(NULL, timer);
                timer->run(timer);
                world_run_posts();
        }
        world_advance_to(until_ms);
}

/* --- the hubs ------------------------------------------------------------------------------ */

struct hub_device {
        const struct hub_device_handler *handler;
        void *context;
        char *hub;
        char *device_id;
        enum hub_device_state state;
        bool closed;
        bool receives;
        bool hurried;
        int retries;
        uint64_t token; /* of what was sent and not answered; 0 = nothing */
        int sends;
};

static struct hub_device *world_links[WORLD_MOST];
static size_t world_link_count;

/* What hub_client_each says of a hub. */
static struct hub_summary world_hubs[4];
static size_t world_hub_count;

struct hub_device *hub_device_open(struct hub_client *client, const struct hub_identity *identity,
                                   const struct hub_device_handler *handler, void *context)
{
        struct hub_device *device = mem_new(1, sizeof(*device));

        (void)client;
        assert_true(world_link_count < WORLD_MOST);
        device->handler = handler;
        device->context = context;
        device->hub = mem_text(identity->hub);
        device->device_id = mem_text(identity->device_id);
        device->receives = identity->receive_commands;
        world_links[world_link_count++] = device;
        return device;
}

void hub_device_close(struct hub_device *device)
{
        uint64_t token = device->token;

        assert_false(device->closed);
        device->closed = true;
        device->token = 0;
        if (token != 0)
                device->handler->outcome(device->context, token, HUB_UNKNOWN, NULL);
}

void hub_device_warm(const struct hub_device *device)
{
        assert_false(device->closed);
}

void hub_device_hurry(struct hub_device *device)
{
        assert_false(device->closed);
        device->hurried = true;
}

void hub_device_hand_over(struct hub_device *device, const struct hub_device_handler *handler)
{
        assert_false(device->closed);
        device->handler = handler;
}

const char *hub_device_hub(const struct hub_device *device)
{
        return device->hub;
}

void hub_device_retry(struct hub_device *device)
{
        assert_false(device->closed);
        device->retries++;
}

void hub_device_receive_commands(struct hub_device *device)
{
        device->receives = true;
}

bool hub_device_send(struct hub_device *device, const struct hub_message *message, uint64_t token)
{
        (void)message;
        assert_false(device->closed);
        assert_int_equal(device->state, HUB_DEVICE_READY);
        assert_int_equal(device->token, 0);
        device->token = token;
        device->sends++;
        return true;
}

bool hub_device_report(struct hub_device *device, const char *patch, size_t size, uint64_t token)
{
        (void)patch;
        (void)size;
        device->token = token;
        return true;
}

bool hub_command_settle(struct hub_command *command, enum hub_settlement settlement)
{
        (void)command;
        (void)settlement;
        return true;
}

void hub_client_each(struct hub_client *client,
                     void (*visit)(void *context, const struct hub_summary *hub), void *context)
{
        (void)client;
        for (size_t i = 0; i < world_hub_count; i++)
                visit(context, &world_hubs[i]);
}

/* The open link of this device; NULL if it has none. */
static inline struct hub_device *world_link(const char *device_id)
{
        for (size_t i = world_link_count; i > 0; i--) {
                if (strcmp(world_links[i - 1]->device_id, device_id) == 0 &&
                    !world_links[i - 1]->closed)
                        return world_links[i - 1];
        }
        return NULL;
}

static inline void world_tell(const char *device_id, enum hub_device_state state,
                              enum hub_refusal refusal)
{
        struct hub_device *link = world_link(device_id);
        struct reason reason = REASON_INIT;

        assert_non_null(link);
        reason_set(&reason, "%s", refusal == HUB_REFUSAL_NONE ? "" : "the hub says no");
        link->state = state;
        link->handler->state(link->context, state, refusal, &reason);
}

static inline void world_ready(const char *device_id)
{
        world_tell(device_id, HUB_DEVICE_READY, HUB_REFUSAL_NONE);
}

static inline void world_refuse(const char *device_id, enum hub_refusal refusal)
{
        world_tell(device_id, HUB_DEVICE_REFUSED, refusal);
}

static inline void world_answer_send(const char *device_id, enum hub_outcome outcome)
{
        struct hub_device *link = world_link(device_id);
        uint64_t token = link->token;

        assert_true(token != 0);
        link->token = 0;
        link->handler->outcome(link->context, token, outcome, NULL);
}

/* --- the provisioning service -------------------------------------------------------------- */

static struct world_registration {
        char *id;
        char *model_id;
        enum dps_kind kind;
        bool answered;
        dps_done *done;
        void *context;
} world_registrations[WORLD_MOST];
static size_t world_registration_count;

void dps_register(struct dps_client *client, const struct dps_registration *registration,
                  dps_done *done, void *context)
{
        (void)client;
        assert_true(world_registration_count < WORLD_MOST);
        world_registrations[world_registration_count++] =
                (struct world_registration){.id = mem_text(registration->registration_id),
                                            .model_id = mem_text(registration->model_id),
                                            .kind = registration->kind,
                                            .done = done,
                                            .context = context};
}

static char *world_hurried; /* the registration id that was hurried last */

void dps_hurry(struct dps_client *client, const char *endpoint, const char *id_scope,
               const char *registration_id)
{
        (void)client;
        (void)endpoint;
        (void)id_scope;
        free(world_hurried);
        world_hurried = mem_text(registration_id);
}

/* How many registrations wait for an answer. */
static inline size_t world_asked(void)
{
        size_t count = 0;

        for (size_t i = 0; i < world_registration_count; i++)
                count += !world_registrations[i].answered;
        return count;
}

/* The registration of this id that waits; NULL if there is none. */
static inline struct world_registration *world_registration(const char *id)
{
        for (size_t i = 0; i < world_registration_count; i++) {
                if (!world_registrations[i].answered && strcmp(world_registrations[i].id, id) == 0)
                        return &world_registrations[i];
        }
        return NULL;
}

static inline void world_answer(const char *id, const struct dps_result *result)
{
        struct world_registration *registration = world_registration(id);

        assert_non_null(registration);
        registration->answered = true;
        registration->done(registration->context, result);
        world_run_posts();
}

static inline void world_assign_as(const char *id, const char *hub, const char *device_id)
{
        world_answer(id, &(struct dps_result){.status = DPS_ASSIGNED,
                                              .assigned_hub = hub,
                                              .device_id = device_id,
                                              .retry_after_ms = -1});
        world_run_posts();
}

static inline void world_assign(const char *id, const char *hub)
{
        world_assign_as(id, hub, id);
}

static inline void world_deny(const char *id, enum dps_status status, int64_t clock_ahead_ms)
{
        struct dps_result result = {
                .status = status, .retry_after_ms = -1, .clock_ahead_ms = clock_ahead_ms};

        reason_set(&result.reason, "the service says no");
        world_answer(id, &result);
}

/* --- all of it ----------------------------------------------------------------------------- */

static inline void world_begin(void)
{
        world_is_ours = true;
        world_is_able = true;
        world_claim_result = 0;
        world_owner_asked = 0;
        world_wall_ms = INT64_C(784111777000);
        world_steady_ms = 3600 * 1000;
}

/* A new run of the program finds the records only. */
static inline void world_restart(void)
{
        for (size_t i = 0; i < world_link_count; i++) {
                free(world_links[i]->hub);
                free(world_links[i]->device_id);
                free(world_links[i]);
        }
        for (size_t i = 0; i < world_registration_count; i++) {
                free(world_registrations[i].id);
                free(world_registrations[i].model_id);
        }
        world_link_count = 0;
        world_registration_count = 0;
        free(world_hurried);
        world_hurried = NULL;
        world_hub_count = 0;
        world_post_count = 0;
        memset(world_timers, 0, sizeof(world_timers));
}

static inline void world_end(void)
{
        world_restart();
        for (size_t i = 0; i < world_store.record_count; i++) {
                free(world_store.records[i].kind);
                free(world_store.records[i].key);
                free(world_store.records[i].value);
        }
        memset(&world_store, 0, sizeof(world_store));
}

#endif
