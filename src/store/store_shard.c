// SPDX-License-Identifier: MIT
#include "store/store_shard.h"

#include <string.h>

#include "base/crypto.h"
#include "base/error.h"

#define BITS 64

int store_shard_of(const char *device)
{
        uint8_t hash[CRYPTO_SHA256_SIZE];

        crypto_sha256(device, strlen(device), hash);
        return (hash[0] << 8 | hash[1]) % STORE_SHARDS;
}

struct store_shards store_shards_none(void)
{
        return (struct store_shards){.bits = {0}};
}

struct store_shards store_shards_all(void)
{
        struct store_shards shards;

        memset(&shards, 0xff, sizeof(shards));
        return shards;
}

bool store_shards_has(const struct store_shards *shards, int shard)
{
        return shards->bits[shard / BITS] >> (shard % BITS) & 1;
}

void store_shards_add(struct store_shards *shards, int shard)
{
        shards->bits[shard / BITS] |= UINT64_C(1) << (shard % BITS);
}

void store_shards_remove(struct store_shards *shards, int shard)
{
        shards->bits[shard / BITS] &= ~(UINT64_C(1) << (shard % BITS));
}

int store_shards_count(const struct store_shards *shards)
{
        int count = 0;

        for (size_t i = 0; i < ARRAY_SIZE(shards->bits); i++)
                count += __builtin_popcountll(shards->bits[i]);
        return count;
}

int store_shards_next(const struct store_shards *shards, int shard)
{
        while (shard < STORE_SHARDS && !store_shards_has(shards, shard))
                shard++;
        return shard;
}

void store_shards_add_all(struct store_shards *shards, const struct store_shards *others)
{
        for (size_t i = 0; i < ARRAY_SIZE(shards->bits); i++)
                shards->bits[i] |= others->bits[i];
}

void store_shards_remove_all(struct store_shards *shards, const struct store_shards *others)
{
        for (size_t i = 0; i < ARRAY_SIZE(shards->bits); i++)
                shards->bits[i] &= ~others->bits[i];
}

void store_shards_keep_all(struct store_shards *shards, const struct store_shards *others)
{
        for (size_t i = 0; i < ARRAY_SIZE(shards->bits); i++)
                shards->bits[i] &= others->bits[i];
}
