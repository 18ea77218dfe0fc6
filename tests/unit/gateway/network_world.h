// SPDX-License-Identifier: MIT
/*
 * A network that the test plays, for the stage gateway/command/command_network.h on what
 * command_world.h plays. Included by one test file each.
 */
#ifndef ISTHMUS_TESTS_UNIT_GATEWAY_NETWORK_WORLD_H
#define ISTHMUS_TESTS_UNIT_GATEWAY_NETWORK_WORLD_H

#include "base/loop.h"
#include "command_world.h"

#include "gateway/command/command_network.h"
#include "http/client/http_client.h"
#include "monitor/monitor_call.h"
#include "networks/network.h"
#include "support/network_places.h"

#define MAX_REQUESTS 32

static struct {
        struct {
                char *method;
                char *url;
        } requests[MAX_REQUESTS];
        size_t count;
        http_done *done;
        void *context;
} http;

void http_client_send(struct http_client *client, const struct http_request *request,
                      http_done *done, void *context)
{
        (void)client;
        assert_null(http.done);
        assert_true(http.count < MAX_REQUESTS);
        http.requests[http.count].method = mem_text(request->method);
        http.requests[http.count++].url = mem_text(request->url);
        http.done = done;
        http.context = context;
}

/* Nobody is told. */
struct monitor_call *monitor_call_begin(struct monitor *monitor, const char *method,
                                        const char *url)
{
        return monitor && method && url ? (void *)monitor : NULL;
}

void monitor_call_end(struct monitor *monitor, struct monitor_call *call, enum http_failure failure,
                      int status, const char *operation)
{
        assert_true(!monitor && !call && failure >= 0 && status >= 0 && operation);
}

const struct network *device_network(const struct device *device)
{
        return network_by_name(device->network);
}

static struct {
        struct settings settings;
        struct command_ledger *ledger;
        struct command_network *network;
        struct device device;
} site;

enum command_turn command_format_hand_over(struct command_format *format, struct command *command)
{
        (void)format;
        return command_network_hand_over(site.network, command);
}

/* Steady clock; since then uplinks are heard. */
static int64_t heard_since_ms;

void device_table_each(struct device_table *table,
                       bool (*visit)(void *context, struct device *device), void *context)
{
        (void)table;
        (void)visit;
        (void)context;
        fail();
}

int64_t device_table_since(const struct device_table *table, int shard)
{
        (void)table;
        (void)shard;
        return heard_since_ms;
}

static inline void open_site(void)
{
        site.ledger =
                command_ledger_new(&(struct command_ledger_options){.settings = &site.settings});
        heard_since_ms = clock_steady_ms();
        site.network = command_network_new(&(struct command_network_options){
                .settings = &site.settings, .ledger = site.ledger});
}

static inline int setup(void **state)
{
        static char base_url[] = "https://tts.example/api/v3/as/applications";
        static char key[] = "NNSXS.KEY";

        (void)state;
        memset(&site, 0, sizeof(site));
        memset(&http, 0, sizeof(http));
        disk_clear();
        post_count = 0;
        site.settings.networks[THINGS_STACK].base_url = base_url;
        site.settings.networks[THINGS_STACK].api_key = key;
        device_prepare(&site.device);
        open_site();
        return 0;
}

static inline int teardown(void **state)
{
        (void)state;
        commit();
        command_network_free(site.network);
        command_ledger_free(site.ledger);
        disk_clear();
        for (size_t i = 0; i < http.count; i++) {
                free(http.requests[i].method);
                free(http.requests[i].url);
        }
        return 0;
}

static inline void check_last_request(size_t count, const char *method, const char *tail)
{
        const char *url;

        assert_int_equal(http.count, count);
        assert_string_equal(http.requests[count - 1].method, method);
        url = http.requests[count - 1].url;
        assert_true(strlen(url) > strlen(tail));
        assert_string_equal(url + strlen(url) - strlen(tail), tail);
}

static inline void answer_with(enum http_failure failure, int status, const char *body)
{
        struct http_answer answer = {
                .failure = failure,
                .status = status,
                .retry_after_ms = -1,
                .reason = REASON_INIT,
        };
        http_done *done = http.done;

        assert_non_null(done);
        http.done = NULL;
        if (failure != HTTP_OK)
                reason_set(&answer.reason, "it failed");
        buf_add_text(&answer.body, body);
        done(http.context, &answer);
        buf_deinit(&answer.body);
        run_posts();
        commit();
}

/* The pause is over; what may go out once more is on disk before. */
static inline void try_again(void)
{
        run_timer(&site.device.command_timer);
        commit();
}

static inline void answer(int status, const char *body)
{
        answer_with(HTTP_OK, status, body);
}

static inline void answer_listed(const struct command *command)
{
        CLEANUP(mem_cleanup)
        char *body = mem_format("{\"downlinks\":[{\"correlation_ids\":[\"isthmus:%s\"]}]}",
                                command->downlink.reference);

        answer(200, body);
}

static inline struct command *add(const char *identity)
{
        struct command *command = make_command(&site.device, identity);

        command_ledger_add(site.ledger, command);
        commit();
        return command;
}

static inline struct command *add_method(struct called *call)
{
        struct command *command = make_command(&site.device, "method:1");

        command->is_method = true;
        command->call = &call->method;
        command_ledger_add(site.ledger, command);
        commit();
        return command;
}

struct device *device_table_find(const struct device_table *table, const char *key)
{
        (void)table;
        (void)key;
        return &site.device;
}

/* As kill -9 while a request is under way, and a new start. */
static inline void restart(void)
{
        char *network = site.device.network;

        command_network_free(site.network);
        command_ledger_free(site.ledger);
        http.done = NULL;
        device_prepare(&site.device);
        site.device.network = network;
        open_site();
        command_ledger_start(site.ledger);
        assert_int_equal(load_records(NULL, COMMAND_KIND, command_ledger_take, site.ledger), 0);
        command_ledger_taken(site.ledger);
        commit();
}

static inline int setup_myriota(void **state)
{
        static char network[] = "myriota";
        static char base_url[] = "https://api.myriota.example";
        static char token[] = "TOKEN";

        setup(state);
        site.device.network = network;
        site.settings.networks[MYRIOTA].base_url = base_url;
        site.settings.networks[MYRIOTA].api_key = token;
        site.settings.networks[MYRIOTA].downlink_enabled = true;
        return 0;
}

#endif
