// SPDX-License-Identifier: MIT
#include "gateway/control/control_answers.h"

#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gateway/command/command_record.h"
#include "gateway/command/command_view.h"
#include "store/store_share.h"

#define CANCELLED "cancelled by an operator"

/* --- lists --------------------------------------------------------------------------------- */

/* The commands that fit. */
struct collection {
        const struct command_filter *filter;
        struct command **commands;
        size_t count;
};

static bool collect(void *context, struct command *command)
{
        struct collection *all = context;

        if (!command_filter_matches(all->filter, command))
                return true;
        all->commands = mem_grow(all->commands, all->count, sizeof(all->commands[0]));
        all->commands[all->count++] = command;
        return true;
}

void control_commands_list(const struct control_options *options,
                           const struct control_request *request, struct buf *out)
{
        struct collection all = {.filter = &request->filter};
        size_t shown;

        THREAD_ASSERT(LOOP_THREAD);
        command_ledger_each(options->ledger, collect, &all);
        if (all.count > 0)
                qsort(all.commands, all.count, sizeof(all.commands[0]), command_newest_first);
        shown = all.count < request->limit ? all.count : request->limit;
        buf_add_format(out, "{\"matching\":%zu,\"commands\":[", all.count);
        for (size_t i = 0; i < shown; i++) {
                CLEANUP(json_cleanup) struct json_object *view = command_view(all.commands[i]);

                buf_add_text(out, i > 0 ? ",\n" : "\n");
                json_write(out, view);
        }
        buf_add_text(out, "]}\n");
        free(all.commands);
}

/* --- one ----------------------------------------------------------------------------------- */

struct search {
        const char *reference;
        struct command *found;
        size_t count;
};

static bool look_at(void *context, struct command *command)
{
        struct search *search = context;

        if (command_has_reference(command, search->reference)) {
                search->found = command;
                search->count++;
        }
        return search->count < 2;
}

int control_commands_find(const struct control_options *options, const char *reference,
                          struct command **command, struct reason *reason)
{
        struct search search = {.reference = reference};

        THREAD_ASSERT(LOOP_THREAD);
        command_ledger_each(options->ledger, look_at, &search);
        *command = search.found;
        if (search.count == 1)
                return 0;
        if (search.count == 0) {
                reason_set(reason, "no command has the reference '%.64s'", reference);
                return 404;
        }
        reason_set(reason, "more than one command has a reference that begins with '%.64s'",
                   reference);
        return 409;
}

/* --- of another gateway's device ----------------------------------------------------------- */

struct stored_search {
        const struct control_options *options;
        const char *reference;
        struct command *found;
};

static bool look_at_stored(void *context, const struct store_record *record)
{
        struct stored_search *search = context;
        struct reason reason = REASON_INIT;
        struct command *command;

        if (!memmem(record->value, record->value_size, search->reference,
                    strlen(search->reference)))
                return true;
        command = command_decode(record->value, record->value_size, &reason);
        if (command && command_has_reference(command, search->reference) &&
            !store_may_act(search->options->store, device_key_shard(command->device_key))) {
                search->found = command;
                return false;
        }
        command_free(command);
        return true;
}

static void name_owner(const struct control_options *options, const char *device_key,
                       struct reason *reason)
{
        struct store_owner_name owner;

        if (store_share_owner(options->store, device_key_shard(device_key), &owner))
                reason_set(reason,
                           "the device '%.200s' is another gateway's: that of %s at %s; cancel the "
                           "command there",
                           device_key, owner.name, owner.address);
        else
                reason_set(reason,
                           "no gateway has the device '%.200s' at this moment; try again in some "
                           "seconds",
                           device_key);
}

int control_commands_elsewhere(const struct control_options *options,
                               const struct control_request *request, struct buf *out,
                               struct reason *reason)
{
        struct stored_search search = {.options = options, .reference = request->reference};
        int result = CONTROL_OURS;

        if (!store_is_shared(options->store))
                return CONTROL_OURS;
        if (store_records_each(options->store, COMMAND_KIND, NULL, look_at_stored, &search) != 0) {
                reason_set(reason, "the store can't be read now");
                return 503;
        }
        if (search.found && request->call == CONTROL_CANCEL) {
                name_owner(options, search.found->device_key, reason);
                result = 409;
        } else if (search.found) {
                CLEANUP(json_cleanup) struct json_object *view = command_view(search.found);

                json_write(out, view);
                buf_add_char(out, '\n');
                result = 0;
        }
        command_free(search.found);
        return result;
}

/* --- cancel -------------------------------------------------------------------------------- */

/* Why it can't be taken back; NULL if the network has certainly not got it. */
static const char *obstacle(const struct command *command)
{
        switch (command->state) {
        case COMMAND_QUEUED:
                return "the network has it in its queue, from which a single downlink can't be "
                       "taken back";
        case COMMAND_SENT:
        case COMMAND_REQUEUED:
                return "it was transmitted to the device";
        case COMMAND_DENIED:
        case COMMAND_UNCERTAIN:
        case COMMAND_UNCERTAIN_BEHIND:
                return "it is not known whether the network has it; it is being asked";
        case COMMAND_BEGUN:
        case COMMAND_BEGUN_BEHIND:
                return "it is being handed to the network at this moment";
        case COMMAND_RESTING:
                if (command_may_be_queued(command))
                        return "it is not known whether the network has it; it will be asked";
                break;
        case COMMAND_HELD:
        case COMMAND_WAITING:
        case COMMAND_FINISHED:
        case COMMAND_STATE_COUNT:
                break;
        }
        return NULL;
}

int control_commands_cancel(const struct control_options *options, struct command *command,
                            bool force, struct reason *reason)
{
        const char *refusal = obstacle(command);
        CLEANUP(mem_cleanup) char *text = NULL;

        THREAD_ASSERT(LOOP_THREAD);
        if (command->state == COMMAND_FINISHED) {
                reason_set(reason, "it is finished already: %s",
                           command_outcome_name(command->outcome));
                return 409;
        }
        if (refusal && !force) {
                reason_set(reason,
                           "%s; to force it ends the command on this side alone, and the device "
                           "may get it nevertheless",
                           refusal);
                return 409;
        }
        if (refusal)
                text = mem_format(CANCELLED " by force: %s", refusal);
        command_ledger_finish(options->ledger, command, COMMAND_CANCELLED, text ? text : CANCELLED);
        return 0;
}
