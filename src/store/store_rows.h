// SPDX-License-Identifier: MIT
/*
 * Rows copied out of a backend, so that no read transaction stays open while somebody looks at
 * them: a slow reader would keep the log of a running gateway from being reused.
 */
#ifndef ISTHMUS_STORE_STORE_ROWS_H
#define ISTHMUS_STORE_STORE_ROWS_H

#include "store/store_backend.h"

struct store_rows_chunk;

struct store_rows {
        struct store_event *events;
        struct store_dead_letter *letters;
        struct store_device *devices;
        struct store_record *records;
        size_t count;
        size_t capacity;
        struct store_rows_chunk *chunks; /* holds what the rows point to */
};

#define STORE_ROWS_INIT ((struct store_rows){.count = 0})

void store_rows_deinit(struct store_rows *rows);

/* Forgets the rows. */
void store_rows_clear(struct store_rows *rows);

/* The callbacks of store_backend.h; `context` is the rows, filled with one kind only. */
void store_rows_add_event(void *context, const struct store_event *event);
void store_rows_add_letter(void *context, const struct store_dead_letter *letter);
void store_rows_add_device(void *context, const struct store_device *device);
void store_rows_add_record(void *context, const struct store_record *record);

#endif
