// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "cli/cli.h"

int isthmus_version(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        puts("isthmus " ISTHMUS_VERSION);
        return CLI_GOOD;
}
