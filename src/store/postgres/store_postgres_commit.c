// SPDX-License-Identifier: MIT
/*
 * A transaction: what is put, done and written is only noted, and goes to the server in one piece
 * at the commit; or before, when something needs what it leaves.
 */

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "store/postgres/store_postgres_writer.h"

/* Of SHA-256 of a message id. */
#define HASH_SIZE 16

/* What a flush sends at most: begin, how durable, done, claims, their holders, writes, puts,
 * commit.
 */
#define FLUSH_STATEMENTS 8

static void forget(struct writer *writer)
{
        writer->done_count = 0;
        writer->put_count = 0;
        writer->puts_have_window = false;
        writer->write_count = 0;
        writer->claim_count = 0;
        postgres_values_clear(&writer->claim_values);
}

int store_postgres_begin(void *context, bool durable)
{
        struct writer *writer = context;
        int result = postgres_writer_connect(writer);

        forget(writer);
        writer->durable = durable;
        writer->begun = false;
        writer->now_ms = clock_steady_ms() + writer->time_offset_ms;
        return result;
}

void store_postgres_rollback(void *context)
{
        struct writer *writer = context;

        if (writer->begun && writer->postgres.db)
                (void)!postgres_execute(&writer->postgres, "ROLLBACK", NULL);
        writer->begun = false;
        forget(writer);
}

/* --- notes ---------------------------------------------------------------------------------- */

int store_postgres_put(void *context, struct store_event *event, struct store_change *change)
{
        struct writer *writer = context;

        if (writer->put_count == writer->put_capacity) {
                writer->put_capacity = writer->put_capacity ? writer->put_capacity * 2 : 64;
                writer->puts = mem_resize(writer->puts, writer->put_capacity,
                                          sizeof(struct store_event *));
        }
        writer->puts[writer->put_count++] = event;
        writer->puts_have_window = writer->puts_have_window || event->duplicate_window_ms > 0;
        event->id = 0;
        store_change_add_event(change, event->device, store_event_size(event));
        return 0;
}

int store_postgres_done(void *context, const int64_t *ids, size_t count,
                        struct store_change *change)
{
        struct writer *writer = context;

        (void)change;
        writer->done = ids;
        writer->done_count = count;
        return 0;
}

int store_postgres_write(void *context, struct store_record *record)
{
        struct writer *writer = context;

        record->fenced = false;
        if (writer->write_count == writer->write_capacity) {
                writer->write_capacity = writer->write_capacity ? writer->write_capacity * 2 : 64;
                writer->writes = mem_resize(writer->writes, writer->write_capacity,
                                            sizeof(struct store_record *));
        }
        writer->writes[writer->write_count++] = record;
        return 0;
}

static int shard_of_record(const struct store_record *record)
{
        return record->device ? store_shard_of(record->device) : POSTGRES_NO_SHARD;
}

int store_postgres_claim(void *context, const struct store_record *record, struct buf *holder)
{
        struct writer *writer = context;
        struct postgres_values *values = &writer->claim_values;

        if (writer->claim_count == writer->claim_capacity) {
                writer->claim_capacity = writer->claim_capacity ? writer->claim_capacity * 2 : 64;
                writer->holders =
                        mem_resize(writer->holders, writer->claim_capacity, sizeof(struct buf *));
        }
        writer->holders[writer->claim_count++] = holder;
        postgres_add_text(values, 0, record->kind);
        postgres_add_text(values, 1, record->key);
        postgres_add_bytes(values, 2, record->value, record->value_size);
        postgres_add_int(values, 3, shard_of_record(record));
        postgres_add_text(values, 4, record->device);
        return 0;
}

int store_postgres_release(void *context, const struct store_record *record,
                           struct store_change *change)
{
        struct writer *writer = context;
        CLEANUP(postgres_result_cleanup) PGresult *result = NULL;
        int failure = store_postgres_catch_up(writer, change);

        postgres_values_clear(&writer->values);
        postgres_set_text(&writer->values, 0, record->kind);
        postgres_set_text(&writer->values, 1, record->key);
        postgres_set_text(&writer->values, 2, record->device);
        if (failure == 0)
                failure = postgres_ask(&writer->postgres, SQL_RELEASE, &writer->values, &result);
        return failure;
}

/* --- sending -------------------------------------------------------------------------------- */

static int send_done(struct writer *writer)
{
        postgres_values_clear(&writer->values);
        for (size_t i = 0; i < writer->done_count; i++)
                postgres_add_int(&writer->values, 0, writer->done[i]);
        return postgres_send(&writer->postgres, SQL_DONE, &writer->values);
}

static int send_writes(struct writer *writer)
{
        struct postgres_values *values = &writer->values;

        postgres_values_clear(values);
        for (size_t i = 0; i < writer->write_count; i++) {
                const struct store_record *record = writer->writes[i];
                /* A value may be empty, and is not NULL then. */
                const void *value = record->value_size > 0 ? record->value : "";

                postgres_add_text(values, 0, record->kind);
                postgres_add_text(values, 1, record->key);
                postgres_add_int(values, 2,
                                 record->keep_ms > 0 ? writer->now_ms + record->keep_ms : 0);
                postgres_add_bytes(values, 3, record->value ? value : NULL, record->value_size);
                postgres_add_int(values, 4, shard_of_record(record));
                postgres_add_int(values, 5, record->epoch);
                postgres_add_text(values, 6, record->device);
        }
        return postgres_send(&writer->postgres, SQL_WRITE, values);
}

static int send_claims(struct writer *writer)
{
        struct postgres_values *values = &writer->claim_values;
        int result = postgres_send(&writer->postgres, SQL_CLAIM, values);

        values->count = 2;
        return result ? result : postgres_send(&writer->postgres, SQL_HOLDER, values);
}

/* What says that a message was seen; NULL for one without a window. */
static void add_hash(struct writer *writer, const struct store_event *event)
{
        uint8_t hash[CRYPTO_SHA256_SIZE];

        crypto_sha256(event->message_id, strlen(event->message_id), hash);
        postgres_add_bytes(&writer->values, PUT_HASH, event->duplicate_window_ms > 0 ? hash : NULL,
                           HASH_SIZE);
        postgres_add_int(&writer->values, PUT_EXPIRES, writer->now_ms + event->duplicate_window_ms);
}

static int send_puts(struct writer *writer)
{
        struct postgres_values *values = &writer->values;

        postgres_values_clear(values);
        for (size_t i = 0; i < writer->put_count; i++) {
                const struct store_event *event = writer->puts[i];

                postgres_add_text(values, PUT_DEVICE, event->device);
                postgres_add_text(values, PUT_MESSAGE_ID, event->message_id);
                postgres_add_int(values, PUT_ARRIVED, event->arrived_ns);
                postgres_add_int(values, PUT_SIZE, store_event_size(event));
                postgres_add_bytes(values, PUT_RECORD, event->record_size > 0 ? event->record : "",
                                   event->record_size);
                postgres_add_int(values, PUT_SHARD, store_shard_of(event->device));
                postgres_add_int(values, PUT_PURPOSE, event->purpose);
                if (writer->puts_have_window)
                        add_hash(writer, event);
        }
        if (writer->puts_have_window)
                postgres_set_int(values, PUT_NOW, writer->now_ms);
        return postgres_send(&writer->postgres, writer->puts_have_window ? SQL_PUT_ONCE : SQL_PUT,
                             values);
}

/* --- what came of it ------------------------------------------------------------------------ */

static void note_done(const PGresult *result, struct store_change *change)
{
        for (int row = 0; row < PQntuples(result); row++)
                store_change_take_event(change, postgres_text(result, row, 1),
                                        postgres_int(result, row, 0));
}

/* Rows are those that were stored, in order; with windows they have their places, from 1. */
static void note_puts(struct writer *writer, const PGresult *result, struct store_change *change)
{
        int row = 0;

        for (size_t i = 0; i < writer->put_count; i++) {
                struct store_event *event = writer->puts[i];
                bool is_stored =
                        row < PQntuples(result) && (!writer->puts_have_window ||
                                                    postgres_int(result, row, 1) == (int64_t)i + 1);

                if (!is_stored) {
                        store_change_take_event(change, event->device, store_event_size(event));
                        continue;
                }
                event->id = postgres_int(result, row++, 0);
        }
}

static void note_writes(struct writer *writer, const PGresult *result)
{
        for (int row = 0; row < PQntuples(result); row++)
                writer->writes[postgres_int(result, row, 0) - 1]->fenced = true;
        metrics_add(METRIC_STORE_FENCED, PQntuples(result));
}

static void note_holders(struct writer *writer, const PGresult *result)
{
        for (int row = 0; row < PQntuples(result); row++)
                buf_add(writer->holders[row], PQgetvalue(result, row, 0),
                        (size_t)PQgetlength(result, row, 0));
}

/* Which of the results is whose; -1 = was not sent. */
struct flush {
        int count;
        int done;
        int holders;
        int writes;
        int puts;
};

static int send_all(struct writer *writer, bool commit, struct flush *flush)
{
        struct postgres *postgres = &writer->postgres;
        int result = 0;

        *flush = (struct flush){.done = -1, .holders = -1, .writes = -1, .puts = -1};
        if (!writer->begun) {
                result = postgres_send_text(postgres, "BEGIN");
                flush->count++;
        }
        if (result == 0 && !writer->begun && !writer->durable) {
                result = postgres_send_text(postgres, "SET LOCAL synchronous_commit = off");
                flush->count++;
        }
        writer->begun = true;
        if (result == 0 && writer->done_count > 0) {
                flush->done = flush->count++;
                result = send_done(writer);
        }
        if (result == 0 && writer->claim_count > 0) {
                result = send_claims(writer);
                flush->holders = flush->count + 1;
                flush->count += 2;
        }
        if (result == 0 && writer->write_count > 0) {
                flush->writes = flush->count++;
                result = send_writes(writer);
        }
        if (result == 0 && writer->put_count > 0) {
                flush->puts = flush->count++;
                result = send_puts(writer);
        }
        if (result == 0 && commit) {
                result = postgres_send_text(postgres, "COMMIT");
                flush->count++;
        }
        return result;
}

static int flush_notes(struct writer *writer, bool commit, struct store_change *change)
{
        PGresult *results[FLUSH_STATEMENTS];
        struct flush flush;
        int result = send_all(writer, commit, &flush);

        if (result == 0)
                result = postgres_collect(&writer->postgres, results, flush.count, NULL);
        if (commit && result == STORE_E_AWAY)
                writer->recount = true;
        if (result != 0)
                return result;
        if (flush.done >= 0)
                note_done(results[flush.done], change);
        if (flush.holders >= 0)
                note_holders(writer, results[flush.holders]);
        if (flush.writes >= 0)
                note_writes(writer, results[flush.writes]);
        if (flush.puts >= 0)
                note_puts(writer, results[flush.puts], change);
        for (int i = 0; i < flush.count; i++)
                PQclear(results[i]);
        forget(writer);
        return 0;
}

static bool has_notes(const struct writer *writer)
{
        return writer->done_count + writer->claim_count + writer->write_count + writer->put_count >
               0;
}

/* The server knows of the transaction afterwards, too. */
int store_postgres_catch_up(void *context, struct store_change *change)
{
        struct writer *writer = context;

        if (writer->begun && !has_notes(writer))
                return 0;
        return flush_notes(writer, false, change);
}

int store_postgres_commit(void *context, struct store_change *change)
{
        struct writer *writer = context;
        int result;

        if (!writer->begun && !has_notes(writer))
                return 0;
        result = flush_notes(writer, true, change);
        if (result != 0)
                return result;
        writer->begun = false;
        writer->oldest_is_stale = true;
        change->recount = writer->recount;
        writer->recount = false;
        return 0;
}
