// SPDX-License-Identifier: MIT
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static int isthmus_help(int argc, char **argv);

static const struct cli_command commands[] = {
        {"command", "lists, shows and cancels commands on their way to devices", isthmus_command},
        {"config", "checks or shows the configuration", isthmus_config},
        {"device", "lists and shows devices; gives their ids in IoT Hub free", isthmus_device},
        {"formatter", "tries a payload formatter", isthmus_formatter},
        {"gateway", "takes webhooks and is every device's connection to its hub", isthmus_gateway},
        {"help", "shows this help", isthmus_help},
        {"hub", "runs a local IoT Hub and provisioning service", isthmus_hub},
        {"queue", "looks into the store; replays or drops dead letters", isthmus_queue},
        {"status", "asks the running gateway how it and its devices are", isthmus_status},
        {"store", "copies the store, also a running gateway's", isthmus_store},
        {"uplink", "shows what a webhook would become, without sending it", isthmus_uplink},
        {"version", "prints the version", isthmus_version},
};

static int isthmus_help(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        puts("isthmus: makes every sensor a device of its own in Azure IoT Hub\n\n"
             "usage: isthmus COMMAND [options]\n");
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                printf("  %-10s %s\n", commands[i].name, commands[i].summary);
        puts("\n`isthmus COMMAND --help` explains a command; `man isthmus` says more.");
        return CLI_GOOD;
}

int cli_main(int argc, char **argv)
{
        const char *name = argc > 1 ? argv[1] : NULL;

        if (!name) {
                isthmus_help(0, NULL);
                return CLI_USAGE;
        }
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
                name = "help";
        if (strcmp(name, "--version") == 0)
                name = "version";
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
                if (strcmp(name, commands[i].name) == 0)
                        return commands[i].run(argc - 1, argv + 1);
        }
        fprintf(stderr, "isthmus: there is no command '%s'; `isthmus help` lists them\n", name);
        return CLI_USAGE;
}
