// SPDX-License-Identifier: MIT
/* `isthmus store`: a copy of a store, also of a running gateway's; the tables of a database. */
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
        struct store_owner owner;
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

static int migrate(void *context)
{
        struct order *order = context;
        struct reason reason = REASON_INIT;

        if (!data_place_find(&order->place))
                return CLI_USAGE;
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        if (store_migrate(&order->place.store, &order->owner, &reason) != 0)
                return terminal_fail("store", "%s", reason.text);
        printf("the store is fit for this program\n");
        return CLI_GOOD;
}

static const struct options_action actions[] = {
        {"backup", "FILE [--force]", NULL, 1, 1, back_up},
        {"migrate", "[--owner USER [--owner-password-file FILE]]", NULL, 0, 0, migrate},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_SWITCH(struct order, force, "force", "backup: replaces FILE if it exists"),
        {.name = "owner",
         .value = "USER",
         .meaning =
                 "migrate: whose the tables are; the configuration's user is then allowed what a "
                 "gateway needs",
         .offset = offsetof(struct order, owner.user)},
        {.name = "owner-password-file",
         .value = "FILE",
         .meaning = "migrate: where that user's password is",
         .offset = offsetof(struct order, owner.password_file)},
        DATA_PLACE_ROWS(struct order, place),
        {.name = NULL},
};

const struct options isthmus_store_options = {
        .command = "store",
        .summary =
                "Backup copies the store into FILE, also while a gateway runs: all that was "
                "acknowledged before the copying began is in it. docs/operating.md says how a "
                "store is restored from it. Migrate makes the tables of a store in PostgreSQL, or "
                "brings them to this program's version; a gateway never does.",
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
        order.file = found.count > 0 ? found.arguments[0] : NULL;
        status = found.action->run(&order);
        data_place_deinit(&order.place);
        return status;
}
