// SPDX-License-Identifier: MIT
#include "base/mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *mem_check(void *memory)
{
        if (!memory) {
                fputs("isthmus: out of memory\n", stderr);
                abort();
        }
        return memory;
}

/* From here on a block is a picture or a model: it is asked for in pages as large as there are. */
#define LARGE_BYTES ((size_t)4 * 1024 * 1024)

/* A page at a time, of 4 KiB each, the system takes longer than decoding a picture does. */
static void *in_large_pages(void *memory, size_t count, size_t size)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        uintptr_t start = ((uintptr_t)memory + page - 1) & ~(page - 1);
        uintptr_t end = ((uintptr_t)memory + count * size) & ~(page - 1);

        /* Advice: whoever has no large pages does without. */
        (void)madvise((void *)start, end - start, MADV_HUGEPAGE);
        return memory;
}

void *mem_new(size_t count, size_t size)
{
        void *memory = mem_check(calloc(count ? count : 1, size ? size : 1));

        return count * size < LARGE_BYTES ? memory : in_large_pages(memory, count, size);
}

void *mem_resize(void *old, size_t count, size_t size)
{
        void *memory = mem_check(reallocarray(old, count ? count : 1, size ? size : 1));

        return count * size < LARGE_BYTES ? memory : in_large_pages(memory, count, size);
}

void *mem_grow(void *array, size_t count, size_t size)
{
        bool is_full = (count & (count - 1)) == 0;

        return is_full ? mem_resize(array, count > 0 ? count * 2 : 1, size) : array;
}

char *mem_text(const char *text)
{
        return text ? mem_check(strdup(text)) : NULL;
}

char *mem_text_n(const char *bytes, size_t size)
{
        char *copy = mem_check(malloc(size + 1));

        if (size > 0)
                memcpy(copy, bytes, size);
        copy[size] = '\0';
        return copy;
}

char *mem_format(const char *format, ...)
{
        va_list values;
        char *text = NULL;
        int length;

        va_start(values, format);
        length = vasprintf(&text, format, values);
        va_end(values);
        return mem_check(length < 0 ? NULL : text);
}

void mem_cleanup(void *pointer_to_pointer)
{
        void *held;

        memcpy(&held, pointer_to_pointer, sizeof(held));
        free(held);
}

void mem_wipe(void *bytes, size_t size)
{
        if (bytes)
                explicit_bzero(bytes, size);
}
