// SPDX-License-Identifier: MIT
/* `isthmus queue` on stores that the test fills, closed and open. */
#include "component/store/support.h"

#include <fcntl.h>
#include <getopt.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/cli.h"

struct fixture {
        char *directory;
        struct store *store;
        struct buf out; /* what the last command printed */
        struct buf err;
        int64_t waiting; /* ids */
        int64_t dead[3];
};

static void open_store(struct fixture *fixture)
{
        struct store_options options = {.backend = "sqlite", .directory = fixture->directory};
        struct reason reason = REASON_INIT;

        if (store_open(&options, &fixture->store, &reason) != 0)
                fail_msg("%s", reason.text);
}

static void close_store(struct fixture *fixture)
{
        store_close(fixture->store);
        fixture->store = NULL;
}

/* One event waits, three are dead. */
static int setup(void **state)
{
        static const char *const records[] = {"{\"n\":1}", "not json", "{\"n\":3}"};
        struct fixture *fixture = mem_new(1, sizeof(*fixture));

        *state = fixture;
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        fixture->directory = support_directory();
        open_store(fixture);
        fixture->waiting = support_put_one(fixture->store, "net/app/dev1", "mw", "{\"w\":[1,2]}");
        for (int i = 0; i < 3; i++) {
                fixture->dead[i] =
                        support_put_one(fixture->store, "net/app/dev2", "md", records[i]);
                store_dead(fixture->store, fixture->dead[i], "too large\x1b[31m\xc2\x9b");
        }
        close_store(fixture);
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        store_close(fixture->store);
        buf_deinit(&fixture->out);
        buf_deinit(&fixture->err);
        support_remove_directory(fixture->directory);
        free(fixture);
        return 0;
}

/* --- running the command ------------------------------------------------------------------- */

static int divert(int stream, const char *path)
{
        int before = dup(stream);
        int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(before >= 0 && file >= 0);
        assert_true(dup2(file, stream) >= 0);
        close(file);
        return before;
}

static void restore(int stream, int before)
{
        dup2(before, stream);
        close(before);
}

/* `arguments`: as one would type them behind `isthmus queue`, without quoting. */
static int run(struct fixture *fixture, const char *arguments)
{
        CLEANUP(mem_cleanup) char *out = mem_format("%s/out", fixture->directory);
        CLEANUP(mem_cleanup) char *err = mem_format("%s/err", fixture->directory);
        CLEANUP(mem_cleanup)
        char *line = mem_format("queue --data %s %s", fixture->directory, arguments);
        char *argv[16] = {NULL};
        char *rest = line;
        int argc = 0;
        int status;
        int streams[2];

        while (argc < 15 && (argv[argc] = strtok_r(NULL, " ", &rest)))
                argc++;
        optind = 0;
        fflush(stdout);
        streams[0] = divert(STDOUT_FILENO, out);
        streams[1] = divert(STDERR_FILENO, err);
        status = isthmus_queue(argc, argv);
        fflush(stdout);
        restore(STDOUT_FILENO, streams[0]);
        restore(STDERR_FILENO, streams[1]);
        buf_clear(&fixture->out);
        buf_clear(&fixture->err);
        assert_int_equal(file_read(out, 1 << 20, &fixture->out, NULL), 0);
        assert_int_equal(file_read(err, 1 << 20, &fixture->err, NULL), 0);
        return status;
}

static int run_with_id(struct fixture *fixture, const char *action, int64_t id)
{
        CLEANUP(mem_cleanup) char *arguments = mem_format("%s %ld", action, (long)id);

        return run(fixture, arguments);
}

#define assert_printed(fixture, text)     assert_non_null(strstr(buf_text(&(fixture)->out), (text)))
#define assert_not_printed(fixture, text) assert_null(strstr(buf_text(&(fixture)->out), (text)))
#define assert_said(fixture, text)        assert_non_null(strstr(buf_text(&(fixture)->err), (text)))

static int lines_of(const struct buf *text)
{
        int lines = 0;

        for (size_t i = 0; i < text->size; i++)
                lines += text->data[i] == '\n';
        return lines;
}

/* --- looking ------------------------------------------------------------------------------- */

static void list_shows_devices_and_their_events(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(run(fixture, "list"), CLI_GOOD);
        assert_printed(fixture, "         1  net/app/dev1\n");
        assert_not_printed(fixture, "dev2");
        assert_printed(fixture, "1 events wait, 3 dead letters");
        assert_int_equal(run(fixture, "list net/app/dev1"), CLI_GOOD);
        assert_printed(fixture, "2024-05-06T07:09:00.250Z");
        assert_int_equal(run(fixture, "list net/app/dev9"), CLI_GOOD);
        assert_int_equal(lines_of(&fixture->out), 1);
}

static void dead_shows_reasons_without_control_characters(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(run(fixture, "dead"), CLI_GOOD);
        assert_int_equal(lines_of(&fixture->out), 4);
        assert_printed(fixture, "net/app/dev2  too large?[31m?\n");
        assert_not_printed(fixture, "\x1b");
        assert_not_printed(fixture, "\xc2\x9b");
}

static void show_prints_an_event_and_a_dead_letter(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(run_with_id(fixture, "show", fixture->dead[1]), CLI_GOOD);
        assert_printed(fixture, "state      dead\n");
        assert_printed(fixture, "message id md\n");
        assert_printed(fixture, "reason     too large");
        assert_printed(fixture, "record     not json\n");
        assert_int_equal(run_with_id(fixture, "show", fixture->waiting), CLI_GOOD);
        assert_printed(fixture, "state      waiting\n");
        assert_printed(fixture, "record     {\"w\":[1,2]}\n");
        assert_int_equal(run_with_id(fixture, "show", 999999), CLI_FAILED);
        assert_said(fixture, "999999");
        assert_int_equal(run(fixture, "show one"), CLI_USAGE);
        assert_said(fixture, "'one'");
}

static void export_writes_json_lines(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(run(fixture, "export"), CLI_GOOD);
        assert_int_equal(lines_of(&fixture->out), 4);
        assert_printed(fixture, "\"state\":\"waiting\",\"device\":\"net/app/dev1\","
                                "\"messageId\":\"mw\",\"arrived\":\"2024-05-06T07:09:00.250Z\","
                                "\"record\":{\"w\":[1,2]}}\n");
        assert_printed(fixture, "\"recordBase64\":\"bm90IGpzb24=\"}\n");
        assert_printed(fixture, "\"reason\":\"too large\\u001b[31m\\u009b\"");
        assert_int_equal(run(fixture, "export dead"), CLI_GOOD);
        assert_int_equal(lines_of(&fixture->out), 3);
        assert_int_equal(run(fixture, "export waiting"), CLI_GOOD);
        assert_int_equal(lines_of(&fixture->out), 1);
        assert_int_equal(run(fixture, "export all"), CLI_USAGE);
}

/* --- changing ------------------------------------------------------------------------------ */

static void replay_and_drop_change_what_they_are_told(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(run_with_id(fixture, "replay", fixture->dead[0]), CLI_GOOD);
        assert_printed(fixture, "1 replayed, 2 dead letters are left");
        assert_int_equal(run_with_id(fixture, "replay", fixture->dead[0]), CLI_FAILED);
        assert_said(fixture, "nothing was changed");
        assert_int_equal(run_with_id(fixture, "drop", fixture->dead[2]), CLI_GOOD);
        assert_printed(fixture, "1 dropped, 1 dead letters are left");
        open_store(fixture);
        assert_waiting(fixture->store, "net/app/dev2", "{\"n\":1}");
}

static void all_dead_letters_are_replayed_or_dropped(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(run(fixture, "replay --all"), CLI_GOOD);
        assert_printed(fixture, "3 replayed, 0 dead letters are left");
        assert_int_equal(run(fixture, "drop --all"), CLI_GOOD);
        assert_printed(fixture, "0 dropped");
        open_store(fixture);
        assert_waiting(fixture->store, "net/app/dev2", "{\"n\":1} not json {\"n\":3}");
}

static void one_wrong_id_among_many_changes_nothing(void **state)
{
        struct fixture *fixture = *state;
        CLEANUP(mem_cleanup)
        char *arguments = mem_format("drop %ld 999999", (long)fixture->dead[0]);

        assert_int_equal(run(fixture, arguments), CLI_FAILED);
        assert_said(fixture, "'999999'");
        assert_int_equal(run(fixture, "drop x"), CLI_FAILED);
        assert_int_equal(run(fixture, "dead"), CLI_GOOD);
        assert_int_equal(lines_of(&fixture->out), 4);
}

static void a_running_store_can_be_looked_at_but_not_changed(void **state)
{
        struct fixture *fixture = *state;
        char pid[24];

        open_store(fixture);
        support_put_one(fixture->store, "net/app/dev3", "m", "{}");
        assert_int_equal(run(fixture, "list"), CLI_GOOD);
        assert_printed(fixture, "net/app/dev3");
        assert_int_equal(run(fixture, "dead"), CLI_GOOD);
        assert_int_equal(run(fixture, "replay --all"), CLI_FAILED);
        snprintf(pid, sizeof(pid), "process %d,", (int)getpid());
        assert_said(fixture, pid);
        assert_said(fixture, fixture->directory);
        assert_int_equal(run(fixture, "dead"), CLI_GOOD);
        assert_int_equal(lines_of(&fixture->out), 4);
}

/* --- usage --------------------------------------------------------------------------------- */

static void wrong_usage_is_explained(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(run(fixture, "--help"), CLI_GOOD);
        assert_printed(fixture, "usage: isthmus queue");
        assert_int_equal(run(fixture, ""), CLI_USAGE);
        assert_said(fixture, "usage: isthmus queue");
        assert_int_equal(run(fixture, "burn"), CLI_USAGE);
        assert_said(fixture, "'burn'");
        assert_int_equal(run(fixture, "replay"), CLI_USAGE);
        assert_int_equal(run(fixture, "replay --all 1"), CLI_USAGE);
        assert_int_equal(run(fixture, "list --all"), CLI_USAGE);
        assert_int_equal(run(fixture, "show"), CLI_USAGE);
        assert_int_equal(run(fixture, "dead 1"), CLI_USAGE);
        assert_int_equal(run(fixture, "list --nonsense"), CLI_USAGE);
}

static void where_there_is_no_store_none_is_made(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(run(fixture, "--data /tmp/isthmus-no-store list"), CLI_FAILED);
        assert_said(fixture, "/tmp/isthmus-no-store");
        assert_int_equal(run(fixture, "--data /tmp/isthmus-no-store drop --all"), CLI_FAILED);
        assert_int_equal(access("/tmp/isthmus-no-store", F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(list_shows_devices_and_their_events),
                TEST(dead_shows_reasons_without_control_characters),
                TEST(show_prints_an_event_and_a_dead_letter),
                TEST(export_writes_json_lines),
                TEST(replay_and_drop_change_what_they_are_told),
                TEST(all_dead_letters_are_replayed_or_dropped),
                TEST(one_wrong_id_among_many_changes_nothing),
                TEST(a_running_store_can_be_looked_at_but_not_changed),
                TEST(wrong_usage_is_explained),
                TEST(where_there_is_no_store_none_is_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
