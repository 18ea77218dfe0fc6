// SPDX-License-Identifier: MIT
/* A directory for one test program's files. */
#ifndef ISTHMUS_TESTS_SUPPORT_DIRECTORY_H
#define ISTHMUS_TESTS_SUPPORT_DIRECTORY_H

/* Makes a new empty one; free the path with test_directory_remove. */
char *test_directory_new(void);

/* Path of a file in it; free it with free(). */
char *test_directory_file(const char *directory, const char *name);

/* Writes a text into a file in it. */
void test_directory_write(const char *directory, const char *name, const char *text);

/* Removes the files in it, the directory, and frees the path. */
void test_directory_remove(char *directory);

#endif
