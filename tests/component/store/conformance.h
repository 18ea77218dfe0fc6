// SPDX-License-Identifier: MIT
/*
 * What the conformance suites share: conformance_test.c, conformance_letters_test.c and
 * conformance_bounds_test.c, whose tests run for every backend in the table.
 */
#ifndef ISTHMUS_TESTS_STORE_CONFORMANCE_H
#define ISTHMUS_TESTS_STORE_CONFORMANCE_H

#include "component/store/support.h"

#include "base/metrics.h"
#include "base/text.h"
#include "component/store/support_postgres.h"

static const struct store_backend *backend; /* the row under test */

struct fixture {
        char *directory;
        struct store *store;
        struct store_options options;
};

static inline void open_store(struct fixture *fixture)
{
        struct reason reason = REASON_INIT;

        fixture->options.backend = backend->name;
        fixture->options.directory = fixture->directory;
        support_use_server(&fixture->options);
        if (store_open(&fixture->options, &fixture->store, &reason) != 0)
                fail_msg("%s", reason.text);
}

static inline void close_store(struct fixture *fixture)
{
        store_close(fixture->store);
        fixture->store = NULL;
}

static inline void reopen(struct fixture *fixture)
{
        close_store(fixture);
        open_store(fixture);
}

static inline int setup(void **state)
{
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        fixture->directory = support_directory();
        support_make_tables();
        open_store(fixture);
        *state = fixture;
        return 0;
}

static inline int teardown(void **state)
{
        struct fixture *fixture = *state;

        store_close(fixture->store);
        support_remove_directory(fixture->directory);
        free(fixture);
        return 0;
}

static inline struct store_state state_of(struct fixture *fixture)
{
        struct store_state state;

        store_get_state(fixture->store, &state);
        return state;
}

struct letters {
        char text[256];
        int64_t ids[8];
        int count;
        int limit;
};

static inline bool note_letter(void *context, const struct store_dead_letter *letter)
{
        struct letters *letters = context;
        size_t length = strlen(letters->text);

        snprintf(letters->text + length, sizeof(letters->text) - length, "%.*s(%s) ",
                 (int)letter->event.record_size, (const char *)letter->event.record,
                 letter->reason);
        assert_true(letter->died_ms > 0);
        letters->ids[letters->count++] = letter->event.id;
        return letters->count < letters->limit;
}

static inline struct letters letters_of(struct fixture *fixture, int limit)
{
        struct letters letters = {.limit = limit};

        support_flush(fixture->store);
        assert_int_equal(store_dead_each(fixture->store, 0, note_letter, &letters), 0);
        return letters;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Runs the tests for each backend; returns the number of failures. */
static inline int run_for_every_backend(const struct CMUnitTest *tests, size_t count)
{
        int failures = 0;

        for (size_t i = 0; store_backends[i]; i++) {
                backend = store_backends[i];
                if (support_start_server(backend))
                        failures +=
                                _cmocka_run_group_tests(backend->name, tests, count, NULL, NULL);
                support_stop_server();
        }
        return failures;
}

#endif
