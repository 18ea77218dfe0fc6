// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

/* Prints a JPEG's beginning, a text and its end. */
#define PICTURE "printf '\\377\\330\\377 %s \\377\\331' "

struct world {
        char *folder;
        struct source *source;
        struct source_picture picture;
        struct reason reason;
};

/* A source that runs a shell's `script`, whose $1 is the file to write if `{file}` is given. */
static void set_up(struct world *world, const char *script, const char *argument, long timeout_ms)
{
        const char *const command[] = {"sh", "-c", script, "sh", argument, NULL};

        *world = (struct world){.folder = test_directory_new(), .picture = SOURCE_PICTURE_INIT};
        setenv("FOLDER", world->folder, 1);
        assert_int_equal(source_new(&(struct source_settings){.kind = SOURCE_COMMAND,
                                                              .command = command,
                                                              .maximum_bytes = 1000,
                                                              .timeout_ms = timeout_ms},
                                    &world->source, &world->reason),
                         0);
}

static void tear_down(struct world *world)
{
        source_free(world->source);
        source_picture_deinit(&world->picture);
        test_directory_remove(world->folder);
}

static int take(struct world *world)
{
        return source_take(world->source, &world->picture, &world->reason);
}

static void assert_reason(const struct world *world, const char *part)
{
        if (!strstr(world->reason.text, part))
                fail_msg("'%s' does not say '%s'", world->reason.text, part);
}

static void what_a_program_prints_is_the_picture(void **state)
{
        struct world world;
        int64_t before_ms = clock_wall_ms();

        (void)state;
        set_up(&world, PICTURE "\"$1\"", "it's $HOME;x", 0);
        assert_int_equal(take(&world), 0);
        assert_string_equal(buf_text(&world.picture.bytes), "\xff\xd8\xff it's $HOME;x \xff\xd9");
        assert_in_range(world.picture.taken_ms, before_ms, clock_wall_ms());
        tear_down(&world);
}

/* The program gets a new file each time, and none is left behind. */
static void what_a_program_writes_is_the_picture(void **state)
{
        struct world world;
        struct stat file;

        (void)state;
        set_up(&world,
               "test -s \"$1\" && exit 9; " PICTURE "one >\"$1\"; echo \"$1\" >$FOLDER/name",
               "{file}", 0);
        for (int i = 0; i < 2; i++) {
                CLEANUP(buf_deinit) struct buf name = BUF_INIT;
                CLEANUP(mem_cleanup) char *path = mem_format("%s/name", world.folder);

                assert_int_equal(take(&world), 0);
                assert_string_equal(buf_text(&world.picture.bytes), "\xff\xd8\xff one \xff\xd9");
                assert_int_equal(file_read(path, 1000, &name, NULL), 0);
                name.data[name.size - 1] = '\0';
                assert_int_equal(stat(buf_text(&name), &file), -1);
        }
        tear_down(&world);
}

/* The picture of the time before is never taken for a new one. */
static void a_program_that_writes_nothing_gives_no_picture(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "test -e $FOLDER/once || { touch $FOLDER/once; " PICTURE "one >\"$1\"; }",
               "{file}", 0);
        assert_int_equal(take(&world), 0);
        assert_int_equal(take(&world), SOURCE_E_FAILED);
        assert_reason(&world, "ended well but gave no picture: it wrote nothing to the file in the "
                              "place of {file}");
        assert_int_equal(world.picture.bytes.size, 0);
        tear_down(&world);
}

static void each_failure_is_told(void **state)
{
        static const struct {
                const char *script;
                const char *reason;
        } cases[] = {
                /* A picture of a program that failed is none. */
                {PICTURE "x; echo first >&2; echo no camera >&2; exit 255",
                 "'sh' ended with status 255; it says: no camera"},
                {PICTURE "x; kill -11 $$", "'sh' was ended by signal 11"},
                {"printf 'not a picture'", "no JPEG picture"},
                {":", "gave no picture: it must write it to standard output"},
                {"dd if=/dev/zero bs=2000 count=1 2>/dev/null", "prints more than 1000 bytes"},
                {"yes", "prints more than 1000 bytes"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world world;

                set_up(&world, cases[i].script, "", 0);
                assert_int_equal(take(&world), SOURCE_E_FAILED);
                assert_reason(&world, cases[i].reason);
                assert_int_equal(world.picture.bytes.size, 0);
                tear_down(&world);
        }
}

static pid_t read_pid(const struct world *world)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/pid", world->folder);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        assert_int_equal(file_read(path, 100, &text, NULL), 0);
        return (pid_t)strtol(buf_text(&text), NULL, 10);
}

/* Whoever adopts it may need a moment to see its end. */
static void assert_is_gone(pid_t pid)
{
        int64_t deadline_ms = clock_steady_ms() + 30000;

        assert_true(pid > 1);
        while (kill(pid, 0) == 0) {
                CLEANUP(mem_cleanup) char *path = mem_format("/proc/%d/stat", (int)pid);
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;

                if (file_read(path, 4096, &text, NULL) == 0 && strstr(buf_text(&text), ") Z "))
                        return;
                assert_true(clock_steady_ms() < deadline_ms);
                usleep(10000);
        }
}

/* With all its children, which have no chance to refuse. */
static void a_program_that_hangs_is_killed(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "trap '' TERM; sh -c 'echo $$ >$FOLDER/pid; exec sleep 1000' & wait", "",
               5000);
        assert_int_equal(take(&world), SOURCE_E_FAILED);
        assert_reason(&world, "'sh' has not ended within 5000 ms");
        assert_is_gone(read_pid(&world));
        tear_down(&world);
}

/* A child that keeps the output open does not keep the camera waiting. */
static void what_is_left_behind_is_killed(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, "sleep 1000 & echo $! >$FOLDER/pid; " PICTURE "one", "", 60000);
        assert_int_equal(take(&world), 0);
        assert_string_equal(buf_text(&world.picture.bytes), "\xff\xd8\xff one \xff\xd9");
        assert_is_gone(read_pid(&world));
        tear_down(&world);
}

static void *stop_soon(void *context)
{
        struct world *world = context;
        CLEANUP(mem_cleanup) char *path = mem_format("%s/pid", world->folder);
        struct stat file;

        while (stat(path, &file) != 0 || file.st_size == 0)
                usleep(10000);
        source_stop(world->source);
        return NULL;
}

static void stopping_ends_the_program(void **state)
{
        struct world world;
        pthread_t thread;

        (void)state;
        set_up(&world, "echo $$ >$FOLDER/pid; exec sleep 1000", "", 600000);
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, &world), 0);
        assert_int_equal(take(&world), SOURCE_E_STOPPED);
        pthread_join(thread, NULL);
        assert_is_gone(read_pid(&world));
        tear_down(&world);
}

static void a_program_that_is_not_there_is_told(void **state)
{
        static const char *const command[] = {"isthmus-no-such-program", NULL};
        struct source *source;
        struct source_picture picture = SOURCE_PICTURE_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(
                source_new(&(struct source_settings){.kind = SOURCE_COMMAND, .command = command},
                           &source, &reason),
                0);
        assert_int_equal(source_take(source, &picture, &reason), SOURCE_E_FAILED);
        assert_non_null(strstr(reason.text, "can't run 'isthmus-no-such-program': No such file"));
        source_free(source);
        source_picture_deinit(&picture);
}

static void a_command_must_name_a_program(void **state)
{
        static const char *const none[] = {NULL};
        static const char *const empty[] = {"", NULL};
        static const char *const *const commands[] = {NULL, none, empty};

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                struct source *source;

                assert_int_equal(source_new(&(struct source_settings){.kind = SOURCE_COMMAND,
                                                                      .command = commands[i]},
                                            &source, NULL),
                                 -EINVAL);
        }
}

/* --- the Raspberry Pi ---------------------------------------------------------------------- */

/* Puts a program of that name first in PATH, which tells in its picture how it was called. */
static void install(const char *folder, const char *name)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/%s", folder, name);
        const char script[] = "#!/bin/sh\nprintf '\\377\\330\\377 %s \\377\\331' \"${0##*/} $*\"\n";

        assert_int_equal(file_write(path, 0755, script, strlen(script), NULL), 0);
}

static void the_pi_is_asked_with_its_newest_program(void **state)
{
        static const struct {
                const char *program;
                const char *called; /* NULL = refused */
                int rotation;
        } cases[] = {
                {"raspistill", "raspistill -n -t 1 -o - -rot 90", 90},
                {"raspistill", NULL, 45},
                {"libcamera-still",
                 "libcamera-still --nopreview --timeout 1 --output - --rotation 180", 180},
                {"rpicam-still", "rpicam-still --nopreview --timeout 1 --output -", 0},
                {"rpicam-still", NULL, 90},
        };
        char *folder = test_directory_new();
        CLEANUP(mem_cleanup) char *before = mem_text(getenv("PATH"));
        CLEANUP(mem_cleanup) char *path = mem_format("%s:/usr/bin:/bin", folder);

        (void)state;
        setenv("PATH", path, 1);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct source *source;
                struct source_picture picture = SOURCE_PICTURE_INIT;
                struct reason reason = REASON_INIT;
                struct source_settings settings = {.kind = SOURCE_PI,
                                                   .rotation = cases[i].rotation};

                install(folder, cases[i].program);
                assert_int_equal(source_new(&settings, &source, &reason),
                                 cases[i].called ? 0 : -EINVAL);
                if (cases[i].called) {
                        CLEANUP(mem_cleanup)
                        char *bytes = mem_format("\xff\xd8\xff %s \xff\xd9", cases[i].called);

                        assert_int_equal(source_take(source, &picture, &reason), 0);
                        assert_string_equal(buf_text(&picture.bytes), bytes);
                } else {
                        assert_non_null(strstr(reason.text, cases[i].program));
                }
                source_free(source);
                source_picture_deinit(&picture);
        }
        setenv("PATH", before, 1);
        test_directory_remove(folder);
}

static void without_the_pi_s_programs_the_reason_names_the_package(void **state)
{
        CLEANUP(mem_cleanup) char *before = mem_text(getenv("PATH"));
        struct source *source;
        struct reason reason = REASON_INIT;

        (void)state;
        setenv("PATH", "/nowhere", 1);
        assert_int_equal(source_new(&(struct source_settings){.kind = SOURCE_PI}, &source, &reason),
                         -EINVAL);
        assert_non_null(strstr(reason.text, "rpicam-apps"));
        setenv("PATH", before, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_program_prints_is_the_picture),
                cmocka_unit_test(what_a_program_writes_is_the_picture),
                cmocka_unit_test(a_program_that_writes_nothing_gives_no_picture),
                cmocka_unit_test(each_failure_is_told),
                cmocka_unit_test(a_program_that_hangs_is_killed),
                cmocka_unit_test(what_is_left_behind_is_killed),
                cmocka_unit_test(stopping_ends_the_program),
                cmocka_unit_test(a_program_that_is_not_there_is_told),
                cmocka_unit_test(a_command_must_name_a_program),
                cmocka_unit_test(the_pi_is_asked_with_its_newest_program),
                cmocka_unit_test(without_the_pi_s_programs_the_reason_names_the_package),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
