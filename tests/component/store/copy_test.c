// SPDX-License-Identifier: MIT
/* What one store holds comes into another one whole, also when it is begun again. */
#include "component/store/support_postgres.h"

#include "store/store_backend.h"
#include "store/store_copy.h"

static struct store *open_one(const struct store_options *options)
{
        struct reason reason = REASON_INIT;
        struct store *store = NULL;

        if (store_open(options, &store, &reason) != 0)
                fail_msg("%s", reason.text);
        return store;
}

static struct store *open_sqlite(const char *directory)
{
        return open_one(&(struct store_options){.backend = "sqlite", .directory = directory});
}

/* Earlier versions wrote records with the names of the devices themselves. */
static void lane_of(const char *device, struct buf *lane)
{
        buf_add_text(lane, strcmp(device, "n/app/m1") == 0 ? "n//m1" : device);
}

static struct store *open_server(void)
{
        struct store_options options = {.backend = "postgresql", .lane_of = lane_of};

        support_make_tables();
        support_use_server(&options);
        return open_one(&options);
}

static void fill(struct store *store)
{
        for (int i = 0; i < 1300; i++) {
                char text[16];
                int64_t id;

                snprintf(text, sizeof(text), "%d", i);
                id = support_put_one(store, i % 2 ? "a" : "b", text, text);
                if (i % 13 == 0)
                        store_dead(store, id, text);
        }
        store_write_copy(store, &(struct store_record){.kind = "way",
                                                       .key = "n/app/m1",
                                                       .device = "n/app/m1",
                                                       .value = "v",
                                                       .value_size = 1});
        assert_int_equal(support_write(store, "assignment", "x", "1", 0), 0);
        assert_int_equal(support_write(store, "device", "y", "2", 3600000), 0);
        assert_int_equal(support_write(store, "device", "z", "", 0), 0);
}

static bool add_event(void *context, const struct store_event *event)
{
        buf_add_format(context, "%s %s %.*s,", event->device, event->message_id,
                       (int)event->record_size, (const char *)event->record);
        return true;
}

static bool add_letter(void *context, const struct store_dead_letter *letter)
{
        buf_add_format(context, "%s %s: %s,", letter->event.device, letter->event.message_id,
                       letter->reason);
        return true;
}

static bool add_record(void *context, const struct store_record *record)
{
        buf_add_format(context, "%s/%s=%.*s%s,", record->kind, record->key, (int)record->value_size,
                       (const char *)record->value, record->keep_ms > 0 ? " for a time" : "");
        return true;
}

static char *content_of(struct store *store)
{
        struct buf text = BUF_INIT;

        assert_int_equal(store_events_each(store, &(struct store_selection){.device = NULL},
                                           add_event, &text),
                         0);
        assert_int_equal(store_dead_each(store, 0, add_letter, &text), 0);
        assert_int_equal(store_records_each(store, "assignment", NULL, add_record, &text), 0);
        assert_int_equal(store_records_each(store, "device", NULL, add_record, &text), 0);
        return buf_take(&text);
}

static void assert_same(struct store *from, struct store *to)
{
        CLEANUP(mem_cleanup) char *expected = content_of(from);
        CLEANUP(mem_cleanup) char *found = content_of(to);

        assert_string_equal(found, expected);
}

static void check_copy(struct store *from, struct store *to)
{
        struct reason reason = REASON_INIT;
        struct store_copied copied;
        struct store_event started[2] = {support_event("a", "1", "1"),
                                         support_event("b", "0", "0")};

        /* An earlier one was interrupted: a letter that has not died, and one event. */
        for (size_t i = 0; i < 2; i++)
                started[i].duplicate_window_ms = 3600000;
        assert_int_equal(support_put(to, &started[1], 1), 0);
        assert_int_equal(support_put(to, &started[0], 1), 0);
        if (store_copy(from, to, &copied, &reason) != 0)
                fail_msg("%s", reason.text);
        assert_int_equal(copied.events, 1200);
        assert_int_equal(copied.dead_letters, 100);
        assert_int_equal(copied.doubles, 2);
        assert_int_equal(copied.records, 4);
        assert_same(from, to);
        /* Once more brings nothing. */
        assert_int_equal(store_copy(from, to, &copied, &reason), 0);
        assert_int_equal(copied.doubles, 1300);
        assert_same(from, to);
}

static void all_comes_from_sqlite_to_the_server_and_back(void **state)
{
        char *directory = support_directory();
        char *again = support_directory();
        struct store *from = open_sqlite(directory);
        struct store *to = support_server ? open_server() : NULL;
        struct store *back = open_sqlite(again);

        (void)state;
        fill(from);
        if (to) {
                check_copy(from, to);
                test_postgres_run(support_server,
                                  "DO $$ BEGIN IF NOT EXISTS (SELECT FROM isthmus.records WHERE"
                                  " key = 'n/app/m1' AND device = 'n//m1') THEN"
                                  " RAISE 'it is in another shard'; END IF; END $$");
                check_copy(to, back);
        } else {
                check_copy(from, back);
        }
        store_close(from);
        store_close(to);
        store_close(back);
        support_remove_directory(directory);
        support_remove_directory(again);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_comes_from_sqlite_to_the_server_and_back),
        };
        const struct store_backend *backend = store_backend_find("postgresql", NULL);
        int failures;

        if (!backend || !support_start_server(backend))
                printf("from SQLite to SQLite alone\n");
        failures = cmocka_run_group_tests(tests, NULL, NULL);
        support_stop_server();
        return failures;
}
