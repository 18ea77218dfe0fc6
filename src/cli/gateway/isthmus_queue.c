// SPDX-License-Identifier: MIT
/*
 * `isthmus queue`: looks into a store and replays or drops dead letters, also those of a running
 * gateway.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/gateway/data_place.h"
#include "cli/gateway/queue_change.h"
#include "cli/gateway/queue_print.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "store/store.h"

struct queue {
        struct data_place place;
        char **arguments;
        int count;
        bool all;
        struct store *store;
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

static bool print_event_line(void *context, const struct store_event *event)
{
        struct queue *queue = context;

        queue_print_line(&queue->text, &(struct store_dead_letter){.event = *event});
        return print(queue);
}

static bool print_letter_line(void *context, const struct store_dead_letter *letter)
{
        struct queue *queue = context;

        queue_print_line(&queue->text, letter);
        return print(queue);
}

static bool print_letter_whole(void *context, const struct store_dead_letter *letter)
{
        struct queue *queue = context;

        queue_print_whole(&queue->text, letter);
        return print(queue);
}

static bool print_event_json(void *context, const struct store_event *event)
{
        struct queue *queue = context;

        queue_print_json(&queue->text, &(struct store_dead_letter){.event = *event});
        return print(queue);
}

static bool print_letter_json(void *context, const struct store_dead_letter *letter)
{
        struct queue *queue = context;

        queue_print_json(&queue->text, letter);
        return print(queue);
}

/* --- looking ------------------------------------------------------------------------------- */

static int usage(const char *word, const char *mistake)
{
        return terminal_usage("queue", "'%s' %s", word, mistake);
}

static int conclude(int result)
{
        if (result == 0 && fflush(stdout) == 0)
                return CLI_GOOD;
        return terminal_fail("queue", "the store could not be read to its end");
}

static bool open_to_read(struct queue *queue)
{
        struct reason reason = REASON_INIT;

        if (store_open_to_read(&queue->place.store, &queue->store, &reason) == 0)
                return true;
        terminal_fail("queue", "%s", reason.text);
        return false;
}

static int list(void *context)
{
        struct queue *queue = context;
        struct store_state state;
        int result;

        if (queue->count > 0) {
                puts("        id  arrived                   attempts     size  device");
                return conclude(store_events_each(queue->store, queue->arguments[0], 0,
                                                  print_event_line, queue));
        }
        puts("   waiting  device");
        result = store_devices_each(queue->store, print_device, queue);
        store_get_state(queue->store, &state);
        printf("%" PRId64 " events wait, %" PRId64 " dead letters, %" PRId64 " bytes", state.events,
               state.dead_letters, state.bytes);
        if (queue->place.store.maximum_bytes > 0)
                printf(" of at most %" PRId64, queue->place.store.maximum_bytes);
        putchar('\n');
        return conclude(result);
}

static int dead(void *context)
{
        struct queue *queue = context;
        puts("        id  died                      attempts     size  device  reason");
        return conclude(store_dead_each(queue->store, 0, print_letter_line, queue));
}

struct search {
        struct queue *queue;
        int64_t id;
        bool found;
};

static bool print_if_found(void *context, const struct store_event *event)
{
        struct search *search = context;

        search->found = event->id == search->id;
        if (search->found)
                (void)print_letter_whole(search->queue,
                                         &(struct store_dead_letter){.event = *event});
        return false;
}

static bool parse_id(const char *text, int64_t *id)
{
        return text_to_int64(text, 1, INT64_MAX, id);
}

static int show(void *context)
{
        struct queue *queue = context;
        struct search search = {.queue = queue};
        int result;

        if (!parse_id(queue->arguments[0], &search.id))
                return usage(queue->arguments[0], "is no id; `isthmus queue dead` shows them");
        result = store_dead_each(queue->store, search.id, print_letter_whole, queue);
        if (result != STORE_E_NOT_FOUND)
                return conclude(result);
        result = store_events_each(queue->store, NULL, search.id - 1, print_if_found, &search);
        if (result || search.found)
                return conclude(result);
        return terminal_fail("queue", "nothing in the store has the id %" PRId64, search.id);
}

static int export(void *context)
{
        struct queue *queue = context;
        const char *what = queue->count > 0 ? queue->arguments[0] : "";
        int result = 0;

        if (what[0] && strcmp(what, "waiting") != 0 && strcmp(what, "dead") != 0)
                return usage(what, "is neither 'waiting' nor 'dead'");
        if (strcmp(what, "dead") != 0)
                result = store_events_each(queue->store, NULL, 0, print_event_json, queue);
        if (result == 0 && strcmp(what, "waiting") != 0)
                result = store_dead_each(queue->store, 0, print_letter_json, queue);
        return conclude(result);
}

/* --- changing ------------------------------------------------------------------------------ */

static bool ignore_letter(void *context, const struct store_dead_letter *letter)
{
        (void)context;
        (void)letter;
        return false;
}

static bool is_dead_letter(struct queue *queue, const char *text)
{
        int64_t id;

        return parse_id(text, &id) && store_dead_each(queue->store, id, ignore_letter, NULL) == 0;
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

static void close_store(struct queue *queue)
{
        store_close(queue->store);
        queue->store = NULL;
}

static int compare_ids(const void *left, const void *right)
{
        int64_t a = *(const int64_t *)left;
        int64_t b = *(const int64_t *)right;

        return (a > b) - (a < b);
}

/* The ids of the arguments, ascending; the caller's. */
static int64_t *sorted_ids(const struct queue *queue)
{
        int64_t *ids = mem_new((size_t)queue->count, sizeof(*ids));

        for (int i = 0; i < queue->count; i++)
                (void)!parse_id(queue->arguments[i], &ids[i]);
        qsort(ids, (size_t)queue->count, sizeof(*ids), compare_ids);
        return ids;
}

static int change_letters(struct queue *queue, bool replay)
{
        CLEANUP(mem_cleanup) int64_t *ids = NULL;
        struct queue_change change = {.replay = replay, .count = (size_t)queue->count};
        struct reason reason = REASON_INIT;
        int result;

        if (!check_letters(queue))
                return CLI_FAILED;
        close_store(queue);
        if (!queue->all)
                ids = sorted_ids(queue);
        change.ids = ids;
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
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        if (open_to_read(queue))
                status = action->run(queue);
        store_close(queue->store);
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
