// SPDX-License-Identifier: MIT
/*
 * Invariants: the ring holds the numbers [oldest, newest], without gaps, at slot number modulo
 * capacity; everything is guarded by `mutex`; an entry lives until the ring and every reader have
 * let go of it. While a file is written, no number above `recorded` leaves the ring.
 */
#include "localhub/messages/telemetry_log.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/thread.h"

#define RECORD_THREAD    "hub-record"
#define DEFAULT_MESSAGES 100000
#define DEFAULT_BYTES    ((size_t)256 << 20)

/* As many as the service gives a hub. */
#define DEFAULT_PARTITIONS 4
#define RECORD_BATCH       ((size_t)256 << 10)

struct entry {
        struct telemetry_record record; /* first: the reader's pointer is the entry's */
        atomic_int references;
        size_t size;
        struct telemetry_partition *partition;
};

/* A hub's partitions; lives as long as the log. */
struct hub_partitions {
        struct table_entry by_id;
        struct list_node node;
        char *id;
        struct telemetry_partition list[TELEMETRY_PARTITIONS_MAX];
};

enum log_phase {
        PHASE_OPEN,
        PHASE_CLOSED, /* nobody waits for records any more, but they may still come */
        PHASE_ENDED,  /* no record comes any more */
};

struct telemetry_log {
        pthread_mutex_t mutex;
        pthread_cond_t arrived;
        pthread_cond_t recorded_more;
        struct entry **ring;
        size_t capacity;
        size_t max_bytes;
        size_t bytes;
        uint64_t oldest; /* newest + 1 while the ring is empty */
        uint64_t newest;
        uint64_t recorded;
        bool recording;
        enum log_phase phase;
        struct table hubs; /* hub_partitions by the hub's id */
        struct list hub_list;
        int partitions;
        int64_t first_number;
        void (*watcher)(void *context);
        void *watcher_context;
        int file; /* -1 = none */
        pthread_t recorder;
};

/* --- entries --------------------------------------------------------------------------------- */

/* The texts of a record, but for its properties. */
static const size_t texts[] = {
        offsetof(struct telemetry_record, hub),
        offsetof(struct telemetry_record, device_id),
        offsetof(struct telemetry_record, connection),
        offsetof(struct telemetry_record, model_id),
        offsetof(struct telemetry_record, message_id),
        offsetof(struct telemetry_record, correlation_id),
        offsetof(struct telemetry_record, content_type),
        offsetof(struct telemetry_record, content_encoding),
        offsetof(struct telemetry_record, component),
        offsetof(struct telemetry_record, user_id),
        offsetof(struct telemetry_record, generation_id),
};

static const char *text_of(const struct telemetry_record *record, size_t which)
{
        const char *text;

        memcpy(&text, (const char *)record + texts[which], sizeof(text));
        return text;
}

static const char *place(char **at, const char *text)
{
        size_t size = text ? strlen(text) + 1 : 1;
        char *start = *at;

        if (text)
                memcpy(start, text, size);
        *at += size; /* the memory is zeroed: an absent text is "" */
        return start;
}

static size_t text_size(const char *text)
{
        return text ? strlen(text) + 1 : 1;
}

static size_t texts_size(const struct telemetry_record *r)
{
        size_t size = 0;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                size += text_size(text_of(r, i));
        for (size_t i = 0; i < r->property_count; i++)
                size += text_size(r->properties[i].name) + text_size(r->properties[i].value);
        return size;
}

/* `DEVICE/MODULE` becomes two texts. */
static void split_identity(struct telemetry_record *record)
{
        char *device_id = (char *)(uintptr_t)record->device_id;
        size_t size = strcspn(device_id, "/");

        record->module_id = device_id + size + (device_id[size] == '/');
        device_id[size] = '\0';
}

/* One block: the entry, its properties, its texts, its body. */
static struct entry *entry_new(const struct telemetry_record *from)
{
        size_t list_size = from->property_count * sizeof(struct property);
        size_t size = sizeof(struct entry) + list_size + texts_size(from) + from->body_size + 1;
        struct entry *entry = mem_new(1, size);
        struct property *list = (void *)(entry + 1);
        struct telemetry_record *to = &entry->record;
        char *at = (char *)list + list_size;

        *to = *from;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                const char *placed = place(&at, text_of(from, i));

                memcpy((char *)to + texts[i], &placed, sizeof(placed));
        }
        for (size_t i = 0; i < from->property_count; i++) {
                list[i].name = place(&at, from->properties[i].name);
                list[i].value = place(&at, from->properties[i].value);
        }
        to->properties = list;
        split_identity(to);
        if (from->body_size > 0)
                memcpy(at, from->body, from->body_size);
        to->body = at;
        entry->size = size;
        atomic_init(&entry->references, 1);
        return entry;
}

static void entry_release(struct entry *entry)
{
        if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1)
                free(entry);
}

void telemetry_record_release(const struct telemetry_record *record)
{
        if (record)
                entry_release((struct entry *)(uintptr_t)record);
}

/* --- partitions ------------------------------------------------------------------------------ */

static struct hub_partitions *find_hub(struct telemetry_log *log, const char *id)
{
        struct table_entry *entry = table_find(&log->hubs, id);

        return entry ? table_of(entry, struct hub_partitions, by_id) : NULL;
}

static struct hub_partitions *make_hub(struct telemetry_log *log, const char *id)
{
        struct hub_partitions *hub = find_hub(log, id);

        if (hub)
                return hub;
        hub = mem_new(1, sizeof(*hub));
        hub->id = mem_text(id);
        hub->by_id.key = hub->id;
        for (int i = 0; i < log->partitions; i++)
                hub->list[i] = (struct telemetry_partition){
                        .first = log->first_number, .last = log->first_number - 1, .offset = -1};
        table_add(&log->hubs, &hub->by_id);
        list_push_back(&log->hub_list, &hub->node);
        return hub;
}

static void number_entry(struct telemetry_log *log, struct entry *entry)
{
        struct telemetry_record *record = &entry->record;

        record->partition = (int)(table_hash(record->device_id) % (unsigned)log->partitions);
        entry->partition = &make_hub(log, record->hub)->list[record->partition];
        record->number = ++entry->partition->last;
        record->offset = log->first_number + (int64_t)record->sequence;
        entry->partition->offset = record->offset;
        entry->partition->last_ms = record->enqueued_ms;
}

int telemetry_log_partitions(const struct telemetry_log *log)
{
        return log->partitions;
}

int64_t telemetry_log_first_number(const struct telemetry_log *log)
{
        return log->first_number;
}

void telemetry_log_partition(struct telemetry_log *log, const char *hub, int partition,
                             struct telemetry_partition *found)
{
        pthread_mutex_lock(&log->mutex);
        *found = make_hub(log, hub)->list[partition];
        pthread_mutex_unlock(&log->mutex);
}

/* --- ring ------------------------------------------------------------------------------------ */

static struct entry **slot_of(struct telemetry_log *log, uint64_t sequence)
{
        return &log->ring[sequence % log->capacity];
}

static bool is_full(const struct telemetry_log *log)
{
        return log->newest + 1 - log->oldest >= log->capacity || log->bytes > log->max_bytes;
}

static void drop_oldest(struct telemetry_log *log)
{
        struct entry **slot = slot_of(log, log->oldest++);

        log->bytes -= (*slot)->size;
        (*slot)->partition->first = (*slot)->record.number + 1;
        entry_release(*slot);
        *slot = NULL;
}

uint64_t telemetry_log_append(struct telemetry_log *log, const struct telemetry_record *record)
{
        struct entry *entry = entry_new(record);
        uint64_t sequence;

        pthread_mutex_lock(&log->mutex);
        while (is_full(log) && log->oldest <= log->newest) {
                if (log->recording && log->oldest > log->recorded)
                        pthread_cond_wait(&log->recorded_more, &log->mutex);
                else
                        drop_oldest(log);
        }
        sequence = ++log->newest;
        entry->record.sequence = sequence;
        number_entry(log, entry);
        log->bytes += entry->size;
        *slot_of(log, sequence) = entry;
        pthread_cond_broadcast(&log->arrived);
        pthread_mutex_unlock(&log->mutex);
        if (log->watcher)
                log->watcher(log->watcher_context);
        return sequence;
}

void telemetry_log_watch(struct telemetry_log *log, void (*arrived)(void *context), void *context)
{
        log->watcher = arrived;
        log->watcher_context = context;
}

static uint64_t first_after(const struct telemetry_log *log, uint64_t after)
{
        return after + 1 > log->oldest ? after + 1 : log->oldest;
}

static struct entry *reference_after(struct telemetry_log *log, uint64_t after)
{
        struct entry *entry = *slot_of(log, first_after(log, after));

        atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
        return entry;
}

const struct telemetry_record *telemetry_log_next_of(struct telemetry_log *log, const char *hub,
                                                     int partition, uint64_t *after)
{
        const struct telemetry_partition *wanted;
        struct entry *entry = NULL;
        uint64_t sequence;

        pthread_mutex_lock(&log->mutex);
        wanted = &make_hub(log, hub)->list[partition];
        sequence = first_after(log, *after);
        while (sequence <= log->newest && (*slot_of(log, sequence))->partition != wanted)
                sequence++;
        if (sequence <= log->newest)
                entry = reference_after(log, sequence - 1);
        *after = entry ? sequence : log->newest;
        pthread_mutex_unlock(&log->mutex);
        return entry ? &entry->record : NULL;
}

const struct telemetry_record *telemetry_log_next(struct telemetry_log *log, uint64_t after,
                                                  int64_t wait_ms)
{
        int64_t due_ns = wait_ms > 0 ? clock_steady_ns() + wait_ms * CLOCK_NS_PER_MS : 0;
        struct entry *entry = NULL;

        pthread_mutex_lock(&log->mutex);
        while (log->newest <= after && log->phase == PHASE_OPEN && clock_steady_ns() < due_ns)
                (void)condition_wait_until(&log->arrived, &log->mutex, due_ns);
        if (log->newest > after)
                entry = reference_after(log, after);
        pthread_mutex_unlock(&log->mutex);
        return entry ? &entry->record : NULL;
}

uint64_t telemetry_log_newest(struct telemetry_log *log)
{
        uint64_t newest;

        pthread_mutex_lock(&log->mutex);
        newest = log->newest;
        pthread_mutex_unlock(&log->mutex);
        return newest;
}

uint64_t telemetry_log_oldest(struct telemetry_log *log)
{
        uint64_t oldest;

        pthread_mutex_lock(&log->mutex);
        oldest = log->oldest;
        pthread_mutex_unlock(&log->mutex);
        return oldest;
}

static void enter_phase(struct telemetry_log *log, enum log_phase phase)
{
        pthread_mutex_lock(&log->mutex);
        log->phase = phase;
        pthread_cond_broadcast(&log->arrived);
        pthread_mutex_unlock(&log->mutex);
}

void telemetry_log_close(struct telemetry_log *log)
{
        enter_phase(log, PHASE_CLOSED);
}

/* --- the file -------------------------------------------------------------------------------- */

static int write_all(int file, const struct buf *bytes)
{
        size_t at = 0;

        while (at < bytes->size) {
                ssize_t written = write(file, bytes->data + at, bytes->size - at);

                if (written < 0 && errno != EINTR)
                        return -errno;
                at += written > 0 ? (size_t)written : 0;
        }
        return 0;
}

/* Waits for a record behind `after`; false when none will come any more. */
static bool wait_for_record(struct telemetry_log *log, uint64_t after)
{
        bool has_come;

        pthread_mutex_lock(&log->mutex);
        while (log->newest <= after && log->phase != PHASE_ENDED)
                pthread_cond_wait(&log->arrived, &log->mutex);
        has_come = log->newest > after;
        pthread_mutex_unlock(&log->mutex);
        return has_come;
}

/* The lines of what has arrived since, a batch at most; returns the last number in it. */
static uint64_t take_batch(struct telemetry_log *log, uint64_t after, struct buf *lines)
{
        const struct telemetry_record *record;

        buf_clear(lines);
        while (lines->size < RECORD_BATCH) {
                record = telemetry_log_next(log, after, 0);
                if (!record)
                        break;
                telemetry_record_write(lines, record);
                buf_add_char(lines, '\n');
                after = record->sequence;
                telemetry_record_release(record);
        }
        return after;
}

static void note_recorded(struct telemetry_log *log, uint64_t recorded, bool failed)
{
        pthread_mutex_lock(&log->mutex);
        log->recorded = recorded;
        if (failed)
                log->recording = false;
        pthread_cond_broadcast(&log->recorded_more);
        pthread_mutex_unlock(&log->mutex);
}

static void *run_recorder(void *context)
{
        struct telemetry_log *log = context;
        CLEANUP(buf_deinit) struct buf lines = BUF_INIT;
        uint64_t recorded = 0;
        int r = 0;

        thread_enter(RECORD_THREAD);
        while (r == 0 && wait_for_record(log, recorded)) {
                recorded = take_batch(log, recorded, &lines);
                r = write_all(log->file, &lines);
                note_recorded(log, recorded, r < 0);
        }
        if (r < 0)
                log_error("HUB_RECORD_FAILED", "The telemetry file can't be written any more",
                          LOG_TEXT("error", strerror(-r)), LOG_END);
        return NULL;
}

static int start_recorder(struct telemetry_log *log, const char *path, struct reason *reason)
{
        log->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (log->file < 0) {
                int error = errno;

                reason_set(reason, "the telemetry file %s can't be opened: %s", path,
                           strerror(error));
                return -error;
        }
        log->recording = true;
        thread_start(&log->recorder, run_recorder, log);
        return 0;
}

int telemetry_log_new(const struct telemetry_log_options *options, struct telemetry_log **log,
                      struct reason *reason)
{
        struct telemetry_log *made = mem_new(1, sizeof(*made));
        int r = 0;

        pthread_mutex_init(&made->mutex, NULL);
        condition_init(&made->arrived);
        condition_init(&made->recorded_more);
        made->capacity = options->max_messages ? options->max_messages : DEFAULT_MESSAGES;
        made->max_bytes = options->max_bytes ? options->max_bytes : DEFAULT_BYTES;
        made->partitions = options->partitions ? options->partitions : DEFAULT_PARTITIONS;
        made->first_number = options->first_number;
        list_init(&made->hub_list);
        made->ring = mem_new(made->capacity, sizeof(*made->ring));
        made->oldest = 1;
        made->file = -1;
        if (options->record_file)
                r = start_recorder(made, options->record_file, reason);
        if (r < 0)
                telemetry_log_free(made);
        else
                *log = made;
        return r;
}

void telemetry_log_free(struct telemetry_log *log)
{
        if (!log)
                return;
        enter_phase(log, PHASE_ENDED);
        if (log->file >= 0) {
                pthread_join(log->recorder, NULL);
                close(log->file);
        }
        while (log->oldest <= log->newest)
                drop_oldest(log);
        list_for_each_safe (node, &log->hub_list) {
                struct hub_partitions *hub = list_entry(node, struct hub_partitions, node);

                free(hub->id);
                free(hub);
        }
        table_deinit(&log->hubs);
        pthread_cond_destroy(&log->arrived);
        pthread_cond_destroy(&log->recorded_more);
        pthread_mutex_destroy(&log->mutex);
        free(log->ring);
        free(log);
}
