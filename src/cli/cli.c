// SPDX-License-Identifier: MIT
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/completion.h"

static int isthmus_help(int argc, char **argv);

static int isthmus_version(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        puts("isthmus " ISTHMUS_VERSION);
        return CLI_GOOD;
}

static const struct cli_command commands[] = {
        {"cluster", "shows the gateways that share a database", isthmus_cluster},
        {"command", "lists, shows and cancels commands on their way to devices", isthmus_command},
        {"config", "checks or shows the configuration", isthmus_config},
        {"device", "lists and shows devices; gives their ids in IoT Hub free", isthmus_device},
        {"dtdl", "makes the model of a camera for IoT Central", isthmus_dtdl},
        {"formatter", "tries a payload formatter", isthmus_formatter},
        {"gateway", "takes webhooks and is every device's connection to its hub", isthmus_gateway},
        {"help", "shows this help", isthmus_help},
        {"hub", "runs a local IoT Hub and provisioning service", isthmus_hub},
        {"provision", "registers many devices, as fast as the service takes them",
         isthmus_provision},
        {"queue", "looks into the store; replays or drops dead letters", isthmus_queue},
        {"status", "asks the running gateway how it and its devices are", isthmus_status},
        {"store", "copies the store, also a running gateway's", isthmus_store},
        {"uplink", "shows what a webhook would become, without sending it", isthmus_uplink},
        {"version", "prints the version", isthmus_version},
};

static const struct options *const all_options[] = {
        &isthmus_cluster_options,    &isthmus_command_options,   &isthmus_config_options,
        &isthmus_device_options,     &isthmus_dtdl_options,      &isthmus_formatter_options,
        &isthmus_gateway_options,    &isthmus_hub_options,       &isthmus_hub_devices_options,
        &isthmus_hub_invoke_options, &isthmus_hub_send_options,  &isthmus_hub_wait_options,
        &isthmus_hub_watch_options,  &isthmus_provision_options, &isthmus_queue_options,
        &isthmus_status_options,     &isthmus_store_options,     &isthmus_uplink_options,
};

void cli_manual(struct buf *out)
{
        for (size_t i = 0; i < ARRAY_SIZE(all_options); i++)
                options_manual(all_options[i], out);
}

void cli_completion(enum cli_shell shell, struct buf *out)
{
        static const struct completion completion = {
                .program = "isthmus",
                .printed_by = "isthmus help",
                .commands = commands,
                .command_count = ARRAY_SIZE(commands),
                .options = all_options,
                .option_count = ARRAY_SIZE(all_options),
        };

        if (shell == CLI_BASH)
                completion_bash(&completion, out);
        else
                completion_zsh(&completion, out);
}

/* What is made from the tables: docs/man/isthmus.1 and packaging/completion/. */
static bool print_made(const char *what)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        if (strcmp(what, "--manual") == 0)
                cli_manual(&text);
        else if (strcmp(what, "--completion-bash") == 0)
                cli_completion(CLI_BASH, &text);
        else if (strcmp(what, "--completion-zsh") == 0)
                cli_completion(CLI_ZSH, &text);
        fputs(buf_text(&text), stdout);
        return text.size > 0;
}

static int isthmus_help(int argc, char **argv)
{
        if (argc > 1 && print_made(argv[1]))
                return CLI_GOOD;
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
        terminal_fail("help", "there is no command '%s'; `isthmus help` lists them", name);
        return CLI_USAGE;
}
