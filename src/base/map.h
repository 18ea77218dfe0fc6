// SPDX-License-Identifier: MIT
/* Texts to pointers, on json-c's hash table. The map copies its keys and does not own values. */
#ifndef ISTHMUS_BASE_MAP_H
#define ISTHMUS_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

struct map *map_new(void);

/* Values are the caller's affair. NULL is allowed. */
void map_free(struct map *map);

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
