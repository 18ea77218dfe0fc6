// SPDX-License-Identifier: MIT
/* Makes broken documents of good ones, and gives each to a function. */
#ifndef ISTHMUS_TESTS_SUPPORT_MUTATE_JSON_H
#define ISTHMUS_TESTS_SUPPORT_MUTATE_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* What takes the documents; `same` says that it must mean what the good one means. */
struct mutate_sink {
        void (*take)(struct mutate_sink *sink, const char *body, size_t size, bool same);
        void *context;
};

/* The document cut off behind about `pieces` of its bytes. */
void mutate_truncate(const char *body, size_t size, size_t pieces, struct mutate_sink *sink);

/* About `pieces` of its bytes replaced by bytes that UTF-8 never has, by quotes and brackets. */
void mutate_bytes(const char *body, size_t size, size_t pieces, struct mutate_sink *sink);

/*
 * Every member, also those of JSON within texts, replaced by values of every type, by numbers
 * beyond 64 bits, by 10,000 nested lists, by broken UTF-8; and doubled with the right value last.
 */
void mutate_members(const char *body, size_t size, struct mutate_sink *sink);

#endif
