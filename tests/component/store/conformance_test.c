// SPDX-License-Identifier: MIT
/* The promises of store.h, for every backend in the table. */
#include "component/store/conformance.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/text.h"

/* --- events -------------------------------------------------------------------------------- */

static void put_and_take_keep_everything(void **state)
{
        struct fixture *fixture = *state;
        const char record[] = "with\0zero";
        struct store_event event = {.device = "net/app/dev",
                                    .message_id = "m1",
                                    .record = record,
                                    .record_size = sizeof(record),
                                    .arrived_ns = 123456789};
        struct store_rows rows;

        assert_int_equal(support_put(fixture->store, &event, 1), 0);
        reopen(fixture);
        assert_int_equal(support_take(fixture->store, "net/app/dev", 0, 10, &rows), 0);
        assert_int_equal(rows.count, 1);
        assert_int_equal(rows.events[0].id, event.id);
        assert_string_equal(rows.events[0].device, "net/app/dev");
        assert_string_equal(rows.events[0].message_id, "m1");
        assert_int_equal(rows.events[0].record_size, sizeof(record));
        assert_memory_equal(rows.events[0].record, record, sizeof(record));
        assert_int_equal(rows.events[0].arrived_ns, 123456789);
        store_rows_deinit(&rows);
}

static void take_gives_one_device_in_order_behind_an_id(void **state)
{
        struct fixture *fixture = *state;
        struct store_rows rows;
        int64_t first = support_put_one(fixture->store, "a", "1", "a1");

        support_put_one(fixture->store, "b", "2", "b1");
        support_put_one(fixture->store, "a", "3", "a2");
        support_put_one(fixture->store, "a", "4", "a3");
        assert_waiting(fixture->store, "a", "a1 a2 a3");
        assert_waiting(fixture->store, "b", "b1");
        assert_waiting(fixture->store, "c", "");
        assert_int_equal(support_take(fixture->store, "a", first, 1, &rows), 0);
        assert_int_equal(rows.count, 1);
        assert_memory_equal(rows.events[0].record, "a2", 2);
        store_rows_deinit(&rows);
}

static void ids_grow_even_over_a_restart_of_an_emptied_store(void **state)
{
        struct fixture *fixture = *state;
        int64_t first = support_put_one(fixture->store, "a", "1", "x");
        int64_t second = support_put_one(fixture->store, "a", "2", "x");

        assert_true(second > first);
        store_done(fixture->store, first);
        store_done(fixture->store, second);
        reopen(fixture);
        assert_int_equal(state_of(fixture).events, 0);
        assert_true(support_put_one(fixture->store, "a", "3", "x") > second);
}

static void done_forgets_for_good(void **state)
{
        struct fixture *fixture = *state;
        int64_t ids[8];

        for (int i = 0; i < 8; i++) {
                char text[2] = {(char)('0' + i), '\0'};

                ids[i] = support_put_one(fixture->store, "a", text, text);
        }
        /* Runs, single ones, one twice, one unknown. */
        store_done(fixture->store, ids[6]);
        store_done(fixture->store, ids[1]);
        store_done(fixture->store, ids[2]);
        store_done(fixture->store, ids[4]);
        store_done(fixture->store, ids[4]);
        store_done(fixture->store, ids[7] + 1000);
        /* Not given again, committed or not. */
        assert_waiting(fixture->store, "a", "0 3 5 7");
        reopen(fixture);
        assert_waiting(fixture->store, "a", "0 3 5 7");
        assert_int_equal(state_of(fixture).events, 4);
}

static void take_fills_up_behind_events_that_are_leaving(void **state)
{
        struct fixture *fixture = *state;
        struct store_rows rows;
        int64_t ids[6];

        for (int i = 0; i < 6; i++) {
                char text[2] = {(char)('0' + i), '\0'};

                ids[i] = support_put_one(fixture->store, "a", text, text);
        }
        store_done(fixture->store, ids[0]);
        store_dead(fixture->store, ids[1], "no");
        store_done(fixture->store, ids[3]);
        assert_int_equal(support_take(fixture->store, "a", 0, 2, &rows), 0);
        assert_int_equal(rows.count, 2);
        assert_int_equal(rows.events[0].id, ids[2]);
        assert_int_equal(rows.events[1].id, ids[4]);
        store_rows_deinit(&rows);
}

struct device_list {
        char text[256];
        int limit;
};

static bool note_device(void *context, const char *device, int64_t waiting)
{
        struct device_list *list = context;
        size_t length = strlen(list->text);

        snprintf(list->text + length, sizeof(list->text) - length, "%s=%d ", device, (int)waiting);
        return --list->limit > 0;
}

static void devices_come_by_their_oldest_event(void **state)
{
        struct fixture *fixture = *state;
        struct device_list all = {.limit = 10};
        struct device_list one = {.limit = 1};
        int64_t first = support_put_one(fixture->store, "c", "1", "x");

        support_put_one(fixture->store, "b", "2", "x");
        support_put_one(fixture->store, "a", "3", "x");
        support_put_one(fixture->store, "c", "4", "x");
        assert_int_equal(store_devices_each(fixture->store, NULL, note_device, &all), 0);
        assert_string_equal(all.text, "c=2 b=1 a=1 ");
        assert_int_equal(store_devices_each(fixture->store, NULL, note_device, &one), 0);
        assert_string_equal(one.text, "c=2 ");
        store_done(fixture->store, first);
        support_flush(fixture->store);
        all = (struct device_list){.limit = 10};
        assert_int_equal(store_devices_each(fixture->store, NULL, note_device, &all), 0);
        assert_string_equal(all.text, "b=1 a=1 c=1 ");
}

struct event_list {
        char text[256];
        int count;
        int limit;
};

static bool note_event(void *context, const struct store_event *event)
{
        struct event_list *list = context;

        if (list->count++ < 4) {
                size_t length = strlen(list->text);

                snprintf(list->text + length, sizeof(list->text) - length, "%.*s ",
                         (int)event->record_size, (const char *)event->record);
        }
        return list->count < list->limit;
}

static int events_each(struct store *store, const char *device, int64_t after_id,
                       bool (*visit)(void *context, const struct store_event *event), void *context)
{
        return store_events_each(store,
                                 &(struct store_selection){.device = device, .after_id = after_id},
                                 visit, context);
}

static void events_are_looked_at_by_device_and_altogether(void **state)
{
        struct fixture *fixture = *state;
        struct event_list list = {.limit = 1000};
        int64_t first = support_put_one(fixture->store, "a", "1", "a1");

        support_put_one(fixture->store, "b", "2", "b1");
        support_put_one(fixture->store, "a", "3", "a2");
        assert_int_equal(events_each(fixture->store, "a", 0, note_event, &list), 0);
        assert_string_equal(list.text, "a1 a2 ");
        list = (struct event_list){.limit = 1000};
        assert_int_equal(events_each(fixture->store, NULL, first, note_event, &list), 0);
        assert_string_equal(list.text, "b1 a2 ");
        list = (struct event_list){.limit = 1};
        assert_int_equal(events_each(fixture->store, NULL, 0, note_event, &list), 0);
        assert_string_equal(list.text, "a1 ");

        /* More than are read at a time. */
        for (int i = 0; i < 200; i++)
                support_put_one(fixture->store, "c", "m", "c");
        list = (struct event_list){.limit = 1000};
        assert_int_equal(events_each(fixture->store, "c", 0, note_event, &list), 0);
        assert_int_equal(list.count, 200);
}

/* --- duplicates ---------------------------------------------------------------------------- */

static struct store_event windowed(const char *message_id, int64_t window_ms)
{
        struct store_event event = support_event("a", message_id, message_id);

        event.duplicate_window_ms = window_ms;
        return event;
}

static void doubles_are_recognised_within_their_window(void **state)
{
        struct fixture *fixture = *state;
        int64_t before = metrics_counter_value(METRIC_EVENT_DUPLICATE);
        struct store_event pair[2] = {windowed("m1", 3600000), windowed("m1", 3600000)};
        struct store_event other = windowed("m2", 3600000);

        assert_int_equal(support_put(fixture->store, pair, 2), 0);
        assert_true(pair[0].id > 0);
        assert_int_equal(pair[1].id, 0);
        store_done(fixture->store, pair[0].id);
        reopen(fixture);
        assert_int_equal(support_put(fixture->store, pair, 1), 0);
        assert_int_equal(pair[0].id, 0);
        assert_int_equal(support_put(fixture->store, &other, 1), 0);
        assert_true(other.id > 0);
        assert_waiting(fixture->store, "a", "m2");
        assert_int_equal(metrics_counter_value(METRIC_EVENT_DUPLICATE) - before, 2);
}

static void the_same_id_is_stored_again_after_its_window(void **state)
{
        struct fixture *fixture = *state;
        int64_t deadline = clock_steady_ms() + SUPPORT_DEADLINE_MS;
        struct store_event event = windowed("m1", 20);

        assert_int_equal(support_put(fixture->store, &event, 1), 0);
        do {
                event = windowed("m1", 20);
                assert_int_equal(support_put(fixture->store, &event, 1), 0);
        } while (event.id == 0 && clock_steady_ms() < deadline);
        assert_true(event.id > 0);
        assert_waiting(fixture->store, "a", "m1 m1");
}

static void without_a_window_nothing_is_a_double(void **state)
{
        struct fixture *fixture = *state;

        support_put_one(fixture->store, "a", "m", "1");
        support_put_one(fixture->store, "a", "m", "2");
        assert_waiting(fixture->store, "a", "1 2");
}

/* --- records ------------------------------------------------------------------------------- */

struct record_list {
        char text[512];
        int limit;
        int count;
};

static bool note_record(void *context, const struct store_record *record)
{
        struct record_list *list = context;
        size_t length = strlen(list->text);

        if (list->count++ < 8)
                snprintf(list->text + length, sizeof(list->text) - length, "%s:%s=%.*s ",
                         record->kind, record->key, (int)record->value_size,
                         (const char *)record->value);
        return list->count < list->limit;
}

static struct record_list records_of(struct fixture *fixture, const char *kind)
{
        struct record_list list = {.limit = 100000};

        assert_int_equal(store_records_each(fixture->store, kind, NULL, note_record, &list), 0);
        return list;
}

static void records_are_kept_by_kind_and_key(void **state)
{
        struct fixture *fixture = *state;
        struct record_list one = {.limit = 1};

        assert_int_equal(support_write(fixture->store, "k", "b", "2", 0), 0);
        assert_int_equal(support_write(fixture->store, "k", "a", "1", 0), 0);
        assert_int_equal(support_write(fixture->store, "other", "a", "x", 0), 0);
        assert_int_equal(support_write(fixture->store, "k", "b", "3", 0), 0);
        assert_int_equal(support_write(fixture->store, "k", "c", "", 0), 0);
        reopen(fixture);
        assert_string_equal(records_of(fixture, "k").text, "k:a=1 k:b=3 k:c= ");
        assert_string_equal(records_of(fixture, "other").text, "other:a=x ");
        assert_string_equal(records_of(fixture, "none").text, "");
        assert_int_equal(store_records_each(fixture->store, "k", NULL, note_record, &one), 0);
        assert_string_equal(one.text, "k:a=1 ");

        assert_int_equal(support_write(fixture->store, "k", "a", NULL, 0), 0);
        assert_int_equal(support_write(fixture->store, "k", "nobody", NULL, 0), 0);
        assert_string_equal(records_of(fixture, "k").text, "k:b=3 k:c= ");
}

static void copied_records_come_in_their_order(void **state)
{
        struct fixture *fixture = *state;

        for (int i = 0; i < 300; i++) {
                char key[16];
                char value[16];

                snprintf(key, sizeof(key), "%03d", i % 150);
                snprintf(value, sizeof(value), "%d", i);
                store_write_copy(fixture->store,
                                 &(struct store_record){.kind = "k",
                                                        .key = key,
                                                        .value = value,
                                                        .value_size = strlen(value)});
        }
        store_write_copy(fixture->store, &(struct store_record){.kind = "k", .key = "000"});
        reopen(fixture);
        assert_int_equal(records_of(fixture, "k").count, 149);
        assert_memory_equal(records_of(fixture, "k").text, "k:001=151 k:002=152 ", 20);
}

static void records_whose_time_is_over_are_not_shown(void **state)
{
        struct fixture *fixture = *state;
        int64_t now_ms;

        assert_int_equal(support_write(fixture->store, "k", "old", "x", 1), 0);
        assert_int_equal(support_write(fixture->store, "k", "young", "y", 3600000), 0);
        now_ms = clock_steady_ms();
        while (clock_steady_ms() - now_ms < 2)
                continue;
        reopen(fixture);
        assert_string_equal(records_of(fixture, "k").text, "k:young=y ");
}

/* --- opening and closing ------------------------------------------------------------------- */

static void a_second_one_is_refused_by_path_and_pid(void **state)
{
        struct fixture *fixture = *state;
        struct store_options options = fixture->options;
        struct reason reason = REASON_INIT;
        CLEANUP(mem_cleanup) char *place = backend->place(&options);
        struct store *second = NULL;
        char pid[24];

        assert_int_equal(store_open(&options, &second, &reason), STORE_E_LOCKED);
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        assert_non_null(strstr(reason.text, pid));
        assert_non_null(strstr(reason.text, place));
        assert_null(second);
        close_store(fixture);
        open_store(fixture);
}

static void a_reader_sees_what_a_running_store_holds(void **state)
{
        struct fixture *fixture = *state;
        struct store_options options = fixture->options;
        struct device_list devices = {.limit = 10};
        struct reason reason = REASON_INIT;
        struct store_state seen;
        struct store *reader;

        support_put_one(fixture->store, "a", "1", "x");
        assert_int_equal(store_open_to_read(&options, &reader, &reason), 0);
        store_get_state(reader, &seen);
        assert_int_equal(seen.events, 1);
        assert_int_equal(store_devices_each(reader, NULL, note_device, &devices), 0);
        assert_string_equal(devices.text, "a=1 ");
        store_close(reader);
        support_put_one(fixture->store, "a", "2", "y");

        /* And of one that does not run. */
        close_store(fixture);
        assert_int_equal(store_open_to_read(&options, &reader, &reason), 0);
        store_get_state(reader, &seen);
        assert_int_equal(seen.events, 2);
        store_close(reader);
}

struct closing {
        struct store *store;
        struct put_call late;
        struct put_call calls[64];
};

/* On the thread `store`, as the first put is answered: the store is being closed by then. */
static void put_another(struct store_put *put, int result)
{
        struct put_call *call = (struct put_call *)(void *)put;
        struct closing *closing =
                (struct closing *)(void *)((char *)call - offsetof(struct closing, calls));
        bool seen_closing = false;

        call->result = result;
        while (!seen_closing) {
                pthread_mutex_lock(&closing->store->mutex);
                seen_closing = closing->store->closing;
                pthread_mutex_unlock(&closing->store->mutex);
        }
        store_put(closing->store, &closing->late.put);
}

static void closing_commits_what_was_put_and_refuses_what_comes_later(void **state)
{
        struct fixture *fixture = *state;
        struct store_event event = support_event("a", "1", "x");
        struct store_event late = support_event("a", "late", "late");
        struct closing *closing = mem_new(1, sizeof(*closing));

        closing->store = fixture->store;
        closing->late.put = (struct store_put){.events = &late, .count = 1, .done = put_call_done};
        closing->late.result = -1;
        for (int i = 0; i < 64; i++) {
                closing->calls[i].put = (struct store_put){
                        .events = &event,
                        .count = 1,
                        .done = i == 0 ? put_another : put_call_done,
                };
                closing->calls[i].result = -1;
                store_put(fixture->store, &closing->calls[i].put);
        }
        close_store(fixture);
        for (int i = 0; i < 64; i++)
                assert_int_equal(closing->calls[i].result, 0);
        assert_int_equal(closing->late.result, STORE_E_CLOSED);
        free(closing);
        open_store(fixture);
        assert_int_equal(state_of(fixture).events, 64);
}

static void held_back_it_commits_once_for_all_that_came_meanwhile(void **state)
{
        struct fixture *fixture = *state;
        struct store_event events[64];
        struct put_call calls[ARRAY_SIZE(events)];
        struct store_rows rows;
        int64_t commits;

        support_put_one(fixture->store, "a", "first", "x");
        commits = metrics_counter_value(METRIC_STORE_COMMITS);
        store_hold_back(fixture->store, INT64_C(3600000));
        for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
                events[i] = support_event("b", "later", "x");
                calls[i] = (struct put_call){
                        .put = {.events = &events[i], .count = 1, .done = put_call_done},
                        .latch = LATCH_INIT,
                        .result = -1};
                store_put(fixture->store, &calls[i].put);
                /* The other thread of the store answers meanwhile. */
                assert_int_equal(support_take(fixture->store, "b", 0, 1, &rows), 0);
                assert_int_equal(rows.count, 0);
                store_rows_deinit(&rows);
        }
        store_hold_back(fixture->store, 0);
        for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
                latch_wait(&calls[i].latch, 1);
                assert_int_equal(calls[i].result, 0);
        }
        assert_int_equal(metrics_counter_value(METRIC_STORE_COMMITS), commits + 1);
        support_put_one(fixture->store, "a", "last", "x");
}

/* --- many at once -------------------------------------------------------------------------- */

struct producer {
        struct store *store;
        char device[8];
        pthread_t thread;
};

enum {
        PRODUCERS = 8,
        PRODUCED = 100
};

static void *produce(void *context)
{
        struct producer *producer = context;

        thread_enter("test-producer");
        for (int i = 0; i < PRODUCED; i++) {
                char text[16];
                int64_t id;

                snprintf(text, sizeof(text), "%d", i);
                id = support_put_one(producer->store, producer->device, text, text);
                if (i % 2)
                        store_done(producer->store, id);
        }
        return NULL;
}

static void many_threads_keep_their_own_order(void **state)
{
        struct fixture *fixture = *state;
        struct producer producers[PRODUCERS];
        int64_t commits = metrics_counter_value(METRIC_STORE_COMMITS);

        for (int i = 0; i < PRODUCERS; i++) {
                producers[i].store = fixture->store;
                snprintf(producers[i].device, sizeof(producers[i].device), "d%d", i);
                thread_start(&producers[i].thread, produce, &producers[i]);
        }
        for (int i = 0; i < PRODUCERS; i++)
                pthread_join(producers[i].thread, NULL);
        /* Never more commits than puts, and nearly always fewer. */
        commits = metrics_counter_value(METRIC_STORE_COMMITS) - commits;
        assert_true(commits <= PRODUCERS * PRODUCED + PRODUCERS * PRODUCED / 2);
        for (int i = 0; i < PRODUCERS; i++) {
                struct store_rows rows;

                assert_int_equal(
                        support_take(fixture->store, producers[i].device, 0, PRODUCED, &rows), 0);
                assert_int_equal(rows.count, PRODUCED / 2);
                for (size_t row = 0; row < rows.count; row++)
                        assert_int_equal(atoi(rows.events[row].message_id), row * 2);
                store_rows_deinit(&rows);
        }
}

/* --- backup -------------------------------------------------------------------------------- */

static char *beside(const struct fixture *fixture, const char *name)
{
        return mem_format("%s/%s", fixture->directory, name);
}

/* A store of its own, made of the copy; the caller's. */
static char *restore(const char *copy)
{
        char *directory = support_directory();
        CLEANUP(mem_cleanup) char *file = mem_format("%s/store.%s", directory, backend->name);

        assert_int_equal(rename(copy, file), 0);
        return directory;
}

static void a_backup_under_load_has_all_that_was_acknowledged(void **state)
{
        struct fixture *fixture = *state;
        struct fixture restored = {.directory = NULL};
        CLEANUP(mem_cleanup) char *copy = beside(fixture, "copy");
        struct producer producers[PRODUCERS];
        struct reason reason = REASON_INIT;
        struct store_state seen;
        struct stat status;
        char name[16];

        if (!backend->backup)
                return;
        fixture->options.backend = backend->name;
        for (int i = 0; i < 300; i++) {
                snprintf(name, sizeof(name), "%d", i);
                store_done(fixture->store, support_put_one(fixture->store, "done", name, name));
                support_put_one(fixture->store, "kept", name, name);
        }
        store_dead(fixture->store, support_put_one(fixture->store, "dead", "m", "x"), "r");
        assert_int_equal(support_write(fixture->store, "k", "key", "value", 0), 0);
        for (int i = 0; i < PRODUCERS; i++) {
                producers[i].store = fixture->store;
                snprintf(producers[i].device, sizeof(producers[i].device), "d%d", i);
                thread_start(&producers[i].thread, produce, &producers[i]);
        }
        if (store_backup(&fixture->options, copy, false, &seen, &reason) != 0)
                fail_msg("%s", reason.text);
        for (int i = 0; i < PRODUCERS; i++)
                pthread_join(producers[i].thread, NULL);
        assert_int_equal(stat(copy, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_true(seen.events >= 300);
        assert_int_equal(seen.dead_letters, 1);

        restored.directory = restore(copy);
        open_store(&restored);
        assert_int_equal(state_of(&restored).events, seen.events);
        assert_int_equal(state_of(&restored).bytes, seen.bytes);
        {
                struct store_rows rows;

                assert_int_equal(support_take(restored.store, "kept", 0, 1000, &rows), 0);
                assert_int_equal(rows.count, 300);
                for (size_t i = 0; i < rows.count; i++)
                        assert_int_equal(atoi(rows.events[i].message_id), i);
                store_rows_deinit(&rows);
        }
        assert_string_equal(records_of(&restored, "k").text, "k:key=value ");
        /* And it is a store like any other. */
        support_put_one(restored.store, "kept", "new", "new");
        close_store(&restored);
        support_remove_directory(restored.directory);
}

static void a_backup_replaces_nothing_unasked_and_leaves_nothing_behind(void **state)
{
        struct fixture *fixture = *state;
        CLEANUP(mem_cleanup) char *copy = beside(fixture, "copy");
        CLEANUP(mem_cleanup) char *nowhere = beside(fixture, "nowhere/copy");
        struct reason reason = REASON_INIT;
        struct store_state seen;
        DIR *directory;
        struct dirent *entry;

        support_put_one(fixture->store, "a", "1", "x");
        if (!backend->backup) {
                assert_int_equal(store_backup(&fixture->options, copy, false, &seen, &reason),
                                 -EINVAL);
                assert_non_null(strstr(reason.text, "own tools"));
                return;
        }
        assert_int_equal(store_backup(&fixture->options, copy, false, &seen, &reason), 0);
        assert_int_equal(seen.events, 1);
        support_put_one(fixture->store, "a", "2", "y");
        assert_int_equal(store_backup(&fixture->options, copy, false, &seen, &reason), -EEXIST);
        assert_non_null(strstr(reason.text, copy));
        assert_int_equal(store_backup(&fixture->options, copy, true, &seen, &reason), 0);
        assert_int_equal(seen.events, 2);
        assert_int_equal(store_backup(&fixture->options, nowhere, false, &seen, &reason), -ENOENT);
        assert_non_null(strstr(reason.text, nowhere));
        /* Of one that does not run, too. */
        close_store(fixture);
        assert_int_equal(store_backup(&fixture->options, copy, true, &seen, &reason), 0);
        assert_int_equal(seen.events, 2);
        directory = opendir(fixture->directory);
        assert_non_null(directory);
        while ((entry = readdir(directory)))
                assert_true(strncmp(entry->d_name, "copy", 4) != 0 ||
                            strcmp(entry->d_name, "copy") == 0);
        closedir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(put_and_take_keep_everything),
                TEST(take_gives_one_device_in_order_behind_an_id),
                TEST(ids_grow_even_over_a_restart_of_an_emptied_store),
                TEST(done_forgets_for_good),
                TEST(take_fills_up_behind_events_that_are_leaving),
                TEST(devices_come_by_their_oldest_event),
                TEST(events_are_looked_at_by_device_and_altogether),
                TEST(doubles_are_recognised_within_their_window),
                TEST(the_same_id_is_stored_again_after_its_window),
                TEST(without_a_window_nothing_is_a_double),
                TEST(records_are_kept_by_kind_and_key),
                TEST(copied_records_come_in_their_order),
                TEST(records_whose_time_is_over_are_not_shown),
                TEST(a_second_one_is_refused_by_path_and_pid),
                TEST(a_reader_sees_what_a_running_store_holds),
                TEST(closing_commits_what_was_put_and_refuses_what_comes_later),
                TEST(held_back_it_commits_once_for_all_that_came_meanwhile),
                TEST(many_threads_keep_their_own_order),
                TEST(a_backup_under_load_has_all_that_was_acknowledged),
                TEST(a_backup_replaces_nothing_unasked_and_leaves_nothing_behind),
        };

        return run_for_every_backend(tests, ARRAY_SIZE(tests));
}
