// SPDX-License-Identifier: MIT
#include "gateway/command/command_load.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/command/command_record.h"
#include "gateway/device/device.h"

struct loading {
        struct command_load *loaded;
        size_t capacity;
        struct device *(*device_of)(void *context, const char *key);
        void *context;
};

static void add(struct loading *loading, struct command *command)
{
        struct command_load *loaded = loading->loaded;

        if (loaded->count == loading->capacity) {
                loading->capacity = loading->capacity ? loading->capacity * 2 : 64;
                loaded->commands =
                        mem_resize(loaded->commands, loading->capacity, sizeof(struct command *));
        }
        loaded->commands[loaded->count++] = command;
}

/* A clock that went back does not say how long ago it was: too long to believe anything. */
static void doubt_the_future(struct clock_moment *moment)
{
        if (moment->wall_ms > clock_wall_ms())
                moment->steady_ms = INT64_MIN / 2;
}

static bool load_command(void *context, const struct store_record *stored)
{
        struct loading *loading = context;
        struct reason reason = REASON_INIT;
        struct command *command = command_decode(stored->value, stored->value_size, &reason);

        if (command)
                command->device = loading->device_of(loading->context, command->device_key);
        if (!command || !command->device) {
                log_warn("COMMAND_FORGOTTEN", "A recorded command can't be taken up again",
                         LOG_TEXT("key", stored->key),
                         LOG_TEXT("reason", command ? "its device is not known" : reason.text),
                         LOG_END);
                command_free(command);
                return true;
        }
        /* Its request may have gone out before the end of the last run. */
        if (command->state == COMMAND_BEGUN)
                command->state = COMMAND_UNCERTAIN;
        doubt_the_future(&command->begun);
        add(loading, command);
        return true;
}

static int compare_numbers(int64_t a, int64_t b)
{
        return (a > b) - (a < b);
}

static int compare(const void *a, const void *b)
{
        const struct command *one = *(const struct command *const *)a;
        const struct command *other = *(const struct command *const *)b;
        int order = compare_numbers(one->finished.wall_ms, other->finished.wall_ms);

        if (order == 0)
                order = compare_numbers(one->arrival, other->arrival);
        return order;
}

int command_load(struct store *store, struct device *(*device_of)(void *context, const char *key),
                 void *context, struct command_load *loaded, struct reason *reason)
{
        struct loading loading = {.loaded = loaded, .device_of = device_of, .context = context};
        int result = store_records_each(store, COMMAND_KIND, load_command, &loading);

        if (loaded->count > 1)
                qsort(loaded->commands, loaded->count, sizeof(struct command *), compare);
        if (result != 0)
                reason_set(reason, "the store's records of commands can't be read");
        return result;
}
