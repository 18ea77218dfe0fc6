// SPDX-License-Identifier: MIT
#include "support/directory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

char *test_directory_new(void)
{
        const char *parent = getenv("TMPDIR");
        char *directory = mem_format("%s/isthmus-test-XXXXXX", parent ? parent : "/tmp");

        if (!mkdtemp(directory)) {
                perror("mkdtemp");
                abort();
        }
        return directory;
}

char *test_directory_file(const char *directory, const char *name)
{
        return mem_format("%s/%s", directory, name);
}

void test_directory_write(const char *directory, const char *name, const char *text)
{
        CLEANUP(mem_cleanup) char *path = test_directory_file(directory, name);
        FILE *out = fopen(path, "w");

        if (!out || fputs(text, out) == EOF || fclose(out) != 0) {
                perror(path);
                abort();
        }
}

void test_directory_remove(char *directory)
{
        DIR *files = opendir(directory);
        struct dirent *file;

        while (files && (file = readdir(files))) {
                CLEANUP(mem_cleanup) char *path = test_directory_file(directory, file->d_name);

                if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
                        unlink(path);
        }
        if (files)
                closedir(files);
        rmdir(directory);
        free(directory);
}
