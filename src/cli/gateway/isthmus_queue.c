// SPDX-License-Identifier: MIT
/*
 * `isthmus queue`: looks into a store and replays or drops dead letters, also those of a running
 * gateway.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli/gateway/data_place.h"
#include "cli/gateway/queue_change.h"
#include "cli/gateway/queue_look.h"
#include "cli/gateway/queue_print.h"
#include "cli/options.h"
#include "store/store.h"
#include "store/store_ids.h"

struct queue {
        struct data_place place;
        char **arguments;
        int count;
        bool all;
        struct queue_look look;
        struct buf text; /* what is printed next */
};

/* --- printing ------------------------------------------------------------------------------ */

/* False when nobody reads any more. */
static bool print(struct queue *queue)
{
        return terminal_write(&queue->text);
}

static bool print_device(void *context, const char *device, int64_t waiting)
{
        struct queue *queue = context;

        buf_add_format(&queue->text, "%10" PRId64 "  ", waiting);
        terminal_add(&queue->text, device);
        buf_add_char(&queue->text, '\n');
        return print(queue);
}

static bool print_line(void *context, const struct store_dead_letter *letter)
{
        struct queue *queue = context;

        queue_print_line(&queue->text, letter);
        return print(queue);
}

static bool print_whole(void *context, const struct store_dead_letter *letter)
{
        struct queue *queue = context;

        queue_print_whole(&queue->text, letter);
        return print(queue);
}

static bool print_letter_json(void *context, const struct store_dead_letter *letter)
{
        struct queue *queue = context;

        queue_print_json(&queue->text, letter);
        return print(queue);
}

static bool print_event_json(void *context, const struct store_event *event)
{
        return print_letter_json(context, &(struct store_dead_letter){.event = *event});
}

/* --- looking ------------------------------------------------------------------------------- */

static int usage(const char *word, const char *mistake)
{
        return terminal_usage("queue", "'%s' %s", word, mistake);
}

static int conclude(int result, const struct reason *reason)
{
        if (result == 0 && fflush(stdout) == 0)
                return CLI_GOOD;
        return terminal_fail("queue", "%s", result != 0 ? reason->text : "it can't be printed");
}

static bool open_look(struct queue *queue)
{
        struct reason reason = REASON_INIT;

        if (queue_look_open(&queue->look, &queue->place.store, &reason) == 0)
                return true;
        terminal_fail("queue", "%s", reason.text);
        return false;
}

static int list(void *context)
{
        struct queue *queue = context;
        struct reason reason = REASON_INIT;
        struct store_state state;
        int result;

        if (queue->count > 0) {
                puts("        id  arrived                      size  device");
                result = queue_look_events(&queue->look, queue->arguments[0], print_line, queue,
                                           &reason);
                return conclude(result, &reason);
        }
        puts("   waiting  device");
        result = queue_look_devices(&queue->look, &state, print_device, queue, &reason);
        if (result != 0)
                return conclude(result, &reason);
        printf("%" PRId64 " events wait, %" PRId64 " dead letters, %" PRId64 " bytes", state.events,
               state.dead_letters, state.bytes);
        if (queue->place.store.maximum_bytes > 0)
                printf(" of at most %" PRId64, queue->place.store.maximum_bytes);
        putchar('\n');
        return conclude(result, &reason);
}

static int dead(void *context)
{
        struct queue *queue = context;
        struct reason reason = REASON_INIT;

        puts("        id  died                         size  device  reason");
        return conclude(queue_look_letters(&queue->look, print_line, queue, &reason), &reason);
}

static bool parse_id(const char *text, int64_t *id)
{
        return text_to_int64(text, 1, INT64_MAX - 1, id);
}

static int show(void *context)
{
        struct queue *queue = context;
        struct reason reason = REASON_INIT;
        int64_t id;

        if (!parse_id(queue->arguments[0], &id))
                return usage(queue->arguments[0], "is no id; `isthmus queue dead` shows them");
        return conclude(queue_look_one(&queue->look, id, print_whole, queue, &reason), &reason);
}

/* All records, which may be many: the file is read, also that of a running gateway. */
static int export(void *context)
{
        struct queue *queue = context;
        const char *what = queue->count > 0 ? queue->arguments[0] : "";
        struct reason reason = REASON_INIT;
        struct store *store = NULL;
        int result;

        if (what[0] && strcmp(what, "waiting") != 0 && strcmp(what, "dead") != 0)
                return usage(what, "is neither 'waiting' nor 'dead'");
        result = store_open_to_read(&queue->place.store, &store, &reason);
        if (result != 0)
                return conclude(result, &reason);
        if (strcmp(what, "dead") != 0)
                result = store_events_each(store, &(struct store_selection){.device = NULL},
                                           print_event_json, queue);
        if (result == 0 && strcmp(what, "waiting") != 0)
                result = store_dead_each(store, 0, print_letter_json, queue);
        store_close(store);
        reason_set(&reason, "the store could not be read to its end");
        return conclude(result, &reason);
}

/* --- changing ------------------------------------------------------------------------------ */

static bool note_if_dead(void *context, const struct store_dead_letter *letter)
{
        *(bool *)context = letter->reason != NULL;
        return false;
}

static bool is_dead_letter(struct queue *queue, const char *text)
{
        struct reason reason = REASON_INIT;
        bool is_dead = false;
        int64_t id;

        return parse_id(text, &id) &&
               queue_look_one(&queue->look, id, note_if_dead, &is_dead, &reason) == 0 && is_dead;
}

/* Are all the ids dead letters? Says which one is not. */
static bool check_letters(struct queue *queue)
{
        for (int i = 0; i < queue->count; i++) {
                if (is_dead_letter(queue, queue->arguments[i]))
                        continue;
                terminal_fail("queue", "there is no dead letter '%s'; nothing was changed",
                              queue->arguments[i]);
                return false;
        }
        return true;
}

/* The ids of the arguments, ascending. */
static void take_ids(const struct queue *queue, struct store_ids *ids)
{
        for (int i = 0; i < queue->count; i++) {
                int64_t id = 0;

                (void)!parse_id(queue->arguments[i], &id);
                store_ids_add(ids, &id, 1);
        }
        store_ids_sort(ids);
}

static int change_letters(struct queue *queue, bool replay)
{
        CLEANUP(store_ids_deinit) struct store_ids ids = {.ids = NULL};
        struct queue_change change = {.replay = replay};
        struct reason reason = REASON_INIT;
        int result;

        if (!check_letters(queue))
                return CLI_FAILED;
        queue_look_close(&queue->look);
        take_ids(queue, &ids);
        change.ids = ids.ids;
        change.count = ids.count;
        result = queue_change_run(&queue->place.store, &change, &reason);
        if (result == 0 || change.changed > 0)
                printf("%zu %s, %" PRId64 " dead letters are left\n", change.changed,
                       replay ? "replayed" : "dropped", change.left);
        if (result != 0)
                terminal_fail("queue", "%s", reason.text);
        else if (change.more)
                terminal_fail("queue", "the store is full; replay the others later");
        return result == 0 && !change.more ? CLI_GOOD : CLI_FAILED;
}

static int replay(void *context)
{
        struct queue *queue = context;
        return change_letters(queue, true);
}

static int drop(void *context)
{
        struct queue *queue = context;
        return change_letters(queue, false);
}

/* --- the command --------------------------------------------------------------------------- */

static int run(struct queue *queue, const struct options_action *action)
{
        bool changes = action->run == replay || action->run == drop;
        int status = CLI_FAILED;

        if (queue->all && (!changes || queue->count > 0))
                return terminal_usage("queue", "--all goes with replay and drop, and without IDs");
        if (changes && !queue->all && queue->count == 0)
                return terminal_usage("queue", "IDs or --all are needed");
        if (!data_place_find(&queue->place))
                return CLI_USAGE;
        if (open_look(queue))
                status = action->run(queue);
        queue_look_close(&queue->look);
        return status;
}

static const struct options_action actions[] = {
        {"list", "[DEVICE]", "the devices with waiting events, or the events of one device", 0, 1,
         list},
        {"dead", "", "the dead letters, each with its reason", 0, 0, dead},
        {"show", "ID", "one event or dead letter with its record", 1, 1, show},
        {"export", "[waiting|dead]", "all of them as JSON, one on each line", 0, 1, export},
        {"replay", "ID...|--all", "puts dead letters back into the queue, behind what waits", 0,
         OPTIONS_ANY_NUMBER, replay},
        {"drop", "ID...|--all", "removes dead letters for good", 0, OPTIONS_ANY_NUMBER, drop},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_SWITCH(struct queue, all, "all", "every dead letter"),
        DATA_PLACE_ROWS(struct queue, place),
        {.name = NULL},
};

const struct options isthmus_queue_options = {
        .command = "queue",
        .summary = "Looks into a store, and replays or drops dead letters.",
        .actions = actions,
        .rows = rows,
        .notes =
                "All of it works while a gateway runs, and without one. Replayed events keep their "
                "order; they go behind those of their device that wait, and before those that come "
                "later.",
};

int isthmus_queue(int argc, char **argv)
{
        struct queue queue = {.text = BUF_INIT};
        struct options_found found;
        int status;

        if (!options_read(&isthmus_queue_options, argc, argv, &queue, &found, &status))
                return status;
        queue.arguments = found.arguments;
        queue.count = found.count;
        status = run(&queue, found.action);
        data_place_deinit(&queue.place);
        buf_deinit(&queue.text);
        return status;
}
