// SPDX-License-Identifier: MIT
/* What every fuzz target has: its entry, and a way to say that something is wrong. */
#ifndef ISTHMUS_TESTS_FUZZ_FUZZ_H
#define ISTHMUS_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static inline void require(bool holds)
{
        if (!holds)
                abort();
}

#endif
