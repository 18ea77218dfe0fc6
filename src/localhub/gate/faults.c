// SPDX-License-Identifier: MIT
/* Rules in the order of their making, guarded by `mutex`; `active` counts them per kind so that a
 * hub without faults pays nothing. */
#include "localhub/gate/faults.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"

struct rule {
        struct list_node node;
        struct fault fault;
};

struct faults {
        pthread_mutex_t mutex;
        struct list rules;
        uint64_t last_id;
        uint64_t random;
        atomic_int active[FAULT_KIND_COUNT];
        void (*changed)(void *context);
        void *context;
};

static const char *const kind_names[FAULT_KIND_COUNT] = {
        [FAULT_CONNECT] = "connect",
        [FAULT_OPEN] = "open",
        [FAULT_TOKEN] = "token",
        [FAULT_ATTACH] = "attach",
        [FAULT_CREDIT] = "credit",
        [FAULT_REJECT] = "reject",
        [FAULT_DETACH] = "detach",
        [FAULT_DISPOSITION] = "disposition",
        [FAULT_SLOW] = "slow",
        [FAULT_CUT] = "cut",
        [FAULT_DPS_STATUS] = "dps_status",
        [FAULT_DPS_FAILED] = "dps_failed",
        [FAULT_DPS_SLOW] = "dps_slow",
};

const char *fault_kind_name(enum fault_kind kind)
{
        return kind_names[kind];
}

bool fault_kind_parse(const char *name, enum fault_kind *kind)
{
        for (size_t i = 0; i < FAULT_KIND_COUNT; i++) {
                if (text_equal_nocase(name, kind_names[i])) {
                        *kind = (enum fault_kind)i;
                        return true;
                }
        }
        return false;
}

struct faults *faults_new(void)
{
        struct faults *faults = mem_new(1, sizeof(*faults));

        pthread_mutex_init(&faults->mutex, NULL);
        list_init(&faults->rules);
        crypto_random(&faults->random, sizeof(faults->random));
        return faults;
}

static void drop(struct faults *faults, struct rule *rule)
{
        atomic_fetch_sub(&faults->active[rule->fault.kind], 1);
        list_remove(&faults->rules, &rule->node);
        free(rule);
}

static void drop_all(struct faults *faults)
{
        list_for_each_safe (node, &faults->rules)
                drop(faults, list_entry(node, struct rule, node));
}

void faults_free(struct faults *faults)
{
        if (!faults)
                return;
        drop_all(faults);
        pthread_mutex_destroy(&faults->mutex);
        free(faults);
}

void faults_watch(struct faults *faults, void (*changed)(void *context), void *context)
{
        faults->changed = changed;
        faults->context = context;
}

static void tell(struct faults *faults)
{
        if (faults->changed)
                faults->changed(faults->context);
}

static bool needs_condition(enum fault_kind kind)
{
        return kind == FAULT_OPEN || kind == FAULT_ATTACH || kind == FAULT_REJECT ||
               kind == FAULT_DETACH;
}

static bool is_sound(const struct fault *fault, struct reason *reason)
{
        if ((unsigned)fault->kind >= FAULT_KIND_COUNT)
                reason_set(reason, "there is no such kind of fault");
        else if (fault->remaining == 0 || fault->remaining < -1)
                reason_set(reason, "the number of times must be positive, or -1 for no end");
        else if (!(fault->probability > 0 && fault->probability <= 1))
                reason_set(reason, "the probability must be above 0 and at most 1");
        else if (needs_condition(fault->kind) && !fault->condition[0])
                reason_set(reason, "a fault '%s' needs an AMQP error condition",
                           kind_names[fault->kind]);
        else if (fault->kind == FAULT_DPS_STATUS && (fault->status < 400 || fault->status > 599))
                reason_set(reason, "the HTTP status must be from 400 to 599");
        else if (fault->delay_ms < 0 || fault->delay_max_ms < 0 || fault->retry_after_s < 0)
                reason_set(reason, "a delay can't be negative");
        else if (fault->distribution == FAULT_DELAY_UNIFORM &&
                 fault->delay_max_ms < fault->delay_ms)
                reason_set(reason, "the longest delay must not be below the shortest");
        else
                return true;
        return false;
}

uint64_t faults_add(struct faults *faults, const struct fault *fault, struct reason *reason)
{
        struct rule *rule;
        uint64_t id = 0;

        if (!is_sound(fault, reason))
                return 0;
        pthread_mutex_lock(&faults->mutex);
        if (faults->rules.count < FAULTS_MAX) {
                rule = mem_new(1, sizeof(*rule));
                rule->fault = *fault;
                rule->fault.applied = 0;
                id = rule->fault.id = ++faults->last_id;
                list_push_back(&faults->rules, &rule->node);
                atomic_fetch_add(&faults->active[fault->kind], 1);
        } else {
                reason_set(reason, "there are %d rules already; remove some", FAULTS_MAX);
        }
        pthread_mutex_unlock(&faults->mutex);
        if (id)
                tell(faults);
        return id;
}

bool faults_remove(struct faults *faults, uint64_t id)
{
        bool found = false;

        pthread_mutex_lock(&faults->mutex);
        list_for_each_safe (node, &faults->rules) {
                struct rule *rule = list_entry(node, struct rule, node);

                if (rule->fault.id == id) {
                        drop(faults, rule);
                        found = true;
                }
        }
        pthread_mutex_unlock(&faults->mutex);
        if (found)
                tell(faults);
        return found;
}

void faults_clear(struct faults *faults)
{
        pthread_mutex_lock(&faults->mutex);
        drop_all(faults);
        pthread_mutex_unlock(&faults->mutex);
        tell(faults);
}

size_t faults_list(struct faults *faults, struct fault *list, size_t max)
{
        size_t count = 0;

        pthread_mutex_lock(&faults->mutex);
        list_for_each (node, &faults->rules) {
                if (count < max)
                        list[count++] = list_entry(node, struct rule, node)->fault;
        }
        pthread_mutex_unlock(&faults->mutex);
        return count;
}

/* xorshift64*: repeatable after faults_seed; nothing here is a secret. Uniform in [0, 1). */
static double draw(struct faults *faults)
{
        uint64_t x = faults->random;

        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        faults->random = x;
        return (double)((x * UINT64_C(0x2545f4914f6cdd1d)) >> 11) / (double)(UINT64_C(1) << 53);
}

void faults_seed(struct faults *faults, uint64_t seed)
{
        pthread_mutex_lock(&faults->mutex);
        faults->random = seed ? seed : 1;
        pthread_mutex_unlock(&faults->mutex);
}

static bool fits(const struct fault *fault, enum fault_kind kind, const char *hub,
                 const char *device)
{
        return fault->kind == kind && (!fault->hub[0] || strcmp(fault->hub, hub) == 0) &&
               (!fault->device[0] || strcmp(fault->device, device) == 0);
}

static void use(struct faults *faults, struct rule *rule, struct fault *applied)
{
        rule->fault.applied++;
        if (rule->fault.remaining > 0)
                rule->fault.remaining--;
        *applied = rule->fault;
        if (rule->fault.remaining == 0)
                drop(faults, rule);
}

bool faults_apply(struct faults *faults, enum fault_kind kind, const char *hub, const char *device,
                  struct fault *applied)
{
        bool found = false;

        if (atomic_load_explicit(&faults->active[kind], memory_order_relaxed) == 0)
                return false;
        pthread_mutex_lock(&faults->mutex);
        list_for_each_safe (node, &faults->rules) {
                struct rule *rule = list_entry(node, struct rule, node);

                if (!fits(&rule->fault, kind, hub, device) ||
                    (rule->fault.probability < 1 && draw(faults) >= rule->fault.probability))
                        continue;
                use(faults, rule, applied);
                found = true;
                break;
        }
        pthread_mutex_unlock(&faults->mutex);
        return found;
}

bool faults_exist(struct faults *faults, enum fault_kind kind, const char *hub, const char *device)
{
        bool found = false;

        if (atomic_load_explicit(&faults->active[kind], memory_order_relaxed) == 0)
                return false;
        pthread_mutex_lock(&faults->mutex);
        list_for_each (node, &faults->rules)
                found |= fits(&list_entry(node, struct rule, node)->fault, kind, hub, device);
        pthread_mutex_unlock(&faults->mutex);
        return found;
}

int64_t faults_draw_delay(struct faults *faults, const struct fault *fault)
{
        double drawn;
        double delay;

        if (fault->distribution == FAULT_DELAY_FIXED)
                return fault->delay_ms;
        pthread_mutex_lock(&faults->mutex);
        drawn = draw(faults);
        pthread_mutex_unlock(&faults->mutex);
        if (fault->distribution == FAULT_DELAY_UNIFORM)
                return fault->delay_ms +
                       (int64_t)(drawn * (double)(fault->delay_max_ms - fault->delay_ms));
        delay = -log(1 - drawn) * (double)fault->delay_ms;
        if (fault->delay_max_ms > 0 && delay > (double)fault->delay_max_ms)
                return fault->delay_max_ms;
        return (int64_t)delay;
}
