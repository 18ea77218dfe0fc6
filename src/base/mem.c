// SPDX-License-Identifier: MIT
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *mem_check(void *memory)
{
        if (!memory) {
                fputs("isthmus: out of memory\n", stderr);
                abort();
        }
        return memory;
}

void *mem_new(size_t count, size_t size)
{
        return mem_check(calloc(count ? count : 1, size ? size : 1));
}

void *mem_resize(void *old, size_t count, size_t size)
{
        return mem_check(reallocarray(old, count ? count : 1, size ? size : 1));
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
