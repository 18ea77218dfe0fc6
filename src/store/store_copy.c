// SPDX-License-Identifier: MIT
#include "store/store_copy.h"

#include <semaphore.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/store_rows.h"
#include "store/store_state.h"

#define PAGE      512
#define WINDOW_MS (INT64_C(7) * 24 * 3600 * 1000)

/* The store's own: whether it can be written. */
#define OWN_KIND "store"

struct copying {
        struct store *from;
        struct store *to;
        struct store_copied *copied;
        struct store_rows rows; /* one kind of them at a time */
        int64_t after_id;       /* of `from` */
        int result;
        sem_t done;
        /* What is under way. */
        struct store_put put;
        struct store_write write;
};

static void wait_for_answer(struct copying *copying)
{
        while (sem_wait(&copying->done) != 0)
                continue;
}

/* --- records -------------------------------------------------------------------------------- */

static void barrier_done(struct store_write *write, int result)
{
        struct copying *copying = list_entry(write, struct copying, write);

        copying->result = result > 0 ? -EIO : result;
        sem_post(&copying->done);
}

/* Waits until all that was handed over is on disk. */
static int wait_for_disk(struct copying *copying)
{
        copying->write = (struct store_write){.record = {.kind = OWN_KIND, .key = "copy"},
                                              .done = barrier_done};
        store_write(copying->to, &copying->write);
        wait_for_answer(copying);
        return copying->result;
}

static bool copy_record(void *context, const struct store_record *record)
{
        struct copying *copying = context;
        const struct store_options *options = &copying->to->options;
        CLEANUP(buf_deinit) struct buf lane = BUF_INIT;
        struct store_record copied = *record;

        if (options->lane_of && record->device) {
                options->lane_of(record->device, &lane);
                copied.device = buf_text(&lane);
        }
        store_write_copy(copying->to, &copied);
        copying->copied->records++;
        if (copying->copied->records % PAGE == 0)
                copying->result = wait_for_disk(copying);
        return copying->result == 0;
}

static bool note_kind(void *context, const char *kind)
{
        struct copying *copying = context;

        store_rows_add_record(&copying->rows, &(struct store_record){.kind = kind, .key = ""});
        return true;
}

static int copy_records(struct copying *copying)
{
        int result = store_kinds_each(copying->from, note_kind, copying);

        for (size_t i = 0; i < copying->rows.count && result == 0; i++) {
                const char *kind = copying->rows.records[i].kind;

                if (text_equal(kind, OWN_KIND))
                        continue;
                result = store_records_each(copying->from, kind, NULL, copy_record, copying);
                if (result == 0)
                        result = copying->result;
        }
        return result ? result : wait_for_disk(copying);
}

/* --- events --------------------------------------------------------------------------------- */

static void put_done(struct store_put *put, int result)
{
        struct copying *copying = list_entry(put, struct copying, put);

        copying->result = result > 0 ? -EIO : result;
        sem_post(&copying->done);
}

/* Those that are there already get the id 0. */
static int put_events(struct copying *copying, struct store_event *events, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                copying->after_id = events[i].id;
                events[i].duplicate_window_ms = WINDOW_MS;
        }
        copying->put = (struct store_put){
                .events = events, .count = count, .owed = true, .done = put_done};
        store_put(copying->to, &copying->put);
        wait_for_answer(copying);
        for (size_t i = 0; i < count && copying->result == 0; i++)
                copying->copied->doubles += events[i].id == 0;
        return copying->result;
}

static bool note_event(void *context, const struct store_event *event)
{
        struct copying *copying = context;

        store_rows_add_event(&copying->rows, event);
        return copying->rows.count < PAGE;
}

static int copy_events(struct copying *copying)
{
        int result;

        copying->after_id = 0;
        do {
                store_rows_clear(&copying->rows);
                result = store_events_each(copying->from,
                                           &(struct store_selection){.after_id = copying->after_id},
                                           note_event, copying);
                if (result == 0 && copying->rows.count > 0)
                        result = put_events(copying, copying->rows.events, copying->rows.count);
                copying->copied->events += (int64_t)copying->rows.count;
        } while (result == 0 && copying->rows.count == PAGE);
        return result;
}

/* --- dead letters --------------------------------------------------------------------------- */

static bool note_letter(void *context, const struct store_dead_letter *letter)
{
        struct copying *copying = context;

        store_rows_add_letter(&copying->rows, letter);
        return copying->rows.count < PAGE;
}

/* An event of the other store, by its message id. */
struct search {
        const char *message_id;
        int64_t id; /* 0 = not found */
};

static bool find_event(void *context, const struct store_event *event)
{
        struct search *search = context;

        if (text_equal(event->message_id, search->message_id))
                search->id = event->id;
        return search->id == 0;
}

/*
 * The letter has become an event, and dies again. If it was there already, an earlier copying may
 * have ended before it could die.
 */
static int set_aside(struct copying *copying, const struct store_dead_letter *letter, int64_t id)
{
        struct search search = {.message_id = letter->event.message_id, .id = id};
        int result = 0;

        if (id == 0)
                result = store_events_each(
                        copying->to, &(struct store_selection){.device = letter->event.device},
                        find_event, &search);
        if (result == 0 && search.id != 0)
                store_dead(copying->to, search.id, letter->reason);
        return result;
}

static int copy_page_of_letters(struct copying *copying)
{
        const struct store_rows *rows = &copying->rows;
        CLEANUP(mem_cleanup)
        struct store_event *events = mem_new(rows->count + 1, sizeof(*events));
        int result;

        for (size_t i = 0; i < rows->count; i++)
                events[i] = rows->letters[i].event;
        result = put_events(copying, events, rows->count);
        for (size_t i = 0; i < rows->count && result == 0; i++)
                result = set_aside(copying, &rows->letters[i], events[i].id);
        copying->copied->dead_letters += (int64_t)rows->count;
        return result ? result : wait_for_disk(copying);
}

/* Before the events: an event that waits is not taken for a letter that has to die. */
static int copy_letters(struct copying *copying)
{
        int result;

        copying->after_id = 0;
        do {
                store_rows_clear(&copying->rows);
                result = store_dead_each(copying->from, copying->after_id, note_letter, copying);
                if (result == 0 && copying->rows.count > 0)
                        result = copy_page_of_letters(copying);
        } while (result == 0 && copying->rows.count == PAGE);
        return result;
}

int store_copy(struct store *from, struct store *to, struct store_copied *copied,
               struct reason *reason)
{
        struct copying copying = {.from = from, .to = to, .copied = copied};
        int result;

        *copied = (struct store_copied){.events = 0};
        copying.rows = STORE_ROWS_INIT;
        sem_init(&copying.done, 0, 0);
        result = copy_records(&copying);
        store_rows_deinit(&copying.rows);
        if (result == 0)
                result = copy_letters(&copying);
        store_rows_deinit(&copying.rows);
        if (result == 0)
                result = copy_events(&copying);
        store_rows_deinit(&copying.rows);
        sem_destroy(&copying.done);
        if (result != 0)
                reason_set(reason,
                           "the copy is not complete: a store can't be read or written; the "
                           "log says why. It can be begun again");
        return result > 0 ? -EIO : result;
}
