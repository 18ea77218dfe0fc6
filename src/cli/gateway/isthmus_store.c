// SPDX-License-Identifier: MIT
/* `isthmus store`: a copy of a store, also of a running gateway's; the tables of a database. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/process.h"
#include "cli/cli.h"
#include "cli/gateway/data_place.h"
#include "cli/options.h"
#include "store/store.h"
#include "store/store_copy.h"

struct order {
        struct data_place place;
        const char *file;
        struct store_owner owner;
        const char *from; /* of a copy: a configuration, or a data directory */
        const char *to;
        bool force;
};

static int back_up(void *context)
{
        struct order *order = context;
        struct reason reason = REASON_INIT;
        struct store_state state;

        if (!data_place_find(&order->place))
                return CLI_USAGE;
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
        if (store_migrate(&order->place.store, &order->owner, &reason) != 0)
                return terminal_fail("store", "%s", reason.text);
        printf("the store is fit for this program\n");
        return CLI_GOOD;
}

/* Opens the store of a configuration, or the one of SQLite in a directory. */
static bool open_named(const char *name, struct data_place *place, struct store **store)
{
        struct reason reason = REASON_INIT;
        struct stat status;

        if (stat(name, &status) == 0 && S_ISDIR(status.st_mode))
                place->directory = name;
        else
                place->file = name;
        if (!data_place_find(place))
                return false;
        /* What is copied is not refused for want of room, and no letter gives way. */
        place->store.dead_letter_bytes = 0;
        place->store.dead_letter_ms = 0;
        if (store_open(&place->store, store, &reason) == 0)
                return true;
        (void)!terminal_fail("store", "%s", reason.text);
        return false;
}

static int copy_between(struct store *from, struct store *to)
{
        struct reason reason = REASON_INIT;
        struct store_copied copied;

        if (store_copy(from, to, &copied, &reason) != 0)
                return terminal_fail("store", "%s", reason.text);
        printf("%" PRId64 " waiting events, %" PRId64 " dead letters and %" PRId64 " records were "
               "copied; %" PRId64 " of the events and dead letters were there already\n",
               copied.events, copied.dead_letters, copied.records, copied.doubles);
        return CLI_GOOD;
}

static int copy(void *context)
{
        struct order *order = context;
        CLEANUP(data_place_deinit) struct data_place from = DATA_PLACE_INIT;
        CLEANUP(data_place_deinit) struct data_place to = DATA_PLACE_INIT;
        struct store *source = NULL;
        struct store *target = NULL;
        int status = CLI_FAILED;

        if (!order->from || !order->to) {
                fprintf(stderr, "isthmus store copy: give --from and --to\n");
                return CLI_USAGE;
        }
        process_keep_files_private();
        if (open_named(order->from, &from, &source) && open_named(order->to, &to, &target))
                status = copy_between(source, target);
        store_close(target);
        store_close(source);
        return status;
}

static const struct options_action actions[] = {
        {"backup", "FILE [--force]", NULL, 1, 1, back_up},
        {"copy", "--from WHICH --to WHICH", NULL, 0, 0, copy},
        {"migrate", "[--owner USER [--owner-password-file FILE]]", NULL, 0, 0, migrate},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_SWITCH(struct order, force, "force", "backup: replaces FILE if it exists"),
        OPTION_TEXT(
                struct order, from, "from", "WHICH",
                "copy: the configuration with the store, or the data directory of one of SQLite"),
        OPTION_TEXT(struct order, to, "to", "WHICH", "copy: the same of the store to be filled"),
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
                "store is restored from it. Copy brings all that one store holds into another one, "
                "of whatever kind, while no gateway runs on either; one that was interrupted "
                "is begun again. Migrate makes the tables of a store in PostgreSQL, or "
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
