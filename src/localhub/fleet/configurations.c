// SPDX-License-Identifier: MIT
/* Configurations (rule W33): how a service makes, reads and removes them, and their file. */
#include "localhub/fleet/configurations.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define CONFIGURATIONS_MAX 100 /* of a hub, as Azure's */
#define ID_SIZE_MAX        128
#define FILE_MAX           ((size_t)64 * 1024 * 1024)
#define FILE_DEPTH         40

/* --- documents ------------------------------------------------------------------------------- */

static void add_etag(struct json_object *object, uint64_t revision)
{
        CLEANUP(mem_cleanup) char *number = mem_format("%llu", (unsigned long long)revision);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;

        crypto_base64_encode(&text, number, strlen(number));
        json_add_text(object, "etag", buf_text(&text));
}

static struct json_object *system_metrics(const struct configuration *configuration)
{
        const char *target = json_text_member(configuration->document, "targetCondition");
        struct json_object *metrics = json_object_new_object();
        struct json_object *results = json_object_new_object();
        struct json_object *queries = json_object_new_object();
        CLEANUP(mem_cleanup) char *text = NULL;

        json_add_int(results, "targetedCount", configuration->targeted);
        json_add_int(results, "appliedCount", configuration->applied);
        text = mem_format("SELECT deviceId FROM devices WHERE %s", target ? target : "");
        json_add_text(queries, "targetedCount", text);
        free(text);
        text = mem_format("SELECT deviceId FROM devices WHERE configurations.[[%s]].status = "
                          "'Applied'",
                          configuration->item.id);
        json_add_text(queries, "appliedCount", text);
        json_object_object_add(metrics, "results", results);
        json_object_object_add(metrics, "queries", queries);
        return metrics;
}

static struct json_object *own_metrics(const struct configuration *configuration)
{
        struct json_object *asked = json_object_member(configuration->document, "metrics");
        struct json_object *queries = json_object_member(asked, "queries");
        struct json_object *metrics = json_object_new_object();
        struct json_object *results = json_object_new_object();

        for (size_t i = 0; i < configuration->metric_count; i++)
                json_add_int(results, configuration->metrics[i].name,
                             configuration->metrics[i].result);
        json_object_object_add(metrics, "results", results);
        json_object_object_add(metrics, "queries",
                               queries ? fleet_copy(queries) : json_object_new_object());
        return metrics;
}

struct json_object *fleet_configuration_document(const void *item)
{
        const struct configuration *configuration = item;
        static const char *const members[] = {"schemaVersion", "labels", "content",
                                              "targetCondition"};
        struct json_object *made = json_object_new_object();

        json_add_text(made, "id", configuration->item.id);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                json_object_object_add(
                        made, members[i],
                        fleet_copy(json_member(configuration->document, members[i])));
        json_add_int(made, "priority", configuration->priority);
        fleet_add_time(made, "createdTimeUtc", configuration->created_ms);
        fleet_add_time(made, "lastUpdatedTimeUtc", configuration->updated_ms);
        json_object_object_add(made, "systemMetrics", system_metrics(configuration));
        json_object_object_add(made, "metrics", own_metrics(configuration));
        add_etag(made, configuration->revision);
        return made;
}

/* --- the file -------------------------------------------------------------------------------- */

static struct json_object *kept(struct fleet *fleet, const struct configuration *configuration)
{
        struct json_object *record = json_object_new_object();
        struct registry_hub hub;

        if (registry_hub_get(fleet->registry, configuration->item.hub, &hub))
                json_add_text(record, "hub", hub.id);
        json_object_object_add(record, "document", json_object_get(configuration->document));
        json_add_text(record, "id", configuration->item.id);
        json_add_int(record, "created", configuration->created_ms);
        json_add_int(record, "updated", configuration->updated_ms);
        json_add_int(record, "revision", (int64_t)configuration->revision);
        return record;
}

static char *path_of(const struct fleet *fleet)
{
        return mem_format("%s/configurations.json", fleet->directory);
}

static void save(struct fleet *fleet)
{
        CLEANUP(json_cleanup) struct json_object *list = json_object_new_array();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(mem_cleanup) char *path = NULL;
        struct reason reason = REASON_INIT;

        if (!fleet->directory)
                return;
        path = path_of(fleet);
        list_for_each (node, &fleet->items[FLEET_CONFIGURATION])
                json_object_array_add(
                        list, kept(fleet, list_entry(node, struct configuration, item.node)));
        json_write(&text, list);
        if (file_write(path, 0600, text.data, text.size, &reason) != 0)
                log_error("HUB_CONFIGURATIONS_WRITE_FAILED",
                          "The hub's configurations can't be written",
                          LOG_TEXT("error", reason.text), LOG_END);
}

/* --- taking one up --------------------------------------------------------------------------- */

static void configuration_free(struct configuration *configuration)
{
        for (size_t i = 0; i < configuration->metric_count; i++) {
                free(configuration->metrics[i].name);
                query_free(configuration->metrics[i].query);
        }
        query_free(configuration->target);
        json_object_put(configuration->document);
        free(configuration->item.id);
        free(configuration);
}

void fleet_configurations_deinit(struct fleet *fleet)
{
        struct list_node *node;

        while ((node = list_pop_front(&fleet->items[FLEET_CONFIGURATION])) != NULL)
                configuration_free(list_entry(node, struct configuration, item.node));
        fleet_applied_deinit(fleet);
}

/* What Azure allows: small letters, digits and a few signs. */
static bool is_id(const char *id)
{
        static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789-+%_*!'";

        return id[0] && strlen(id) <= ID_SIZE_MAX && strspn(id, good) == strlen(id);
}

static bool read_metrics(struct configuration *configuration, struct reason *reason)
{
        struct json_object *metrics = json_object_member(configuration->document, "metrics");
        struct json_object *queries = json_object_member(metrics, "queries");

        if (!queries)
                return true;
        json_object_object_foreach (queries, name, value) {
                struct metric *metric = &configuration->metrics[configuration->metric_count];
                const char *text = json_object_is_type(value, json_type_string)
                                           ? json_object_get_string(value)
                                           : "";

                if (configuration->metric_count == CONFIGURATION_METRICS_MAX) {
                        reason_set(reason, "there are more than %d metrics",
                                   CONFIGURATION_METRICS_MAX);
                        return false;
                }
                if (query_parse(text, &metric->query, reason) != 0) {
                        reason_prefix(reason, "metric '%.64s'", name);
                        return false;
                }
                metric->name = mem_text(name);
                configuration->metric_count++;
        }
        return true;
}

/* NULL with the reason. */
static struct configuration *configuration_new(const char *id, struct json_object *document,
                                               struct reason *reason)
{
        struct configuration *made = mem_new(1, sizeof(*made));
        const char *target = json_text_member(document, "targetCondition");
        bool good = false;

        made->item.id = mem_text(id);
        made->document = fleet_copy(document);
        made->created_ms = made->updated_ms = clock_wall_ms();
        (void)json_int_member(document, "priority", &made->priority);
        if (!is_id(id))
                reason_set(reason,
                           "'%.140s' can't be the id of a configuration: up to 128 small "
                           "letters, digits or - + %% _ * ! '",
                           id);
        else if (!json_object_member(document, "content"))
                reason_set(reason, "'content' is missing");
        else if (made->priority < 0)
                reason_set(reason, "'priority' is less than 0");
        else if (fleet_condition_parse(target ? target : "", &made->target, reason) != 0)
                reason_prefix(reason, "'targetCondition'");
        else
                good = read_metrics(made, reason);
        if (good)
                return made;
        configuration_free(made);
        return NULL;
}

static size_t count(const struct fleet *fleet, int hub)
{
        size_t counted = 0;

        list_for_each (node, &fleet->items[FLEET_CONFIGURATION])
                counted += list_entry(node, struct configuration, item.node)->item.hub == hub;
        return counted;
}

/* Puts it in the place of the one that it changes. */
static void put(struct fleet *fleet, struct configuration *made, struct configuration *old)
{
        made->item.serial = old ? old->item.serial : ++fleet->last_serial;
        made->revision = old ? old->revision + 1 : 1;
        if (old) {
                made->created_ms = old->created_ms;
                list_insert_after(&fleet->items[FLEET_CONFIGURATION], &old->item.node,
                                  &made->item.node);
                list_remove(&fleet->items[FLEET_CONFIGURATION], &old->item.node);
                configuration_free(old);
        } else {
                list_push_back(&fleet->items[FLEET_CONFIGURATION], &made->item.node);
        }
        fleet->pass_due_ms = 0;
        fleet_wake(fleet);
}

static int put_if_allowed(struct fleet *fleet, struct configuration *made, bool exists,
                          struct reason *reason)
{
        struct configuration *old =
                fleet_find(&fleet->items[FLEET_CONFIGURATION], made->item.hub, made->item.id);

        if (exists && !old) {
                reason_set(reason, "there is no configuration '%s'", made->item.id);
                return FLEET_E_NOT_FOUND;
        }
        if (!exists && old) {
                reason_set(reason, "there is a configuration '%s' already", made->item.id);
                return FLEET_E_EXISTS;
        }
        if (!old && count(fleet, made->item.hub) >= CONFIGURATIONS_MAX) {
                reason_set(reason, "a hub has at most %d configurations", CONFIGURATIONS_MAX);
                return FLEET_E_INVALID;
        }
        put(fleet, made, old);
        save(fleet);
        return 0;
}

int fleet_configuration_put(struct fleet *fleet, int hub, const char *id, bool exists,
                            struct json_object *request, struct json_object **answer,
                            struct reason *reason)
{
        struct configuration *made = configuration_new(id, request, reason);
        int r;

        if (!made)
                return FLEET_E_INVALID;
        made->item.hub = hub;
        pthread_mutex_lock(&fleet->mutex);
        r = put_if_allowed(fleet, made, exists, reason);
        if (r == 0)
                *answer = fleet_configuration_document(made);
        pthread_mutex_unlock(&fleet->mutex);
        if (r != 0)
                configuration_free(made);
        return r;
}

bool fleet_configuration_remove(struct fleet *fleet, int hub, const char *id)
{
        struct configuration *found;

        pthread_mutex_lock(&fleet->mutex);
        found = fleet_find(&fleet->items[FLEET_CONFIGURATION], hub, id);
        if (found) {
                fleet_applied_forget(fleet, found);
                list_remove(&fleet->items[FLEET_CONFIGURATION], &found->item.node);
                configuration_free(found);
                fleet->pass_due_ms = 0;
                save(fleet);
                fleet_wake(fleet);
        }
        pthread_mutex_unlock(&fleet->mutex);
        return found != NULL;
}

/* --- at the start ---------------------------------------------------------------------------- */

static int load_one(struct fleet *fleet, struct json_object *record, struct reason *reason)
{
        const char *id = json_text_member(record, "id");
        const char *hub = json_text_member(record, "hub");
        struct configuration *made =
                configuration_new(id ? id : "", json_object_member(record, "document"), reason);
        int64_t revision = 1;

        if (!made)
                return -EINVAL;
        made->item.hub = hub ? registry_hub_find(fleet->registry, hub) : -1;
        (void)json_int_member(record, "created", &made->created_ms);
        (void)json_int_member(record, "updated", &made->updated_ms);
        (void)json_int_member(record, "revision", &revision);
        put(fleet, made, NULL);
        made->revision = (uint64_t)revision;
        return 0;
}

int fleet_configurations_load(struct fleet *fleet, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = path_of(fleet);
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        CLEANUP(json_cleanup) struct json_object *list = NULL;
        int r = access(path, F_OK) == 0 ? file_read(path, FILE_MAX, &text, reason) : -ENOENT;

        if (r != 0)
                return r == -ENOENT ? 0 : r;
        list = json_parse(buf_text(&text), text.size, FILE_DEPTH, JSON_STRICT, reason);
        if (!json_object_is_type(list, json_type_array)) {
                reason_prefix(reason, "%s", path);
                return -EINVAL;
        }
        for (size_t i = 0; i < json_object_array_length(list) && r == 0; i++)
                r = load_one(fleet, json_object_array_get_idx(list, i), reason);
        if (r != 0)
                reason_prefix(reason, "%s", path);
        return r;
}
