// SPDX-License-Identifier: MIT
/*
 * Hash table of entries that are embedded in what they find, by text key. Grows by itself; finds
 * in constant time however many there are. Not thread-safe.
 */
#ifndef ISTHMUS_BASE_TABLE_H
#define ISTHMUS_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_entry {
        struct table_entry *next;
        uint64_t hash;
        const char *key; /* belongs to what holds the entry, and lives as long */
};

struct table {
        struct table_entry **slots;
        size_t slot_count;
        size_t count;
};

#define TABLE_INIT ((struct table){.slots = NULL})

/* The struct of `type` whose member `member` is `entry`; `entry` must not be NULL. */
#define table_of(entry, type, member) ((type *)(void *)((char *)(entry)-offsetof(type, member)))

/* Frees the table's own memory, never the entries. */
void table_deinit(struct table *table);

/* `entry->key` is set; no entry with this key may be in the table. */
void table_add(struct table *table, struct table_entry *entry);

/* `entry` must be in the table. */
void table_remove(struct table *table, struct table_entry *entry);

/* NULL if there is none. */
struct table_entry *table_find(const struct table *table, const char *key);

/* The same number for the same text in every process; tables use another one. */
uint64_t table_hash(const char *text);

/* --- texts to pointers ---------------------------------------------------------------------- */

/* A table with entries of its own: copies its keys, and does not own values. */
struct map;

struct map *map_new(void);

/* Values are the caller's affair. NULL is allowed. */
void map_free(struct map *map);

/* The same, and its values with this function. */
void map_free_values(struct map *map, void (*free_value)(void *value));

/* NULL if there is none. */
void *map_get(const struct map *map, const char *key);

/* Puts or replaces. `value` is not NULL. */
void map_set(struct map *map, const char *key, void *value);

/* Nothing happens if there is none. */
void map_remove(struct map *map, const char *key);

size_t map_count(const struct map *map);

/* In the order of insertion; ends when `visit` returns false. The map must not change meanwhile. */
void map_each(const struct map *map, bool (*visit)(void *context, const char *key, void *value),
              void *context);

#endif
