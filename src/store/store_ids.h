// SPDX-License-Identifier: MIT
/* A growable list of event ids. */
#ifndef ISTHMUS_STORE_STORE_IDS_H
#define ISTHMUS_STORE_STORE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_ids {
        int64_t *ids;
        size_t count;
        size_t capacity;
};

void store_ids_deinit(struct store_ids *list);

void store_ids_add(struct store_ids *list, const int64_t *ids, size_t count);

/* Takes the first `count` away. */
void store_ids_remove_first(struct store_ids *list, size_t count);

/* Ascending, without repetition. */
void store_ids_sort(struct store_ids *list);

/* The list must be sorted. */
bool store_ids_has(const struct store_ids *list, int64_t id);

#endif
