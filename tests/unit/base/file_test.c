// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static int make_directory(void **state)
{
        *state = mkdtemp(mem_text("/tmp/isthmus-file-XXXXXX"));
        return *state ? 0 : -1;
}

/* Removes what the tests made; fails if a temporary file was left behind. */
static int remove_directory(void **state)
{
        static const char *const made[] = {"file", "a/b/file", "a/b/formatters", "a/b", "a"};
        int result;

        for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
                char *path = mem_format("%s/%s", (char *)*state, made[i]);

                remove(path);
                free(path);
        }
        result = rmdir(*state);
        free(*state);
        return result;
}

static void what_was_written_is_read_back(void **state)
{
        char *path = mem_format("%s/file", (char *)*state);
        CLEANUP(buf_deinit) struct buf content = BUF_INIT;
        struct stat status;
        struct reason reason = REASON_INIT;

        assert_int_equal(file_write(path, 0600, "one\0two", 7, &reason), 0);
        assert_int_equal(file_write(path, 0640, "one\0three", 9, &reason), 0);
        assert_int_equal(file_read(path, 9, &content, &reason), 0);
        assert_int_equal(content.size, 9);
        assert_memory_equal(content.data, "one\0three", 9);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0640);
        free(path);
}

static void a_file_beyond_the_limit_is_refused(void **state)
{
        char *path = mem_format("%s/file", (char *)*state);
        CLEANUP(buf_deinit) struct buf content = BUF_INIT;
        struct reason reason = REASON_INIT;

        assert_int_equal(file_write(path, 0600, "0123456789", 10, &reason), 0);
        assert_int_equal(file_read(path, 9, &content, &reason), -EFBIG);
        assert_non_null(strstr(reason.text, path));
        free(path);
}

static void a_file_is_read_whole_whatever_size_it_tells(void **state)
{
        char *path = mem_format("%s/file", (char *)*state);
        char *large = mem_new(300001, 1);
        CLEANUP(buf_deinit) struct buf content = BUF_INIT;
        struct reason reason = REASON_INIT;

        memset(large, 'x', 300000);
        assert_int_equal(file_write(path, 0600, large, 300000, &reason), 0);
        buf_add_text(&content, "before ");
        assert_int_equal(file_read(path, 300000, &content, &reason), 0);
        assert_int_equal(content.size, 300007);
        assert_string_equal(content.data + 7, large);
        /* The kernel's own files say 0. */
        buf_clear(&content);
        assert_int_equal(file_read("/proc/self/status", 100000, &content, &reason), 0);
        assert_non_null(strstr(content.data, "VmRSS"));
        free(large);
        free(path);
}

static void errors_name_the_file(void **state)
{
        CLEANUP(buf_deinit) struct buf content = BUF_INIT;
        struct reason reason = REASON_INIT;

        (void)state;
        assert_int_equal(file_read("/nonexistent/x", 10, &content, &reason), -ENOENT);
        assert_string_equal(reason.text, "can't open '/nonexistent/x': No such file or directory");
        assert_int_equal(file_write("/nonexistent/x", 0600, "", 0, &reason), -ENOENT);
        assert_string_equal(reason.text, "can't write '/nonexistent/x': No such file or directory");
}

static void directories_are_made_with_those_above(void **state)
{
        char *directory = mem_format("%s/a/b", (char *)*state);
        char *path = mem_format("%s/file", directory);
        struct stat status;
        struct reason reason = REASON_INIT;

        assert_int_equal(file_make_directory(directory, 0700, &reason), 0);
        assert_int_equal(file_make_directory(directory, 0700, &reason), 0);
        assert_int_equal(stat(directory, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
        assert_int_equal(file_write(path, 0600, "", 0, &reason), 0);
        assert_int_equal(file_make_directory(path, 0700, &reason), -ENOTDIR);
        free(path);
        free(directory);
}

static unsigned mode_of(const char *path)
{
        struct stat status;

        assert_int_equal(lstat(path, &status), 0);
        return status.st_mode & 0777;
}

static void a_private_file_follows_no_link_and_is_tightened(void **state)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/file", (char *)*state);
        CLEANUP(mem_cleanup) char *target = mem_format("%s/a", (char *)*state);
        struct reason reason = REASON_INIT;
        int fd;

        assert_int_equal(symlink(target, path), 0);
        assert_int_equal(file_open_private(path, O_RDWR), -ELOOP);
        assert_int_equal(access(target, F_OK), -1);
        assert_int_equal(unlink(path), 0);

        assert_int_equal(file_write(path, 0644, "x", 1, &reason), 0);
        fd = file_open_private(path, O_RDWR);
        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(mode_of(path), 0600);
        assert_int_equal(chmod(path, 0755), 0);
        file_tighten(path);
        assert_int_equal(mode_of(path), 0700);
}

static void a_claimed_directory_is_closed_to_others(void **state)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/a/b", (char *)*state);
        CLEANUP(mem_cleanup) char *mark = mem_format("%s/file", path);
        struct reason reason = REASON_INIT;

        assert_int_equal(file_claim_directory(path, "file", &reason), 0);
        assert_int_equal(mode_of(path), 0700);
        assert_int_equal(chmod(path, 0755), 0);
        assert_int_equal(file_claim_directory(path, "file", &reason), 0);
        assert_int_equal(mode_of(path), 0700);
        /* It has been ours before. */
        assert_int_equal(file_write(mark, 0600, "", 0, &reason), 0);
        assert_int_equal(chmod(path, 0750), 0);
        assert_int_equal(file_claim_directory(path, "file", &reason), 0);
        assert_int_equal(mode_of(path), 0700);
}

/* A log of our own that was there first is no reason to refuse. */
static void a_directory_with_files_of_ours_is_closed_to_others(void **state)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/a/b", (char *)*state);
        CLEANUP(mem_cleanup) char *file = mem_format("%s/file", path);
        CLEANUP(mem_cleanup) char *folder = mem_format("%s/formatters", path);
        struct reason reason = REASON_INIT;

        assert_int_equal(file_make_directory(folder, 0755, &reason), 0);
        assert_int_equal(file_write(file, 0644, "", 0, &reason), 0);
        assert_int_equal(chmod(path, 0755), 0);
        assert_int_equal(file_claim_directory(path, "mark", &reason), 0);
        assert_int_equal(mode_of(path), 0700);
}

/* Closing it would harm others. */
static void a_directory_with_files_of_others_is_refused_when_they_can_enter(void **state)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/a/b", (char *)*state);
        CLEANUP(mem_cleanup) char *foreign = mem_format("%s/file", path);
        struct reason reason = REASON_INIT;

        assert_int_equal(file_claim_directory(path, "mark", &reason), 0);
        assert_int_equal(file_write(foreign, 0600, "", 0, &reason), 0);
        if (chown(foreign, 12345, (gid_t)-1) != 0) {
                print_message("only root can give a file away; not tried\n");
                return;
        }
        assert_int_equal(chmod(path, 0755), 0);
        assert_int_equal(file_claim_directory(path, "mark", &reason), -EPERM);
        assert_non_null(strstr(reason.text, path));
        assert_int_equal(mode_of(path), 0755);
        assert_int_equal(chmod(path, 0700), 0);
        assert_int_equal(file_claim_directory(path, "mark", &reason), 0);
}

static void a_directory_of_somebody_else_is_refused(void **state)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/a", (char *)*state);
        struct reason reason = REASON_INIT;

        assert_int_equal(file_claim_directory(path, "mark", &reason), 0);
        if (chown(path, 12345, (gid_t)-1) != 0) {
                print_message("only root can give a directory away; skipped\n");
                skip();
        }
        assert_int_equal(file_claim_directory(path, "mark", &reason), -EPERM);
        assert_non_null(strstr(reason.text, "belongs to another user"));
}

int main(void)
{
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)
        const struct CMUnitTest tests[] = {
                IN_DIRECTORY(what_was_written_is_read_back),
                IN_DIRECTORY(a_file_beyond_the_limit_is_refused),
                IN_DIRECTORY(a_file_is_read_whole_whatever_size_it_tells),
                cmocka_unit_test(errors_name_the_file),
                IN_DIRECTORY(a_private_file_follows_no_link_and_is_tightened),
                IN_DIRECTORY(a_claimed_directory_is_closed_to_others),
                IN_DIRECTORY(a_directory_with_files_of_ours_is_closed_to_others),
                IN_DIRECTORY(a_directory_with_files_of_others_is_refused_when_they_can_enter),
                IN_DIRECTORY(a_directory_of_somebody_else_is_refused),
                IN_DIRECTORY(directories_are_made_with_those_above),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
