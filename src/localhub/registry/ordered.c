// SPDX-License-Identifier: MIT
#include "localhub/registry/ordered.h"

#include <stdlib.h>

#include "base/mem.h"

void ordered_deinit(struct ordered *list)
{
        free(list->places);
        *list = ORDERED_INIT;
}

/* Index of the first place behind a serial number. */
static size_t index_behind(const struct ordered *list, uint64_t serial)
{
        size_t low = 0;
        size_t high = list->used;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (list->places[middle].serial > serial)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

static void close_holes(struct ordered *list)
{
        size_t to = 0;

        for (size_t from = 0; from < list->used; from++) {
                if (list->places[from].thing)
                        list->places[to++] = list->places[from];
        }
        list->used = to;
}

uint64_t ordered_add(struct ordered *list, void *thing)
{
        if (list->used == list->capacity) {
                list->capacity = list->capacity ? list->capacity * 2 : 16;
                list->places = mem_resize(list->places, list->capacity, sizeof(*list->places));
        }
        list->places[list->used].serial = ++list->last;
        list->places[list->used++].thing = thing;
        list->count++;
        return list->last;
}

void ordered_remove(struct ordered *list, uint64_t serial)
{
        list->places[index_behind(list, serial) - 1].thing = NULL;
        list->count--;
        if (list->used > 16 && list->count < list->used / 2)
                close_holes(list);
}

void *ordered_next(const struct ordered *list, uint64_t *cursor)
{
        for (size_t i = index_behind(list, *cursor); i < list->used; i++) {
                if (!list->places[i].thing)
                        continue;
                *cursor = list->places[i].serial;
                return list->places[i].thing;
        }
        return NULL;
}

uint64_t collection_add(struct collection *collection, struct table_entry *entry, void *thing)
{
        table_add(&collection->by_id, entry);
        return ordered_add(&collection->order, thing);
}

void collection_remove(struct collection *collection, struct table_entry *entry, uint64_t serial)
{
        table_remove(&collection->by_id, entry);
        ordered_remove(&collection->order, serial);
}

void collection_deinit(struct collection *collection, void (*free_thing)(void *thing))
{
        uint64_t cursor = 0;
        void *thing;

        while ((thing = ordered_next(&collection->order, &cursor)) != NULL)
                free_thing(thing);
        table_deinit(&collection->by_id);
        ordered_deinit(&collection->order);
}
