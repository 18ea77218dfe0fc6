// SPDX-License-Identifier: MIT
/*
 * Values as PostgreSQL's binary format has them: whole numbers and lengths big endian; an array
 * with a header of its dimensions, whether it has NULLs, its elements' type, their number and the
 * lowest index (src/include/utils/array.h and array_recv in PostgreSQL's source).
 */
#include <endian.h>

#include "base/utf8.h"
#include "store/postgres/store_postgres.h"

/* Where the header has these. */
#define AT_NULLS 4
#define AT_COUNT 12

#define NULL_ELEMENT (-1)

static void add_int32(struct buf *buf, int32_t number)
{
        uint32_t big = htobe32((uint32_t)number);

        buf_add(buf, &big, sizeof(big));
}

static void set_int32(struct buf *buf, size_t at, int32_t number)
{
        uint32_t big = htobe32((uint32_t)number);

        memcpy(buf->data + at, &big, sizeof(big));
}

static void add_int64(struct buf *buf, int64_t number)
{
        uint64_t big = htobe64((uint64_t)number);

        buf_add(buf, &big, sizeof(big));
}

static void add_valid_text(struct buf *buf, const char *text, size_t size)
{
        if (utf8_is_valid(text, size)) {
                buf_add(buf, text, size);
                return;
        }
        for (size_t i = 0; i < size;) {
                size_t length = utf8_length(text + i, size - i);

                if (length > 0)
                        buf_add(buf, text + i, length);
                else
                        buf_add_char(buf, '?');
                i += length > 0 ? length : 1;
        }
}

void postgres_values_deinit(struct postgres_values *values)
{
        for (int i = 0; i < POSTGRES_PARAMETERS; i++)
                buf_deinit(&values->values[i]);
}

void postgres_values_clear(struct postgres_values *values)
{
        for (int i = 0; i < POSTGRES_PARAMETERS; i++) {
                buf_clear(&values->values[i]);
                values->counts[i] = 0;
        }
        values->count = 0;
}

/* The place's bytes, to be added to. */
static struct buf *place_of(struct postgres_values *values, int place)
{
        if (place >= values->count)
                values->count = place + 1;
        return &values->values[place];
}

void postgres_set_int(struct postgres_values *values, int place, int64_t number)
{
        struct buf *buf = place_of(values, place);

        buf_clear(buf);
        add_int64(buf, number);
}

void postgres_set_text(struct postgres_values *values, int place, const char *text)
{
        struct buf *buf = place_of(values, place);

        buf_clear(buf);
        add_valid_text(buf, text, strlen(text));
}

/* The array with one more element, whose length and bytes are to be added. */
static struct buf *add_element(struct postgres_values *values, int place, enum postgres_type type)
{
        struct buf *buf = place_of(values, place);

        if (values->counts[place] == 0) {
                buf_clear(buf);
                add_int32(buf, 1); /* dimension */
                add_int32(buf, 0); /* no NULLs */
                add_int32(buf, (int32_t)type);
                add_int32(buf, 0); /* elements: counted below */
                add_int32(buf, 1); /* the lowest index */
        }
        set_int32(buf, AT_COUNT, ++values->counts[place]);
        return buf;
}

static void add_null(struct buf *buf)
{
        set_int32(buf, AT_NULLS, 1);
        add_int32(buf, NULL_ELEMENT);
}

void postgres_add_int(struct postgres_values *values, int place, int64_t number)
{
        struct buf *buf = add_element(values, place, POSTGRES_INT);

        add_int32(buf, sizeof(number));
        add_int64(buf, number);
}

void postgres_add_text(struct postgres_values *values, int place, const char *text)
{
        struct buf *buf = add_element(values, place, POSTGRES_TEXT);
        size_t start = buf->size;

        if (!text) {
                add_null(buf);
                return;
        }
        add_int32(buf, 0);
        add_valid_text(buf, text, strlen(text));
        set_int32(buf, start, (int32_t)(buf->size - start - sizeof(int32_t)));
}

void postgres_add_bytes(struct postgres_values *values, int place, const void *bytes, size_t size)
{
        struct buf *buf = add_element(values, place, POSTGRES_BYTES);

        if (!bytes) {
                add_null(buf);
                return;
        }
        add_int32(buf, (int32_t)size);
        buf_add(buf, bytes, size);
}

void postgres_add_shards(struct postgres_values *values, int place,
                         const struct store_shards *shards)
{
        store_shards_for_each (shard, shards)
                postgres_add_int(values, place, shard);
}

/* --- results ------------------------------------------------------------------------------- */

void postgres_result_cleanup(PGresult **result)
{
        PQclear(*result);
}

int64_t postgres_int(const PGresult *result, int row, int column)
{
        uint64_t big;

        if (PQgetlength(result, row, column) != (int)sizeof(big))
                return 0;
        memcpy(&big, PQgetvalue(result, row, column), sizeof(big));
        return (int64_t)be64toh(big);
}

const char *postgres_text(const PGresult *result, int row, int column)
{
        return PQgetvalue(result, row, column);
}

struct store_event postgres_event(const PGresult *result, int row)
{
        return (struct store_event){
                .id = postgres_int(result, row, 0),
                .device = postgres_text(result, row, 1),
                .arrived_ns = postgres_int(result, row, 2),
                .message_id = postgres_text(result, row, 3),
                .record = PQgetvalue(result, row, 4),
                .record_size = (size_t)PQgetlength(result, row, 4),
                .purpose = (enum store_purpose)postgres_int(result, row, 5),
        };
}
