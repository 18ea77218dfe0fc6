// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "camera/source/source.h"
#include "support/directory.h"

#define MINUTE_MS 60000

/* What a source looks at of a JPEG: how it begins and how it ends. */
static const char first[] = "\xff\xd8\xff\xe0 first \xff\xd9";
static const char second[] = "\xff\xd8\xff\xe0 second \xff\xd9";

struct world {
        char *folder;
        struct source *source;
        struct source_picture picture;
        struct reason reason;
};

static void set_up(struct world *world)
{
        *world = (struct world){.folder = test_directory_new(), .picture = SOURCE_PICTURE_INIT};
}

static void tear_down(struct world *world)
{
        source_free(world->source);
        source_picture_deinit(&world->picture);
        test_directory_remove(world->folder);
}

/* `age_ms` back from now. */
static void put(const struct world *world, const char *name, const char *text, int64_t age_ms)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", world->folder, name);
        int64_t changed_ms = clock_wall_ms() - age_ms;
        const struct timespec time = {.tv_sec = changed_ms / 1000,
                                      .tv_nsec = changed_ms % 1000 * 1000000};
        const struct timespec times[2] = {time, time};

        assert_int_equal(file_write(path, 0644, text, strlen(text), NULL), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void open_source(struct world *world, enum source_kind kind, const char *name,
                        int64_t maximum_age_ms)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", world->folder, name);

        assert_int_equal(source_new(&(struct source_settings){.kind = kind,
                                                              .place = path,
                                                              .maximum_bytes = 100,
                                                              .maximum_age_ms = maximum_age_ms},
                                    &world->source, &world->reason),
                         0);
}

static int take(struct world *world)
{
        return source_take(world->source, &world->picture, &world->reason);
}

static void assert_picture(const struct world *world, const char *expected)
{
        assert_string_equal(buf_text(&world->picture.bytes), expected);
}

static void assert_reason(const struct world *world, const char *part)
{
        if (!strstr(world->reason.text, part))
                fail_msg("'%s' does not say '%s'", world->reason.text, part);
}

static void a_file_is_a_picture_of_the_time_it_was_written(void **state)
{
        struct world world;
        int64_t before_ms = clock_wall_ms();
        struct source_status status;

        (void)state;
        set_up(&world);
        put(&world, "a.jpg", first, MINUTE_MS);
        open_source(&world, SOURCE_FILE, "a.jpg", 2 * MINUTE_MS);
        assert_int_equal(take(&world), 0);
        assert_picture(&world, first);
        assert_in_range(world.picture.taken_ms, before_ms - MINUTE_MS - 1,
                        clock_wall_ms() - MINUTE_MS);
        source_status(world.source, &status);
        assert_int_equal(status.failures, 0);
        assert_string_equal(status.reason.text, "");
        tear_down(&world);
}

static void an_old_file_is_no_picture(void **state)
{
        struct world world;
        struct source_status status;

        (void)state;
        set_up(&world);
        put(&world, "a.jpg", first, 3 * MINUTE_MS);
        open_source(&world, SOURCE_FILE, "a.jpg", 2 * MINUTE_MS);
        assert_int_equal(take(&world), SOURCE_E_OLD);
        assert_reason(&world, "the picture is 180 s old");
        assert_int_equal(world.picture.bytes.size, 0);
        source_status(world.source, &status);
        assert_int_equal(status.failures, 0);
        assert_int_equal(status.rest_ms, 0);
        put(&world, "a.jpg", second, 0);
        assert_int_equal(take(&world), 0);
        assert_picture(&world, second);
        tear_down(&world);
}

static void any_age_is_allowed_if_wanted(void **state)
{
        struct world world;

        (void)state;
        set_up(&world);
        put(&world, "a.jpg", first, 1000 * MINUTE_MS);
        open_source(&world, SOURCE_FILE, "a.jpg", -1);
        assert_int_equal(take(&world), 0);
        tear_down(&world);
}

/* Somebody touches the file, but it is the same picture: its age is that of when it came first. */
static void the_same_bytes_do_not_become_younger(void **state)
{
        struct world world;
        int64_t taken_ms;

        (void)state;
        set_up(&world);
        put(&world, "a.jpg", first, MINUTE_MS);
        open_source(&world, SOURCE_FILE, "a.jpg", 2 * MINUTE_MS);
        assert_int_equal(take(&world), 0);
        taken_ms = world.picture.taken_ms;
        put(&world, "a.jpg", first, 0);
        assert_int_equal(take(&world), 0);
        assert_int_equal(world.picture.taken_ms, taken_ms);
        tear_down(&world);
}

static void what_is_no_whole_picture_fails(void **state)
{
        static const struct {
                const char *text;
                const char *reason;
        } cases[] = {
                {"", "is empty: is the program that writes it at work"},
                {"\xff\xd8\xff\xe0 cut off", "is no complete JPEG"},
                {"<html>login</html>\xff\xd9", "no JPEG picture"},
                {"\xff\xd8\xff\xe0 ................................................................"
                 "........................................ too long \xff\xd9",
                 "too large"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world world;

                set_up(&world);
                put(&world, "a.jpg", cases[i].text, 0);
                open_source(&world, SOURCE_FILE, "a.jpg", 0);
                assert_int_equal(take(&world), SOURCE_E_FAILED);
                assert_reason(&world, cases[i].reason);
                assert_int_equal(world.picture.bytes.size, 0);
                tear_down(&world);
        }
}

static void a_pipe_is_refused_and_not_waited_for(void **state)
{
        struct world world;
        CLEANUP(mem_cleanup) char *path = NULL;

        (void)state;
        set_up(&world);
        path = mem_format("%s/a.jpg", world.folder);
        assert_int_equal(mkfifo(path, 0600), 0);
        open_source(&world, SOURCE_FILE, "a.jpg", 0);
        assert_int_equal(take(&world), SOURCE_E_FAILED);
        assert_reason(&world, "is no file");
        tear_down(&world);
}

/* The reason is kept, so that whoever looks later sees why. */
static void after_failures_attempts_rest(void **state)
{
        struct world world;
        struct source_status status;

        (void)state;
        set_up(&world);
        open_source(&world, SOURCE_FILE, "none.jpg", 0);
        assert_int_equal(take(&world), SOURCE_E_FAILED);
        assert_reason(&world, "No such file");
        source_status(world.source, &status);
        assert_int_equal(status.failures, 1);
        /* At least half a second, of which a slow machine may have used some. */
        if (take(&world) == SOURCE_E_RESTING)
                assert_reason(&world, "No such file");
        put(&world, "none.jpg", first, 0);
        while (take(&world) == SOURCE_E_RESTING)
                usleep(20000);
        assert_picture(&world, first);
        source_status(world.source, &status);
        assert_int_equal(status.failures, 0);
        tear_down(&world);
}

static void a_stopped_source_gives_nothing(void **state)
{
        struct world world;

        (void)state;
        set_up(&world);
        put(&world, "a.jpg", first, 0);
        open_source(&world, SOURCE_FILE, "a.jpg", 0);
        source_stop(world.source);
        source_stop(world.source);
        assert_int_equal(take(&world), SOURCE_E_STOPPED);
        tear_down(&world);
}

static void a_folder_gives_its_newest_picture_once(void **state)
{
        struct world world;

        (void)state;
        set_up(&world);
        put(&world, "1.jpg", second, MINUTE_MS);
        put(&world, "0.JPEG", first, MINUTE_MS / 2);
        put(&world, "2.png", "newer, but no picture for us", 0);
        put(&world, ".3.jpg", "a temporary name", 0);
        open_source(&world, SOURCE_FOLDER, "", 0);
        assert_int_equal(take(&world), 0);
        assert_picture(&world, first);
        assert_int_equal(take(&world), SOURCE_E_OLD);
        assert_reason(&world, "no new picture");
        put(&world, "4.jpg", second, 0);
        assert_int_equal(take(&world), 0);
        assert_picture(&world, second);
        tear_down(&world);
}

/* An upload that is under way: the picture is taken when it is whole. */
static void a_cut_picture_in_a_folder_is_taken_later(void **state)
{
        struct world world;
        int result;

        (void)state;
        set_up(&world);
        put(&world, "1.jpg", "\xff\xd8\xff\xe0 half", 0);
        open_source(&world, SOURCE_FOLDER, "", 0);
        assert_int_equal(take(&world), SOURCE_E_FAILED);
        put(&world, "1.jpg", first, 0);
        while ((result = take(&world)) == SOURCE_E_RESTING)
                usleep(20000);
        assert_int_equal(result, 0);
        assert_picture(&world, first);
        tear_down(&world);
}

static void a_place_must_be_named(void **state)
{
        static const enum source_kind kinds[] = {SOURCE_FILE, SOURCE_FOLDER};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                struct reason reason = REASON_INIT;
                struct source *source;

                assert_int_equal(
                        source_new(&(struct source_settings){.kind = kinds[i]}, &source, &reason),
                        -EINVAL);
                assert_null(source);
                assert_non_null(strstr(reason.text, "missing"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_is_a_picture_of_the_time_it_was_written),
                cmocka_unit_test(an_old_file_is_no_picture),
                cmocka_unit_test(any_age_is_allowed_if_wanted),
                cmocka_unit_test(the_same_bytes_do_not_become_younger),
                cmocka_unit_test(what_is_no_whole_picture_fails),
                cmocka_unit_test(a_pipe_is_refused_and_not_waited_for),
                cmocka_unit_test(after_failures_attempts_rest),
                cmocka_unit_test(a_stopped_source_gives_nothing),
                cmocka_unit_test(a_folder_gives_its_newest_picture_once),
                cmocka_unit_test(a_cut_picture_in_a_folder_is_taken_later),
                cmocka_unit_test(a_place_must_be_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
