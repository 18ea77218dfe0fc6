// SPDX-License-Identifier: MIT
/*
 * What the store costs per event of about 700 bytes, at most 64 puts in flight: as fast as it goes
 * and at 10,000 events a second, evenly or in bursts, with and without the window of duplicates;
 * then a backlog of many devices (the hub is away), and its draining. CPU is that of the process
 * without the producer's thread, for putting and forgetting an event.
 *
 *     store_bench [DIRECTORY [EVENTS [HOST]]]
 *
 * With a HOST, the folder of a server's Unix socket, it is the database `isthmus` there, as the
 * user `isthmus`; its tables are made.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "store/store.h"

#define IN_FLIGHT   64
#define RECORD_SIZE 620
#define TAKE        64

struct load {
        const char *name;
        size_t devices;
        int64_t rate; /* events a second; 0 = as fast as it goes */
        size_t burst; /* that many come at once */
        int64_t window_ms;
        bool keep; /* the hub is away */
};

struct slot {
        struct store_put put; /* the first member */
        struct store_event event;
        char device[64];
        char message_id[40];
        int64_t started_ns;
};

/* `free_slots` and `running` are guarded by the mutex; the rest is the producer's. */
static struct bench {
        struct store *store;
        const struct load *load;
        struct slot slots[IN_FLIGHT];
        pthread_mutex_t mutex;
        pthread_cond_t changes;
        size_t free_slots[IN_FLIGHT];
        size_t free_count;
        int64_t *latencies_ns;
        size_t answered;
        char record[RECORD_SIZE];
} bench = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changes = PTHREAD_COND_INITIALIZER};

static void fail(const char *what, const char *why)
{
        fprintf(stderr, "store_bench: %s: %s\n", what, why);
        exit(1);
}

static double cpu_of(int who)
{
        struct rusage usage;

        getrusage(who, &usage);
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Of all threads but this one, which is the producer's. */
static double cpu_seconds(void)
{
        return cpu_of(RUSAGE_SELF) - cpu_of(RUSAGE_THREAD);
}

static void put_done(struct store_put *put, int result)
{
        struct slot *slot = (struct slot *)(void *)put;
        int64_t latency_ns = clock_steady_ns() - slot->started_ns;

        if (result != 0)
                fail("put", "refused");
        if (!bench.load->keep)
                store_done(bench.store, slot->event.id);
        pthread_mutex_lock(&bench.mutex);
        bench.latencies_ns[bench.answered++] = latency_ns;
        bench.free_slots[bench.free_count++] = (size_t)(slot - bench.slots);
        if (bench.free_count == 1 || bench.free_count == IN_FLIGHT)
                pthread_cond_signal(&bench.changes);
        pthread_mutex_unlock(&bench.mutex);
}

static struct slot *free_slot(void)
{
        struct slot *slot;

        pthread_mutex_lock(&bench.mutex);
        while (bench.free_count == 0)
                pthread_cond_wait(&bench.changes, &bench.mutex);
        slot = &bench.slots[bench.free_slots[--bench.free_count]];
        pthread_mutex_unlock(&bench.mutex);
        return slot;
}

static void wait_for_all(void)
{
        pthread_mutex_lock(&bench.mutex);
        while (bench.free_count < IN_FLIGHT)
                pthread_cond_wait(&bench.changes, &bench.mutex);
        pthread_mutex_unlock(&bench.mutex);
}

static void put_one(size_t number)
{
        static uint64_t serial;
        struct slot *slot = free_slot();

        serial++;
        snprintf(slot->device, sizeof(slot->device), "things-stack/application/device-%06zu",
                 number % bench.load->devices);
        snprintf(slot->message_id, sizeof(slot->message_id), "%016" PRIx64 "-%016" PRIx64,
                 serial * UINT64_C(0x9e3779b97f4a7c15), serial);
        slot->event = (struct store_event){.device = slot->device,
                                           .message_id = slot->message_id,
                                           .record = bench.record,
                                           .record_size = sizeof(bench.record),
                                           .arrived_ns = clock_wall_ns(),
                                           .duplicate_window_ms = bench.load->window_ms};
        slot->put = (struct store_put){.events = &slot->event, .count = 1, .done = put_done};
        slot->started_ns = clock_steady_ns();
        store_put(bench.store, &slot->put);
}

/* Sleeps before each burst until its time has come. */
static void keep_pace(int64_t started_ns, size_t number)
{
        int64_t due_ns;

        if (bench.load->rate == 0 || number % bench.load->burst != 0)
                return;
        due_ns = started_ns + (int64_t)number * CLOCK_NS_PER_S / bench.load->rate;
        if (due_ns > clock_steady_ns()) {
                struct timespec due = {.tv_sec = due_ns / CLOCK_NS_PER_S,
                                       .tv_nsec = due_ns % CLOCK_NS_PER_S};

                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        }
}

static int compare(const void *a, const void *b)
{
        int64_t left;
        int64_t right;

        memcpy(&left, a, sizeof(left));
        memcpy(&right, b, sizeof(right));
        return (left > right) - (left < right);
}

static int64_t file_size(const char *directory, const char *name)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", directory, name);
        struct stat status;

        return stat(path, &status) == 0 ? status.st_size : 0;
}

static void report(const char *directory, const char *name, size_t events, double seconds,
                   double cpu)
{
        printf("%-34s %9.0f events/s %7.1f us CPU/event", name, (double)events / seconds,
               cpu * 1e6 / (double)events);
        if (bench.answered > 0) {
                qsort(bench.latencies_ns, bench.answered, sizeof(int64_t), compare);
                printf("  p50 %.2f ms p99 %.2f ms",
                       (double)bench.latencies_ns[bench.answered / 2] / 1e6,
                       (double)bench.latencies_ns[bench.answered * 99 / 100] / 1e6);
        }
        printf("  file %" PRId64 " MiB, log %" PRId64 " MiB\n",
               file_size(directory, "store.sqlite") >> 20,
               file_size(directory, "store.sqlite-wal") >> 20);
        fflush(stdout);
}

static void run_load(const char *directory, const struct load *load, size_t events)
{
        int64_t commits = metrics_counter_value(METRIC_STORE_COMMITS);
        int64_t started_ns = clock_steady_ns();
        double cpu = cpu_seconds();

        bench.load = load;
        bench.answered = 0;
        for (size_t i = 0; i < events; i++) {
                keep_pace(started_ns, i);
                put_one(i);
        }
        wait_for_all();
        cpu = cpu_seconds() - cpu;
        report(directory, load->name, events, (double)(clock_steady_ns() - started_ns) / 1e9, cpu);
        commits = metrics_counter_value(METRIC_STORE_COMMITS) - commits;
        printf("%-34s %9.1f events a commit\n", "", (double)events / (double)commits);
}

/* --- draining ------------------------------------------------------------------------------ */

struct drain {
        char **devices;
        size_t count;
        size_t next;
        size_t events;
        size_t running; /* guarded by the bench's mutex */
};

struct drain_take {
        struct store_take take; /* the first member */
        struct drain *drain;
};

static bool note_device(void *context, const char *device, int64_t waiting)
{
        struct drain *drain = context;

        (void)waiting;
        drain->devices = mem_resize(drain->devices, drain->count + 1, sizeof(*drain->devices));
        drain->devices[drain->count++] = mem_text(device);
        return true;
}

/* On the thread `store-read`: the events go at once, then the next of this or another device. */
static void take_done(struct store_take *take, int result, const struct store_event *events,
                      size_t count)
{
        struct drain_take *this = (struct drain_take *)(void *)take;
        struct drain *drain = this->drain;

        if (result != 0)
                fail("take", "failed");
        for (size_t i = 0; i < count; i++)
                store_done(bench.store, events[i].id);
        drain->events += count;
        if (count == take->maximum) {
                take->after_id = events[count - 1].id;
                store_take(bench.store, take);
                return;
        }
        if (drain->next < drain->count) {
                take->device = drain->devices[drain->next++];
                take->after_id = 0;
                store_take(bench.store, take);
                return;
        }
        pthread_mutex_lock(&bench.mutex);
        drain->running--;
        pthread_cond_signal(&bench.changes);
        pthread_mutex_unlock(&bench.mutex);
}

static void wait_until_empty(void)
{
        struct store_state state;

        do {
                usleep(1000);
                store_get_state(bench.store, &state);
        } while (state.events > 0);
}

static void run_drain(const char *directory)
{
        struct drain drain = {.running = IN_FLIGHT};
        struct drain_take takes[IN_FLIGHT];
        int64_t started_ns = clock_steady_ns();
        double cpu = cpu_seconds();

        bench.answered = 0;
        if (store_devices_each(bench.store, NULL, note_device, &drain) != 0)
                fail("devices", "can't be read");
        if (drain.count < IN_FLIGHT)
                fail("devices", "too few");
        drain.next = IN_FLIGHT;
        for (size_t i = 0; i < IN_FLIGHT; i++) {
                takes[i] = (struct drain_take){
                        .take = {.device = drain.devices[i], .maximum = TAKE, .done = take_done},
                        .drain = &drain};
                store_take(bench.store, &takes[i].take);
        }
        pthread_mutex_lock(&bench.mutex);
        while (drain.running > 0)
                pthread_cond_wait(&bench.changes, &bench.mutex);
        pthread_mutex_unlock(&bench.mutex);
        wait_until_empty();
        report(directory, "drain the backlog", drain.events,
               (double)(clock_steady_ns() - started_ns) / 1e9, cpu_seconds() - cpu);
        for (size_t i = 0; i < drain.count; i++)
                free(drain.devices[i]);
        free(drain.devices);
}

/* --- the whole ----------------------------------------------------------------------------- */

static void open_store(const char *directory, const char *server)
{
        static const char *host; /* stays as long as the store is open */
        struct store_options options = {
                .backend = server ? "postgresql" : "sqlite",
                .directory = directory,
                .server = {.hosts = &host,
                           .host_count = 1,
                           .database = "isthmus",
                           .user = "isthmus",
                           .timeout_ms = 60000},
        };
        struct reason reason = REASON_INIT;

        host = server;
        if (server && store_migrate(&options, &(struct store_owner){.user = NULL}, &reason) != 0)
                fail("migrate", reason.text);
        if (store_open(&options, &bench.store, &reason) != 0)
                fail("open", reason.text);
        for (size_t i = 0; i < IN_FLIGHT; i++)
                bench.free_slots[i] = i;
        bench.free_count = IN_FLIGHT;
        for (size_t i = 0; i < sizeof(bench.record); i++)
                bench.record[i] = (char)('a' + i * 7 % 26);
}

static void remove_files(const char *directory)
{
        static const char *const names[] = {"store.sqlite", "store.sqlite-wal", "store.sqlite-shm",
                                            "reserve", "lock"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", directory, names[i]);

                unlink(path);
        }
        rmdir(directory);
}

int main(int argc, char **argv)
{
        static const struct load loads[] = {
                {"as fast as it goes", 1000, 0, 1, 0, false},
                {"10,000/s, evenly", 1000, 10000, 1, 0, false},
                {"10,000/s, bursts of 10", 1000, 10000, 10, 0, false},
                {"10,000/s, window of an hour", 1000, 10000, 1, 3600000, false},
                {"1,000/s, evenly", 1000, 1000, 1, 0, false},
                {"backlog of 10,000 devices", 10000, 0, 1, 0, true},
        };
        char made[] = "/tmp/isthmus-store-bench-XXXXXX";
        const char *directory = argc > 1 ? argv[1] : mkdtemp(made);
        size_t events = argc > 2 ? strtoul(argv[2], NULL, 10) : 50000;

        if (!directory || events < IN_FLIGHT)
                fail("usage", "store_bench [DIRECTORY [EVENTS [HOST]]]");
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        bench.latencies_ns = mem_new(events, sizeof(*bench.latencies_ns));
        open_store(directory, argc > 3 ? argv[3] : NULL);
        for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
                run_load(directory, &loads[i], loads[i].rate == 1000 ? events / 10 : events);
        run_drain(directory);
        store_close(bench.store);
        free(bench.latencies_ns);
        remove_files(directory);
        return 0;
}
