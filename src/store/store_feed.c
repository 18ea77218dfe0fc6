// SPDX-License-Identifier: MIT
#include "store/store_state.h"

void store_feed_begin(struct store *store, const struct store_shards *shards)
{
        (void)store;
        (void)shards;
}

void store_feed_tell(struct store *store, const struct store_shards *shards)
{
        (void)shards;
        pthread_mutex_lock(&store->mutex);
        store->tells_of_found = true;
        pthread_cond_signal(&store->writer_wakes);
        pthread_mutex_unlock(&store->mutex);
}

void store_feed_end(struct store *store, const struct store_shards *shards)
{
        (void)store;
        (void)shards;
}
