// SPDX-License-Identifier: MIT
/* What callers call; a store that is not shared is answered here. */
#include "store/store_share.h"

#include "store/store_state.h"

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
        tell_of_all(&store->options.share);
}

bool store_may_act(const struct store *store, int shard)
{
        (void)store;
        (void)shard;
        return true;
}

bool store_may_begin(const struct store *store, int shard)
{
        return store_may_act(store, shard);
}

int64_t store_share_epoch(const struct store *store, int shard)
{
        (void)store;
        (void)shard;
        return 0;
}

void store_share_released(struct store *store, const struct store_shards *shards)
{
        (void)store;
        (void)shards;
}

void store_share_ask(struct store *store, int shard,
                     void (*answered)(void *context, int shard, bool ours), void *context)
{
        (void)store;
        answered(context, shard, true);
}

void store_share_set_able(struct store *store, bool able)
{
        (void)store;
        (void)able;
}

void store_share_leave(struct store *store)
{
        const struct store_share_ear *ear = &store->options.share;
        const struct store_shards all = store_shards_all();

        if (ear->release)
                ear->release(ear->context, &all);
}

bool store_share_owner(struct store *store, int shard, struct store_owner_name *owner)
{
        (void)store;
        (void)shard;
        (void)owner;
        return false;
}

int store_members_each(struct store *store,
                       bool (*visit)(void *context, const struct store_member *member),
                       void *context)
{
        (void)store;
        (void)visit;
        (void)context;
        return 0;
}

int store_shards_each(struct store *store,
                      bool (*visit)(void *context, const struct store_shard_row *row),
                      void *context)
{
        (void)store;
        (void)visit;
        (void)context;
        return 0;
}
