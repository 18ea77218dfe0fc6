// SPDX-License-Identifier: MIT
/* By the real plug-in, from a film that FFmpeg's own program makes. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "camera/picture/jpeg.h"
#include "camera/source/source.h"
#include "support/directory.h"
#include "support/rtsp_server.h"

#define SKIPPED 77

static struct buf film;

struct world {
        struct test_rtsp_server *server;
        struct source *source;
        struct source_picture picture;
        struct reason reason;
};

static void set_up(struct world *world, struct source_settings settings,
                   const struct test_digest *digest, enum test_rtsp_mood mood)
{
        CLEANUP(mem_cleanup) char *url = NULL;

        *world = (struct world){.picture = SOURCE_PICTURE_INIT};
        world->server = test_rtsp_server_start(&film, digest, mood);
        url = mem_format("rtsp://127.0.0.1:%d/stream", test_rtsp_server_port(world->server));
        settings.kind = SOURCE_RTSP;
        settings.place = url;
        settings.plugin = TEST_CAMERA_VIDEO;
        if (settings.timeout_ms == 0)
                settings.timeout_ms = 60000;
        if (source_new(&settings, &world->source, &world->reason) != 0)
                fail_msg("%s", world->reason.text);
}

static void tear_down(struct world *world)
{
        source_free(world->source);
        test_rtsp_server_stop(world->server);
        source_picture_deinit(&world->picture);
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

/* The film is red on the left and blue on the right. */
static void assert_is_the_film(const struct source_picture *taken)
{
        CLEANUP(picture_deinit) struct picture picture = PICTURE_INIT;
        const uint8_t *left;
        const uint8_t *right;

        assert_int_equal(jpeg_read(taken->bytes.data, taken->bytes.size, &picture, NULL), 0);
        assert_int_equal(picture.width, 320);
        assert_int_equal(picture.height, 240);
        left = picture_row(&picture, 120) + 80 * PICTURE_PIXEL_BYTES;
        right = picture_row(&picture, 120) + 240 * PICTURE_PIXEL_BYTES;
        assert_true(left[2] > 230 && left[1] < 25 && left[0] < 25);
        assert_true(right[0] > 230 && right[1] < 25 && right[2] < 25);
}

static void a_picture_of_a_stream_is_taken(void **state)
{
        struct world world;

        (void)state;
        set_up(&world, (struct source_settings){0}, NULL, TEST_RTSP_PLAYS);
        for (int i = 0; i < 2; i++) {
                int64_t before_ms = clock_wall_ms();

                if (take(&world) != 0)
                        fail_msg("%s", world.reason.text);
                assert_is_the_film(&world.picture);
                assert_true(world.picture.taken_ms >= before_ms || i > 0);
        }
        tear_down(&world);
}

static void a_password_is_proven_by_digest(void **state)
{
        static const struct test_digest digest = {
                .algorithm = "MD5", .user = "user", .password = "p@ss:w/rd"};
        struct world world;

        (void)state;
        set_up(&world, (struct source_settings){.user = "user", .password = "p@ss:w/rd"}, &digest,
               TEST_RTSP_PLAYS);
        if (take(&world) != 0)
                fail_msg("%s", world.reason.text);
        assert_is_the_film(&world.picture);
        tear_down(&world);
        set_up(&world, (struct source_settings){.user = "user", .password = "wrong"}, &digest,
               TEST_RTSP_PLAYS);
        assert_int_equal(take(&world), SOURCE_E_FAILED);
        assert_reason(&world, "401");
        assert_null(strstr(world.reason.text, "wrong"));
        tear_down(&world);
}

static void a_stream_without_pictures_is_given_up(void **state)
{
        static const struct {
                enum test_rtsp_mood mood;
                long timeout_ms;
                const char *reason;
        } cases[] = {
                {TEST_RTSP_IS_SILENT, 300, "within 300 ms"},
                {TEST_RTSP_SENDS_NONE, 300, "within 300 ms"},
                {TEST_RTSP_ENDS_AT_ONCE, 60000, "rtsp://127.0.0.1"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world world;

                set_up(&world, (struct source_settings){.timeout_ms = cases[i].timeout_ms}, NULL,
                       cases[i].mood);
                assert_int_equal(take(&world), SOURCE_E_FAILED);
                assert_reason(&world, cases[i].reason);
                tear_down(&world);
        }
}

static void *stop_soon(void *context)
{
        usleep(100000);
        source_stop(context);
        return NULL;
}

static void stopping_ends_a_wait(void **state)
{
        struct world world;
        pthread_t thread;

        (void)state;
        set_up(&world, (struct source_settings){.timeout_ms = 600000}, NULL, TEST_RTSP_SENDS_NONE);
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, world.source), 0);
        assert_int_equal(take(&world), SOURCE_E_STOPPED);
        pthread_join(thread, NULL);
        tear_down(&world);
}

static void what_can_not_be_is_refused_at_once(void **state)
{
        static const struct {
                struct source_settings settings;
                const char *reason;
        } cases[] = {
                {{.kind = SOURCE_RTSP, .place = "http://camera/"}, "must begin with rtsp://"},
                {{.kind = SOURCE_RTSP, .place = "rtsp://me:secret@camera/"}, "before '@'"},
                {{.kind = SOURCE_V4L2, .place = "video0"}, "such as /dev/video0"},
                {{.kind = SOURCE_V4L2, .place = "/dev/video0", .plugin = "/nowhere.so"},
                 "can't be opened"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct source *source;
                struct reason reason = REASON_INIT;

                assert_int_equal(source_new(&cases[i].settings, &source, &reason), -EINVAL);
                if (!strstr(reason.text, cases[i].reason))
                        fail_msg("'%s' does not say '%s'", reason.text, cases[i].reason);
        }
}

static void a_device_that_is_not_there_is_told(void **state)
{
        struct source *source;
        struct source_picture picture = SOURCE_PICTURE_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(source_new(&(struct source_settings){.kind = SOURCE_V4L2,
                                                              .place = "/dev/isthmus-none",
                                                              .plugin = TEST_CAMERA_VIDEO},
                                    &source, &reason),
                         0);
        assert_int_equal(source_take(source, &picture, &reason), SOURCE_E_FAILED);
        assert_non_null(strstr(reason.text, "/dev/isthmus-none: No such file or directory"));
        source_free(source);
        source_picture_deinit(&picture);
}

/* False if FFmpeg's program is not there. */
static bool make_film(void)
{
        char *folder = test_directory_new();
        CLEANUP(mem_cleanup) char *path = test_directory_file(folder, "film.h264");
        CLEANUP(mem_cleanup)
        char *command = mem_format(
                "ffmpeg -nostdin -loglevel error -f lavfi -i color=red:size=160x240:rate=10 "
                "-f lavfi -i color=blue:size=160x240:rate=10 -filter_complex hstack "
                "-frames:v 20 -c:v libx264 -g 10 -threads 1 -pix_fmt yuv420p -f h264 %s",
                path);
        bool made = system(command) == 0 && file_read(path, 1000000, &film, NULL) == 0;

        test_directory_remove(folder);
        return made;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_picture_of_a_stream_is_taken),
                cmocka_unit_test(a_password_is_proven_by_digest),
                cmocka_unit_test(a_stream_without_pictures_is_given_up),
                cmocka_unit_test(stopping_ends_a_wait),
                cmocka_unit_test(what_can_not_be_is_refused_at_once),
                cmocka_unit_test(a_device_that_is_not_there_is_told),
        };
        int failed;

        if (access(TEST_CAMERA_VIDEO, F_OK) != 0 || !make_film()) {
                printf("skipped: isthmus-camera-video.so is not built, or there is no ffmpeg\n");
                return SKIPPED;
        }
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        buf_deinit(&film);
        return failed;
}
