// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "camera/source/multipart.h"

#define TYPE "multipart/x-mixed-replace; boundary=edge"

struct world {
        struct multipart multipart;
        struct buf parts; /* each with its time */
        struct reason reason;
};

static void take(void *context, const struct multipart_part *part)
{
        struct world *world = context;

        buf_add(&world->parts, part->bytes, part->size);
        buf_add_format(&world->parts, "@%d|", (int)part->began_ms);
}

static bool begin(struct world *world, const char *type)
{
        bool is_good;

        *world = (struct world){.parts = BUF_INIT};
        is_good = multipart_init(&world->multipart, type, 20, &world->reason);
        world->multipart.take = take;
        world->multipart.context = world;
        return is_good;
}

static void end(struct world *world)
{
        multipart_deinit(&world->multipart);
        buf_deinit(&world->parts);
}

static bool push(struct world *world, const char *text, int64_t now_ms)
{
        return multipart_push(&world->multipart, text, strlen(text), now_ms, &world->reason);
}

static void only_streams_are_streams(void **state)
{
        (void)state;
        assert_true(multipart_is_type("multipart/x-mixed-replace; boundary=a"));
        assert_true(multipart_is_type("Multipart/X-Mixed-Replace"));
        assert_false(multipart_is_type("image/jpeg"));
        assert_false(multipart_is_type(""));
}

static void parts_are_found_however_a_camera_marks_them(void **state)
{
        static const struct {
                const char *type;
                const char *body;
                const char *parts;
        } cases[] = {
                {TYPE,
                 "--edge\r\nContent-Length: 3\r\n\r\nabc\r\n--edge\r\nContent-Length: 2\r\n\r\nde",
                 "abc@1|de@1|"},
                /* Without a length a part ends where the next begins. */
                {TYPE, "--edge\r\n\r\nabc\r\n--edge\r\n\r\nde", "abc@1|"},
                {TYPE, "--edge\n\nabc\n--edge\n\nde\n--edge--\n", "abc@1|de@1|"},
                /* The dashes belong to the boundary, or not. */
                {"multipart/x-mixed-replace;boundary=--edge",
                 "\r\n--edge\r\ncontent-type: IMAGE/jpeg\r\ncontent-length:2\r\n\r\nab", "ab@1|"},
                {"multipart/x-mixed-replace;boundary=--edge", "----edge\r\n\r\nab\r\n----edge\r\n",
                 "ab@1|"},
                {"multipart/x-mixed-replace; boundary=\"the edge\"; charset=x",
                 "--the edge\r\n\r\nab\r\n--the edge\r\n", "ab@1|"},
                /* An empty one is told, too. */
                {TYPE, "--edge\r\nContent-Length: 0\r\n\r\n\r\n--edge\r\n\r\nab\r\n--edge\r\n",
                 "@1|ab@1|"},
                /* A length that is too small: the rest belongs to nothing. */
                {TYPE, "--edge\r\nContent-Length: 1\r\n\r\nabc\r\n--edge\r\n\r\nde\r\n--edge\r\n",
                 "a@1|de@1|"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world world;

                assert_true(begin(&world, cases[i].type));
                assert_true(push(&world, cases[i].body, 1));
                assert_string_equal(buf_text(&world.parts), cases[i].parts);
                end(&world);
        }
}

/* A part's time is when its headers were there: what began earlier was not asked for. */
static void a_part_has_the_time_it_began(void **state)
{
        static const char body[] = "--edge\r\nContent-Length: 3\r\n\r\nabc\r\n--edge\r\n\r\n";
        struct world world;

        (void)state;
        assert_true(begin(&world, TYPE));
        for (size_t i = 0; i < strlen(body); i++)
                assert_true(
                        multipart_push(&world.multipart, body + i, 1, (int64_t)i, &world.reason));
        assert_string_equal(buf_text(&world.parts), "abc@28|");
        end(&world);
}

static void what_is_no_stream_is_refused(void **state)
{
        static char between[70000];
        static const struct {
                const char *body;
                const char *reason;
        } cases[] = {
                {"--edge\r\nContent-Type: text/html\r\n\r\n", "no picture"},
                {"--edge\r\nContent-Length: 21\r\n\r\n", "too long"},
                {"--edge\r\nContent-Length: -1\r\n\r\n", "too long"},
                {"--edge\r\n\r\n123456789012345678901", "too long"},
                {between, "does not come"},
        };

        (void)state;
        memset(between, 'x', sizeof(between) - 1);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world world;

                assert_true(begin(&world, TYPE));
                assert_false(push(&world, cases[i].body, 1));
                assert_non_null(strstr(world.reason.text, cases[i].reason));
                assert_string_equal(buf_text(&world.parts), "");
                end(&world);
        }
}

static void endless_headers_are_refused(void **state)
{
        struct world world;
        bool is_good = true;

        (void)state;
        assert_true(begin(&world, TYPE));
        assert_true(push(&world, "--edge\r\n", 1));
        for (int i = 0; i < 1000 && is_good; i++)
                is_good = push(&world, "Header: value\r\n", 1);
        assert_false(is_good);
        end(&world);
}

static void a_boundary_is_needed(void **state)
{
        static const char *const types[] = {
                "multipart/x-mixed-replace",
                "multipart/x-mixed-replace; boundary=",
                "multipart/x-mixed-replace; boundary=\"\"",
                "multipart/x-mixed-replace; boundary=--",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                struct world world;

                assert_false(begin(&world, types[i]));
                assert_non_null(strstr(world.reason.text, "no boundary"));
                end(&world);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_streams_are_streams),
                cmocka_unit_test(parts_are_found_however_a_camera_marks_them),
                cmocka_unit_test(a_part_has_the_time_it_began),
                cmocka_unit_test(what_is_no_stream_is_refused),
                cmocka_unit_test(endless_headers_are_refused),
                cmocka_unit_test(a_boundary_is_needed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
