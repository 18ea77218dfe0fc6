// SPDX-License-Identifier: MIT
#include "base/map.h"

#include <json-c/linkhash.h>
#include <stdlib.h>

#include "base/mem.h"

#define FIRST_SIZE 64

struct map {
        struct lh_table *table;
};

static void free_entry(struct lh_entry *entry)
{
        free(lh_entry_k(entry));
}

struct map *map_new(void)
{
        struct map *map = mem_new(1, sizeof(*map));

        map->table = lh_kchar_table_new(FIRST_SIZE, free_entry);
        if (!map->table)
                abort();
        return map;
}

void map_free(struct map *map)
{
        if (!map)
                return;
        lh_table_free(map->table);
        free(map);
}

void *map_get(const struct map *map, const char *key)
{
        void *value = NULL;

        lh_table_lookup_ex(map->table, key, &value);
        return value;
}

void map_set(struct map *map, const char *key, void *value)
{
        struct lh_entry *entry = lh_table_lookup_entry(map->table, key);

        if (entry) {
                lh_entry_set_val(entry, value);
                return;
        }
        if (lh_table_insert(map->table, mem_text(key), value) != 0)
                abort();
}

void map_remove(struct map *map, const char *key)
{
        lh_table_delete(map->table, key);
}

size_t map_count(const struct map *map)
{
        return (size_t)lh_table_length(map->table);
}

void map_each(const struct map *map, bool (*visit)(void *context, const char *key, void *value),
              void *context)
{
        struct lh_entry *entry;

        lh_foreach(map->table, entry)
        {
                if (!visit(context, lh_entry_k(entry), lh_entry_v(entry)))
                        return;
        }
}
