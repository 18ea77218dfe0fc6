// SPDX-License-Identifier: MIT
/* `isthmus cluster`: the gateways that share a store, and which devices each of them has. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/gateway/data_place.h"
#include "cli/http_wait.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "store/store.h"
#include "store/store_share.h"

#define ANSWER_MS 2000

#define METRIC_SPILLED "isthmus_store_spilled_events"

struct order {
        struct data_place place;
        bool json;
};

/* What the store and the members say. */
struct cluster {
        struct json_object *members; /* each with its number, for those who own shards */
        int64_t owned;
        int64_t shards;
        int64_t tasks_held;
        struct store_state state;
};

static void cluster_deinit(struct cluster *cluster)
{
        json_object_put(cluster->members);
}

/* --- the store ------------------------------------------------------------------------------ */

static bool add_member(void *context, const struct store_member *member)
{
        struct cluster *cluster = context;
        struct json_object *entry = json_object_new_object();
        char joined[CLOCK_TEXT_SIZE];

        clock_format_utc(joined, member->joined_ms * CLOCK_NS_PER_MS, CLOCK_SECONDS);
        json_add_text(entry, "name", member->name);
        json_add_int(entry, "member", member->number);
        json_add_text(entry, "state", member->state);
        json_add_int(entry, "shards", member->shards);
        json_add_int(entry, "events", member->events);
        json_add_int(entry, "oldestEventSeconds",
                     store_state_age_s(&(struct store_state){.oldest_ns = member->oldest_ns}));
        json_add_text(entry, "address", member->address);
        json_add_text(entry, "version", member->program);
        json_add_int(entry, "pid", member->process);
        json_add_text(entry, "joined", joined);
        json_object_object_add(entry, "tasks", json_object_new_array());
        json_object_array_add(cluster->members, entry);
        return true;
}

static struct json_object *member_of(const struct cluster *cluster, int64_t number)
{
        for (size_t i = 0; i < json_object_array_length(cluster->members); i++) {
                struct json_object *entry = json_object_array_get_idx(cluster->members, i);

                if (json_number_member(entry, "member", -1) == number)
                        return entry;
        }
        return NULL;
}

static const char *task_name(int task)
{
        return task == STORE_SHARE_REGISTRIES ? "registries" : "upkeep";
}

static bool add_shard(void *context, const struct store_shard_row *row)
{
        struct cluster *cluster = context;
        struct json_object *owner = member_of(cluster, row->owner);

        if (row->shard < 0 && owner) {
                json_object_array_add(json_member(owner, "tasks"),
                                      json_object_new_string(task_name(row->shard)));
                cluster->tasks_held++;
        } else if (row->shard >= 0) {
                cluster->shards++;
                cluster->owned += owner ? 1 : 0;
        }
        return true;
}

static int read_store(const struct store_options *options, struct cluster *cluster,
                      struct reason *reason)
{
        struct store *store = NULL;
        int result = store_open_to_read(options, &store, reason);

        if (result != 0)
                return result;
        result = store_members_each(store, add_member, cluster);
        if (result == 0)
                result = store_shards_each(store, add_shard, cluster);
        if (result != 0)
                reason_set(reason, "the store could not be read to its end");
        store_get_state(store, &cluster->state);
        store_close(store);
        return result;
}

/* --- the members ---------------------------------------------------------------------------- */

/* The value of a metric without labels; false if it is not there. */
static bool find_metric(const char *text, const char *name, int64_t *value)
{
        size_t size = strlen(name);

        for (const char *line = text; line && line[0]; line = strchr(line, '\n')) {
                line += line[0] == '\n';
                if (strncmp(line, name, size) == 0 && line[size] == ' ') {
                        *value = strtoll(line + size, NULL, 10);
                        return true;
                }
        }
        return false;
}

/* What only the member itself knows: what is on its own disk. Nothing if it does not answer. */
static void ask_member(struct http_client *http, struct json_object *member)
{
        const char *address = json_text_member(member, "address");
        CLEANUP(mem_cleanup) char *url = mem_format("http://%s/metrics", address ? address : "");
        CLEANUP(buf_deinit) struct buf body = BUF_INIT;
        struct reason ignored = REASON_INIT;
        int64_t spilled = 0;
        int status = 0;

        if (http_wait(http, &(struct http_request){.method = "GET", .url = url, .direct = true},
                      &status, &body, &ignored) == 0 &&
            status == 200 && find_metric(buf_text(&body), METRIC_SPILLED, &spilled))
                json_add_int(member, "spilled", spilled);
}

static int ask_members(struct cluster *cluster, struct reason *reason)
{
        const struct http_client_options options = {
                .user_agent = "isthmus/" ISTHMUS_VERSION,
                .timeout_ms = ANSWER_MS,
        };
        struct http_client *http = NULL;
        int result = http_client_new(&options, &http, reason);

        if (result != 0)
                return result;
        for (size_t i = 0; i < json_object_array_length(cluster->members); i++)
                ask_member(http, json_object_array_get_idx(cluster->members, i));
        http_client_free(http);
        return 0;
}

/* --- what is printed ------------------------------------------------------------------------ */

static void print_member(struct buf *out, struct json_object *member)
{
        struct json_object *tasks = json_member(member, "tasks");
        int64_t spilled = json_number_member(member, "spilled", -1);

        terminal_add_column(out, 24, json_text_member(member, "name"));
        terminal_add_column(out, 7, json_text_member(member, "state"));
        buf_add_format(out, "%6" PRId64 "  %7" PRId64 "  %6" PRId64 "  ",
                       json_number_member(member, "shards", 0),
                       json_number_member(member, "events", 0),
                       json_number_member(member, "oldestEventSeconds", 0));
        if (spilled < 0)
                buf_add_format(out, "%7s  ", "?");
        else
                buf_add_format(out, "%7" PRId64 "  ", spilled);
        terminal_add_column(out, 24, json_text_member(member, "address"));
        terminal_add_column(out, 8, json_text_member(member, "version"));
        terminal_add_column(out, 19, json_text_member(member, "joined"));
        for (size_t i = 0; i < json_object_array_length(tasks); i++) {
                buf_add_text(out, i > 0 ? ", " : "");
                terminal_add(out, json_object_get_string(json_object_array_get_idx(tasks, i)));
        }
        terminal_end_row(out);
}

static void print(const struct cluster *cluster, struct buf *out)
{
        size_t count = json_object_array_length(cluster->members);

        if (cluster->shards == 0) {
                buf_add_text(out, "the store is not shared: one gateway has all devices\n");
                return;
        }
        if (count > 0)
                buf_add_format(out, "%-24s  %-7s  %6s  %7s  %6s  %7s  %-24s  %-8s  %-19s  %s\n",
                               "member", "state", "shards", "waiting", "oldest", "spilled",
                               "address", "version", "joined", "tasks");
        for (size_t i = 0; i < count; i++)
                print_member(out, json_object_array_get_idx(cluster->members, i));
        buf_add_format(
                out,
                "%zu members own %" PRId64 " of %" PRId64 " shards and %" PRId64 " of %d tasks\n",
                count, cluster->owned, cluster->shards, cluster->tasks_held, STORE_SHARE_TASKS);
        buf_add_format(out,
                       "%" PRId64 " events wait, the oldest for %" PRId64 " s; %" PRId64
                       " dead letters\n",
                       cluster->state.events, store_state_age_s(&cluster->state),
                       cluster->state.dead_letters);
}

static void print_json(const struct cluster *cluster, struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *answer = json_object_new_object();

        json_object_object_add(answer, "members", json_object_get(cluster->members));
        json_add_int(answer, "shards", cluster->shards);
        json_add_int(answer, "owned", cluster->owned);
        json_add_int(answer, "tasksHeld", cluster->tasks_held);
        json_add_int(answer, "events", cluster->state.events);
        json_add_int(answer, "oldestEventSeconds", store_state_age_s(&cluster->state));
        json_add_int(answer, "deadLetters", cluster->state.dead_letters);
        terminal_add_json_line(out, answer);
}

/* --- the command ---------------------------------------------------------------------------- */

static int status(void *context)
{
        struct order *order = context;
        struct cluster cluster = {.members = NULL};
        struct reason reason = REASON_INIT;
        CLEANUP(buf_deinit) struct buf out = BUF_INIT;
        int result;

        if (!data_place_find(&order->place))
                return CLI_USAGE;
        cluster.members = json_object_new_array();
        result = read_store(&order->place.store, &cluster, &reason);
        if (result == 0)
                result = ask_members(&cluster, &reason);
        if (result == 0) {
                if (order->json)
                        print_json(&cluster, &out);
                else
                        print(&cluster, &out);
        }
        cluster_deinit(&cluster);
        if (result != 0)
                return terminal_fail("cluster", "%s", reason.text);
        if (terminal_print(&out) != CLI_GOOD)
                return terminal_fail("cluster", "the output can't be written");
        return cluster.owned < cluster.shards ? CLI_FAILED : CLI_GOOD;
}

static const struct options_action actions[] = {
        {"status", "[--json]", NULL, 0, 0, status},
        {.name = NULL},
};

static const struct options_row rows[] = {
        OPTION_SWITCH(struct order, json, "json", "for programs: one JSON object"),
        DATA_PLACE_ROWS(struct order, place),
        {.name = NULL},
};

const struct options isthmus_cluster_options = {
        .command = "cluster",
        .summary = "Shows the gateways that share a database: how many of the 256 shards of "
                   "devices each of them has, how many of their events wait and for how many "
                   "seconds the oldest, which task it has for all, how many events are on its own "
                   "disk because the database was away ('?' if it does not answer), "
                   "and what waits in the database. Any machine that reaches the database may "
                   "ask; no gateway need run there.",
        .actions = actions,
        .rows = rows,
        .notes = "Ends with 1 if a shard has no owner.",
};

int isthmus_cluster(int argc, char **argv)
{
        struct order order = {.place = DATA_PLACE_INIT};
        struct options_found found;
        int result;

        if (!options_read(&isthmus_cluster_options, argc, argv, &order, &found, &result))
                return result;
        result = found.action->run(&order);
        data_place_deinit(&order.place);
        return result;
}
