// SPDX-License-Identifier: MIT
#include "gateway/command/command_network.h"

#include <stdlib.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/thread.h"
#include "gateway/command/command_begin.h"
#include "gateway/device/downlink_route.h"
#include "monitor/monitor_call.h"
#include "networks/network.h"

#define AGAIN_MIN_MS 500
#define AGAIN_MAX_MS (30 * 1000)

/* So often in a row may the network be unreachable or busy; then the hub shall deliver again. */
#define MAXIMUM_FAILURES 6

/* While the network has another downlink of the device and takes no second one. */
#define BUSY_MIN_MS (2 * 1000)
#define BUSY_MAX_MS (5 * 60 * 1000)

/* A network that can't list what it has holds a downlink surely as long as this before a device
 * gets it, so that until then sending it again tells whether it arrived. */
#define SHORTEST_DELIVERY_MS (5 * 60 * 1000)

#define NOT_KNOWN "it is not known whether the network has it, and the network can't be asked"
#define NOT_HEARD                                                                                  \
        "it is not known whether the device got it: it is not in the network's queue, and no "     \
        "event "                                                                                   \
        "told of it"

#define NOT_RECORDED "the store can't record the command"
#define NOT_TOLD                                                                                   \
        "the network does not have it any more, and nothing has told that the device has "         \
        "acknowledged it"

/* So long after the start is waited for what a network that repeats nothing tells at the moment. */
#define MISSED_MS (5 * 1000)

/* How often is looked whose commands' networks are to be asked; and after how long each is. */
#define LOOK_EACH_MS (60 * 1000)
static const int64_t look_pauses_ms[] = {INT64_C(3600) * 1000, INT64_C(4) * 3600 * 1000,
                                         INT64_C(24) * 3600 * 1000};

/* While it is not certain whose the device is. */
#define OWNER_AGAIN_MS 1000

/* So long events may tell of a downlink whose answer is lost, before an empty list is believed. */
#define LISTEN_MS (10 * 1000)

/* A device of class A hears for so long after an uplink: at most 16 s (LoRaWAN L2 1.0.4, 3.3). */
#define RECEIVE_WINDOWS_MS (20 * 1000)

struct command_network {
        struct command_network_options options;
        struct list exchanges; /* under way */
        struct timer looks;    /* what was told while nobody was there is asked for */
        bool stopped;
};

enum question {
        QUESTION_TAKE_IT,  /* the downlink itself */
        QUESTION_HAVE_YOU, /* the list of what waits for the device; of one in doubt */
        QUESTION_STILL,    /* the same, of one that the network has taken */
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
        struct monitor_call *call;
        char own_id[CRYPTO_UUID_SIZE]; /* as the answer tells; "" = none */
};

struct command_network *command_network_new(const struct command_network_options *options)
{
        struct command_network *network = mem_new(1, sizeof(*network));

        network->options = *options;
        list_init(&network->exchanges);
        return network;
}

static void exchange_free(struct exchange *exchange)
{
        list_remove(&exchange->network->exchanges, &exchange->node);
        buf_deinit(&exchange->body);
        free(exchange->call);
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

static const struct downlink_driver *driver_of(const struct command *command)
{
        return device_network(command->device)->downlink;
}

/* --- how a turn ends ------------------------------------------------------------------------ */

/* Once more, later; or, after too many failures, when the hub delivers it again. */
static enum command_turn again(struct command_network *network, struct command *command,
                               int64_t retry_after_ms, const char *reason)
{
        int64_t delay_ms = backoff_ms(++command->failures, AGAIN_MIN_MS, AGAIN_MAX_MS);

        /* What the hub was told is complete it does not deliver again. */
        if (command->failures >= MAXIMUM_FAILURES && command->told != COMMAND_TOLD_WAITS) {
                command_ledger_give_up(network->options.ledger, command, reason);
                return COMMAND_TURN_OVER;
        }
        if (delay_ms < retry_after_ms)
                delay_ms = retry_after_ms;
        log_info("COMMAND_RETRY", "A command was not taken by the network; it is tried again",
                 LOG_TEXT("reference", command->downlink.reference), LOG_TEXT("reason", reason),
                 LOG_INT("again_in_ms", delay_ms), LOG_END);
        return command_ledger_wait(network->options.ledger, command, delay_ms);
}

static enum command_turn refuse(struct command_network *network, struct command *command,
                                const char *reason)
{
        command->device->network_busy = false;
        command_ledger_finish(network->options.ledger, command, COMMAND_REFUSED, reason);
        return COMMAND_TURN_OVER;
}

static enum command_turn taken(struct command_network *network, struct command *command,
                               const char *own_id)
{
        struct device *device = command->device;
        int64_t per_minute = network->options.settings->commands.per_device_per_minute;

        metrics_add(METRIC_COMMAND_PUSHED, 1);
        if (command->started_ns > 0)
                metrics_observe(METRIC_COMMAND_TO_NETWORK, clock_steady_ns() - command->started_ns);
        if (per_minute > 0)
                device->next_command_ms = clock_steady_ms() + 60 * 1000 / per_minute;
        device->taken = clock_moment_now();
        device->network_busy = false;
        if (own_id[0])
                command_ledger_name(network->options.ledger, command, own_id);
        if (driver_of(command)->fate)
                command_ledger_advance(network->options.ledger, command, COMMAND_QUEUED);
        else
                command_ledger_finish(network->options.ledger, command, COMMAND_DELIVERED,
                                      "the network has taken the downlink; it does not tell when "
                                      "the device gets it");
        if (own_id[0])
                command_confirm_named(network->options.confirm, command);
        return COMMAND_TURN_OVER;
}

/* Ends a command for which nobody waits any more, so that it does not go out; then true. */
static bool expire_if_vain(struct command_network *network, struct command *command)
{
        struct clock_moment now = clock_moment_now();
        const char *reason = NULL;

        if (command_has_lost_caller(command))
                reason = "its caller is gone";
        else if (command_is_over(command, &now))
                reason = "its time was over before the network took it";
        if (reason)
                command_ledger_finish(network->options.ledger, command, COMMAND_EXPIRED, reason);
        return reason != NULL;
}

/* --- what the network answers to the downlink ----------------------------------------------- */

/* Certainly not taken this time; an earlier time that is in doubt stays so. */
static enum command_turn later(struct exchange *exchange)
{
        struct command_network *network = exchange->network;

        command_ledger_not_taken(network->options.ledger, exchange->command);
        return again(network, exchange->command, exchange->retry_after_ms, exchange->reason.text);
}

/* It may have arrived, or not: that is found out before it is sent again. */
static enum command_turn doubt(struct exchange *exchange, enum command_state state)
{
        struct command *command = exchange->command;

        if (command->state == COMMAND_BEGUN_BEHIND) {
                /* An error, where the network takes nothing as long as it has another one. */
                if (state == COMMAND_DENIED)
                        return later(exchange);
                state = COMMAND_UNCERTAIN_BEHIND;
        }
        command_ledger_doubt(exchange->network->options.ledger, command, state);
        command->listen_until_ms = clock_steady_ms() + LISTEN_MS;
        return again(exchange->network, command, exchange->retry_after_ms, exchange->reason.text);
}

/*
 * The network has a downlink of this device, its only place. In doubt that is this one, unless
 * another one may be there.
 */
static enum command_turn busy(struct exchange *exchange)
{
        struct command_network *network = exchange->network;
        struct command *command = exchange->command;
        int64_t delay_ms = backoff_ms(++command->busy_count, BUSY_MIN_MS, BUSY_MAX_MS);

        if (command->state == COMMAND_UNCERTAIN_BEHIND)
                return refuse(network, command, NOT_KNOWN);
        if (command_is_in_doubt(command))
                return taken(network, command, "");
        log_info("COMMAND_BUSY", "The network has another downlink of the device; this one waits",
                 LOG_TEXT("reference", command->downlink.reference),
                 LOG_TEXT("device", command->device_key), LOG_TEXT("reason", exchange->reason.text),
                 LOG_INT("again_in_ms", delay_ms), LOG_END);
        command->failures = 0;
        command_ledger_not_taken(network->options.ledger, command);
        command_ledger_busy(network->options.ledger, command->device);
        return command_ledger_wait(network->options.ledger, command, delay_ms);
}

static enum downlink_answer answer_of(struct exchange *exchange)
{
        if (exchange->failure == HTTP_E_CONNECT || exchange->failure == HTTP_E_TLS)
                return DOWNLINK_LATER;
        if (exchange->failure != HTTP_OK)
                return DOWNLINK_IN_DOUBT;
        return driver_of(exchange->command)
                ->answer(exchange->status, buf_text(&exchange->body), exchange->body.size,
                         &exchange->reason);
}

static enum command_turn judge_take_it(struct exchange *exchange)
{
        const struct downlink_driver *driver = driver_of(exchange->command);

        switch (answer_of(exchange)) {
        case DOWNLINK_TAKEN:
                if (driver->read_own_id &&
                    !driver->read_own_id(buf_text(&exchange->body), exchange->body.size,
                                         exchange->own_id))
                        break;
                return taken(exchange->network, exchange->command, exchange->own_id);
        case DOWNLINK_REFUSED:
                return refuse(exchange->network, exchange->command, exchange->reason.text);
        case DOWNLINK_LATER:
                return later(exchange);
        case DOWNLINK_BUSY:
                return busy(exchange);
        case DOWNLINK_FAILED:
                return doubt(exchange, COMMAND_DENIED);
        case DOWNLINK_IN_DOUBT:
                break;
        }
        return doubt(exchange, COMMAND_UNCERTAIN);
}

/* --- what it answers when it is asked what it has ------------------------------------------- */

/* Hears the device only after an uplink, and there was none since shortly before it was begun? */
static bool can_not_have_got(const struct command_network *network, const struct command *command)
{
        const struct device *device = command->device;
        int64_t since_ms = command_ledger_since(network->options.ledger, device);
        int64_t contact_ms = device->contact_ms > since_ms ? device->contact_ms : since_ms;
        enum device_class class = device->attributes.device_class;

        if (class == DEVICE_CLASS_NOT_KNOWN)
                class = network_settings_class(network->options.settings, device->network,
                                               device->application);
        return class == DEVICE_CLASS_A &&
               contact_ms + RECEIVE_WINDOWS_MS <= command->begun.steady_ms;
}

/*
 * It is not, or no longer, in the network's queue. That it was not taken this proves only where
 * the network itself has said so before, or where nobody can have got it yet.
 */
static enum command_turn not_listed(struct command_network *network, struct command *command)
{
        int64_t listen_ms = command->listen_until_ms - clock_steady_ms();

        if (expire_if_vain(network, command))
                return COMMAND_TURN_OVER;
        if (command->state != COMMAND_DENIED && listen_ms > 0)
                return command_ledger_wait(network->options.ledger, command, listen_ms);
        if (command->state != COMMAND_DENIED && !can_not_have_got(network, command))
                return refuse(network, command, NOT_HEARD);
        return command_ledger_begin(network->options.ledger, command, COMMAND_BEGUN);
}

static enum downlink_listed is_listed(struct exchange *exchange)
{
        const struct command *command = exchange->command;

        if (exchange->failure != HTTP_OK || exchange->status != 200)
                return DOWNLINK_NO_LIST;
        return driver_of(command)->is_listed(&command->downlink, buf_text(&exchange->body),
                                             exchange->body.size, exchange->own_id);
}

static enum command_turn judge_have_you(struct exchange *exchange)
{
        struct command_network *network = exchange->network;
        struct command *command = exchange->command;
        enum downlink_listed listed = is_listed(exchange);

        if (listed == DOWNLINK_NO_LIST && exchange->status != 200 &&
            answer_of(exchange) == DOWNLINK_REFUSED)
                return refuse(network, command, exchange->reason.text);
        switch (listed) {
        case DOWNLINK_LISTED_SENT:
        case DOWNLINK_LISTED:
                return taken(network, command, exchange->own_id);
        case DOWNLINK_NOT_LISTED:
                return not_listed(network, command);
        case DOWNLINK_NO_LIST:
                break;
        }
        return again(network, command, exchange->retry_after_ms,
                     exchange->reason.text[0] ? exchange->reason.text
                                              : "the network's list of downlinks can't be read");
}

/* A network may empty the queue of a device that joins, without a word. */
static bool may_be_emptied(const struct command *command)
{
        return command->state == COMMAND_QUEUED && command->device->joined_ms > command->had_ms;
}

/* It was taken. Nothing is changed by a list that can't be read, nor by what has come meanwhile. */
static void judge_still(struct exchange *exchange)
{
        struct command_ledger *ledger = exchange->network->options.ledger;
        struct command *command = exchange->command;
        enum downlink_listed listed = is_listed(exchange);
        bool was_missing = command->is_missing;

        if (command->state == COMMAND_FINISHED || listed == DOWNLINK_NO_LIST)
                return;
        command->is_missing = listed == DOWNLINK_NOT_LISTED;
        if (listed == DOWNLINK_LISTED_SENT && command->state == COMMAND_QUEUED)
                command_ledger_advance(ledger, command, COMMAND_SENT);
        if (!command->is_missing) {
                command->had_ms = clock_steady_ms();
                return;
        }
        /* What tells more may be on its way. */
        if (!was_missing) {
                command->look_ms = clock_steady_ms() + LOOK_EACH_MS;
                return;
        }
        if (may_be_emptied(command))
                command_ledger_finish(ledger, command, COMMAND_REFUSED,
                                      "the device has joined anew, and the network has emptied its "
                                      "queue");
        else if (command->downlink.confirmed)
                command_ledger_finish(ledger, command, COMMAND_REFUSED, NOT_TOLD);
        else
                command_ledger_finish(ledger, command, COMMAND_DELIVERED,
                                      "the network has sent it: it does not wait there any more");
}

/* --- a request ------------------------------------------------------------------------------ */

/* Back on the thread "loop" with the answer. */
static void finish_exchange(void *context)
{
        struct exchange *exchange = context;
        struct command_network *network = exchange->network;
        struct command *command = exchange->command;
        enum command_turn turn = COMMAND_TURN_OVER;

        if (network->stopped)
                return;
        monitor_call_end(network->options.monitor, exchange->call, exchange->failure,
                         exchange->status, command->downlink.reference);
        exchange->call = NULL;
        /* Its device is another gateway's by now, which finds out what became of it. */
        if (!command_ledger_let_go(network->options.ledger, command)) {
                exchange_free(exchange);
                return;
        }
        if (exchange->question == QUESTION_STILL) {
                judge_still(exchange);
                exchange_free(exchange);
                return;
        }
        /* An event about it may have come before the answer (rule E2). */
        if (command->state < COMMAND_QUEUED)
                turn = exchange->question == QUESTION_TAKE_IT ? judge_take_it(exchange)
                                                              : judge_have_you(exchange);
        exchange_free(exchange);
        if (turn == COMMAND_TURN_OVER)
                command_ledger_release(network->options.ledger, command);
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

/* On the thread "http": the request may have waited for a connection, and the lease has ended. */
static bool may_go(void *context)
{
        const struct exchange *exchange = context;

        return command_ledger_may_begin(exchange->network->options.ledger,
                                        exchange->command->device);
}

static enum command_turn submit(struct command_network *network, struct command *command,
                                enum question question, const struct network_request *request)
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
        command_ledger_hold(command);
        exchange->question = question;
        exchange->call =
                monitor_call_begin(network->options.monitor, request->method, request->url);
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
                                 .may_go = may_go,
                         },
                         exchange_done, exchange);
        return COMMAND_TURN_GOES_ON;
}

static enum command_turn ask(struct command_network *network, struct command *command,
                             enum question question)
{
        const struct downlink_driver *driver = driver_of(command);
        CLEANUP(network_request_deinit) struct network_request request = NETWORK_REQUEST_INIT;
        struct network_access access;
        struct reason reason = REASON_INIT;

        if (question == QUESTION_TAKE_IT && expire_if_vain(network, command))
                return COMMAND_TURN_OVER;
        if (!command_ledger_may_begin(network->options.ledger, command->device))
                return command_ledger_wait(network->options.ledger, command, OWNER_AGAIN_MS);
        switch (downlink_route(network->options.settings, command->device, &access, &reason)) {
        case DOWNLINK_ACCESS_OPEN:
                break;
        case DOWNLINK_ACCESS_NONE:
                command_ledger_not_taken(network->options.ledger, command);
                return again(network, command, 0, reason.text);
        case DOWNLINK_ACCESS_OFF:
                return refuse(network, command, reason.text);
        }
        if (question == QUESTION_HAVE_YOU)
                driver->list_request(&command->downlink, &access, &request);
        else if (driver->request(&command->downlink, &access, &request, &reason) != 0)
                return refuse(network, command, reason.text);
        return submit(network, command, question, &request);
}

/* --- what was told while nobody was there, or was lost on the way -------------------------- */

/* Its network tells what becomes of a downlink once, and its list what it still has. */
static bool tells_once(const struct network *network)
{
        return !network->repeats && network->downlink && network->downlink->lists_are_complete;
}

/* After a start and a join at once, else more and more seldom. */
static bool is_due(const struct command *command, int64_t now_ms)
{
        bool is_time = command->look_ms != 0 ? now_ms >= command->look_ms : command->is_unheard;

        return is_time || (!command->is_missing && may_be_emptied(command));
}

/* Sets when it is asked for next: for the first time, or again. */
static void plan_look(struct command *command, int64_t now_ms)
{
        int last = ARRAY_SIZE(look_pauses_ms) - 1;

        if (command->look_ms != 0 && command->looks < last)
                command->looks++;
        command->look_ms = now_ms + look_pauses_ms[command->looks];
        /* What was told meanwhile would have come again by now, if it ever does. */
        command->is_missing |= command->is_unheard;
        command->is_unheard = false;
}

static bool ask_still(void *context, struct command *command)
{
        struct command_network *network = context;
        const struct network *of = device_network(command->device);
        CLEANUP(network_request_deinit) struct network_request request = NETWORK_REQUEST_INIT;
        struct network_access access;
        int64_t now_ms = clock_steady_ms();
        bool due;

        if (command->state < COMMAND_QUEUED || command->state == COMMAND_FINISHED ||
            !tells_once(of))
                return true;
        due = is_due(command, now_ms);
        if (due || command->look_ms == 0)
                plan_look(command, now_ms);
        if (!due)
                return true;
        if (downlink_route(network->options.settings, command->device, &access, NULL) !=
            DOWNLINK_ACCESS_OPEN)
                return true;
        of->downlink->list_request(&command->downlink, &access, &request);
        submit(network, command, QUESTION_STILL, &request);
        return true;
}

static void look(struct timer *timer)
{
        struct command_network *network = list_entry(timer, struct command_network, looks);

        if (network->stopped)
                return;
        command_ledger_each(network->options.ledger, ask_still, network);
        loop_timer_start(network->options.loop, &network->looks, LOOK_EACH_MS);
}

void command_network_taken(void *context)
{
        struct command_network *network = context;
        size_t i = 0;

        THREAD_ASSERT(LOOP_THREAD);
        while (networks[i] && !tells_once(networks[i]))
                i++;
        if (!networks[i])
                return;
        network->looks.run = look;
        loop_timer_start(network->options.loop, &network->looks, MISSED_MS);
}

/* --- the device's turn has come ------------------------------------------------------------- */

/* On disk it is begun before the request goes out, so that a crash leaves no wrong belief. */
static enum command_turn begin(struct command_network *network, struct command *command)
{
        enum command_state state = command_beginning(command);

        if (state == COMMAND_WAITING)
                return command_ledger_wait(network->options.ledger, command,
                                           command->device->next_command_ms - clock_steady_ms());
        return command_ledger_begin(network->options.ledger, command, state);
}

static enum command_turn send_begun(struct command_network *network, struct command *command)
{
        if (!command->record_failed)
                return ask(network, command, QUESTION_TAKE_IT);
        command_ledger_not_taken(network->options.ledger, command);
        return again(network, command, 0, NOT_RECORDED);
}

/*
 * Before each further attempt the command is written once more: a gateway that has lost the device
 * learns that from the store's refusal. False if that has begun: the command's turn comes again
 * when it is on disk; then true.
 */
static bool renew_record(struct command_network *network, struct command *command)
{
        command->is_renewed = !command->is_renewed;
        if (command->is_renewed)
                command_ledger_record(network->options.ledger, command);
        return !command->is_renewed;
}

static enum command_turn find_out(struct command_network *network, struct command *command)
{
        if (command->listen_until_ms == 0)
                command->listen_until_ms = clock_steady_ms() + LISTEN_MS;
        if (driver_of(command)->list_request)
                return ask(network, command, QUESTION_HAVE_YOU);
        if (clock_steady_ms() - command->begun.steady_ms > SHORTEST_DELIVERY_MS)
                return refuse(network, command, NOT_KNOWN);
        /* Sent once more the network tells whether it has it, as long as no device can have it. */
        if (!renew_record(network, command))
                return COMMAND_TURN_OVER;
        return command->record_failed ? again(network, command, 0, NOT_RECORDED)
                                      : ask(network, command, QUESTION_TAKE_IT);
}

enum command_turn command_network_hand_over(struct command_network *network,
                                            struct command *command)
{
        THREAD_ASSERT(LOOP_THREAD);
        if (network->stopped)
                return COMMAND_TURN_GOES_ON;
        if (command->state == COMMAND_WAITING)
                return begin(network, command);
        if (command_is_in_doubt(command))
                return find_out(network, command);
        return send_begun(network, command);
}

void command_network_contact(struct command_network *network, struct device *device)
{
        THREAD_ASSERT(LOOP_THREAD);
        device->contact_ms = clock_steady_ms();
        if (!network->stopped && device->network_busy && device->command_timer.position != 0)
                loop_timer_start(network->options.loop, &device->command_timer, 0);
}
