// SPDX-License-Identifier: MIT
#include "gateway/control/control.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/list.h"
#include "base/mem.h"
#include "gateway/command/command_view.h"
#include "gateway/control/control_answers.h"
#include "gateway/control/control_request.h"
#include "gateway/control/log_tail.h"

#define MAXIMUM_BODY        ((size_t)256 * 1024) /* of devices that are named */
#define MAXIMUM_CONNECTIONS 32
#define HEADER_TIMEOUT_MS   3000
#define REQUEST_TIMEOUT_MS  10000

struct control {
        struct control_options options;
        struct http_server *server;
        char *path;
        int64_t started_ms;
};

/* One request on its way through the threads. */
struct call {
        struct control *control;
        struct http_exchange *exchange;
        struct control_request request;
        struct json_object *body; /* of CONTROL_NAME */
        struct buf answer;
        char *identity; /* of the released device: the key of the record that goes */
        struct store_write write;
};

/* The exchange may be gone when it returns. */
static void refuse(struct http_exchange *exchange, int status, const char *detail)
{
        http_exchange_problem(exchange, status, "Refused", detail);
}

/* Answers with what is there, or refuses, and ends the call. */
static void conclude(struct call *call, int status, const struct reason *reason)
{
        if (status == 0)
                http_exchange_answer(call->exchange, 200, "application/json", &call->answer);
        else
                refuse(call->exchange, status, reason->text);
        buf_deinit(&call->answer);
        json_object_put(call->body);
        free(call->identity);
        free(call);
}

/* --- on the thread "loop" ------------------------------------------------------------------- */

/* On the store's thread: what was changed is on disk. */
static void cancelled(void *context, int result)
{
        struct call *call = context;
        struct reason reason = REASON_INIT;

        if (result != 0)
                reason_set(&reason, "it is cancelled, but that can't be written to the store: "
                                    "look at the disk");
        conclude(call, result == 0 ? 0 : 500, &reason);
}

static void write_view(const struct command *command, struct buf *out)
{
        CLEANUP(json_cleanup) struct json_object *view = command_view(command);

        json_write(out, view);
        buf_add_char(out, '\n');
}

/* 0 once the answer is written or, of a cancellation, on its way (`*later`); or a status. */
static int answer_about_one(struct call *call, bool *later, struct reason *reason)
{
        const struct control_options *options = &call->control->options;
        struct command *command;
        int status = control_commands_find(options, call->request.reference, &command, reason);

        if (status != 0)
                return status;
        if (call->request.call == CONTROL_CANCEL) {
                status = control_commands_cancel(options, command, call->request.force, reason);
                if (status != 0)
                        return status;
                *later = true;
        }
        write_view(command, &call->answer);
        if (*later)
                command_ledger_when_recorded(options->ledger, command, cancelled, call);
        return 0;
}

/* On the store's thread: the claim's record is gone. */
static void released(struct store_write *write, int result)
{
        struct call *call = list_entry(write, struct call, write);
        struct reason reason = REASON_INIT;

        if (result != 0)
                reason_set(&reason, "it is released, but that can't be written to the store: look "
                                    "at the disk");
        conclude(call, result == 0 ? 0 : 500, &reason);
}

/* As answer_about_one. */
static int answer_about_device(struct call *call, bool *later, struct reason *reason)
{
        const struct control_options *options = &call->control->options;
        struct device *device;
        int status = control_devices_find(options, &call->request, &device, reason);

        if (status != 0)
                return status;
        if (call->request.call == CONTROL_RELEASE) {
                if (device_link_release(options->link, device, call->request.force, &call->identity,
                                        reason) != 0)
                        return 409;
                *later = true;
        }
        control_devices_view(options, device, &call->answer);
        if (*later) {
                call->write = (struct store_write){
                        .record = {.kind = DEVICE_OWNER_KIND, .key = call->identity},
                        .done = released,
                };
                store_write(options->store, &call->write);
        }
        return 0;
}

static void run(void *context)
{
        struct call *call = context;
        const struct control *control = call->control;
        struct reason reason = REASON_INIT;
        bool later = false;
        int status = 0;

        switch (call->request.call) {
        case CONTROL_STATUS:
                control_status_write(&control->options, control->started_ms, &call->answer);
                break;
        case CONTROL_DEVICES:
                control_devices_list(&control->options, &call->request, &call->answer);
                break;
        case CONTROL_COMMANDS:
                control_commands_list(&control->options, &call->request, &call->answer);
                break;
        case CONTROL_COMMAND:
        case CONTROL_CANCEL:
                status = answer_about_one(call, &later, &reason);
                break;
        case CONTROL_DEVICE:
        case CONTROL_RELEASE:
                status = answer_about_device(call, &later, &reason);
                break;
        case CONTROL_PROVISION:
        case CONTROL_NAME:
        case CONTROL_PROVISIONED:
        case CONTROL_UNPROVISION:
                status = control_provision_answer(&control->options, &call->request, call->body,
                                                  &call->answer, &reason);
                break;
        case CONTROL_RECENT:
                uplink_recent_write(control->options.recent, call->request.filter.device,
                                    call->request.limit, &call->answer);
                break;
        case CONTROL_LOG:
                log_tail_write(&call->answer);
                break;
        case CONTROL_REPLAY:
        case CONTROL_DROP:
        case CONTROL_QUEUE:
        case CONTROL_STORED:
        case CONTROL_EVENTS:
        case CONTROL_LETTERS:
        case CONTROL_CALL_COUNT:
                break;
        }
        if (!later)
                conclude(call, status, &reason);
}

/* --- on the thread "control" --------------------------------------------------------------- */

static const char *argument(void *context, const char *name)
{
        return http_exchange_argument(context, name);
}

void control_take(struct control *control, struct http_exchange *exchange, const char *path)
{
        struct control_source source = {
                .method = http_exchange_method(exchange),
                .path = path,
                .argument = argument,
                .context = exchange,
        };
        struct control_request request;
        struct reason reason = REASON_INIT;
        int status = control_request_parse(&source, &request, &reason);
        struct call *call;

        if (status != 0) {
                refuse(exchange, status, reason.text);
                return;
        }
        if (request.call == CONTROL_REPLAY || request.call == CONTROL_DROP) {
                control_letters_change(&control->options, &request, exchange);
                return;
        }
        call = mem_new(1, sizeof(*call));
        call->control = control;
        call->exchange = exchange;
        call->request = request;
        if (request.call == CONTROL_NAME) {
                call->body = control_provision_read(http_exchange_body(exchange), &reason);
                if (!call->body) {
                        conclude(call, 400, &reason);
                        return;
                }
        }
        if (request.call >= CONTROL_QUEUE) {
                status = control_queue_answer(&control->options, &request, &call->answer, &reason);
                conclude(call, status, &reason);
                return;
        }
        if (request.call == CONTROL_COMMAND || request.call == CONTROL_CANCEL) {
                status = control_commands_elsewhere(&control->options, &request, &call->answer,
                                                    &reason);
                if (status != CONTROL_OURS) {
                        conclude(call, status, &reason);
                        return;
                }
        }
        http_exchange_hold(exchange);
        loop_post(control->options.loop, run, call);
}

static void handle(void *context, struct http_exchange *exchange)
{
        control_take(context, exchange, http_exchange_path(exchange));
}

/* --- start and stop ------------------------------------------------------------------------ */

static void control_free(struct control *control)
{
        free(control->path);
        free(control);
}

int control_start(const struct control_options *options, struct control **control,
                  struct reason *reason)
{
        struct control *made = mem_new(1, sizeof(*made));
        int result;

        log_tail_start();
        made->options = *options;
        made->path = mem_format("%s/" CONTROL_SOCKET, options->directory);
        made->started_ms = clock_wall_ms();
        result = http_server_start(
                &(struct http_server_options){
                        .thread = "control",
                        .socket = made->path,
                        .maximum_body = MAXIMUM_BODY,
                        .header_timeout_ms = HEADER_TIMEOUT_MS,
                        .request_timeout_ms = REQUEST_TIMEOUT_MS,
                        .maximum_connections = MAXIMUM_CONNECTIONS,
                        .methods = "GET, POST, DELETE",
                        .handle = handle,
                        .context = made,
                },
                &made->server, reason);
        if (result != 0) {
                control_free(made);
                return result;
        }
        *control = made;
        return 0;
}

void control_stop(struct control *control)
{
        if (!control)
                return;
        http_server_drain(control->server);
        http_server_free(control->server);
        control_free(control);
}
