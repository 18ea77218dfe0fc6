// SPDX-License-Identifier: MIT
/* What callers call; a store that is not shared is answered here. */
#include "store/store_share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "store/share/share_inside.h"

#define LEASE_MS       6000
#define RELEASES_PER_S 4

/* What is left of the lease for what can't be taken back. */
#define BEGIN_NS CLOCK_NS_PER_S

static const char *const state_names[] = {
        [STORE_SHARE_LIVE] = "live",
        [STORE_SHARE_UNABLE] = "unable",
        [STORE_SHARE_LEAVING] = "leaving",
};

void store_share_name(const struct store_server *server, char name[STORE_MEMBER_TEXT])
{
        name[0] = name[STORE_MEMBER_TEXT - 1] = '\0';
        if (!text_is_empty(server->member_name))
                snprintf(name, STORE_MEMBER_TEXT, "%s", server->member_name);
        else
                gethostname(name, STORE_MEMBER_TEXT - 1);
}

const char *store_share_state_name(enum store_share_state state)
{
        return state_names[state];
}

enum store_share_state store_share_state_of(const char *name)
{
        enum store_share_state state = STORE_SHARE_LIVE;

        while (state < STORE_SHARE_LEAVING && strcmp(state_names[state], name) != 0)
                state++;
        return state;
}

/* --- opening and closing -------------------------------------------------------------------- */

void store_share_open(struct store *store)
{
        const struct store_server *server = &store->options.server;
        struct store_share *share;

        if (!store_is_shared(store))
                return;
        share = mem_new(1, sizeof(*share));
        share->store = store;
        share->backend = store->backend->share;
        share->handle = share->backend->open(&store->options);
        share->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        share->owners = mem_new(STORE_SHARE_ROWS, sizeof(*share->owners));
        share->is_able = true;
        store_share_name(server, share->name);
        pthread_mutex_init(&share->mutex, NULL);
        list_init(&share->questions);
        list_init(&share->open_questions);
        share_init(&share->rules,
                   (server->lease_ms ? server->lease_ms : LEASE_MS) * CLOCK_NS_PER_MS,
                   server->releases_per_s ? server->releases_per_s : RELEASES_PER_S);
        store->share = share;
}

void store_share_close(struct store *store)
{
        struct store_share *share = store->share;

        if (!share)
                return;
        if (share->is_started) {
                pthread_mutex_lock(&share->mutex);
                share->closes = true;
                pthread_mutex_unlock(&share->mutex);
                share_wake(share);
                pthread_join(share->thread, NULL);
        }
        store->share = NULL;
        share->backend->close(share->handle);
        close(share->waker);
        pthread_mutex_destroy(&share->mutex);
        free(share->owners);
        free(share);
}

static void tell_of_all(const struct store_share_ear *ear)
{
        const struct store_shards all = store_shards_all();

        if (ear->members)
                ear->members(ear->context, 1);
        for (int task = -1; ear->task && task >= STORE_SHARD_FIRST; task--)
                ear->task(ear->context, task, true);
        if (ear->gained)
                ear->gained(ear->context, &all);
}

void store_share_start(struct store *store)
{
        struct store_share *share = store->share;

        if (!share) {
                tell_of_all(&store->options.share);
                return;
        }
        share->is_started = true;
        thread_start(&share->thread, share_run, share);
}

/* --- what one may do ------------------------------------------------------------------------ */

static bool may_act_for(const struct store *store, int shard, int64_t more_ns)
{
        const struct store_share *share = store->share;
        int64_t deadline_ns;

        if (!share)
                return !store_is_shared(store);
        deadline_ns = atomic_load(&share->deadline_ns);
        return clock_boot_ns() + more_ns < deadline_ns &&
               atomic_load(&share->acts[shard - STORE_SHARD_FIRST]);
}

bool store_may_act(const struct store *store, int shard)
{
        return may_act_for(store, shard, 0);
}

bool store_may_begin(const struct store *store, int shard)
{
        return may_act_for(store, shard, BEGIN_NS);
}

int64_t store_share_epoch(const struct store *store, int shard)
{
        return store->share ? atomic_load(&store->share->epochs[shard - STORE_SHARD_FIRST]) : 0;
}

/* --- letting go ----------------------------------------------------------------------------- */

/* A write behind all that were handed to the store for these shards before. */
struct barrier {
        struct store_write write; /* the first member */
        struct store_share *share;
        struct store_shards shards;
};

static void barrier_done(struct store_write *write, int result)
{
        struct barrier *barrier = (struct barrier *)(void *)write;
        struct store_share *share = barrier->share;

        (void)result; /* of the writes that mattered their own callers were told */
        pthread_mutex_lock(&share->mutex);
        store_shards_for_each (shard, &barrier->shards) {
                if (store_shards_has(&share->let_go, shard))
                        store_shards_add(&share->released, shard);
        }
        pthread_mutex_unlock(&share->mutex);
        share_wake(share);
        free(barrier);
}

void store_share_released(struct store *store, const struct store_shards *shards)
{
        struct store_share *share = store->share;
        struct barrier *barrier;

        if (!share)
                return;
        barrier = mem_new(1, sizeof(*barrier));
        barrier->share = share;
        barrier->shards = *shards;
        barrier->write.record = (struct store_record){.kind = "share", .key = "released"};
        barrier->write.done = barrier_done;
        pthread_mutex_lock(&share->mutex);
        store_shards_for_each (shard, shards) {
                if (!store_shards_has(&share->ending, shard))
                        continue;
                store_shards_add(&share->let_go, shard);
                atomic_store(&share->acts[shard - STORE_SHARD_FIRST], false);
        }
        pthread_mutex_unlock(&share->mutex);
        store_write(store, &barrier->write);
}

void store_share_leave(struct store *store)
{
        const struct store_share_ear *ear = &store->options.share;
        const struct store_shards all = store_shards_all();

        if (store->share) {
                pthread_mutex_lock(&store->share->mutex);
                store->share->leaves = true;
                pthread_mutex_unlock(&store->share->mutex);
                share_wake(store->share);
        } else if (ear->release) {
                ear->release(ear->context, &all);
        }
}

void store_share_set_able(struct store *store, bool able)
{
        if (!store->share)
                return;
        pthread_mutex_lock(&store->share->mutex);
        store->share->is_able = able;
        pthread_mutex_unlock(&store->share->mutex);
        share_wake(store->share);
}

/* --- questions ------------------------------------------------------------------------------ */

void store_share_ask(struct store *store, int shard,
                     void (*answered)(void *context, int shard, bool ours), void *context)
{
        struct share_question *question;

        if (!store->share) {
                answered(context, shard, true);
                return;
        }
        question = mem_new(1, sizeof(*question));
        question->shard = shard;
        question->answered = answered;
        question->context = context;
        pthread_mutex_lock(&store->share->mutex);
        list_push_back(&store->share->questions, &question->node);
        pthread_mutex_unlock(&store->share->mutex);
        share_wake(store->share);
}

bool store_share_owner(struct store *store, int shard, struct store_owner_name *owner)
{
        struct store_share *share = store->share;

        if (!share)
                return false;
        pthread_mutex_lock(&share->mutex);
        *owner = share->owners[shard - STORE_SHARD_FIRST];
        pthread_mutex_unlock(&share->mutex);
        return owner->name[0];
}

/* --- readers -------------------------------------------------------------------------------- */

bool store_share_self(struct store *store, struct store_self *state)
{
        const struct store_share *share = store->share;
        int64_t left_ns;

        if (!share)
                return false;
        memcpy(state->name, share->name, sizeof(state->name));
        state->members = (int)metrics_gauge_value(METRIC_MEMBERS);
        state->shards = 0;
        for (int shard = 0; shard < STORE_SHARDS; shard++)
                state->shards += store_may_act(store, shard);
        left_ns = atomic_load(&share->deadline_ns) - clock_boot_ns();
        state->lease_ms = left_ns > 0 ? left_ns / CLOCK_NS_PER_MS : 0;
        return true;
}

/* NULL if the store can't be shared. */
static void *open_to_read(const struct store *store)
{
        return store->backend->share ? store->backend->share->open(&store->options) : NULL;
}

static void close_read(const struct store *store, void *handle)
{
        if (handle)
                store->backend->share->close(handle);
}

int store_members_each(struct store *store,
                       bool (*visit)(void *context, const struct store_member *member),
                       void *context)
{
        void *handle = open_to_read(store);
        int result = handle ? store->backend->share->members(handle, visit, context) : 0;

        close_read(store, handle);
        return result;
}

int store_shards_each(struct store *store,
                      bool (*visit)(void *context, const struct store_shard_row *row),
                      void *context)
{
        void *handle = open_to_read(store);
        int result = handle ? store->backend->share->shards(handle, visit, context) : 0;

        close_read(store, handle);
        return result;
}
