// SPDX-License-Identifier: MIT
/* Any bytes as a webhook of The Things Stack. */
#include "fuzz/fuzz.h"
#include "networks/things_stack/things_stack.h"
#include "networks_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        fuzz_network(&things_stack, data, size);
        return 0;
}
