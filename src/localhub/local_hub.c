// SPDX-License-Identifier: MIT
#include "localhub/local_hub.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/amqp/amqp_stream.h"
#include "localhub/events/event_endpoint.h"
#include "localhub/mqtt/mqtt_core.h"
#include "localhub/provision/provision_link.h"
#include "localhub/streams/stream_relay.h"

#define DEFAULT_LISTEN            "127.0.0.1"
#define DEFAULT_TOKENS            1000
#define DEFAULT_FEEDBACK_DELAY_MS 1000

/* Telemetry is numbered from the time of the start: so that numbers that readers have kept from
 * before a restart lie below all new ones, as they do in the service, which keeps telemetry. */
#define NUMBERS_PER_MS 100

struct local_hub {
        struct registry *registry;
        struct telemetry_log *telemetry;
        struct faults *faults;
        struct quotas *quotas;
        struct command_queue *commands;
        struct amqp_core core;
        struct event_endpoint events;
        atomic_bool arrival_posted; /* readers will be told of telemetry */
        struct mqtt_core mqtt;
        struct stream_protocol amqp_protocol;
        struct stream_protocol plain_protocol; /* AMQP without TLS */
        struct stream_protocol mqtt_protocol;
        struct stream_protocol https_protocol;
        struct stream_server *server;
        uint16_t amqp_port; /* of the hub that was opened last */
        uint16_t mqtt_port;
};

struct registry *local_hub_registry(struct local_hub *hub)
{
        return hub->registry;
}

struct telemetry_log *local_hub_telemetry(struct local_hub *hub)
{
        return hub->telemetry;
}

struct faults *local_hub_faults(struct local_hub *hub)
{
        return hub->faults;
}

struct quotas *local_hub_quotas(struct local_hub *hub)
{
        return hub->quotas;
}

/* --- changes on their way to the thread "hub-devices" ----------------------------------------- */

struct change {
        struct local_hub *hub;
        enum registry_change change;
        int index;
        char *device_id;
        char *patch;
};

static void change_free(struct change *change)
{
        free(change->device_id);
        free(change->patch);
        free(change);
}

static bool is_enabled(struct registry *registry, int index, const char *device_id)
{
        struct registry_device device = {.hub = index};
        bool enabled = registry_device_get(registry, index, device_id, &device) && device.enabled;

        mem_wipe(device.primary_key, sizeof(device.primary_key));
        mem_wipe(device.secondary_key, sizeof(device.secondary_key));
        return enabled;
}

static void apply_change(void *context)
{
        struct change *change = context;

        amqp_core_registry_changed(&change->hub->core, change->change, change->index,
                                   change->device_id, change->patch);
        if (change->change != REGISTRY_TWIN_DESIRED &&
            !is_enabled(change->hub->registry, change->index, change->device_id))
                mqtt_core_end_device(&change->hub->mqtt, change->index, change->device_id);
        change_free(change);
}

static void registry_changed(void *context, enum registry_change what, int index,
                             const char *device_id, const char *patch)
{
        struct local_hub *hub = context;
        struct change *change = mem_new(1, sizeof(*change));

        change->hub = hub;
        change->change = what;
        change->index = index;
        change->device_id = mem_text(device_id);
        change->patch = mem_text(patch);
        stream_server_post(hub->server, apply_change, change);
}

static void tell_readers(void *context)
{
        struct local_hub *hub = context;

        atomic_store(&hub->arrival_posted, false);
        event_endpoint_arrived(&hub->events);
}

static void telemetry_arrived(void *context)
{
        struct local_hub *hub = context;

        if (event_endpoint_has_readers(&hub->events) &&
            !atomic_exchange(&hub->arrival_posted, true))
                stream_server_post(hub->server, tell_readers, hub);
}

static void apply_faults(void *context)
{
        struct local_hub *hub = context;

        amqp_core_faults_changed(&hub->core);
}

static void faults_changed(void *context)
{
        struct local_hub *hub = context;

        stream_server_post(hub->server, apply_faults, hub);
}

/* --- start and stop ------------------------------------------------------------------------ */

static void begin_turn(void *context)
{
        struct local_hub *hub = context;

        hub->core.now_ms = clock_steady_ms();
        hub->core.wall_ms = clock_wall_ms();
}

static int64_t tick(void *context)
{
        struct local_hub *hub = context;

        return amqp_core_tick(&hub->core);
}

/* MQTT shares what AMQP's core has. */
static void prepare_mqtt(struct local_hub *hub)
{
        hub->mqtt = (struct mqtt_core){
                .registry = hub->registry,
                .telemetry = hub->telemetry,
                .faults = hub->faults,
                .commands = hub->commands,
                .sessions = &hub->core.sessions,
                .timers = &hub->core.timers,
                .now_ms = &hub->core.now_ms,
                .wall_ms = &hub->core.wall_ms,
                .last_number = &hub->core.last_number,
        };
        mqtt_core_init(&hub->mqtt);
        hub->amqp_protocol = amqp_stream_protocol(&hub->core);
        hub->plain_protocol = hub->amqp_protocol;
        hub->plain_protocol.plain = true;
        hub->mqtt_protocol = mqtt_stream_protocol(&hub->mqtt);
}

static int open_parts(struct local_hub *hub, const struct local_hub_options *options,
                      struct reason *reason)
{
        struct telemetry_log_options telemetry = options->telemetry;
        int result = registry_open(&(struct registry_options){.directory = options->directory,
                                                              .id_scope = options->id_scope},
                                   &hub->registry, reason);

        telemetry.first_number = clock_wall_ms() * NUMBERS_PER_MS;
        if (result == 0)
                result = telemetry_log_new(&telemetry, &hub->telemetry, reason);
        if (result != 0)
                return result;
        hub->faults = faults_new();
        if (options->sku) {
                hub->quotas = quotas_new(options->sku, options->units, REGISTRY_HUBS_MAX);
                if (!hub->quotas) {
                        reason_set(reason,
                                   "there is no hub of size %s with %lld units: sizes are F1 "
                                   "(1 unit), S1, S2 (up to 200 units) and S3 (up to 10 units)",
                                   options->sku, (long long)options->units);
                        return -EINVAL;
                }
        }
        hub->commands = command_queue_new(&(struct command_queue_options){
                .lock_ms = options->lock_ms, .max_delivery_count = options->max_delivery_count});
        hub->core.registry = hub->registry;
        hub->core.sessions.registry = hub->registry;
        hub->core.sessions.faults = hub->faults;
        hub->core.sessions.quotas = hub->quotas;
        hub->core.telemetry = hub->telemetry;
        hub->core.faults = hub->faults;
        hub->core.commands = hub->commands;
        hub->core.tokens_per_connection = options->tokens_per_connection > 0
                                                  ? (size_t)options->tokens_per_connection
                                                  : DEFAULT_TOKENS;
        hub->core.feedback_delay_ms = options->feedback_delay_ms > 0 ? options->feedback_delay_ms
                                                                     : DEFAULT_FEEDBACK_DELAY_MS;
        event_endpoint_init(&hub->events, &hub->core, options->consumer_groups,
                            options->consumer_group_count);
        provision_links_add(&hub->core);
        prepare_mqtt(hub);
        return stream_server_new(
                &(struct stream_server_options){.thread = LOCAL_HUB_THREAD,
                                                .certificate = options->certificate,
                                                .key = options->key,
                                                .turn = begin_turn,
                                                .tick = tick,
                                                .context = hub},
                &hub->server, reason);
}

/* Opens the ports of a hub, or takes those of the first one. */
static int open_ports(struct local_hub *hub, const char *listen, bool shares, int index,
                      struct reason *reason)
{
        int result;

        if (shares)
                return 0;
        result = stream_server_listen(hub->server, &hub->amqp_protocol, index, listen,
                                      &hub->amqp_port, reason);
        if (result == 0)
                result = stream_server_listen(hub->server, &hub->mqtt_protocol, index, listen,
                                              &hub->mqtt_port, reason);
        return result;
}

static int open_endpoint(struct local_hub *hub, const struct local_hub_options *options,
                         const struct local_hub_endpoint *endpoint, struct reason *reason)
{
        char address[32];
        int index;
        int result =
                registry_hub_add(hub->registry, endpoint->id, endpoint->weight, &index, reason);

        if (!endpoint->shares) {
                hub->amqp_port = endpoint->port;
                hub->mqtt_port = endpoint->mqtt_port;
        }
        if (result == 0)
                result = open_ports(hub, options->listen ? options->listen : DEFAULT_LISTEN,
                                    endpoint->shares, index, reason);
        if (result != 0)
                return result;
        snprintf(address, sizeof(address), "localhost:%u", hub->amqp_port);
        registry_hub_listens(hub->registry, index, endpoint->address ? endpoint->address : address,
                             hub->amqp_port);
        registry_hub_set_port(hub->registry, index, REGISTRY_PORT_MQTT, hub->mqtt_port);
        return 0;
}

static int open_plain_port(struct local_hub *hub, const struct local_hub_options *options,
                           struct reason *reason)
{
        uint16_t port = (uint16_t)(options->plain_amqp_port > 0 ? options->plain_amqp_port : 0);
        int result;

        if (options->plain_amqp_port == 0)
                return 0;
        result = stream_server_listen(hub->server, &hub->plain_protocol, 0,
                                      options->listen ? options->listen : DEFAULT_LISTEN, &port,
                                      reason);
        for (int i = 0; result == 0 && i < registry_hub_count(hub->registry); i++)
                registry_hub_set_port(hub->registry, i, REGISTRY_PORT_PLAIN, port);
        return result;
}

int local_hub_new(const struct local_hub_options *options, struct local_hub **hub,
                  struct reason *reason)
{
        struct local_hub *made = mem_new(1, sizeof(*made));
        int result;

        amqp_core_init(&made->core);
        result = open_parts(made, options, reason);
        for (size_t i = 0; i < options->endpoint_count && result == 0; i++)
                result = open_endpoint(made, options, &options->endpoints[i], reason);
        if (result == 0)
                result = open_plain_port(made, options, reason);
        if (result != 0) {
                local_hub_free(made);
                return result;
        }
        registry_watch(made->registry, registry_changed, made);
        telemetry_log_watch(made->telemetry, telemetry_arrived, made);
        faults_watch(made->faults, faults_changed, made);
        stream_server_start(made->server);
        *hub = made;
        return 0;
}

void local_hub_free(struct local_hub *hub)
{
        if (!hub)
                return;
        if (hub->telemetry)
                telemetry_log_close(hub->telemetry);
        stream_server_free(hub->server);
        mqtt_core_deinit(&hub->mqtt);
        event_endpoint_deinit(&hub->events);
        amqp_core_deinit(&hub->core);
        command_queue_free(hub->commands);
        faults_free(hub->faults);
        quotas_free(hub->quotas);
        telemetry_log_free(hub->telemetry);
        registry_close(hub->registry);
        free(hub);
}

static void set_provisioning(void *context)
{
        struct local_hub *hub = context;

        hub->mqtt.provisioning = hub->https_protocol.context;
        hub->core.provisioning = hub->https_protocol.context;
}

int local_hub_serve_https(struct local_hub *hub, const char *address, uint16_t *port,
                          const char *path, struct reason *reason)
{
        int result;

        hub->https_protocol = stream_relay_protocol(path);
        result = stream_server_listen(hub->server, &hub->https_protocol, -1, address, port, reason);
        for (int i = 0; result == 0 && i < registry_hub_count(hub->registry); i++)
                registry_hub_set_port(hub->registry, i, REGISTRY_PORT_HTTPS, *port);
        if (result == 0)
                stream_server_call(hub->server, set_provisioning, hub);
        return result;
}

bool local_hub_find_chain(void *hub, const char *name, struct client_chain *chain)
{
        const struct local_hub *of = hub;

        return stream_server_find_chain(of->server, name, chain);
}

/* --- connections from elsewhere ------------------------------------------------------------ */

struct adoption {
        struct local_hub *hub;
        int index;
        enum local_hub_protocol protocol;
        struct local_hub_socket socket;
        struct buf first;
};

static void adopt(void *context)
{
        struct adoption *adoption = context;
        struct local_hub *hub = adoption->hub;

        stream_server_adopt(hub->server,
                            adoption->protocol == LOCAL_HUB_MQTT ? &hub->mqtt_protocol
                                                                 : &hub->amqp_protocol,
                            adoption->index, adoption->socket.socket, &adoption->first,
                            &(struct stream_owner){.closed = adoption->socket.closed,
                                                   .context = adoption->socket.context});
        buf_deinit(&adoption->first);
        free(adoption);
}

void local_hub_adopt(struct local_hub *hub, int hub_index, enum local_hub_protocol protocol,
                     const struct local_hub_socket *socket)
{
        struct adoption *adoption = mem_new(1, sizeof(*adoption));

        adoption->hub = hub;
        adoption->index = hub_index;
        adoption->protocol = protocol;
        adoption->socket = *socket;
        buf_add(&adoption->first, socket->first->data, socket->first->size);
        stream_server_post(hub->server, adopt, adoption);
}

/* --- cloud-to-device messages -------------------------------------------------------------- */

struct wanted_device {
        struct local_hub *hub;
        int index;
        char *device_id;
};

static void commands_wait(void *context)
{
        struct wanted_device *wanted = context;

        amqp_core_commands_wait(&wanted->hub->core, wanted->index, wanted->device_id);
        free(wanted->device_id);
        free(wanted);
}

struct command_queue *local_hub_commands(struct local_hub *hub)
{
        return hub->commands;
}

void local_hub_commands_changed(struct local_hub *hub, int hub_index, const char *device_id)
{
        struct wanted_device *wanted = mem_new(1, sizeof(*wanted));

        *wanted = (struct wanted_device){hub, hub_index, mem_text(device_id)};
        stream_server_post(hub->server, commands_wait, wanted);
}

int local_hub_send_command(struct local_hub *hub, int hub_index, const char *device_id,
                           const struct local_hub_command *command,
                           char message_id[LOCAL_HUB_MESSAGE_ID_SIZE], struct reason *reason)
{
        struct registry_device device;
        int result;

        if (!registry_device_get(hub->registry, hub_index, device_id, &device)) {
                reason_set(reason, "there is no device '%s'", device_id);
                return LOCAL_HUB_E_NO_DEVICE;
        }
        result = command_queue_send(hub->commands, hub_index, device_id, device.generation_id,
                                    command, clock_steady_ms(), message_id, reason);
        if (result != 0)
                return result;
        local_hub_commands_changed(hub, hub_index, device_id);
        return 0;
}

/* --- direct methods ------------------------------------------------------------------------ */

struct invocation {
        struct local_hub *hub;
        int index;
        char *device_id;
        char *name;
        void *payload;
        struct local_hub_method method;
        local_hub_method_done *done;
        void *context;
};

static void invoke(void *context)
{
        struct invocation *invocation = context;

        device_sessions_invoke(&invocation->hub->core.sessions, invocation->index,
                               invocation->device_id, &invocation->method, invocation->done,
                               invocation->context);
        free(invocation->device_id);
        free(invocation->name);
        free(invocation->payload);
        free(invocation);
}

void local_hub_invoke_method(struct local_hub *hub, int hub_index, const char *device_id,
                             const struct local_hub_method *method, local_hub_method_done *done,
                             void *context)
{
        struct invocation *invocation = mem_new(1, sizeof(*invocation));

        invocation->hub = hub;
        invocation->index = hub_index;
        invocation->device_id = mem_text(device_id);
        invocation->name = mem_text(method->name);
        invocation->payload = mem_text_n(method->payload, method->payload_size);
        invocation->method = *method;
        invocation->method.name = invocation->name;
        invocation->method.payload = invocation->payload;
        invocation->done = done;
        invocation->context = context;
        stream_server_post(hub->server, invoke, invocation);
}

/* --- connections --------------------------------------------------------------------------- */

struct survey {
        struct local_hub *hub;
        int index; /* -1 = every hub */
        const char *device_id;
        const char *condition;
        const char *description;
        struct local_hub_connection *list;
        size_t max;
        size_t count;
};

static size_t connected_devices(const struct amqp_peer *peer)
{
        size_t count = 0;

        list_for_each (node, &peer->device_list) {
                if (!list_is_empty(&list_entry(node, struct amqp_device, node)->links))
                        count++;
        }
        return count;
}

static void add_entry(struct survey *survey, const struct local_hub_connection *found,
                      const char *id, const struct stream *stream)
{
        struct local_hub_connection *entry = &survey->list[survey->count];

        if (survey->count++ >= survey->max)
                return;
        *entry = *found;
        snprintf(entry->id, sizeof(entry->id), "%s", id);
        snprintf(entry->peer, sizeof(entry->peer), "%s", stream_name(stream));
}

static void survey_connections(void *context)
{
        struct survey *survey = context;

        list_for_each (node, &survey->hub->core.peers) {
                const struct amqp_peer *peer = list_entry(node, struct amqp_peer, node);

                add_entry(survey,
                          &(struct local_hub_connection){.hub = peer->hub,
                                                         .opened_ms = peer->opened_ms,
                                                         .tokens = peer->tokens,
                                                         .devices = connected_devices(peer),
                                                         .messages = peer->messages},
                          peer->id, peer->stream);
        }
        list_for_each (node, &survey->hub->mqtt.peers) {
                const struct mqtt_peer *peer = list_entry(node, struct mqtt_peer, node);

                add_entry(survey,
                          &(struct local_hub_connection){.hub = peer->hub,
                                                         .opened_ms = peer->opened_ms,
                                                         .tokens = peer->connected,
                                                         .devices = peer->connected,
                                                         .messages = peer->messages},
                          peer->id, peer->stream);
        }
}

size_t local_hub_connection_list(struct local_hub *hub, struct local_hub_connection *list,
                                 size_t max)
{
        struct survey survey = {.hub = hub, .list = list, .max = max};

        stream_server_call(hub->server, survey_connections, &survey);
        return survey.count;
}

static bool is_meant(const struct survey *survey, int hub)
{
        return survey->index < 0 || survey->index == hub;
}

static void cut_mqtt(struct survey *survey)
{
        list_for_each (node, &survey->hub->mqtt.peers) {
                struct mqtt_peer *peer = list_entry(node, struct mqtt_peer, node);

                if (!is_meant(survey, peer->hub) ||
                    (survey->device_id &&
                     !(peer->connected && text_equal(peer->session.id, survey->device_id))))
                        continue;
                stream_cut(peer->stream);
                survey->count++;
        }
}

static void cut(void *context)
{
        struct survey *survey = context;

        list_for_each_safe (node, &survey->hub->core.peers) {
                struct amqp_peer *peer = list_entry(node, struct amqp_peer, node);

                if (!is_meant(survey, peer->hub) ||
                    (survey->device_id && !amqp_device_find(peer, survey->device_id)))
                        continue;
                amqp_peer_cut(peer);
                survey->count++;
        }
        cut_mqtt(survey);
}

size_t local_hub_cut_connections(struct local_hub *hub, int hub_index, const char *device_id)
{
        struct survey survey = {.hub = hub, .index = hub_index, .device_id = device_id};

        stream_server_call(hub->server, cut, &survey);
        return survey.count;
}

/* MQTT has no links: a device's whole connection ends. */
static void end_mqtt(struct survey *survey)
{
        list_for_each (node, &survey->hub->mqtt.peers) {
                struct mqtt_peer *peer = list_entry(node, struct mqtt_peer, node);

                if (!is_meant(survey, peer->hub) || !peer->connected ||
                    (survey->device_id && !text_equal(peer->session.id, survey->device_id)))
                        continue;
                mqtt_peer_end(peer, false);
                survey->count++;
        }
}

static void detach(void *context)
{
        struct survey *survey = context;

        list_for_each (node, &survey->hub->core.peers) {
                struct amqp_peer *peer = list_entry(node, struct amqp_peer, node);

                if (!is_meant(survey, peer->hub))
                        continue;
                list_for_each (device_node, &peer->device_list) {
                        struct amqp_device *device =
                                list_entry(device_node, struct amqp_device, node);

                        if (survey->device_id && !text_equal(device->session.id, survey->device_id))
                                continue;
                        survey->count += device->links.count;
                        amqp_device_order_detach(device, survey->condition, survey->description,
                                                 false);
                }
        }
        end_mqtt(survey);
}

size_t local_hub_detach_links(struct local_hub *hub, int hub_index, const char *device_id,
                              const char *condition, const char *description)
{
        struct survey survey = {.hub = hub,
                                .index = hub_index,
                                .device_id = device_id,
                                .condition = condition,
                                .description = description};

        stream_server_call(hub->server, detach, &survey);
        return survey.count;
}
