// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/sqlite/store_reserve.h"

static int setup(void **state)
{
        char *path = mem_format("%s/isthmus-reserve-XXXXXX", "/tmp");

        assert_non_null(mkdtemp(path));
        *state = path;
        return 0;
}

static int teardown(void **state)
{
        CLEANUP(mem_cleanup) char *file = mem_format("%s/reserve", (char *)*state);

        unlink(file);
        assert_int_equal(rmdir(*state), 0);
        free(*state);
        return 0;
}

static int64_t allocated(const struct store_reserve *reserve)
{
        struct stat status;

        return stat(reserve->path, &status) == 0 ? status.st_blocks * 512 : 0;
}

static void it_takes_room_on_the_disk_and_gives_it_back(void **state)
{
        struct store_reserve reserve;
        struct store_reserve later;

        store_reserve_init(&reserve, *state);
        assert_in_range(reserve.size, 1 << 20, 16 << 20);
        assert_false(reserve.held);
        assert_int_equal(store_reserve_make(&reserve, 0), 0);
        assert_true(reserve.held);
        assert_true(allocated(&reserve) >= reserve.size);

        /* The next start finds it. */
        store_reserve_init(&later, *state);
        assert_true(later.held);
        store_reserve_release(&later);
        assert_false(later.held);
        assert_int_equal(allocated(&later), 0);
        assert_int_equal(store_reserve_make(&later, 0), 0);
        store_reserve_deinit(&later);
        store_reserve_deinit(&reserve);
}

static void a_link_in_its_place_is_not_followed(void **state)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/reserve", (char *)*state);
        CLEANUP(mem_cleanup) char *target = mem_format("%s/target", (char *)*state);
        struct store_reserve reserve;
        struct stat status;

        assert_int_equal(symlink(target, path), 0);
        store_reserve_init(&reserve, *state);
        assert_false(reserve.held);
        assert_int_equal(store_reserve_make(&reserve, 0), -ELOOP);
        store_reserve_release(&reserve);
        assert_int_equal(lstat(target, &status), -1);
        store_reserve_deinit(&reserve);
}

static void it_is_not_made_when_too_little_would_be_left(void **state)
{
        struct store_reserve reserve;

        store_reserve_init(&reserve, *state);
        assert_int_equal(store_reserve_make(&reserve, INT64_MAX / 2), -ENOSPC);
        assert_false(reserve.held);
        assert_int_equal(allocated(&reserve), 0);
        store_reserve_deinit(&reserve);
}

static void without_its_directory_it_is_not_made(void **state)
{
        struct store_reserve reserve;

        (void)state;
        store_reserve_init(&reserve, "/proc/nothing");
        assert_false(reserve.held);
        assert_int_equal(store_reserve_make(&reserve, 0), -ENOENT);
        store_reserve_release(&reserve);
        store_reserve_deinit(&reserve);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(it_takes_room_on_the_disk_and_gives_it_back),
                TEST(it_is_not_made_when_too_little_would_be_left),
                TEST(a_link_in_its_place_is_not_followed),
                TEST(without_its_directory_it_is_not_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
