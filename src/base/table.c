// SPDX-License-Identifier: MIT
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define TABLE_FIRST_SLOTS 64

/* FNV-1a with a final mix, because the low bits choose the slot. */
uint64_t table_hash(const char *text)
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (const unsigned char *c = (const unsigned char *)text; *c; c++)
                hash = (hash ^ *c) * UINT64_C(0x100000001b3);
        hash ^= hash >> 33;
        hash *= UINT64_C(0xff51afd7ed558ccd);
        return hash ^ (hash >> 33);
}

static struct table_entry **slot_of(const struct table *table, uint64_t hash)
{
        return &table->slots[hash & (table->slot_count - 1)];
}

static void grow(struct table *table)
{
        struct table old = *table;

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
        entry->hash = table_hash(entry->key);
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
        uint64_t hash = table_hash(key);

        if (table->slot_count == 0)
                return NULL;
        for (struct table_entry *entry = *slot_of(table, hash); entry; entry = entry->next) {
                if (entry->hash == hash && strcmp(entry->key, key) == 0)
                        return entry;
        }
        return NULL;
}
