// SPDX-License-Identifier: MIT
/*
 * Shards: the parts into which devices fall where several processes share a store. Each shard has
 * one owner at a time (store_share.h). Their number is fixed when a store is made.
 *
 * Pure; any thread. A set is a value: copy it.
 */
#ifndef ISTHMUS_STORE_STORE_SHARD_H
#define ISTHMUS_STORE_STORE_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#define STORE_SHARDS 256

/* A set of shards. All zero: none. */
struct store_shards {
        uint64_t bits[STORE_SHARDS / 64];
};

/* That of a device: the first two bytes of SHA-256 of its name, big endian, modulo STORE_SHARDS. */
int store_shard_of(const char *device);

struct store_shards store_shards_none(void);
struct store_shards store_shards_all(void);

/* `shard` is one of 0 ... STORE_SHARDS - 1, here and below. */
bool store_shards_has(const struct store_shards *shards, int shard);
void store_shards_add(struct store_shards *shards, int shard);
void store_shards_remove(struct store_shards *shards, int shard);

int store_shards_count(const struct store_shards *shards);

/* The first one of the set that is not below `shard`; STORE_SHARDS if there is none. */
int store_shards_next(const struct store_shards *shards, int shard);

#define store_shards_for_each(shard, shards)                                                       \
        for (int shard = store_shards_next((shards), 0); shard < STORE_SHARDS;                     \
             shard = store_shards_next((shards), shard + 1))

/* Adds, takes away, and keeps alone, those of the other set. */
void store_shards_add_all(struct store_shards *shards, const struct store_shards *others);
void store_shards_remove_all(struct store_shards *shards, const struct store_shards *others);
void store_shards_keep_all(struct store_shards *shards, const struct store_shards *others);

#endif
