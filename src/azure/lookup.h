// SPDX-License-Identifier: MIT
/*
 * Host names to addresses without blocking the thread "loop": each lookup runs on a short-lived
 * thread "hub-dns" of its own, because the system's resolver can't be interrupted.
 */
#ifndef ISTHMUS_AZURE_LOOKUP_H
#define ISTHMUS_AZURE_LOOKUP_H

#include "base/loop.h"

struct lookup;

/* On the thread "loop": the numeric address, or NULL and why there is none. */
typedef void lookup_done(void *context, const char *address, const char *why);

/*
 * Asks for the address number `which` of a host; they are taken in turn, IPv4 first. The lookup
 * frees itself after `done`.
 */
struct lookup *lookup_start(struct loop *loop, const char *host, unsigned which, lookup_done *done,
                            void *context);

/* Before `done`: it is not called any more, and after this nothing is posted. */
void lookup_cancel(struct lookup *lookup);

#endif
