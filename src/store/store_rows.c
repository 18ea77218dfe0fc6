// SPDX-License-Identifier: MIT
#include "store/store_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CHUNK_SIZE 65536

struct store_rows_chunk {
        struct store_rows_chunk *next;
        size_t used;
        size_t capacity;
        char bytes[];
};

void store_rows_clear(struct store_rows *rows)
{
        struct store_rows_chunk *next;

        for (struct store_rows_chunk *chunk = rows->chunks; chunk; chunk = next) {
                next = chunk->next;
                free(chunk);
        }
        rows->chunks = NULL;
        rows->count = 0;
}

void store_rows_deinit(struct store_rows *rows)
{
        store_rows_clear(rows);
        free(rows->events);
        free(rows->letters);
        free(rows->devices);
        free(rows->records);
        *rows = STORE_ROWS_INIT;
}

static const char *keep(struct store_rows *rows, const void *bytes, size_t size)
{
        struct store_rows_chunk *chunk = rows->chunks;
        char *place;

        if (!chunk || chunk->capacity - chunk->used < size + 1) {
                size_t capacity = size + 1 > CHUNK_SIZE ? size + 1 : CHUNK_SIZE;

                chunk = mem_resize(NULL, 1, sizeof(*chunk) + capacity);
                *chunk = (struct store_rows_chunk){.next = rows->chunks, .capacity = capacity};
                rows->chunks = chunk;
        }
        place = chunk->bytes + chunk->used;
        if (size > 0)
                memcpy(place, bytes, size);
        place[size] = '\0';
        chunk->used += size + 1;
        return place;
}

static const char *keep_text(struct store_rows *rows, const char *text)
{
        return text ? keep(rows, text, strlen(text)) : NULL;
}

/* The array, grown to hold one more row. */
static void *grow(struct store_rows *rows, void *array, size_t size)
{
        if (array && rows->count < rows->capacity)
                return array;
        rows->capacity = rows->count ? rows->count * 2 : 64;
        return mem_resize(array, rows->capacity, size);
}

static void copy_event(struct store_rows *rows, struct store_event *copy,
                       const struct store_event *event)
{
        *copy = *event;
        copy->device = keep_text(rows, event->device);
        copy->message_id = keep_text(rows, event->message_id);
        copy->record = keep(rows, event->record, event->record_size);
}

void store_rows_add_event(void *context, const struct store_event *event)
{
        struct store_rows *rows = context;

        rows->events = grow(rows, rows->events, sizeof(*rows->events));
        copy_event(rows, &rows->events[rows->count++], event);
}

void store_rows_add_letter(void *context, const struct store_dead_letter *letter)
{
        struct store_rows *rows = context;
        struct store_dead_letter *copy;

        rows->letters = grow(rows, rows->letters, sizeof(*rows->letters));
        copy = &rows->letters[rows->count++];
        *copy = *letter;
        copy->reason = keep_text(rows, letter->reason);
        copy_event(rows, &copy->event, &letter->event);
}

void store_rows_add_device(void *context, const struct store_device *device)
{
        struct store_rows *rows = context;
        struct store_device *copy;

        rows->devices = grow(rows, rows->devices, sizeof(*rows->devices));
        copy = &rows->devices[rows->count++];
        *copy = *device;
        copy->name = keep_text(rows, device->name);
}

void store_rows_add_record(void *context, const struct store_record *record)
{
        struct store_rows *rows = context;
        struct store_record *copy;

        rows->records = grow(rows, rows->records, sizeof(*rows->records));
        copy = &rows->records[rows->count++];
        *copy = *record;
        copy->kind = keep_text(rows, record->kind);
        copy->key = keep_text(rows, record->key);
        copy->device = keep_text(rows, record->device);
        copy->value = keep(rows, record->value, record->value_size);
}
