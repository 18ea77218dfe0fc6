// SPDX-License-Identifier: MIT
/*
 * Things in the order of their making, read in pages that stay right while things come and go:
 * each gets a serial number that never returns, and a page starts behind a serial number. Not
 * thread-safe.
 */
#ifndef ISTHMUS_LOCALHUB_REGISTRY_ORDERED_H
#define ISTHMUS_LOCALHUB_REGISTRY_ORDERED_H

#include <stddef.h>
#include <stdint.h>

#include "base/table.h"

struct ordered_place {
        uint64_t serial;
        void *thing; /* NULL = removed */
};

struct ordered {
        struct ordered_place *places; /* by serial, rising */
        size_t used;
        size_t capacity;
        size_t count;
        uint64_t last;
};

#define ORDERED_INIT ((struct ordered){.places = NULL})

/* Things by key and by age. */
struct collection {
        struct table by_id;
        struct ordered order;
};

/* Frees the list's own memory, never the things. */
void ordered_deinit(struct ordered *list);

/* Returns the serial number, which ordered_remove wants back. */
uint64_t ordered_add(struct ordered *list, void *thing);

void ordered_remove(struct ordered *list, uint64_t serial);

/* The first thing behind serial `*cursor`, which is moved to it; NULL at the end. */
void *ordered_next(const struct ordered *list, uint64_t *cursor);

/* The entry's key is set. Returns the serial number, which collection_remove wants back. */
uint64_t collection_add(struct collection *collection, struct table_entry *entry, void *thing);
void collection_remove(struct collection *collection, struct table_entry *entry, uint64_t serial);

/* Has each thing freed, too. */
void collection_deinit(struct collection *collection, void (*free_thing)(void *thing));

#endif
