// SPDX-License-Identifier: MIT
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

static int fail(struct reason *reason, int error, const char *doing, const char *path)
{
        reason_set(reason, "can't %s '%s': %s", doing, path, strerror(error));
        return -error;
}

/* So much is asked for at once when the file does not tell its size, or holds more than that. */
#define READ_SIZE 4096

/* Room for the whole file at once, and a byte to see its end by. */
static void reserve_for(int fd, size_t limit, struct buf *out)
{
        struct stat about;

        if (fstat(fd, &about) == 0 && about.st_size > 0 && (size_t)about.st_size <= limit)
                buf_reserve(out, (size_t)about.st_size + 1);
}

static int read_all(int fd, size_t limit, struct buf *out)
{
        size_t before = out->size;

        reserve_for(fd, limit, out);
        for (;;) {
                ssize_t got;

                if (out->capacity - out->size < 2)
                        buf_reserve(out, READ_SIZE);
                got = read(fd, out->data + out->size, out->capacity - out->size - 1);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return errno;
                if (got == 0)
                        return 0;
                out->size += (size_t)got;
                out->data[out->size] = '\0';
                if (out->size - before > limit)
                        return EFBIG;
        }
}

int file_read(const char *path, size_t limit, struct buf *out, struct reason *reason)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        int error;

        if (fd < 0)
                return fail(reason, errno, "open", path);
        error = read_all(fd, limit, out);
        close(fd);
        return error ? fail(reason, error, "read", path) : 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
        while (size > 0) {
                ssize_t written = write(fd, bytes, size);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return errno;
                bytes += written;
                size -= (size_t)written;
        }
        return 0;
}

int file_in_memory(const char *name, const void *bytes, size_t size)
{
        int fd = memfd_create(name, MFD_CLOEXEC);
        int error = fd < 0 ? errno : write_all(fd, bytes, size);

        if (error == 0)
                return fd;
        if (fd >= 0)
                close(fd);
        return -error;
}

static int write_temporary(int fd, mode_t mode, const void *bytes, size_t size)
{
        int error;

        if (fchmod(fd, mode) != 0)
                return errno;
        error = write_all(fd, bytes, size);
        if (error == 0 && fsync(fd) != 0)
                error = errno;
        return error;
}

/* Of a file or a directory. */
static int sync_file(const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        int error = 0;

        if (fd < 0)
                return errno;
        if (fsync(fd) != 0)
                error = errno;
        close(fd);
        return error;
}

/* Makes a rename in the directory of `path` durable. */
static int sync_directory_of(const char *path)
{
        CLEANUP(mem_cleanup) char *directory = mem_text(path);
        char *slash = strrchr(directory, '/');
        const char *name = directory;

        if (!slash)
                name = ".";
        else if (slash == directory)
                name = "/";
        else
                *slash = '\0';
        return sync_file(name);
}

int file_write(const char *path, mode_t mode, const void *bytes, size_t size, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *temporary = mem_format("%s.XXXXXX", path);
        int fd = mkostemp(temporary, O_CLOEXEC);
        int error;

        if (fd < 0)
                return fail(reason, errno, "write", path);
        error = write_temporary(fd, mode, bytes, size);
        if (close(fd) != 0 && error == 0)
                error = errno;
        if (error == 0 && rename(temporary, path) != 0)
                error = errno;
        if (error) {
                unlink(temporary);
                return fail(reason, error, "write", path);
        }
        error = sync_directory_of(path);
        return error ? fail(reason, error, "write", path) : 0;
}

static int rename_to(const char *temporary, const char *path, bool overwrite)
{
        int result =
                renameat2(AT_FDCWD, temporary, AT_FDCWD, path, overwrite ? 0 : RENAME_NOREPLACE);

        /* Not every file system can refuse by itself. */
        if (result != 0 && errno == EINVAL && access(path, F_OK) != 0)
                result = rename(temporary, path);
        return result == 0 ? 0 : errno;
}

int file_put_in_place(const char *temporary, const char *path, bool overwrite,
                      struct reason *reason)
{
        int error = sync_file(temporary);

        if (error == 0)
                error = rename_to(temporary, path, overwrite);
        if (error == 0)
                error = sync_directory_of(path);
        return error ? fail(reason, error, "write", path) : 0;
}

static int make_one(const char *path, mode_t mode)
{
        struct stat status;

        if (mkdir(path, mode) == 0)
                return 0;
        if (errno == EEXIST && stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
                return ENOTDIR;
        return errno == EEXIST ? 0 : errno;
}

int file_make_directory(const char *path, mode_t mode, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *part = mem_text(path);
        int error = 0;

        for (char *slash = strchr(part + 1, '/'); slash && error == 0;
             slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                error = make_one(part, 0755);
                *slash = '/';
        }
        if (error == 0)
                error = make_one(path, mode);
        return error ? fail(reason, error, "make the directory", path) : 0;
}

int file_open_private(const char *path, int flags)
{
        int fd = open(path, flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        struct stat status;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 0077))
                (void)!fchmod(fd, status.st_mode & 0700);
        return fd;
}

void file_tighten(const char *path)
{
        struct stat status;

        if (lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
            (status.st_mode & 0077))
                (void)!chmod(path, status.st_mode & 0700);
}

/* One or two levels below the root stand the directories of the system, but for /tmp/NAME. */
static bool is_near_root(int fd)
{
        char link[32];
        char path[4096] = "";
        int levels = 0;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, path, sizeof(path) - 1) < 0)
                return true;
        for (const char *at = path; *at; at++)
                levels += *at == '/';
        return levels <= 2 && strncmp(path, "/tmp/", 5) != 0;
}

/* Does the entry speak against closing the directory that holds it? */
static bool is_foreign(int fd, const char *name, bool near_root)
{
        struct stat status;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0)
                return false;
        if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
                return false; /* it has just gone */
        return status.st_uid != geteuid() || (near_root && S_ISDIR(status.st_mode));
}

/* May a directory be closed to others: is nothing in it that others may need? */
static bool is_ours(int fd, const char *mark)
{
        bool near_root = is_near_root(fd);
        DIR *directory = NULL;
        struct dirent *entry;
        bool ours = true;
        int copy;

        if (faccessat(fd, mark, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return true;
        copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (copy >= 0)
                directory = fdopendir(copy);
        if (!directory)
                return false;
        while (ours && (entry = readdir(directory)))
                ours = !is_foreign(fd, entry->d_name, near_root);
        closedir(directory);
        return ours;
}

static int close_to_others(int fd, const char *path, const char *mark, struct reason *reason)
{
        if (!is_ours(fd, mark)) {
                reason_set(reason,
                           "others may enter '%s', and it holds what is not isthmus's; give it a "
                           "directory of its own",
                           path);
                return -EPERM;
        }
        if (fchmod(fd, 0700) != 0) {
                reason_set(reason, "others may enter '%s', which can't be changed: %s", path,
                           strerror(errno));
                return -EPERM;
        }
        log_warn("DATA_FOLDER_CLOSED", "Other users could enter the data directory; now they can't",
                 LOG_TEXT("directory", path), LOG_END);
        return 0;
}

static int judge_directory(int fd, const char *path, const char *mark, struct reason *reason)
{
        struct stat status;

        if (fstat(fd, &status) != 0)
                return fail(reason, errno, "look at", path);
        if (status.st_uid == geteuid())
                return status.st_mode & 0077 ? close_to_others(fd, path, mark, reason) : 0;
        if (status.st_uid == 0 && !(status.st_mode & S_IWOTH))
                return 0;
        reason_set(reason,
                   status.st_uid == 0 ? "everybody may write in '%s'; give isthmus a directory of "
                                        "its own"
                                      : "'%s' belongs to another user; run this command as that "
                                        "user, or give it a directory of its own",
                   path);
        return -EPERM;
}

int file_claim_directory(const char *path, const char *mark, struct reason *reason)
{
        int result = file_make_directory(path, 0700, reason);
        int fd;

        if (result != 0)
                return result;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return fail(reason, errno, "open", path);
        result = judge_directory(fd, path, mark, reason);
        close(fd);
        return result;
}
