// SPDX-License-Identifier: MIT
#include "store/sqlite/store_reserve.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define SIZE_MINIMUM (INT64_C(1) << 20)
#define SIZE_MAXIMUM (INT64_C(16) << 20)
#define DISK_SHARE   16

static int64_t size_for(const char *directory)
{
        struct statvfs disk;
        int64_t size = SIZE_MAXIMUM;

        if (statvfs(directory, &disk) == 0)
                size = (int64_t)(disk.f_blocks * disk.f_frsize) / DISK_SHARE;
        if (size < SIZE_MINIMUM)
                return SIZE_MINIMUM;
        return size < SIZE_MAXIMUM ? size : SIZE_MAXIMUM;
}

void store_reserve_init(struct store_reserve *reserve, const char *directory)
{
        struct stat file;

        reserve->path = mem_format("%s/reserve", directory);
        reserve->size = size_for(directory);
        reserve->held = lstat(reserve->path, &file) == 0 && S_ISREG(file.st_mode) &&
                        file.st_size >= reserve->size && file.st_blocks * 512 >= reserve->size;
}

void store_reserve_deinit(struct store_reserve *reserve)
{
        free(reserve->path);
        reserve->path = NULL;
}

void store_reserve_release(struct store_reserve *reserve)
{
        int file = file_open_private(reserve->path, O_WRONLY | O_TRUNC);

        if (file >= 0)
                close(file);
        reserve->held = false;
}

static int64_t free_bytes(int file)
{
        struct statvfs disk;

        return fstatvfs(file, &disk) == 0 ? (int64_t)(disk.f_bavail * disk.f_frsize) : 0;
}

static int allocate(const struct store_reserve *reserve, int file, int64_t besides)
{
        int result;

        if (free_bytes(file) < reserve->size + besides)
                return -ENOSPC;
        result = posix_fallocate(file, 0, reserve->size);
        if (result)
                (void)!ftruncate(file, 0);
        return -result;
}

int store_reserve_make(struct store_reserve *reserve, int64_t besides)
{
        int file;
        int result;

        if (reserve->held)
                return 0;
        file = file_open_private(reserve->path, O_RDWR);
        if (file < 0)
                return file;
        result = allocate(reserve, file, besides);
        close(file);
        reserve->held = result == 0;
        return result;
}
