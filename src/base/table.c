// SPDX-License-Identifier: MIT
#include "base/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/list.h"
#include "base/mem.h"

#define TABLE_FIRST_SLOTS 4 /* many tables have one entry */

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed;

static void make_seed(void)
{
        crypto_random(&seed, sizeof(seed));
}

/* The low bits choose the slot. */
static uint64_t mix(uint64_t hash)
{
        hash ^= hash >> 33;
        hash *= UINT64_C(0xff51afd7ed558ccd);
        return hash ^ (hash >> 33);
}

/* FNV-1a. */
uint64_t table_hash(const char *text)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (const unsigned char *c = (const unsigned char *)text; *c; c++)
                hash = (hash ^ *c) * UINT64_C(0x100000001b3);
        return mix(hash);
}

/*
 * Eight bytes at a time. Begins with a number of this process: nobody outside can choose keys that
 * share a slot.
 */
static uint64_t hash_of(const char *text)
{
        size_t size = strlen(text);
        uint64_t hash = seed ^ size;
        uint64_t word = 0;

        for (; size >= sizeof(word); size -= sizeof(word), text += sizeof(word)) {
                memcpy(&word, text, sizeof(word));
                hash = mix(hash ^ word);
        }
        word = 0;
        memcpy(&word, text, size);
        return mix(hash ^ word);
}

static struct table_entry **slot_of(const struct table *table, uint64_t hash)
{
        return &table->slots[hash & (table->slot_count - 1)];
}

static void grow(struct table *table)
{
        struct table old = *table;

        pthread_once(&seed_once, make_seed);
        table->slot_count = old.slot_count ? old.slot_count * 2 : TABLE_FIRST_SLOTS;
        table->slots = mem_new(table->slot_count, sizeof(*table->slots));
        for (size_t i = 0; i < old.slot_count; i++) {
                for (struct table_entry *entry = old.slots[i], *next; entry; entry = next) {
                        struct table_entry **slot = slot_of(table, entry->hash);

                        next = entry->next;
                        entry->next = *slot;
                        *slot = entry;
                }
        }
        free(old.slots);
}

void table_deinit(struct table *table)
{
        free(table->slots);
        *table = TABLE_INIT;
}

void table_add(struct table *table, struct table_entry *entry)
{
        struct table_entry **slot;

        if (table->count >= table->slot_count)
                grow(table);
        entry->hash = hash_of(entry->key);
        slot = slot_of(table, entry->hash);
        entry->next = *slot;
        *slot = entry;
        table->count++;
}

void table_remove(struct table *table, struct table_entry *entry)
{
        struct table_entry **place = slot_of(table, entry->hash);

        while (*place != entry)
                place = &(*place)->next;
        *place = entry->next;
        table->count--;
}

struct table_entry *table_find(const struct table *table, const char *key)
{
        uint64_t hash;

        if (table->slot_count == 0)
                return NULL;
        hash = hash_of(key);
        for (struct table_entry *entry = *slot_of(table, hash); entry; entry = entry->next) {
                if (entry->hash == hash && strcmp(entry->key, key) == 0)
                        return entry;
        }
        return NULL;
}

/* --- texts to pointers ---------------------------------------------------------------------- */

struct map {
        struct table table;
        struct list pairs; /* in the order of insertion */
};

struct pair {
        struct table_entry entry;
        struct list_node node;
        void *value;
        char key[];
};

struct map *map_new(void)
{
        struct map *map = mem_new(1, sizeof(*map));

        list_init(&map->pairs);
        return map;
}

void map_free(struct map *map)
{
        if (!map)
                return;
        list_for_each_safe (node, &map->pairs)
                free(list_entry(node, struct pair, node));
        table_deinit(&map->table);
        free(map);
}

void map_free_values(struct map *map, void (*free_value)(void *value))
{
        list_for_each (node, &map->pairs)
                free_value(list_entry(node, struct pair, node)->value);
        map_free(map);
}

static struct pair *find_pair(const struct map *map, const char *key)
{
        struct table_entry *entry = table_find(&map->table, key);

        return entry ? table_of(entry, struct pair, entry) : NULL;
}

void *map_get(const struct map *map, const char *key)
{
        struct pair *pair = find_pair(map, key);

        return pair ? pair->value : NULL;
}

void map_set(struct map *map, const char *key, void *value)
{
        struct pair *pair = find_pair(map, key);
        size_t size = strlen(key) + 1;

        if (pair) {
                pair->value = value;
                return;
        }
        pair = mem_new(1, sizeof(*pair) + size);
        memcpy(pair->key, key, size);
        pair->value = value;
        pair->entry.key = pair->key;
        table_add(&map->table, &pair->entry);
        list_push_back(&map->pairs, &pair->node);
}

void map_remove(struct map *map, const char *key)
{
        struct pair *pair = find_pair(map, key);

        if (!pair)
                return;
        table_remove(&map->table, &pair->entry);
        list_remove(&map->pairs, &pair->node);
        free(pair);
}

size_t map_count(const struct map *map)
{
        return map->table.count;
}

void map_each(const struct map *map, bool (*visit)(void *context, const char *key, void *value),
              void *context)
{
        list_for_each (node, &map->pairs) {
                const struct pair *pair = list_entry(node, struct pair, node);

                if (!visit(context, pair->key, pair->value))
                        return;
        }
}
