// SPDX-License-Identifier: MIT
/* The places of the networks in their table, for tests that set what is configured of one. */
#ifndef ISTHMUS_TESTS_SUPPORT_NETWORK_PLACES_H
#define ISTHMUS_TESTS_SUPPORT_NETWORK_PLACES_H

enum {
        THINGS_STACK,
        MYRIOTA
};

#endif
