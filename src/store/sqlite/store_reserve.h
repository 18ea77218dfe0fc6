// SPDX-License-Identifier: MIT
/*
 * Room on the disk that is kept for settling what was accepted: a file `reserve` of allocated
 * blocks. When the disk is full its blocks are given up, so that events can still be marked as
 * done; before new events are taken it is made again.
 */
#ifndef ISTHMUS_STORE_SQLITE_STORE_RESERVE_H
#define ISTHMUS_STORE_SQLITE_STORE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct store_reserve {
        char *path;
        int64_t size; /* a 16th of the disk, from 1 to 16 MiB */
        bool held;
};

/* Looks at what is there; makes nothing. */
void store_reserve_init(struct store_reserve *reserve, const char *directory);

/* Frees the memory; the file stays for the next start. */
void store_reserve_deinit(struct store_reserve *reserve);

/* Gives the room up. */
void store_reserve_release(struct store_reserve *reserve);

/* 0 if it is held, or made with `besides` further bytes free; else a negative error number. */
int store_reserve_make(struct store_reserve *reserve, int64_t besides) MUST_CHECK;

#endif
