// SPDX-License-Identifier: MIT
/* The table of networks: a line for each. */
#include "base/mem.h"
#include "networks/myriota/myriota.h"
#include "networks/network.h"
#include "networks/things_stack/things_stack.h"

const struct network *const networks[] = {
        &things_stack,
        &myriota,
        NULL,
};

_Static_assert(ARRAY_SIZE(networks) <= NETWORKS_MAX, "raise NETWORKS_MAX");
