// SPDX-License-Identifier: MIT
/*
 * `isthmus queue`: looks into a store and replays or drops dead letters, also those of a running
 * gateway.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/data_place.h"
#include "cli/queue_change.h"
#include "cli/queue_print.h"
#include "cli/terminal.h"
#include "conf/settings_load.h"
#include "store/store.h"

static const char help[] =
        "usage: isthmus queue list [DEVICE]\n"
        "       isthmus queue dead\n"
        "       isthmus queue show ID\n"
        "       isthmus queue export [waiting|dead]\n"
        "       isthmus queue replay ID...|--all\n"
        "       isthmus queue drop ID...|--all\n"
        "\n"
        "  list    the devices with waiting events, or the events of one device\n"
        "  dead    the dead letters, each with its reason\n"
        "  show    one event or dead letter with its record\n"
        "  export  all of them as JSON, one on each line\n"
        "  replay  puts dead letters back into the queue, behind what waits\n"
        "  drop    removes dead letters for good\n"
        "\n"
        "  --all          every dead letter\n"
        "  --config FILE  the configuration (default " SETTINGS_DEFAULT_FILE ")\n"
        "  --data DIR     the data directory, without a configuration\n"
        "  --help         this text\n"
        "\n"
        "All of it works while a gateway runs, and without one. Replayed events keep their order;\n"
        "they go behind those of their device that wait, and before those that come later.\n";

struct queue {
        struct store_options options;
        const char *action;
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

        if (store_open_to_read(&queue->options, &queue->store, &reason) == 0)
                return true;
        terminal_fail("queue", "%s", reason.text);
        return false;
}

static int list(struct queue *queue)
{
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
        if (queue->options.maximum_bytes > 0)
                printf(" of at most %" PRId64, queue->options.maximum_bytes);
        putchar('\n');
        return conclude(result);
}

static int dead(struct queue *queue)
{
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

static int show(struct queue *queue)
{
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

static int export(struct queue *queue)
{
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
                change.ids = ids = sorted_ids(queue);
        result = queue_change_run(&queue->options, &change, &reason);
        if (result == 0 || change.changed > 0)
                printf("%zu %s, %" PRId64 " dead letters are left\n", change.changed,
                       replay ? "replayed" : "dropped", change.left);
        if (result != 0)
                fprintf(stderr, "isthmus queue: %s\n", reason.text);
        else if (change.more)
                fputs("isthmus queue: the store is full; replay the others later\n", stderr);
        return result == 0 && !change.more ? CLI_GOOD : CLI_FAILED;
}

static int replay(struct queue *queue)
{
        return change_letters(queue, true);
}

static int drop(struct queue *queue)
{
        return change_letters(queue, false);
}

/* --- the command --------------------------------------------------------------------------- */

static const struct action {
        const char *name;
        int (*run)(struct queue *queue);
        int least; /* arguments */
        int most;
        bool changes; /* takes ids or --all */
} actions[] = {
        {"list", list, 0, 1, false},         {"dead", dead, 0, 0, false},
        {"show", show, 1, 1, false},         {"export", export, 0, 1, false},
        {"replay", replay, 1, 100000, true}, {"drop", drop, 1, 100000, true},
};

static int run(struct queue *queue, const struct action *action)
{
        int least = queue->all ? 0 : action->least;
        int most = queue->all ? 0 : action->most;
        int status = CLI_FAILED;

        if (queue->all && !action->changes)
                return usage(action->name, "does not go with --all");
        if (queue->count < least || queue->count > most)
                return usage(action->name, "has too few or too many arguments");
        log_configure(LOG_LEVEL_WARN, LOG_FORMAT_AUTO);
        if (open_to_read(queue))
                status = action->run(queue);
        store_close(queue->store);
        buf_deinit(&queue->text);
        return status;
}

static int find_and_run(struct queue *queue)
{
        for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
                if (strcmp(actions[i].name, queue->action) == 0)
                        return run(queue, &actions[i]);
        }
        return usage(queue->action, "is no action");
}

int isthmus_queue(int argc, char **argv)
{
        static const struct option options[] = {
                {"all", no_argument, NULL, 'a'},
                {"config", required_argument, NULL, 'c'},
                {"data", required_argument, NULL, 'd'},
                {"help", no_argument, NULL, 'h'},
                {NULL, 0, NULL, 0},
        };
        struct queue queue = {.text = BUF_INIT};
        struct data_place place = DATA_PLACE_INIT;
        int status = CLI_USAGE;
        int option;

        while ((option = getopt_long(argc, argv, "c:d:h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return CLI_GOOD;
                }
                if (option == 'a')
                        queue.all = true;
                else if (option == 'c')
                        place.file = optarg;
                else if (option == 'd')
                        place.directory = optarg;
                else
                        return CLI_USAGE;
        }
        if (optind == argc) {
                fputs(help, stderr);
                return CLI_USAGE;
        }
        process_keep_files_private();
        queue.action = argv[optind];
        queue.arguments = argv + optind + 1;
        queue.count = argc - optind - 1;
        if (data_place_find(&place)) {
                queue.options = place.store;
                status = find_and_run(&queue);
        }
        data_place_deinit(&place);
        return status;
}
