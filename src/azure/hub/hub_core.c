// SPDX-License-Identifier: MIT
#include "azure/hub/hub_core.h"

#include <proton/delivery.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/mem.h"

#define FAILURES_FORGOTTEN_MS (INT64_C(5) * 60 * 1000)

/* --- notes for the turn ----------------------------------------------------------------------- */

static void note(struct list *list, struct list_node *node)
{
        if (node->next == NULL)
                list_push_back(list, node);
}

void hub_core_work(struct hub_device *device, enum hub_work work)
{
        device->work |= work;
        note(&device->hub->client->busy_devices, &device->work_node);
}

void hub_core_condition(struct hub_device *device, enum hub_work work,
                        const struct hub_condition *condition)
{
        if (device->condition == NULL)
                device->condition = mem_new(1, sizeof(*condition));
        *device->condition = *condition;
        hub_core_work(device, work);
}

void hub_core_forget_work(struct hub_device *device)
{
        if (device->work_node.next != NULL)
                list_remove(&device->hub->client->busy_devices, &device->work_node);
        device->work = 0;
        free(device->condition);
        device->condition = NULL;
}

void hub_core_fail(struct hub_connection *connection, const char *why)
{
        if (connection->fails == NULL)
                connection->fails = mem_text(why);
        note(&connection->hub->client->busy_connections, &connection->work_node);
}

void hub_core_news(struct hub_device *device)
{
        if (device->place != HUB_PLACE_CLOSED)
                note(&device->hub->client->news, &device->news_node);
}

void hub_core_wrote(struct hub_connection *connection)
{
        if (connection != connection->hub->client->current)
                note(&connection->hub->client->unsent, &connection->unsent_node);
}

void hub_core_seat_soon(struct hub *hub)
{
        if (hub->seat_timer.position == 0 || hub->seat_timer.due_ms > hub->client->now_ms)
                loop_timer_start(hub->client->loop, &hub->seat_timer, 0);
}

bool hub_core_may_act(const struct hub_device *device)
{
        const struct hub_client_options *options = &device->hub->client->options;

        return options->may_act == NULL || options->may_act(device->context);
}

/* --- pauses ----------------------------------------------------------------------------------- */

int64_t hub_core_backoff(const struct hub_client *client, int attempt)
{
        return backoff_ms(attempt + 1, client->options.backoff_min_ms,
                          client->options.backoff_max_ms);
}

int64_t hub_core_pause(struct hub_client *client, struct hub_pause *pause, int64_t least_ms)
{
        int64_t delay_ms;

        if (client->now_ms - pause->failed_ms > FAILURES_FORGOTTEN_MS)
                pause->failures = 0;
        pause->failed_ms = client->now_ms;
        delay_ms = hub_core_backoff(client, pause->failures++);
        if (delay_ms < least_ms)
                delay_ms = backoff_between_ms(least_ms, least_ms * 2);
        loop_timer_start(client->loop, &pause->timer, delay_ms);
        return delay_ms;
}

void hub_core_repair(struct hub_device *device, int64_t least_ms)
{
        if (device->place == HUB_PLACE_READY)
                hub_core_pause(device->hub->client, &device->pause, least_ms);
}

/* --- sends ------------------------------------------------------------------------------------ */

struct hub_send *hub_core_send_new(struct hub_device *device, uint64_t token)
{
        struct hub_send *send = mem_new(1, sizeof(*send));

        send->device = device;
        send->token = token;
        return send;
}

void hub_core_send_end(struct hub_send *send, enum hub_outcome outcome, const char *reason)
{
        struct hub_device *device = send->device;

        if (send->delivery != NULL) {
                pn_delivery_set_context(send->delivery, NULL);
                pn_delivery_settle(send->delivery);
                send->delivery = NULL;
                list_remove(&device->telemetry.in_flight, &send->device_node);
                list_remove(&device->connection->in_flight, &send->connection_node);
        } else if (device->twin != NULL && send == device->twin->report) {
                device->twin->report = NULL;
                loop_timer_stop(device->hub->client->loop, &device->twin->timer);
        }
        send->outcome = outcome;
        send->reason = mem_text(reason);
        list_push_back(&device->ended, &send->device_node);
        hub_core_news(device);
}

void hub_core_send_free(struct hub_send *send)
{
        free(send->reason);
        free(send);
}

struct hub_send *hub_core_oldest(const struct hub_device *device)
{
        const struct list *in_flight = &device->telemetry.in_flight;

        return list_is_empty(in_flight)
                       ? NULL
                       : list_entry(in_flight->head.next, struct hub_send, device_node);
}

/* --- seats ------------------------------------------------------------------------------------ */

size_t hub_core_count(const struct list devices[HUB_PLACES])
{
        size_t count = 0;

        for (size_t i = 0; i < HUB_PLACES; i++)
                count += devices[i].count;
        return count;
}
