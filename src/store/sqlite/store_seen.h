// SPDX-License-Identifier: MIT
/*
 * The message ids that were stored lately, as an index in memory over rows that are written one
 * after the other: a lookup costs no disk page and an insertion touches the last one only, where
 * a table keyed by the (random) ids would touch a page of its own for each event.
 *
 * It holds a hash of each id and the number of its row; the row itself tells whether it really is
 * that id. Rows are numbered without gaps; they enter at the back and leave at the front, or at
 * the back when their transaction is undone.
 */
#ifndef ISTHMUS_STORE_SQLITE_STORE_SEEN_H
#define ISTHMUS_STORE_SQLITE_STORE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_seen;

struct store_seen *store_seen_new(void);
void store_seen_free(struct store_seen *seen);

/* The number that the next row gets. */
int64_t store_seen_next_row(const struct store_seen *seen);

/* Adds row store_seen_next_row, or `row` when there is none yet. */
void store_seen_push(struct store_seen *seen, int64_t row, const char *message_id,
                     int64_t expires_ms);

/* The row at the front; store_seen_next_row when there is none. */
int64_t store_seen_first_row(const struct store_seen *seen);

/*
 * The first row to keep when expired ones leave, and the oldest of more than `maximum`; no more
 * than `limit` rows are before it.
 */
int64_t store_seen_keep_from(const struct store_seen *seen, int64_t now_ms, size_t maximum,
                             size_t limit);

/* Takes the rows before `row` away. */
void store_seen_forget(struct store_seen *seen, int64_t row);

/* Takes the rows from `row` on away. */
void store_seen_cut(struct store_seen *seen, int64_t row);

/* Walks the rows that may hold `message_id`. */
struct store_seen_search {
        uint64_t hash;
        size_t slot;
};

void store_seen_search(const struct store_seen *seen, const char *message_id,
                       struct store_seen_search *search);

/* The next such row that is not expired at `now_ms`; false when there is none left. */
bool store_seen_next(const struct store_seen *seen, struct store_seen_search *search,
                     int64_t now_ms, int64_t *row);

#endif
