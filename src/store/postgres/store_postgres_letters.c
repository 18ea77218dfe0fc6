// SPDX-License-Identifier: MIT
/* The writing half of the PostgreSQL store: the dead letters. */
#include <string.h>

#include "base/clock.h"
#include "store/postgres/store_postgres_writer.h"

/* The bytes stay, and those of the reason are added. */
int store_postgres_dead(void *context, int64_t id, const char *reason, struct store_change *change)
{
        struct writer *writer = context;
        struct postgres_values *values = &writer->values;
        int64_t reason_size = (int64_t)strlen(reason);
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure = store_postgres_catch_up(writer, change);

        if (failure != 0)
                return failure;
        postgres_values_clear(values);
        postgres_set_int(values, 0, id);
        postgres_set_int(values, 1, reason_size);
        postgres_set_int(values, 2, clock_wall_ms());
        postgres_set_int(values, 3, writer->now_ms);
        postgres_set_text(values, 4, reason);
        failure = postgres_ask(&writer->postgres, SQL_DEAD, values, &result);
        if (failure == 0 && PQntuples(result) > 0) {
                store_change_take_event(change, postgres_text(result, 0, 1),
                                        postgres_int(result, 0, 0));
                change->counts.dead_letters++;
                change->counts.dead_bytes += postgres_int(result, 0, 0) + reason_size;
        }
        return failure;
}

/* The letters of the span, and one more if there is; the caller's to PQclear. */
static int find_letters(struct writer *writer, struct store_span *span, struct store_change *change,
                        PGresult **result)
{
        struct postgres_values *values = &writer->values;
        int failure = store_postgres_catch_up(writer, change);

        *result = NULL;
        if (failure == 0 && span->end == 0) {
                failure = postgres_ask(&writer->postgres, SQL_SPAN_END, NULL, result);
                if (failure == 0)
                        span->end = postgres_int(*result, 0, 0);
                PQclear(*result);
                *result = NULL;
        }
        if (failure != 0)
                return failure;
        postgres_values_clear(values);
        postgres_set_int(values, 0, span->id);
        postgres_set_int(values, 1, span->end);
        postgres_set_int(values, 2, (int64_t)span->limit + 1);
        return postgres_ask(&writer->postgres, SQL_SPAN, values, result);
}

/* Adds the ids of the first `count` to the statement that is made next. */
static void choose_letters(struct writer *writer, const PGresult *letters, int count,
                           struct store_change *change)
{
        postgres_values_clear(&writer->values);
        for (int row = 0; row < count; row++) {
                postgres_add_int(&writer->values, 0, postgres_int(letters, row, 0));
                change->counts.dead_letters--;
                change->counts.dead_bytes -= postgres_int(letters, row, 1);
        }
}

static void end_span(struct store_span *span, const PGresult *letters, int count)
{
        span->changed = (size_t)count;
        span->more = count < PQntuples(letters);
        if (count > 0)
                span->id = postgres_int(letters, count - 1, 0) + 1;
}

/* So many of the first `most` have room. */
static int count_fitting(struct store_span *span, const PGresult *letters, int most)
{
        int count = 0;

        while (count < most) {
                int64_t size = postgres_int(letters, count, 1) - postgres_int(letters, count, 2);

                span->no_room = size > span->room;
                if (span->no_room)
                        break;
                span->room -= size;
                count++;
        }
        return count;
}

static int run_replay(struct writer *writer, struct store_change *change, store_event_row row,
                      void *row_context)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure = postgres_ask(&writer->postgres, SQL_REPLAY, &writer->values, &result);

        for (int i = 0; failure == 0 && i < PQntuples(result); i++) {
                struct store_event event = postgres_event(result, i);

                store_change_add_event(change, event.device, postgres_int(result, i, 6));
                row(row_context, &event);
        }
        return failure;
}

static int run_drop(struct writer *writer)
{
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;

        return postgres_ask(&writer->postgres, SQL_DROP, &writer->values, &result);
}

/* Shows those that are replayed; `row` NULL: they are dropped. */
static int change_span(struct writer *writer, struct store_span *span, struct store_change *change,
                       store_event_row row, void *row_context)
{
        CLEANUP(postgres_result_cleanup) PGresult *letters = NULL;
        int failure = find_letters(writer, span, change, &letters);
        int count;

        span->changed = 0;
        span->no_room = false;
        if (failure != 0)
                return failure;
        count = PQntuples(letters) < (int)span->limit ? PQntuples(letters) : (int)span->limit;
        if (row)
                count = count_fitting(span, letters, count);
        choose_letters(writer, letters, count, change);
        if (count > 0)
                failure = row ? run_replay(writer, change, row, row_context) : run_drop(writer);
        end_span(span, letters, count);
        return failure;
}

int store_postgres_replay(void *context, struct store_span *span, struct store_change *change,
                          store_event_row row, void *row_context)
{
        return change_span(context, span, change, row, row_context);
}

int store_postgres_drop(void *context, struct store_span *span, struct store_change *change)
{
        return change_span(context, span, change, NULL, NULL);
}

/* So many of them give way. */
static int count_leaving(const struct writer *writer, struct store_trim *trim,
                         const PGresult *letters)
{
        int count = 0;

        while (count < PQntuples(letters)) {
                if (writer->now_ms - postgres_int(letters, count, 2) < trim->age_ms &&
                    trim->bytes <= 0)
                        break;
                trim->more = count == (int)trim->limit;
                if (trim->more)
                        break;
                trim->bytes -= postgres_int(letters, count, 1);
                count++;
        }
        return count;
}

int store_postgres_trim(void *context, struct store_trim *trim, struct store_change *change)
{
        struct writer *writer = context;
        CLEANUP(postgres_result_cleanup) PGresult *letters = NULL;
        int failure = store_postgres_catch_up(writer, change);
        int count;

        trim->dropped = 0;
        trim->more = false;
        postgres_values_clear(&writer->values);
        postgres_set_int(&writer->values, 0, (int64_t)trim->limit + 1);
        if (failure == 0)
                failure =
                        postgres_ask(&writer->postgres, SQL_OLD_LETTERS, &writer->values, &letters);
        if (failure != 0)
                return failure;
        count = count_leaving(writer, trim, letters);
        choose_letters(writer, letters, count, change);
        if (count > 0)
                failure = run_drop(writer);
        trim->dropped = (size_t)count;
        return failure;
}
