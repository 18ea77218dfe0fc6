// SPDX-License-Identifier: MIT
/*
 * The thread "hub-fleet": asks jobs, transfers and configurations in turn what is due, and sleeps
 * until one of them wants to be asked again or something has changed.
 */
#include "localhub/fleet/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "localhub/fleet/fleet_inside.h"

#define THREAD "hub-fleet"

void fleet_wake(struct fleet *fleet)
{
        pthread_cond_signal(&fleet->changed);
}

struct json_object *fleet_copy(struct json_object *value)
{
        struct json_object *copy = NULL;

        if (value && json_object_deep_copy(value, &copy, NULL) != 0)
                abort(); /* only without memory */
        return copy;
}

void fleet_add_time(struct json_object *object, const char *name, int64_t wall_ms)
{
        char text[CLOCK_TEXT_SIZE];

        if (wall_ms == 0) {
                json_object_object_add(object, name, NULL);
                return;
        }
        clock_format_utc(text, wall_ms * CLOCK_NS_PER_MS, CLOCK_FRACTION);
        json_add_text(object, name, text);
}

/* --- what is in its lists -------------------------------------------------------------------- */

void *fleet_find(const struct list *items, int hub, const char *id)
{
        list_for_each (node, items) {
                struct fleet_item *item = list_entry(node, struct fleet_item, node);

                if (item->hub == hub && strcmp(item->id, id) == 0)
                        return item;
        }
        return NULL;
}

void *fleet_from(const struct list *items, int hub, uint64_t serial)
{
        list_for_each (node, items) {
                struct fleet_item *item = list_entry(node, struct fleet_item, node);

                if (item->hub == hub && item->serial >= serial)
                        return item;
        }
        return NULL;
}

static struct json_object *describe(enum fleet_kind kind, const struct fleet_item *item)
{
        static struct json_object *(*const documents[])(const void *) = {
                [FLEET_JOB] = fleet_job_document,
                [FLEET_TRANSFER] = fleet_transfer_document,
                [FLEET_CONFIGURATION] = fleet_configuration_document,
        };

        return item ? documents[kind](item) : NULL;
}

struct json_object *fleet_get(struct fleet *fleet, enum fleet_kind kind, int hub, const char *id)
{
        struct json_object *made;

        pthread_mutex_lock(&fleet->mutex);
        made = describe(kind, fleet_find(&fleet->items[kind], hub, id));
        pthread_mutex_unlock(&fleet->mutex);
        return made;
}

struct json_object *fleet_next(struct fleet *fleet, enum fleet_kind kind, int hub, uint64_t *cursor)
{
        const struct fleet_item *item;
        struct json_object *made;

        pthread_mutex_lock(&fleet->mutex);
        item = fleet_from(&fleet->items[kind], hub, *cursor + 1);
        if (item)
                *cursor = item->serial;
        made = describe(kind, item);
        pthread_mutex_unlock(&fleet->mutex);
        return made;
}

int fleet_condition_parse(const char *condition, struct query **query, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *text = NULL;
        bool has_source = strncasecmp(condition, "from ", strlen("from ")) == 0;

        *query = NULL;
        if (!condition[0])
                return 0;
        if (strcmp(condition, "*") == 0)
                text = mem_text("SELECT * FROM devices");
        else
                text = mem_format("SELECT * %s%s", has_source ? "" : "FROM devices WHERE ",
                                  condition);
        if (query_parse(text, query, reason) == 0)
                return 0;
        reason_add(reason, "the query is '%.300s'", text);
        return FLEET_E_INVALID;
}

/* --- the thread ------------------------------------------------------------------------------ */

static void *run(void *context)
{
        struct fleet *fleet = context;

        thread_enter(THREAD);
        pthread_mutex_lock(&fleet->mutex);
        while (!fleet->closing) {
                int64_t next_ms = INT64_MAX;

                fleet_jobs_run(fleet, &next_ms);
                fleet_transfers_run(fleet, &next_ms);
                fleet_configurations_run(fleet, &next_ms);
                if (fleet->closing || next_ms <= clock_steady_ms())
                        continue;
                if (next_ms == INT64_MAX)
                        pthread_cond_wait(&fleet->changed, &fleet->mutex);
                else
                        (void)condition_wait_until(&fleet->changed, &fleet->mutex,
                                                   next_ms * CLOCK_NS_PER_MS);
        }
        pthread_mutex_unlock(&fleet->mutex);
        return NULL;
}

int fleet_new(const struct fleet_options *options, struct fleet **fleet, struct reason *reason)
{
        struct fleet *made = mem_new(1, sizeof(*made));
        int r;

        pthread_mutex_init(&made->mutex, NULL);
        condition_init(&made->changed);
        made->hub = options->hub;
        made->registry = local_hub_registry(options->hub);
        made->documents = options->documents;
        made->directory = mem_text(options->directory);
        made->trusted_certificates = mem_text(options->trusted_certificates);
        for (size_t i = 0; i < FLEET_KIND_COUNT; i++)
                list_init(&made->items[i]);
        list_init(&made->applied);
        r = made->directory ? fleet_configurations_load(made, reason) : 0;
        if (r != 0) {
                fleet_free(made);
                return r;
        }
        *fleet = made; /* the documents may ask for it */
        made->running = true;
        thread_start(&made->thread, run, made);
        return 0;
}

void fleet_stop(struct fleet *fleet)
{
        if (!fleet || !fleet->running)
                return;
        pthread_mutex_lock(&fleet->mutex);
        fleet->closing = true;
        fleet_wake(fleet);
        pthread_mutex_unlock(&fleet->mutex);
        pthread_join(fleet->thread, NULL);
        fleet->running = false;
        http_client_free(fleet->http);
        fleet->http = NULL;
}

void fleet_free(struct fleet *fleet)
{
        if (!fleet)
                return;
        fleet_stop(fleet);
        fleet_jobs_deinit(fleet);
        fleet_transfers_deinit(fleet);
        fleet_configurations_deinit(fleet);
        pthread_cond_destroy(&fleet->changed);
        pthread_mutex_destroy(&fleet->mutex);
        free(fleet->directory);
        free(fleet->trusted_certificates);
        free(fleet);
}
