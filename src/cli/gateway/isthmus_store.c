// SPDX-License-Identifier: MIT
/* `isthmus store`: a copy of a store, also of a running gateway's. */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/process.h"
#include "cli/cli.h"
#include "cli/gateway/data_place.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "store/store.h"

struct order {
        struct data_place place;
        const char *file;
        bool force;
};

static int back_up(void *context)
{
        struct order *order = context;
        struct reason reason = REASON_INIT;
        struct store_state state;

        if (!data_place_find(&order->place))
                return CLI_USAGE;
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        process_keep_files_private();
        if (store_backup(&order->place.store, order->file, order->force, &state, &reason) != 0)
                return terminal_fail("store", "%s", reason.text);
        printf("%" PRId64 " waiting events and %" PRId64 " dead letters are in '%s'\n",
               state.events, state.dead_letters, order->file);
        return CLI_GOOD;
}

static const struct options_action actions[] = {
        {"backup", "FILE [--force]", NULL, 1, 1, back_up},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_SWITCH(struct order, force, "force", "replaces FILE if it exists"),
        DATA_PLACE_ROWS(struct order, place),
        {.name = NULL},
};

const struct options isthmus_store_options = {
        .command = "store",
        .summary = "Copies the store into FILE, also while a gateway runs: all that was "
                   "acknowledged before the copying began is in it. docs/operating.md says how a "
                   "store is restored from it.",
        .actions = actions,
        .rows = rows,
};

int isthmus_store(int argc, char **argv)
{
        struct order order = {.place = DATA_PLACE_INIT};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_store_options, argc, argv, &order, &found, &status))
                return status;
        order.file = found.arguments[0];
        status = found.action->run(&order);
        data_place_deinit(&order.place);
        return status;
}
