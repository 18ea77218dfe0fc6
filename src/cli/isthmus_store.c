// SPDX-License-Identifier: MIT
/* `isthmus store`: a copy of a store, also of a running gateway's. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/process.h"
#include "cli/cli.h"
#include "cli/data_place.h"
#include "cli/terminal.h"
#include "conf/settings_load.h"
#include "store/store.h"

static const char help[] =
        "usage: isthmus store backup FILE [options]\n"
        "\n"
        "Copies the store into FILE, also while a gateway runs: all that was acknowledged before\n"
        "the copying began is in it. docs/operating.md says how a store is restored from it.\n"
        "\n"
        "  --force        replaces FILE if it exists\n"
        "  --config FILE  the configuration (default " SETTINGS_DEFAULT_FILE ")\n"
        "  --data DIR     the data directory, without a configuration\n"
        "  --help         this text\n";

struct order {
        struct data_place place;
        bool force;
};

static int back_up(const struct order *order, const char *path)
{
        struct reason reason = REASON_INIT;
        struct store_state state;

        if (store_backup(&order->place.store, path, order->force, &state, &reason) != 0)
                return terminal_fail("store", "%s", reason.text);
        printf("%" PRId64 " waiting events and %" PRId64 " dead letters are in '%s'\n",
               state.events, state.dead_letters, path);
        return CLI_GOOD;
}

static int run(struct order *order, int count, char **arguments)
{
        int status;

        if (count != 2 || strcmp(arguments[0], "backup") != 0)
                return terminal_usage("store", "say 'backup' and the file");
        if (!data_place_find(&order->place)) {
                data_place_deinit(&order->place);
                return CLI_USAGE;
        }
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        process_keep_files_private();
        status = back_up(order, arguments[1]);
        data_place_deinit(&order->place);
        return status;
}

int isthmus_store(int argc, char **argv)
{
        static const struct option options[] = {
                {"force", no_argument, NULL, 'f'},
                {"config", required_argument, NULL, 'c'},
                {"data", required_argument, NULL, 'd'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        struct order order = {.place = DATA_PLACE_INIT};
        int option;

        while ((option = getopt_long(argc, argv, "fc:d:h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return CLI_GOOD;
                }
                if (option == 'f')
                        order.force = true;
                else if (option == 'c')
                        order.place.file = optarg;
                else if (option == 'd')
                        order.place.directory = optarg;
                else
                        return CLI_USAGE;
        }
        if (optind == argc) {
                fputs(help, stderr);
                return CLI_USAGE;
        }
        return run(&order, argc - optind, argv + optind);
}
