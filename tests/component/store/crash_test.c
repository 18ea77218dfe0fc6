// SPDX-License-Identifier: MIT
/*
 * A process that puts is killed (SIGKILL) at random moments, again and again on the same store.
 * What it was told to be stored is there afterwards, in order; what it set aside is there once.
 */
#include "component/store/support_postgres.h"

#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "base/log.h"

#define ROUNDS        60
#define TIME_MS       40000 /* of all rounds; at least ROUNDS_LEAST are run */
#define ROUNDS_LEAST  50
#define ROUNDS_SERVER 21 /* of a store on a server, where the server stays */
#define EMPTY_EVERY   7
#define KILL_MS       50 /* at the latest */
#define DEVICES       4
#define IN_FLIGHT     16
#define RECORD_MOST   6000
#define LARGEST       (1 << 20) /* numbers of events */

/* What the child does with an event once it is stored, by its number. */
enum fate {
        FATE_KEEP,
        FATE_DONE,
        FATE_DEAD
};

static enum fate fate_of(uint32_t number)
{
        if (number % 5 == 1)
                return FATE_DEAD;
        return number % 3 == 1 ? FATE_DONE : FATE_KEEP;
}

static int device_of(uint32_t number)
{
        return (int)(number % DEVICES);
}

static const struct store_backend *backend; /* under test */

static struct store *open_store(const char *directory)
{
        struct store_options options = {.backend = backend->name, .directory = directory};
        struct reason reason = REASON_INIT;
        struct store *store;

        support_use_server(&options);
        if (store_open(&options, &store, &reason) != 0) {
                fprintf(stderr, "%s\n", reason.text);
                abort();
        }
        return store;
}

/* --- the child ----------------------------------------------------------------------------- */

struct slot {
        struct store_put put; /* the first member */
        struct store_event event;
        uint32_t number;
        char device[4];
        char message_id[12];
        char record[RECORD_MOST];
};

static struct store *child_store;
static int child_pipe;
static pthread_mutex_t child_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint32_t child_number; /* guarded by the mutex, so that events are put in its order */

static void put_next(struct slot *slot);

/* The number goes to the parent only now: from here on the event must never be lost. */
static void slot_done(struct store_put *put, int result)
{
        struct slot *slot = (struct slot *)(void *)put;

        if (result != 0 || write(child_pipe, &slot->number, sizeof(slot->number)) < 0)
                abort();
        if (fate_of(slot->number) == FATE_DONE)
                store_done(child_store, slot->event.id);
        else if (fate_of(slot->number) == FATE_DEAD)
                store_dead(child_store, slot->event.id, "set aside");
        pthread_mutex_lock(&child_mutex);
        put_next(slot);
        pthread_mutex_unlock(&child_mutex);
}

/* With the mutex held. */
static void put_next(struct slot *slot)
{
        slot->number = child_number++;
        snprintf(slot->device, sizeof(slot->device), "d%d", device_of(slot->number));
        snprintf(slot->message_id, sizeof(slot->message_id), "%u", slot->number);
        memset(slot->record, (int)('a' + slot->number % 26), sizeof(slot->record));
        slot->event = (struct store_event){.device = slot->device,
                                           .message_id = slot->message_id,
                                           .record = slot->record,
                                           .record_size = slot->number * 7919 % RECORD_MOST,
                                           .duplicate_window_ms = 3600000};
        slot->put = (struct store_put){.events = &slot->event, .count = 1, .done = slot_done};
        store_put(child_store, &slot->put);
}

static void run_child(const char *directory, int out, uint32_t first_number)
{
        static struct slot slots[IN_FLIGHT];

        child_pipe = out;
        child_number = first_number;
        child_store = open_store(directory);
        pthread_mutex_lock(&child_mutex);
        for (int i = 0; i < IN_FLIGHT; i++)
                put_next(&slots[i]);
        pthread_mutex_unlock(&child_mutex);
        for (;;)
                pause();
}

/* --- the parent ---------------------------------------------------------------------------- */

struct world {
        char *directory;
        uint8_t *acknowledged; /* by number; 0 = no */
        uint32_t next_number;
        uint32_t seen;
};

static void read_acknowledged(struct world *world, int in)
{
        uint32_t numbers[1024];
        ssize_t size;

        while ((size = read(in, numbers, sizeof(numbers))) > 0) {
                assert_int_equal((size_t)size % sizeof(numbers[0]), 0);
                for (size_t i = 0; i < (size_t)size / sizeof(numbers[0]); i++) {
                        assert_true(numbers[i] < LARGEST);
                        world->acknowledged[numbers[i]] = 1;
                        if (numbers[i] >= world->next_number)
                                world->next_number = numbers[i] + 1;
                        world->seen++;
                }
        }
}

static void wait_until_it_says_something(int in)
{
        struct pollfd pipe = {.fd = in, .events = POLLIN};

        assert_int_equal(poll(&pipe, 1, SUPPORT_DEADLINE_MS), 1);
}

/*
 * One child from its start to its end: killed some time after its start, which may be before it
 * has opened the store; or some time after it acknowledged something. The pipe holds what it said
 * until the parent reads.
 */
static void run_and_kill(struct world *world, bool early, int delay_us)
{
        int ends[2];
        int status;
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                close(ends[0]);
                run_child(world->directory, ends[1], world->next_number);
        }
        close(ends[1]);
        if (!early)
                wait_until_it_says_something(ends[0]);
        usleep((useconds_t)delay_us);
        kill(child, SIGKILL);
        read_acknowledged(world, ends[0]);
        close(ends[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        /* What was in flight may be stored; its numbers are not used again. */
        world->next_number += 2 * IN_FLIGHT;
}

static void check_integrity(const char *directory)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/store.sqlite", directory);
        sqlite3_stmt *statement;
        sqlite3 *db;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
        sqlite3_finalize(statement);
        sqlite3_close(db);
}

static void check_record(const struct store_event *event, uint32_t number)
{
        const char *record = event->record;

        assert_int_equal(event->record_size, number * 7919 % RECORD_MOST);
        for (size_t i = 0; i < event->record_size; i++)
                assert_int_equal(record[i], 'a' + (int)(number % 26));
}

static bool note_dead(void *context, const struct store_dead_letter *letter)
{
        uint8_t *found = context;
        uint32_t number = (uint32_t)strtoul(letter->event.message_id, NULL, 10);

        assert_int_equal(found[number], 0);
        assert_int_equal(fate_of(number), FATE_DEAD);
        check_record(&letter->event, number);
        found[number] = 1;
        return true;
}

static void find_waiting(struct store *store, int device, uint8_t *found, bool empty)
{
        struct store_rows rows;
        uint32_t last = 0;
        char name[4];

        snprintf(name, sizeof(name), "d%d", device);
        assert_int_equal(support_take(store, name, 0, LARGEST, &rows), 0);
        for (size_t i = 0; i < rows.count; i++) {
                uint32_t number = (uint32_t)strtoul(rows.events[i].message_id, NULL, 10);

                assert_true(i == 0 || number > last);
                assert_int_equal(device_of(number), device);
                assert_int_equal(found[number], 0);
                check_record(&rows.events[i], number);
                found[number] = 1;
                last = number;
                if (empty)
                        store_done(store, rows.events[i].id);
        }
        store_rows_deinit(&rows);
}

static void wait_until_empty(struct store *store)
{
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        struct store_state content;

        do {
                usleep(1000);
                store_get_state(store, &content);
        } while (content.bytes > 0 && clock_steady_ms() < deadline);
        assert_int_equal(content.bytes, 0);
        assert_int_equal(content.events, 0);
        assert_int_equal(content.dead_letters, 0);
}

/* `empty`: forgets all of it afterwards, so that the file is not only written but reused. */
static void check_content(struct world *world, bool empty)
{
        struct store *store = open_store(world->directory);
        uint8_t *found = mem_new(LARGEST, 1);

        assert_int_equal(store_dead_each(store, 0, note_dead, found), 0);
        for (int device = 0; device < DEVICES; device++)
                find_waiting(store, device, found, empty);
        for (uint32_t number = 0; number < world->next_number; number++) {
                if (world->acknowledged[number] && !found[number])
                        assert_int_equal(fate_of(number), FATE_DONE);
        }
        if (empty) {
                support_letters(store, store_dead_drop, 0);
                wait_until_empty(store);
                memset(world->acknowledged, 0, LARGEST);
        }
        free(found);
        store_close(store);
}

static void killed_at_random_moments_nothing_acknowledged_is_lost(void **state)
{
        struct world world = {.directory = support_directory(),
                              .acknowledged = mem_new(LARGEST, 1)};
        int most = support_server ? ROUNDS_SERVER : ROUNDS;
        int least = support_server ? ROUNDS_SERVER : ROUNDS_LEAST;
        int64_t end_ms = clock_steady_ms() + TIME_MS;
        unsigned int seed = (unsigned int)clock_wall_ns();
        int rounds = 0;

        (void)state;
        log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_AUTO);
        support_make_tables();
        print_message("seed %u\n", seed);
        srandom(seed);
        while (rounds < least || (rounds < most && clock_steady_ms() < end_ms)) {
                run_and_kill(&world, rounds % 2 == 0, (int)(random() % (KILL_MS * 1000)));
                if (!support_server)
                        check_integrity(world.directory);
                check_content(&world, rounds % EMPTY_EVERY == EMPTY_EVERY - 1);
                rounds++;
        }
        print_message("%d kills, %u events acknowledged\n", rounds, world.seen);
        assert_true(world.seen > 0);
        free(world.acknowledged);
        support_remove_directory(world.directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(killed_at_random_moments_nothing_acknowledged_is_lost),
        };

        int failures = 0;

        for (size_t i = 0; store_backends[i]; i++) {
                backend = store_backends[i];
                if (support_start_server(backend))
                        failures += _cmocka_run_group_tests(backend->name, tests, ARRAY_SIZE(tests),
                                                            NULL, NULL);
                support_stop_server();
        }
        return failures;
}
