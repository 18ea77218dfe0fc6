// SPDX-License-Identifier: MIT
#include "gateway/command/command_network.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "gateway/device/network_settings.h"
#include "networks/network.h"

#define AGAIN_MIN_MS 500
#define AGAIN_MAX_MS (30 * 1000)

/* So often in a row may the network be unreachable or busy; then the hub shall deliver again. */
#define MAXIMUM_FAILURES 6

/* While the network has another downlink of the device and takes no second one. */
#define BUSY_MIN_MS (2 * 1000)
#define BUSY_MAX_MS (5 * 60 * 1000)

/* A network that can't list what it has may hold a downlink so long before a device gets it ... */
#define LONGEST_DELIVERY_MS (INT64_C(24) * 3600 * 1000)
/* ... and surely as long as this, so that until then sending it again tells whether it arrived. */
#define SHORTEST_DELIVERY_MS (5 * 60 * 1000)

#define NOT_KNOWN "it is not known whether the network has it, and the network can't be asked"
#define NOT_HEARD                                                                                  \
        "it is not known whether the device got it: it is not in the network's queue, and no "     \
        "event "                                                                                   \
        "told of it"

/* So long events may tell of a downlink whose answer is lost, before an empty list is believed. */
#define LISTEN_MS (10 * 1000)

/* A device of class A hears for so long after an uplink: at most 16 s (LoRaWAN L2 1.0.4, 3.3). */
#define RECEIVE_WINDOWS_MS (20 * 1000)

struct command_network {
        struct command_network_options options;
        struct command_ledger *pending;
        struct list exchanges; /* under way */
        int64_t started_ms;    /* steady clock; since then uplinks are heard */
        bool stopped;
};

enum question {
        QUESTION_TAKE_IT,  /* the downlink itself */
        QUESTION_HAVE_YOU, /* the list of what waits for the device */
};

/* One request, and its answer on its way between threads. */
struct exchange {
        struct list_node node;
        struct command_network *network;
        struct command *command; /* its device's `handing_over` until this is over */
        enum question question;
        enum http_failure failure;
        int status;
        int64_t retry_after_ms;
        struct buf body;
        struct reason reason;
};

struct command_network *command_network_new(const struct command_network_options *options)
{
        struct command_network *network = mem_new(1, sizeof(*network));

        network->options = *options;
        list_init(&network->exchanges);
        network->started_ms = clock_steady_ms();
        return network;
}

void command_network_join(struct command_network *network, struct command_ledger *pending)
{
        network->pending = pending;
}

static void exchange_free(struct exchange *exchange)
{
        list_remove(&exchange->network->exchanges, &exchange->node);
        buf_deinit(&exchange->body);
        free(exchange);
}

void command_network_free(struct command_network *network)
{
        if (!network)
                return;
        list_for_each_safe (node, &network->exchanges)
                exchange_free(list_entry(node, struct exchange, node));
        free(network);
}

void command_network_stop(struct command_network *network)
{
        THREAD_ASSERT(LOOP_THREAD);
        network->stopped = true;
}

/* --- the device's turn --------------------------------------------------------------------- */

/* This command's turn is over. */
static void release(struct command_network *network, struct command *command)
{
        command_ledger_release(network->pending, command);
}

static void on_timer(struct timer *timer)
{
        struct device *device = list_entry(timer, struct device, command_timer);
        struct command_network *network = device->command_owner;

        if (!network->stopped && device->handing_over)
                release(network, device->handing_over);
}

static void wait(struct command_network *network, struct command *command, int64_t delay_ms)
{
        struct device *device = command->device;

        device->command_owner = network;
        device->command_timer.run = on_timer;
        loop_timer_start(network->options.loop, &device->command_timer, delay_ms);
}

/* Once more, later; or, after too many failures, when the hub delivers it again. */
static void again(struct command_network *network, struct command *command, int64_t retry_after_ms,
                  const char *reason)
{
        int64_t delay_ms = backoff_ms(++command->failures, AGAIN_MIN_MS, AGAIN_MAX_MS);

        /* What the hub was told is complete it does not deliver again. */
        if (command->failures >= MAXIMUM_FAILURES && !command->waits) {
                command->failed_in = command->state;
                command_ledger_finish(network->pending, command, COMMAND_FAILED, reason);
                release(network, command);
                return;
        }
        if (delay_ms < retry_after_ms)
                delay_ms = retry_after_ms;
        log_info("COMMAND_RETRY", "A command was not taken by the network; it is tried again",
                 LOG_TEXT("reference", command->downlink.reference), LOG_TEXT("reason", reason),
                 LOG_INT("again_in_ms", delay_ms), LOG_END);
        wait(network, command, delay_ms);
}

static void refuse(struct command_network *network, struct command *command, const char *reason)
{
        command->device->network_busy = false;
        command_ledger_finish(network->pending, command, COMMAND_REFUSED, reason);
        release(network, command);
}

/* --- what the network answers -------------------------------------------------------------- */

static void taken(struct command_network *network, struct command *command)
{
        const struct downlink_driver *driver = device_network(command->device)->downlink;
        int64_t per_minute = network->options.settings->commands.per_device_per_minute;

        metrics_add(METRIC_COMMAND_PUSHED, 1);
        if (command->started_ns > 0)
                metrics_observe(METRIC_COMMAND_TO_NETWORK, clock_steady_ns() - command->started_ns);
        if (per_minute > 0)
                command->device->next_command_ms = clock_steady_ms() + 60 * 1000 / per_minute;
        command->device->taken = clock_moment_now();
        command->device->network_busy = false;
        if (driver->tells_fate)
                command_ledger_advance(network->pending, command, COMMAND_QUEUED);
        else
                command_ledger_finish(network->pending, command, COMMAND_DELIVERED,
                                      "the network has taken the downlink; it does not tell when "
                                      "the device gets it");
        release(network, command);
}

/* Certainly not taken; but an earlier attempt that is in doubt stays so. */
static void not_taken(struct command_network *network, struct command *command)
{
        command_ledger_not_taken(network->pending, command);
}

/* It may have arrived, or not: that is found out before it is sent again. */
static void doubt(struct exchange *exchange, enum command_state state)
{
        struct command_network *network = exchange->network;
        struct command *command = exchange->command;
        /* It was in doubt before, and is no less so now. */
        bool is_worse = command->state == COMMAND_BEGUN || state == COMMAND_UNCERTAIN;

        /* An error, where the network takes nothing as long as it has another one. */
        if (command->state == COMMAND_BEGUN && command->behind && state == COMMAND_DENIED)
                not_taken(network, command);
        else if (is_worse)
                command_ledger_doubt(network->pending, command, state);
        command->listen_until_ms = clock_steady_ms() + LISTEN_MS;
        again(network, command, exchange->retry_after_ms, exchange->reason.text);
}

/*
 * The network has a downlink of this device, its only place. In doubt that is this one, unless
 * another one may be there.
 */
static void busy(struct exchange *exchange)
{
        struct command_network *network = exchange->network;
        struct command *command = exchange->command;
        int64_t delay_ms = backoff_ms(++command->busy_count, BUSY_MIN_MS, BUSY_MAX_MS);

        if (command->state > COMMAND_BEGUN) {
                if (command->behind)
                        refuse(network, command, NOT_KNOWN);
                else
                        taken(network, command);
                return;
        }
        log_info("COMMAND_BUSY", "The network has another downlink of the device; this one waits",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("device", command->device_key), LOG_TEXT("reason", exchange->reason.text),
                 LOG_INT("again_in_ms", delay_ms), LOG_END);
        command->failures = 0;
        command->behind = true;
        not_taken(network, command);
        command_ledger_busy(network->pending, command->device);
        wait(network, command, delay_ms);
}

static enum downlink_answer answer_of(struct exchange *exchange,
                                      const struct downlink_driver *driver)
{
        if (exchange->failure == HTTP_E_CONNECT || exchange->failure == HTTP_E_TLS)
                return DOWNLINK_LATER;
        if (exchange->failure != HTTP_OK)
                return DOWNLINK_IN_DOUBT;
        return driver->answer(exchange->status, buf_text(&exchange->body), exchange->body.size,
                              &exchange->reason);
}

static void judge_take_it(struct exchange *exchange, const struct downlink_driver *driver)
{
        struct command_network *network = exchange->network;
        struct command *command = exchange->command;

        switch (answer_of(exchange, driver)) {
        case DOWNLINK_TAKEN:
                taken(network, command);
                break;
        case DOWNLINK_REFUSED:
                refuse(network, command, exchange->reason.text);
                break;
        case DOWNLINK_LATER:
                not_taken(network, command);
                again(network, command, exchange->retry_after_ms, exchange->reason.text);
                break;
        case DOWNLINK_BUSY:
                busy(exchange);
                break;
        case DOWNLINK_FAILED:
                doubt(exchange, COMMAND_DENIED);
                break;
        case DOWNLINK_IN_DOUBT:
                doubt(exchange, COMMAND_UNCERTAIN);
                break;
        }
}

static void send(struct command_network *network, struct command *command, enum question question);

static bool has_come_to_nothing(struct command_network *network, struct command *command);

/* Hears the device only after an uplink, and there was none since shortly before it was begun? */
static bool can_not_have_got(const struct command_network *network, const struct command *command)
{
        const struct device *device = command->device;
        int64_t contact_ms =
                device->contact_ms > network->started_ms ? device->contact_ms : network->started_ms;

        return network_settings_class(network->options.settings, device) == DEVICE_CLASS_A &&
               contact_ms + RECEIVE_WINDOWS_MS <= command->begun.steady_ms;
}

/*
 * It is not, or no longer, in the network's queue. That it was not taken this proves only where
 * the network itself has said so before, or where nobody can have got it yet.
 */
static void not_listed(struct command_network *network, struct command *command)
{
        int64_t listen_ms = command->listen_until_ms - clock_steady_ms();

        if (has_come_to_nothing(network, command))
                release(network, command);
        else if (command->state == COMMAND_DENIED)
                command_ledger_begin(network->pending, command);
        else if (listen_ms > 0)
                wait(network, command, listen_ms);
        else if (can_not_have_got(network, command))
                command_ledger_begin(network->pending, command);
        else
                refuse(network, command, NOT_HEARD);
}

static void judge_have_you(struct exchange *exchange, const struct downlink_driver *driver)
{
        struct command_network *network = exchange->network;
        struct command *command = exchange->command;
        int listed = -1;

        if (exchange->failure == HTTP_OK && exchange->status == 200)
                listed = driver->is_listed(command->downlink.reference, buf_text(&exchange->body),
                                           exchange->body.size);
        else if (exchange->failure == HTTP_OK &&
                 driver->answer(exchange->status, buf_text(&exchange->body), exchange->body.size,
                                &exchange->reason) == DOWNLINK_REFUSED) {
                refuse(network, command, exchange->reason.text);
                return;
        }
        if (listed == 1)
                taken(network, command);
        else if (listed == 0)
                not_listed(network, command);
        else
                again(network, command, exchange->retry_after_ms,
                      exchange->reason.text[0] ? exchange->reason.text
                                               : "the network's list of downlinks can't be read");
}

/* Back on the thread "loop" with the answer. */
static void finish_exchange(void *context)
{
        struct exchange *exchange = context;
        struct command_network *network = exchange->network;
        struct command *command = exchange->command;
        const struct downlink_driver *driver = device_network(command->device)->downlink;

        if (network->stopped)
                return;
        /* An event about it may have come before the answer (rule E2). */
        if (command->state >= COMMAND_QUEUED)
                release(network, command);
        else if (exchange->question == QUESTION_TAKE_IT)
                judge_take_it(exchange, driver);
        else
                judge_have_you(exchange, driver);
        exchange_free(exchange);
}

/* On the thread "http". */
static void exchange_done(void *context, const struct http_answer *answer)
{
        struct exchange *exchange = context;

        exchange->failure = answer->failure;
        exchange->status = answer->status;
        exchange->retry_after_ms = answer->retry_after_ms;
        exchange->reason = answer->reason;
        if (answer->body.size > 0)
                buf_add(&exchange->body, answer->body.data, answer->body.size);
        if (answer->failure != HTTP_E_STOPPED)
                loop_post(exchange->network->options.loop, finish_exchange, exchange);
}

/* --- what is asked ------------------------------------------------------------------------- */

static void submit(struct command_network *network, struct command *command, enum question question,
                   const struct network_request *request)
{
        struct http_header headers[] = {
                {"Authorization", request->authorization},
                {"Accept", "application/json"},
                {"Content-Type", "application/json"},
        };
        struct exchange *exchange = mem_new(1, sizeof(*exchange));
        bool has_body = request->body.size > 0;
        int64_t timeout_s = network->options.settings->commands.request_timeout_s;

        exchange->network = network;
        exchange->command = command;
        exchange->question = question;
        list_push_back(&network->exchanges, &exchange->node);
        http_client_send(network->options.http,
                         &(struct http_request){
                                 .method = request->method,
                                 .url = request->url,
                                 .headers = headers,
                                 .header_count = ARRAY_SIZE(headers) - (has_body ? 0 : 1),
                                 .body = has_body ? request->body.data : NULL,
                                 .body_size = request->body.size,
                                 .timeout_ms = (long)timeout_s * 1000,
                                 .once = question == QUESTION_TAKE_IT,
                         },
                         exchange_done, exchange);
}

/* Nobody waits for it any more: it must not go out now. */
static bool has_come_to_nothing(struct command_network *network, struct command *command)
{
        struct clock_moment now = clock_moment_now();

        if (command_has_lost_caller(command))
                command_ledger_finish(network->pending, command, COMMAND_EXPIRED,
                                      "its caller is gone");
        else if (command_is_over(command, &now))
                command_ledger_finish(network->pending, command, COMMAND_EXPIRED,
                                      "its time was over before the network took it");
        return command->state == COMMAND_FINISHED;
}

static void send(struct command_network *network, struct command *command, enum question question)
{
        const struct downlink_driver *driver = device_network(command->device)->downlink;
        CLEANUP(network_request_deinit) struct network_request request = NETWORK_REQUEST_INIT;
        struct network_access access;
        struct reason reason = REASON_INIT;
        int result;

        if (question == QUESTION_TAKE_IT && has_come_to_nothing(network, command)) {
                release(network, command);
                return;
        }
        switch (network_settings(network->options.settings, command->device, &access, &reason)) {
        case COMMAND_WAY_OPEN:
                break;
        case COMMAND_WAY_NONE:
                not_taken(network, command);
                again(network, command, 0, reason.text);
                return;
        case COMMAND_WAY_OFF:
                refuse(network, command, reason.text);
                return;
        }
        result = (question == QUESTION_TAKE_IT ? driver->request : driver->list_request)(
                &command->downlink, &access, &request, &reason);
        if (result != 0)
                refuse(network, command, reason.text);
        else
                submit(network, command, question, &request);
}

/* --- the device's turn has come ------------------------------------------------------------- */

/* May what the network took last still wait there? */
static bool may_still_wait(const struct device *device, const struct clock_moment *now)
{
        return device->taken.wall_ms > 0 &&
               clock_elapsed_ms(&device->taken, now) < LONGEST_DELIVERY_MS;
}

/* On disk it is begun before the request goes out, so that a crash leaves no wrong belief. */
static void begin(struct command_network *network, struct command *command)
{
        const struct device *device = command->device;
        int64_t wait_ms = device->next_command_ms - clock_steady_ms();
        struct clock_moment now = clock_moment_now();

        if (wait_ms > 0) {
                wait(network, command, wait_ms);
                return;
        }
        if (!device_network(device)->downlink->list_request &&
            (device->network_busy || may_still_wait(device, &now)))
                command->behind = true;
        command_ledger_begin(network->pending, command);
}

static void send_begun(struct command_network *network, struct command *command)
{
        if (!command->record_failed) {
                send(network, command, QUESTION_TAKE_IT);
                return;
        }
        not_taken(network, command);
        again(network, command, 0, "the store can't record the command");
}

static void find_out(struct command_network *network, struct command *command)
{
        const struct downlink_driver *driver = device_network(command->device)->downlink;

        if (command->listen_until_ms == 0)
                command->listen_until_ms = clock_steady_ms() + LISTEN_MS;
        if (driver->list_request)
                send(network, command, QUESTION_HAVE_YOU);
        else if (clock_steady_ms() - command->begun.steady_ms > SHORTEST_DELIVERY_MS)
                refuse(network, command, NOT_KNOWN);
        else /* Once more tells whether it arrived, as long as no device can have got it. */
                send(network, command, QUESTION_TAKE_IT);
}

void command_network_hand_over(struct command_network *network, struct command *command)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (network->stopped)
                return;
        switch (command->state) {
        case COMMAND_WAITING:
                begin(network, command);
                break;
        case COMMAND_BEGUN:
                send_begun(network, command);
                break;
        case COMMAND_DENIED:
        case COMMAND_UNCERTAIN:
                find_out(network, command);
                break;
        case COMMAND_QUEUED:
        case COMMAND_SENT:
        case COMMAND_FINISHED:
        case COMMAND_STATE_COUNT:
                break;
        }
}

void command_network_contact(struct command_network *network, struct device *device)
{
        THREAD_ASSERT(LOOP_THREAD);
        device->contact_ms = clock_steady_ms();
        if (!network->stopped && device->network_busy && device->command_timer.position != 0)
                loop_timer_start(network->options.loop, &device->command_timer, 0);
}
