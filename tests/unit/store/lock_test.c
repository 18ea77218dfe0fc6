// SPDX-License-Identifier: MIT
/* One process at a time: a second one is refused by name and pid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/sqlite/store_lock.h"
#include "store/store.h"

static int setup(void **state)
{
        char *path = mem_format("%s/isthmus-lock-XXXXXX", "/tmp");

        assert_non_null(mkdtemp(path));
        *state = path;
        return 0;
}

static int teardown(void **state)
{
        CLEANUP(mem_cleanup) char *lock = mem_format("%s/lock", (char *)*state);

        unlink(lock);
        assert_int_equal(rmdir(*state), 0);
        free(*state);
        return 0;
}

static void the_same_process_is_refused_too(void **state)
{
        struct reason reason = REASON_INIT;
        char pid[24];
        int first;
        int second;

        assert_int_equal(store_lock_take(*state, &first, &reason), 0);
        assert_int_equal(store_lock_take(*state, &second, &reason), STORE_E_LOCKED);
        snprintf(pid, sizeof(pid), "process %d,", (int)getpid());
        assert_non_null(strstr(reason.text, pid));
        store_lock_release(first);
        assert_int_equal(store_lock_take(*state, &second, &reason), 0);
        store_lock_release(second);
}

/* Takes the lock, says so, and waits for its end. */
static pid_t start_holder(const char *directory)
{
        int ends[2];
        pid_t child;
        char byte;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                int lock;

                if (store_lock_take(directory, &lock, NULL) != 0 || write(ends[1], "!", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        close(ends[0]);
        return child;
}

static void another_process_is_named_and_its_end_frees_the_lock(void **state)
{
        struct reason reason = REASON_INIT;
        pid_t holder = start_holder(*state);
        char pid[24];
        int lock;

        assert_int_equal(store_lock_take(*state, &lock, &reason), STORE_E_LOCKED);
        snprintf(pid, sizeof(pid), "process %d,", (int)holder);
        assert_non_null(strstr(reason.text, pid));
        assert_non_null(strstr(reason.text, *state));
        kill(holder, SIGKILL);
        assert_int_equal(waitpid(holder, NULL, 0), holder);
        assert_int_equal(store_lock_take(*state, &lock, &reason), 0);
        store_lock_release(lock);
}

static void the_directory_is_made_for_its_owner_only(void **state)
{
        CLEANUP(mem_cleanup) char *outer = mem_format("%s/a", (char *)*state);
        CLEANUP(mem_cleanup) char *inner = mem_format("%s/b", outer);
        CLEANUP(mem_cleanup) char *file = mem_format("%s/lock", inner);
        struct reason reason = REASON_INIT;
        struct stat status;
        int lock;

        assert_int_equal(store_lock_take(inner, &lock, &reason), 0);
        store_lock_release(lock);
        assert_int_equal(stat(inner, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
        unlink(file);
        rmdir(inner);
        assert_int_equal(rmdir(outer), 0);
}

static void a_file_in_its_place_is_named(void **state)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/lock", (char *)*state);
        CLEANUP(mem_cleanup) char *below = mem_format("%s/lock/store", (char *)*state);
        struct reason reason = REASON_INIT;
        int lock;

        assert_int_equal(store_lock_take(*state, &lock, &reason), 0);
        store_lock_release(lock);
        assert_int_equal(store_lock_take(below, &lock, &reason), -ENOTDIR);
        assert_non_null(strstr(reason.text, below));
        assert_int_equal(store_lock_take(path, &lock, &reason), -ENOTDIR);
        assert_non_null(strstr(reason.text, path));
}

/* Whoever may write in the directory could have another file overwritten. */
static void a_link_in_its_place_is_not_followed(void **state)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/lock", (char *)*state);
        CLEANUP(mem_cleanup) char *target = mem_format("%s/target", (char *)*state);
        struct reason reason = REASON_INIT;
        int lock;

        assert_int_equal(symlink(target, path), 0);
        assert_int_equal(store_lock_take(*state, &lock, &reason), -ELOOP);
        assert_non_null(strstr(reason.text, path));
        assert_int_equal(access(target, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_same_process_is_refused_too),
                TEST(another_process_is_named_and_its_end_frees_the_lock),
                TEST(the_directory_is_made_for_its_owner_only),
                TEST(a_file_in_its_place_is_named),
                TEST(a_link_in_its_place_is_not_followed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
