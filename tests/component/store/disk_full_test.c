// SPDX-License-Identifier: MIT
/*
 * A full disk: puts are refused, what is stored can be drained, and then puts are taken again.
 * Runs on a small disk in memory of its own, which needs the right to mount one.
 */
#include "component/store/support.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#define DISK    "size=24m"
#define BATCH   16
#define LARGEST 200000 /* ids */
#define DEVICES 8
#define RECORD  700

static char *mountpoint; /* NULL: no disk could be mounted */

struct fixture {
        char *directory;
        struct store *store;
        int64_t *ids; /* accepted, not done */
        size_t count;
        char record[RECORD + 1];
};

/* In a mount namespace of this process alone, so that nothing stays behind whatever happens. */
static bool mount_disk(const char *path)
{
        if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return false;
        (void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
        return mount("tmpfs", path, "tmpfs", 0, DISK) == 0;
}

static void open_store(struct fixture *fixture)
{
        struct store_options options = {.backend = "sqlite", .directory = fixture->directory};
        struct reason reason = REASON_INIT;

        if (store_open(&options, &fixture->store, &reason) != 0)
                fail_msg("%s", reason.text);
}

static int setup(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        *state = fixture;
        if (!mountpoint)
                return 0;
        fixture->directory = mem_format("%s/store", mountpoint);
        fixture->ids = mem_new(LARGEST, sizeof(*fixture->ids));
        memset(fixture->record, 'x', RECORD);
        open_store(fixture);
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        if (mountpoint) {
                store_close(fixture->store);
                support_remove_directory(fixture->directory);
        }
        free(fixture->ids);
        free(fixture);
        return 0;
}

static void need_disk(void)
{
        if (mountpoint)
                return;
        print_message("no small disk could be mounted here (run it as root); skipped\n");
        skip();
}

static int put_batch(struct fixture *fixture)
{
        struct store_event events[BATCH];
        char devices[BATCH][8];
        int result;

        for (int i = 0; i < BATCH; i++) {
                snprintf(devices[i], sizeof(devices[i]), "d%d", i % DEVICES);
                events[i] = support_event(devices[i], "m", fixture->record);
        }
        result = support_put(fixture->store, events, BATCH);
        for (int i = 0; result == 0 && i < BATCH; i++) {
                assert_true(fixture->count < LARGEST);
                fixture->ids[fixture->count++] = events[i].id;
        }
        return result;
}

static void fill(struct fixture *fixture)
{
        struct store_state seen;
        int result;

        while ((result = put_batch(fixture)) == 0)
                continue;
        assert_int_equal(result, STORE_E_FULL);
        store_get_state(fixture->store, &seen);
        assert_true(seen.full);
        assert_int_equal(seen.events, fixture->count);
}

/* Marks the first `count` as done and waits until that is on the disk. */
static void drain(struct fixture *fixture, size_t count)
{
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        struct store_state seen;

        for (size_t i = 0; i < count; i++)
                store_done(fixture->store, fixture->ids[i]);
        fixture->count -= count;
        memmove(fixture->ids, fixture->ids + count, fixture->count * sizeof(*fixture->ids));
        do {
                usleep(1000);
                store_get_state(fixture->store, &seen);
        } while (seen.events != (int64_t)fixture->count && clock_steady_ms() < deadline);
        assert_int_equal(seen.events, fixture->count);
}

static void wait_until_taken(struct fixture *fixture)
{
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        int result;

        while ((result = put_batch(fixture)) == STORE_E_FULL && clock_steady_ms() < deadline)
                usleep(10000);
        assert_int_equal(result, 0);
}

/* What is on the disk is what was accepted and not done, in order. */
static void check_content(struct fixture *fixture)
{
        size_t found = 0;

        for (int device = 0; device < DEVICES; device++) {
                char name[8];
                struct store_rows rows;

                snprintf(name, sizeof(name), "d%d", device);
                assert_int_equal(support_take(fixture->store, name, 0, LARGEST, &rows), 0);
                for (size_t i = 1; i < rows.count; i++)
                        assert_true(rows.events[i].id > rows.events[i - 1].id);
                found += rows.count;
                store_rows_deinit(&rows);
        }
        assert_int_equal(found, fixture->count);
}

static void filled_drained_and_taken_again(void **state)
{
        struct fixture *fixture = *state;

        need_disk();
        for (int round = 0; round < 3; round++) {
                fill(fixture);
                check_content(fixture);
                drain(fixture, fixture->count);
                wait_until_taken(fixture);
                assert_true(fixture->count > 0);
        }
        check_content(fixture);
}

/* In the worst order for pages: here and there, a few at a time, with retries and the dead. */
static void settling_goes_on_while_the_disk_is_full(void **state)
{
        struct fixture *fixture = *state;
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        struct store_state seen;
        size_t stored;
        size_t dead = 0;

        need_disk();
        fill(fixture);
        stored = fixture->count;
        for (size_t i = 0; i < stored; i += 7) {
                store_dead(fixture->store, fixture->ids[i], "too late");
                dead++;
        }
        for (size_t i = 0; i < stored; i++) {
                if (i % 7)
                        store_done(fixture->store, fixture->ids[i]);
        }
        do {
                usleep(1000);
                store_get_state(fixture->store, &seen);
        } while (seen.events > 0 && clock_steady_ms() < deadline);
        assert_int_equal(seen.events, 0);
        assert_int_equal(seen.dead_letters, dead);
        fixture->count = 0;
        wait_until_taken(fixture);
}

static void records_are_written_while_the_disk_is_full(void **state)
{
        struct fixture *fixture = *state;

        need_disk();
        fill(fixture);
        for (int i = 0; i < 200; i++) {
                char key[8];

                snprintf(key, sizeof(key), "%d", i % 50);
                assert_int_equal(support_write(fixture->store, "k", key, "value", 0), 0);
        }
}

static void what_is_owed_is_stored_while_the_disk_is_full(void **state)
{
        struct fixture *fixture = *state;
        struct store_rows rows;

        need_disk();
        fill(fixture);
        for (int i = 0; i < 50; i++) {
                struct store_event event = support_event("outcome", "m", "rejected");
                struct put_call call = {
                        .put = {.events = &event, .count = 1, .owed = true, .done = put_call_done},
                        .latch = LATCH_INIT};

                store_put(fixture->store, &call.put);
                latch_wait(&call.latch, 1);
                assert_int_equal(call.result, 0);
        }
        store_close(fixture->store);
        open_store(fixture);
        assert_int_equal(support_take(fixture->store, "outcome", 0, 100, &rows), 0);
        assert_int_equal(rows.count, 50);
        store_rows_deinit(&rows);
}

static void a_full_disk_is_no_obstacle_to_a_restart(void **state)
{
        struct fixture *fixture = *state;
        CLEANUP(mem_cleanup) char *ballast = NULL;
        struct store_state seen;
        int file;

        need_disk();
        fill(fixture);
        drain(fixture, fixture->count / 2);
        store_close(fixture->store);
        fixture->store = NULL;

        /* Somebody else takes all the room that is left. */
        ballast = mem_format("%s/ballast", mountpoint);
        file = open(ballast, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        while (write(file, fixture->record, RECORD) > 0)
                continue;
        close(file);

        open_store(fixture);
        store_get_state(fixture->store, &seen);
        assert_int_equal(seen.events, fixture->count);
        check_content(fixture);
        drain(fixture, fixture->count);
        unlink(ballast);
        wait_until_taken(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(filled_drained_and_taken_again),
                TEST(settling_goes_on_while_the_disk_is_full),
                TEST(records_are_written_while_the_disk_is_full),
                TEST(what_is_owed_is_stored_while_the_disk_is_full),
                TEST(a_full_disk_is_no_obstacle_to_a_restart),
        };
        char *path = support_directory();
        int failures;

        if (mount_disk(path))
                mountpoint = path;
        failures = cmocka_run_group_tests(tests, NULL, NULL);
        if (mountpoint)
                umount2(path, MNT_DETACH);
        rmdir(path);
        free(path);
        return failures;
}
