// SPDX-License-Identifier: MIT
/*
 * A floor for AMQP out: a bare proton sender, one TLS connection, sessions that twenty devices
 * share and one link per device, to a bare proton receiver in a process of its own that accepts
 * everything. Prints one line of JSON: messages per second, the sender's CPU per message, its
 * memory per device when all links are open. With --commands a device has the three links for
 * messages to it and for direct methods, too, and all have the properties that the gateway gives
 * them.
 *
 *     floor_proton --certificate PEM --key PEM --trusted PEM --body FILE [--devices 1000] [--count
 * 200000] [--commands]
 */
#include <getopt.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/listener.h>
#include <proton/message.h>
#include <proton/netaddr.h>
#include <proton/proactor.h>
#include <proton/session.h>
#include <proton/ssl.h>
#include <proton/transport.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "azure/names.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

/* Messages sent and not yet accepted, over all links. */
#define WINDOW 1024
#define CREDIT 16
/* As with the gateway. */
#define DEVICES_PER_SESSION 20

struct floor {
        const char *certificate;
        const char *trusted; /* that the sender trusts */
        const char *key;
        const char *body_file;
        int64_t devices;
        int64_t count;
        bool commands;
        struct buf body;
        struct buf encoded;
        pn_link_t **links;
        int64_t opened;
        int64_t next_link;
        int64_t sent;
        int64_t accepted;
        int64_t started_ns;
        int64_t started_cpu_us;
        long memory_before_kb;
        long memory_open_kb;
        bool over;
};

static void stop(const char *what)
{
        fprintf(stderr, "floor_proton: %s\n", what);
        exit(1);
}

static int64_t cpu_us(void)
{
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
               usage.ru_stime.tv_usec;
}

static long memory_kb(void)
{
        FILE *file = fopen("/proc/self/statm", "r");
        long pages = 0;

        if (!file || fscanf(file, "%*d %ld", &pages) != 1)
                stop("/proc/self/statm can't be read");
        fclose(file);
        return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* --- the receiver ------------------------------------------------------------------------ */

static void receive(pn_event_t *event)
{
        char bytes[65536];
        pn_delivery_t *delivery = pn_event_delivery(event);
        pn_link_t *link = delivery ? pn_delivery_link(delivery) : NULL;

        if (!link || !pn_link_is_receiver(link) || !pn_delivery_readable(delivery))
                return;
        while (pn_link_recv(link, bytes, sizeof(bytes)) > 0)
                continue;
        if (pn_delivery_partial(delivery))
                return;
        pn_delivery_update(delivery, PN_ACCEPTED);
        pn_delivery_settle(delivery);
        pn_link_flow(link, 1);
}

static void accept_connection(const struct floor *floor, pn_event_t *event)
{
        pn_ssl_domain_t *domain = pn_ssl_domain(PN_SSL_MODE_SERVER);
        pn_transport_t *transport = pn_transport();

        if (pn_ssl_domain_set_credentials(domain, floor->certificate, floor->key, NULL) != 0 ||
            pn_ssl_init(pn_ssl(transport), domain, NULL) != 0)
                stop("the certificate or its key can't be used");
        pn_ssl_domain_free(domain);
        pn_transport_require_auth(transport, false);
        pn_listener_accept2(pn_event_listener(event), NULL, transport);
}

/* Answers what the sender opens; false when it has gone. */
static bool serve(const struct floor *floor, pn_event_t *event, int port_pipe)
{
        char port[PN_MAX_ADDR];

        switch (pn_event_type(event)) {
        case PN_LISTENER_OPEN:
                pn_netaddr_host_port(pn_listener_addr(pn_event_listener(event)), NULL, 0, port,
                                     sizeof(port));
                if (write(port_pipe, port, sizeof(port)) != sizeof(port))
                        stop("the port can't be told");
                return true;
        case PN_LISTENER_ACCEPT:
                accept_connection(floor, event);
                return true;
        case PN_CONNECTION_REMOTE_OPEN:
                pn_connection_open(pn_event_connection(event));
                return true;
        case PN_SESSION_REMOTE_OPEN:
                pn_session_open(pn_event_session(event));
                return true;
        case PN_LINK_REMOTE_OPEN:
                pn_link_open(pn_event_link(event));
                if (pn_link_is_receiver(pn_event_link(event)))
                        pn_link_flow(pn_event_link(event), CREDIT);
                return true;
        case PN_DELIVERY:
                receive(event);
                return true;
        case PN_TRANSPORT_CLOSED:
                return false;
        default:
                return true;
        }
}

static int run_receiver(const struct floor *floor, int port_pipe)
{
        pn_proactor_t *proactor = pn_proactor();
        bool on = true;

        pn_proactor_listen(proactor, pn_listener(), "127.0.0.1:0", 4);
        while (on) {
                pn_event_batch_t *batch = pn_proactor_wait(proactor);
                pn_event_t *event;

                while (on && (event = pn_event_batch_next(batch)) != NULL)
                        on = serve(floor, event, port_pipe);
                pn_proactor_done(proactor, batch);
        }
        return 0;
}

/* --- the sender -------------------------------------------------------------------------- */

static void add_property(pn_data_t *data, const char *name, const char *value)
{
        pn_data_put_string(data, pn_bytes(strlen(name), name));
        pn_data_put_string(data, pn_bytes(strlen(value), value));
}

/* A message as the gateway sends it: properties, six application properties, the body. */
static void encode(struct floor *floor)
{
        pn_message_t *message = pn_message();
        pn_data_t *data = pn_message_properties(message);
        pn_atom_t atom = {.type = PN_STRING};
        char bytes[65536];
        size_t size = sizeof(bytes);

        atom.u.as_bytes = pn_bytes(36, "ba7816bf-8f01-5fea-8141-40de5dae2223");
        pn_message_set_id(message, atom);
        pn_message_set_content_type(message, "application/json");
        pn_message_set_content_encoding(message, "utf-8");
        pn_data_put_map(data);
        pn_data_enter(data);
        add_property(data, "iothub-creation-time-utc", "2026-03-14T08:15:21.443201117Z");
        add_property(data, "ApplicationId", "greenhouse");
        add_property(data, "DeviceEUI", "00005EEF10000001");
        add_property(data, "DeviceId", "bench-00001");
        add_property(data, "port", "1");
        add_property(data, "Simulated", "False");
        pn_data_exit(data);
        pn_message_set_inferred(message, true);
        pn_data_put_binary(pn_message_body(message), pn_bytes(floor->body.size, floor->body.data));
        if (pn_message_encode(message, bytes, &size) != 0)
                stop("the body is too large");
        buf_clear(&floor->encoded);
        buf_add(&floor->encoded, bytes, size);
        pn_message_free(message);
}

static void send_one(struct floor *floor, pn_link_t *link)
{
        char tag[32];

        snprintf(tag, sizeof(tag), "%lld", (long long)floor->sent);
        encode(floor);
        pn_delivery(link, pn_dtag(tag, strlen(tag)));
        pn_link_send(link, floor->encoded.data, floor->encoded.size);
        pn_link_advance(link);
        floor->sent++;
}

/* Round robin over the links that have credit, up to the window. */
static void send_more(struct floor *floor)
{
        int64_t without_credit = 0;

        while (floor->sent < floor->count && floor->sent - floor->accepted < WINDOW &&
               without_credit < floor->devices) {
                pn_link_t *link = floor->links[floor->next_link++ % floor->devices];

                if (pn_link_credit(link) > 0) {
                        send_one(floor, link);
                        without_credit = 0;
                } else {
                        without_credit++;
                }
        }
}

static pn_bytes_t bytes_of(const char *text)
{
        return pn_bytes(strlen(text), text);
}

static void put_property(pn_data_t *map, const char *name, const char *value)
{
        pn_data_put_symbol(map, bytes_of(name));
        pn_data_put_string(map, bytes_of(value));
}

static void open_link(pn_link_t *link, pn_terminus_t *terminus)
{
        pn_terminus_set_address(terminus, "/devices/device-00001/messages/devicebound");
        pn_link_open(link);
}

/* One of the two for direct methods. */
static void open_method_link(pn_link_t *link, pn_terminus_t *terminus)
{
        pn_data_t *map = pn_link_properties(link);

        pn_data_put_map(map);
        pn_data_enter(map);
        put_property(map, AZURE_LINK_API_VERSION, AZURE_HUB_API_VERSION);
        put_property(map, AZURE_LINK_CORRELATION_ID,
                     "methods:ba7816bf-8f01-5fea-8141-40de5dae2223");
        pn_data_exit(map);
        open_link(link, terminus);
}

static void open_command_links(pn_session_t *session, int64_t number)
{
        char name[40];
        pn_link_t *messages;
        pn_link_t *calls;
        pn_link_t *answers;

        snprintf(name, sizeof(name), "commands-%lld", (long long)number);
        messages = pn_receiver(session, name);
        snprintf(name, sizeof(name), "methods-in-%lld", (long long)number);
        calls = pn_receiver(session, name);
        snprintf(name, sizeof(name), "methods-out-%lld", (long long)number);
        answers = pn_sender(session, name);
        open_link(messages, pn_link_source(messages));
        open_method_link(calls, pn_link_source(calls));
        open_method_link(answers, pn_link_target(answers));
        pn_link_flow(messages, CREDIT);
        pn_link_flow(calls, CREDIT);
}

/* A session at a time: what is written at once stays proton's. */
static void open_session(struct floor *floor, pn_connection_t *connection)
{
        pn_session_t *session = pn_session(connection);

        pn_session_open(session);
        for (int i = 0; i < DEVICES_PER_SESSION && floor->opened < floor->devices; i++) {
                char name[40];
                pn_link_t *link;

                if (floor->commands)
                        open_command_links(session, floor->opened);
                snprintf(name, sizeof(name), "events-%lld", (long long)floor->opened);
                link = pn_sender(session, name);
                open_link(link, pn_link_target(link));
                floor->links[floor->opened++] = link;
        }
}

/* The clock starts when the last link has credit: all are open then. */
static void opened(struct floor *floor, pn_connection_t *connection)
{
        if (floor->opened > 0 && pn_link_credit(floor->links[floor->opened - 1]) == 0)
                return;
        if (floor->opened < floor->devices) {
                open_session(floor, connection);
                return;
        }
        floor->started_ns = clock_steady_ns();
        floor->started_cpu_us = cpu_us();
        floor->memory_open_kb = memory_kb();
}

static void take_outcome(struct floor *floor, pn_delivery_t *delivery)
{
        if (!delivery || pn_delivery_remote_state(delivery) == 0)
                return;
        if (pn_delivery_remote_state(delivery) != PN_ACCEPTED)
                stop("a message was not accepted");
        pn_delivery_settle(delivery);
        floor->accepted++;
}

static void drive(struct floor *floor, pn_event_t *event)
{
        switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN:
                floor->memory_before_kb = memory_kb();
                opened(floor, pn_event_connection(event));
                break;
        case PN_LINK_FLOW:
                if (floor->started_ns == 0)
                        opened(floor, pn_event_connection(event));
                if (floor->started_ns != 0)
                        send_more(floor);
                break;
        case PN_DELIVERY:
                take_outcome(floor, pn_event_delivery(event));
                if (floor->accepted == floor->count)
                        floor->over = true;
                else
                        send_more(floor);
                break;
        case PN_TRANSPORT_CLOSED:
                stop("the connection was lost");
                break;
        default:
                break;
        }
}

static void connect_to(const struct floor *floor, pn_proactor_t *proactor, const char *port)
{
        pn_ssl_domain_t *domain = pn_ssl_domain(PN_SSL_MODE_CLIENT);
        pn_transport_t *transport = pn_transport();
        char address[64];

        if (pn_ssl_domain_set_trusted_ca_db(domain, floor->trusted) != 0 ||
            pn_ssl_domain_set_peer_authentication(domain, PN_SSL_VERIFY_PEER_NAME, NULL) != 0 ||
            pn_ssl_init(pn_ssl(transport), domain, NULL) != 0 ||
            pn_ssl_set_peer_hostname(pn_ssl(transport), "localhost") != 0)
                stop("the certificate can't be trusted");
        pn_ssl_domain_free(domain);
        snprintf(address, sizeof(address), "127.0.0.1:%s", port);
        pn_proactor_connect2(proactor, NULL, transport, address);
}

static void report(const struct floor *floor)
{
        double seconds = (double)(clock_steady_ns() - floor->started_ns) / 1e9;
        double cpu = (double)(cpu_us() - floor->started_cpu_us);

        printf("{\"accepted\":%lld,\"seconds\":%.3f,\"per_second\":%.0f,\"cpu_us\":%.2f,"
               "\"kib_per_device\":%.1f}\n",
               (long long)floor->accepted, seconds, (double)floor->accepted / seconds,
               cpu / (double)floor->accepted,
               (double)(floor->memory_open_kb - floor->memory_before_kb) / (double)floor->devices);
}

static int run_sender(struct floor *floor, const char *port)
{
        pn_proactor_t *proactor = pn_proactor();

        floor->links = calloc((size_t)floor->devices, sizeof(pn_link_t *));
        if (!floor->links)
                stop("out of memory");
        connect_to(floor, proactor, port);
        while (!floor->over) {
                pn_event_batch_t *batch = pn_proactor_wait(proactor);
                pn_event_t *event;

                while ((event = pn_event_batch_next(batch)) != NULL)
                        drive(floor, event);
                pn_proactor_done(proactor, batch);
        }
        report(floor);
        free(floor->links);
        return 0;
}

/* --- the rest ---------------------------------------------------------------------------- */

static bool take_option(struct floor *floor, int option)
{
        switch (option) {
        case 'c':
                floor->certificate = optarg;
                return true;
        case 't':
                floor->trusted = optarg;
                return true;
        case 'k':
                floor->key = optarg;
                return true;
        case 'b':
                floor->body_file = optarg;
                return true;
        case 'd':
                return text_to_int64(optarg, 1, 30000, &floor->devices);
        case 'n':
                return text_to_int64(optarg, 1, 1000000000, &floor->count);
        case 'C':
                floor->commands = true;
                return true;
        default:
                return false;
        }
}

int main(int argc, char **argv)
{
        static const struct option names[] = {
                {"certificate", 1, NULL, 'c'}, {"key", 1, NULL, 'k'},     {"body", 1, NULL, 'b'},
                {"trusted", 1, NULL, 't'},     {"devices", 1, NULL, 'd'}, {"count", 1, NULL, 'n'},
                {"commands", 0, NULL, 'C'},    {NULL, 0, NULL, 0},
        };
        struct floor floor = {.devices = 1000, .count = 200000};
        struct reason reason = REASON_INIT;
        char port[PN_MAX_ADDR] = "";
        int ports[2];
        int option;
        pid_t receiver;

        while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
                if (!take_option(&floor, option))
                        stop("see the head of bench/floor_proton.c for the options");
        }
        if (!floor.certificate || !floor.key || !floor.trusted || !floor.body_file)
                stop("--certificate, --key, --trusted and --body are needed");
        if (file_read(floor.body_file, 32768, &floor.body, &reason) != 0)
                stop(reason.text);
        if (pipe(ports) != 0)
                stop("pipe");
        receiver = fork();
        if (receiver == 0)
                _exit(run_receiver(&floor, ports[1]));
        if (read(ports[0], port, sizeof(port)) != sizeof(port))
                stop("the receiver does not listen");
        option = run_sender(&floor, port);
        kill(receiver, SIGTERM);
        waitpid(receiver, NULL, 0);
        buf_deinit(&floor.body);
        buf_deinit(&floor.encoded);
        return option;
}
