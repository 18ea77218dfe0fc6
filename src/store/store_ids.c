// SPDX-License-Identifier: MIT
#include "store/store_ids.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void store_ids_deinit(struct store_ids *list)
{
        free(list->ids);
        *list = (struct store_ids){0};
}

void store_ids_add(struct store_ids *list, const int64_t *ids, size_t count)
{
        if (count == 0)
                return;
        if (list->count + count > list->capacity) {
                list->capacity = (list->count + count) * 2;
                list->ids = mem_resize(list->ids, list->capacity, sizeof(*list->ids));
        }
        memcpy(list->ids + list->count, ids, count * sizeof(*ids));
        list->count += count;
}

void store_ids_remove_first(struct store_ids *list, size_t count)
{
        list->count -= count;
        if (list->count > 0)
                memmove(list->ids, list->ids + count, list->count * sizeof(*list->ids));
}

static int compare(const void *a, const void *b)
{
        int64_t left;
        int64_t right;

        memcpy(&left, a, sizeof(left));
        memcpy(&right, b, sizeof(right));
        return (left > right) - (left < right);
}

/* Mostly they come in order already. */
static bool is_sorted(const struct store_ids *list)
{
        for (size_t i = 1; i < list->count; i++) {
                if (list->ids[i - 1] >= list->ids[i])
                        return false;
        }
        return true;
}

void store_ids_sort(struct store_ids *list)
{
        size_t kept = 1;

        if (is_sorted(list))
                return;
        qsort(list->ids, list->count, sizeof(*list->ids), compare);
        for (size_t i = 1; i < list->count; i++) {
                if (list->ids[i] != list->ids[kept - 1])
                        list->ids[kept++] = list->ids[i];
        }
        list->count = kept;
}

bool store_ids_has(const struct store_ids *list, int64_t id)
{
        return list->count > 0 && bsearch(&id, list->ids, list->count, sizeof(id), compare) != NULL;
}
