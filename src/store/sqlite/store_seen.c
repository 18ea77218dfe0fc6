// SPDX-License-Identifier: MIT
#include "store/sqlite/store_seen.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "base/mem.h"

#define FIRST_CAPACITY 1024 /* a power of two */

struct entry {
        uint64_t hash;
        int64_t expires_ms;
};

/*
 * `ring` holds the rows first .. first + count - 1, row r at r & (capacity - 1). `slots` is a hash
 * table with linear probing, twice as large; a slot holds the place in the ring plus one, or 0.
 */
struct store_seen {
        struct entry *ring;
        uint32_t *slots;
        size_t capacity;
        size_t count;
        int64_t first;
        uint64_t seed;
};

struct store_seen *store_seen_new(void)
{
        struct store_seen *seen = mem_new(1, sizeof(*seen));

        seen->capacity = FIRST_CAPACITY;
        seen->ring = mem_new(seen->capacity, sizeof(*seen->ring));
        seen->slots = mem_new(seen->capacity * 2, sizeof(*seen->slots));
        seen->first = 1;
        crypto_random(&seen->seed, sizeof(seen->seed));
        return seen;
}

void store_seen_free(struct store_seen *seen)
{
        if (!seen)
                return;
        free(seen->ring);
        free(seen->slots);
        free(seen);
}

int64_t store_seen_first_row(const struct store_seen *seen)
{
        return seen->first;
}

int64_t store_seen_next_row(const struct store_seen *seen)
{
        return seen->first + (int64_t)seen->count;
}

/* FNV-1a from a random start, with the last bits mixed (MurmurHash3's finaliser). */
static uint64_t hash_of(const struct store_seen *seen, const char *text)
{
        uint64_t hash = seen->seed;

        for (; *text; text++)
                hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
        hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
        return hash ^ (hash >> 33);
}

static size_t place_of(const struct store_seen *seen, int64_t row)
{
        return (size_t)row & (seen->capacity - 1);
}

static size_t slot_after(const struct store_seen *seen, size_t slot)
{
        return (slot + 1) & (seen->capacity * 2 - 1);
}

static size_t home_of(const struct store_seen *seen, uint64_t hash)
{
        return (size_t)hash & (seen->capacity * 2 - 1);
}

static void insert_slot(struct store_seen *seen, size_t place)
{
        size_t slot = home_of(seen, seen->ring[place].hash);

        while (seen->slots[slot])
                slot = slot_after(seen, slot);
        seen->slots[slot] = (uint32_t)place + 1;
}

/* Closes the gap: later entries of the run move up unless that passes their home. */
static void remove_slot(struct store_seen *seen, size_t place)
{
        size_t mask = seen->capacity * 2 - 1;
        size_t gap = home_of(seen, seen->ring[place].hash);

        while (seen->slots[gap] != (uint32_t)place + 1)
                gap = slot_after(seen, gap);
        for (size_t slot = slot_after(seen, gap); seen->slots[slot];
             slot = slot_after(seen, slot)) {
                size_t home = home_of(seen, seen->ring[seen->slots[slot] - 1].hash);

                if (((slot - home) & mask) < ((slot - gap) & mask))
                        continue;
                seen->slots[gap] = seen->slots[slot];
                gap = slot;
        }
        seen->slots[gap] = 0;
}

static void double_capacity(struct store_seen *seen)
{
        struct entry *old = seen->ring;
        size_t old_mask = seen->capacity - 1;

        seen->capacity *= 2;
        seen->ring = mem_new(seen->capacity, sizeof(*seen->ring));
        free(seen->slots);
        seen->slots = mem_new(seen->capacity * 2, sizeof(*seen->slots));
        for (size_t i = 0; i < seen->count; i++) {
                int64_t row = seen->first + (int64_t)i;

                seen->ring[place_of(seen, row)] = old[(size_t)row & old_mask];
                insert_slot(seen, place_of(seen, row));
        }
        free(old);
}

void store_seen_push(struct store_seen *seen, int64_t row, const char *message_id,
                     int64_t expires_ms)
{
        size_t place;

        if (seen->count == 0)
                seen->first = row;
        if (seen->count == seen->capacity)
                double_capacity(seen);
        place = place_of(seen, store_seen_next_row(seen));
        seen->ring[place] =
                (struct entry){.hash = hash_of(seen, message_id), .expires_ms = expires_ms};
        insert_slot(seen, place);
        seen->count++;
}

int64_t store_seen_keep_from(const struct store_seen *seen, int64_t now_ms, size_t maximum,
                             size_t limit)
{
        size_t leaving = 0;

        while (leaving < limit && leaving < seen->count) {
                int64_t row = seen->first + (int64_t)leaving;

                if (seen->ring[place_of(seen, row)].expires_ms > now_ms &&
                    seen->count - leaving <= maximum)
                        break;
                leaving++;
        }
        return seen->first + (int64_t)leaving;
}

void store_seen_forget(struct store_seen *seen, int64_t row)
{
        for (; seen->count > 0 && seen->first < row; seen->first++, seen->count--)
                remove_slot(seen, place_of(seen, seen->first));
}

void store_seen_cut(struct store_seen *seen, int64_t row)
{
        while (seen->count > 0 && store_seen_next_row(seen) > row) {
                remove_slot(seen, place_of(seen, store_seen_next_row(seen) - 1));
                seen->count--;
        }
}

void store_seen_search(const struct store_seen *seen, const char *message_id,
                       struct store_seen_search *search)
{
        search->hash = hash_of(seen, message_id);
        search->slot = home_of(seen, search->hash);
}

bool store_seen_next(const struct store_seen *seen, struct store_seen_search *search,
                     int64_t now_ms, int64_t *row)
{
        while (seen->slots[search->slot]) {
                size_t place = seen->slots[search->slot] - 1;
                const struct entry *entry = &seen->ring[place];

                search->slot = slot_after(seen, search->slot);
                if (entry->hash != search->hash || entry->expires_ms <= now_ms)
                        continue;
                *row = seen->first +
                       (int64_t)((place - place_of(seen, seen->first)) & (seen->capacity - 1));
                return true;
        }
        return false;
}
